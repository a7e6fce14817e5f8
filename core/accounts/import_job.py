"""Import a Zoom account: append everything that it holds to the log, user by user. See `core.accounts.scan`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core import messages
from core.accounts.recorder import SnapshotRecorder
from core.accounts.removal_phases import RemovalsPhase
from core.accounts.scan import AccountScan, ScanContext
from core.accounts.scan_phases import BATCH_SIZE, FoldPhase, MeetingsPhase, PostsPhase, UsersPhase
from core.accounts.trash_limits import TrashLimitOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.accounts.clients import AccountClients
    from core.jobs.runner import JobStep
    from core.store.db.engine import Store
    from core.store.jobs import Job

KIND = "import"


@dataclass(slots=True)
class ImportJob:
    """Import an account. `job.arguments`: `account`, and `dry_run`, which only notes the planned actions.

    `events_appended` is called after a commit that appended to the log. Meetings that Zoom does not list are left as
    they are.
    """

    store: Store
    clients: AccountClients
    events_appended: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    batch_size: int = BATCH_SIZE
    trash_limits: TrashLimitOptions = field(default_factory=TrashLimitOptions)
    _scan: AccountScan = field(init=False)

    def __post_init__(self) -> None:
        """Compose the phases of the scan."""
        context = ScanContext(self.store, self.clients, self.clock, self.trash_limits)
        recorder = SnapshotRecorder(self.store, self.events_appended, context.now)
        reading = (
            FoldPhase(context),
            UsersPhase(context),
            MeetingsPhase(context, recorder, batch_size=self.batch_size),
            RemovalsPhase(context, recorder),
        )
        self._scan = AccountScan(
            context, (*reading, PostsPhase(context, messages.SCAN_EMPTY)), dry_phases=reading
        )

    def count(self, job: Job) -> int | None:  # noqa: ARG002 - the first phase finds it out
        """Return None: the number of users is not known before they are listed."""
        return None

    def step(self, job: Job) -> JobStep:
        """Do the next step of the scan."""
        return self._scan.step(job)

    def close(self) -> None:
        """Stop prefetching."""
        self._scan.close()
