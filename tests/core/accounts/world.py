"""An account's double, and a bridge that reads it, for the tests of jobs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from core.accounts import backfill_job, import_job, reconcile_job
from core.accounts.backfill_job import BackfillJob
from core.accounts.clients import AccountClients
from core.accounts.import_job import ImportJob
from core.accounts.reconcile_job import ReconcileJob
from core.jobs.runner import JobRunner
from core.pipeline.fold_worker import FoldWorker
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts import users as zoom_users
from core.store.accounts.credentials import ZoomAccount
from core.store.accounts.users import ZoomUser
from core.store.db.schema import jobs as jobs_table
from core.store.events import log
from core.store.meetings import meetings
from core.zoom.oauth import Credentials
from core.zoom.rate_limit import Plan
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
    """A bridge with the account's credentials, whose jobs are done when it is told so."""

    def __init__(self, store: Store, site: Site, zoom: ZoomServer) -> None:
        self.store = store
        self.zoom = zoom
        credentials = Credentials(zoom.account.account_id, CLIENT_ID, CLIENT_SECRET, zoom.oauth_url)
        account = ZoomAccount("The choir's", credentials, plan=Plan.BUSINESS, created_at=1)
        store.write(lambda connection: zoom_credentials.save(connection, account, store.sealer))
        store.write(lambda connection: zoom_credentials.link(connection, account.id, site.id, now=1))
        accounts = AccountClients(store)
        self.kinds: dict[str, Any] = {
            import_job.KIND: ImportJob(store, accounts, batch_size=3),
            reconcile_job.KIND: ReconcileJob(store, accounts, batch_size=3),
            backfill_job.KIND: BackfillJob(store, accounts),
        }
        self.jobs = JobRunner(store, self.kinds)
        self.folding = FoldWorker(store)

    def ask(self, kind: str, *, place: Any = None, **more: Any) -> Job:
        """Enqueue a job, which an earlier process may have left at a place."""
        job = self.jobs.enqueue(kind, {"account": self.zoom.account.account_id, **more})
        if place is not None:
            self.store.write(lambda connection: connection.execute(update(jobs_table).values(place=place)))
        return job

    def know(self, user: User) -> None:
        """Have a user stored, as an earlier step would."""
        known = ZoomUser(self.zoom.account.account_id, user.id, email="", name="", seen_at=1)
        self.store.write(lambda connection: zoom_users.save(connection, [known]))

    def pieces(self, asked: Job, most: int = 50) -> Job:
        """Do pieces until what was read is to be written, or the job ends, or waits; return it."""
        for _ in range(most):
            with self.store.reading() as connection:
                job = jobs.load(connection, asked.id)
            if job.has_ended or (job.place or {}).get("phase") == "posts":
                break
            taken = self.jobs.claim()
            if not taken:
                break
            self.jobs.run_step(taken[0])
            self.store.write(lambda connection: jobs.release(connection, taken[0]))  # noqa: B023 - at once
            with self.store.reading() as connection:
                if jobs.load(connection, asked.id).place == job.place:
                    time.sleep(0.05)  # it looks again in the next second of Zoom's clock
        while self.folding.fold_pending():
            pass
        with self.store.reading() as connection:
            return jobs.load(connection, asked.id)

    def meeting(self, number: int) -> Meeting | None:
        with self.store.reading() as connection:
            found = meetings.load(connection, self.zoom.account.account_id, number)
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
