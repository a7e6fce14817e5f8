"""The post meta `_meeting_zoom_details`: the meeting as Zoom's REST API returns it, as JSON. Pure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from core.model.meeting import RECURRING_FIXED, WITHOUT_FIXED_TIME, MeetingKind
from core.model.rules import Passcode
from core.render.schedule import Phase
from core.render.text import clean

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.render.schedule import Schedule
    from core.render.visibility import VisibleFields

LONGEST = 200_000
"""Maximum characters of JSON; the stub rejects more than 262,144."""

_LONGEST_TEXT = 10_000
_DEEPEST = 6
_LARGEST = 2**63  # PHP's integers

# https://developers.zoom.us/docs/api/meetings/ (GET /meetings/{meetingId} and /webinars/{webinarId}).
# Without `start_url`, which gives access to the host's account, and the passwords for room systems.
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
# Further passcodes that the details of a post created by the plugin may hold.
_PASSCODES = ("encrypted_password", "h323_password", "pstn_password")
# Dropped at any depth: personal data that does not belong on the site, and `start_url`.
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


def details(meeting: Meeting, schedule: Schedule, visible: VisibleFields, *, without_pro: bool) -> str:
    """Return the meeting as the JSON text of Zoom's REST object, with the known keys.

    The plugin's template reads link and passcode from it, so they are included only where visitors may see them. Fields
    that the type excludes are null, which removes them. Without its PRO add-on the plugin shows no link for recurring
    meetings, so there the details describe a single meeting at the leading date.
    """
    document = {key: _harmless(meeting.object[key], 0) for key in _KEYS if key in meeting.object}
    document |= _sure(meeting)
    if meeting.instances:
        # The plugin's own value for a meeting whose link must no longer be shown.
        document["state"] = "ended" if schedule.phase is Phase.ENDED else ""
    if "join_url" in document:
        document["join_url"] = visible.join_url
    if "password" in document and visible.passcode_may_be is not Passcode.SHOWN:
        document["password"] = ""
    if visible.passcode_may_be is Passcode.HIDDEN:
        document |= dict.fromkeys(_PASSCODES)
    if meeting.type is not None and meeting.type not in RECURRING_FIXED:
        document |= {"occurrences": None, "recurrence": None}
    if meeting.type in WITHOUT_FIXED_TIME:
        document["start_time"] = None
    if without_pro and meeting.type in RECURRING_FIXED | WITHOUT_FIXED_TIME:
        document |= _as_single(meeting, schedule)
    return _json(document)


def _sure(meeting: Meeting) -> dict[str, Any]:
    """Return the fields that the plugin reads, in the types that it compares with."""
    read: dict[str, Any] = {
        "type": meeting.type,
        "timezone": meeting.timezone.key,
        "duration": meeting.duration,
    }
    known = {key: value for key, value in read.items() if key in meeting.object}
    if meeting.is_complete:
        known["timezone"] = meeting.timezone.key  # the plugin's pages break without one
    return {"id": meeting.number} | known


def _as_single(meeting: Meeting, schedule: Schedule) -> dict[str, Any]:
    leading = schedule.leading
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
    """Return a JSON value that PHP can read, without private fields; null where that is impossible."""
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


def _json(document: dict[str, Any]) -> str:
    text = json.dumps(document, allow_nan=False, separators=(",", ":"))
    if len(text) <= LONGEST:
        return text
    # No meeting of Zoom's is as long; the fields that the plugin needs are short.
    short = {key: value for key, value in document.items() if not isinstance(value, dict | list)}
    short["agenda"] = None
    return json.dumps(short, allow_nan=False, separators=(",", ":"))
