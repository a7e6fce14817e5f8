"""Removals: posts that a run (import, reconciliation, backfill) would move to the trash, held ones, and decided ones.

One row per post, in its latest state. Times are Unix milliseconds (UTC). Functions run in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, or_, select, update

from core.store import audit
from core.store.audit import Action
from core.store.db import locks
from core.store.db.schema import posts, removals, sites
from core.store.db.upsert import insert
from core.store.posts.queue import PostState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Row

DAY_MILLISECONDS = 24 * 3600 * 1000
_RETENTION_MILLISECONDS = 365 * DAY_MILLISECONDS
_ROWS = 100  # per statement


class RemovalState(StrEnum):
    """The state of a removal."""

    FOUND = "found"  # by a run that has not ended
    HELD = "held"  # waits for an administrator's decision
    APPROVED = "approved"  # by an administrator; Zoom is asked once more
    DISMISSED = "dismissed"  # by an administrator: the post stays
    APPLIED = "applied"  # recorded in the log
    RETURNED = "returned"  # Zoom has the meeting again


OPEN = (RemovalState.FOUND, RemovalState.HELD, RemovalState.APPROVED, RemovalState.DISMISSED)
_DECIDED = (RemovalState.HELD, RemovalState.APPROVED, RemovalState.DISMISSED)


@dataclass(frozen=True, slots=True)
class FoundRemoval:
    """A post that a run would move to the trash, with the topic of its meeting."""

    site_id: str
    number: int
    topic: str


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal with its state. `job_id` is the job that found it last, which may have been deleted since."""

    site_id: str
    account_id: str
    number: int
    state: RemovalState
    topic: str
    job_id: int | None
    found_at: int
    decided_by: str | None
    decided_at: int | None


@dataclass(frozen=True, slots=True)
class RemovalCounts:
    """A site's posts that a run would trash, with those that runs trashed in the last day and those that are held.

    `total` is the number of the site's posts, with those that were trashed.
    """

    removed: int
    total: int


def lock(connection: Connection) -> None:
    """Lock the removals until the transaction ends, so that one run at a time counts and decides. Blocks."""
    locks.acquire(connection, "removals")


def may_have_post() -> ColumnElement[bool]:
    """Return the condition for rows of `posts` whose post visitors may see, even if the site has not confirmed it yet."""
    is_unknown = and_(posts.c.state == PostState.NONE, posts.c.written < posts.c.wanted)
    return or_(posts.c.state == PostState.SYNCED, is_unknown)


def posts_of(connection: Connection, account_id: str, numbers: Collection[int]) -> list[Any]:
    """Return site, number and encrypted base of the posts that these meetings of an account may have."""
    wanted = sorted(numbers)
    found: list[Any] = []
    for start in range(0, len(wanted), _ROWS):
        query = select(posts.c.site_id, posts.c.number, posts.c.baseline).where(
            posts.c.account_id == account_id,
            posts.c.number.in_(wanted[start : start + _ROWS]),
            may_have_post(),
        )
        found += connection.execute(query.order_by(posts.c.site_id, posts.c.number)).all()
    return found


def note_found(
    connection: Connection, job_id: int, account_id: str, found: Sequence[FoundRemoval], *, now: int
) -> dict[int, RemovalState]:
    """Record what a job found. Returns the state by meeting number: held and decided removals keep theirs."""
    before = _states(connection, account_id, {one.number for one in found})
    states = {one.number: before.get(one.number, RemovalState.FOUND) for one in found}
    for one in found:
        values = {"state": states[one.number], "topic": one.topic, "job_id": job_id}
        key = {"site_id": one.site_id, "account_id": account_id, "number": one.number}
        changed = values if one.number in before else values | {"found_at": now}
        statement = insert(connection, removals).values(**key, **values, found_at=now)
        connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed))
    return states


def found_by(connection: Connection, job_id: int) -> list[Removal]:
    """Return the removals that a job found and has not decided about, in order of meeting number."""
    where = and_(removals.c.job_id == job_id, removals.c.state == RemovalState.FOUND)
    return _list(connection, where)


def approved(connection: Connection, account_id: str) -> list[Removal]:
    """Return the approved removals of an account that are not applied yet, in order of meeting number."""
    where = and_(removals.c.account_id == account_id, removals.c.state == RemovalState.APPROVED)
    return _list(connection, where)


def held(connection: Connection, *, account_id: str | None = None, limit: int | None = None) -> list[Removal]:
    """Return the held removals whose posts are still there, in order of meeting number."""
    where = _is_held()
    if account_id is not None:
        where = and_(where, removals.c.account_id == account_id)
    return _list(connection, where, limit=limit)


def count_held(connection: Connection, *, site_id: str | None = None) -> dict[str, tuple[int, int]]:
    """Return the number of held removals and the time of the oldest, by site id."""
    query = select(removals.c.site_id, func.count(), func.min(removals.c.found_at)).where(_is_held())
    if site_id is not None:
        query = query.where(removals.c.site_id == site_id)
    rows = connection.execute(query.group_by(removals.c.site_id))
    return {of_site: (number, since) for of_site, number, since in rows}


def latest_decisions(connection: Connection, *, limit: int) -> list[Removal]:
    """Return the removals that administrators decided about, the latest decision first."""
    columns = [removals.c[name] for name in Removal.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(removals.c.decided_at.is_not(None))
        .order_by(removals.c.decided_at.desc(), removals.c.number, removals.c.site_id)
        .limit(limit)
    )
    return [_removal(row) for row in rows]


