"""The things that run, and how they wake each other: bytes → log → meetings → posts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.accounts import backfill_job, import_job, reconcile_job
from core.accounts.backfill_job import BackfillJob
from core.accounts.clients import AccountClients
from core.accounts.import_job import ImportJob
from core.accounts.reconcile_job import ReconcileJob
from core.accounts.schedule import JobScheduler
from core.jobs.runner import JobRunner
from core.pipeline import replay
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.ingest import Ingest
from core.pipeline.mirror_worker import LEASE_SECONDS, MirrorWorker
from core.pipeline.replay import ReplayJob
from core.pipeline.retention import Retention
from core.selftest.cleanup import CLEANING, TRIAL, CleanupJob
from core.selftest.job import SelfTestJob
from core.sites.apply_rules import KIND as REVIEW
from core.sites.apply_rules import ApplyRulesJob
from core.sites.health import HealthChecker
from core.store.db import notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.jobs.runner import JobKind
    from core.store.db.engine import Store


def both(one: Callable[[], None], other: Callable[[], None]) -> Callable[[], None]:
    """Return what calls the one, then the other."""

    def call() -> None:
        one()
        other()

    return call


@dataclass(slots=True)
class Bridge:
    """One process of the bridge, on an open store whose tables are up to date."""

    store: Store
    ingest: Ingest
    folding: FoldWorker
    mirror: MirrorWorker
    retention: Retention
    jobs: JobRunner
    scheduling: JobScheduler
    accounts: AccountClients
    looks: HealthChecker
    listener: notify.Listener | None

    @classmethod
    def on(
        cls,
        store: Store,
        *,
        clock: Callable[[], float] | None = None,
        keep_days: int | None = None,
        keep_events: int | None = None,
        keep_names_days: int | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Bridge:
        """Wire the parts together. The log keeps events for `keep_days`, and `keep_events` at most, or as is set.

        Names of people who registered or took part stay in them for `keep_names_days`, or as is set.

        Other processes take over a post or a job after `lease_seconds` from one that died while it worked on it.
        """
        mirror = MirrorWorker(store, clock=clock, lease_seconds=lease_seconds)
        folding = FoldWorker(store, clock=clock)
        accounts = AccountClients(store, clock=clock or time.time)
        ingest = Ingest(store, appended=folding.wake, clock=clock or time.time)
        keeping = Retention(store, keep_days, keep_events, keep_names_days, clock=clock or time.time)
        # Of long work.
        kinds: dict[str, JobKind] = {
            REVIEW: ApplyRulesJob(store, asked=mirror.wake, clock=clock),
            TRIAL: SelfTestJob(store, folding.wake, mirror.wake, clock or time.time),
            CLEANING: CleanupJob(store, folding.wake, clock or time.time),
            import_job.KIND: ImportJob(store, accounts, folding.wake, clock or time.time),
            reconcile_job.KIND: ReconcileJob(
                store, accounts, folding.wake, clock or time.time, mirrored=mirror.wake
            ),
            replay.KIND: ReplayJob(store, ingest, folding.wake, mirror.wake, clock),
            backfill_job.KIND: BackfillJob(store, accounts, folding.wake, clock or time.time),
        }
        jobs = JobRunner(store, kinds, clock=clock, lease_seconds=lease_seconds)
        scheduling = JobScheduler(store, jobs, clock=clock or time.time)
        folding.folded = both(mirror.wake, scheduling.wake)
        heard: dict[str, Callable[[str], None]] = {
            notify.EVENTS: lambda _: folding.wake(),
            notify.POSTS: lambda _: mirror.wake(),
            notify.JOBS: lambda _: jobs.wake(),
            notify.SECRETS: lambda site_id: ingest.forget(site_id or None),
        }
        listener = notify.Listener(store.url, heard) if store.is_shared else None
        looks = HealthChecker(store, looked=mirror.wake)
        return cls(store, ingest, folding, mirror, keeping, jobs, scheduling, accounts, looks, listener)

    def start(self) -> None:
        """Begin to fold and to mirror, with what an earlier process may have left."""
        self.work()
        self.retention.start()
        self.scheduling.start()
        if self.listener is not None:
            self.listener.start()

    def work(self) -> None:
        """Begin only with what is there to do, for a while: nothing is dropped for its age, and nothing is due by itself."""
        self.folding.start()
        self.mirror.start()
        self.jobs.start()

    def stop(self) -> None:
        """Finish the steps at hand and let go of every claim. The store stays open."""
        if self.listener is not None:
            self.listener.stop()
        self.scheduling.stop()
        self.jobs.stop()
        for kind in self.jobs.kinds.values():
            if isinstance(kind, ImportJob):
                kind.close()
        self.retention.stop()
        self.folding.stop()
        self.mirror.stop()
