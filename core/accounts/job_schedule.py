"""Enqueue the jobs of Zoom accounts that are due: reconciliations by schedule, and reads of incomplete meetings."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.accounts import backfill_job, reconcile_job
from core.accounts.recorder import DISMISSED, HELD
from core.errors import StoreUnavailableError, TooManyJobsError
from core.jobs.worker import WorkerThread
from core.model.snapshots import Drift
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts import meetings as account_meetings
from core.store.jobs import JobState

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store
    from core.store.jobs import Job

BY_ITSELF = "the bridge itself"
_POLL_SECONDS = 60.0
_SETTLE_MILLISECONDS = 3_600_000  # until a meeting that stayed unclear is read again without a change
_MOST_JOBS, MOST_UNSETTLED = 50, 1000
_MOST_RECENT = 1000  # backfills of all accounts that are looked through for those of each
_GATHER_SECONDS = 2.0  # meetings that change within this time are read by one job

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class JobScheduler:
    """Enqueue due jobs, in a thread of its own. `meetings_changed` is set when a meeting may have become incomplete.

    Up to `most_unsettled` meetings that were just read do not keep the others of their account from being read.
    """

    store: Store
    job_runner: JobRunner
    clock: Callable[[], float] = time.time
    meetings_changed: threading.Event | None = None
    most_unsettled: int = MOST_UNSETTLED
    thread: WorkerThread = field(init=False)

    def __post_init__(self) -> None:
        """Create the thread that enqueues."""
        self.thread = WorkerThread(
            "schedule",
            self._step,
            retry_seconds=_POLL_SECONDS,
            initial_wait=_POLL_SECONDS,
            gather_seconds=_GATHER_SECONDS,
            wake_event=self.meetings_changed,
        )

    def start(self) -> None:
        """Start: check every minute, and two seconds after meetings have changed."""
        self.thread.start()

    def stop(self) -> None:
        """Stop. Blocks."""
        self.thread.stop()

    def enqueue_due(self) -> None:
        """Enqueue the jobs that are due now. Raises: StoreUnavailableError."""
        now = int(self.clock() * 1000)
        with self.store.reading() as connection:
            account_ids = list(zoom_credentials.names(connection))
            due = zoom_credentials.due(connection, now)
            recent = _recent_backfills(connection, now=now)
        for account_id in account_ids:
            if self._is_incomplete(account_id, recent[account_id], now=now):
                self._enqueue(backfill_job.KIND, account_id)
        for account_id in due:
            if self._enqueue(reconcile_job.KIND, account_id):
                self.store.write(partial(zoom_credentials.postpone, account_id=account_id, now=now))

    def _is_incomplete(self, account_id: str, recent: Sequence[Job], *, now: int) -> bool:
        """Whether meetings of an account are to be read; where that cannot be told, the other accounts go on."""
        try:
            with self.store.reading() as connection:
                return _needs_backfill(
                    connection, self.store.sealer, account_id, recent, now=now, most=self.most_unsettled
                )
        except StoreUnavailableError:
            raise
        except Exception:
            logger.exception("schedule_failed", account=account_id)
            return False

    def _enqueue(self, kind: str, account_id: str) -> bool:
        """Enqueue a job; return False where too many wait, so that it stays due."""
        try:
            self.job_runner.enqueue(kind, {"account": account_id}, requested_by=BY_ITSELF)
        except TooManyJobsError as error:
            logger.warning("job_not_enqueued", kind=kind, account=account_id, reason=str(error))
            return False
        return True

    def _step(self) -> float:
        self.enqueue_due()
        return _POLL_SECONDS


def _recent_backfills(connection: Connection, *, now: int) -> defaultdict[str, list[Job]]:
    """Return the backfills of the last hour by account, the newest first."""
    found: defaultdict[str, list[Job]] = defaultdict(list)
    since = now - _SETTLE_MILLISECONDS
    for job in jobs.latest(connection, _MOST_RECENT, kind=backfill_job.KIND, since=since):
        of_account = found[job.arguments["account"]]
        if len(of_account) < _MOST_JOBS:
            of_account.append(job)
    return found


def _needs_backfill(
    connection: Connection, sealer: Sealer, account_id: str, recent: Sequence[Job], *, now: int, most: int
) -> bool:
    """Whether there are incomplete meetings, besides those that were just read: unclear, or not to be trashed.

    Where those are `most` or more, others are not told from them, and none is read for as long. Nor is one where the
    last of the `recent` backfills failed, as with credentials that Zoom does not accept: the next one would, too.
    """
    if recent and recent[0].state is JobState.FAILED:
        return False
    unsettled: dict[int, int] = {}
    for job in recent:
        for kind in (Drift.UNSURE, HELD, DISMISSED):
            for _, finding in findings.of_job(connection, job.id, kind=kind, limit=most):
                unsettled[finding.number] = max(job.created_at, unsettled.get(finding.number, 0))
    if len(unsettled) >= most:
        return False
    wanted = account_meetings.to_complete(
        connection, sealer, account_id, now=now, after=0, limit=1 + len(unsettled)
    )
    return any(meeting.last.at > unsettled.get(meeting.number, -1) for meeting in wanted)
