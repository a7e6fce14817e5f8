"""Mirror meetings to WordPress posts. The only writer of posts.

Level-triggered: for each post the store knows the revision wanted, the revision written, and when the post is due.
Whatever happened in between, the worker reads the meeting as it is, renders the post as it should be, and writes the
difference.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog

from core import messages
from core.errors import Fault, SiteFaultError, StoreError, StoreUnavailableError, UnknownSiteError
from core.jobs.worker import WorkerThread
from core.pipeline.client_pool import ClientPool
from core.pipeline.post_plan import PlanResult, PlanTask, moves_to_trash, run_plans
from core.pipeline.site_client import connect
from core.render import Post, Presence, render
from core.store.db import clock as store_clock
from core.store.events import delivery
from core.store.meetings import meetings, shown
from core.store.posts import attempts, queue, standing
from core.store.posts.attempts import Attempt
from core.store.posts.queue import PostState
from core.store.sites import health, rules, sites
from core.wordpress.sync_client import MOST_AT_ONCE
from core.zoom.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store
    from core.store.posts.queue import Claim
    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SiteInfo, SyncClient
    from core.wordpress.sync_operations import PostReport

T = TypeVar("T")

_WORKERS = 16  # most of the time they wait, for the site or the commit
# Sites that answer late have workers of their own, so that they delay no others. An attempt that takes longer than
# this becomes one of theirs, and so do the next ones of its site, until one is quicker. A site of which no attempt has
# ended yet gets one at a time: after a start, slow sites would take all workers.
_SLOW_SECONDS = 1.0
_SLOW_SECONDS_A_POST = 0.05  # besides, of a batch
_SLOW_WORKERS = 16
PER_SITE = 2  # concurrent requests: WordPress hosts run few workers, and visitors need them
# Batches that are claimed and rendered meanwhile, so that the site does not wait for the bridge.
_READY_PER_SITE = 1
LEASE_SECONDS = 300  # longer than the sum of the client's time-outs for one round
_LONGEST_WAIT_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 3600.0
_BROKEN_IN_A_ROW = 5
_RETRY_SECONDS = 1.0
_STOP_SECONDS = 5.0
_NEWS = timedelta(days=1)

logger = structlog.get_logger(__name__)


def retry_delay(failures: int, fault: SiteFaultError, *, chance: float) -> int:
    """Return the delay in milliseconds after a number of failures in a row: exponential, bounded, with jitter.

    `chance` (0 to 1) is the jitter, which spreads the retries of many posts over time. A fault that only a person can
    fix is retried after an hour, in case it was fixed without notice. A longer Retry-After of the site is obeyed.
    """
    longest = min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures, 20), _LONGEST_RETRY_SECONDS)
    wait = longest * (0.5 + chance / 2) if fault.fault.retry else _LONGEST_RETRY_SECONDS
    return int(max(wait, fault.retry_after or 0.0) * 1000)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A claim, its task and its result. `at` is in Unix milliseconds (UTC), `milliseconds` the duration."""

    claim: Claim
    task: PlanTask
    result: PlanResult | SiteFaultError
    at: int
    milliseconds: int

    @property
    def sent_request(self) -> bool:
        """Whether a request was sent to WordPress."""
        return isinstance(self.result, SiteFaultError) or self.result.sent_request

    @property
    def is_recorded(self) -> bool:
        """Whether it is stored as an attempt: also where nothing had to be written, so that pages show the event."""
        return self.sent_request or (
            isinstance(self.result, PlanResult) and self.result.action == "unchanged"
        )

    def record(self, mask: Callable[[str], str]) -> Attempt:
        """Return the attempt as it is stored. `mask` hides secrets that a site repeats in an error."""
        attempt = Attempt(self.claim.site_id, self.claim.number, self.at, self.milliseconds)
        if isinstance(self.result, PlanResult):
            return replace(attempt, action=self.result.action, message=mask(self.result.remark) or None)
        fault = self.result
        return replace(attempt, fault=fault.fault, status=fault.status, message=mask(str(fault))[:500])


@dataclass(frozen=True, slots=True)
class _Told:
    """What stands after the writes of a batch, what others have changed, and the site's plugins, if it answered."""

    written: Sequence[PostReport]
    changes: Sequence[PostReport]
    info: SiteInfo | None


