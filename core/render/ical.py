"""A site's iCalendar feed (RFC 5545). Pure.

A changed meeting has a higher SEQUENCE, and one deleted at Zoom stays CANCELLED for a while, so that subscribers'
calendars show it. The UID of a meeting never changes: https://www.rfc-editor.org/rfc/rfc7986
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from icalendar import Calendar, Event, vDDDLists, vRecur

from core import __version__
from core.model.instances import end_of
from core.model.meeting import MeetingState
from core.model.rules import JoinLink
from core.model.shared_number import every, uuid_of
from core.render import labels
from core.render.ical_recurrence import MOST_DATES, series
from core.render.ical_timezone import vtimezone
from core.render.text import clean
from core.render.visibility import visible_fields, with_public_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from zoneinfo import ZoneInfo

    from icalendar import Timezone

    from core.model.meeting import Meeting, Occurrence
    from core.model.rules import Rules
    from core.render.ical_recurrence import CalendarSeries

CANCELLED_FOR = timedelta(days=30)  # how long a deleted meeting stays in the feed as cancelled
_REFRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """A meeting with its revision and page. The site decides by `post_id` whether it is public."""

    meeting: Meeting
    revision: int
    link: str = ""
    post_id: int | None = None


@dataclass(frozen=True, slots=True)
class UidKey:
    """Makes permanent UIDs that do not reveal the meeting's number, which is enough to try to join.

    `secret` is the bridge's own; `host` makes the UIDs unique to the site.
    """

    secret: bytes
    host: str

    def uid(self, number: int, date_id: str = "") -> str:
        """Return the UID of a meeting, or of one of its dates."""
        message = f"{self.host}\n{number}\n{date_id}".encode()
        return f"{hmac.new(self.secret, message, hashlib.sha256).hexdigest()[:32]}@{self.host}"


def calendar(
    entries: Iterable[CalendarEntry], rules: Rules, *, name: str, key: UidKey, now: datetime
) -> bytes:
    """Return the feed of a site as bytes. Subscribers see `name`."""
    made = Calendar()
    made.add("prodid", f"-//Zoom WordPress Bridge//{__version__}//EN")
    made.add("version", "2.0")
    made.add("name", clean(name))
    made.add("x-wr-calname", clean(name))  # read by Google, Apple and Outlook instead
    made.add("refresh-interval", _REFRESH, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    listed = [replace(entry, meeting=meeting) for entry in entries for meeting in every(entry.meeting)]
    for zone in _zones([entry.meeting for entry in listed if has_events(entry.meeting, now)]):
        made.add_component(zone)
    for entry in listed:
        for event in events(entry, rules, key=key, now=now):
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


def events(entry: CalendarEntry, rules: Rules, *, key: UidKey, now: datetime) -> list[Event]:
    """Return a meeting's VEVENTs: a rule with overrides where one fits, else one event per date."""
    meeting = entry.meeting
    if not has_events(meeting, now):
        return []
    held = list(meeting.dates)[:MOST_DATES]
    if meeting.is_series and any(date.available for date in held) and meeting.state is MeetingState.SCHEDULED:
        held = [date for date in held if date.available]
    if len(held) == 1:
        return [_event(entry, rules, uid=_uid(key, meeting), date=held[0])]
    starts = [date.start_time for date in held]
    repeated = series(meeting.recurrence if meeting.is_series else {}, starts, meeting.timezone)
    is_apart = _is_crowded(held, meeting.timezone) or any(
        _is_ambiguous(date, meeting.timezone) or _spans_change(date, meeting.timezone) for date in held
    )
    if repeated is None or is_apart:
        return [_event(entry, rules, uid=_uid(key, meeting, _date_id(date)), date=date) for date in held]
    return _recurring(entry, rules, repeated, held, uid=_uid(key, meeting))


def _uid(key: UidKey, meeting: Meeting, date_id: str = "") -> str:
    """Return the UID of a meeting or of one of its dates; where several share the number, with the meeting's uuid."""
    of_meeting = f"{uuid_of(meeting.object)} {date_id}" if meeting.others else date_id
    return key.uid(meeting.number, of_meeting)


def _recurring(
    entry: CalendarEntry, rules: Rules, repeated: CalendarSeries, held: list[Occurrence], *, uid: str
) -> list[Event]:
    """Return the recurring event, and an override for each date that was moved or has another duration."""
    usual = _usual_duration(held)
    by_start = {date.start_time: date for date in held}
    first = by_start[repeated.first.astimezone(UTC)]
    main = _event(entry, rules, uid=uid, date=replace(first, duration=usual))
    main.add("rrule", vRecur(repeated.rule))
    if repeated.without:
        main.add("exdate", vDDDLists(list(repeated.without)))
    places = {moved: place for place, moved in repeated.moved.items()}
    found = [main]
    for start in sorted(by_start):
        date = by_start[start]
        local = start.astimezone(entry.meeting.timezone)
        if local in places or date.duration != usual:
            override = _event(entry, rules, uid=uid, date=date)
            override.add("recurrence-id", places.get(local, local))
            found.append(override)
    return found


def _is_crowded(held: list[Occurrence], zone: ZoneInfo) -> bool:
    """Tell whether two dates are on one day, or overlap: Outlook has no such series (MS-OXOCAL 2.2.1.44).

    https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxocal/5ee26cac-2c03-4b8d-8fc1-37c4bb5712dd
    """
    return any(
        following.start_time < end_of(date)
        or following.start_time.astimezone(zone).date() == date.start_time.astimezone(zone).date()
        for date, following in pairwise(held)
    )


def _is_ambiguous(date: Occurrence, zone: ZoneInfo) -> bool:
    """Tell whether a date begins or ends in the hour that occurs twice: clients assume the first, so UTC is used."""
    return bool(date.start_time.astimezone(zone).fold or end_of(date).astimezone(zone).fold)


def _spans_change(date: Occurrence, zone: ZoneInfo) -> bool:
    """Tell whether the clock is changed during a date: some clients take the length of all dates of a rule by the clock."""
    return date.start_time.astimezone(zone).utcoffset() != end_of(date).astimezone(zone).utcoffset()


def _date_id(date: Occurrence) -> str:
    """Return what identifies a date: Zoom keeps an occurrence's id when it is moved."""
    return date.occurrence_id or f"{date.start_time:%Y%m%dT%H%M%SZ}"


def _event(entry: CalendarEntry, rules: Rules, *, uid: str, date: Occurrence) -> Event:
    is_held = entry.meeting.state is MeetingState.SCHEDULED and date.available
    if not is_held:
        rules = replace(rules, join_link=JoinLink.NOBODY)
    meeting = with_public_texts(entry.meeting, rules)
    zone = UTC if _is_ambiguous(date, meeting.timezone) else meeting.timezone
    start = date.start_time.astimezone(zone)
    changed = datetime.fromtimestamp(max(meeting.last.at, 0) / 1000, UTC)
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("sequence", entry.revision)
    event.add("summary", " ".join(clean(labels.title(meeting)).split()))
    event.add("dtstart", start)
    event.add("dtend", end_of(date).astimezone(start.tzinfo))
    event.add("status", "CONFIRMED" if is_held else "CANCELLED")
    event.add("transp", "OPAQUE" if is_held else "TRANSPARENT")
    visible = visible_fields(meeting, rules)
    # A subscriber of the feed is never signed in.
    join_url = "" if visible.signed_in else visible.join_url
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


def _usual_duration(held: list[Occurrence]) -> int:
    """Return the most frequent duration in minutes."""
    durations = [date.duration for date in held]
    return max(set(durations), key=lambda minutes: (durations.count(minutes), minutes))
