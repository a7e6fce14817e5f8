"""What a replay changes: events are taken up again, and posts are looked at again. See `core.pipeline.replay`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, or_, select, tuple_, update

from core.store.db import notify
from core.store.db.schema import events, meetings, posts, quarantine, sites
from core.store.events.log import Outcome
from core.store.posts.posts import PostState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from core.store.events.search import EventFilter, EventKey

Named = tuple[str, int]
"""A meeting: account and number."""

_ASKED = "a replay"  # an owner that never works: whoever takes the post next finds it in doubt
_LOOKED_AT = 1000


def reopen(connection: Connection, ids: Sequence[int]) -> int:
    """Let events that failed, or were ignored, be folded again; return how many that were."""
    changed = connection.execute(
        update(events)
        .where(events.c.id.in_(list(ids)), events.c.outcome.in_([Outcome.FAILED, Outcome.IGNORED]))
        .values(outcome=Outcome.PENDING, reason=None, folded_at=None)
    )
    if changed.rowcount:
        notify.notify(connection, notify.EVENTS)
    return changed.rowcount


def revision(connection: Connection, named: Named) -> int:
    """Return the revision of a meeting, which nobody else changes until the transaction ends; 0 if there is none."""
    query = select(meetings.c.revision).where(
        meetings.c.account_id == named[0], meetings.c.number == named[1]
    )
    found: int | None = connection.scalar(query.with_for_update())
    return found or 0


def look_again(connection: Connection, named: Sequence[Named], *, site_id: str | None, now: int) -> int:
    """Let the posts of these meetings be looked at and written now, on every site or on one; return how many.

    They count as in doubt: all that the bridge decides is written, and what people have changed stays. One that is
    being written at this moment is left to whoever does that.
    """
    which = [
        tuple_(posts.c.account_id, posts.c.number).in_(list(named)),
        posts.c.state.not_in([PostState.DETACHED, PostState.GONE]),
        posts.c.lease_until <= now,
    ]
    if site_id is not None:
        which.append(posts.c.site_id == site_id)
    earlier = case((or_(posts.c.due_at.is_(None), posts.c.due_at > now), now), else_=posts.c.due_at)
    changed = connection.execute(
        update(posts)
        .where(*which)
        # A worker that lost its lease may yet tell of the post: by the new epoch, that counts for nothing.
        .values(owner=_ASKED, due_at=earlier, attempts=0, epoch=posts.c.epoch + 1)
    )
    notify.notify(connection, notify.POSTS)
    return changed.rowcount


def due(connection: Connection, *, now: int, most: int) -> int:
    """Return how many posts are due now on sites that take writes, counting no further than `most`."""
    waiting = (
        select(posts.c.number)
        .join(sites, and_(sites.c.id == posts.c.site_id, sites.c.blocked_until <= now))
        .where(posts.c.due_at <= now)
        .limit(most)
    )
    return connection.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def comes_again(connection: Connection, named: Named, wanted: EventFilter, beyond: EventKey) -> bool:
    """Whether a later event of this meeting matches, so that its turn is yet to come.

    Only so many later events are looked at: where that does not decide it, the answer is no, and the meeting may
    have its turn twice.
    """
    account_id, number = named
    later = (
        select(events.c.event, events.c.outcome, events.c.account_id)
        .where(
            events.c.number == number,
            tuple_(events.c.received_at, events.c.id) > tuple_(beyond.received_at, beyond.id),
            *([] if wanted.until is None else [events.c.received_at < wanted.until]),
        )
        .order_by(events.c.received_at, events.c.id)
        .limit(_LOOKED_AT)
        .subquery()
    )
    asked = [later.c.account_id == account_id]
    if wanted.event:
        asked.append(later.c.event == wanted.event)
    if wanted.outcome is not None:
        asked.append(later.c.outcome == wanted.outcome)
    return connection.execute(select(later.c.event).where(*asked).limit(1)).first() is not None


def sites_of(connection: Connection, site_id: str | None) -> list[str]:
    """Return the ids of every site, or of one if it is there, in the order of their ids."""
    query = select(sites.c.id).order_by(sites.c.id)
    if site_id is not None:
        query = query.where(sites.c.id == site_id)
    return list(connection.scalars(query))


def held(connection: Connection, site_id: str) -> int:
    """Return how many refused requests a site's quarantine holds."""
    query = select(func.count()).select_from(quarantine).where(quarantine.c.site_id == site_id)
    return connection.scalar(query) or 0
