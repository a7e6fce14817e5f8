"""The log as people look at it: filtered, newest first, paged by key; and one event with its request.

Why any filter takes about the same time over a thousand events and over a million: event, account and outcome have
few values, of which few combinations occur. The index `ix_events_listed` holds each combination's events together,
in the order in which they came.

- The combinations are found by jumping in the index from one to the next, one step each, however many events a
  combination has.
- Of each combination that matches, the newest event is one more step; time and the place in the list are ranges in
  the index. A page of fifty can only come from the fifty combinations whose newest are newest, and takes at most
  fifty events from each.
- The events of a meeting number stand together in an index of their own. Where more is asked than the number, and
  no more than `_FEW` events match the rest, these are looked at for the number; else the meeting's own events are
  looked at, so many at a time, and the page says where it stopped looking.
- A count stops at `MOST_COUNTED`.

Sites come in by their Zoom accounts: an event concerns every site that mirrors its account, whichever of their
endpoints it came to first.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select, text, tuple_

from core.errors import UnknownEventError
from core.store.log import Outcome
from core.store.request import Request
from core.store.schema import accounts, events

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Subquery, TextClause

    from core.store.sealing import Sealer

MOST_COUNTED = 1_000  # for the page: a count that grew with the log would make it slower and slower
_WINDOW = 100  # events of a meeting that are looked at one by one for a page
_FEW = 50  # events that match all but the number, and are looked at for it


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events. What is None or empty is not asked for.

    `site_id` is a site that mirrors the event's account. `since` and `until` say when the event came to the
    bridge (ms since 1970, UTC; `until` is not part of it).
    """

    event: str = ""
    outcome: Outcome | None = None
    number: int | None = None
    site_id: str | None = None
    since: int | None = None
    until: int | None = None

    def told(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Filter:
        """Return what `told` has told."""
        known = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        outcome = known.get("outcome")
        return cls(**known | {"outcome": None if outcome is None else Outcome(outcome)})


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The place of an event in the list."""

    received_at: int
    id: int


@dataclass(frozen=True, slots=True)
class Line:
    """One event in the list, without its body. Times are in milliseconds since 1970, UTC."""

    id: int
    event: str
    account_id: str
    number: int | None
    at: int
    received_at: int
    site_id: str | None
    outcome: str
    reason: str | None
    folded_at: int | None

    @property
    def key(self) -> Key:
        """Its place."""
        return Key(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the list, newest first, and whether there is more on both sides.

    `looked_to` is where the search stopped before the page was full, though there is more to look at beyond.
    """

    lines: list[Line]
    more_newer: bool
    more_older: bool
    looked_to: Key | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """How many events match; where `is_whole` is False, at least so many."""

    number: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Combination:
    """Values that occur together in the log."""

    event: str
    account_id: str
    outcome: str


def page(
    connection: Connection,
    wanted: Filter,
    *,
    limit: int,
    before: Key | None = None,
    after: Key | None = None,
) -> Page:
    """Return up to `limit` events: the newest, or those next to a key (`before` it in time, or `after` it)."""
    rising = after is not None
    bounds = _bounds(wanted, before, after)
    looked_to = None
    if wanted.number is not None:
        found, looked_to = _of_number(connection, wanted, bounds, limit + 1, rising=rising)
    else:
        found = _of_combinations(connection, wanted, bounds, limit + 1, rising=rising)
    more = len(found) > limit or looked_to is not None
    lines = found[:limit]
    if rising:
        return Page(lines[::-1], more_newer=more, more_older=True, looked_to=looked_to)
    return Page(lines, more_newer=before is not None, more_older=more, looked_to=looked_to)


def count(connection: Connection, wanted: Filter, *, most: int = MOST_COUNTED) -> Count:
    """Count what matches, up to `most`; of a meeting with many events, only the newest may have been looked at."""
    bounds = _bounds(wanted)
    if wanted.number is not None:
        return _count_of_number(connection, wanted, bounds, most)
    [(counted,)] = _ask(connection, _COUNTING, wanted, bounds, each=most + 1)
    return Count(min(counted, most), is_whole=counted <= most)


def combinations(connection: Connection, *, site_id: str | None = None) -> list[Combination]:
    """Return which accounts, events and outcomes occur together in the log, or in what concerns one site."""
    rows = connection.execute(_NAMING[site_id is not None], _of(site_id))
    return [Combination(*row) for row in rows]


def accounts_of(connection: Connection, site_id: str) -> list[str]:
    """Return the Zoom accounts that a site mirrors."""
    query = select(accounts.c.account_id).where(accounts.c.site_id == site_id).order_by(accounts.c.account_id)
    return list(connection.scalars(query))


def line(connection: Connection, event_id: int, *, site_id: str | None = None) -> Line:
    """Return an event; with a `site_id`, only one that concerns this site. Raises `UnknownEventError`."""
    row = connection.execute(select(*_COLUMNS).where(events.c.id == event_id)).one_or_none()
    if row is None or (site_id is not None and row.account_id not in accounts_of(connection, site_id)):
        raise UnknownEventError(
            "The log holds no event of this number. It may be so old that it was dropped: see the retention "
            "in the settings."
        )
    return Line(*row)


def request(connection: Connection, event_id: int, sealer: Sealer) -> Request:
    """Return the request that brought an event."""
    sealed = connection.execute(select(events.c.request).where(events.c.id == event_id)).scalar_one()
    return Request.opened(sealed, sealer)


# From each combination to the next by one step in the index.
_JUMPS = """
WITH RECURSIVE of_event (e) AS (
  SELECT min(event) FROM events
  UNION ALL
  SELECT (SELECT min(event) FROM events WHERE event > e) FROM of_event WHERE e IS NOT NULL
), of_account (e, a) AS (
  {accounts}
), of_outcome (e, a, o) AS (
  SELECT e, a, (SELECT min(outcome) FROM events WHERE event = e AND account_id = a)
  FROM of_account WHERE a IS NOT NULL
  UNION ALL
  SELECT e, a, (SELECT min(outcome) FROM events WHERE event = e AND account_id = a AND outcome > o)
  FROM of_outcome WHERE o IS NOT NULL
)
"""
_NAMED = "SELECT e, a, o FROM of_outcome WHERE o IS NOT NULL"
_MATCHING = "o IS NOT NULL AND (:event = '' OR e = :event) AND (:outcome = '' OR o = :outcome)"
_ABOVE = "({at}, id) > (:low_at, :low_id)"
_BELOW = "({at}, id) < (:high_at, :high_id)"
_BETWEEN_BOUNDS = f"{_ABOVE} AND {_BELOW}".format(at="received_at")
_OF_EACH = """
  FROM events WHERE event = e AND account_id = a AND outcome = o AND {between}
  ORDER BY received_at {direction}, id {direction} LIMIT
"""
# The events of each combination, and never by another index; with PostgreSQL the next ones. Each database has its own
# way of being told in which order to go.
_WITH_EVENTS = {
    "sqlite": "CROSS JOIN events ON event = e AND account_id = a AND outcome = o AND {between}",
    "postgresql": "CROSS JOIN LATERAL (SELECT * {of_each} :each) AS events",
}
# SQLite's way to the next ones is up to the last of them. The sign keeps the bound beyond from being taken instead.
_WITH_NEXT = _WITH_EVENTS | {
    "sqlite": """
CROSS JOIN events ON event = e AND account_id = a AND outcome = o AND {near} AND {beyond}
  AND received_at {up_to} coalesce((SELECT received_at {of_each} 1 OFFSET :each - 1), {end})
"""
}
_NEAR = {
    False: {
        "near": _BELOW.format(at="received_at"),
        "beyond": _ABOVE.format(at="+received_at"),
        "up_to": ">=",
        "end": ":low_at",
    },
    True: {
        "near": _ABOVE.format(at="received_at"),
        "beyond": _BELOW.format(at="+received_at"),
        "up_to": "<=",
        "end": ":high_at",
    },
}
_LISTED = ", ".join(f"events.{name}" for name in Line.__dataclass_fields__)
# No more combinations than there are lines can have a part in a page: those whose next event comes first.
_PAGE = """
, head (e, a, o, id) AS (
  SELECT e, a, o, (SELECT id {of_each} 1) FROM of_outcome WHERE {matching}
), first (e, a, o) AS (
  SELECT e, a, o FROM head JOIN events ON events.id = head.id
  ORDER BY events.received_at {direction}, events.id {direction} LIMIT :each
), place (id) AS (
  SELECT events.id FROM first {with_next}
  ORDER BY events.received_at {direction}, events.id {direction} LIMIT :each
)
SELECT {listed} FROM place JOIN events ON events.id = place.id
ORDER BY events.received_at {direction}, events.id {direction}
"""
_COUNT = (
    "SELECT count(*) FROM (SELECT 1 FROM of_outcome {with_events} WHERE {matching} LIMIT :each) AS counted"
)
_SOME = "SELECT {listed} FROM of_outcome {with_events} WHERE {matching} LIMIT :each"
_EVERY_ACCOUNT = """
  SELECT e, (SELECT min(account_id) FROM events WHERE event = e) FROM of_event WHERE e IS NOT NULL
  UNION ALL
  SELECT e, (SELECT min(account_id) FROM events WHERE event = e AND account_id > a)
  FROM of_account WHERE a IS NOT NULL
"""
_OF_SITE = "SELECT e, account_id FROM of_event, accounts WHERE e IS NOT NULL AND site_id = :site_id"
_AMONG = {False: _JUMPS.format(accounts=_EVERY_ACCOUNT), True: _JUMPS.format(accounts=_OF_SITE)}  # of a site
_DIRECTIONS = {True: "ASC", False: "DESC"}
_NAMING = {of_site: text(jumps + _NAMED) for of_site, jumps in _AMONG.items()}


def _for_each(statement: str, *, rising: bool) -> dict[tuple[bool, str], TextClause]:
    """Return a statement about combinations: of a site or of all, for each database."""
    parts = {"direction": _DIRECTIONS[rising], "between": _BETWEEN_BOUNDS, **_NEAR[rising]}
    of_each = _OF_EACH.format(**parts)
    return {
        (of_site, dialect): text(
            jumps
            + statement.format(
                of_each=of_each,
                with_next=_WITH_NEXT[dialect].format(of_each=of_each, **parts),
                with_events=_WITH_EVENTS[dialect].format(of_each=of_each, **parts),
                matching=_MATCHING,
                listed=_LISTED,
                **parts,
            )
        )
        for of_site, jumps in _AMONG.items()
        for dialect in _WITH_EVENTS
    }


_PAGING = {rising: _for_each(_PAGE, rising=rising) for rising in _DIRECTIONS}
_COUNTING = _for_each(_COUNT, rising=False)
_FINDING = _for_each(_SOME, rising=False)

_COLUMNS = [events.c[name] for name in Line.__dataclass_fields__]
_PLACE = (events.c.received_at, events.c.id)
_BETWEEN = (
    tuple_(*_PLACE) > tuple_(bindparam("low_at"), bindparam("low_id")),
    tuple_(*_PLACE) < tuple_(bindparam("high_at"), bindparam("high_id")),
)
_RISING: dict[bool, tuple[ColumnElement[Any], ...]] = {
    True: _PLACE,
    False: tuple(column.desc() for column in _PLACE),
}
_FIRST_ID, _LAST_ID = 0, 2**62  # before and after every id


def _of_combinations(
    connection: Connection, wanted: Filter, bounds: Mapping[str, int], limit: int, *, rising: bool
) -> list[Line]:
    """Return the next events of all combinations that match."""
    rows = _ask(connection, _PAGING[rising], wanted, bounds, each=limit)
    return [Line(*row) for row in rows]


def _ask(
    connection: Connection,
    statements: Mapping[tuple[bool, str], TextClause],
    wanted: Filter,
    bounds: Mapping[str, int],
    *,
    each: int,
) -> Sequence[Any]:
    """Ask about combinations, of which each has up to so many events."""
    asked = {"event": wanted.event, "outcome": wanted.outcome or "", "each": each}
    statement = statements[wanted.site_id is not None, connection.dialect.name]
    return connection.execute(statement, {**asked, **bounds, **_of(wanted.site_id)}).all()


def _of_number(
    connection: Connection, wanted: Filter, bounds: Mapping[str, int], limit: int, *, rising: bool
) -> tuple[list[Line], Key | None]:
    """Return the next events of a meeting that match, and where looking for more of them stopped."""
    about = {"number": wanted.number, **bounds}
    if _is_of_number_alone(wanted):
        rows = connection.execute(_OF_NUMBER[rising], about | {"most": limit})
        return [Line(*row) for row in rows], None
    window = _OF_NUMBER[rising].subquery()
    place = (window.c.received_at, window.c.id)
    order = place if rising else tuple(column.desc() for column in place)
    asked = select(window).where(*_more_of(connection, wanted, window)).order_by(*order).limit(limit)
    found = [Line(*row) for row in connection.execute(asked, about | {"most": _WINDOW})]
    if len(found) == limit:
        return found, None
    end = _end_of_window(connection, about, rising=rising)
    few = None if end is None else _few(connection, wanted, bounds)
    if few is None:
        return found, end
    return sorted(few, key=lambda line: line.key, reverse=not rising)[:limit], None


def _end_of_window(connection: Connection, about: Mapping[str, Any], *, rising: bool) -> Key | None:
    """Return the last event of a meeting that is looked at, where there may be more beyond it."""
    asked = {**about, "most": 1, "behind": _WINDOW - 1}
    end = connection.execute(_PLACES_OF_NUMBER[rising], asked).one_or_none()
    return None if end is None else Key(*end)


def _count_of_number(connection: Connection, wanted: Filter, bounds: Mapping[str, int], most: int) -> Count:
    about = {"number": wanted.number, **bounds}
    if _is_of_number_alone(wanted):
        places = _PLACES_OF_NUMBER[False].subquery()
        counting = select(func.count()).select_from(places)
        counted = connection.scalar(counting, about | {"most": most + 1, "behind": 0}) or 0
        return Count(min(counted, most), is_whole=counted <= most)
    end = _end_of_window(connection, about, rising=False)
    few = None if end is None else _few(connection, wanted, bounds)
    if few is not None:
        return Count(len(few), is_whole=True)
    window = _OF_NUMBER[False].subquery()
    counting = select(func.count()).select_from(window).where(*_more_of(connection, wanted, window))
    return Count(connection.scalar(counting, about | {"most": _WINDOW}) or 0, is_whole=end is None)


def _is_of_number_alone(wanted: Filter) -> bool:
    return not wanted.event and wanted.outcome is None and wanted.site_id is None


def _few(connection: Connection, wanted: Filter, bounds: Mapping[str, int]) -> list[Line] | None:
    """Return the events of a meeting that match, where so few match all but the number that each is looked at."""
    some = [Line(*row) for row in _ask(connection, _FINDING, wanted, bounds, each=_FEW + 1)]
    return None if len(some) > _FEW else [line for line in some if line.number == wanted.number]


def _more_of(connection: Connection, wanted: Filter, window: Subquery) -> list[ColumnElement[bool]]:
    """Return what is asked beside the number."""
    asked = []
    if wanted.event:
        asked.append(window.c.event == wanted.event)
    if wanted.outcome is not None:
        asked.append(window.c.outcome == wanted.outcome)
    if wanted.site_id is not None:
        asked.append(window.c.account_id.in_(accounts_of(connection, wanted.site_id)))
    return asked


_THIS_NUMBER = (events.c.number == bindparam("number"), *_BETWEEN)
_OF_NUMBER = {
    rising: select(*_COLUMNS).where(*_THIS_NUMBER).order_by(*order).limit(bindparam("most"))
    for rising, order in _RISING.items()
}
_PLACES_OF_NUMBER = {
    rising: select(*_PLACE)
    .where(*_THIS_NUMBER)
    .order_by(*order)
    .limit(bindparam("most"))
    .offset(bindparam("behind"))
    for rising, order in _RISING.items()
}


def _of(site_id: str | None) -> dict[str, str]:
    return {} if site_id is None else {"site_id": site_id}


def _bounds(wanted: Filter, before: Key | None = None, after: Key | None = None) -> dict[str, int]:
    """Return the places between which to look: one range of the index for time and place together."""
    low, high = Key(-_LAST_ID, _FIRST_ID), Key(_LAST_ID, _LAST_ID)
    if wanted.since is not None:
        low = Key(wanted.since, _FIRST_ID)
    if wanted.until is not None:
        high = Key(wanted.until, _FIRST_ID)
    low = max(low, after or low)
    high = min(high, before or high)
    return {"low_at": low.received_at, "low_id": low.id, "high_at": high.received_at, "high_id": high.id}
