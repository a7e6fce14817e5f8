"""The English texts of a meeting's page on the site. Pure.

All texts that visitors read are in this module, so that a translation finds them in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model.meeting import MeetingKind, is_visible
from core.render.schedule import Phase

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.meeting import Meeting
    from core.render.schedule import Schedule

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_STATUS = {
    Phase.UPCOMING: "Upcoming",
    Phase.RUNNING: "Under way",
    Phase.CLOSING: "The scheduled time is over",
    Phase.ENDED: "Ended",
    Phase.CANCELLED: "Cancelled",
    Phase.UNDATED: "No fixed time",
}
_MAY_BE_RUNNING = "The scheduled time is over; it may still be running"
_ENDED_EARLY = "Ended; it can be joined again until its scheduled end"
_PLURALS = {"person": "people"}
_UNTITLED = {MeetingKind.MEETING: "Zoom meeting", MeetingKind.WEBINAR: "Zoom webinar"}
_HEADING = {MeetingKind.MEETING: "Meeting details", MeetingKind.WEBINAR: "Webinar details"}
_LABELS = {
    "when": "When",
    "next": "Next date",
    "duration": "Duration",
    "host": "Host",
    "passcode": "Passcode",
    "dates": "Dates",
    "times in": "Times in",
    "cancelled": "Cancelled",
    "live": "Live now",
    "since": "since",
    "recordings": "Recordings",
    "recording": "Watch the recording",
    "sign in for recordings": "Sign in to watch the recordings",
    "calendar": "Add to your calendar",
}
_SIGN_IN = {
    MeetingKind.MEETING: "Sign in to see how to join the meeting",
    MeetingKind.WEBINAR: "Sign in to see how to join the webinar",
}
_JOIN = {MeetingKind.MEETING: "Join the meeting", MeetingKind.WEBINAR: "Join the webinar"}


def title(meeting: Meeting) -> str:
    """Return the topic, or what to call a meeting without one."""
    return meeting.topic.strip() if is_visible(meeting.topic) else _UNTITLED[meeting.kind]


def slug(meeting: Meeting) -> str:
    """Return the text of which a post's address is made; empty where the title serves.

    An address is kept for ever and found in logs, whatever the rules hide later: it holds neither a link nor a passcode
    that the host has written into the topic.
    """
    listed = meeting.listed_topic
    if listed == " ".join(meeting.topic.split()):
        return ""
    return listed if is_visible(listed) else _UNTITLED[meeting.kind]


def heading(kind: MeetingKind) -> str:
    """Return the heading of the details."""
    return _HEADING[kind]


def join(kind: MeetingKind) -> str:
    """Return the text of the join link."""
    return _JOIN[kind]


def sign_in(kind: MeetingKind) -> str:
    """Return the text of the sign-in link that replaces the join link."""
    return _SIGN_IN[kind]


def status(schedule: Schedule) -> str:
    """Return the status of a meeting that is not live."""
    if schedule.may_be_running:
        return _MAY_BE_RUNNING
    return _ENDED_EARLY if schedule.has_ended_early else _STATUS[schedule.phase]


def label(name: str) -> str:
    """Return a label by name. Raises: KeyError for an unknown name."""
    return _LABELS[name]


def moment(local: datetime) -> str:
    """Return a local time with its date: `Tuesday, March 3, 2026, 6:00 PM`.

    Without `strftime`, whose output depends on the process's locale and on the platform.
    """
    hour = local.hour % 12 or 12
    half = "AM" if local.hour < 12 else "PM"  # noqa: PLR2004 (noon)
    return (
        f"{_WEEKDAYS[local.weekday()]}, {_MONTHS[local.month - 1]} {local.day}, {local.year}, "
        f"{hour}:{local.minute:02} {half}"
    )


def zone(local: datetime) -> str:
    """Return the time zone of a local time with its UTC offset on that day: `Europe/Berlin, UTC+01:00`."""
    offset = local.utcoffset()
    minutes = 0 if offset is None else round(offset.total_seconds() / 60)
    sign = "\N{MINUS SIGN}" if minutes < 0 else "+"
    name = str(local.tzinfo).replace("_", " ")
    if not minutes:
        return name if name == "UTC" else f"{name}, UTC"
    return f"{name}, UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def length(minutes: int) -> str:
    """Return a duration: `1 hour 30 minutes`."""
    hours, rest = divmod(minutes, 60)
    parts = [_counted(hours, "hour")] if hours else []
    if rest or not hours:
        parts.append(_counted(rest, "minute"))
    return " ".join(parts)


def registered(number: int) -> str:
    """Return the number of registrants as text."""
    return "Nobody has registered yet" if not number else f"{_counted(number, 'person')} registered"


def further(number: int) -> str:
    """Return the line below a list of dates that omits `number` of them."""
    return f"and {_counted(number, 'more date')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {_PLURALS.get(noun, noun + 's')}"
