"""What is asked of accounts without anybody asking: repairs when they are due, and what events left out."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.accounts import backfill_job, reconcile_job
from core.errors import StoreError, TooManyJobsError
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import meetings as account_meetings

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.jobs.runner import JobRunner
    from core.store.db.engine import Store

BY_ITSELF = "the bridge itself"
_POLL_SECONDS = 60.0
_GATHER_SECONDS = 2.0  # what comes together is read together

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class JobScheduler:
    """Asks for jobs in a thread of its own. `wake` says that meetings have changed."""

    store: Store
    jobs: JobRunner
    clock: Callable[[], float] = time.time
    _wake: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="scheduling", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that meetings have changed, of which some may be to complete."""
        self._wake.set()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def ask_for_due(self) -> None:
        """Ask for what is due now. Raises `StoreUnavailableError`."""
        now = int(self.clock() * 1000)
        with self.store.reading() as connection:
            known = [account.id for account in zoom_credentials.every(connection, self.store.sealer)]
            due = zoom_credentials.due(connection, now)
            lacking = [
                account_id
                for account_id in known
                if account_meetings.to_complete(connection, account_id, now=now, after=0, limit=1)
            ]
        for account_id in lacking:
            self._ask(backfill_job.KIND, account_id)
        for account_id in due:
            self._ask(reconcile_job.KIND, account_id)
            self.store.write(partial(zoom_credentials.postpone, account_id=account_id, now=now))

    def _ask(self, kind: str, account_id: str) -> None:
        try:
            self.jobs.ask(kind, {"account": account_id}, asked_by=BY_ITSELF)
        except TooManyJobsError as error:
            logger.warning("job_not_asked", kind=kind, account=account_id, reason=str(error))

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_POLL_SECONDS)
            self._stop.wait(_GATHER_SECONDS)
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                self.ask_for_due()
            except StoreError as error:
                logger.warning("scheduling_waits", reason=str(error))
            except Exception:
                logger.exception("scheduling_failed")  # nothing is lost: it is looked at again
