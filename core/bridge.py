"""The things that run, and how they wake each other: bytes → log → meetings → posts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.folding import Folding
from core.ingest import Ingest
from core.mirror import Mirror

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

    @classmethod
    def on(cls, store: Store, *, clock: Callable[[], float] = time.time) -> Bridge:
        """Wire the parts together."""
        mirror = Mirror(store, clock=clock)
        folding = Folding(store, folded=mirror.wake, clock=clock)
        ingest = Ingest(store, appended=folding.wake, clock=clock)
        return cls(store, ingest, folding, mirror)

    def start(self) -> None:
        """Begin to fold and to mirror, with what an earlier process may have left."""
        self.folding.start()
        self.mirror.start()

    def stop(self) -> None:
        """Finish the steps at hand and let go of every claim. The store stays open."""
        self.folding.stop()
        self.mirror.stop()
