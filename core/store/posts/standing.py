"""What stands in posts on their sites: recorded after the bridge's writes, changes of others, and sweeps.

Times are Unix milliseconds (UTC). Functions run in the caller's transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Integer, Text, and_, bindparam, case, func, or_, select, update

from core import messages
from core.model.page_status import ChangedBy, PageStatus, changed_by, page_status
from core.store.db.schema import posts
from core.store.db.statements import Prepared
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.store.posts.queue import PostState, TitleState
from core.store.posts.requeue import requeue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection

    from core.wordpress.sync_operations import PostReport

_STATES_THERE = (PostState.SYNCED, PostState.TRASHED)


def record(connection: Connection, site_id: str, reports: Iterable[PostReport], *, now: int) -> None:
    """Record what stands in posts of a site. A report of another post than the one that is known is ignored.

    The time and the author of the status stay while the status does. A post that is deleted keeps its last digest.
    """
    # In the order of the numbers, to avoid deadlocks between processes.
    known = sorted(
        (report for report in reports if report.number is not None), key=lambda one: one.number or 0
    )
    if known:
        _RECORDING.many(connection, [_given(site_id, report, now) for report in known])


def record_changes(connection: Connection, site_id: str, changes: Sequence[PostReport], *, now: int) -> None:
    """Record what others have changed.

    A post of which others have changed the bridge's metas is compared and written again, also while a worker is writing
    it: its result says nothing of what came after. Changes by people, such as the form of another plugin, lead to that
    each time; those by other plugins and scheduled tasks once for each wanted revision. Then what stands is accepted,
    and recorded as an attempt, so that the two do not write against each other for ever.

    A post that is deleted is compared, too: there may be another one of its number. One that is in the trash is left
    alone.
    """
    if not changes:
        return
    before = _known(connection, site_id, [change.number for change in changes if change.number is not None])
    record(connection, site_id, changes, now=now)
    compared = []
    for change in changes:
        known = None if change.number is None else before.get(change.number)
        if change.number is None or known is None or not _is_to_be_compared(change, known):
            continue
        is_automatic = change.by != ChangedBy.USER and bool(change.altered)
        if is_automatic and known.restored == known.wanted:
            if not known.in_doubt:  # otherwise it is still to be undone: the same change, told once more
                _record_accepted(connection, site_id, change.number, change.altered or (), now=now)
            continue
        if is_automatic:
            connection.execute(
                update(posts).where(_is(site_id, change.number)).values(restored=posts.c.wanted)
            )
        compared.append(change.number)
    _requeue(connection, site_id, compared, now=now, take_over=True)


def _is_to_be_compared(change: PostReport, before: Any) -> bool:
    if change.post != before.post_id or before.state != PostState.SYNCED:
        return False
    status = page_status(change.status, password=change.password)
    if status is PageStatus.GONE:
        return True
    if status is PageStatus.TRASHED:
        return False
    if change.altered is not None:
        return bool(change.altered)
    # The site does not know what has changed: it wrote the post before it recorded that.
    same_status = before.stands is None or before.stands == status
    return change.by == ChangedBy.USER and not change.ours and same_status


def _record_accepted(
    connection: Connection, site_id: str, number: int, altered: Sequence[str], *, now: int
) -> None:
    """Record as an attempt that what another plugin has written is accepted, unless the last attempt says so."""
    message = messages.FIELDS_ACCEPTED % {"fields": ", ".join(altered)}
    last = attempts.of_post(connection, site_id, number, limit=1)
    if not last or (last[0].action, last[0].message) != ("accepted", message):
        attempts.add(connection, [Attempt(site_id, number, now, 0, action="accepted", message=message)])


def record_sweep(
    connection: Connection, site_id: str, reports: Sequence[PostReport], *, is_restored: bool, now: int
) -> None:
    """Record a page of a sweep, and compare the posts that have changed without a notice.

    `is_restored`: the site's database is an older copy, so that also posts are compared that the bridge had moved to the
    trash. Otherwise a person may have taken them out again.
    """
    numbers = [report.number for report in reports if report.number is not None]
    before = _known(connection, site_id, numbers)
    record(connection, site_id, reports, now=now)
    states = _STATES_THERE if is_restored else (PostState.SYNCED,)
    changed = [
        report.number
        for report in reports
        if report.number in before
        and before[report.number].post_id == report.post
        and before[report.number].state in states
        and before[report.number].digest not in (None, report.digest)
    ]
    _requeue(connection, site_id, [number for number in changed if number is not None], now=now)


def record_missing(
    connection: Connection, site_id: str, seen: Sequence[int], *, since: int, is_restored: bool, now: int
) -> int:
    """Record that the posts of a site are gone which a whole sweep has not seen; returns their number.

    `seen` are the IDs of those that it has. Posts written after `since`, when it began, do not count. They are compared
    again; where the database `is_restored`, they are created again.
    """
    there = connection.execute(
        select(posts.c.number, posts.c.post_id, posts.c.state).where(
            posts.c.site_id == site_id,
            posts.c.post_id.is_not(None),
            posts.c.state.in_(_STATES_THERE),
            posts.c.lease_until <= now,
            or_(posts.c.written_at.is_(None), posts.c.written_at < since),
            or_(posts.c.stands.is_(None), posts.c.stands != PageStatus.GONE),
        )
    ).all()
    known = set(seen)
    missing = [row for row in there if row.post_id not in known]
    for row in missing:
        connection.execute(
            update(posts)
            .where(_is(site_id, row.number), posts.c.post_id == row.post_id)
            .values(stood=posts.c.stands, stands=PageStatus.GONE, stands_by=None, stands_since=now)
        )
    shown = [row.number for row in missing if row.state == PostState.SYNCED]
    if is_restored:
        forgotten = dict.fromkeys(("owner", "post_id", "link", "baseline", "stands", "stood", "digest"))
        values = {"state": PostState.NONE, "written": 0, "behind_since": now}
        for number in shown:
            connection.execute(update(posts).where(_is(site_id, number)).values(**forgotten, **values))
    _requeue(connection, site_id, shown, now=now)
    return len(missing)


def count(connection: Connection, site_id: str) -> dict[PageStatus | None, int]:
    """Return how many pages that a site should show are of each status; None: the site has not told it yet."""
    status = case((posts.c.state == PostState.DETACHED, str(PageStatus.GONE)), else_=posts.c.stands)
    rows = connection.execute(
        select(status.label("status"), func.count().label("pages"))
        .where(posts.c.site_id == site_id, posts.c.state.in_([PostState.SYNCED, PostState.DETACHED]))
        .group_by(status)
    )
    return {None if row.status is None else PageStatus(row.status): row.pages for row in rows}


def _known(connection: Connection, site_id: str, numbers: Sequence[int]) -> dict[int, Any]:
    rows = connection.execute(
        select(
            posts.c.number,
            posts.c.post_id,
            posts.c.state,
            posts.c.stands,
            posts.c.digest,
            posts.c.wanted,
            posts.c.restored,
            posts.c.in_doubt,
        ).where(posts.c.site_id == site_id, posts.c.number.in_(numbers))
    )
    return {row.number: row for row in rows}


def _requeue(
    connection: Connection, site_id: str, numbers: Sequence[int], *, now: int, take_over: bool = False
) -> None:
    if numbers:
        where = and_(posts.c.site_id == site_id, posts.c.number.in_(numbers))
        requeue(connection, where, now=now, in_doubt=True, reset_attempts=False, take_over=take_over)


def _is(site_id: str, number: int) -> ColumnElement[bool]:
    return and_(posts.c.site_id == site_id, posts.c.number == number)


def _given(site_id: str, report: PostReport, now: int) -> Mapping[str, Any]:
    return {
        "of_site": site_id,
        "of_number": report.number,
        "of_post": report.post,
        "now_stands": page_status(report.status, password=report.password),
        "changed_by": changed_by(report.by),
        "changed_at": now if report.at is None else min(report.at * 1000, now),
        "now_digest": report.digest or None,
        "leads_to": report.link or None,
        "has_own_title": None if report.editors_title is None else int(report.editors_title),
    }


def _recording(_dialect: str) -> Any:
    """Return the statement of `record`."""
    status, by, digest, link = (
        bindparam(name, type_=Text) for name in ("now_stands", "changed_by", "now_digest", "leads_to")
    )
    own_title = bindparam("has_own_title", type_=Integer)
    stays = func.coalesce(posts.c.stands, "") == status
    # The bridge forgets the post that it deletes.
    is_forgotten = and_(posts.c.post_id.is_(None), status == str(PageStatus.GONE))
    return (
        update(posts)
        .where(
            posts.c.site_id == bindparam("of_site"),
            posts.c.number == bindparam("of_number"),
            or_(posts.c.post_id == bindparam("of_post", type_=BigInteger), is_forgotten),
        )
        .values(
            stands=status,
            stands_by=case((stays, posts.c.stands_by), else_=by),
            stands_since=case((stays, posts.c.stands_since), else_=bindparam("changed_at", type_=BigInteger)),
            stood=case((stays, posts.c.stood), else_=posts.c.stands),
            **{
                name: case((stays, posts.c[name]), else_=None)
                for name in ("visit", "visit_since", "visited_at")
            },
            digest=func.coalesce(digest, posts.c.digest),
            link=func.coalesce(link, posts.c.link),
            title=case(
                (own_title == 1, func.coalesce(posts.c.title, str(TitleState.EDITORS))),
                (own_title == 0, None),
                else_=posts.c.title,
            ),
        )
    )


_RECORDING = Prepared(_recording)
