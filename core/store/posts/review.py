"""Every post of a site is to be looked at again: because its rules have changed, and no meeting has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func, or_, select, tuple_, update

from core.store.db import notify
from core.store.db.schema import posts
from core.store.posts.posts import these

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

Key = tuple[str, int]
"""Account and number."""


def count(connection: Connection, site_id: str) -> int:
    """Return how many posts a site has, or could have."""
    return connection.scalar(select(func.count()).where(posts.c.site_id == site_id)) or 0


def due(connection: Connection, site_id: str, *, now: int, most: int) -> int:
    """Return how many posts of a site are due now, counting no further than `most`."""
    # Few posts are due, and a site may have many: so that SQLite looks among the former, the site is no column.
    is_of_site = posts.c.site_id.concat("") == site_id
    waiting = select(posts.c.number).where(posts.c.due_at <= now, is_of_site).limit(most)
    return connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def following(connection: Connection, site_id: str, after: Key | None, *, limit: int) -> list[Key]:
    """Return the next posts of a site, in the order of their keys."""
    query = select(posts.c.account_id, posts.c.number).where(posts.c.site_id == site_id)
    if after is not None:
        query = query.where(tuple_(posts.c.account_id, posts.c.number) > after)
    rows = connection.execute(query.order_by(posts.c.account_id, posts.c.number).limit(limit))
    return [(account_id, number) for account_id, number in rows]


def ask(connection: Connection, site_id: str, named: Sequence[Key], *, now: int) -> None:
    """Let these posts be looked at as soon as a worker is free, unless they are due already."""
    connection.execute(
        update(posts)
        .where(these(site_id, named))
        .values(due_at=case((or_(posts.c.due_at.is_(None), posts.c.due_at > now), now), else_=posts.c.due_at))
    )
    notify.notify(connection, notify.POSTS)
