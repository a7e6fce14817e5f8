"""Convert Zoom's recurrence to an RFC 5545 rule (section 3.3.10) with its exceptions. Pure.

Zoom's dates are authoritative: a rule is used only as far as it reproduces them.
https://developers.zoom.us/docs/api/meetings/#tag/meetings/post/users/{userId}/meetings (recurrence)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Literal

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule, weekday

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

MOST_DATES = 366  # per series; Zoom allows 60, or a year of daily ones
_FREQUENCIES = {1: "DAILY", 2: "WEEKLY", 3: "MONTHLY"}
_STEPS: dict[str, Literal[1, 2, 3]] = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY}
_DAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")  # Zoom's 1 is Sunday
_LAST_WEEK = -1
_DAYS_OF_A_MONTH = 31


@dataclass(frozen=True, slots=True)
class CalendarSeries:
    """The dates of a series as one recurring event, in local time.

    `rule` repeats `first`; `without` are dates of the rule that do not take place (EXDATE); `moved` maps further dates
    of the rule (RECURRENCE-ID) to the start at which they take place instead.
    """

    first: datetime
    rule: Mapping[str, Any]
    without: tuple[datetime, ...] = ()
    moved: Mapping[datetime, datetime] = field(default_factory=dict)


def series(recurrence: Mapping[str, Any], dates: Sequence[datetime], zone: ZoneInfo) -> CalendarSeries | None:
    """Return the rule that reproduces these dates (any time zone, at least one); None where no rule fits.

    RDATE is never used: Outlook rejects an event that has it without a rule (MS-OXCICAL 2.1.3.1.1.20.18), and Google
    ignores one beyond the rule's end. No date is moved past another, which Outlook has no way to store (MS-OXOCAL
    2.2.1.44), and no rule gives a time that the clock skips, which clients do not count. The rule uses local time, as Zoom
    does: the hour stays the same over a change of daylight saving time.
    """
    local = [date.astimezone(zone) for date in dates]
    wanted = sorted(set(local))[:MOST_DATES]
    rule = _rule(recurrence, len(wanted))
    if rule is None or len(wanted) == 1:
        return None
    first = wanted[0]
    given = _expanded(rule, first, until=wanted[-1], most=2 * len(wanted))
    spare = [date for date in given if date not in wanted]
    added = [date for date in wanted if date not in given]
    if first not in given or len(added) > len(spare) or len(spare) + len(added) >= len(wanted):
        return None
    if not all(map(_exists, given)):
        return None
    moved: dict[datetime, datetime] = {}
    for date in added:
        nearest = min(spare, key=lambda one: abs(one - date))
        spare.remove(nearest)
        moved[nearest] = date
    days = [moved.get(date, date).date() for date in given if date not in spare]
    if any(following <= day for day, following in pairwise(days)):
        return None
    return CalendarSeries(first, {**rule, "COUNT": len(given)}, tuple(spare), moved)


def _exists(local: datetime) -> bool:
    """Tell whether the clock of its zone shows a local time, and does not skip it for daylight saving time."""
    return local == local.astimezone(UTC).astimezone(local.tzinfo)


def _rule(recurrence: Mapping[str, Any], count: int) -> dict[str, Any] | None:
    """Convert Zoom's rule; None where iCalendar has no equivalent."""
    kind, interval = recurrence.get("type"), recurrence.get("repeat_interval", 1)
    if kind not in _FREQUENCIES or not isinstance(interval, int) or not 1 <= interval <= 90:  # noqa: PLR2004 - Zoom's most
        return None
    rule: dict[str, Any] = {"FREQ": _FREQUENCIES[kind], "INTERVAL": interval, "COUNT": count}
    if kind == 2:  # noqa: PLR2004 - weekly
        days = _days(recurrence.get("weekly_days"))
        # Zoom's weeks begin on Sunday; iCalendar's default is Monday.
        rule |= {"BYDAY": days, "WKST": "SU"} if days else {"WKST": "SU"}
    elif kind == 3:  # noqa: PLR2004 - monthly
        by = _of_month(recurrence)
        if by is None:
            return None
        rule |= by
    return rule


def _days(value: Any) -> list[str]:
    """Parse `weekly_days`: numbers separated by commas."""
    parts = str(value or "").split(",")
    numbers = sorted({int(part) for part in parts if part.strip().isascii() and part.strip().isdigit()})
    return [_DAYS[number - 1] for number in numbers if 1 <= number <= len(_DAYS)]


def _of_month(recurrence: Mapping[str, Any]) -> dict[str, Any] | None:
    day, week, of_week = (recurrence.get(key) for key in ("monthly_day", "monthly_week", "monthly_week_day"))
    if isinstance(week, int) and isinstance(of_week, int) and 1 <= of_week <= len(_DAYS):
        return {"BYDAY": [f"{week}{_DAYS[of_week - 1]}"]} if week in (_LAST_WEEK, 1, 2, 3, 4) else None
    if isinstance(day, int) and 1 <= day <= _DAYS_OF_A_MONTH:
        return {"BYMONTHDAY": [day]}
    return None


def _expanded(rule: Mapping[str, Any], first: datetime, *, until: datetime, most: int) -> list[datetime]:
    """Return the dates of a rule up to `until`, in local time."""
    parts: dict[str, Any] = {"interval": rule["INTERVAL"], "dtstart": first.replace(tzinfo=None)}
    if "WKST" in rule:
        parts["wkst"] = _weekday(rule["WKST"])
    if "BYDAY" in rule:
        parts["byweekday"] = [_weekday(day) for day in rule["BYDAY"]]
    if "BYMONTHDAY" in rule:
        parts["bymonthday"] = rule["BYMONTHDAY"]
    found = rrule(_STEPS[rule["FREQ"]], until=until.replace(tzinfo=None), **parts)
    return [date.replace(tzinfo=first.tzinfo) for date in islice(found, most)]


def _weekday(name: str) -> weekday:
    day = ("MO", "TU", "WE", "TH", "FR", "SA", "SU").index(name[-2:])
    return weekday(day, int(name[:-2])) if name[:-2] else weekday(day)
