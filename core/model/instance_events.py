"""Instances, recordings and registrants of a meeting, folded from events. Pure.

None of these events changes the schedule: https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.model.instances import is_of_meeting
from core.model.meeting import PERSONAL_ROOM, parse_time, whole_number, zoom_time
from core.model.shared_number import switch_to, uuid_of
from core.model.state_fields import switch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.meeting import Meeting
    from core.zoom.envelope import Envelope

MOST_INSTANCES = 20  # per meeting; older ones are dropped
MOST_RECORDINGS = 100  # per meeting; older ones are dropped
MOST_REGISTRANTS = 50_000  # above the capacity of Zoom's largest webinar
NO_ID = "no id: "  # prefix of the keys of files without an id; Zoom's ids have no spaces
_TRASHED, _AVAILABLE, _DELETED = "trashed", "available", "deleted"
_NOT_APPROVED = frozenset({"pending", "denied", "cancelled"})
_LONGEST_UUID = 200  # Zoom's own have 24 characters

BATCHES = {
    "recording.batch_trashed": _TRASHED,
    "recording.batch_deleted": _DELETED,
    "recording.batch_recovered": _AVAILABLE,
}
# The only events that add a recording; all others change one that is known.
_INTRODUCING = frozenset({"recording.completed", "recording.recovered"})


def started(meeting: Meeting, envelope: Envelope) -> Mapping[str, Any]:
    """Return the instances with one that has started; a late event of an instance that has ended does not revive it."""
    given = envelope.payload.object or {}
    uuid = _identifier(given.get("uuid"))
    known = _before(meeting, uuid, envelope)
    begun = _time(meeting, given.get("start_time")) or known.get("started") or sent_at(envelope)
    entry: dict[str, Any] = {**known, "started": begun} | _marks(meeting, envelope)
    return _newest({**meeting.instances, uuid: entry}, MOST_INSTANCES)


def ended(meeting: Meeting, envelope: Envelope) -> Mapping[str, Any]:
    """Return the instances with one that has ended; without a uuid in the event that is the newest running one.

    An event without the time of the end ends the instance when it was sent.
    """
    given = envelope.payload.object or {}
    uuid = _identifier(given.get("uuid")) or _newest_running(meeting)
    known = _before(meeting, uuid, envelope)
    begun = _time(meeting, given.get("start_time")) or known.get("started", "")
    over = _time(meeting, given.get("end_time")) or sent_at(envelope) or begun
    begun = begun or over  # its start was lost
    entry = {**known, "started": begun, "ended": max(over, begun)} | _marks(meeting, envelope)
    instances = {**meeting.instances, uuid: entry}
    if uuid not in meeting.instances and "ended" not in instances.get("", {"ended": ""}):
        del instances[""]  # its start was told without a uuid
    return _newest(instances, MOST_INSTANCES)


def _marks(meeting: Meeting, envelope: Envelope) -> dict[str, bool]:
    """Return what distinguishes an instance from the meeting itself.

    `practice_session` marks a webinar's practice session: https://developers.zoom.us/changelog/meetings/july-14-2025
    """
    is_practice = True in _practice(envelope)
    return _other_use(meeting, envelope.payload.object or {}) | ({"practice": True} if is_practice else {})


def _practice(envelope: Envelope) -> set[bool | None]:
    """Return what an event tells of being a practice session: in its object, or beside it."""
    given = envelope.payload.object or {}
    extra = envelope.payload.model_extra or {}
    return {switch(given.get("practice_session")), switch(extra.get("practice_session"))}


def _before(meeting: Meeting, uuid: str, envelope: Envelope) -> dict[str, Any]:
    """Return what is known of an instance before an event of it.

    A webinar's broadcast may follow its practice session under the same uuid: a start after the known end is another
    run, and one that is no practice session is the webinar itself.
    """
    known = dict(meeting.instances.get(uuid, {}))
    begun = _time(meeting, (envelope.payload.object or {}).get("start_time"))
    if begun and "ended" in known and begun >= known["ended"] > known.get("started", ""):
        return {}
    if False in _practice(envelope):
        known.pop("practice", None)
    return known


def _time(meeting: Meeting, value: Any) -> str:
    """Return a time in Zoom's notation, so that times compare as text; empty where it is unreadable."""
    moment = parse_time(value, meeting.timezone)
    return "" if moment is None else zoom_time(moment)


