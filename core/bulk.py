"""Do one thing with many sites, as a background job: see `core.jobs.runner`.

Each site has a result of its own (`core.store.job_sites`). A site that fails, is gone or is paused never stops the others.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from core import messages
from core.errors import (
    RulesTemplateError,
    SiteTagError,
    StoreUnavailableError,
    TooManyJobsError,
    TooManySitesError,
    UnknownJobError,
    UnknownSiteError,
    ZoomBridgeError,
)
from core.jobs.runner import JobStep
from core.model.rules import digest as rules_digest
from core.model.rules import read as read_rules
from core.selftest import job as selftest_job
from core.selftest.cleanup import SELF_TEST
from core.sites import apply_rules, health_check, new_address
from core.store import job_sites, jobs
from core.store.audit import Actor, ActorKind, acting, current_actor
from core.store.db import clock as store_clock
from core.store.job_sites import BulkOutcome, SiteResult
from core.store.jobs import JobState
from core.store.sites import rules_templates, sites

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.model.health_facts import HealthFact
    from core.model.rules import Rules
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.store.sites.sites import Site

KIND = "bulk"
CHANGE_KIND = "bulk-change"
"""The same job, where it only changes the bridge's database: it waits for no check or test of other sites."""
KINDS = (KIND, CHANGE_KIND)
MOST_SITES = 2000
"""Sites of one job."""
_CHECKED_AT_ONCE = 8
_FOLLOWED_AT_ONCE = 3  # jobs of single sites that run beside the one for all
_WRITTEN_AT_ONCE = 50
_POLL_SECONDS = 0.5

logger = structlog.get_logger(__name__)


class BulkAction(StrEnum):
    """What is done with the sites."""

    CHECK = "check"  # the connection, both ways
    TEST = "test"  # send a test event
    RULES = "rules"  # apply their rules to every page
    COPY = "copy"  # the rules of another site, and apply them
    FOLLOW = "follow"  # a template of rules, and apply them
    UNFOLLOW = "unfollow"  # follow no template any more
    OFFER = "offer"  # a new address of the bridge
    PAUSE = "pause"
    RESUME = "resume"
    TAG = "tag"
    UNTAG = "untag"


_CHANGES = (
    BulkAction.PAUSE, BulkAction.RESUME, BulkAction.TAG, BulkAction.UNTAG, BulkAction.UNFOLLOW,
)  # fmt: skip
_OF_REQUESTS = (BulkAction.CHECK, BulkAction.OFFER)
_OF_SINGLE_JOBS = (BulkAction.TEST, BulkAction.RULES, BulkAction.COPY, BulkAction.FOLLOW)


def enqueue(
    job_runner: JobRunner,
    action: BulkAction,
    site_ids: Iterable[str],
    *,
    tag: str = "",
    source: str = "",
    previewed: str = "",
    address: str = "",
    requested_by: str,
    viewer_site: str | None = None,
) -> Job:
    """Enqueue the job. `viewer_site` is the only site that who requests it may see: others are left out.

    Rules are copied from the site `source`, or are those of the template `source`, as long as their digest is still the
    `previewed` one. `address`: of the bridge, to be offered.

    Raises: SiteTagError, TooManySitesError, TooManyJobsError, StoreError; UnknownSiteError for a `source` that who requests
    it may not see.
    """
    chosen = sorted(one for one in set(site_ids) if viewer_site in (None, one))
    if len(chosen) > MOST_SITES:
        raise TooManySitesError(messages.TOO_MANY_SITES % {"count": MOST_SITES})
    arguments: dict[str, Any] = {"action": action, "sites": chosen, "actor": current_actor().kind}
    if action in (BulkAction.TAG, BulkAction.UNTAG):
        arguments["tag"] = sites.read_tag(tag)
    if action is BulkAction.OFFER:
        arguments["address"] = address
    if action is BulkAction.COPY and viewer_site not in (None, source):
        raise UnknownSiteError(messages.UNKNOWN_SITE % {"name": source})
    if action in (BulkAction.COPY, BulkAction.FOLLOW):
        arguments |= {"source": source, "previewed": previewed}
    kind = CHANGE_KIND if action in _CHANGES else KIND
    return job_runner.enqueue(kind, arguments, site_id=viewer_site, requested_by=requested_by)


