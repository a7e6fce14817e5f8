"""Wire the parts of one process, and the signals by which each wakes the next: bytes → log → meetings → posts."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import bulk
from core.accounts import backfill_job, import_job, reconcile_job, removal_job
from core.accounts.backfill_job import BackfillJob
from core.accounts.clients import AccountClients
from core.accounts.import_job import ImportJob
from core.accounts.job_schedule import JobScheduler
from core.accounts.reconcile_job import ReconcileJob
from core.accounts.removal_job import RemovalJob
from core.accounts.trash_limits import TrashLimitOptions
from core.bulk import BulkJob
from core.jobs.runner import JobRunner
from core.monitoring.notify.deliverer import AlertDeliverer, untranslated
from core.monitoring.notify.watcher import AlertWatcher
from core.monitoring.throughput import Throughput
from core.pipeline import replay
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.ingest import Ingest
from core.pipeline.mirror_worker import LEASE_SECONDS, MirrorWorker
from core.pipeline.replay import ReplayJob
from core.pipeline.retention import Retention
from core.selftest.cleanup import CLEANUP, SELF_TEST, CleanupJob
from core.selftest.job import SelfTestJob
from core.sites import apply_rules
from core.sites.apply_rules import ApplyRulesJob
from core.sites.health_worker import HealthWorker
from core.sites.key_rotation import KeyRotator
from core.sites.pairing_caller import PairingCaller
from core.sites.plugin_reports import MoveChecker
from core.sites.returned_password import PasswordReturner
from core.store.db import notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.jobs.runner import JobKind
    from core.store.db.engine import Store


@dataclass(slots=True)
class Bridge:
    """One process of the bridge, on an open store whose tables are up to date."""

    store: Store
    ingest: Ingest
    fold_worker: FoldWorker
    mirror_worker: MirrorWorker
    retention: Retention
    job_runner: JobRunner
    scheduler: JobScheduler
    account_clients: AccountClients
    health_worker: HealthWorker
    pairing_caller: PairingCaller
    key_rotator: KeyRotator
    move_checker: MoveChecker
    trash_limits: TrashLimitOptions
    throughput: Throughput
    alert_watcher: AlertWatcher
    alert_deliverer: AlertDeliverer
    listener: notify.Listener | None

    @classmethod
    def create(
        cls,
        store: Store,
        *,
        clock: Callable[[], float] | None = None,
        keep_days: int | None = None,
        keep_events: int | None = None,
        keep_names_days: int | None = None,
        trash_limits: TrashLimitOptions | None = None,
        lease_seconds: float = LEASE_SECONDS,
        translate: Callable[[str, str], str] = untranslated,
        public_url: str = "",
    ) -> Bridge:
        """Create and connect the parts; `start` starts them.

        The log keeps events for `keep_days`, and at most `keep_events`; names of registrants and participants stay in
        them for `keep_names_days`. Each overrides the stored setting, and so do `trash_limits`. Other processes take
        over a post or a job `lease_seconds` after its owner died. Without a `clock`, leases use the store's clock,
        which all processes share, and everything else the system's. `translate` words alerts that are sent: a
        sentence of `core.messages` in a language. `public_url` is the bridge's address in browsers, where it is not
        the saved one.
        """
        now = clock or time.time
        limits = trash_limits or TrashLimitOptions()
        meetings_changed = (
            threading.Event()
        )  # wakes the scheduler, which is created after the worker that sets it
        password_returner = PasswordReturner(store)
        key_rotator = KeyRotator(store)

        def after_check(site_id: str) -> None:
            mirror_worker.wake()
            job_runner.wake()
            password_returner.begin(site_id)
            key_rotator.resume(site_id)

        health_worker = HealthWorker(store, on_checked=after_check, clock=clock)
        mirror_worker = MirrorWorker(
            store,
            clock=clock,
            lease_seconds=lease_seconds,
            on_success=lambda site: password_returner.begin(site.id) if site.password else None,
            on_fault=health_worker.wake,
        )

        def after_pairing(site_id: str) -> None:
            ingest.recheck(site_id)
            health_worker.begin(site_id)
            mirror_worker.wake()
            job_runner.wake()

        def wake_after_fold() -> None:
            mirror_worker.wake()
            meetings_changed.set()

        def wake_jobs() -> None:
            job_runner.wake()

        fold_worker = FoldWorker(store, wake_after_fold, clock)
        account_clients = AccountClients(store, clock=now)
        ingest = Ingest(store, fold_worker.wake, now)
        bulk_job = BulkJob(store, health_worker.on_checked, wake_jobs, mirror_worker.wake, clock)
        kinds: dict[str, JobKind] = {
            apply_rules.KIND: ApplyRulesJob(store, mirror_worker.wake, clock),
            apply_rules.PLUGINS_KIND: ApplyRulesJob(store, mirror_worker.wake, clock),
            bulk.KIND: bulk_job,
            bulk.CHANGE_KIND: bulk_job,
            SELF_TEST: SelfTestJob(store, fold_worker.wake, mirror_worker.wake, now),
            CLEANUP: CleanupJob(store, fold_worker.wake, now),
            import_job.KIND: ImportJob(store, account_clients, fold_worker.wake, now, trash_limits=limits),
            reconcile_job.KIND: ReconcileJob(
                store,
                account_clients,
                fold_worker.wake,
                now,
                posts_due=mirror_worker.wake,
                trash_limits=limits,
            ),
            removal_job.KIND: RemovalJob(store, account_clients, fold_worker.wake, now),
            replay.KIND: ReplayJob(store, ingest, fold_worker.wake, mirror_worker.wake, clock),
            backfill_job.KIND: BackfillJob(
                store, account_clients, fold_worker.wake, now, trash_limits=limits
            ),
        }
        throughput = Throughput(store)
        alert_deliverer = AlertDeliverer(store, translate, public_url, clock=clock)
        job_runner = JobRunner(store, kinds, clock=clock, lease_seconds=lease_seconds)
        handlers: dict[str, Callable[[str], None]] = {
            notify.EVENTS: lambda _: fold_worker.wake(),
            notify.POSTS: lambda _: mirror_worker.wake(),
            notify.JOBS: lambda _: job_runner.wake(),
            notify.SECRETS: lambda site_id: ingest.invalidate_secrets(site_id or None),
        }
        return cls(
            store,
            ingest,
            fold_worker,
            mirror_worker,
            Retention(store, keep_days, keep_events, keep_names_days, now),
            job_runner,
            JobScheduler(store, job_runner, now, meetings_changed),
            account_clients,
            health_worker,
            PairingCaller(store, on_connected=after_pairing),
            key_rotator,
            MoveChecker(store, on_moved=after_pairing),
            limits,
            throughput,
            AlertWatcher(store, throughput, alert_deliverer.wake, clock),
            alert_deliverer,
            notify.Listener(store.url, handlers) if store.is_shared else None,
        )

    def start(self) -> None:
        """Start every part, with the work that an earlier process left."""
        self.start_workers()
        self.retention.start()
        self.scheduler.start()
        self.pairing_caller.start()
        self.key_rotator.start()
        self.health_worker.start()
        self.alert_deliverer.start()
        self.alert_watcher.start()
        if self.listener is not None:
            self.listener.start()

    def start_workers(self) -> None:
        """Start only what does existing work, for a short-lived process: nothing expires, and nothing is scheduled."""
        self.fold_worker.start()
        self.mirror_worker.start()
        self.job_runner.start()

    def stop(self) -> None:
        """Finish the current steps, release every claim and stop. Blocks; the store stays open."""
        if self.listener is not None:
            self.listener.stop()
        self.alert_watcher.stop()
        self.alert_deliverer.stop()
        self.pairing_caller.stop()
        self.health_worker.stop()
        self.scheduler.stop()
        self.job_runner.stop()
        self.retention.stop()
        self.fold_worker.stop()
        self.mirror_worker.stop()
