"""The things that run, and how they wake each other: bytes → log → meetings → posts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import completing, importing, repair, replay
from core.accounts import Accounts
from core.cleaning import CLEANING, TRIAL, Cleaning
from core.completing import Completing
from core.folding import Folding
from core.importing import Import
from core.ingest import Ingest
from core.jobs import Jobs
from core.looking import Looks
from core.mirror import LEASE_SECONDS, Mirror
from core.repair import Repair
from core.replay import Replay
from core.retention import Retention
from core.reviewing import KIND as REVIEW
from core.reviewing import Reviewing
from core.scheduling import Scheduling
from core.store import wakeup
from core.trying import Trying

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.jobs import Kind
    from core.store.engine import Store


def both(one: Callable[[], None], other: Callable[[], None]) -> Callable[[], None]:
    """Return what calls the one, then the other."""

    def call() -> None:
        one()
        other()

    return call


@dataclass(slots=True)
class Bridge:
    """One process of the bridge, on an open store whose tables are up to date."""

    store: Store
    ingest: Ingest
    folding: Folding
    mirror: Mirror
    retention: Retention
    jobs: Jobs
    scheduling: Scheduling
    accounts: Accounts
    looks: Looks
    listener: wakeup.Listener | None

    @classmethod
    def on(
        cls,
        store: Store,
        *,
        clock: Callable[[], float] | None = None,
        keep_days: int | None = None,
        keep_events: int | None = None,
        keep_names_days: int | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> Bridge:
        """Wire the parts together. The log keeps events for `keep_days`, and `keep_events` at most, or as is set.

        Names of people who registered or took part stay in them for `keep_names_days`, or as is set.

        Other processes take over a post or a job after `lease_seconds` from one that died while it worked on it.
        """
        mirror = Mirror(store, clock=clock, lease_seconds=lease_seconds)
        folding = Folding(store, clock=clock)
        accounts = Accounts(store, clock=clock or time.time)
        ingest = Ingest(store, appended=folding.wake, clock=clock or time.time)
        keeping = Retention(store, keep_days, keep_events, keep_names_days, clock=clock or time.time)
        # Of long work.
        kinds: dict[str, Kind] = {
            REVIEW: Reviewing(store, asked=mirror.wake, clock=clock),
            TRIAL: Trying(store, folding.wake, mirror.wake, clock or time.time),
            CLEANING: Cleaning(store, folding.wake, clock or time.time),
            importing.KIND: Import(store, accounts, folding.wake, clock or time.time),
            repair.KIND: Repair(store, accounts, folding.wake, clock or time.time, mirrored=mirror.wake),
            replay.KIND: Replay(store, ingest, folding.wake, mirror.wake, clock),
            completing.KIND: Completing(store, accounts, folding.wake, clock or time.time),
        }
        jobs = Jobs(store, kinds, clock=clock, lease_seconds=lease_seconds)
        scheduling = Scheduling(store, jobs, clock=clock or time.time)
        folding.folded = both(mirror.wake, scheduling.wake)
        heard: dict[str, Callable[[str], None]] = {
            wakeup.EVENTS: lambda _: folding.wake(),
            wakeup.POSTS: lambda _: mirror.wake(),
            wakeup.JOBS: lambda _: jobs.wake(),
            wakeup.SECRETS: lambda site_id: ingest.forget(site_id or None),
        }
        listener = wakeup.Listener(store.url, heard) if store.is_shared else None
        looks = Looks(store, looked=mirror.wake)
        return cls(store, ingest, folding, mirror, keeping, jobs, scheduling, accounts, looks, listener)

    def start(self) -> None:
        """Begin to fold and to mirror, with what an earlier process may have left."""
        self.work()
        self.retention.start()
        self.scheduling.start()
        if self.listener is not None:
            self.listener.start()

    def work(self) -> None:
        """Begin only with what is there to do, for a while: nothing is dropped for its age, and nothing is due by itself."""
        self.folding.start()
        self.mirror.start()
        self.jobs.start()

    def stop(self) -> None:
        """Finish the steps at hand and let go of every claim. The store stays open."""
        if self.listener is not None:
            self.listener.stop()
        self.scheduling.stop()
        self.jobs.stop()
        for kind in self.jobs.kinds.values():
            if isinstance(kind, Import):
                kind.close()
        self.retention.stop()
        self.folding.stop()
        self.mirror.stop()
