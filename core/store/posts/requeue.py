"""Requeue posts, so that the mirror compares them with WordPress as soon as a worker is free."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, false, or_, select, update

from core.store.db import notify
from core.store.db.schema import meetings, posts, sites
from core.store.posts.queue import PostState, TitleState
from core.store.sites.grants import sites_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

MeetingKey = tuple[str, int]
"""Zoom account id and meeting number."""


class RequeueResult(StrEnum):
    """The result of requeueing one post."""

    REQUEUED = "requeued"
    BUSY = "busy"  # a worker is writing it at this moment
    NOT_FOUND = "not-found"  # there is no such post, or its state has changed


def requeue(
    connection: Connection,
    where: ColumnElement[bool],
    *,
    now: int,
    in_doubt: bool,
    reset_attempts: bool,
    take_over: bool = False,
) -> int:
    """Requeue posts: make them due now, so that the mirror compares them with WordPress. Returns their number.

    `in_doubt` forces a read before the next write: then all fields that the bridge manages are written, and editors'
    changes stay. `reset_attempts` ends the back-off of failing posts. Leased posts are skipped, or `take_over` ends
    their leases; bumping `epoch` fences off the results of a lease that has ended. Times are Unix milliseconds (UTC).
    """
    values: dict[str, Any] = {"due_at": _no_later_than(now), "epoch": posts.c.epoch + 1}
    if in_doubt:
        values["in_doubt"] = True
    if reset_attempts:
        values["attempts"] = 0
    if take_over:
        values["lease_until"] = 0
    else:
        where = and_(where, posts.c.lease_until <= now)
    changed = connection.execute(update(posts).where(where).values(**values))
    notify.notify(connection, notify.POSTS)
    return changed.rowcount


def requeue_site_posts(connection: Connection, site_id: str, numbers: Sequence[int], *, now: int) -> int:
    """Requeue posts of a site after its rules have changed; returns their number."""
    where = and_(posts.c.site_id == site_id, posts.c.number.in_(list(numbers)))
    return requeue(connection, where, now=now, in_doubt=False, reset_attempts=False)


def requeue_failed_posts(connection: Connection, site_id: str, *, now: int) -> int:
    """Requeue the posts of a site that wait after a failure of their own, with a read before the write.

    Returns their number.
    """
    where = and_(posts.c.site_id == site_id, posts.c.fault.is_not(None), posts.c.due_at.is_not(None))
    return requeue(connection, where, now=now, in_doubt=True, reset_attempts=True)


def requeue_meeting_posts(
    connection: Connection, keys: Sequence[MeetingKey], *, site_id: str | None, now: int
) -> int:
    """Requeue the posts of meetings, on every site or on one, with a read before the write; returns their number."""
    where = and_(
        is_of_meetings(keys),
        posts.c.state.not_in([PostState.DETACHED, PostState.DELETED]),
    )
    if site_id is not None:
        where = and_(where, posts.c.site_id == site_id)
    return requeue(connection, where, now=now, in_doubt=True, reset_attempts=True)


def is_of_meetings(keys: Sequence[MeetingKey]) -> ColumnElement[bool]:
    """Return the condition for posts of these meetings, on the sites that their accounts are granted to."""
    numbers: dict[str, list[int]] = {}
    for account_id, number in keys:
        numbers.setdefault(account_id, []).append(number)
    return or_(
        false(),
        *(
            and_(posts.c.number.in_(some), posts.c.site_id.in_(sites_of(account_id)))
            for account_id, some in numbers.items()
        ),
    )


def requeue_account_posts(connection: Connection, account_id: str, *, now: int) -> int:
    """Requeue all posts of an account's meetings that are not over, with a read before the write.

    Those in the trash are left out: who takes one out by hand decides about it, and a run must not trash many again.
    """
    current = select(meetings.c.number).where(
        meetings.c.account_id == account_id, or_(meetings.c.starts_at == 0, meetings.c.over_at > now)
    )
    where = and_(
        posts.c.account_id == account_id,
        posts.c.state.not_in([PostState.DETACHED, PostState.TRASHED]),
        posts.c.number.in_(current),
    )
    return requeue(connection, where, now=now, in_doubt=True, reset_attempts=False)


def resync(connection: Connection, site_id: str, number: int, *, now: int) -> RequeueResult:
    """Requeue one post at a person's request, whatever is known of it, and end its site's back-off."""
    where = and_(_is(site_id, number), posts.c.state != PostState.DETACHED)
    return _requeue_one(connection, where, site_id, now=now)


def return_title(connection: Connection, site_id: str, number: int, *, now: int) -> RequeueResult:
    """Requeue one post, so that Zoom's title replaces the one that an editor has given it."""
    where = and_(_is(site_id, number), posts.c.title.is_not(None))
    result = _requeue_one(connection, where, site_id, now=now)
    if result is RequeueResult.REQUEUED:
        connection.execute(update(posts).where(where).values(title=TitleState.RETURNING))
    return result


def recreate(connection: Connection, site_id: str, number: int, *, now: int) -> RequeueResult:
    """Requeue a post that a person deleted permanently, so that it is created again."""
    where = and_(_is(site_id, number), posts.c.state == PostState.DETACHED)
    result = _requeue_one(connection, where, site_id, now=now)
    if result is RequeueResult.REQUEUED:
        forgotten = dict.fromkeys(
            ("owner", "post_id", "link", "baseline", "fault", "fault_message", "reason")
        )
        new = {"state": PostState.NONE, "written": 0, "behind_since": now, "in_doubt": False}
        connection.execute(update(posts).where(where).values(**forgotten, **new))
    return result


def _requeue_one(
    connection: Connection, where: ColumnElement[bool], site_id: str, *, now: int
) -> RequeueResult:
    if not requeue(connection, where, now=now, in_doubt=True, reset_attempts=True):
        is_there = connection.execute(select(posts.c.number).where(where)).first() is not None
        return RequeueResult.BUSY if is_there else RequeueResult.NOT_FOUND
    connection.execute(update(sites).where(sites.c.id == site_id).values(blocked_until=0))
    return RequeueResult.REQUEUED


def _no_later_than(now: int) -> Any:
    return case((or_(posts.c.due_at.is_(None), posts.c.due_at > now), now), else_=posts.c.due_at)


def _is(site_id: str, number: int) -> ColumnElement[bool]:
    return and_(posts.c.site_id == site_id, posts.c.number == number)
