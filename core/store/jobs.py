"""Jobs: long work that is done piece by piece, how far it is, and who works on it. See `core.jobs.runner`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, insert, or_, select, update

from core import messages
from core.errors import TooManyJobsError, UnknownJobError
from core.store import audit
from core.store.audit import Action
from core.store.db import locks, notify
from core.store.db.schema import jobs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection, RowMapping

MOST_UNFINISHED = 20  # per kind and site
_LONGEST_MESSAGE = 500


class JobState(StrEnum):
    """The state of a job."""

    QUEUED = "queued"  # for its turn or a free process
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # `message` has the reason; it can be resumed
    STOPPED = "stopped"  # by a user; it can be resumed


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """A job. Its fields are the columns of the table, see `core.store.db.schema`.

    `epoch` is that of the claim under which it was read: only the holder of the newest may save anything.
    """

    id: int
    kind: str
    site_id: str | None
    requested_by: str
    arguments: Mapping[str, Any]
    state: JobState
    total: int | None
    done: int
    cursor: Any
    counts: Mapping[str, int]
    message: str | None
    created_at: int
    ended_at: int | None
    lease_until: int
    epoch: int

    @property
    def has_ended(self) -> bool:
        """Whether it is done, failed or stopped."""
        return self.state not in UNFINISHED


def enqueue(
    connection: Connection,
    kind: str,
    arguments: Mapping[str, Any],
    *,
    site_id: str | None,
    requested_by: str,
    now: int,
) -> Job:
    """Queue a job, or return the unfinished one of the same kind, site and arguments.

    `site_id` is of the administrator who requests it; None: of one who sees every site. Raises: TooManyJobsError.
    """
    _hold(connection)
    of_site = _unfinished(connection, and_(jobs.c.kind == kind, jobs.c.site_id.is_not_distinct_from(site_id)))
    for job in of_site:
        if job.arguments == arguments:
            return job
    if len(of_site) >= MOST_UNFINISHED:
        raise TooManyJobsError(messages.TOO_MANY_JOBS % {"count": len(of_site)})
    values = {
        "kind": kind,
        "site_id": site_id,
        "requested_by": requested_by,
        "arguments": dict(arguments),
        "state": JobState.QUEUED,
        "created_at": now,
    }
    job_id = connection.execute(insert(jobs).values(values).returning(jobs.c.id)).scalar_one()
    notify.notify(connection, notify.JOBS)
    audit.record_by_person(
        connection,
        Action.JOB_REQUESTED,
        site_id=site_id or _site_of(arguments),
        job=job_id,
        kind=kind,
        account=arguments.get("account"),
        dry_run=arguments.get("dry_run"),
    )
    return load(connection, job_id)


def load(connection: Connection, job_id: int, *, site_id: str | None = None) -> Job:
    """Return a job; with a `site_id`, only one that this site's administrator asked for.

    Raises `UnknownJobError`.
    """
    query = select(*_COLUMNS).where(jobs.c.id == job_id)
    if site_id is not None:
        query = query.where(jobs.c.site_id == site_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownJobError(messages.UNKNOWN_JOB)
    return _job(row)


def latest(
    connection: Connection,
    limit: int,
    *,
    kind: str | None = None,
    site_id: str | None = None,
    since: int | None = None,
) -> list[Job]:
    """Return the latest jobs, newest first; with `since` (Unix milliseconds, UTC), those that were enqueued after it."""
    query = select(*_COLUMNS).order_by(jobs.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(jobs.c.created_at > since)
    if kind is not None:
        query = query.where(jobs.c.kind == kind)
    if site_id is not None:
        query = query.where(jobs.c.site_id == site_id)
    return [_job(row) for row in connection.execute(query).mappings()]


def due(connection: Connection, *, kinds: Collection[str], now: int, room: int) -> list[Job]:
    """Return jobs that can be claimed now, up to `room`: those that have begun first, then the oldest.

    Per kind and site one job runs at a time. One that waits, as for a limit of Zoom's, keeps back only those that concern
    the same Zoom account, or like itself none.
    """
    unfinished = _unfinished(connection, jobs.c.kind.in_(list(kinds)))
    is_leased = jobs.c.state == JobState.RUNNING, jobs.c.owner.is_not(None), jobs.c.lease_until > now
    leased = set(connection.scalars(select(jobs.c.id).where(*is_leased)))
    busy = {(job.kind, job.site_id) for job in unfinished if job.id in leased}
    begun = {(job.kind, job.site_id, _account_of(job)) for job in unfinished if _has_begun(job)}
    chosen = []
    for job in sorted(unfinished, key=lambda job: not _has_begun(job)):
        of = (job.kind, job.site_id)
        is_kept_back = not _has_begun(job) and (*of, _account_of(job)) in begun
        if job.lease_until <= now and of not in busy and not is_kept_back:
            busy.add(of)
            chosen.append(job)
    return chosen[:room]


def claim(
    connection: Connection, *, kinds: Collection[str], owner: str, now: int, lease_until: int, room: int
) -> list[Job]:
    """Claim due jobs until `lease_until` (Unix milliseconds, UTC)."""
    _hold(connection)  # two processes at once could start two jobs of one kind and site
    chosen = [job.id for job in due(connection, kinds=kinds, now=now, room=room)]
    rows = connection.execute(
        update(jobs)
        .where(jobs.c.id.in_(chosen), jobs.c.state.in_(UNFINISHED))
        .values(
            state=JobState.RUNNING, owner=owner, lease_until=lease_until, epoch=jobs.c.epoch + 1, message=None
        )
        .returning(*_COLUMNS)
    )
    return sorted((_job(row) for row in rows.mappings()), key=lambda job: job.id)


def held(connection: Connection, taken: Job, *, for_update: bool = False) -> Job | None:
    """Return the current state of a claimed job; None if the claim was lost."""
    query = select(*_COLUMNS).where(jobs.c.id == taken.id, jobs.c.epoch == taken.epoch)
    row = connection.execute(query.with_for_update() if for_update else query).mappings().one_or_none()
    return None if row is None else _job(row)


def save(
    connection: Connection,
    held_job: Job,
    *,
    cursor: Any,
    done: int,
    counts: Mapping[str, int],
    total: int | None,
    message: str | None,
    lease_until: int,
) -> None:
    """Save the progress of a job that `held` returned `for_update` in this transaction."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == held_job.id, jobs.c.epoch == held_job.epoch)
        .values(
            cursor=cursor,
            done=done,
            counts=dict(counts),
            total=total,
            message=message,
            lease_until=lease_until,
        )
    )


