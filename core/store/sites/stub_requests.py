"""Requests of plugins that were used: each one counts once. Functions run in the caller's transaction."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import delete

from core.store.db.schema import stub_requests
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from sqlalchemy import Connection


def use(connection: Connection, site_id: str, signature: str, *, until: int, now: int) -> bool:
    """Note that a request was used; returns False where it was used before.

    The signature covers the site's time and a random id, so that it stands for one request. It is kept `until` it is too
    old to be accepted anyway. Times are Unix milliseconds (UTC).
    """
    connection.execute(delete(stub_requests).where(stub_requests.c.expires_at < now))
    digest = hashlib.sha256(f"{site_id}\n{signature}".encode(errors="replace")).hexdigest()
    new = insert(connection, stub_requests).values(digest=digest, expires_at=until)
    return connection.execute(new.on_conflict_do_nothing()).rowcount == 1
