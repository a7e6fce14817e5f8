"""Meetings as a calendar takes them (RFC 5545). Pure.

What changed carries a higher SEQUENCE, and what was deleted at Zoom stays for a while as CANCELLED, so that those
who have it in their calendar hear of it. The UID of a meeting never changes: https://www.rfc-editor.org/rfc/rfc7986
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalendar import Calendar, Event, vDDDLists, vRecur

from core import __version__
from core.model.meeting import MeetingState
from core.render.ical_recurrence import series
from core.render.ical_timezone import vtimezone
from core.render.schedule import dates
from core.render.text import clean
from core.render.visibility import visible_fields

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from icalendar import Timezone

    from core.model.meeting import Meeting, Occurrence
    from core.model.rules import Rules

CANCELLED_FOR = timedelta(days=30)  # how long a deleted meeting is still told of as cancelled
_REFRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A meeting with what is known of it here: how often it changed, and where its page is.

    By `post_id` the site tells whether everybody may see it.
    """

    meeting: Meeting
    revision: int
    link: str = ""
    post_id: int | None = None


def calendar(entries: Iterable[Entry], rules: Rules, *, name: str, host: str, now: datetime) -> bytes:
    """Return the calendar of a site. `name` is shown to who subscribes, `host` makes the UIDs the site's own."""
    made = Calendar()
    made.add("prodid", f"-//Zoom WordPress Bridge//{__version__}//EN")
    made.add("version", "2.0")
    made.add("name", clean(name))
    made.add("x-wr-calname", clean(name))  # what Google, Apple and Outlook read instead
    made.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    told = list(entries)
    for zone in _zones([entry.meeting for entry in told if is_told(entry.meeting, now)]):
        made.add_component(zone)
    for entry in told:
        for event in events(entry, rules, host=host, now=now):
            made.add_component(event)
    return bytes(made.to_ical())


def _zones(told: list[Meeting]) -> list[Timezone]:
    """Return the zones that these meetings are told in, for as long as they need them."""
    spans: dict[str, tuple[ZoneInfo, datetime, datetime]] = {}
    for meeting in told:
        starts = [date.start_time for date in dates(meeting)]
        zone = meeting.timezone
        _, first, last = spans.get(zone.key, (zone, starts[0], starts[-1]))
        spans[zone.key] = zone, min(first, *starts), max(last, *starts)
    return [vtimezone(*spans[key]) for key in sorted(spans) if key != "UTC"]


def is_told(meeting: Meeting, now: datetime) -> bool:
    """Whether a calendar has anything to say of a meeting: it has a date, and is not long gone."""
    if not dates(meeting):
        return False
    if meeting.state is MeetingState.SCHEDULED:
        return True
    return now - datetime.fromtimestamp(max(meeting.last.at, 0) / 1000, UTC) < CANCELLED_FOR


def events(entry: Entry, rules: Rules, *, host: str, now: datetime) -> list[Event]:
    """Return a meeting's events: one, and another for each date that differs from its series in length."""
    meeting = entry.meeting
    if not is_told(meeting, now):
        return []
    held = list(dates(meeting))
    if meeting.is_series and any(date.available for date in held) and meeting.state is MeetingState.SCHEDULED:
        held = [date for date in held if date.available]
    said = series(
        meeting.recurrence if meeting.is_series else {}, [date.start_time for date in held], meeting.timezone
    )
    usual = _usual_length(held)
    main = _event(entry, rules, host=host, start=said.first, length=usual, held=held)
    if said.rule:
        main.add("rrule", vRecur(said.rule))
    if said.without:
        main.add("exdate", vDDDLists(list(said.without)))
    if said.besides:
        # By the standard the first date need not be among them, but without a rule some pass it over otherwise.
        besides = said.besides if said.rule else (said.first, *said.besides)
        main.add("rdate", vDDDLists(list(besides)))
    found = [main]
    for date in held:
        if timedelta(minutes=date.duration) != usual:
            start = date.start_time.astimezone(meeting.timezone)
            other = _event(
                entry, rules, host=host, start=start, length=timedelta(minutes=date.duration), held=[date]
            )
            other.add("recurrence-id", start)
            found.append(other)
    return found


def uid(meeting: Meeting, host: str) -> str:
    """Return what a meeting is known by in every calendar, for ever."""
    return f"zoom-{meeting.number}@{host}"


def _event(
    entry: Entry, rules: Rules, *, host: str, start: datetime, length: timedelta, held: list[Occurrence]
) -> Event:
    meeting = entry.meeting
    changed = datetime.fromtimestamp(max(meeting.last.at, 0) / 1000, UTC)
    event = Event()
    event.add("uid", uid(meeting, host))
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("sequence", entry.revision)
    event.add("summary", clean(meeting.topic).strip() or "Zoom")
    event.add("dtstart", start)
    event.add("dtend", (start.astimezone(UTC) + length).astimezone(start.tzinfo))
    is_held = meeting.state is MeetingState.SCHEDULED and any(date.available for date in held)
    event.add("status", "CONFIRMED" if is_held else "CANCELLED")
    event.add("transp", "OPAQUE" if is_held else "TRANSPARENT")
    seen = visible_fields(meeting, rules)
    # Who reads a calendar is not signed in anywhere.
    join_url = seen.join_url if is_held and not seen.signed_in else ""
    told = [clean(meeting.agenda)]
    if join_url:
        event.add("location", join_url)
        told.append(f"Join: {join_url}")
        if seen.passcode:
            told.append(f"Passcode: {seen.passcode}")
    if entry.link:
        event.add("url", entry.link)
    if entry.post_id is not None:
        event.add("x-zoombridge-post", str(entry.post_id))
    description = "\n\n".join(part for part in told if part)
    if description:
        event.add("description", description)
    return event


def _usual_length(held: list[Occurrence]) -> timedelta:
    """Return the length that most dates have."""
    lengths = [date.duration for date in held]
    return timedelta(minutes=max(set(lengths), key=lambda length: (lengths.count(length), length)))
