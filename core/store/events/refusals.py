"""The quarantine as people look at it: newest first, paged by key; and one refused request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_

from core.errors import UnknownEventError
from core.store.db.schema import quarantine, sites
from core.store.events.request import Request
from core.store.events.search_filters import Key

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.store.events.search_filters import Filter


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was refused, and why then. `received_at` is in milliseconds since 1970, UTC."""

    id: int
    site_id: str
    site_name: str
    received_at: int
    reason: str
    request: Request

    @property
    def key(self) -> Key:
        """Its place."""
        return Key(self.received_at, self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the list, newest first, and whether there is more on both sides."""

    lines: list[Refusal]
    more_newer: bool
    more_older: bool


def page(
    connection: Connection,
    wanted: Filter,
    sealer: Sealer,
    *,
    limit: int,
    before: Key | None = None,
    after: Key | None = None,
) -> Page:
    """Return up to `limit` refused requests: the newest, or those next to a key.

    Of the filter only site and time count: what a refused request says of itself is not shown to be true.
    """
    rising = after is not None
    beside = after if rising else before
    place = (quarantine.c.received_at, quarantine.c.id)
    query = select(*_COLUMNS).join(sites, sites.c.id == quarantine.c.site_id)
    if wanted.site_id is not None:
        query = query.where(quarantine.c.site_id == wanted.site_id)
    if wanted.since is not None:
        query = query.where(quarantine.c.received_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(quarantine.c.received_at < wanted.until)
    if beside is not None:
        key = tuple_(beside.received_at, beside.id)
        query = query.where(tuple_(*place) > key if rising else tuple_(*place) < key)
    order = place if rising else tuple(column.desc() for column in place)
    rows = connection.execute(query.order_by(*order).limit(limit + 1)).all()
    lines = [_refusal(row, sealer) for row in rows[:limit]]
    more = len(rows) > limit
    if rising:
        return Page(lines[::-1], more_newer=more, more_older=True)
    return Page(lines, more_newer=before is not None, more_older=more)


def load(connection: Connection, refusal_id: int, sealer: Sealer, *, site_id: str | None = None) -> Refusal:
    """Return a refused request; with a `site_id`, only one that came to this site. Raises `UnknownEventError`."""
    query = (
        select(*_COLUMNS).join(sites, sites.c.id == quarantine.c.site_id).where(quarantine.c.id == refusal_id)
    )
    if site_id is not None:
        query = query.where(quarantine.c.site_id == site_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownEventError(
            "No refused request of this number is held any more. It may have been accepted since, or made room "
            "for newer ones."
        )
    return _refusal(row, sealer)


def _refusal(row: Any, sealer: Sealer) -> Refusal:
    return Refusal(
        row.id, row.site_id, row.name, row.received_at, row.reason, Request.opened(row.request, sealer)
    )


_COLUMNS = [
    quarantine.c.id,
    quarantine.c.site_id,
    sites.c.name,
    quarantine.c.received_at,
    quarantine.c.reason,
    quarantine.c.request,
]
