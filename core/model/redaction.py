"""Names and addresses of people who registered or took part: what is kept of an event once they have to go. Pure.

What the fold takes of such an event stays, and so does what tells when it was and which meeting it is about: the
meeting is the same before and after. Of a registrant that is an id of Zoom's, and where they stand. All else goes,
known or unknown: https://developers.zoom.us/docs/api/meetings/events/#tag/meeting/postmeeting.registration_created
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
    """Whether an event of this name is about people who are not of the account."""
    return _NAMING.fullmatch(event) is not None


def scrubbed(raw: bytes) -> bytes:
    """Return an event without the people in it. It must be one that was read before."""
    document = json.loads(raw.decode("utf-8-sig"))
    payload = document["payload"]
    kept = _only(payload, _OF_PAYLOAD)
    about = payload.get("object")
    if isinstance(about, dict):
        kept["object"] = _only(about, _OF_OBJECT)
        if isinstance(about.get("registrant"), dict):
            kept["object"]["registrant"] = _only(about["registrant"], _OF_REGISTRANT)
    return json.dumps({**_only(document, _OF_EVENT), "payload": kept}).encode("ascii")


def _only(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return these fields, as far as they are plain values: what is nested may hold anything."""
    return {name: given[name] for name in names if isinstance(given.get(name), str | int | float)}
