"""The post meta `_meeting_zoom_details`: the meeting as Zoom's REST API returns it, as JSON. Pure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from core.model.meeting import RECURRING_FIXED, WITHOUT_FIXED_TIME, MeetingKind, zoom_time
from core.model.rules import Passcode
from core.model.state_fields import ALTERNATIVE_HOST_IDS, OBJECT, reduced
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

_ORDER = (*OBJECT, "occurrences", "recurrence", "settings")  # the same text for the same meeting
# Settings with personal data that version 0.1.0 wrote into posts. None removes them.
_FORMER_SETTINGS = (
    "alternative_hosts",
    "breakout_room",
    "contact_email",
    "contact_name",
    "language_interpretation",
    "sign_language_interpretation",
)
# Further passcodes that the details of a post created by the plugin may hold.
_PASSCODES = ("encrypted_password", "h323_password", "pstn_password")


def details(meeting: Meeting, schedule: Schedule, visible: VisibleFields, *, without_pro: bool) -> str:
    """Return the meeting as the JSON text of Zoom's REST object, with the fields that `core.model.state_fields` lists.

    The plugin's template reads link and passcode from it, so they are included only where visitors may see them. Fields
    that the type excludes are null, which removes them. Without its PRO add-on the plugin shows no link for recurring
    meetings, so there the details describe a single meeting at the leading date.
    """
    known = reduced(meeting.object)
    document = {"id": meeting.number} | {key: _harmless(known[key], 0) for key in _ORDER if key in known}
    document |= _sure(meeting)
    if "settings" in document:
        document["settings"].pop(ALTERNATIVE_HOST_IDS, None)
        document["settings"] |= dict.fromkeys(_FORMER_SETTINGS)
    if meeting.instances:
        # The plugin's own value for a meeting whose link must no longer be shown.
        document["state"] = "ended" if schedule.phase is Phase.ENDED else ""
    if "join_url" in document:
        document["join_url"] = visible.join_url
    if "registration_url" in document and not visible.join_url:
        document["registration_url"] = ""  # whoever registers is sent the link
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
    if meeting.start_time is not None:
        known["start_time"] = zoom_time(meeting.start_time)  # it reads one without a zone as UTC
    if meeting.is_complete:
        known["timezone"] = meeting.timezone.key  # the plugin's pages break without one
    return known


def _as_single(meeting: Meeting, schedule: Schedule) -> dict[str, Any]:
    leading = schedule.leading
    single: dict[str, Any] = {
        "type": 5 if meeting.kind is MeetingKind.WEBINAR else 2,
        "start_time": None if leading is None else zoom_time(leading.start_time),
        "occurrences": None,
        "recurrence": None,
    }
    if leading is not None and leading.duration:
        single["duration"] = leading.duration
    return single


def _harmless(value: Any, depth: int) -> Any:
    """Return a JSON value that PHP can read; null where that is impossible."""
    if isinstance(value, dict) and depth < _DEEPEST:
        return {key: _harmless(item, depth + 1) for key, item in value.items()}
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
