"""What each event changed: the meeting before and after it, and the fields that differ. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.model.fold import apply
from core.model.meeting import Meeting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from core.model.fold import Change

# In this order they are told; the rest follows by name.
_FIRST = (
    "topic",
    "agenda",
    "type",
    "start_time",
    "duration",
    "timezone",
    "join_url",
    "password",
    "host_id",
    "host_email",
)
_INNER = ("settings", "recurrence")  # told field by field
_DATES = "occurrences"


@dataclass(frozen=True, slots=True)
class EventDiff:
    """One event of a meeting, with the meeting before and after it; None where nothing was known.

    `too_late`: it happened before what the log has dropped, so it changed nothing.
    """

    change: Change
    before: Meeting | None
    after: Meeting | None
    too_late: bool = False


@dataclass(frozen=True, slots=True)
class DateChange:
    """One date of a series: when it begins, in the meeting's zone, for how many minutes, and whether it takes place."""

    start_time: datetime
    duration: int
    available: bool


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """A field that differs. None stands for what was not known, or is not there.

    `field` is Zoom's name, with a dot before what stands inside another (`settings.waiting_room`), or one of ours:
    `state` (of `core.model.meeting.MeetingState`, or `recovered`), `kind`; `started` and `ended` of the last instance; `recordings`
    and `registrants.…` by their state, which are counts, as is `occurrences`; `occurrences.…` is one date (`DateChange`).
    Times are `datetime`s in the meeting's zone; the rest is as Zoom has it.
    """

    field: str
    old: Any
    new: Any


def steps(
    account_id: str, number: int, changes: Iterable[Change], *, base: Meeting | None = None
) -> Iterator[EventDiff]:
    """Yield what each event made of the meeting, in the order in which they happened, as `fold` takes them."""
    meeting = base
    last = base.last if base is not None else None
    too_late = base is not None
    for change in sorted(changes, key=lambda change: change.position):
        if last is not None and not last < change.position:
            if too_late:
                yield EventDiff(change, meeting, meeting, too_late=True)
            continue  # the same event, given twice
        too_late = False
        last = change.position
        before, meeting = meeting, apply(meeting or Meeting(account_id, number), change)
        yield EventDiff(change, before, meeting)


def differences(before: Meeting | None, after: Meeting | None) -> list[FieldDiff]:
    """Return the fields in which a meeting differs from what it was before."""
    if after is None:
        return []
    old, new = _facts(before), _facts(after)
    names = [*_order(old, new)]
    found = [FieldDiff(name, old.get(name), new.get(name)) for name in names]
    return [one for one in found + _dates(before, after) if one.old != one.new]


def _facts(meeting: Meeting | None) -> dict[str, Any]:
    """Return what is known of a meeting, by field; what stands inside another has a dot in its name."""
    if meeting is None:
        return {}
    facts: dict[str, Any] = {
        "state": "recovered" if meeting.recovered else meeting.state.value,
        "kind": meeting.kind.value,
        "started": _local(meeting, meeting.started_at),
        "ended": _local(meeting, meeting.ended_at),
        "recordings": _available(meeting) or None,
    }
    states = Counter(meeting.registrants.values())
    facts |= {f"registrants.{state}": count for state, count in states.items()}
    for name, value in meeting.object.items():
        if name in _INNER and isinstance(value, dict):
            facts |= {f"{name}.{inner}": given for inner, given in value.items()}
        elif name == "start_time":
            facts[name] = _local(meeting, meeting.start_time) or value
        elif name != _DATES:
            facts[name] = value
    return facts


def _order(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    names = {**old, **new}
    first = ("state", "kind", "started", "ended", *_FIRST)
    yield from (name for name in first if name in names)
    yield from sorted(name for name in names if name not in first)


def _dates(before: Meeting | None, after: Meeting) -> list[FieldDiff]:
    """Compare the dates of a series: one by one, or by their number where there were none before or are none now."""
    old, new = _dates_of(before), _dates_of(after)
    if not old or not new:
        return [FieldDiff(_DATES, len(old) or None, len(new) or None)]
    every = sorted({**old, **new}.items(), key=lambda item: (item[1].start_time, item[0]))
    return [FieldDiff(f"{_DATES}.{id_}", old.get(id_), new.get(id_)) for id_, _ in every]


def _dates_of(meeting: Meeting | None) -> dict[str, DateChange]:
    if meeting is None:
        return {}
    return {
        one.occurrence_id: DateChange(
            one.start_time.astimezone(meeting.timezone), one.duration, one.available
        )
        for one in meeting.occurrences
    }


def _available(meeting: Meeting) -> int:
    """Count the recordings that are there to be watched."""
    return sum(one.get("state") == "available" for one in meeting.recordings.values())


def _local(meeting: Meeting, moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(meeting.timezone)
