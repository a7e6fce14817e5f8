"""New rules for a site: keep them, and look at every post of it again. Long work, see `core.jobs.runner`.

Rules change what is wanted of posts whose meetings have not changed. So all of them become due, a few at a time:
the site has no more to do than its workers take, and what Zoom says meanwhile does not wait behind them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import UnknownSiteError
from core.jobs.runner import JobStep
from core.store import jobs
from core.store.db import clock as store_clock
from core.store.posts import review
from core.store.sites import rules, sites
from core.wordpress.client import MOST_IN_BATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.model.rules import Rules
    from core.store.db.engine import Store
    from core.store.jobs import Job

KIND = "review"
_AT_ONCE = 2 * MOST_IN_BATCH
_WAIT_SECONDS = 1.5
_LOOK_SECONDS = 0.1
_REST_SECONDS = 30.0
_MOST_JOBS = 100


@dataclass(slots=True)
class ApplyRulesJob:
    """Makes the posts of a site due, one handful after the other. `asked` is told when there are more."""

    store: Store
    asked: Callable[[], None]
    clock: Callable[[], float] | None = None
    pause: Callable[[float], None] = time.sleep

    def count(self, job: Job) -> int:
        """Return how many posts the site has."""
        with self.store.reading() as connection:
            return review.count(connection, job.arguments["site"])

    def piece(self, job: Job) -> JobStep:
        """Let the next ones be looked at, once those before are nearly done."""
        site_id = job.arguments["site"]
        place = job.place or {}
        after = tuple(place["after"]) if "after" in place else None
        waiting = self._await_room(site_id, room=0 if place.get("through") else MOST_IN_BATCH)
        if waiting is not None:
            return waiting
        if place.get("through"):
            return JobStep(finished=True)
        with self.store.reading() as connection:
            named = review.following(connection, site_id, after, limit=_AT_ONCE)
        if not named:
            return JobStep(place={**place, "through": True})

        def keep(connection: Connection) -> None:
            review.ask(connection, site_id, named, now=self._now(connection))

        return JobStep(place={"after": list(named[-1])}, done=len(named), keep=keep, then=self.asked)

    def _await_room(self, site_id: str, *, room: int) -> JobStep | None:
        """Wait a moment until no more posts are due than `room`; return what is to be said if they stay."""
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            with self.store.reading() as connection:
                now = self._now(connection)
                if review.due(connection, site_id, now=now, most=room + 1) <= room:
                    return None
                try:
                    site = sites.load(connection, site_id, self.store.sealer)
                except UnknownSiteError:
                    return JobStep(finished=True)  # it was removed meanwhile, and its posts with it
            if site.blocked_until > now:
                return JobStep(
                    wait=_REST_SECONDS,
                    message=f"This waits for the site. {site.fault_message or ''} It goes on by itself.",
                )
            if time.monotonic() >= until:
                return JobStep()
            self.pause(_LOOK_SECONDS)

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)


def decide(store: Store, running: JobRunner, site_id: str, decided: Rules, *, asked_by: str) -> Job:
    """Keep the rules of a site, and ask for all of its posts to be looked at again.

    Raises `UnknownSiteError`, `StoreUnavailableError`.
    """

    def keep(connection: Connection) -> Job:
        now = store_clock.now(connection, running.clock)
        rules.save(connection, site_id, decided)
        for job in jobs.latest(connection, _MOST_JOBS, kind=KIND, site_id=site_id):
            if not job.has_ended:  # it would go on in the middle, with the new rules; this one begins again
                jobs.stop(connection, job.id, now=now)
        return jobs.ask(
            connection, KIND, {"site": site_id, "at": now}, site_id=site_id, asked_by=asked_by, now=now
        )

    asked = store.write(keep)
    running.wake()
    return asked


def latest(connection: Connection, site_id: str) -> Job | None:
    """Return the newest review of a site's posts; None where there never was one."""
    found = jobs.latest(connection, 1, kind=KIND, site_id=site_id)
    return found[0] if found else None
