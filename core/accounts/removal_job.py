"""Apply removals that an administrator has approved: read each meeting again, and trash the pages of those still gone."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.accounts.recorder import SnapshotRecorder
from core.accounts.removal_phases import ApprovedPhase
from core.accounts.scan import AccountScan, PhaseName, ScanContext, account_of
from core.accounts.scan_phases import PostsPhase
from core.jobs.runner import JobStep
from core.store.accounts import removals

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.accounts.clients import AccountClients
    from core.store.db.engine import Store
    from core.store.jobs import Job

KIND = "removal"


@dataclass(slots=True)
class RemovalJob:
    """Apply the approved removals of an account. `job.arguments`: `account`.

    `events_appended` is called after a commit that appended to the log.
    """

    store: Store
    clients: AccountClients
    events_appended: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    _scan: AccountScan = field(init=False)

    def __post_init__(self) -> None:
        """Compose the phases."""
        context = ScanContext(self.store, self.clients, self.clock)
        recorder = SnapshotRecorder(self.store, self.events_appended, context.now)
        self._scan = AccountScan(context, (ApprovedPhase(context, recorder), PostsPhase(context)))

    def count(self, job: Job) -> int | None:
        """Return the number of approved meetings."""
        with self.store.reading() as connection:
            return len({one.number for one in removals.approved(connection, account_of(job))})

    def step(self, job: Job) -> JobStep:
        """Apply the next ones, then wait for the posts; and again, where more have been approved meanwhile."""
        step = self._scan.step(job)
        if step.finished and (more := self.count(job)):
            # Whoever approved them was given this job.
            return JobStep(cursor={"phase": PhaseName.APPROVED}, total=(job.total or 0) + more)
        return step

    def close(self) -> None:
        """Nothing is held."""
