"""The log as people look at it: filtered, newest first, paged by key; and one event with its request.

Any filter takes about the same time over a thousand events and over a million: why, say `core.store.events.search_by_kind` and
`core.store.events.search_by_meeting`. A count stops at `MOST_COUNTED`.

Sites come in by their Zoom accounts: an event concerns every site that mirrors its account, whichever of their
endpoints it came to first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.errors import UnknownEventError
from core.store.db.schema import events
from core.store.events import search_by_kind, search_by_meeting, search_filters
from core.store.events.request import Request
from core.store.events.search_filters import Count, Line
from core.store.sites.accounts import accounts_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.store.events.search_filters import Filter, Key

MOST_COUNTED = 1_000  # for the page: a count that grew with the log would make it slower and slower


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the list, newest first, and whether there is more on both sides.

    `looked_to` is where the search stopped before the page was full, though there is more to look at beyond.
    """

    lines: list[Line]
    more_newer: bool
    more_older: bool
    looked_to: Key | None = None


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
    bounds = search_filters.bounds(wanted, before, after)
    looked_to = None
    if wanted.number is not None:
        found, looked_to = search_by_meeting.in_order(connection, wanted, bounds, limit + 1, rising=rising)
    else:
        found = search_by_kind.in_order(connection, wanted, bounds, limit + 1, rising=rising)
    more = len(found) > limit or looked_to is not None
    lines = found[:limit]
    if rising:
        return Page(lines[::-1], more_newer=more, more_older=True, looked_to=looked_to)
    return Page(lines, more_newer=before is not None, more_older=more, looked_to=looked_to)


def count(connection: Connection, wanted: Filter, *, most: int = MOST_COUNTED) -> Count:
    """Count what matches, up to `most`; of a meeting with many events, only the newest may have been looked at."""
    bounds = search_filters.bounds(wanted)
    if wanted.number is not None:
        return search_by_meeting.count(connection, wanted, bounds, most=most)
    counted = search_by_kind.count(connection, wanted, bounds, most=most + 1)
    return Count(min(counted, most), is_whole=counted <= most)


def line(connection: Connection, event_id: int, *, site_id: str | None = None) -> Line:
    """Return an event; with a `site_id`, only one that concerns this site. Raises `UnknownEventError`."""
    row = connection.execute(select(*search_filters.COLUMNS).where(events.c.id == event_id)).one_or_none()
    concerned = None if site_id is None else connection.scalars(accounts_of(site_id)).all()
    if row is None or (concerned is not None and row.account_id not in concerned):
        raise UnknownEventError(
            "The log holds no event of this number. It may be so old that it was dropped: see the retention "
            "in the settings."
        )
    return Line(*row)


def request(connection: Connection, event_id: int, sealer: Sealer) -> Request:
    """Return the request that brought an event."""
    sealed = connection.execute(select(events.c.request).where(events.c.id == event_id)).scalar_one()
    return Request.opened(sealed, sealer)