def sent_at(envelope: Envelope) -> str:
    """Return when the event happened, in Zoom's notation; empty where that is not told."""
    at = envelope.happened_at
    return "" if at is None else zoom_time(datetime.fromtimestamp(at / 1000, UTC))


def _newest_running(meeting: Meeting) -> str:
    running = [uuid for uuid, entry in meeting.instances.items() if "ended" not in entry]
    return max(running, key=lambda uuid: (meeting.instances[uuid].get("started", ""), uuid), default="")


def _other_use(meeting: Meeting, given: Mapping[str, Any]) -> dict[str, bool]:
    """Mark an instance of the personal meeting room (type 4) that has another topic than the scheduled meeting.

    The topic itself is not kept: it belongs to a conversation that is none of the site's.
    """
    topic = " ".join(_text(given.get("topic")).split()).casefold()
    own = " ".join(meeting.topic.split()).casefold()
    is_other = (
        given.get("type") == PERSONAL_ROOM != meeting.type and bool(topic) and bool(own) and topic != own
    )
    return {"other": True} if is_other else {}


def _newest(entries: dict[str, Any], most: int) -> dict[str, Any]:
    newest = sorted(entries, key=lambda uuid: (entries[uuid].get("started", ""), uuid))[-most:]
    return {uuid: entries[uuid] for uuid in newest}


def recorded(meeting: Meeting, envelope: Envelope) -> dict[str, Any]:
    """Return the recordings, by instance uuid, with the event's recording available.

    `matched` keeps that the recording was of a scheduled date when it was made: the date may be changed or dropped later.
    It names the meeting by its uuid, where that is known: several may share the number.
    """
    recordings = meeting.recordings
    given = envelope.payload.object or {}
    uuid = _identifier(given.get("uuid"))
    if not uuid:
        return dict(recordings)
    known = recordings.get(uuid, {})
    files = dict(known.get("files", {}))
    for file in _files(given):
        files[_file_key(file)] = {"state": _AVAILABLE}
    if not _files(given):
        files = {name: {**file, "state": _AVAILABLE} for name, file in files.items()}
    recording = {
        "started": _time(meeting, given.get("start_time")) or known.get("started", ""),
        "minutes": whole_number(given.get("duration")) or known.get("minutes"),
        "share_url": _link(given.get("share_url")) or known.get("share_url", ""),
        "passcode": _text(given.get("password")) or known.get("passcode", ""),
        "files": files,
        "state": _AVAILABLE,
    }
    recording |= _other_use(meeting, given) | {
        key: known[key] for key in ("other", "matched") if key in known
    }
    for one in (meeting, *(switch_to(meeting, other) for other in sorted(meeting.others))):
        if "matched" not in recording and is_of_meeting(one, uuid, recording):
            recording["matched"] = uuid_of(one.object) or True
    return _newest({**recordings, uuid: recording}, MOST_RECORDINGS)


def of_former(meeting: Meeting, *, is_remembered: bool) -> dict[str, Any]:
    """Return the recordings when another meeting takes over the number: none of them shows the new one.

    `is_remembered`: the former meeting may become the current one again, so its recordings stay its own.
    """
    if not is_remembered:
        return {
            uuid: {key: value for key, value in one.items() if key != "matched"} | {"other": True}
            for uuid, one in meeting.recordings.items()
        }
    own = uuid_of(meeting.object)
    return {
        uuid: {**one, "matched": own} if one.get("matched") is True else one
        for uuid, one in meeting.recordings.items()
    }


def trashed(meeting: Meeting, envelope: Envelope) -> dict[str, Any]:
    """Return the recordings with the named files in Zoom's trash, or all files where the event names none."""
    return _taken_away(meeting.recordings, envelope, _TRASHED)


def deleted(meeting: Meeting, envelope: Envelope) -> dict[str, Any]:
    """Return the recordings without the files that were permanently deleted."""
    return _taken_away(meeting.recordings, envelope, _DELETED)


def recorded_instance(envelope: Envelope) -> str | None:
    """Return the uuid of the instance that an event adds a recording of, or None."""
    uuid = _text((envelope.payload.object or {}).get("uuid"))
    return uuid if envelope.event in _INTRODUCING and 0 < len(uuid) <= _LONGEST_UUID else None