@dataclass(frozen=True, slots=True)
class _Lane:
    """The workers for sites that answer in time, or for `among`, those that do not: how many are free.

    Sites in `busy` have enough batches, or belong to the other lane.
    """

    free: int
    busy: list[str]
    among: list[str] | None = None


@dataclass(slots=True)
class MirrorWorker:
    """Write posts in threads of its own.

    `connect` creates a site's client; `chance` returns the jitter of retries. `on_success` is called after each batch
    of which the site has answered a part, `on_fault` after each with a fault. Without a `clock` the store's own is
    used, which all processes share. Another process takes over a post `lease_seconds` after its owner claimed it.
    """

    store: Store
    clock: Callable[[], float] | None = None
    connect: Callable[[Site], SyncClient] = connect
    chance: Callable[[], float] = random.random
    lease_seconds: float = LEASE_SECONDS
    on_success: Callable[[Site], None] = lambda _: None
    on_fault: Callable[[], None] = lambda: None
    _owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}")
    thread: WorkerThread = field(init=False)
    _pool: ThreadPoolExecutor | None = None
    # By site, when each of its batches that is not done was claimed, in monotonic seconds.
    _batches: dict[str, list[float]] = field(default_factory=dict)
    _took_long: dict[str, bool] = field(default_factory=dict)  # by site, whether its last batch took long
    _request_slots: dict[str, threading.Semaphore] = field(default_factory=dict)
    _broken: dict[str, set[int]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _clients: ClientPool = field(default_factory=ClientPool)

    def __post_init__(self) -> None:
        """Create the thread that claims posts."""
        self.thread = WorkerThread("mirror", self._submit_due, retry_seconds=_RETRY_SECONDS)

    def start(self) -> None:
        """Start, with the posts that are due."""
        if self.store.is_exclusive:
            # An earlier process may have died while it held claims, and no other process can hold one.
            self.store.write(queue.expire_all_leases)
        self._pool = ThreadPoolExecutor(_WORKERS + _SLOW_WORKERS, thread_name_prefix="mirror")
        self.thread.start()

    def wake(self) -> None:
        """Check for due posts now."""
        self.thread.wake()

    def stop(self) -> None:
        """Finish the current writes, release every claim and stop. Blocks."""
        self.thread.stop()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            with contextlib.suppress(StoreUnavailableError):  # then the leases expire
                self.store.write(
                    lambda connection: queue.expire_leases(connection, self._owner), within=_STOP_SECONDS
                )

    def mirror(self, claims: Sequence[Claim]) -> None:
        """Write the claimed posts of one site, and store the results. Blocks."""
        until = time.monotonic() + self.lease_seconds
        try:
            # Early enough that the claims last until the posts are written.
            read_until = time.monotonic() + self.lease_seconds / 4
            site, started_at, tasks = self._repeat(partial(self._read, claims), until=read_until)
        except UnknownSiteError:  # the site was removed while the posts waited, and its posts with it
            self._clients.drop(claims[0].site_id)
            return
        leaving = [claim for claim, task in zip(claims, tasks, strict=True) if moves_to_trash(task)]
        if leaving:
            mark = partial(_mark_trashed, leaving=leaving)
            self._repeat(partial(self.store.write, mark), until=read_until)
        slot = self._request_slot(site.id)
        # Where the site takes that long for earlier requests, the claims expire, and the posts are claimed again.
        if not slot.acquire(timeout=self.lease_seconds / 4):
            return
        clock = time.monotonic()
        try:
            client = self._clients.take(site, self.connect)
            results = run_plans(client, tasks)
        finally:
            slot.release()
        seconds = time.monotonic() - clock
        with self._guard:
            self._took_long[site.id] = seconds > _SLOW_SECONDS + len(claims) * _SLOW_SECONDS_A_POST
        milliseconds = round(seconds * 1000)
        done = [
            _Attempt(claim, task, result, started_at, milliseconds)
            for claim, task, result in zip(claims, tasks, results, strict=True)
        ]
        self._log(done)
        has_answered = any(isinstance(result, PlanResult) and result.sent_request for result in results)
        told = _Told(client.take_written(), client.changes, client.info if has_answered else None)
        settle = partial(self._settle, site=site, done=done, told=told)
        self._repeat(partial(self.store.write, settle), until=until)
        client.acknowledge(told.changes)
        self._clients.give_back(site, client)
        if has_answered:
            if not site.home:  # until such an answer, the client's is a guess
                self.store.write(partial(sites.save_home, site_id=site.id, home=client.home))
            self.on_success(site)
        if any(isinstance(result, SiteFaultError) for result in results):
            self.on_fault()

    def _log(self, done: Sequence[_Attempt]) -> None:
        """Log attempts with the events that they deliver. Call it before they are stored."""
        faults = [item for item in done if isinstance(item.result, SiteFaultError)]
        logged = done if logger.is_enabled_for(logging.INFO) else faults
        if not logged:
            return
        trace_ids: dict[int, list[str]] = {}
        with (
            contextlib.suppress(StoreUnavailableError),
            self.store.reading() as connection,
        ):  # results come first
            for item in logged:
                claim = item.claim
                trace_ids[claim.number] = delivery.trace_ids_of_write(
                    connection, claim.site_id, claim.number, at=item.at
                )
        for item in logged:
            _log_attempt(item, trace_ids.get(item.claim.number, []))

    def _repeat(self, call: Callable[[], T], *, until: float) -> T:
        """Call a function; again while the database is unavailable, until the claims expire."""
        while True:
            try:
                return call()
            except StoreUnavailableError:
                if self.thread.stopping.is_set() or time.monotonic() > until:
                    raise
                self.thread.stopping.wait(_RETRY_SECONDS)

    def _read(self, claims: Sequence[Claim]) -> tuple[Site, int, list[PlanTask]]:
        """Return the site of claims, the time, and what is to be done there. Raises: UnknownSiteError."""
        with self.store.reading() as connection:
            site = sites.load(connection, claims[0].site_id, self.store.sealer)
            now = self._now(connection)
            return site, now, self._tasks(connection, site, claims, now=now)

    def _tasks(
        self, connection: Connection, site: Site, claims: Sequence[Claim], *, now: int
    ) -> list[PlanTask]:
        known = shown.of_site(connection, self.store.sealer, site.id, [claim.number for claim in claims])
        decided = rules.of_site(
            connection, self.store.sealer, site, [meeting for meeting, _ in known.values()]
        )
        moment = datetime.fromtimestamp(now / 1000, UTC)
        tasks = []
        for claim in claims:
            found = known.get(claim.number)
            if found is None:
                tasks.append(_withdrawal(connection, self.store.sealer, claim))
                continue
            meeting, revision = found
            wanted = render(meeting, rules.for_meeting(decided, meeting), moment)
            # What was wanted when it was claimed is part of what was read since.
            reached = max(revision, claim.wanted)
            tasks.append(
                PlanTask(
                    meeting,
                    wanted,
                    claim.written,
                    reached,
                    in_doubt=claim.in_doubt,
                    epoch=claim.epoch,
                    is_quiet=_is_old(meeting, moment),
                    deleted_by_user=claim.deleted_by_user,
                    returns_title=claim.returns_title,
                )
            )
        return tasks

    def _settle(self, connection: Connection, *, site: Site, done: Sequence[_Attempt], told: _Told) -> None:
        """Store results: a success ends its claim, a fault postpones its post or blocks the whole site."""
        now = self._now(connection)
        # Where rules or plugins have changed meanwhile, the posts were rendered by the previous ones.
        is_current = rules.are_unchanged(connection, site)
        mask = partial(mask_text, secrets=[secret for item in done for secret in item.task.meeting.secrets])
        attempts.add(connection, [item.record(mask) for item in done if item.is_recorded])
        # In the order of the fold, to avoid deadlocks between processes.
        for item in sorted(done, key=lambda item: item.claim.number):
            if isinstance(item.result, PlanResult):
                queue.finish(
                    connection,
                    self.store.sealer,
                    item.claim,
                    revision=item.task.revision,
                    written=item.result.written,
                    due_at=_true_until(item.task.wanted) if is_current else now,
                    now=now,
                    reason=_why_none(item.task.wanted, item.result),
                    account_id=item.task.meeting.account_id,
                )
            else:
                whole_site = item.result.fault.stops_site
                delay = retry_delay(item.claim.attempts, item.result, chance=self.chance())
                queue.postpone(
                    connection,
                    item.claim,
                    revision=item.task.revision,
                    due_at=now if whole_site else now + delay,
                    fault=item.result.fault,
                    message=mask(str(item.result)),
                    counts=not whole_site,
                    unsure=item.result.unsure or item.claim.in_doubt,
                )
        # A status that the bridge gave is its own. Any other is that of whoever changed the post before.
        given = [report for report in told.written if report.by is not None]
        standing.record(connection, site.id, given, now=now)
        standing.record_changes(connection, site.id, told.changes, now=now)
        standing.record(connection, site.id, told.written, now=now)
        if told.info is not None and told.info.extensions != site.extensions:
            health.request_check(connection, site.id)  # it stores them, and has all posts adapted
        fault = self._fault_of_site(site, done)
        if fault is not None and not sites.has_same_pairing(connection, site, self.store.sealer):
            fault = None  # that was the pairing before
        if fault is not None:
            until_ms = now + retry_delay(site.failures, fault, chance=self.chance())
            sites.record_fault(
                connection,
                site.id,
                fault=fault.fault,
                message=mask(str(fault)),
                blocked_until=until_ms,
                now=now,
            )
        elif any(item.sent_request and isinstance(item.result, PlanResult) for item in done):
            sites.record_success(connection, site.id, now=now)

    def _fault_of_site(self, site: Site, done: Sequence[_Attempt]) -> SiteFaultError | None:
        """Return the fault of the site as a whole, if there is one.

        A single post may cause a 5xx, also for those that share its request; several, each in a request of its own,
        indicate that the site is at fault.
        """
        faults = [item.result for item in done if isinstance(item.result, SiteFaultError)]
        for fault in faults:
            if fault.fault.stops_site:
                return fault
        broken = {id(item.result): item for item in reversed(done) if _is_broken(item.result)}
        with self._guard:
            in_a_row = self._broken.setdefault(site.id, set())
            if len(faults) < len(done):
                in_a_row.clear()
            else:
                in_a_row |= {item.claim.number for item in broken.values()}
            return faults[-1] if broken and len(in_a_row) >= _BROKEN_IN_A_ROW else None

    def _submit_due(self) -> float:
        """Claim due posts and submit them to the pool; return how many seconds nothing more is due."""
        return min(self._submit(lane) for lane in self._lanes())

    def _submit(self, lane: _Lane) -> float:
        """Claim and submit due posts of the sites of a lane; return how many seconds nothing more of them is due."""
        if lane.free <= 0:
            # Until then one of its batches has ended, which wakes the thread, or is slow.
            return _SLOW_SECONDS
        with self.store.reading() as connection:
            now = self._now(connection)
            next_due = queue.next_due(connection, busy=lane.busy, among=lane.among)
        if next_due is None:
            return _LONGEST_WAIT_SECONDS
        if next_due > now:
            return min((next_due - now) / 1000, _LONGEST_WAIT_SECONDS)
        claims = self.store.write(partial(self._claim, limit=lane.free, busy=lane.busy, among=lane.among))
        assert self._pool is not None  # noqa: S101 - created by `start`
        for site_id in dict.fromkeys(claim.site_id for claim in claims):
            claimed_at = time.monotonic()
            batch = [claim for claim in claims if claim.site_id == site_id]
            with self._guard:
                # First: where no thread can be started, nothing is under way.
                self._pool.submit(self._mirror_in_pool, site_id, batch, claimed_at)
                self._batches.setdefault(site_id, []).append(claimed_at)
        return 0.0 if claims else _RETRY_SECONDS

    def _claim(
        self, connection: Connection, *, limit: int, busy: list[str], among: list[str] | None = None
    ) -> list[Claim]:
        now = self._now(connection)
        return queue.claim(
            connection,
            self.store.sealer,
            owner=self._owner,
            now=now,
            lease_until=now + int(self.lease_seconds * 1000),
            room=limit,
            busy=busy,
            among=among,
            at_once=MOST_AT_ONCE,
        )

    def _lanes(self) -> list[_Lane]:
        """Return the lane of the sites that answer in time, and that of the slow ones, if there are any."""
        late = time.monotonic() - _SLOW_SECONDS
        with self._guard:
            most = PER_SITE + _READY_PER_SITE
            busy = [
                site_id
                for site_id, batches in self._batches.items()
                if len(batches) >= most or site_id not in self._took_long
            ]
            slow = {site_id for site_id, took_long in self._took_long.items() if took_long}
            slow |= {site_id for site_id, batches in self._batches.items() if batches[0] < late}
            of_slow = sum(len(batches) for site_id, batches in self._batches.items() if site_id in slow)
            others = sum(len(batches) for batches in self._batches.values()) - of_slow
        room = _WORKERS + _SLOW_WORKERS - of_slow - others
        prompt = _Lane(min(_WORKERS - others, room), [*busy, *slow])
        return [prompt, _Lane(_SLOW_WORKERS - of_slow, busy, sorted(slow))] if slow else [prompt]

    def _request_slot(self, site_id: str) -> threading.Semaphore:
        """Return the semaphore that limits the concurrent requests to a site."""
        with self._guard:
            return self._request_slots.setdefault(site_id, threading.Semaphore(PER_SITE))

    def _mirror_in_pool(self, site_id: str, claims: list[Claim], claimed_at: float) -> None:
        try:
            self._mirror_or_log(site_id, claims)
        finally:
            with self._guard:
                others = [one for one in self._batches.pop(site_id, ()) if one != claimed_at]
                if others:
                    self._batches[site_id] = others
            self.wake()

    def _mirror_or_log(self, site_id: str, claims: Sequence[Claim]) -> None:
        """Write claimed posts. Where a mistake with one of them ends that, the others are written without it."""
        try:
            self.mirror(claims)
        except Exception as error:
            # The claims' leases expire, and the posts are claimed again: with each other, as long as all are due.
            logger.exception("mirror_failed", site=site_id)
            if len(claims) == 1 or isinstance(error, StoreUnavailableError):
                return
            for claim in self._unfinished(claims):
                if not self.thread.stopping.is_set():
                    self._mirror_or_log(site_id, [claim])

    def _unfinished(self, claims: Sequence[Claim]) -> list[Claim]:
        with contextlib.suppress(StoreUnavailableError), self.store.reading() as connection:
            return queue.unfinished(connection, claims)
        return []

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)


