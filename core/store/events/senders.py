"""Senders of webhook requests: the network addresses from which authentic events came, for each site. Bounded.

A sender is an IPv4 address or a network of IPv6. Where a proxy hides the addresses, all have one.
Functions run in the caller's transaction; times are Unix milliseconds (UTC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, select

from core.store.db.schema import zoom_senders
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

MOST_SENDERS = 500
"""At most so many are known for a site: those that sent an authentic event last."""


def record(connection: Connection, site_id: str, sender: str, *, now: int, most: int = MOST_SENDERS) -> None:
    """Record that an authentic event came from a sender."""
    statement = insert(connection, zoom_senders).values(site_id=site_id, sender=sender, seen_at=now)
    statement = statement.on_conflict_do_update(
        index_elements=["site_id", "sender"], set_={"seen_at": statement.excluded.seen_at}
    )
    connection.execute(statement)
    table = zoom_senders.c
    latest = select(table.sender).where(table.site_id == site_id)
    kept = latest.order_by(table.seen_at.desc(), table.sender).limit(most)
    connection.execute(delete(zoom_senders).where(table.site_id == site_id, table.sender.not_in(kept)))


def is_known(connection: Connection, site_id: str, sender: str) -> bool:
    """Whether authentic events came to a site from a sender."""
    table = zoom_senders.c
    return bool(connection.scalar(select(exists().where(table.site_id == site_id, table.sender == sender))))


def may_be_zooms(connection: Connection, site_id: str, sender: str) -> bool:
    """Whether a sender may be Zoom: it is known at a site, or none is yet."""
    is_any = connection.scalar(select(exists().where(zoom_senders.c.site_id == site_id)))
    return not is_any or is_known(connection, site_id, sender)


def is_among(of_site: ColumnElement[str], sender: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that authentic events came to a site from a sender, for the columns of a query."""
    return exists().where(zoom_senders.c.site_id == of_site, zoom_senders.c.sender == sender)


def forget_before(connection: Connection, moment: int) -> None:
    """Forget the senders whose last authentic event came before `moment`."""
    connection.execute(delete(zoom_senders).where(zoom_senders.c.seen_at < moment))
