"""Call the sites that have asked for a pairing back, in background threads, until they answer or a day is over."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from core.errors import ZoomBridgeError
from core.jobs.worker import WorkerThread
from core.sites import call_back as calls
from core.sites.pairing import FIRST_RETRY, call_back, confirm
from core.store.sites import pairings
from core.store.sites.pairings import OPEN_STATES, Pairing, PairingState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from core.store.db.engine import Store
    from core.store.sites.sites import Site

logger = structlog.get_logger(__name__)

RETRIED_FOR = 24 * 60 * 60 * 1000
"""Milliseconds for which a call back that fails is repeated."""


@dataclass(slots=True)
class PairingCaller:
    """Call sites back in background threads, each by one at a time. Thread-safe; `begin` does not block.

    `on_connected` is called with the id of each site that is connected then. A plugin stores its key only after the
    bridge's answer: `pauses` (seconds) come before the first calls. Call backs that fail are repeated for a day, with
    growing pauses; `start` has those continued that an earlier process left.
    """

    store: Store
    on_connected: Callable[[str], None] = lambda _: None
    pauses: Sequence[float] = (0.3, 0.7, 1, 2, 3, 5, 8, 13)
    most: int = 16
    _underway: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _is_started: bool = False
    _worker: WorkerThread = field(init=False)

    def __post_init__(self) -> None:
        self._worker = WorkerThread("pairing-retries", self._begin_due, retry_seconds=60.0)

    def start(self) -> None:
        """Have call backs repeated that are due."""
        self._is_started = True
        self._worker.start()

    def stop(self) -> None:
        """Repeat no more. Blocks; a call that is under way ends by itself."""
        self._worker.stop()

    def begin(self, pairing_id: str) -> None:
        """Start calling a site back, unless that is under way, or too many are being called."""
        with self._guard:
            if pairing_id in self._underway or len(self._underway) >= self.most:
                return
            # First: where no thread can be started, nothing is under way.
            threading.Thread(target=self._call, args=(pairing_id,), name="call-back", daemon=True).start()
            self._underway.add(pairing_id)

    def watch(self, pairing: Pairing) -> None:
        """Call a site that somebody waits for again soon, if this process repeats call backs. Does not block."""
        last = pairing.checked_at or 0
        if self._is_started and pairing.state in OPEN_STATES and calls.now() - last > FIRST_RETRY:
            self.begin(pairing.id)

    def is_underway(self, pairing_id: str) -> bool:
        """Whether a site is being called now."""
        return pairing_id in self._underway

    def confirm(self, pairing_id: str, *, confirmed_by: str, only: str | None = None) -> Site:
        """Connect a site as `confirm` does, and have it checked."""
        site = confirm(self.store, pairing_id, confirmed_by=confirmed_by, only=only)
        self.on_connected(site.id)
        return site

    def _call(self, pairing_id: str) -> None:
        try:
            for pause in self.pauses:
                if self._worker.stopping.wait(pause):
                    return
                pairing = call_back(self.store, pairing_id)
                if pairing.state is PairingState.CONNECTED:
                    self.on_connected(pairing.site_id)
                if pairing.state is not PairingState.CALLING:
                    return
        except ZoomBridgeError as error:
            logger.warning("call_back_failed", pairing=pairing_id, reason=str(error))
        except Exception:
            logger.exception("call_back_failed", pairing=pairing_id)
        finally:
            with self._guard:
                self._underway.discard(pairing_id)

    def _begin_due(self) -> float:
        now = calls.now()
        with self.store.reading() as connection:
            waiting = pairings.due(connection, now=now, since=now - RETRIED_FOR)
        for pairing_id in waiting:
            self.begin(pairing_id)
        return FIRST_RETRY / 1000
