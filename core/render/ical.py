"""A site's iCalendar feed (RFC 5545). Pure.

A changed meeting has a higher SEQUENCE, and one deleted at Zoom stays CANCELLED for a while, so that subscribers'
calendars show it. The UID of a meeting never changes: https://www.rfc-editor.org/rfc/rfc7986
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalendar import Calendar, Event, vDDDLists, vRecur

from core import __version__
from core.model.meeting import MeetingState
from core.render import labels
from core.render.ical_recurrence import series
from core.render.ical_timezone import vtimezone
from core.render.text import clean
from core.render.visibility import visible_fields

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from icalendar import Timezone

    from core.model.meeting import Meeting, Occurrence
    from core.model.rules import Rules

CANCELLED_FOR = timedelta(days=30)  # how long a deleted meeting stays in the feed as cancelled
_REFRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """A meeting with its revision and page. The site decides by `post_id` whether it is public."""

    meeting: Meeting
    revision: int
    link: str = ""
    post_id: int | None = None


def calendar(entries: Iterable[CalendarEntry], rules: Rules, *, name: str, host: str, now: datetime) -> bytes:
    """Return the feed of a site as bytes. Subscribers see `name`; `host` makes the UIDs unique to the site."""
    made = Calendar()
    made.add("prodid", f"-//Zoom WordPress Bridge//{__version__}//EN")
    made.add("version", "2.0")
    made.add("name", clean(name))
    made.add("x-wr-calname", clean(name))  # read by Google, Apple and Outlook instead
    made.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    listed = list(entries)
    for zone in _zones([entry.meeting for entry in listed if has_events(entry.meeting, now)]):
        made.add_component(zone)
    for entry in listed:
        for event in events(entry, rules, host=host, now=now):
            made.add_component(event)
    return bytes(made.to_ical())


def _zones(listed: list[Meeting]) -> list[Timezone]:
    """Return the time zones of these meetings, for the years that they need."""
    spans: dict[str, tuple[ZoneInfo, datetime, datetime]] = {}
    for meeting in listed:
        starts = [date.start_time for date in meeting.dates]
        zone = meeting.timezone
        _, first, last = spans.get(zone.key, (zone, starts[0], starts[-1]))
        spans[zone.key] = zone, min(first, *starts), max(last, *starts)
    return [vtimezone(*spans[key]) for key in sorted(spans) if key != "UTC"]


def has_events(meeting: Meeting, now: datetime) -> bool:
    """Tell whether a meeting is in the feed: it has a date and was not deleted long ago."""
    if not meeting.dates:
        return False
    if meeting.state is MeetingState.SCHEDULED:
        return True
    return now - datetime.fromtimestamp(max(meeting.last.at, 0) / 1000, UTC) < CANCELLED_FOR


def events(entry: CalendarEntry, rules: Rules, *, host: str, now: datetime) -> list[Event]:
    """Return a meeting's VEVENTs: one, and one more for each date whose duration differs from the series."""
    meeting = entry.meeting
    if not has_events(meeting, now):
        return []
    held = list(meeting.dates)
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
        # The standard implies the first date, but without a rule some clients omit it.
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
    """Return the permanent UID of a meeting."""
    return f"zoom-{meeting.number}@{host}"


def _event(
    entry: CalendarEntry,
    rules: Rules,
    *,
    host: str,
    start: datetime,
    length: timedelta,
    held: list[Occurrence],
) -> Event:
    meeting = entry.meeting
    changed = datetime.fromtimestamp(max(meeting.last.at, 0) / 1000, UTC)
    event = Event()
    event.add("uid", uid(meeting, host))
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("sequence", entry.revision)
    event.add("summary", " ".join(clean(labels.title(meeting)).split()))
    event.add("dtstart", start)
    event.add("dtend", (start.astimezone(UTC) + length).astimezone(start.tzinfo))
    is_held = meeting.state is MeetingState.SCHEDULED and any(date.available for date in held)
    event.add("status", "CONFIRMED" if is_held else "CANCELLED")
    event.add("transp", "OPAQUE" if is_held else "TRANSPARENT")
    visible = visible_fields(meeting, rules)
    # A subscriber of the feed is never signed in.
    join_url = visible.join_url if is_held and not visible.signed_in else ""
    parts = [clean(meeting.agenda)]
    if join_url:
        event.add("location", join_url)
        parts.append(f"Join: {join_url}")
        if visible.passcode:
            parts.append(f"Passcode: {visible.passcode}")
    if entry.link:
        event.add("url", entry.link)
    if entry.post_id is not None:
        event.add("x-zoombridge-post", str(entry.post_id))
    description = "\n\n".join(part for part in parts if part)
    if description:
        event.add("description", description)
    return event


def _usual_length(held: list[Occurrence]) -> timedelta:
    """Return the most frequent duration."""
    lengths = [date.duration for date in held]
    return timedelta(minutes=max(set(lengths), key=lambda length: (lengths.count(length), length)))
