"""The backlog: how many posts exist, are due or fail, of a site, of an account or of all sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal_column, or_, select

from core.store.db.schema import events, posts, sites
from core.store.posts.queue import PostState
from core.store.sites.grants import sites_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_PENDING = "'pending'"  # as text: only then does SQLite use its partial index of pending events


@dataclass(frozen=True, slots=True)
class Backlog:
    """Unfinished work of an account: events to fold, posts that are due, and those that wait.

    `failing` are posts that fail, or whose site does or is paused.
    """

    pending: int
    due: int
    failing: int


def of_account(connection: Connection, account_id: str, *, now: int) -> Backlog:
    """Return the backlog of an account's meetings. `now` is in Unix milliseconds (UTC)."""
    is_behind = or_(posts.c.wanted > posts.c.written, posts.c.due_at <= now, posts.c.lease_until > now)
    in_trouble = or_(posts.c.fault.is_not(None), sites.c.failures > 0, sites.c.paused_at.is_not(None))
    row = connection.execute(
        select(func.count().filter(~in_trouble), func.count().filter(in_trouble))
        .select_from(posts.join(sites, sites.c.id == posts.c.site_id))
        .where(posts.c.account_id == account_id, posts.c.state != PostState.DETACHED, is_behind)
    ).one()
    is_pending = and_(events.c.account_id == account_id, events.c.outcome == literal_column(_PENDING))
    pending = connection.scalar(select(func.count()).where(is_pending))
    return Backlog(pending=pending or 0, due=row[0], failing=row[1])


def due(connection: Connection, *, now: int, most: int) -> int:
    """Return the number of due posts on sites that are neither backing off nor paused, counting no further than `most`."""
    waiting = (
        select(posts.c.number)
        .join(sites, sites.c.id == posts.c.site_id)
        .where(posts.c.due_at <= now, sites.c.blocked_until <= now, sites.c.paused_at.is_(None))
        .limit(most)
    )
    return connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def due_on_site(connection: Connection, site_id: str, *, now: int, most: int) -> int:
    """Return the number of a site's due posts, counting no further than `most`."""
    # Few posts are due and a site may have many. The concatenation keeps SQLite from using the index on the site.
    is_of_site = posts.c.site_id.concat("") == site_id
    waiting = select(posts.c.number).where(posts.c.due_at <= now, is_of_site).limit(most)
    return connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def count_of_site(connection: Connection, site_id: str) -> int:
    """Return the number of posts that a site has or could have."""
    return connection.scalar(select(func.count()).where(posts.c.site_id == site_id)) or 0


def count_pages(connection: Connection, account_id: str, site_id: str) -> int:
    """Return the number of pages that a site has of an account's meetings."""
    is_page = posts.c.state == PostState.SYNCED, posts.c.post_id.is_not(None)
    of_account = posts.c.site_id == site_id, posts.c.account_id == account_id
    return connection.scalar(select(func.count()).where(*of_account, *is_page)) or 0


def numbers_of_site(connection: Connection, site_id: str, after: int, *, limit: int) -> list[int]:
    """Return the meeting numbers of a site's next posts, in order."""
    query = select(posts.c.number).where(posts.c.site_id == site_id, posts.c.number > after)
    return list(connection.scalars(query.order_by(posts.c.number).limit(limit)))


def states_of_account(
    connection: Connection, account_id: str, numbers: Sequence[int]
) -> dict[tuple[str, int], PostState]:
    """Return the states of posts by site and meeting number, on the sites that an account is granted to.

    Posts that were never wanted are missing.
    """
    rows = connection.execute(
        select(posts.c.site_id, posts.c.number, posts.c.state).where(
            posts.c.site_id.in_(sites_of(account_id)), posts.c.number.in_(list(numbers))
        )
    )
    return {(site_id, number): PostState(state) for site_id, number, state in rows}
