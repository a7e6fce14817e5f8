"""Run background jobs step by step. Each step's result is saved, so that a job resumes after a restart.

A kind of job is an object with three methods, given to `JobRunner` by name (see `core.bridge`):

    class CountJob:
        def count(self, job: Job) -> int | None: ...    the total number of items, where it is known
        def step(self, job: Job) -> JobStep: ...        do the next step, starting at `job.cursor`
        def close(self) -> None: ...                    release what it holds between steps

A step is small (a second or two) and idempotent: after a crash, or when the database could not be written, the last
one is repeated. What it writes to this database belongs into `JobStep.write`, which runs in the transaction that
saves the cursor, so that both are stored or neither.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from core import messages
from core.errors import StoreUnavailableError, ZoomBridgeError
from core.jobs.worker import WorkerThread
from core.store import jobs
from core.store.db import clock as store_clock
from core.store.jobs import Job, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from core.store.db.engine import Store

LEASE_SECONDS = 300  # longer than any step takes
_CONCURRENT_JOBS = 4
_LONGEST_RETRY_SECONDS = 30.0
_RETENTION_MILLISECONDS = 30 * 24 * 3600 * 1000  # how long an ended job is shown
_POLLS_PER_SWEEP = 720  # about an hour
_STOP_SECONDS = 5.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobStep:
    """The result of one step. What is left out stays as it was.

    `cursor` is where the next step starts, as JSON. `done` is added to the job's progress, and `counts` to its counts
    by kind of result. `write` runs in the transaction that saves the cursor, and may return more counts.
    `after_commit` is called once that is durable. `wait` is the time in seconds before the next step, where the peer
    asks for it; `message` is shown with the job, such as the reason for the wait.
    """

    cursor: Any = None
    done: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    finished: bool = False
    total: int | None = None
    message: str | None = None
    wait: float = 0.0
    write: Callable[[Connection], Mapping[str, int] | None] | None = None
    after_commit: Callable[[], None] | None = None


class JobKind(Protocol):
    """A kind of background job. Steps of several jobs may run at the same time."""

    def count(self, job: Job) -> int | None:
        """Return the total number of items; None where it is not known. Called once, before the first step."""

    def step(self, job: Job) -> JobStep:
        """Do the next step, starting at `job.cursor` (None at the beginning).

        An exception ends the job as failed, and its message is shown with it; the job can then be resumed from the
        same cursor. `StoreUnavailableError` only makes it wait for the database.
        """

    def close(self) -> None:
        """Release what is held between steps, such as threads. Called when the process stops."""


class _LeaseLostError(Exception):
    """Another process has claimed the job, or it was stopped."""


@dataclass(slots=True)
class JobRunner:
    """Run enqueued jobs in threads of its own. Several processes share the jobs of one database.

    Without a `clock` the store's own is used. Another process takes over a job `lease_seconds` after its owner's
    last step. A step that the database refuses is repeated after `retry_seconds`, doubling up to 30 s. Due jobs are
    looked up every `poll_seconds`, and at once after `enqueue` in this process.
    """

    store: Store
    kinds: Mapping[str, JobKind]
    clock: Callable[[], float] | None = None
    lease_seconds: float = LEASE_SECONDS
    retry_seconds: float = 1.0
    poll_seconds: float = 5.0  # a wake-up may be missed where another process enqueued the job
    thread: WorkerThread = field(init=False)
    _owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}")
    _pool: ThreadPoolExecutor | None = None
    _running: set[tuple[int, int]] = field(default_factory=set)  # ids and epochs of claimed jobs
    _polls: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create the thread that claims jobs."""
        self.thread = WorkerThread("jobs", self._poll, retry_seconds=self.poll_seconds)

    def enqueue(
        self, kind: str, arguments: Mapping[str, Any], *, site_id: str | None = None, requested_by: str = ""
    ) -> Job:
        """Enqueue a job; an unfinished job with the same arguments is returned instead of a second one.

        `site_id` limits it to what the administrator of that site may see; None is not limited.
        Raises: TooManyJobsError, StoreError.
        """
        if kind not in self.kinds:
            raise ZoomBridgeError(messages.UNKNOWN_JOB_KIND % {"kind": kind})

        def write(connection: Connection) -> Job:
            now = store_clock.now(connection, self.clock)
            return jobs.enqueue(
                connection, kind, arguments, site_id=site_id, requested_by=requested_by, now=now
            )

        job = self.store.write(write)
        self.wake()
        return job

    def stop_job(self, job_id: int) -> bool:
        """Stop a job after its current step. Return False where it had ended."""
        return self.store.write(
            lambda connection: jobs.stop(connection, job_id, now=store_clock.now(connection, self.clock))
        )

    def resume_job(self, job_id: int) -> bool:
        """Resume a job that was stopped or failed. Return False where it was neither."""
        resumed = self.store.write(lambda connection: jobs.resume(connection, job_id))
        self.wake()
        return resumed

    def start(self) -> None:
        """Start, and resume what an earlier process left unfinished."""
        if self.store.is_exclusive:
            self.store.write(jobs.release_all)
        self._pool = ThreadPoolExecutor(_CONCURRENT_JOBS, thread_name_prefix="job")
        self.thread.start()

    def wake(self) -> None:
        """Check for due jobs now."""
        self.thread.wake()

    def stop(self) -> None:
        """Finish the current steps, release every job and stop: the next start resumes them. Blocks."""
        self.thread.stop()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        for kind in self.kinds.values():
            kind.close()

    def claim(self, limit: int = _CONCURRENT_JOBS) -> list[Job]:
        """Claim due jobs, up to `limit`."""
        with self.store.reading() as connection:
            if not jobs.due(connection, kinds=self.kinds, now=self._now(connection), room=limit):
                return []
        return self.store.write(partial(self._claim, limit=limit))

    def run(self, claimed: Job) -> None:
        """Run a claimed job until it ends, is stopped, has to wait, or its lease is lost."""
        stopping = self.thread.stopping
        retry_seconds = self.retry_seconds
        try:
            while not stopping.is_set():
                try:
                    if not self.run_step(claimed):
                        return
                    retry_seconds = self.retry_seconds
                except StoreUnavailableError as error:
                    logger.warning("job_retries", job=claimed.id, kind=claimed.kind, reason=str(error))
                    stopping.wait(retry_seconds)
                    retry_seconds = min(2 * retry_seconds, _LONGEST_RETRY_SECONDS)
            with contextlib.suppress(StoreUnavailableError):  # then the lease expires
                self.store.write(lambda connection: jobs.release(connection, claimed), within=_STOP_SECONDS)
        except _LeaseLostError:
            logger.info("job_lease_lost", job=claimed.id, kind=claimed.kind)

    def run_step(self, claimed: Job) -> bool:
        """Run one step of a claimed job and save its result. Return whether the next one is due at once."""
        with self.store.reading() as connection:
            job = jobs.held(connection, claimed)
        if job is None or job.has_ended:
            raise _LeaseLostError
        kind = self.kinds[job.kind]
        try:
            with structlog.contextvars.bound_contextvars(job=claimed.id, job_kind=claimed.kind):
                total = kind.count(job) if job.total is None and job.cursor is None else job.total
                step = kind.step(job)
            self.store.write(partial(self._save, claimed=claimed, total=total, step=step))
        except (StoreUnavailableError, _LeaseLostError):
            raise
        except ZoomBridgeError as error:
            self._fail(claimed, str(error))
            return False
        except Exception as error:
            logger.exception("job_failed", job=claimed.id, kind=claimed.kind)
            self._fail(
                claimed,
                messages.JOB_FAILED % {"error": type(error).__name__},
            )
            return False
        if step.after_commit is not None:
            step.after_commit()
        return not (step.finished or step.wait)

    def _save(self, connection: Connection, *, claimed: Job, total: int | None, step: JobStep) -> None:
        """Save what a step did and where the next one starts, or neither."""
        job = jobs.held(connection, claimed, for_update=True)
        if job is None:
            raise _LeaseLostError
        written = (step.write(connection) if step.write is not None else None) or {}
        counts = dict(job.counts)
        for more in (step.counts, written):
            for name, count in more.items():
                counts[name] = counts.get(name, 0) + count
        now = self._now(connection)
        jobs.save(
            connection,
            job,
            cursor=job.cursor if step.cursor is None else step.cursor,
            done=job.done + step.done,
            counts=counts,
            total=total if step.total is None else step.total,
            message=step.message if not job.has_ended else job.message,
            lease_until=now + int(self.lease_seconds * 1000),
        )
        if step.finished:
            jobs.end(connection, job, JobState.DONE, message=step.message, now=now)
        elif step.wait or job.has_ended:
            jobs.release(connection, job, until=now + int(step.wait * 1000))

    def _fail(self, claimed: Job, message: str) -> None:
        self.store.write(
            lambda connection: jobs.end(
                connection, claimed, JobState.FAILED, message=message, now=self._now(connection)
            )
        )

    def _poll(self) -> float:
        """Start due jobs; return how many seconds to wait before the next poll."""
        if self._polls % _POLLS_PER_SWEEP == 0:
            self.store.write(self._drop_ended)
        self._polls += 1
        with self._guard:
            free = _CONCURRENT_JOBS - len(self._running)
        if free > 0:
            assert self._pool is not None  # noqa: S101 - created by `start`
            for claimed in self.claim(free):
                with self._guard:
                    self._pool.submit(
                        self._run_in_pool, claimed
                    )  # first: where no thread can be started, none runs
                    self._running.add((claimed.id, claimed.epoch))
        return self.poll_seconds

    def _run_in_pool(self, claimed: Job) -> None:
        try:
            self.run(claimed)
        except Exception:
            logger.exception("job_failed", job=claimed.id, kind=claimed.kind)  # its lease expires
        finally:
            with self._guard:
                self._running.discard((claimed.id, claimed.epoch))
            self.wake()

    def _claim(self, connection: Connection, *, limit: int) -> list[Job]:
        now = self._now(connection)
        lease_until = now + int(self.lease_seconds * 1000)
        return jobs.claim(
            connection, kinds=self.kinds, owner=self._owner, now=now, lease_until=lease_until, room=limit
        )

    def _drop_ended(self, connection: Connection) -> None:
        jobs.drop_before(connection, self._now(connection) - _RETENTION_MILLISECONDS)

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)
