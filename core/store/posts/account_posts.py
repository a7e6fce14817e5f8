"""The posts of a Zoom account's meetings: how far they are, and having all of them looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, literal_column, or_, select, update

from core.store.db import notify
from core.store.db.schema import events, meetings, posts, sites
from core.store.posts.posts import PostState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_PENDING = "'pending'"  # as text: only then does SQLite see that its index of pending events serves
_ASKED = "repair"  # an owner that never works: whoever takes the post next finds it in doubt


@dataclass(frozen=True, slots=True)
class Left:
    """What is not done yet: events to fold, posts that only wait for their turn, and posts in trouble."""

    pending: int
    due: int
    failing: int


def left(connection: Connection, account_id: str, *, now: int) -> Left:
    """Count what is still to be written of an account's meetings. `now` is in ms since 1970, UTC."""
    is_behind = or_(posts.c.wanted > posts.c.written, posts.c.due_at <= now, posts.c.lease_until > now)
    in_trouble = or_(posts.c.fault.is_not(None), sites.c.failures > 0)
    row = connection.execute(
        select(
            func.count().filter(~in_trouble),
            func.count().filter(in_trouble),
        )
        .select_from(posts.join(sites, sites.c.id == posts.c.site_id))
        .where(posts.c.account_id == account_id, posts.c.state != PostState.DETACHED, is_behind)
    ).one()
    pending = connection.scalar(
        select(func.count()).where(
            events.c.account_id == account_id, events.c.outcome == literal_column(_PENDING)
        )
    )
    return Left(pending=pending or 0, due=row[0], failing=row[1])


def newest_pending(connection: Connection, account_id: str) -> int | None:
    """Return the newest event of the account that is not folded yet; None where every one is."""
    newest: int | None = connection.scalar(select(func.max(events.c.id)).where(_is_pending(account_id)))
    return newest


def is_pending_up_to(connection: Connection, account_id: str, event_id: int) -> bool:
    """Whether an event of the account, up to this one, is not folded yet."""
    query = select(events.c.id).where(_is_pending(account_id), events.c.id <= event_id).limit(1)
    return connection.execute(query).first() is not None


def _is_pending(account_id: str) -> Any:
    return and_(events.c.account_id == account_id, events.c.outcome == literal_column(_PENDING))


def states(
    connection: Connection, account_id: str, numbers: Sequence[int]
) -> dict[tuple[str, int], PostState]:
    """Return where posts stand, by site and meeting number; what has never been wanted is not among them."""
    rows = connection.execute(
        select(posts.c.site_id, posts.c.number, posts.c.state).where(
            posts.c.account_id == account_id, posts.c.number.in_(list(numbers))
        )
    )
    return {(site_id, number): PostState(state) for site_id, number, state in rows}


def look_at_all(connection: Connection, account_id: str, *, now: int) -> int:
    """Have every post of a meeting that is not over looked at on its site; return how many those are.

    They count as in doubt: what the bridge decides is compared with what the site has, and people's edits stay.
    """
    current = select(meetings.c.number).where(
        meetings.c.account_id == account_id, or_(meetings.c.starts_at == 0, meetings.c.over_at > now)
    )
    earlier = case((or_(posts.c.due_at.is_(None), posts.c.due_at > now), now), else_=posts.c.due_at)
    looked = connection.execute(
        update(posts)
        .where(
            and_(
                posts.c.account_id == account_id,
                posts.c.state != PostState.DETACHED,
                posts.c.lease_until <= now,
                posts.c.number.in_(current),
            )
        )
        .values(owner=_ASKED, due_at=earlier, epoch=posts.c.epoch + 1)
    ).rowcount
    notify.notify(connection, notify.POSTS)
    return looked