def save_template(
    store: Store, job_runner: JobRunner, name: str, site_id: str, *, requested_by: str
) -> tuple[str, list[Job]]:
    """Save the rules of a site as a template, and have the sites that follow it take them over.

    Returns the name of the template, and the jobs that were enqueued.

    Raises: UnknownSiteError, RulesTemplateError, TooManyJobsError, StoreError. Then nothing is saved.
    """

    def write(connection: Connection) -> tuple[str, list[Job]]:
        site = sites.load(connection, site_id, store.sealer)
        decided = read_rules(site.rules).rules
        now = store_clock.now(connection, job_runner.clock)
        saved = rules_templates.save(connection, name, decided, now=now)
        if site.template == saved:
            rules_templates.follow(connection, site_id, saved)
        return saved, _take_over(connection, saved, but=site_id, requested_by=requested_by, now=now)

    done = store.write(write)
    job_runner.wake()
    return done


def change_template(
    store: Store, job_runner: JobRunner, name: str, decided: Rules, *, is_new: bool, requested_by: str
) -> tuple[str, list[Job]]:
    """Save rules as a new template, or change a known one and have the sites that follow it take them over.

    Returns the name of the template, and the jobs that were enqueued.

    Raises: RulesTemplateError, also for a new one whose name is taken, and a known one that is gone; TooManyJobsError,
    StoreError. Then nothing is saved.
    """

    def write(connection: Connection) -> tuple[str, list[Job]]:
        if is_new:
            rules_templates.require_free(connection, name)
        else:
            rules_templates.load(connection, name)
        now = store_clock.now(connection, job_runner.clock)
        saved = rules_templates.save(connection, name, decided, now=now)
        return saved, _take_over(connection, saved, requested_by=requested_by, now=now)

    done = store.write(write)
    job_runner.wake()
    return done


def _take_over(
    connection: Connection, name: str, *, but: str | None = None, requested_by: str, now: int
) -> list[Job]:
    """Enqueue the jobs by which the sites that follow a template, `but` one, take over its rules."""
    template = rules_templates.load(connection, name)
    followers = [one for one in rules_templates.followers(connection, name) if one != but]
    arguments = {
        "action": BulkAction.FOLLOW,
        "actor": current_actor().kind,
        "source": name,
        "previewed": rules_digest(read_rules(template.rules).rules),
        "only_followers": True,
    }
    return [
        jobs.enqueue(
            connection,
            KIND,
            arguments | {"sites": followers[start : start + MOST_SITES]},
            site_id=None,
            requested_by=requested_by,
            now=now,
        )
        for start in range(0, len(followers), MOST_SITES)
    ]