def end(connection: Connection, taken: Job, state: JobState, *, message: str | None, now: int) -> None:
    """End a claimed job if the claim still holds. One that a user stopped stays stopped, unless it is done."""
    query = update(jobs).where(jobs.c.id == taken.id, jobs.c.epoch == taken.epoch)
    if state is not JobState.DONE:
        query = query.where(jobs.c.state.in_(UNFINISHED))
    connection.execute(
        query.values(
            state=state,
            message=None if message is None else message[:_LONGEST_MESSAGE],
            ended_at=now,
            lease_until=0,
            owner=None,
        )
    )


def release(connection: Connection, taken: Job, *, until: int = 0) -> None:
    """Release the claim of an unfinished job; it can be claimed again from `until` on (Unix milliseconds, UTC)."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == taken.id, jobs.c.epoch == taken.epoch)
        .values(owner=None, lease_until=until)
    )


def release_all(connection: Connection) -> None:
    """Release all claims: only valid where no other process can hold one."""
    connection.execute(update(jobs).where(jobs.c.owner.is_not(None)).values(owner=None, lease_until=0))


def stop(connection: Connection, job_id: int, *, now: int) -> bool:
    """Stop a job after its current step. Returns whether it was unfinished."""
    changed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_(UNFINISHED))
        .values(state=JobState.STOPPED, message=None, ended_at=now)
    )
    if changed.rowcount:
        _record(connection, Action.JOB_STOPPED, job_id)
    return changed.rowcount == 1


def resume(connection: Connection, job_id: int) -> bool:
    """Resume a stopped or failed job where it ended. Returns whether it was one."""
    changed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_((JobState.STOPPED, JobState.FAILED)))
        .values(state=JobState.QUEUED, message=None, ended_at=None, owner=None, lease_until=0)
    )
    notify.notify(connection, notify.JOBS)
    if changed.rowcount:
        _record(connection, Action.JOB_RESUMED, job_id)
    return changed.rowcount == 1


def _record(connection: Connection, action: Action, job_id: int) -> None:
    job = load(connection, job_id)
    audit.record_by_person(connection, action, site_id=job.site_id, job=job.id, kind=job.kind)


def _has_begun(job: Job) -> bool:
    return job.state is JobState.RUNNING


def _account_of(job: Job) -> Any:
    return job.arguments.get("account")


def _site_of(arguments: Mapping[str, Any]) -> str | None:
    site_id = arguments.get("site")
    return site_id if isinstance(site_id, str) else None


def drop_before(connection: Connection, moment: int) -> int:
    """Delete jobs that ended before `moment` (Unix milliseconds, UTC), with their findings. Returns their number."""
    has_ended = jobs.c.state.not_in(UNFINISHED)
    return connection.execute(delete(jobs).where(has_ended, jobs.c.ended_at < moment)).rowcount


# With labels: rows have the names of columns otherwise, and `cursor` is stored as `place`.
_COLUMNS = [jobs.c[name].label(name) for name in Job.__dataclass_fields__]
_MOST_LOOKED_AT = 1000


def _hold(connection: Connection) -> None:
    locks.acquire(connection, "jobs")


def _unfinished(connection: Connection, which: Any) -> list[Job]:
    rows = connection.execute(
        select(*_COLUMNS)
        .where(or_(jobs.c.state == JobState.QUEUED, jobs.c.state == JobState.RUNNING), which)
        .order_by(jobs.c.id)
        .limit(_MOST_LOOKED_AT)
    )
    return [_job(row) for row in rows.mappings()]


def _job(row: RowMapping) -> Job:
    return Job(**{**row, "state": JobState(row["state"])})
