"""What happens around a meeting: it runs and ends, is recorded, and people register. Pure, as the fold is.

None of it touches the schedule: https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.zoom.envelope import Envelope

MOST_RECORDINGS = 100  # of one meeting: the newest are kept
MOST_REGISTRANTS = 50_000  # more than Zoom's largest webinar takes
_TRASHED, _AVAILABLE = "trashed", "available"

BATCHES = {
    "recording.batch_trashed": _TRASHED,
    "recording.batch_deleted": "deleted",
    "recording.batch_recovered": _AVAILABLE,
}


def started(envelope: Envelope) -> dict[str, Any]:
    """Return the instance that runs now: its uuid and its actual start, as Zoom writes it."""
    given = envelope.payload.object or {}
    return {"uuid": _text(given.get("uuid")), "started": _text(given.get("start_time"))}


def ended(instance: Mapping[str, Any], envelope: Envelope) -> Mapping[str, Any]:
    """Return the last instance once one has ended; the end of another one than runs now says nothing of it."""
    given = envelope.payload.object or {}
    uuid = _text(given.get("uuid"))
    running = instance and "ended" not in instance
    if running and uuid and instance.get("uuid") and instance["uuid"] != uuid:
        return instance
    begun = _text(given.get("start_time")) or instance.get("started", "")
    return {"uuid": uuid, "started": begun, "ended": _text(given.get("end_time")) or begun}


def recorded(recordings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the recordings, by the uuid of what was recorded, with one that is there to be watched."""
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
    """Return the recordings without what was put into Zoom's trash: whole, or only the files that are named."""
    return _taken_away(recordings, envelope, for_good=False)


def deleted(recordings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the recordings without what was deleted for good."""
    return _taken_away(recordings, envelope, for_good=True)


def uuids(envelope: Envelope) -> list[str]:
    """Return which instances an event about many recordings names: it names no meeting."""
    given = envelope.payload.object or {}
    plain = given.get("meeting_uuids")
    detailed = given.get("meetings")
    named = list(plain) if isinstance(plain, list) else []
    named += [
        item.get("meeting_uuid")
        for item in (detailed if isinstance(detailed, list) else [])
        if isinstance(item, dict)
    ]
    return list(dict.fromkeys(uuid for uuid in named if isinstance(uuid, str) and uuid))


def batched(recordings: Mapping[str, Any], envelope: Envelope) -> dict[str, Any]:
    """Return the recordings after an event about many of them, of which these may be some."""
    state = BATCHES[envelope.event]
    result = dict(recordings)
    for uuid in uuids(envelope):
        if uuid not in result:
            continue
        if state == "deleted":
            del result[uuid]
        else:
            files = {name: {**file, "state": state} for name, file in result[uuid]["files"].items()}
            result[uuid] = {**result[uuid], "files": files, "state": state}
    return result


def registered(registrants: Mapping[str, str], envelope: Envelope, status: str | None) -> dict[str, str]:
    """Return where each registrant stands: approved, pending, denied or cancelled. Nobody is named.

    Without a `status`, the event says it: registrations wait for approval only where the host wants that.
    """
    registrant = (envelope.payload.object or {}).get("registrant")
    identifier = _text(registrant.get("id")) if isinstance(registrant, dict) else ""
    if not identifier or not isinstance(registrant, dict):
        return dict(registrants)
    # A digest tells one from another, and nothing else of anybody.
    name = hashlib.sha256(identifier.encode()).hexdigest()[:12]
    if name not in registrants and len(registrants) >= MOST_REGISTRANTS:
        return dict(registrants)
    said = status or ("pending" if registrant.get("status") == "pending" else "approved")
    return {**registrants, name: said}


def _taken_away(recordings: Mapping[str, Any], envelope: Envelope, *, for_good: bool) -> dict[str, Any]:
    given = envelope.payload.object or {}
    uuid = _text(given.get("uuid"))
    result = dict(recordings)
    if uuid not in result:
        return result
    files = dict(result[uuid]["files"])
    for name in [_text(file.get("id")) for file in _files(given)] or list(files):
        if for_good:
            files.pop(name, None)
        elif name in files:
            files[name] = {**files[name], "state": _TRASHED}
    if any(file["state"] == _AVAILABLE for file in files.values()):
        result[uuid] = {**result[uuid], "files": files}
    elif files:
        result[uuid] = {**result[uuid], "files": files, "state": _TRASHED}
    else:
        del result[uuid]
    return result


def _files(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    files = given.get("recording_files")
    return [file for file in (files if isinstance(files, list) else []) if isinstance(file, dict)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
