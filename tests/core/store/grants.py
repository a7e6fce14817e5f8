"""Grants of accounts to sites, made for tests."""

from sqlalchemy import Connection

from core.store.db.engine import Store
from core.store.posts import queue
from core.store.sites import grants
from core.store.sites.grants import GrantSource


def granted(store: Store, account_id: str, *site_ids: str, now: int = 1) -> None:
    """Grant an account to sites, as an administrator does."""
    for site_id in site_ids:

        def write(connection: Connection, site_id: str = site_id) -> None:
            grants.add(connection, account_id, site_id, GrantSource.ADMINISTRATOR, now=now)
            queue.schedule_site(connection, account_id, site_id, now=now)

        store.write(write)
