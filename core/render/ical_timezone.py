"""A VTIMEZONE (RFC 5545, section 3.6.5) for the years that a feed needs. Pure.

Each transition is a component of its own: some clients (Outlook among them) read neither RDATE lists nor rules there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_BEFORE_AND_AFTER = timedelta(days=400)  # so that a transition precedes the first date, where there is one
_STEP = timedelta(days=7)  # no time zone has two transitions in a week
_EXACT = timedelta(seconds=1)


def vtimezone(zone: ZoneInfo, first: datetime, last: datetime) -> Timezone:
    """Return the transitions of a time zone from `first` to `last` (any time zone)."""
    made = Timezone()
    made.add("tzid", zone.key)
    begin = (first - _BEFORE_AND_AFTER).astimezone(UTC)
    offset = _offset(zone, begin)
    made.add_component(_observance(zone, begin, before=offset, after=offset))
    for moment, before, after in _changes(zone, begin, (last + _BEFORE_AND_AFTER).astimezone(UTC)):
        made.add_component(_observance(zone, moment, before=before, after=after))
    return made


def _changes(
    zone: ZoneInfo, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, timedelta, timedelta]]:
    """Yield each transition: its time (UTC) and the UTC offsets before and after."""
    moment = begin
    while moment < end:
        following = moment + _STEP
        before, after = _offset(zone, moment), _offset(zone, following)
        if before != after:
            low, high = moment, following
            while high - low > _EXACT:
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
            yield high.replace(microsecond=0), before, after
        moment = following


def _observance(
    zone: ZoneInfo, moment: datetime, *, before: timedelta, after: timedelta
) -> TimezoneDaylight | TimezoneStandard:
    local = moment.astimezone(zone)
    made = TimezoneDaylight() if local.dst() else TimezoneStandard()
    made.add("dtstart", (moment + before).replace(tzinfo=None, microsecond=0))
    made.add("tzname", local.tzname() or zone.key)
    made.add("tzoffsetfrom", before)
    made.add("tzoffsetto", after)
    return made


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
