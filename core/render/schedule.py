"""A meeting's schedule at a given time: its phase, its current or next date, and how long that holds. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from core.model.instances import end_of, has_ended, next_start, running
from core.model.meeting import INSTANT, MeetingState

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.meeting import Meeting, Occurrence

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
    """A meeting's dates at a given time, with its running instance.

    `leading` is the date that the page and the metas describe: the running one, else the next, else the last; None
    where there is none. `remaining` are the dates of a series that are not over, cancelled ones included. `until`
    (UTC) is the time of the next change; None where there is none. `over` (UTC) is the end of the last date that
    takes place; None where there is none.

    `live_since` (UTC): an instance is running. `may_be_running`: one has not ended, but its scheduled end has passed.
    `has_ended_early`: the leading date's instance has ended before the scheduled end, and can be joined again.
    """

    phase: Phase
    leading: Occurrence | None = None
    remaining: tuple[Occurrence, ...] = ()
    until: datetime | None = None
    over: datetime | None = None
    live_since: datetime | None = None
    may_be_running: bool = False
    has_ended_early: bool = False


def schedule_at(meeting: Meeting, now: datetime) -> Schedule:
    """Return the schedule of `meeting` at `now` (any time zone)."""
    now = now.astimezone(UTC)
    found = _by_dates(meeting, now)
    if meeting.state is not MeetingState.SCHEDULED or found.phase is Phase.CANCELLED:
        return found
    upcoming = next_start(meeting, now)
    if upcoming is not None:
        found = replace(found, until=min(found.until or upcoming, upcoming))
    run = running(meeting, now)
    if run is None:
        return _after_instances(meeting, found)
    phase = Phase.CLOSING if found.phase is Phase.ENDED else found.phase
    return replace(
        found,
        phase=phase,
        until=min(found.until or run.until, run.until),
        live_since=run.instance.started if run.is_confirmed else None,
        may_be_running=not run.is_confirmed,
    )


def _after_instances(meeting: Meeting, found: Schedule) -> Schedule:
    """Return the schedule of a meeting that is not running: an instance that has ended may have ended its date.

    The link stays until the scheduled end: on free plans a meeting ends after 40 minutes, and everybody joins again.
    """
    if not has_ended(meeting, found.leading):
        return found
    if meeting.type == INSTANT or found.phase is Phase.CLOSING:
        return replace(found, phase=Phase.ENDED)
    return replace(found, has_ended_early=found.phase is Phase.RUNNING)


def _by_dates(meeting: Meeting, now: datetime) -> Schedule:
    """Return the schedule by the dates alone."""
    all_dates = meeting.dates
    if not all_dates:
        return Schedule(Phase.UNDATED)
    held = [date for date in all_dates if date.available]
    remaining = tuple(date for date in all_dates if now < end_of(date)) if meeting.is_series else ()
    if not held:
        return _without_dates(meeting, remaining, now)
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


def _without_dates(meeting: Meeting, remaining: tuple[Occurrence, ...], now: datetime) -> Schedule:
    """Return the schedule where every known date is cancelled: that of a series, too, if it is known itself.

    Of a series that the bridge does not know yet, single dates may be told first.
    """
    until = _next(now, [end_of(date) for date in meeting.dates])
    is_known = meeting.created or meeting.start_time is not None or bool(meeting.recurrence)
    if not is_known:
        return Schedule(Phase.UNDATED, None, remaining, until)
    return Schedule(Phase.CANCELLED, meeting.dates[-1], remaining, until)


def _next(now: datetime, moments: list[datetime]) -> datetime | None:
    return min((moment for moment in moments if moment > now), default=None)
