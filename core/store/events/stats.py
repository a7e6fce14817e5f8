"""Statistics of the event log by hour: how many events had which outcome, and how long they took to reach the sites.

Counts read one range of the index `ix_events_outcome` for each account and outcome, in one statement, never the rows.
Times are those of a sample, whose cost does not grow with the events of an hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from core.store.db.schema import attempts, events, grants
from core.store.events import search as event_search
from core.store.events.delivery import SHOWED_NOTHING
from core.store.events.log import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

HOUR = 3_600_000  # milliseconds
_SAMPLED = 100  # events of an hour and account; the folded ones among them are measured
_MOST_ACCOUNTS = 2_000  # more are named only by events that are not Zoom's
_AT_ONCE = 500  # ids in one statement
_SLOWEST = 300_000  # an attempt is recorded at most this many ms after one that began later (a lease)


@dataclass(frozen=True, slots=True)
class HourlyCount:
    """The number of events of an account that were received within an hour and have one outcome; their ID range.

    `hour` is its beginning (Unix milliseconds, UTC).
    """

    hour: int
    account_id: str
    outcome: Outcome
    number: int
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True)
class LatencySample:
    """The time from receipt to delivery of one event to one site, in milliseconds; None if it is not delivered yet."""

    hour: int
    account_id: str
    site_id: str
    milliseconds: int | None


def hourly_counts(connection: Connection, *, since: int, until: int) -> list[HourlyCount]:
    """Count the events received from `since` to `until` (exclusive), both at full hours (Unix milliseconds, UTC)."""
    accounts = event_search.few_account_ids(connection, most=_MOST_ACCOUNTS)
    within = {"since": since, "until": until}
    if accounts is None:  # the whole index is read
        rows = connection.execute(_COUNTING_ALL, within)
    else:
        rows = connection.execute(_COUNTING, within | {"accounts": accounts, "outcomes": list(Outcome)})
    return [
        HourlyCount(hour * HOUR, account_id, Outcome(outcome), number, first, last)
        for account_id, outcome, hour, number, first, last in rows
    ]


def latency_samples(connection: Connection, counted: Iterable[HourlyCount]) -> list[LatencySample]:
    """Return the latency of a sample of the folded events among those counted, on every site of their account."""
    folded = [count for count in counted if count.outcome is Outcome.APPLIED]
    if not folded:
        return []
    first_attempt = _first_attempt(connection, since=min(count.hour for count in folded))
    ids = sorted({id_ for count in folded for id_ in _spread(count.first_id, count.last_id)})
    found = []
    for start in range(0, len(ids), _AT_ONCE):
        given = {"ids": ids[start : start + _AT_ONCE], "first": first_attempt}
        found += [
            LatencySample(
                received_at // HOUR * HOUR,
                account_id,
                site_id,
                None if reached_at is None else max(reached_at - received_at, 0),
            )
            for account_id, site_id, received_at, reached_at in connection.execute(_MEASURING, given)
        ]
    return found


def _spread(first: int, last: int) -> Iterable[int]:
    """Return IDs from `first` to `last`: all, or `_SAMPLED` of them, evenly spaced."""
    width = last - first
    if width < _SAMPLED:
        return range(first, last + 1)
    return (first + width * place // (_SAMPLED - 1) for place in range(_SAMPLED))


def _first_attempt(connection: Connection, *, since: int) -> int:
    """Return an ID below which no attempt began after `since`."""
    next_one = select(attempts.c.at).where(attempts.c.at >= since).order_by(attempts.c.at).limit(1)
    at = connection.scalar(next_one)
    if at is None:
        return 0
    around = (attempts.c.at >= at, attempts.c.at <= at + _SLOWEST)
    return connection.scalar(select(func.min(attempts.c.id)).where(*around)) or 0


_IN_HOUR = (
    (events.c.received_at // HOUR).label("hour"),
    func.count(),
    func.min(events.c.id),
    func.max(events.c.id),
)
_WITHIN = (events.c.received_at >= bindparam("since"), events.c.received_at < bindparam("until"))
_COUNTING_ALL: Any = (
    select(events.c.account_id, events.c.outcome, *_IN_HOUR)
    .where(*_WITHIN)
    .group_by(events.c.account_id, events.c.outcome, "hour")
)
_COUNTING: Any = _COUNTING_ALL.where(
    events.c.account_id.in_(bindparam("accounts", expanding=True)),
    events.c.outcome.in_(bindparam("outcomes", expanding=True)),
)
# The first successful attempt that began after the event was folded: see `core.store.events.delivery`.
_REACHED = (
    select(attempts.c.at + attempts.c.milliseconds)
    .where(
        attempts.c.site_id == grants.c.site_id,
        attempts.c.number == events.c.number,
        attempts.c.id >= bindparam("first"),
        attempts.c.at > events.c.applied_at,
        attempts.c.action.is_not(None),
        attempts.c.action.not_in(SHOWED_NOTHING),
    )
    .order_by(attempts.c.id)
    .limit(1)
    .correlate(grants, events)
    .scalar_subquery()
)
_MEASURING: Any = (
    select(events.c.account_id, grants.c.site_id, events.c.received_at, _REACHED)
    .join(grants, grants.c.account_id == events.c.account_id)
    .where(
        events.c.id.in_(bindparam("ids", expanding=True)),
        events.c.outcome == Outcome.APPLIED,
        events.c.applied_at.is_not(None),
    )
)
