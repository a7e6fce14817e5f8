"""Redaction of events that name registrants and participants. Pure.

A redacted event keeps what the fold uses, its time and its meeting, so the folded meeting stays the same. Of a
registrant that is Zoom's id and the status. All other fields are removed, known or unknown:
https://developers.zoom.us/docs/api/meetings/events/#tag/meeting/postmeeting.registration_created
"""

from __future__ import annotations

import json
import re
from typing import Any

_NAMING = re.compile(r"(meeting|webinar|recording)\.(registration|participant|panelist|chat|invitation)_\w+")
_OF_EVENT = ("event", "event_ts")
_OF_PAYLOAD = ("account_id", "operation", "scope", "time_stamp")
_OF_OBJECT = ("id", "uuid", "host_id", "topic", "type", "start_time", "end_time", "duration", "timezone")
_OF_REGISTRANT = ("id", "status")


def names_people(event: str) -> bool:
    """Tell whether events of this name hold personal data of people outside the account."""
    return _NAMING.fullmatch(event) is not None


def redact(raw: bytes) -> bytes:
    """Return a raw event without personal data; of what is no event, nothing is left."""
    try:
        document = json.loads(raw.decode("utf-8-sig"))
        payload = document["payload"]
        kept = _only(payload, _OF_PAYLOAD)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return b""
    about = payload.get("object")
    if isinstance(about, dict):
        kept["object"] = _only(about, _OF_OBJECT)
        if isinstance(about.get("registrant"), dict):
            kept["object"]["registrant"] = _only(about["registrant"], _OF_REGISTRANT)
    return json.dumps({**_only(document, _OF_EVENT), "payload": kept}).encode("ascii")


def _only(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the named fields that hold plain values: nested ones may hold anything."""
    return {name: given[name] for name in names if isinstance(given.get(name), str | int | float)}
