"""Which Zoom accounts a site mirrors: those whose events came to it, or that were given to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from core.store.db.schema import site_accounts

if TYPE_CHECKING:
    from sqlalchemy import Select


def accounts_of(site_id: str) -> Select[str]:
    """Return the query for them, in a fixed order: to be asked, or to be a part of another."""
    return (
        select(site_accounts.c.account_id)
        .where(site_accounts.c.site_id == site_id)
        .order_by(site_accounts.c.account_id)
    )
