"""Backfill meetings: read from the account at once what events leave out.

`created` carries no agenda, and an event for a meeting never seen before may lack nearly everything:
https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.accounts.recorder import SnapshotRecorder
from core.accounts.removal_phases import RemovalsPhase
from core.accounts.scan import AccountScan, ScanContext
from core.accounts.scan_phases import IncompletePhase
from core.accounts.trash_limits import TrashLimitOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.accounts.clients import AccountClients
    from core.jobs.runner import JobStep
    from core.store.db.engine import Store
    from core.store.jobs import Job

KIND = "backfill"


@dataclass(slots=True)
class BackfillJob:
    """Read the incomplete meetings of an account. `job.arguments`: `account`.

    `events_appended` is called after a commit that appended to the log.
    """

    store: Store
    clients: AccountClients
    events_appended: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    trash_limits: TrashLimitOptions = field(default_factory=TrashLimitOptions)
    _scan: AccountScan = field(init=False)

    def __post_init__(self) -> None:
        """Compose the scan."""
        context = ScanContext(self.store, self.clients, self.clock, self.trash_limits)
        recorder = SnapshotRecorder(self.store, self.events_appended, context.now)
        self._scan = AccountScan(
            context, (IncompletePhase(context, recorder), RemovalsPhase(context, recorder))
        )

    def count(self, job: Job) -> int | None:  # noqa: ARG002 - reading one may complete others
        """Return None: the number of incomplete meetings is not known in advance."""
        return None

    def step(self, job: Job) -> JobStep:
        """Read the next meetings."""
        return self._scan.step(job)

    def close(self) -> None:
        """Nothing is held."""
