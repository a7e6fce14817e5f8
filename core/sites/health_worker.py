"""Check every site from time to time, and at once where something fails."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.errors import StoreError, UnknownSiteError
from core.jobs.worker import WorkerThread
from core.model.health_facts import FactName
from core.sites import health_check, site_changes
from core.sites.page_visitor import PageVisitor
from core.store.db import clock as store_clock
from core.store.sites import health

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy import Connection

    from core.store.db.engine import Store

_POLL_SECONDS = 5.0  # other processes make sites due, too
_GATHER_SECONDS = 0.2
LEASE_SECONDS = 180.0  # longer than the sum of the time-outs of one check

logger = structlog.get_logger(__name__)


class Lane(StrEnum):
    """Why a site is checked. Each lane has threads of its own, so that none delays another."""

    ASKED = "asked"  # somebody looks at its page
    DUE = "due"
    SILENT = "silent"  # due, and it did not answer the last check: it may time out again


LANES = {Lane.ASKED: 8, Lane.DUE: 8, Lane.SILENT: 8}
"""How many checks run at once in each lane. A due check takes less than a second of a site that answers."""


@dataclass(slots=True)
class HealthWorker:
    """Check sites in background threads, each site by one at a time. `on_checked` is called with each site's id after it.

    After a check whose WordPress answered, the site's pages are looked at, in threads of their own. Thread-safe, does not
    block. Of several processes on one database, one takes each due site. Without a `clock` the
    store's own is used, which they share.
    """

    store: Store
    on_checked: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] | None = None
    thread: WorkerThread = field(init=False)
    visitor: PageVisitor = field(init=False)
    _underway: dict[str, Lane] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Create the thread that claims due sites, and what looks at their pages."""
        self.visitor = PageVisitor(self.store, clock=self.clock)
        self.thread = WorkerThread(
            "health", self.begin_due, retry_seconds=_POLL_SECONDS, gather_seconds=_GATHER_SECONDS
        )

    def start(self) -> None:
        """Start to check the sites that are due.

        Where no other process runs, all of them are: what they have told since the last one ended reached nobody.
        """
        if self.store.is_exclusive:
            self.store.write(health.request_checks)
        self.thread.start()

    def wake(self) -> None:
        """Look for due sites now."""
        self.thread.wake()

    def stop(self) -> None:
        """Start no more checks. Blocks, but not for those that are running: their sites are due again later."""
        self.thread.stop()
        self.visitor.stop()

    def begin(self, site_id: str) -> None:
        """Start a check that somebody waits for, unless the site is being checked or too many such checks are running."""
        self._begin(site_id, Lane.ASKED)

    def is_underway(self, site_id: str) -> bool:
        """Whether a site is being checked now, by this process."""
        return site_id in self._underway

    def begin_due(self) -> float:
        """Start the checks that are due, as many as there is room for; return how many seconds none is due.

        A site that is being checked stays due: the end of its check wakes the thread.
        """
        waits = [_POLL_SECONDS]
        for lane in (Lane.DUE, Lane.SILENT):
            room = self._room(lane)
            if room <= 0:
                continue  # the end of a check wakes the thread
            silent = lane is Lane.SILENT
            with self._guard:
                underway = list(self._underway)
            with self.store.reading() as connection:
                now = self._now(connection)
                next_at = health.next_check(connection, silent=silent, underway=underway)
            if next_at is None or next_at > now:
                waits += [] if next_at is None else [(next_at - now) / 1000]
                continue
            claim = partial(self._claim, silent=silent, room=room, underway=underway)
            for site_id in self.store.write(claim):
                if not self._begin(site_id, lane):  # somebody has asked for it meanwhile
                    self.store.write(partial(health.request_check, site_id=site_id))
        return min(waits)

    def _claim(
        self, connection: Connection, *, silent: bool, room: int, underway: Collection[str]
    ) -> list[str]:
        now = self._now(connection)
        until = now + int(LEASE_SECONDS * 1000)
        return health.claim_checks(
            connection, silent=silent, now=now, until=until, limit=room, underway=underway
        )

    def _room(self, lane: Lane) -> int:
        with self._guard:
            return LANES[lane] - sum(one is lane for one in self._underway.values())

    def _begin(self, site_id: str, lane: Lane) -> bool:
        """Start a check; return whether it was, as the site is not being checked and the lane has room."""
        with self._guard:
            is_full = sum(one is lane for one in self._underway.values()) >= LANES[lane]
            if site_id in self._underway or is_full:
                return False
            # First: where no thread can be started, nothing is under way.
            threading.Thread(target=self._check, args=(site_id,), name="health-check", daemon=True).start()
            self._underway[site_id] = lane
        return True

    def _check(self, site_id: str) -> None:
        try:
            facts = health_check.check(self.store, site_id, lift=False, clock=self.clock)
            self.on_checked(site_id)
            site_changes.sweep_if_due(self.store, site_id, clock=self.clock)
            if any(fact.name is FactName.WORDPRESS and fact.well for fact in facts):
                self.visitor.begin(site_id)
        except (UnknownSiteError, StoreError) as error:
            logger.warning("health_check_failed", site=site_id, reason=str(error))
        except Exception:
            logger.exception("health_check_failed", site=site_id)
        finally:
            with self._guard:
                self._underway.pop(site_id, None)
            self.wake()

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)
