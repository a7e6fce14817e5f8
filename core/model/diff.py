"""Diffs of a meeting per event: the meeting before and after, and the fields that changed. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.model.fold import apply
from core.model.instances import instances_of
from core.model.meeting import Meeting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from core.model.fold import Change

# Listed first and in this order; the rest follows by name.
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
_INNER = ("settings", "recurrence")  # compared field by field
_DATES = "occurrences"


@dataclass(frozen=True, slots=True)
class EventDiff:
    """One event of a meeting, with the meeting before and after it, or None where it was unknown.

    `too_late`: the event happened before the retained part of the log, so it changed nothing.
    """

    change: Change
    before: Meeting | None
    after: Meeting | None
    too_late: bool = False

    @property
    def passcodes(self) -> list[str]:
        """The passcodes that the meeting had and has."""
        return [one.password for one in (self.before, self.after) if one is not None and one.password]


@dataclass(frozen=True, slots=True)
class DateChange:
    """One occurrence of a series: start in the meeting's time zone, duration in minutes, whether it takes place."""

    start_time: datetime
    duration: int
    available: bool


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """A changed field. None means unknown or absent.

    `field` is Zoom's name, dotted for nested fields (`settings.waiting_room`), or one of the bridge's: `state` (a
    `core.model.meeting.MeetingState`, or `recovered`), `kind`, `started` and `ended` of the last instance, the counts
    `recordings`, `registrants.STATUS` and `occurrences`, and `occurrences.ID` for one occurrence (`DateChange`).
    Times are `datetime`s in the meeting's time zone; all other values are Zoom's.
    """

    field: str
    old: Any
    new: Any


def event_diffs(
    account_id: str, number: int, changes: Iterable[Change], *, base: Meeting | None = None
) -> Iterator[EventDiff]:
    """Yield one diff per event, in the order of `core.model.fold.fold`."""
    meeting = base
    last = base.last if base is not None else None
    too_late = base is not None
    for change in sorted(changes, key=lambda change: change.position):
        if last is not None and not last < change.position:
            if too_late:
                yield EventDiff(change, meeting, meeting, too_late=True)
            continue  # a duplicate of the last event
        too_late = False
        last = change.position
        before, meeting = meeting, apply(meeting or Meeting(account_id, number), change)
        yield EventDiff(change, before, meeting)


def field_diffs(before: Meeting | None, after: Meeting | None) -> list[FieldDiff]:
    """Return the fields that differ between two states of a meeting."""
    if after is None:
        return []
    old, new = _facts(before), _facts(after)
    names = [*_order(old, new)]
    found = [FieldDiff(name, old.get(name), new.get(name)) for name in names]
    return [one for one in found + _dates(before, after) if one.old != one.new]


def _facts(meeting: Meeting | None) -> dict[str, Any]:
    """Return the values of a meeting by field name, dotted for nested fields."""
    if meeting is None:
        return {}
    last = next(reversed(instances_of(meeting)), None)
    facts: dict[str, Any] = {
        "state": "recovered" if meeting.recovered else meeting.state.value,
        "kind": meeting.kind.value,
        "started": _local(meeting, last.started if last else None),
        "ended": _local(meeting, last.ended if last else None),
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
    """Compare the occurrences one by one, or only their number where either side has none."""
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
    """Count the available recordings."""
    return sum(one.get("state") == "available" for one in meeting.recordings.values())


def _local(meeting: Meeting, moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(meeting.timezone)
