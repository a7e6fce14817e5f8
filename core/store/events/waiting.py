"""Authentic events that wait for a grant of their Zoom account to the site that they came to.

See `core.store.sites.grants`. Times are Unix milliseconds (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, delete, func, select

from core.store.db.schema import events
from core.store.events import name_removal
from core.store.events.log import IS_WAITING
from core.store.events.request import Request

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """One event that waits."""

    id: int
    received_at: int
    request: Request


@dataclass(frozen=True, slots=True)
class WaitingAccount:
    """How many events of an account wait for a grant to a site, and since when."""

    account_id: str
    site_id: str
    count: int
    since: int


def of_account(connection: Connection, account_id: str, site_id: str, sealer: Sealer) -> list[WaitingEvent]:
    """Return the events of an account that wait for a grant to a site, the oldest first."""
    columns = events.c.id, events.c.received_at, events.c.request
    rows = connection.execute(select(*columns).where(_is_of(account_id, site_id)).order_by(events.c.id))
    return [WaitingEvent(row.id, row.received_at, Request.opened(row.request, sealer)) for row in rows]


def drop(connection: Connection, account_id: str, site_id: str) -> None:
    """Delete the events of an account that wait for a grant to a site."""
    connection.execute(delete(events).where(_is_of(account_id, site_id)))
    name_removal.rewind(connection)


def accounts(connection: Connection, *, site_id: str | None = None) -> list[WaitingAccount]:
    """Return the accounts whose events wait, for all sites or for one, the longest waiting first."""
    since = func.min(events.c.received_at)
    query = select(events.c.account_id, events.c.site_id, func.count(), since).where(IS_WAITING)
    if site_id is not None:
        query = query.where(events.c.site_id == site_id)
    rows = connection.execute(query.group_by(events.c.account_id, events.c.site_id).order_by(since))
    return [WaitingAccount(*row) for row in rows]


def _is_of(account_id: str, site_id: str) -> ColumnElement[bool]:
    return and_(IS_WAITING, events.c.site_id == site_id, events.c.account_id == account_id)
