"""Status of meetings' posts on their sites, for lists and for the page of one meeting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, literal_column, or_, select

from core.errors import Fault
from core.model.page_status import ChangedBy, PageStatus
from core.model.page_visit import PageVisit
from core.model.post_status import PostStatus
from core.store.db import keys
from core.store.db.schema import posts, sites
from core.store.posts.queue import PostState, TitleState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row


@dataclass(frozen=True, slots=True)
class PostSummary:
    """A meeting's post on one site. Times are Unix milliseconds (UTC).

    `due_at` is the time of its next comparison; `behind_since`, since when a newer revision is to be written.
    `edit` is the URL of its editor in wp-admin. `of_site` is the fault message of the site, which gets no requests
    until `blocked_until`. `is_held`: a worker holds its lease. `stands` is what the site told of it last, None before that;
    `stands_by` and `stands_since` are who made it so, if that is known, and when. `visit` is what visitors get of a page
    that is published, and `visit_since` since when; None until the bridge has looked. `title` is there where an editor has
    given the page a title of its own.
    """

    account_id: str
    number: int
    site_id: str
    site_name: str
    site_url: str
    status: PostStatus
    post_id: int | None
    link: str | None
    edit: str | None
    reason: str | None
    fault_message: str | None
    attempts: int
    due_at: int | None
    behind_since: int | None
    written_at: int | None
    of_site: str | None
    blocked_until: int
    is_held: bool
    stands: PageStatus | None = None
    stands_by: ChangedBy | None = None
    stands_since: int | None = None
    visit: PageVisit | None = None
    visit_since: int | None = None
    title: TitleState | None = None


def of_meetings(
    connection: Connection, meetings: Sequence[tuple[str, int]], *, now: int, site_id: str | None = None
) -> list[PostSummary]:
    """Return the posts that these meetings (accounts and numbers) own, on every site or on one, the oldest site first."""
    of_site = [] if site_id is None else [posts.c.site_id == site_id]
    query = (
        select(
            posts,
            sites.c.name,
            sites.c.url,
            sites.c.fault_message.label("of_site"),
            sites.c.blocked_until,
            sites.c.settings_page,
        )
        .join(sites, sites.c.id == posts.c.site_id)
        .where(keys.of_meetings(posts, meetings, *of_site))
        .order_by(sites.c.created_at, sites.c.id)
    )
    return [_line(row, now) for row in connection.execute(query)]


def status_of(state: str, *, is_behind: bool, fault: str | None, reason: str | None) -> PostStatus:
    """Return the status of a post. `is_behind`: a newer revision is wanted than was written."""
    if state == PostState.DETACHED:
        return PostStatus.DETACHED
    if fault is not None and fault != Fault.BUSY:
        return PostStatus.FAILING
    if is_behind:
        return PostStatus.PENDING
    if reason is not None:
        return PostStatus.WITHHELD
    return PostStatus(state)


# As text: only then do the databases use their partial index of open posts.
IS_DETACHED = posts.c.state == literal_column(f"'{PostState.DETACHED}'")
IS_OPEN = or_(
    posts.c.fault.is_not(None), posts.c.wanted > posts.c.written, posts.c.reason.is_not(None), IS_DETACHED
)
_IS_FAILING = and_(posts.c.fault.is_not(None), posts.c.fault != Fault.BUSY, ~IS_DETACHED)
_IS_PENDING = and_(
    posts.c.wanted > posts.c.written, or_(posts.c.fault.is_(None), posts.c.fault == Fault.BUSY), ~IS_DETACHED
)


def has_status(wanted: PostStatus) -> ColumnElement[bool]:
    """Return the SQL condition for posts of a status; agrees with `status_of`."""
    match wanted:
        case PostStatus.DETACHED:
            return IS_DETACHED
        case PostStatus.FAILING:
            return _IS_FAILING
        case PostStatus.PENDING:
            return _IS_PENDING
    is_at_rest = and_(
        posts.c.wanted <= posts.c.written,
        or_(posts.c.fault.is_(None), posts.c.fault == Fault.BUSY),
        ~IS_DETACHED,
    )
    if wanted is PostStatus.WITHHELD:
        return and_(posts.c.reason.is_not(None), is_at_rest)
    return and_(posts.c.state == str(wanted), posts.c.reason.is_(None), is_at_rest)


def _line(row: Row[Any], now: int) -> PostSummary:
    return PostSummary(
        account_id=row.account_id,
        number=row.number,
        site_id=row.site_id,
        site_name=row.name,
        site_url=row.url,
        status=status_of(row.state, is_behind=row.wanted > row.written, fault=row.fault, reason=row.reason),
        post_id=row.post_id,
        link=row.link,
        edit=None if row.post_id is None else f"{_admin(row)}/post.php?post={row.post_id}&action=edit",
        reason=row.reason,
        fault_message=row.fault_message,
        attempts=row.attempts,
        due_at=row.due_at,
        behind_since=row.behind_since,
        written_at=row.written_at,
        of_site=row.of_site,
        blocked_until=row.blocked_until,
        is_held=row.lease_until > now,
        stands=None if row.stands is None else PageStatus(row.stands),
        stands_by=None if row.stands_by is None else ChangedBy(row.stands_by),
        stands_since=row.stands_since,
        visit=None if row.visit is None or row.stands != PageStatus.PUBLISHED else PageVisit(row.visit),
        visit_since=row.visit_since,
        title=None if row.title is None else TitleState(row.title),
    )


def _admin(row: Row[Any]) -> str:
    """Return the URL of wp-admin: as the plugin reported it, else WordPress's default."""
    admin, found, _ = row.settings_page.partition("/edit.php")
    return admin if found else f"{row.url.rstrip('/')}/wp-admin"
