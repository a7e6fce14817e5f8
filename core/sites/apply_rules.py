"""Save new rules for a site, and requeue its posts. A background job, see `core.jobs.runner`.

Rules change what is wanted of posts whose meetings have not changed, and so does the plugin VCZAPI or its PRO add-on
when it is activated or deactivated. So all of them are requeued, a few at a time: the site gets no more work than its
workers take, and events that Zoom sends meanwhile do not wait behind them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import messages
from core.errors import UnknownSiteError
from core.jobs.runner import JobStep
from core.model.rules import copied
from core.model.rules import read as read_rules
from core.store import jobs
from core.store.db import clock as store_clock
from core.store.posts import backlog
from core.store.posts import requeue as post_requeue
from core.store.sites import rules, rules_templates, sites
from core.wordpress.sync_client import MOST_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.model.rules import Rules
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.store.sites.rules_templates import RulesTemplate
    from core.store.sites.sites import Site

KIND = "apply-rules"
PLUGINS_KIND = "adapt-to-plugins"
"""The same job, where VCZAPI or its PRO add-on was activated or deactivated."""
_BATCH_SIZE = MOST_AT_ONCE
# A new meeting waits behind these at most.
_MOST_WAITING = MOST_AT_ONCE // 2
_POLL_SECONDS = 0.1
_BLOCKED_SECONDS = 30.0
_MOST_JOBS = 100


@dataclass(slots=True)
class ApplyRulesJob:
    """Requeue the posts of a site batch by batch. `posts_due` is called after each commit that requeued some.

    A step waits up to `wait_seconds`, in pauses, until the earlier posts are nearly done.
    """

    store: Store
    posts_due: Callable[[], None]
    clock: Callable[[], float] | None = None
    pause: Callable[[float], None] = time.sleep
    wait_seconds: float = 1.5

    def count(self, job: Job) -> int:
        """Return the number of the site's posts."""
        with self.store.reading() as connection:
            return backlog.count_of_site(connection, job.arguments["site"])

    def step(self, job: Job) -> JobStep:
        """Requeue the next posts, once the earlier ones are nearly done."""
        site_id = job.arguments["site"]
        cursor = job.cursor or {}
        after = cursor.get("after")
        waiting = self._wait_for_room(site_id, most=0 if cursor.get("through") else _MOST_WAITING)
        if waiting is not None:
            return waiting
        if cursor.get("through"):
            return JobStep(finished=True)
        with self.store.reading() as connection:
            # A job of an earlier version had another order, and begins again.
            named = backlog.numbers_of_site(
                connection, site_id, after if isinstance(after, int) else 0, limit=_BATCH_SIZE
            )
        if not named:
            return JobStep(cursor={**cursor, "through": True})

        def write(connection: Connection) -> None:
            post_requeue.requeue_site_posts(connection, site_id, named, now=self._now(connection))

        return JobStep(cursor={"after": named[-1]}, done=len(named), write=write, after_commit=self.posts_due)

    def close(self) -> None:
        """Nothing is held."""

    def _wait_for_room(self, site_id: str, *, most: int) -> JobStep | None:
        """Wait until at most `most` posts are due; return the step that waits on, where they stay."""
        until = time.monotonic() + self.wait_seconds
        while True:
            with self.store.reading() as connection:
                now = self._now(connection)
                if backlog.due_on_site(connection, site_id, now=now, most=most + 1) <= most:
                    return None
                try:
                    site = sites.load(connection, site_id, self.store.sealer)
                except UnknownSiteError:
                    return JobStep(finished=True)  # the site was removed meanwhile, and its posts with it
            if site.paused_at is not None:
                return None  # nothing is written until it is resumed, and then all of it
            if site.blocked_until > now:
                return JobStep(
                    wait=_BLOCKED_SECONDS,
                    message=(
                        messages.WAITING_FOR_SITE_FAULT % {"fault": site.fault_message}
                        if site.fault_message
                        else messages.WAITING_FOR_SITE
                    ),
                )
            if time.monotonic() >= until:
                return JobStep()
            self.pause(_POLL_SECONDS)

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)


