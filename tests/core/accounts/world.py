"""An account's double, and a bridge that reads it, for the tests of jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from core.accounts import backfill_job, import_job, reconcile_job, removal_job
from core.accounts.backfill_job import BackfillJob
from core.accounts.clients import AccountClients
from core.accounts.import_job import ImportJob
from core.accounts.reconcile_job import ReconcileJob
from core.accounts.removal_job import RemovalJob
from core.accounts.trash_limits import TrashLimitOptions
from core.jobs.runner import JobRunner
from core.model.meeting import Doubt
from core.pipeline.fold_worker import FoldWorker
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts import users as zoom_users
from core.store.accounts.credentials import ZoomAccount
from core.store.accounts.users import ZoomUser
from core.store.db.schema import jobs as jobs_table
from core.store.db.schema import meetings as meetings_table
from core.store.db.schema import zoom_accounts
from core.store.events import log
from core.store.meetings import meetings
from core.zoom.oauth import Credentials
from core.zoom.rate_limit import Plan
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.store.accounts.findings import Finding
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.store.sites.sites import Site
    from tests.zoom import ZoomServer
    from tests.zoom.account import User


class World:
    """A bridge with the account's credentials, whose jobs run only when the test says so."""

    def __init__(self, store: Store, site: Site, zoom: ZoomServer) -> None:
        self.store = store
        self.zoom = zoom
        credentials = Credentials(zoom.account.account_id, CLIENT_ID, CLIENT_SECRET, zoom.oauth_url)
        account = ZoomAccount("The choir's", credentials, plan=Plan.BUSINESS, created_at=1)
        store.write(lambda connection: zoom_credentials.save(connection, account, store.sealer))
        granted(store, account.id, site.id)
        self.now = float(int(time.time()))
        zoom.clock = zoom.account.clock = self.clock
        self.limit(TrashLimitOptions())
        self.folding = FoldWorker(store)

    def limit(self, limits: TrashLimitOptions, *, batch_size: int = 3) -> None:
        """Start the jobs' part of the bridge with options for the limits of trashing.

        `batch_size`: how many meetings a step reads, few by default, so that what a test tries takes several.
        """
        # Concurrent requests that wait for a limit would each let time pass for all: weeks of it.
        self.zoom.behaviour.is_limited = False
        accounts = AccountClients(self.store, clock=self.clock, sleep=lambda _: None)
        self.kinds: dict[str, Any] = {
            import_job.KIND: ImportJob(
                self.store, accounts, clock=self.clock, batch_size=batch_size, trash_limits=limits
            ),
            reconcile_job.KIND: ReconcileJob(
                self.store, accounts, clock=self.clock, batch_size=batch_size, trash_limits=limits
            ),
            backfill_job.KIND: BackfillJob(self.store, accounts, clock=self.clock, trash_limits=limits),
            removal_job.KIND: RemovalJob(self.store, accounts, clock=self.clock),
        }
        self.jobs = JobRunner(self.store, self.kinds, clock=self.clock)

    def clock(self) -> float:
        """Return the time of Zoom and of the jobs, in Unix seconds. It stands still until `ahead`."""
        return self.now

    def ahead(self, seconds: float) -> None:
        """Let time pass for Zoom and for the jobs."""
        self.now += seconds

    def enqueue(self, kind: str, *, cursor: Any = None, **more: Any) -> Job:
        """Enqueue a job, which an earlier process may have left at a cursor."""
        self.ahead(0.01)  # no two jobs begin in the same millisecond
        job = self.jobs.enqueue(kind, {"account": self.zoom.account.account_id, **more})
        if cursor is not None:
            self.store.write(lambda connection: connection.execute(update(jobs_table).values(cursor=cursor)))
        return job

    def know(self, user: User) -> None:
        """Have a user stored, as an earlier step would."""
        known = ZoomUser(self.zoom.account.account_id, user.id, email="", name="", seen_at=1)
        self.store.write(lambda connection: zoom_users.save(connection, [known], self.store.sealer))

    def run_steps(self, enqueued: Job, most: int = 50, *, waits: bool = True) -> Job:
        """Run steps until what was read is to be written, or the job ends, or waits; return it.

        With `waits`, a second passes where a step is to be repeated.
        """
        for _ in range(most):
            with self.store.reading() as connection:
                job = jobs.load(connection, enqueued.id)
            if job.has_ended or (job.cursor or {}).get("phase") == "posts":
                break
            claimed = self.jobs.claim()
            if not claimed:
                break
            self.jobs.run_step(claimed[0])
            self.store.write(lambda connection: jobs.release(connection, claimed[0]))  # noqa: B023 - at once
            if waits and self.load(enqueued).cursor == job.cursor:
                self.ahead(1)  # it reads again in the next second of Zoom's clock
        while self.folding.fold_pending():
            pass
        with self.store.reading() as connection:
            return jobs.load(connection, enqueued.id)

    def load(self, job: Job) -> Job:
        """Return a job as it is now."""
        with self.store.reading() as connection:
            return jobs.load(connection, job.id)

    def finish(self, job: Job) -> None:
        """Do the rest of a job whose posts are written."""
        self.store.write(lambda connection: jobs.release(connection, self.load(job)))
        for claimed in self.jobs.claim():
            self.jobs.run_step(claimed)

    def end_jobs(self) -> None:
        """End every job where it is, so that another one of its kind may begin."""
        with self.store.reading() as connection:
            unfinished = [job for job in jobs.latest(connection, 20) if not job.has_ended]
        for job in unfinished:
            self.jobs.stop_job(job.id)

    def doubt(self, number: int) -> None:
        """Let an event leave open whether a meeting exists."""
        values = {"doubt": Doubt.DELETED_WITHOUT_DATES, "last_at": int(self.clock() * 1000) - 60_000}
        this = meetings_table.c.number == number
        self.store.write(
            lambda connection: connection.execute(update(meetings_table).where(this).values(**values))
        )

    def refuse_credentials(self) -> None:
        """Have another client secret stored than the app has."""
        sealed = self.store.sealer.seal_text("another secret")
        values = {"client_secret": sealed, "token": None}
        self.store.write(lambda connection: connection.execute(update(zoom_accounts).values(**values)))

    def deliver_deletion(self, number: int) -> None:
        """Let Zoom's event of a deletion arrive."""
        event = {
            "event": "meeting.deleted",
            "event_ts": int(self.clock() * 1000),
            "payload": {"account_id": self.zoom.account.account_id, "object": {"id": number, "type": 2}},
        }
        logged = entry(self.store, event)
        self.store.write(lambda connection: log.append(connection, [logged]))
        self.folding.fold_pending()

    def meeting(self, number: int) -> Meeting | None:
        with self.store.reading() as connection:
            found = meetings.load(connection, self.store.sealer, self.zoom.account.account_id, number)
        return found and found[0]

    def found(self, job: Job) -> dict[int, str]:
        with self.store.reading() as connection:
            return {line.number: line.kind for _, line in findings.of_job(connection, job.id)}

    def lines(self, job: Job, kind: str) -> list[Finding]:
        with self.store.reading() as connection:
            return [line for _, line in findings.of_job(connection, job.id, kind=kind, limit=1000)]

    def logged(self) -> int:
        with self.store.reading() as connection:
            return len(log.latest(connection, 1000))