@dataclass(slots=True)
class BulkJob:
    """Do one thing with many sites, some at a time.

    `sites_checked` is called with the id of each site after its check, `wake_jobs` when jobs of single sites are queued,
    `posts_due` when sites are resumed. `check` and `offer` are what is done with a site.
    """

    store: Store
    sites_checked: Callable[[str], None] = lambda _: None
    wake_jobs: Callable[[], None] = lambda: None
    posts_due: Callable[[], None] = lambda: None
    clock: Callable[[], float] | None = None
    check: Callable[[Store, str], list[HealthFact]] | None = None
    offer: Callable[[Store, Site, str], SiteResult] = new_address.offer
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_CHECKED_AT_ONCE, thread_name_prefix="bulk")
    )

    def count(self, job: Job) -> int:
        """Return the number of sites."""
        return len(job.arguments["sites"])

    def step(self, job: Job) -> JobStep:
        """Go on with the next sites."""
        action = BulkAction(job.arguments["action"])
        named: Sequence[str] = job.arguments["sites"]
        cursor = job.cursor or {"next": 0, "jobs": {}}
        if action in _OF_SINGLE_JOBS:
            return self._follow(job, action, named, cursor)
        at_once = _CHECKED_AT_ONCE if action in _OF_REQUESTS else _WRITTEN_AT_ONCE
        chosen = named[cursor["next"] : cursor["next"] + at_once]
        is_last = cursor["next"] + len(chosen) >= len(named)
        after = {"next": cursor["next"] + len(chosen), "jobs": {}}
        if action in _OF_REQUESTS:
            act = self._check if action is BulkAction.CHECK else partial(self._offer, job)
            results = list(self._pool.map(partial(self._each, act), chosen))
            return self._step(job, after, results, finished=is_last)

        def write(connection: Connection) -> dict[str, int]:
            with acting(_actor(job)):
                found = [
                    self._change(connection, action, one, job.arguments.get("tag", "")) for one in chosen
                ]
            return self._record(connection, job, found)

        return JobStep(
            cursor=after, done=len(chosen), finished=is_last, write=write, after_commit=self.posts_due
        )

    def close(self) -> None:
        """End the threads of checks."""
        self._pool.shutdown(wait=True)

    def _step(
        self, job: Job, cursor: Any, results: Sequence[SiteResult], *, finished: bool, wait: float = 0.0
    ) -> JobStep:
        def write(connection: Connection) -> dict[str, int]:
            return self._record(connection, job, results)

        return JobStep(cursor=cursor, done=len(results), finished=finished, write=write, wait=wait)

    def _record(self, connection: Connection, job: Job, results: Sequence[SiteResult]) -> dict[str, int]:
        job_sites.record(connection, job.id, results, now=self._now(connection))
        counts: dict[str, int] = {}
        for one in results:
            counts[one.outcome.value] = counts.get(one.outcome.value, 0) + 1
        return counts

    # --- Requests to sites --------------------------------------------------------------------------------

    def _each(self, act: Callable[[str], SiteResult], site_id: str) -> SiteResult:
        """Do something with one site: whatever happens there is no reason to stop the others."""
        try:
            return act(site_id)
        except UnknownSiteError:
            return SiteResult(site_id, BulkOutcome.SKIPPED, messages.BULK_GONE)
        except StoreUnavailableError:
            raise  # the step is repeated
        except ZoomBridgeError as error:
            return SiteResult(site_id, BulkOutcome.FAILED, str(error))
        except Exception as error:
            logger.exception("bulk_action_failed", site=site_id)
            return SiteResult(
                site_id, BulkOutcome.FAILED, messages.BULK_BROKE % {"error": type(error).__name__}
            )

    def _check(self, site_id: str) -> SiteResult:
        facts = (self.check or health_check.check)(self.store, site_id)
        self.sites_checked(site_id)
        wrong = [fact for fact in facts if not fact.well and not fact.is_warning]
        if wrong:
            return SiteResult(site_id, BulkOutcome.FAILED, wrong[0].message)
        return SiteResult(site_id, BulkOutcome.DONE, messages.BULK_CHECKED)

    def _offer(self, job: Job, site_id: str) -> SiteResult:
        with self.store.reading() as connection:
            site = sites.load(connection, site_id, self.store.sealer)
        with acting(_actor(job)):
            return self.offer(self.store, site, job.arguments["address"])

    # --- Changes of the database ----------------------------------------------------------------------------

    def _change(self, connection: Connection, action: BulkAction, site_id: str, tag: str) -> SiteResult:
        if not sites.ids(connection, site_id):
            return SiteResult(site_id, BulkOutcome.SKIPPED, messages.BULK_GONE)
        try:
            match action:
                case BulkAction.PAUSE:
                    changed = sites.pause(connection, site_id, now=self._now(connection))
                    message = messages.BULK_PAUSED
                case BulkAction.RESUME:
                    changed, message = sites.resume(connection, site_id), messages.BULK_RESUMED
                case BulkAction.TAG:
                    changed = sites.change_tags(connection, site_id, add=[tag])
                    message = messages.BULK_TAGGED
                case BulkAction.UNFOLLOW:
                    changed = rules_templates.unfollow(connection, site_id)
                    message = messages.BULK_UNFOLLOWED
                case _:
                    changed = sites.change_tags(connection, site_id, remove=[tag])
                    message = messages.BULK_TAGGED
        except SiteTagError as error:
            return SiteResult(site_id, BulkOutcome.FAILED, str(error))
        if not changed:
            return SiteResult(site_id, BulkOutcome.SKIPPED, messages.BULK_UNCHANGED)
        return SiteResult(site_id, BulkOutcome.DONE, message)

    # --- Jobs of single sites -------------------------------------------------------------------------------

    def _follow(self, job: Job, action: BulkAction, named: Sequence[str], cursor: dict[str, Any]) -> JobStep:
        """Look what became of the jobs of single sites, and begin some more."""
        running: dict[str, int] = dict(cursor["jobs"])
        results = []
        with self.store.reading() as connection:
            for site_id, job_id in list(running.items()):
                result = self._result(connection, action, site_id, job_id)
                if result is not None:
                    results.append(result)
                    del running[site_id]
        chosen = named[cursor["next"] : cursor["next"] + _FOLLOWED_AT_ONCE - len(running)]
        if chosen:
            # A step that is repeated finds the jobs that it has begun.
            begun = self.store.write(
                lambda connection: {one: self._begin(connection, job, action, one) for one in chosen}
            )
            results += [one for one in begun.values() if isinstance(one, SiteResult)]
            running |= {site_id: one for site_id, one in begun.items() if isinstance(one, int)}
            self.wake_jobs()
        after = {"next": cursor["next"] + len(chosen), "jobs": running}
        is_last = not running and after["next"] >= len(named)
        return self._step(job, after, results, finished=is_last, wait=_POLL_SECONDS if running else 0.0)

    def _begin(self, connection: Connection, job: Job, action: BulkAction, site_id: str) -> int | SiteResult:
        try:
            site = sites.load(connection, site_id, self.store.sealer)
        except UnknownSiteError:
            return SiteResult(site_id, BulkOutcome.SKIPPED, messages.BULK_GONE)
        now = self._now(connection)
        if action is BulkAction.RULES:
            return apply_rules.requeue(connection, site_id, requested_by=job.requested_by, now=now).id
        if action in (BulkAction.COPY, BulkAction.FOLLOW):
            begin = self._copy if action is BulkAction.COPY else self._begin_following
            return begin(connection, job, site, now=now)
        if site.paused_at is not None:
            return SiteResult(site_id, BulkOutcome.SKIPPED, messages.SITE_PAUSED)
        try:
            return jobs.enqueue(
                connection,
                SELF_TEST,
                {"site": site_id},
                site_id=site_id,
                requested_by=job.requested_by,
                now=now,
            ).id
        except TooManyJobsError as error:
            return SiteResult(site_id, BulkOutcome.FAILED, str(error))

    def _copy(self, connection: Connection, job: Job, site: Site, *, now: int) -> int | SiteResult:
        try:
            source = sites.load(connection, job.arguments["source"], self.store.sealer)
        except UnknownSiteError as error:
            return SiteResult(site.id, BulkOutcome.FAILED, str(error))
        decided = read_rules(source.rules).rules
        if rules_digest(decided) != job.arguments["previewed"]:
            return SiteResult(site.id, BulkOutcome.FAILED, messages.BULK_OTHER_RULES)
        with acting(_actor(job)):
            begun = apply_rules.copy_rules(connection, site, decided, requested_by=job.requested_by, now=now)
        if begun is None:
            return SiteResult(site.id, BulkOutcome.SKIPPED, messages.BULK_UNCHANGED)
        return begun.id

    def _begin_following(self, connection: Connection, job: Job, site: Site, *, now: int) -> int | SiteResult:
        try:
            template = rules_templates.load(connection, job.arguments["source"])
        except RulesTemplateError as error:
            return SiteResult(site.id, BulkOutcome.FAILED, str(error))
        is_following = site.template == template.name and site.departed_at is None
        if job.arguments.get("only_followers") and not is_following:
            return SiteResult(site.id, BulkOutcome.SKIPPED, messages.BULK_UNCHANGED)
        if rules_digest(read_rules(template.rules).rules) != job.arguments["previewed"]:
            return SiteResult(site.id, BulkOutcome.FAILED, messages.BULK_OTHER_RULES)
        with acting(_actor(job)):
            begun = apply_rules.follow(connection, site, template, requested_by=job.requested_by, now=now)
        if begun is not None:
            return begun.id
        if is_following:
            return SiteResult(site.id, BulkOutcome.SKIPPED, messages.BULK_UNCHANGED)
        return SiteResult(site.id, BulkOutcome.DONE, messages.BULK_APPLIED)

    def _result(
        self, connection: Connection, action: BulkAction, site_id: str, job_id: int
    ) -> SiteResult | None:
        """Return what became of the job of one site; None while it runs."""
        try:
            found = jobs.load(connection, job_id)
        except UnknownJobError:
            return SiteResult(site_id, BulkOutcome.SKIPPED, messages.BULK_GONE)
        if action is not BulkAction.TEST:
            return _rules_result(site_id, found)
        report = selftest_job.SelfTestReport.of(found)
        if report.is_running:
            return None
        if report.diagnosis is not None:
            return SiteResult(site_id, BulkOutcome.FAILED, report.diagnosis.message)
        if report.error:
            return SiteResult(site_id, BulkOutcome.FAILED, report.error)
        return SiteResult(site_id, BulkOutcome.DONE, messages.BULK_TESTED)

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)


def _actor(job: Job) -> Actor:
    """Return who requested a job."""
    return Actor(ActorKind(job.arguments["actor"]), job.requested_by)


def _rules_result(site_id: str, job: Job) -> SiteResult | None:
    match job.state:
        case JobState.DONE:
            return SiteResult(site_id, BulkOutcome.DONE, messages.BULK_APPLIED)
        case JobState.FAILED:
            return SiteResult(site_id, BulkOutcome.FAILED, job.message or "")
        case JobState.STOPPED:
            return SiteResult(site_id, BulkOutcome.SKIPPED, messages.BULK_STOPPED)
    if job.message:  # it waits for the site, and goes on by itself
        return SiteResult(site_id, BulkOutcome.PENDING, job.message)
    return None
