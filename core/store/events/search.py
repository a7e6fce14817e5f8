"""Search the event log: filtered, newest first, paged by key; and load one event with its request.

A search reads a few index ranges, each of which holds its events in the order of a page, and merges them. Without a
meeting's number there is one range for each account and outcome, and with an event name the index holds that, too:
there are few outcomes and few accounts. With a number there is one range, whose index holds the other columns of the
filter as well, so that an event that does not match is passed over without reading its row; what waits for a grant is
a range of its own, as only its index holds the site. Of very many accounts, as only events that are not Zoom's name
them, the whole log is sorted instead.

A filter by site means the Zoom accounts that are granted to the site: an event concerns each of their sites,
whichever endpoint received it first. An event that waits for a grant concerns only the site that it came to.
"""

from __future__ import annotations

import heapq
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, select, tuple_

from core import messages
from core.errors import UnknownEventError
from core.store.db.schema import events
from core.store.events.log import Outcome, trace_id
from core.store.events.request import Request
from core.store.events.waiting_limits import IS_WAITING
from core.store.sites.grants import accounts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from core.store.db.encryption import Sealer

_LOOKED_AHEAD = 1000  # events of one meeting
MOST_ACCOUNTS = 24
"""Up to so many accounts are searched by an index range each."""
MOST_NAMES = 500
"""At most so many names of events, or of each account, are listed."""
MAX_COUNT = 1_000
"""Where a count stops, so that it does not take longer as the log grows."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """The events to search for. A field that is None or empty does not filter.

    `site_id` is a site that the event concerns. `since` (inclusive) and `until` (exclusive) limit the time
    of receipt, in Unix milliseconds (UTC).
    """

    event: str = ""
    outcome: Outcome | None = None
    number: int | None = None
    site_id: str | None = None
    since: int | None = None
    until: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the filter as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EventFilter:
        """Return the filter that `to_json` returned as `values`; unknown fields are ignored."""
        known = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        outcome = known.get("outcome")
        return cls(**known | {"outcome": None if outcome is None else Outcome(outcome)})


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """The position of an event in the list. `received_at` is in Unix milliseconds (UTC)."""

    received_at: int
    id: int


@dataclass(frozen=True, slots=True)
class EventSummary:
    """One event in the list, without its body. Times are Unix milliseconds (UTC)."""

    id: int
    event: str
    account_id: str
    number: int | None
    at: int
    received_at: int
    site_id: str | None
    outcome: str
    reason: str | None
    applied_at: int | None
    digest: str

    @property
    def trace_id(self) -> str:
        """The id by which log lines name it."""
        return trace_id(self.digest)

    @property
    def key(self) -> EventKey:
        """Its position in the list."""
        return EventKey(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of the list, newest first, and whether there are newer and older events beyond it."""

    events: list[EventSummary]
    more_newer: bool
    more_older: bool


@dataclass(frozen=True, slots=True)
class EventCount:
    """The number of events that match; at least that many where `is_whole` is False."""

    number: int
    is_whole: bool


COLUMNS = [events.c[name] for name in EventSummary.__dataclass_fields__]
"""The columns of the log that make an `EventSummary`, in its order."""
_KEY = (events.c.received_at, events.c.id)


def page(
    connection: Connection,
    wanted: EventFilter,
    *,
    limit: int,
    before: EventKey | None = None,
    after: EventKey | None = None,
) -> EventPage:
    """Return up to `limit` events: the newest, or those next to a key (older than `before`, or newer than `after`)."""
    rising = after is not None
    order = _KEY if rising else tuple(column.desc() for column in _KEY)
    bounds = _bounds(wanted, before, after)
    ranges = [
        connection.execute(select(*_KEY).where(*chosen, *bounds).order_by(*order).limit(limit + 1)).all()
        for chosen in _ranges(connection, wanted)
    ]
    keys = list(islice(heapq.merge(*ranges, reverse=not rising), limit + 1))
    found = _summaries(connection, [key.id for key in keys[:limit]])
    more = len(keys) > limit
    if rising:
        return EventPage(found, more_newer=more, more_older=True)
    return EventPage(found, more_newer=before is not None, more_older=more)