def counts(
    connection: Connection, site_ids: Collection[str], job_id: int, *, now: int
) -> dict[str, RemovalCounts]:
    """Count the removals of each site: found by this job, held, or applied by runs in the day before `now`."""
    is_recent = removals.c.applied_at > now - DAY_MILLISECONDS
    is_counted = or_(
        and_(removals.c.job_id == job_id, removals.c.state == RemovalState.FOUND),
        and_(removals.c.state == RemovalState.HELD, _has_post()),
        is_recent,
    )
    found = {}
    for site_id in sorted(site_ids):
        removed = connection.scalar(select(func.count()).where(removals.c.site_id == site_id, is_counted))
        there = connection.scalar(select(func.count()).where(posts.c.site_id == site_id, may_have_post()))
        trashed = connection.scalar(
            select(func.count()).where(removals.c.site_id == site_id, is_recent, ~_has_post())
        )
        found[site_id] = RemovalCounts(removed or 0, (there or 0) + (trashed or 0))
    return found


def set_state(
    connection: Connection,
    account_id: str,
    numbers: Collection[int],
    state: RemovalState,
    *,
    applied_at: int | None = None,
) -> None:
    """Set the state of open removals of meetings. `applied_at` is the time if a run applied them by itself."""
    values: dict[str, Any] = {"state": state}
    if applied_at is not None:
        values["applied_at"] = applied_at
    wanted = sorted(numbers)
    for start in range(0, len(wanted), _ROWS):
        connection.execute(
            update(removals)
            .where(
                removals.c.account_id == account_id,
                removals.c.number.in_(wanted[start : start + _ROWS]),
                removals.c.state.in_(OPEN),
            )
            .values(**values)
        )


def decide(
    connection: Connection,
    account_id: str,
    numbers: Collection[int] | None,
    state: RemovalState,
    *,
    by: str,
    now: int,
) -> list[int]:
    """Approve or dismiss held removals of an account, all if `numbers` is None. Returns the meeting numbers, sorted."""
    lock(connection)
    where = and_(removals.c.account_id == account_id, removals.c.state == RemovalState.HELD)
    if numbers is not None:
        where = and_(where, removals.c.number.in_(sorted(numbers)))
    rows = connection.execute(
        update(removals)
        .where(where)
        .values(state=state, decided_by=by, decided_at=now)
        .returning(removals.c.number)
    )
    decided = sorted({number for (number,) in rows})
    if decided:
        approved = state is RemovalState.APPROVED
        action = Action.REMOVALS_APPROVED if approved else Action.REMOVALS_DISMISSED
        audit.record(connection, action, account_id, number=len(decided), meeting=decided)
    return decided


def drop(connection: Connection, account_id: str, numbers: Collection[int]) -> None:
    """Delete undecided removals of meetings that are not to be removed."""
    where = and_(removals.c.account_id == account_id, removals.c.number.in_(sorted(numbers)))
    connection.execute(delete(removals).where(where, removals.c.state == RemovalState.FOUND))


def drop_old(connection: Connection, *, now: int) -> None:
    """Delete removals that a run left undecided for a day, and closed ones after a year."""
    is_left = and_(removals.c.state == RemovalState.FOUND, removals.c.found_at < now - DAY_MILLISECONDS)
    is_old = and_(removals.c.state.not_in(OPEN), removals.c.found_at < now - _RETENTION_MILLISECONDS)
    connection.execute(delete(removals).where(or_(is_left, is_old)))


def drop_account(connection: Connection, account_id: str) -> None:
    """Delete the open removals of an account that is no longer read."""
    where = and_(removals.c.account_id == account_id, removals.c.state.in_(OPEN))
    connection.execute(delete(removals).where(where))


def _states(connection: Connection, account_id: str, numbers: Collection[int]) -> Mapping[int, RemovalState]:
    """Return the state of held and decided meetings."""
    found: dict[int, RemovalState] = {}
    wanted = sorted(numbers)
    for start in range(0, len(wanted), _ROWS):
        rows = connection.execute(
            select(removals.c.number, removals.c.state).where(
                removals.c.account_id == account_id,
                removals.c.number.in_(wanted[start : start + _ROWS]),
                removals.c.state.in_(_DECIDED),
            )
        )
        found |= {number: RemovalState(state) for number, state in rows}
    return found


def _has_post() -> ColumnElement[bool]:
    return (
        select(posts.c.number)
        .where(
            posts.c.site_id == removals.c.site_id,
            posts.c.account_id == removals.c.account_id,
            posts.c.number == removals.c.number,
            may_have_post(),
        )
        .correlate(removals)
        .exists()
    )


def _is_held() -> ColumnElement[bool]:
    return and_(removals.c.state == RemovalState.HELD, _has_post())


def _list(connection: Connection, where: ColumnElement[bool], *, limit: int | None = None) -> list[Removal]:
    columns = [removals.c[name] for name in Removal.__dataclass_fields__]
    query = (
        select(*columns)
        .select_from(removals.join(sites, sites.c.id == removals.c.site_id))
        .where(where)
        .order_by(removals.c.account_id, removals.c.number, removals.c.site_id)
        .limit(limit)
    )
    return [_removal(row) for row in connection.execute(query)]


def _removal(row: Row[Any]) -> Removal:
    values = row._asdict()
    return Removal(**{**values, "state": RemovalState(values["state"])})
