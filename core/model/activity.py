"""Instances, recordings and registrants of a meeting, folded from events. Pure.

None of these events changes the schedule: https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.zoom.envelope import Envelope

MOST_RECORDINGS = 100  # per meeting; older ones are dropped
MOST_REGISTRANTS = 50_000  # above the capacity of Zoom's largest webinar
_TRASHED, _AVAILABLE, _DELETED = "trashed", "available", "deleted"
_LONGEST_UUID = 200  # Zoom's own have 24 characters

BATCHES = {
    "recording.batch_trashed": _TRASHED,
    "recording.batch_deleted": _DELETED,
    "recording.batch_recovered": _AVAILABLE,
}
# The only events that add a recording; all others change one that is known.
_INTRODUCING = frozenset({"recording.completed", "recording.recovered"})


def started(envelope: Envelope) -> dict[str, Any]:
    """Return the running instance: its uuid and actual start, in Zoom's notation."""
    given = envelope.payload.object or {}
    return {"uuid": _text(given.get("uuid")), "started": _text(given.get("start_time"))}


def ended(instance: Mapping[str, Any], envelope: Envelope) -> Mapping[str, Any]:
    """Return the last instance after an `ended` event; the end of an instance that is not running is ignored."""
    given = envelope.payload.object or {}
    uuid = _text(given.get("uuid"))
    running = instance and "ended" not in instance
    if running and uuid and instance.get("uuid") and instance["uuid"] != uuid:
        return instance
    begun = _text(given.get("start_time")) or instance.get("started", "")
    return {"uuid": uuid, "started": begun, "ended": _text(given.get("end_time")) or begun}


def recorded(recordings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the recordings, by instance uuid, with the event's recording available."""
    given = envelope.payload.object or {}
    uuid = _text(given.get("uuid"))
    if not uuid:
        return dict(recordings)
    known = recordings.get(uuid, {})
    files = dict(known.get("files", {}))
    for file in _files(given):
        files[_text(file.get("id"))] = {
            "type": _text(file.get("recording_type")) or _text(file.get("file_type")),
            "state": _AVAILABLE,
        }
    if not _files(given):
        files = {name: {**file, "state": _AVAILABLE} for name, file in files.items()}
    recording = {
        "started": _text(given.get("start_time")) or known.get("started", ""),
        "minutes": given.get("duration") if isinstance(given.get("duration"), int) else known.get("minutes"),
        "share_url": _text(given.get("share_url")) or known.get("share_url", ""),
        "passcode": _text(given.get("password")) or known.get("passcode", ""),
        "files": files,
        "state": _AVAILABLE,
    }
    kept = {**recordings, uuid: recording}
    newest = sorted(kept, key=lambda name: (kept[name].get("started", ""), name))[-MOST_RECORDINGS:]
    return {name: kept[name] for name in newest}


def trashed(recordings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the recordings with the named files in Zoom's trash, or all files where the event names none."""
    return _taken_away(recordings, envelope, _TRASHED)


def deleted(recordings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the recordings without the files that were permanently deleted."""
    return _taken_away(recordings, envelope, _DELETED)


def recorded_instance(envelope: Envelope) -> str | None:
    """Return the uuid of the instance that an event adds a recording of, or None."""
    uuid = _text((envelope.payload.object or {}).get("uuid"))
    return uuid if envelope.event in _INTRODUCING and 0 < len(uuid) <= _LONGEST_UUID else None


def named_instances(envelope: Envelope) -> dict[str, list[str]]:
    """Return the instance uuids of a batch event, each with its file ids; an empty list means all files.

    A batch event has no meeting number:
    https://developers.zoom.us/docs/api/meetings/events/#tag/recording/postrecording.batch_deleted
    """
    given = envelope.payload.object or {}
    plain = given.get("meeting_uuids")
    found: dict[str, list[str]] = {}
    for uuid in plain if isinstance(plain, list) else []:
        found[_text(uuid)] = []
    detailed = given.get("meetings")
    for item in detailed if isinstance(detailed, list) else []:
        if isinstance(item, dict):
            files = item.get("recording_file_ids")
            names = [_text(file) for file in (files if isinstance(files, list) else [])]
            found[_text(item.get("meeting_uuid"))] = [name for name in names if name]
    return {uuid: files for uuid, files in found.items() if 0 < len(uuid) <= _LONGEST_UUID}


def apply_batch(recordings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the recordings after a batch event, which may name instances of other meetings as well."""
    result = dict(recordings)
    for uuid, files in named_instances(envelope).items():
        _change(result, uuid, files, BATCHES[envelope.event])
    return result


def registered(registrants: Mapping[str, str], envelope: Envelope, status: str | None) -> dict[str, str]:
    """Return the status of each registrant (approved, pending, denied or cancelled) by an anonymous key.

    Where `status` is None the event holds it: a registration is pending only where the host approves manually.
    """
    registrant = (envelope.payload.object or {}).get("registrant")
    identifier = _text(registrant.get("id")) if isinstance(registrant, dict) else ""
    if not identifier or not isinstance(registrant, dict):
        return dict(registrants)
    # A digest distinguishes registrants without identifying a person.
    name = hashlib.sha256(identifier.encode()).hexdigest()[:12]
    if name not in registrants and len(registrants) >= MOST_REGISTRANTS:
        return dict(registrants)
    said = status or ("pending" if registrant.get("status") == "pending" else "approved")
    return {**registrants, name: said}


def _taken_away(recordings: Mapping[str, Any], envelope: Envelope, state: str) -> dict[str, Any]:
    given = envelope.payload.object or {}
    result = dict(recordings)
    _change(result, _text(given.get("uuid")), [_text(file.get("id")) for file in _files(given)], state)
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
    if state == _DELETED and not files:
        del recordings[uuid]
        return
    states = {file["state"] for file in files.values()} or {state}
    recordings[uuid] = {
        **recording,
        "files": files,
        "state": _AVAILABLE if _AVAILABLE in states else _TRASHED,
    }


def _files(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    files = given.get("recording_files")
    return [file for file in (files if isinstance(files, list) else []) if isinstance(file, dict)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
