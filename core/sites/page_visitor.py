"""Look at the pages of sites in threads of their own: a slow page delays no check."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from core.errors import StoreError, UnknownSiteError
from core.sites import page_visits

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.db.engine import Store

THREADS = 4
"""How many sites are looked at at once. The others wait for their turn."""

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class PageVisitor:
    """Look at the pages of sites in background threads, at those of one site by one thread. Thread-safe, does not block."""

    store: Store
    clock: Callable[[], float] | None = None
    _waiting: list[str] = field(default_factory=list)
    _underway: set[str] = field(default_factory=set)
    _threads: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def begin(self, site_id: str) -> None:
        """Have the pages of a site looked at as soon as a thread is free, unless they are, or wait for it, already."""
        with self._guard:
            if self._stopping.is_set() or site_id in self._underway or site_id in self._waiting:
                return
            if self._threads < THREADS:
                # First: where no thread can be started, nothing waits for it.
                threading.Thread(target=self._run, name="page-visits", daemon=True).start()
                self._threads += 1
            self._waiting.append(site_id)

    def is_underway(self, site_id: str) -> bool:
        """Whether the pages of a site are being looked at now, or wait for it."""
        with self._guard:
            return site_id in self._underway or site_id in self._waiting

    def stop(self) -> None:
        """Look at no more pages. Does not wait for those that are being looked at."""
        self._stopping.set()
        with self._guard:
            self._waiting.clear()

    def _run(self) -> None:
        """Look at the sites that wait, until there are none."""
        while True:
            with self._guard:
                if not self._waiting:
                    self._threads -= 1
                    return
                site_id = self._waiting.pop(0)
                self._underway.add(site_id)
            self._look(site_id)
            with self._guard:
                self._underway.discard(site_id)

    def _look(self, site_id: str) -> None:
        try:
            page_visits.look(self.store, site_id, clock=self.clock, is_ended=self._stopping.is_set)
        except (UnknownSiteError, StoreError) as error:
            logger.warning("page_visits_failed", site=site_id, reason=str(error))
        except Exception:
            logger.exception("page_visits_failed", site=site_id)
