"""Long work: done piece by piece in the background, with its place kept, so that it goes on after a restart.

A kind of work is an object with two methods, given to `JobRunner` by name (see `core.bridge`):

    class Counting:
        def count(self, job: Job) -> int | None: ...    how much there is to do altogether, if that is known
        def piece(self, job: Job) -> Piece: ...         do the next piece, from `job.place` on

A piece is small (a second or two), and doing it twice does no harm: after a crash, or when the database could
not be written, the last one is done again. What it writes here belongs into `Piece.keep`, which runs in the
transaction that notes the place, so that both are kept or neither.
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

from core.errors import StoreError, StoreUnavailableError, ZoomBridgeError
from core.store import jobs
from core.store.db import clock as store_clock
from core.store.jobs import Job, JobState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from core.store.db.engine import Store

LEASE_SECONDS = 300  # longer than any piece takes
_WORKERS = 4
_POLL_SECONDS = 5.0  # a wake-up may be missed where another process was asked
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_KEEP_MILLISECONDS = 30 * 24 * 3600 * 1000  # how long one that has ended is shown
_SWEEP_EVERY = 720  # polls: about an hour
_STOP_SECONDS = 5.0

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobStep:
    """What came of one piece. What is left out stays as it was.

    `place` is where the next one begins, as JSON. `done` says by how much the work is further, and `counts` what
    came of that, by kind of result; both are added up. `keep` writes, in the same transaction as the place, and
    may return more counts. `then` is called once that is durable. `wait` is for how many seconds the next piece
    should wait, where the peer asks for it; `message` says why, or whatever else is worth saying now.
    """

    place: Any = None
    done: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    finished: bool = False
    total: int | None = None
    message: str | None = None
    wait: float = 0.0
    keep: Callable[[Connection], Mapping[str, int] | None] | None = None
    then: Callable[[], None] | None = None


class JobKind(Protocol):
    """A kind of long work."""

    def count(self, job: Job) -> int | None:
        """Return how much there is to do altogether; None where nobody knows. Asked once, at the beginning."""

    def piece(self, job: Job) -> JobStep:
        """Do the next piece, from `job.place` (None at the beginning).

        What is raised ends the job as failed, and its words are shown to who asked; it can then be gone on with
        from the same place. `StoreUnavailableError` only makes it wait for the database.
        """


class _LostError(Exception):
    """Somebody else took the job over, or nobody is to work on it any more."""


@dataclass(slots=True)
class JobRunner:
    """Does what is asked for, in threads of its own. Several processes share one database's jobs."""

    store: Store
    kinds: Mapping[str, JobKind]
    clock: Callable[[], float] | None = None  # without one, the store's own
    lease_seconds: float = LEASE_SECONDS
    _owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}")
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _pool: ThreadPoolExecutor | None = None
    _working: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self, kind: str, arguments: Mapping[str, Any], *, site_id: str | None = None, asked_by: str = ""
    ) -> Job:
        """Ask for a job; the same one, asked for twice, is there once. Raises `TooManyJobsError`, `StoreError`.

        `site_id` is whose administrator asks; None is one who sees every site.
        """
        if kind not in self.kinds:
            raise ZoomBridgeError(f"This bridge knows no work of the kind “{kind}”.")

        def keep(connection: Connection) -> Job:
            now = store_clock.now(connection, self.clock)
            return jobs.ask(connection, kind, arguments, site_id=site_id, asked_by=asked_by, now=now)

        asked = self.store.write(keep)
        self.wake()
        return asked

    def stop_job(self, job_id: int) -> bool:
        """End a job where it is. Tell whether it had not ended."""
        return self.store.write(
            lambda connection: jobs.stop(connection, job_id, now=store_clock.now(connection, self.clock))
        )

    def go_on(self, job_id: int) -> bool:
        """Go on with a job that was stopped or failed. Tell whether it was one of these."""
        went = self.store.write(lambda connection: jobs.go_on(connection, job_id))
        self.wake()
        return went

    def start(self) -> None:
        """Begin, with what an earlier process may have left."""
        if self.store.is_exclusive:
            self.store.write(jobs.release_all)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="job")
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the pieces at hand, let go of every job, and end: the next start goes on with them."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def take(self, room: int = _WORKERS) -> list[Job]:
        """Claim what is due, up to `room` jobs."""
        with self.store.reading() as connection:
            if not jobs.due(connection, kinds=self.kinds, now=self._now(connection), room=room):
                return []
        return self.store.write(partial(self._claim, room=room))

    def work(self, taken: Job) -> None:
        """Work on a claimed job until it ends, is stopped, must wait, or somebody else has it."""
        pause = _FIRST_PAUSE_SECONDS
        try:
            while not self._stopping.is_set():
                try:
                    if not self._step(taken):
                        return
                    pause = _FIRST_PAUSE_SECONDS
                except StoreUnavailableError as error:
                    logger.warning("job_waits", job=taken.id, kind=taken.kind, reason=str(error))
                    self._stopping.wait(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            with contextlib.suppress(StoreUnavailableError):  # then the lease ends by itself
                self.store.write(lambda connection: jobs.release(connection, taken), within=_STOP_SECONDS)
        except _LostError:
            logger.info("job_lost", job=taken.id, kind=taken.kind)

    def _step(self, taken: Job) -> bool:
        """Do one piece and note it. Tell whether to go on with the next one at once."""
        with self.store.reading() as connection:
            job = jobs.held(connection, taken)
        if job is None or job.has_ended:
            raise _LostError
        kind = self.kinds[job.kind]
        try:
            total = kind.count(job) if job.total is None and job.place is None else job.total
            piece = kind.piece(job)
            self.store.write(partial(self._settle, taken=taken, total=total, piece=piece))
        except (StoreUnavailableError, _LostError):
            raise
        except ZoomBridgeError as error:
            self._fail(taken, str(error))
            return False
        except Exception as error:
            logger.exception("job_failed", job=taken.id, kind=taken.kind)
            self._fail(
                taken,
                f"The bridge made a mistake ({type(error).__name__}); its log says more. What was done so far stays "
                "done, and you can go on from there.",
            )
            return False
        if piece.then is not None:
            piece.then()
        return not (piece.finished or piece.wait)

    def _settle(self, connection: Connection, *, taken: Job, total: int | None, piece: JobStep) -> None:
        """Keep what a piece did and where the next one begins, or neither."""
        job = jobs.held(connection, taken, for_update=True)
        if job is None:
            raise _LostError
        told = (piece.keep(connection) if piece.keep is not None else None) or {}
        counts = dict(job.counts)
        for more in (piece.counts, told):
            for name, count in more.items():
                counts[name] = counts.get(name, 0) + count
        now = self._now(connection)
        jobs.save(
            connection,
            job,
            place=job.place if piece.place is None else piece.place,
            done=job.done + piece.done,
            counts=counts,
            total=total if piece.total is None else piece.total,
            message=piece.message if not job.has_ended else job.message,
            lease_until=now + int(self.lease_seconds * 1000),
        )
        if piece.finished:
            jobs.end(connection, job, JobState.DONE, message=piece.message, now=now)
        elif piece.wait or job.has_ended:
            jobs.release(connection, job, until=now + int(piece.wait * 1000))

    def _fail(self, taken: Job, message: str) -> None:
        self.store.write(
            lambda connection: jobs.end(
                connection, taken, JobState.FAILED, message=message, now=self._now(connection)
            )
        )

    def _run(self) -> None:
        polls = 0
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                if polls % _SWEEP_EVERY == 0:
                    self.store.write(self._sweep)
                self._take_due()
            except StoreError as error:
                logger.warning("jobs_wait", reason=str(error))
            except Exception:
                logger.exception("jobs_failed")  # nothing is lost: what is due is looked for again
            polls += 1
            self._wake.wait(_POLL_SECONDS)

    def _take_due(self) -> None:
        with self._guard:
            room = _WORKERS - self._working
        if room <= 0:
            return
        assert self._pool is not None  # noqa: S101 - `start` has made it
        for taken in self.take(room):
            with self._guard:
                self._working += 1
            self._pool.submit(self._work_and_free, taken)

    def _work_and_free(self, taken: Job) -> None:
        try:
            self.work(taken)
        except Exception:
            logger.exception("job_failed", job=taken.id, kind=taken.kind)  # its lease ends by itself
        finally:
            with self._guard:
                self._working -= 1
            self._wake.set()

    def _claim(self, connection: Connection, *, room: int) -> list[Job]:
        now = self._now(connection)
        lease_until = now + int(self.lease_seconds * 1000)
        return jobs.claim(
            connection, kinds=self.kinds, owner=self._owner, now=now, lease_until=lease_until, room=room
        )

    def _sweep(self, connection: Connection) -> None:
        jobs.drop_before(connection, self._now(connection) - _KEEP_MILLISECONDS)

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)