def _withdrawal(connection: Connection, sealer: Sealer, claim: Claim) -> PlanTask:
    """Return the task for a post of whose number no account tells that is granted to the site."""
    found = meetings.load(connection, sealer, claim.account_id, claim.number)
    if found is None:
        raise StoreError(f"A post waits for meeting {claim.number}, which the store does not hold.")
    wanted = Post(Presence.WITHHELD, messages.WAITING_FOR_GRANT, by_rule=True)
    return PlanTask(
        found[0],
        wanted,
        claim.written,
        claim.wanted,
        in_doubt=claim.in_doubt,
        is_granted=False,
        epoch=claim.epoch,
    )


def _is_old(meeting: Meeting, moment: datetime) -> bool:
    """Whether a meeting was created in Zoom more than a day ago: an import or a reconciliation finds it only now.

    Its new page is no news: plugins that announce new posts are not told. Only Zoom's REST API tells the time.
    """
    created = meeting.object.get("created_at")
    try:
        return isinstance(created, str) and moment - datetime.fromisoformat(created) > _NEWS
    except (ValueError, TypeError):
        return False


def _is_broken(result: PlanResult | SiteFaultError) -> bool:
    return isinstance(result, SiteFaultError) and result.fault is Fault.SERVER


def _true_until(wanted: Post) -> int | None:
    return None if wanted.until is None else int(wanted.until.timestamp() * 1000)


def _mark_trashed(connection: Connection, *, leaving: Sequence[Claim]) -> None:
    for claim in leaving:
        queue.mark_trashed(connection, claim)


def _why_none(wanted: Post, result: PlanResult) -> str | None:
    """Return the reason for which a meeting has no post, or none yet, where that is intended."""
    written = result.written
    withheld = wanted.presence is Presence.WITHHELD and (
        written.post_id is None or written.state is PostState.TRASHED
    )
    return wanted.reason if withheld else None


def _log_attempt(attempt: _Attempt, trace_ids: list[str]) -> None:
    claim, result = attempt.claim, attempt.result
    post = {
        "site": claim.site_id,
        "account_id": claim.account_id,
        "number": claim.number,
        "revision": attempt.task.revision,
        "milliseconds": attempt.milliseconds,
        "trace_ids": trace_ids,
    }
    if isinstance(result, PlanResult):
        written = result.written
        logger.info(
            "post_mirrored", **post, post_id=written.post_id, state=written.state.value, action=result.action
        )
    else:
        reason = mask_text(str(result), attempt.task.meeting.secrets)
        logger.warning(
            "post_failed", **post, post_id=claim.written.post_id, fault=result.fault.value, reason=reason
        )