def count(connection: Connection, wanted: EventFilter, *, most: int = MAX_COUNT) -> EventCount:
    """Count the events that match, up to `most`."""
    bounds = _bounds(wanted)
    counted = 0
    for chosen in _ranges(connection, wanted):
        matching = select(events.c.id).where(*chosen, *bounds).limit(most + 1 - counted).subquery()
        counted += connection.scalar(select(func.count()).select_from(matching)) or 0
        if counted > most:
            return EventCount(most, is_whole=False)
    return EventCount(counted, is_whole=True)


def load(connection: Connection, event_id: int, *, site_id: str | None = None) -> EventSummary:
    """Return one event; with a `site_id`, only if it concerns that site. Raises: UnknownEventError."""
    found = _summaries(connection, [event_id])
    if not found or (site_id is not None and not _concerns(connection, found[0], site_id)):
        raise UnknownEventError(messages.UNKNOWN_EVENT)
    return found[0]


def load_request(connection: Connection, event_id: int, sealer: Sealer) -> Request:
    """Return the HTTP request that delivered an event."""
    sealed = connection.execute(select(events.c.request).where(events.c.id == event_id)).scalar_one()
    return Request.opened(sealed, sealer)


def account_ids(connection: Connection, site_id: str | None = None) -> Sequence[str]:
    """Return the accounts that are granted to a site, or all that have events in the log."""
    if site_id is not None:
        return connection.scalars(accounts_of(site_id)).all()
    return _distinct(connection, events.c.account_id)


def few_account_ids(
    connection: Connection, site_id: str | None = None, *, most: int = MOST_ACCOUNTS
) -> Sequence[str] | None:
    """Return the same as `account_ids`; None where there are more than `most`."""
    if site_id is not None:
        found = connection.scalars(accounts_of(site_id).limit(most + 1)).all()
    else:
        found = _distinct(connection, events.c.account_id, most=most + 1)
    return None if len(found) > most else found


def event_names(connection: Connection, site_id: str | None = None) -> list[str]:
    """Return names of the events in the log, or of those that concern one site, in alphabetical order.

    At most `MOST_NAMES` of each account.
    """
    accounts = few_account_ids(connection, site_id)
    if accounts is None:
        of_site = [] if site_id is None else [events.c.account_id.in_(accounts_of(site_id))]
        names = select(events.c.event).where(*of_site).distinct().limit(MOST_NAMES)
        return sorted(connection.scalars(names))
    found: set[str] = set()
    for account_id in accounts:
        found.update(
            _distinct(connection, events.c.event, events.c.account_id == account_id, most=MOST_NAMES)
        )
    if site_id is not None:
        waiting = select(events.c.event).where(*_waiting_at(site_id)).distinct().limit(MOST_NAMES)
        found.update(connection.scalars(waiting))
    return sorted(found)


def _ranges(connection: Connection, wanted: EventFilter) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of each index range; together they hold what matches at any time, and once each."""
    named = [events.c.event == wanted.event] if wanted.event else []
    accounts = few_account_ids(connection, wanted.site_id)
    if wanted.number is not None:
        return _ranges_of_site(wanted, [events.c.number == wanted.number, *named], accounts)
    if accounts is None:
        return _ranges_of_site(wanted, named, accounts)
    outcomes = [wanted.outcome] if wanted.outcome else [*Outcome]
    ranges: list[list[ColumnElement[bool]]] = []
    if wanted.site_id is not None and Outcome.WAITING in outcomes:
        outcomes.remove(Outcome.WAITING)
        ranges.append([*_waiting_at(wanted.site_id), *named])  # few, see `core.store.events.waiting_limits`
    return ranges + [
        [events.c.account_id == account_id, events.c.outcome == outcome, *named]
        for account_id in accounts
        for outcome in outcomes
    ]


def _ranges_of_site(
    wanted: EventFilter, chosen: list[ColumnElement[bool]], accounts: Sequence[str] | None
) -> list[list[ColumnElement[bool]]]:
    """Return the `chosen` events that have the outcome and concern the site, those that wait for a grant apart.

    The site of an event is in no index but theirs: in one condition it would make the database read every row.
    """
    if wanted.outcome is not None:
        chosen = [*chosen, events.c.outcome == wanted.outcome]
    if wanted.site_id is None:
        return [chosen]
    ranges = []
    if wanted.outcome is not Outcome.WAITING and accounts != []:
        granted = accounts_of(wanted.site_id) if accounts is None else accounts
        ranges.append([*chosen, events.c.account_id.in_(granted), ~IS_WAITING])
    if wanted.outcome in (None, Outcome.WAITING):
        ranges.append([*chosen, *_waiting_at(wanted.site_id)])
    return ranges


def _waiting_at(site_id: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the events that came to a site and wait for a grant."""
    return IS_WAITING, events.c.site_id == site_id


