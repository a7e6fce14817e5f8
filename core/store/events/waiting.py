"""Authentic events that wait for a grant of their Zoom account to the site that they came to.

See `core.store.sites.grants`, and for their number `core.store.events.waiting_limits`. Times are Unix milliseconds
(UTC).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, delete, exists, func, select

from core.store.db.schema import events, revoked_grants
from core.store.events import name_removal, waiting_limits
from core.store.events.request import Request
from core.store.events.waiting_limits import IS_WAITING, OTHERS, digest_prefix
from core.store.sites.grants import is_reserved

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """One event that waits. `digest` is that of the event, by which the log knows it where it is granted."""

    id: int
    digest: str
    received_at: int
    request: Request


@dataclass(frozen=True, slots=True)
class WaitingAccount:
    """How many events of an account wait for a grant to a site, and when the first and the last of them came.

    `dropped` events were too many to keep. `is_refused`: an administrator has decided against the grant.
    """

    account_id: str
    site_id: str
    count: int
    since: int
    last_at: int
    dropped: int
    is_refused: bool


@dataclass(frozen=True, slots=True)
class WaitingSummary:
    """How many events wait at a site for a decision, and since when. `dropped` counts those that were too many to keep."""

    count: int
    since: int
    dropped: int


def of_account(connection: Connection, account_id: str, site_id: str, sealer: Sealer) -> list[WaitingEvent]:
    """Return the events of an account that wait for a grant to a site, the oldest first."""
    columns = [events.c[name] for name in ("id", "digest", "received_at", "request")]
    rows = connection.execute(select(*columns).where(_is_of(account_id, site_id)).order_by(events.c.id))
    return [
        WaitingEvent(
            row.id,
            row.digest.removeprefix(digest_prefix(site_id)),
            row.received_at,
            Request.opened(row.request, sealer),
        )
        for row in rows
    ]


def drop(connection: Connection, account_id: str, site_id: str) -> int:
    """Delete the events of an account that wait for a grant to a site. Returns their number."""
    dropped = connection.execute(delete(events).where(_is_of(account_id, site_id))).rowcount
    name_removal.rewind(connection)
    return dropped


def accounts(connection: Connection, *, site_id: str | None = None) -> list[WaitingAccount]:
    """Return the accounts whose events wait, for all sites or for one, the longest waiting first."""
    since = func.min(events.c.received_at)
    is_refused = exists().where(
        revoked_grants.c.account_id == events.c.account_id, revoked_grants.c.site_id == events.c.site_id
    )
    query = select(
        events.c.account_id,
        events.c.site_id,
        func.count().label("held"),
        since.label("since"),
        func.max(events.c.received_at).label("last_at"),
        is_refused.label("is_refused"),
    ).where(IS_WAITING)
    if site_id is not None:
        query = query.where(events.c.site_id == site_id)
    query = query.group_by(events.c.account_id, events.c.site_id).order_by(since, events.c.account_id)
    rows = connection.execute(query)
    dropped = {
        (one.account_id, one.site_id): one.count
        for one in waiting_limits.dropped(connection, site_id=site_id)
    }
    return [
        WaitingAccount(
            row.account_id,
            row.site_id,
            row.held,
            row.since,
            row.last_at,
            dropped.get((row.account_id, row.site_id), 0),
            bool(row.is_refused),
        )
        for row in rows
        if not is_reserved(row.account_id)
    ]


def summaries(connection: Connection, *, site_id: str | None = None) -> dict[str, WaitingSummary]:
    """Return what waits for a decision at each site, by site id; sites where nothing waits are missing."""
    of_site: defaultdict[str, list[WaitingAccount]] = defaultdict(list)
    for one in accounts(connection, site_id=site_id):
        if not one.is_refused:
            of_site[one.site_id].append(one)
    others = {
        one.site_id: one.count
        for one in waiting_limits.dropped(connection, site_id=site_id)
        if one.account_id == OTHERS
    }
    return {
        at: WaitingSummary(
            sum(one.count for one in some),
            min(one.since for one in some),
            others.get(at, 0) + sum(one.dropped for one in some),
        )
        for at, some in of_site.items()
    }


def _is_of(account_id: str, site_id: str) -> ColumnElement[bool]:
    return and_(IS_WAITING, events.c.site_id == site_id, events.c.account_id == account_id)
