"""What visitors get of published posts, as the bridge has looked: `core.model.page_visit`.

Times are Unix milliseconds (UTC). Functions run in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, and_, bindparam, case, func, or_, select, update

from core.model.page_status import PageStatus
from core.model.page_visit import PageVisit
from core.store.db.schema import posts
from core.store.posts.queue import PostState

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, Connection


@dataclass(frozen=True, slots=True)
class DueVisit:
    """A published post to be looked at."""

    number: int
    post_id: int
    link: str


def due(
    connection: Connection, site_id: str, *, new: int, known: int, looked_before: int, unclear_before: int
) -> list[DueVisit]:
    """Return the posts of a site to be looked at now: up to `new` that were not since their status changed, then `known`.

    Of the known ones those that were looked at longest ago, before `looked_before`; and before `unclear_before` where
    that showed nothing.
    """
    is_old = or_(
        posts.c.visited_at < looked_before,
        and_(posts.c.visit == PageVisit.UNCLEAR, posts.c.visited_at < unclear_before),
    )
    found = select(posts.c.number, posts.c.post_id, posts.c.link).where(_is_published(site_id))
    rows = [
        *connection.execute(
            found.where(posts.c.visited_at.is_(None)).order_by(posts.c.stands_since.desc()).limit(new)
        ),
        *connection.execute(found.where(is_old).order_by(posts.c.visited_at).limit(known)),
    ]
    return [DueVisit(row.number, row.post_id, row.link) for row in rows]


def record(connection: Connection, site_id: str, of: DueVisit, visit: PageVisit, *, now: int) -> None:
    """Record what a visitor got, unless the post has changed its status meanwhile. The time stays while the result does."""
    given = {
        "of_site": site_id,
        "of_number": of.number,
        "of_post": of.post_id,
        "got": str(visit),
        "moment": now,
    }
    connection.execute(_recording(), given)


def count(connection: Connection, site_id: str) -> dict[PageVisit | None, int]:
    """Return how many published pages of a site visitors get in which way; None: not looked at yet."""
    rows = connection.execute(
        select(posts.c.visit, func.count().label("pages"))
        .where(_is_published(site_id))
        .group_by(posts.c.visit)
    )
    return {None if row.visit is None else PageVisit(row.visit): row.pages for row in rows}


@cache
def _recording() -> Any:
    """Return the statement of `record`, built once: a round of the sites executes it for each page."""
    visit, moment = bindparam("got", type_=Text), bindparam("moment", type_=BigInteger)
    return (
        update(posts)
        .where(
            _is_published(bindparam("of_site", type_=Text)),
            posts.c.number == bindparam("of_number", type_=BigInteger),
            posts.c.post_id == bindparam("of_post", type_=BigInteger),
        )
        .values(
            visit=visit,
            visit_since=case((posts.c.visit == visit, posts.c.visit_since), else_=moment),
            visited_at=moment,
        )
    )


def _is_published(site_id: str | BindParameter[str]) -> ColumnElement[bool]:
    return and_(
        posts.c.site_id == site_id,
        posts.c.state == PostState.SYNCED,
        posts.c.stands == PageStatus.PUBLISHED,
        posts.c.post_id.is_not(None),
        posts.c.link.is_not(None),
    )