def _concerns(connection: Connection, line: EventSummary, site_id: str) -> bool:
    """Whether an event concerns a site: see the module."""
    if line.outcome == Outcome.WAITING:
        return line.site_id == site_id
    return line.account_id in account_ids(connection, site_id)


def _bounds(
    wanted: EventFilter, before: EventKey | None = None, after: EventKey | None = None
) -> list[ColumnElement[bool]]:
    """Return the conditions for the time of receipt and the position in the list, as one range of an index."""
    since = [] if wanted.since is None else [EventKey(wanted.since, 0)]
    until = [] if wanted.until is None else [EventKey(wanted.until, 0)]
    above = max(since + ([after] if after else []), default=None)
    below = min(until + ([before] if before else []), default=None)
    bounds = []
    if above is not None:
        bounds.append(tuple_(*_KEY) > tuple_(above.received_at, above.id))
    if below is not None:
        bounds.append(tuple_(*_KEY) < tuple_(below.received_at, below.id))
    return bounds


def _summaries(connection: Connection, ids: Sequence[int]) -> list[EventSummary]:
    """Return these events, newest first."""
    rows = connection.execute(select(*COLUMNS).where(events.c.id.in_(ids)))
    return sorted((EventSummary(*row) for row in rows), key=lambda event: event.key, reverse=True)


def _distinct(
    connection: Connection, column: ColumnElement[str], *conditions: ColumnElement[bool], most: int = 10**6
) -> Sequence[str]:
    """Return up to `most` distinct values of a column by a loose index scan: one step of the index for each value.

    SELECT DISTINCT would read every entry: https://wiki.postgresql.org/wiki/Loose_indexscan
    """
    first = select(func.min(column).label("value"), literal(1).label("place")).where(*conditions)
    value = first.cte("value", recursive=True)
    following = select(func.min(column)).where(*conditions, column > value.c.value).scalar_subquery()
    further = select(following, value.c.place + 1)
    values = value.union_all(further.where(value.c.value.is_not(None), value.c.place < most))
    return connection.scalars(select(values.c.value).where(values.c.value.is_not(None))).all()


def matches_later(
    connection: Connection, meeting: tuple[str, int], wanted: EventFilter, beyond: EventKey
) -> bool:
    """Tell whether an event of this meeting after `beyond` matches as well, so that a replay reaches it again.

    The number of events read is bounded: beyond it the answer is no, and the meeting may be replayed twice.
    """
    account_id, number = meeting
    later = (
        select(events.c.event, events.c.outcome, events.c.account_id)
        .where(
            events.c.number == number,
            tuple_(events.c.received_at, events.c.id) > tuple_(beyond.received_at, beyond.id),
            *([] if wanted.until is None else [events.c.received_at < wanted.until]),
        )
        .order_by(events.c.received_at, events.c.id)
        .limit(_LOOKED_AHEAD)
        .subquery()
    )
    asked = [later.c.account_id == account_id]
    if wanted.event:
        asked.append(later.c.event == wanted.event)
    if wanted.outcome is not None:
        asked.append(later.c.outcome == wanted.outcome)
    return connection.execute(select(later.c.event).where(*asked).limit(1)).first() is not None