def save_rules(
    store: Store, job_runner: JobRunner, site_id: str, decided: Rules, *, requested_by: str
) -> Job:
    """Save the rules of a site, and enqueue the job that requeues its posts.

    Raises: UnknownSiteError, StoreUnavailableError.
    """

    def write(connection: Connection) -> Job:
        now = store_clock.now(connection, job_runner.clock)
        rules.save(connection, site_id, decided)
        return _enqueue(connection, KIND, site_id, requested_by=requested_by, now=now)

    job = store.write(write)
    job_runner.wake()
    return job


def copy_rules(
    connection: Connection, site: Site, decided: Rules, *, requested_by: str, now: int
) -> Job | None:
    """Save rules that were copied from another site, and enqueue the job; None where the site has the same already.

    `now` is in Unix milliseconds (UTC). Raises: UnknownSiteError.
    """
    own = read_rules(site.rules).rules
    wanted = copied(decided, own)
    if wanted == own:
        return None
    rules.save(connection, site.id, wanted)
    return _enqueue(connection, KIND, site.id, requested_by=requested_by, now=now)


def follow(
    connection: Connection, site: Site, template: RulesTemplate, *, requested_by: str, now: int
) -> Job | None:
    """Let a site follow a template, save its rules, and enqueue the job; None where the site has these rules already.

    `now` is in Unix milliseconds (UTC). Raises: UnknownSiteError.
    """
    rules_templates.follow(connection, site.id, template.name)
    decided = read_rules(template.rules).rules
    return copy_rules(connection, site, decided, requested_by=requested_by, now=now)


def return_to_template(store: Store, job_runner: JobRunner, site_id: str, *, requested_by: str) -> bool:
    """Let a site that has departed from its template follow it again. Returns whether it has one.

    Raises: UnknownSiteError, RulesTemplateError, StoreUnavailableError.
    """

    def write(connection: Connection) -> bool:
        site = sites.load(connection, site_id, store.sealer)
        if site.template is None:
            return False
        template = rules_templates.load(connection, site.template)
        now = store_clock.now(connection, job_runner.clock)
        follow(connection, site, template, requested_by=requested_by, now=now)
        return True

    has_template = store.write(write)
    job_runner.wake()
    return has_template


def adapt_to_plugins(connection: Connection, site_id: str, *, now: int) -> Job:
    """Enqueue the job after VCZAPI or its PRO add-on was activated or deactivated. `now` is in Unix milliseconds (UTC).

    What is wanted of posts of series changes above all: without PRO, VCZAPI shows no link for them.
    """
    return _enqueue(connection, PLUGINS_KIND, site_id, requested_by="", now=now)


def requeue(connection: Connection, site_id: str, *, requested_by: str, now: int) -> Job:
    """Enqueue the job for a site whose rules stay as they are. `now` is in Unix milliseconds (UTC)."""
    return _enqueue(connection, KIND, site_id, requested_by=requested_by, now=now)


def _enqueue(connection: Connection, kind: str, site_id: str, *, requested_by: str, now: int) -> Job:
    """Enqueue a job. One that has not ended is stopped: it would go on in the middle, and the new one starts over."""
    for job in jobs.latest(connection, _MOST_JOBS, kind=kind, site_id=site_id):
        if not job.has_ended:
            jobs.stop(connection, job.id, now=now)
    return jobs.enqueue(
        connection,
        kind,
        {"site": site_id, "at": now},
        site_id=site_id,
        requested_by=requested_by,
        now=now,
    )


def latest(connection: Connection, site_id: str) -> Job | None:
    """Return the newest job of this kind for a site; None where there was none."""
    found = jobs.latest(connection, 1, kind=KIND, site_id=site_id)
    return found[0] if found else None
