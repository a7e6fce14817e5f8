"""Event, account and outcome, as they occur together in the log: the events of every combination that a filter asks for.

They have few values, of which few combinations occur. The index `ix_events_listed` holds each combination's events
together, in the order in which they came.

- The combinations are found by jumping in the index from one to the next, one step each, however many events a
  combination has.
- Of each combination that matches, the newest event is one more step; time and the place in the list are ranges in
  the index. A page of fifty can only come from the fifty combinations whose newest are newest, and takes at most
  fifty events from each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from core.store.events.search_filters import Line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, TextClause

    from core.store.events.search_filters import Filter


@dataclass(frozen=True, slots=True)
class KindFilter:
    """Values that occur together in the log."""

    event: str
    account_id: str
    outcome: str


def found(connection: Connection, *, site_id: str | None = None) -> list[KindFilter]:
    """Return which accounts, events and outcomes occur together in the log, or in what concerns one site."""
    rows = connection.execute(_NAMING[site_id is not None], _of(site_id))
    return [KindFilter(*row) for row in rows]


def in_order(
    connection: Connection, wanted: Filter, bounds: Mapping[str, int], limit: int, *, rising: bool
) -> list[Line]:
    """Return the next events of all combinations that match."""
    rows = _ask(connection, _PAGING[rising], wanted, bounds, each=limit)
    return [Line(*row) for row in rows]


def count(connection: Connection, wanted: Filter, bounds: Mapping[str, int], *, most: int) -> int:
    """Count the events of all combinations that match, up to `most`."""
    [(counted,)] = _ask(connection, _COUNTING, wanted, bounds, each=most)
    return int(counted)


def some(connection: Connection, wanted: Filter, bounds: Mapping[str, int], *, most: int) -> list[Line]:
    """Return any events of all combinations that match, up to `most`."""
    return [Line(*row) for row in _ask(connection, _FINDING, wanted, bounds, each=most)]


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


def _of(site_id: str | None) -> dict[str, str]:
    return {} if site_id is None else {"site_id": site_id}


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