def named_instances(envelope: Envelope) -> dict[str, list[str]]:
    """Return the instance uuids of a batch event, each with its file ids; an empty list means all files.

    An instance may be named more than once. A batch event has no meeting number:
    https://developers.zoom.us/docs/api/meetings/events/#tag/recording/postrecording.batch_deleted
    """
    given = envelope.payload.object or {}
    plain = given.get("meeting_uuids")
    found: dict[str, list[str]] = {}
    for uuid in plain if isinstance(plain, list) else []:
        found[_identifier(uuid)] = []
    listed = given.get("meetings")
    detailed: dict[str, list[str]] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict):
            files = item.get("recording_file_ids")
            names = [_identifier(file) for file in (files if isinstance(files, list) else [])]
            named = [name for name in names if name]
            uuid = _identifier(item.get("meeting_uuid"))
            earlier = detailed.get(uuid)
            detailed[uuid] = [*(earlier or []), *named] if named and earlier != [] else []
    found |= detailed
    return {uuid: files for uuid, files in found.items() if 0 < len(uuid) <= _LONGEST_UUID}


def apply_batch(meeting: Meeting, envelope: Envelope) -> dict[str, Any]:
    """Return the recordings after a batch event, which may name instances of other meetings as well."""
    result = dict(meeting.recordings)
    for uuid, files in named_instances(envelope).items():
        _change(result, uuid, files, BATCHES[envelope.event])
    return result


def registered(registrants: Mapping[str, str], envelope: Envelope, status: str | None) -> dict[str, str]:
    """Return the status of each registrant (approved, pending, denied or cancelled) by an anonymous key.

    Where `status` is None the event holds it: a registration is pending only where the host approves manually.
    """
    registrant = (envelope.payload.object or {}).get("registrant")
    identifier = _identifier(registrant.get("id")) if isinstance(registrant, dict) else ""
    if not identifier or not isinstance(registrant, dict):
        return dict(registrants)
    # A digest distinguishes registrants without identifying a person.
    name = hashlib.sha256(identifier.encode()).hexdigest()[:12]
    if name not in registrants and len(registrants) >= MOST_REGISTRANTS:
        return dict(registrants)
    told = _text(registrant.get("status")).strip().lower()
    return {**registrants, name: status or (told if told in _NOT_APPROVED else "approved")}


def _taken_away(recordings: Mapping[str, Any], envelope: Envelope, state: str) -> dict[str, Any]:
    given = envelope.payload.object or {}
    result = dict(recordings)
    _change(result, _identifier(given.get("uuid")), [_file_key(file) for file in _files(given)], state)
    return result


def _change(recordings: dict[str, Any], uuid: str, names: list[str], state: str) -> None:
    """Set the state of the named files of a recording, or of all files where none is named."""
    recording = recordings.get(uuid)
    if recording is None:
        return
    files = dict(recording["files"])
    for name in names or list(files):
        if state == _DELETED:
            files.pop(name, None)
        elif name in files:
            files[name] = {**files[name], "state": state}
    # Events cannot name files without an id, so they go with the others.
    named_files = [file for key, file in files.items() if not key.startswith(NO_ID)]
    if state == _DELETED and not named_files:
        del recordings[uuid]
        return
    states = {file["state"] for file in named_files or files.values()} or {state}
    recordings[uuid] = {
        **recording,
        "files": files,
        "state": _AVAILABLE if _AVAILABLE in states else _TRASHED,
    }


def _files(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    files = given.get("recording_files")
    return [file for file in (files if isinstance(files, list) else []) if isinstance(file, dict)]


def _file_key(file: Mapping[str, Any]) -> str:
    """Return a file's id; those without one (a timeline, say) are named by their kind."""
    return _identifier(file.get("id")) or f"{NO_ID}{_text(file.get('file_type'))}"


def _identifier(value: Any) -> str:
    """Return an id as text; empty where there is none, or a blank one."""
    return str(value) if type(value) is int else _text(value).strip()


def _link(value: Any) -> str:
    """Return a web address; empty where there is none."""
    link = _text(value).strip()
    return link if link.lower().startswith(("https://", "http://")) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
