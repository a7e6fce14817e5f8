"""The things that run, and how they wake each other: bytes → log → meetings → posts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.folding import Folding
from core.ingest import Ingest
from core.mirror import Mirror
from core.retention import DAYS, EVENTS, Retention

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.engine import Store


@dataclass(slots=True)
class Bridge:
    """One process of the bridge, on an open store whose tables are up to date."""

    store: Store
    ingest: Ingest
    folding: Folding
    mirror: Mirror
    retention: Retention

    @classmethod
    def on(
        cls,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        keep_days: int = DAYS,
        keep_events: int = EVENTS,
    ) -> Bridge:
        """Wire the parts together. The log keeps events for `keep_days`, and `keep_events` at most."""
        mirror = Mirror(store, clock=clock)
        folding = Folding(store, folded=mirror.wake, clock=clock)
        ingest = Ingest(store, appended=folding.wake, clock=clock)
        keeping = Retention(store, days=keep_days, events=keep_events, clock=clock)
        return cls(store, ingest, folding, mirror, keeping)

    def start(self) -> None:
        """Begin to fold and to mirror, with what an earlier process may have left."""
        self.folding.start()
        self.mirror.start()
        self.retention.start()

    def stop(self) -> None:
        """Finish the steps at hand and let go of every claim. The store stays open."""
        self.retention.stop()
        self.folding.stop()
        self.mirror.stop()
