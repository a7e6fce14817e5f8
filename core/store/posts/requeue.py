"""What a person asks of a post: to be written again, or to be made again after somebody deleted it for good."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, or_, select, update

from core.store.db import notify
from core.store.db.schema import posts, sites
from core.store.posts.posts import PostState

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_ASKED = "a person"  # an owner that never works: whoever takes the post next finds it in doubt


class RequeueResult(StrEnum):
    """What came of asking."""

    DUE = "due"  # it is done as soon as a worker is free
    BUSY = "busy"  # it is being written at this moment, so nothing was asked
    NOT_SO = "not-so"  # there is no such post, or it does not stand as was thought


def write(connection: Connection, site_id: str, account_id: str, number: int, *, now: int) -> RequeueResult:
    """Let a post be looked at and written now, whatever is known of it.

    It counts as in doubt: all that the bridge decides is written, and what people have changed stays.
    """
    which = and_(_is(site_id, account_id, number), posts.c.state != PostState.DETACHED)
    return _again(connection, which, now=now, values={"owner": _ASKED})


def make(connection: Connection, site_id: str, account_id: str, number: int, *, now: int) -> RequeueResult:
    """Let a post be made again that a person deleted for good."""
    unknown = dict.fromkeys(("owner", "post_id", "link", "base", "fault", "fault_message", "reason"))
    which = and_(_is(site_id, account_id, number), posts.c.state == PostState.DETACHED)
    made = unknown | {"state": PostState.NONE, "written": 0, "behind_since": now}
    return _again(connection, which, now=now, values=made)


def _again(
    connection: Connection, which: ColumnElement[bool], *, now: int, values: dict[str, Any]
) -> RequeueResult:
    """Change a post that nobody holds, let it be due, and leave its site alone no longer."""
    earlier = case((or_(posts.c.due_at.is_(None), posts.c.due_at > now), now), else_=posts.c.due_at)
    taken = connection.execute(
        update(posts)
        .where(which, posts.c.lease_until <= now)
        # A worker that lost its lease may yet tell of the post: by the new epoch, that counts for nothing.
        .values(**values, due_at=earlier, attempts=0, epoch=posts.c.epoch + 1)
        .returning(posts.c.site_id)
    ).scalar_one_or_none()
    if taken is None:
        return (
            RequeueResult.BUSY
            if connection.execute(select(posts.c.number).where(which)).first()
            else RequeueResult.NOT_SO
        )
    connection.execute(update(sites).where(sites.c.id == taken).values(blocked_until=0))
    notify.notify(connection, notify.POSTS)
    return RequeueResult.DUE


def _is(site_id: str, account_id: str, number: int) -> ColumnElement[bool]:
    return and_(posts.c.site_id == site_id, posts.c.account_id == account_id, posts.c.number == number)
