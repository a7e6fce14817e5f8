"""A meeting's schedule at a given time: its phase, its current or next date, and how long that holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from core.model.meeting import WITHOUT_FIXED_TIME, Occurrence

if TYPE_CHECKING:
    from core.model.meeting import Meeting

JOIN_GRACE = timedelta(hours=1)
"""How long after the scheduled end the join link stays: Zoom lets meetings overrun."""


class Phase(StrEnum):
    """The phase of a meeting at a given time."""

    UPCOMING = "upcoming"
    RUNNING = "running"  # between the scheduled start and end of the leading date
    CLOSING = "closing"  # the last date is over, the join link is still shown
    ENDED = "ended"
    CANCELLED = "cancelled"  # deleted at Zoom, or every date of the series cancelled
    UNDATED = "undated"  # no fixed time, or a series whose next date is unknown


JOINABLE = frozenset({Phase.UPCOMING, Phase.RUNNING, Phase.CLOSING, Phase.UNDATED})


@dataclass(frozen=True, slots=True)
class Schedule:
    """A meeting's dates at a given time.

    `leading` is the date that the page and the metas describe: the running one, else the next, else the last; None
    where there is none. `remaining` are the dates of a series that are not over, cancelled ones included. `until`
    (UTC) is the time of the next change; None where there is none. `over` (UTC) is the end of the last date that
    takes place; None where there is none.
    """

    phase: Phase
    leading: Occurrence | None = None
    remaining: tuple[Occurrence, ...] = ()
    until: datetime | None = None
    over: datetime | None = None


def schedule_at(meeting: Meeting, now: datetime) -> Schedule:
    """Return the schedule of `meeting` at `now` (any time zone)."""
    now = now.astimezone(UTC)
    all_dates = dates(meeting)
    if not all_dates:
        return Schedule(Phase.UNDATED)
    held = [date for date in all_dates if date.available]
    remaining = tuple(date for date in all_dates if now < end_of(date)) if meeting.is_series else ()
    if not held:
        return Schedule(
            Phase.CANCELLED, all_dates[-1], remaining, _next(now, [end_of(date) for date in all_dates])
        )
    link_ends = max(date.end_time for date in held) + JOIN_GRACE
    over = max(end_of(date) for date in held)
    changes = [link_ends, *(end_of(date) for date in all_dates), *(date.start_time for date in held)]
    until = _next(now, changes)
    leading = next((date for date in held if now < end_of(date)), None)
    if leading is not None:
        phase = Phase.RUNNING if leading.start_time <= now else Phase.UPCOMING
        return Schedule(phase, leading, remaining, until, over)
    if now < link_ends:
        return Schedule(Phase.CLOSING, held[-1], remaining, until, over)
    if meeting.is_series and not meeting.occurrences:
        return Schedule(Phase.UNDATED)
    return Schedule(Phase.ENDED, held[-1], remaining, until, over)


def dates(meeting: Meeting) -> tuple[Occurrence, ...]:
    """Return all dates in order; a single meeting has one. `occurrences` count only for types that have them."""
    if meeting.type in WITHOUT_FIXED_TIME:
        return ()
    if meeting.is_series and meeting.occurrences:
        return meeting.occurrences
    if meeting.start_time is not None:
        return (Occurrence("", meeting.start_time, meeting.duration, available=True),)
    return meeting.occurrences


def end_of(date: Occurrence) -> datetime:
    """Return the end of a date; where the duration is unknown, the time at which its join link is removed."""
    return date.end_time if date.duration else date.start_time + JOIN_GRACE


def _next(now: datetime, moments: list[datetime]) -> datetime | None:
    return min((moment for moment in moments if moment > now), default=None)
