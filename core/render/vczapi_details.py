"""`_meeting_zoom_details`: the meeting as Zoom's REST API gives it, as JSON text."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from core.model.meeting import RECURRING_FIXED, WITHOUT_FIXED_TIME, MeetingKind
from core.model.rules import Passcode
from core.render.activity import is_over
from core.render.text import clean

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.render.schedule import Schedule
    from core.render.visibility import VisibleFields

LONGEST = 200_000
"""Characters of JSON; the stub refuses more than 262,144."""

_LONGEST_TEXT = 10_000
_DEEPEST = 6
_LARGEST = 2**63  # of what PHP reads as an integer

# https://developers.zoom.us/docs/api/meetings/ (GET /meetings/{meetingId} and /webinars/{webinarId}).
# Without `start_url`, a key to the host's account, and without the passwords for room systems.
_KEYS = (
    "uuid",
    "id",
    "host_id",
    "host_email",
    "assistant_id",
    "topic",
    "type",
    "status",
    "start_time",
    "duration",
    "timezone",
    "agenda",
    "created_at",
    "join_url",
    "registration_url",
    "password",
    "pmi",
    "pre_schedule",
    "is_simulive",
    "tracking_fields",
    "occurrences",
    "recurrence",
    "settings",
)
# What else of a passcode may stand in the details of a post that was not made by the bridge.
_PASSCODES = ("encrypted_password", "h323_password", "pstn_password")
# Who is invited is nobody's business on the site; and start_url is dropped at any depth.
_NEVER = frozenset(
    {
        "start_url",
        "meeting_invitees",
        "authentication_exception",
        "interpreters",
        "participants",
        "panelists",
        "registrants",
    }
)


def details(meeting: Meeting, standing: Schedule, seen: VisibleFields, *, without_pro: bool) -> str:
    """Return the meeting as the JSON text of Zoom's REST object, with the keys that are known.

    The plugin's template shows the link and the passcode from here, so that they are here only where visitors
    may see them. What the type rules out is given as null, which removes it. Without the PRO add-on the plugin
    shows no link for what recurs, so there it is told of a single meeting at the leading date.
    """
    told = {key: _harmless(meeting.object[key], 0) for key in _KEYS if key in meeting.object}
    told |= _sure(meeting)
    if meeting.instance:
        # The plugin's own word for a meeting whose link is not to be shown any more.
        told["state"] = "ended" if is_over(meeting) else ""
    if "join_url" in told:
        told["join_url"] = seen.join_url
    if "password" in told and seen.passcode_may_be is not Passcode.SHOWN:
        told["password"] = ""
    if seen.passcode_may_be is Passcode.HIDDEN:
        told |= dict.fromkeys(_PASSCODES)
    if meeting.type is not None and meeting.type not in RECURRING_FIXED:
        told |= {"occurrences": None, "recurrence": None}
    if meeting.type in WITHOUT_FIXED_TIME:
        told["start_time"] = None
    if without_pro and meeting.type in RECURRING_FIXED | WITHOUT_FIXED_TIME:
        told |= _as_single(meeting, standing)
    return _json(told)


def _sure(meeting: Meeting) -> dict[str, Any]:
    """Return what the plugin reads, in the types in which it compares it."""
    read: dict[str, Any] = {
        "type": meeting.type,
        "timezone": meeting.timezone.key,
        "duration": meeting.duration,
    }
    known = {key: value for key, value in read.items() if key in meeting.object}
    if meeting.is_complete:
        known["timezone"] = meeting.timezone.key  # the plugin's pages break without one
    return {"id": meeting.number} | known


def _as_single(meeting: Meeting, standing: Schedule) -> dict[str, Any]:
    leading = standing.leading
    single: dict[str, Any] = {
        "type": 5 if meeting.kind is MeetingKind.WEBINAR else 2,
        "start_time": None if leading is None else f"{leading.start_time:%Y-%m-%dT%H:%M:%SZ}",
        "occurrences": None,
        "recurrence": None,
    }
    if leading is not None and leading.duration:
        single["duration"] = leading.duration
    return single


def _harmless(value: Any, depth: int) -> Any:
    """Return a JSON value that PHP can read, without what must not be on a site; null where it cannot be."""
    if isinstance(value, dict) and depth < _DEEPEST:
        return {
            clean(str(key)): _harmless(item, depth + 1) for key, item in value.items() if key not in _NEVER
        }
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [_harmless(item, depth + 1) for item in value]
    if isinstance(value, str):
        return clean(value)[:_LONGEST_TEXT]
    if isinstance(value, int):
        return value if abs(value) < _LARGEST else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None


def _json(told: dict[str, Any]) -> str:
    text = json.dumps(told, allow_nan=False, separators=(",", ":"))
    if len(text) <= LONGEST:
        return text
    # Nothing that Zoom makes is as long; what the plugin cannot do without is short.
    short = {key: value for key, value in told.items() if not isinstance(value, dict | list)}
    short["agenda"] = None
    return json.dumps(short, allow_nan=False, separators=(",", ":"))
