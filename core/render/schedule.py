"""Where a meeting stands at a moment: which of its dates leads, and until when that is true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from core.model.meeting import WITHOUT_FIXED_TIME, Occurrence

if TYPE_CHECKING:
    from core.model.meeting import Meeting

JOIN_GRACE = timedelta(hours=1)
"""How long after the scheduled end the join link is still shown: meetings overrun, and Zoom lets them."""


class Phase(StrEnum):
    """Where a meeting stands at a moment."""

    UPCOMING = "upcoming"
    RUNNING = "running"  # between the scheduled start and end of the leading date
    CLOSING = "closing"  # the last date is over, the join link is still shown
    ENDED = "ended"
    CANCELLED = "cancelled"  # deleted at Zoom, or every date of the series is
    UNDATED = "undated"  # no fixed time, or a series whose next date Zoom has not told


JOINABLE = frozenset({Phase.UPCOMING, Phase.RUNNING, Phase.CLOSING, Phase.UNDATED})


@dataclass(frozen=True, slots=True)
class Schedule:
    """A meeting's dates as they stand at a moment.

    `leading` is the date that the page and the metas are about: the one under way, else the next, else the
    last; None when there is none. `remaining` are the dates of a series that are not over, the cancelled
    ones too. `until` (UTC) is the first moment at which any of this changes; None when it never does. `over`
    (UTC) is when the last date that is held ends; None where there is none.
    """

    phase: Phase
    leading: Occurrence | None = None
    remaining: tuple[Occurrence, ...] = ()
    until: datetime | None = None
    over: datetime | None = None


def schedule(meeting: Meeting, now: datetime) -> Schedule:
    """Return where `meeting` stands at `now` (any zone)."""
    now = now.astimezone(UTC)
    told = dates(meeting)
    if not told:
        return Schedule(Phase.UNDATED)
    held = [date for date in told if date.available]
    remaining = tuple(date for date in told if now < end_of(date)) if meeting.is_series else ()
    if not held:
        return Schedule(Phase.CANCELLED, told[-1], remaining, _next(now, [end_of(date) for date in told]))
    link_ends = max(date.end_time for date in held) + JOIN_GRACE
    over = max(end_of(date) for date in held)
    changes = [link_ends, *(end_of(date) for date in told), *(date.start_time for date in held)]
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
    """Return all dates in order; a single meeting has one. `occurrences` count only where they should be."""
    if meeting.type in WITHOUT_FIXED_TIME:
        return ()
    if meeting.is_series and meeting.occurrences:
        return meeting.occurrences
    if meeting.start_time is not None:
        return (Occurrence("", meeting.start_time, meeting.duration, available=True),)
    return meeting.occurrences


def end_of(date: Occurrence) -> datetime:
    """Return when a date is over. Where the length is not known, when its join link goes away."""
    return date.end_time if date.duration else date.start_time + JOIN_GRACE


def _next(now: datetime, moments: list[datetime]) -> datetime | None:
    return min((moment for moment in moments if moment > now), default=None)
