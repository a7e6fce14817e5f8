"""Query the meetings of a site's calendar: those with a page that visitors see, and deleted ones that had one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from core.model.meeting import MeetingState
from core.model.page_status import ChangedBy, PageStatus
from core.render.ical import CANCELLED_FOR, CalendarEntry
from core.store.db.schema import meetings, posts
from core.store.meetings import shown
from core.store.posts.queue import PostState

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer

MOST = 2000  # meetings in one calendar, the nearest first
_PAST_MILLISECONDS = 90 * 24 * 3600 * 1000  # for how long what is over stays in it


def entries(
    connection: Connection, sealer: Sealer, site_id: str, *, now: int, number: int | None = None
) -> list[CalendarEntry]:
    """Return the meetings of a site's calendar, or only one of them. `now` is in Unix milliseconds (UTC)."""
    # Where the site has not told yet what stands, the page counts as the bridge wrote it.
    is_public = or_(posts.c.stands.is_(None), posts.c.stands == PageStatus.PUBLISHED)
    was_public = and_(
        posts.c.stands_by == ChangedBy.BRIDGE,
        or_(posts.c.stood.is_(None), posts.c.stood == PageStatus.PUBLISHED),
    )
    is_shown = and_(posts.c.state == PostState.SYNCED, is_public)
    went = and_(
        posts.c.state == PostState.TRASHED,
        or_(is_public, was_public),
        meetings.c.state != MeetingState.SCHEDULED,
        meetings.c.last_at > now - int(CANCELLED_FOR.total_seconds() * 1000),
    )
    query = (
        select(posts.c.number, posts.c.wanted, posts.c.link, posts.c.post_id)
        .join(
            meetings, and_(meetings.c.account_id == posts.c.account_id, meetings.c.number == posts.c.number)
        )
        .where(posts.c.site_id == site_id, posts.c.post_id.is_not(None), or_(is_shown, went))
        .order_by(meetings.c.over_at.desc(), posts.c.number)
        .limit(MOST)
    )
    if number is None:
        query = query.where(meetings.c.over_at > now - _PAST_MILLISECONDS)
    else:
        query = query.where(posts.c.number == number)
    rows = connection.execute(query).all()
    known = shown.of_site(connection, sealer, site_id, [row.number for row in rows])
    return [
        CalendarEntry(known[row.number][0], row.wanted, row.link or "", row.post_id)
        for row in rows
        if row.number in known
    ]
