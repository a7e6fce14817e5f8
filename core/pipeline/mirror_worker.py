"""Meetings to posts: what runs the mirror. The one writer of posts.

Level-triggered: for each post the store knows the revision wanted and the revision written, and when to look
next. Whatever happened in between, the mirror reads the meeting as it is, renders the post as it should be,
and writes the difference.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.errors import Fault, SiteFaultError, StoreError, StoreUnavailableError, UnknownSiteError
from core.pipeline.post_plan import PlanResult, PlanTask, leaves, run_plans
from core.render import Presence, render
from core.store.db import clock as store_clock
from core.store.meetings import meetings
from core.store.posts import attempts, posts
from core.store.posts.attempts import Attempt
from core.store.posts.posts import PostState
from core.store.sites import rules, sites
from core.wordpress.client import MOST_IN_BATCH, WordPressClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from core.render import Post
    from core.store.db.engine import Store
    from core.store.posts.posts import Claim
    from core.store.sites.sites import Site

_WORKERS = 8
PER_SITE = 2  # requests at a time: WordPress hosts run few workers, and their visitors need them
# Besides, posts that are claimed and rendered meanwhile, so that the site need not wait for the bridge.
_READY = 1
LEASE_SECONDS = 300  # longer than the client's time-outs for one round altogether
_LONGEST_WAIT_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 3600.0
_BROKEN_IN_A_ROW = 5
_POLL_AFTER_TROUBLE_SECONDS = 1.0
_STOP_SECONDS = 5.0

logger = structlog.get_logger(__name__)


def retry_delay(failures: int, fault: SiteFaultError, *, chance: float) -> int:
    """Return how many milliseconds to wait after so many failures in a row: doubling, bounded, spread out.

    `chance` (0 to 1) spreads the retries of many posts over time. What only a person can mend is tried
    again after an hour, in case they did not tell; and what the site asks for with Retry-After is obeyed.
    """
    longest = min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures, 20), _LONGEST_RETRY_SECONDS)
    wait = longest * (0.5 + chance / 2) if fault.fault.retry else _LONGEST_RETRY_SECONDS
    return int(max(wait, fault.retry_after or 0.0) * 1000)


@dataclass(frozen=True, slots=True)
class _Done:
    """A claim, what was to be done for it, and what came of that. `at` is in ms since 1970, UTC."""

    claim: Claim
    task: PlanTask
    result: PlanResult | SiteFaultError
    at: int
    milliseconds: int

    @property
    def asked(self) -> bool:
        """Whether WordPress was asked at all."""
        return isinstance(self.result, SiteFaultError) or self.result.asked

    @property
    def is_told(self) -> bool:
        """Whether it is kept among the attempts: also where nothing had to be written, since what came is shown then."""
        return self.asked or (isinstance(self.result, PlanResult) and self.result.did == "unchanged")

    @property
    def attempt(self) -> Attempt:
        """What is kept of it."""
        attempt = Attempt(
            self.claim.site_id, self.claim.account_id, self.claim.number, self.at, self.milliseconds
        )
        if isinstance(self.result, PlanResult):
            return replace(attempt, did=self.result.did, message=self.result.remark or None)
        fault = self.result
        return replace(attempt, fault=fault.fault, status=fault.status, message=str(fault)[:500])


@dataclass(slots=True)
class MirrorWorker:
    """Writes posts in threads of its own. `connect` makes the client of a site; tests may give another.

    Without a `clock` the store's own counts, which all processes share.
    """

    store: Store
    clock: Callable[[], float] | None = None
    connect: Callable[[Site], WordPressClient] = field(
        default=lambda site: WordPressClient(site.rest_root, site.username, site.password)
    )
    chance: Callable[[], float] = random.random
    lease_seconds: float = LEASE_SECONDS
    _owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}")
    _wake: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _pool: ThreadPoolExecutor | None = None
    _working: dict[str, int] = field(default_factory=dict)
    _turns: dict[str, threading.Semaphore] = field(default_factory=dict)
    _broken: dict[str, set[int]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _clients: threading.local = field(default_factory=threading.local)

    def start(self) -> None:
        """Begin, with whatever is due."""
        if self.store.is_exclusive:
            # An earlier process may have died with claims in its hands, and there is no other than this one.
            self.store.write(posts.release_all)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="mirror")
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the writes at hand, let go of every claim, and end."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            with contextlib.suppress(StoreUnavailableError):  # then the leases end by themselves
                self.store.write(
                    lambda connection: posts.release(connection, self._owner), within=_STOP_SECONDS
                )

    def work(self, taken: Sequence[Claim]) -> None:
        """Bring the claimed posts of one site to what they should be, and note what came of it."""
        until = time.monotonic() + self.lease_seconds
        try:
            with self.store.reading() as connection:
                site = sites.load(connection, taken[0].site_id, self.store.sealer)
                began = self._now(connection)
                tasks = self._tasks(connection, site, taken, now=began)
        except UnknownSiteError:
            return  # it was removed while the posts waited, and its posts with it
        leaving = [claim for claim, task in zip(taken, tasks, strict=True) if leaves(task)]
        if leaving:
            self.store.write(partial(_note_leaving, leaving=leaving))
        turn = self._turn(site.id)
        # Where the site takes so long for what came before, the claims end by themselves, and are taken again.
        if not turn.acquire(timeout=self.lease_seconds / 4):
            return
        clock = time.monotonic()
        try:
            results = run_plans(self._client(site), tasks)
        finally:
            turn.release()
        milliseconds = round((time.monotonic() - clock) * 1000)
        done = [
            _Done(claim, task, result, began, milliseconds)
            for claim, task, result in zip(taken, tasks, results, strict=True)
        ]
        for item in done:
            _tell(item)
        self._keep(partial(self._settle, site=site, done=done), until=until)

    def _keep(self, settle: Callable[[Connection], None], *, until: float) -> None:
        """Note results as soon as the database takes them, for as long as the claims may hold."""
        while True:
            try:
                self.store.write(settle)
            except StoreUnavailableError:
                if self._stopping.is_set() or time.monotonic() > until:
                    raise
                self._stopping.wait(_POLL_AFTER_TROUBLE_SECONDS)
            else:
                return

    def _tasks(
        self, connection: Connection, site: Site, taken: Sequence[Claim], *, now: int
    ) -> list[PlanTask]:
        known = [meetings.load(connection, claim.account_id, claim.number) for claim in taken]
        decided = rules.of_site(connection, site, [found[0] for found in known if found is not None])
        moment = datetime.fromtimestamp(now / 1000, UTC)
        tasks = []
        for claim, found in zip(taken, known, strict=True):
            if found is None:
                raise StoreError(f"A post waits for meeting {claim.number}, which the store does not hold.")
            meeting, revision = found
            wanted = render(meeting, rules.for_meeting(decided, meeting), moment)
            tasks.append(PlanTask(meeting, wanted, claim.written, revision, in_doubt=claim.in_doubt))
        return tasks

    def _settle(self, connection: Connection, *, site: Site, done: Sequence[_Done]) -> None:
        """Note results: those that went well end their claims, faults wait with their site or by themselves."""
        now = self._now(connection)
        # Where the rules have changed meanwhile, all of this was made by those of before.
        is_current = rules.still_are(connection, site.id, site.rules)
        attempts.note(connection, [item.attempt for item in done if item.is_told])
        # In the order of the fold, so that no two processes wait for each other in a circle.
        for item in sorted(done, key=lambda item: (item.claim.account_id, item.claim.number)):
            if isinstance(item.result, PlanResult):
                posts.finish(
                    connection,
                    item.claim,
                    revision=item.task.revision,
                    written=item.result.written,
                    due_at=_true_until(item.task.wanted) if is_current else now,
                    now=now,
                    reason=_why_none(item.task.wanted, item.result),
                )
            else:
                whole_site = item.result.fault.stops_site
                delay = retry_delay(item.claim.attempts, item.result, chance=self.chance())
                posts.postpone(
                    connection,
                    item.claim,
                    due_at=now if whole_site else now + delay,
                    fault=item.result.fault,
                    message=str(item.result),
                    counts=not whole_site,
                    unsure=item.result.unsure or item.claim.in_doubt,
                )
        fault = self._fault_of_site(site, done)
        if fault is not None:
            until_ms = now + retry_delay(site.failures, fault, chance=self.chance())
            sites.note_fault(
                connection, site.id, fault=fault.fault, message=str(fault), blocked_until=until_ms
            )
        elif any(item.asked and isinstance(item.result, PlanResult) for item in done):
            sites.note_success(connection, site.id, now=now)

    def _fault_of_site(self, site: Site, done: Sequence[_Done]) -> SiteFaultError | None:
        """Return what is wrong with the site as a whole.

        A single post may break WordPress down (5xx), and all that share a request with it; several, each by
        a request of its own, tell of the site.
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

    def _client(self, site: Site) -> WordPressClient:
        """Return this thread's client of a site; a new one where the site's address or password changed."""
        clients: dict[str, tuple[Site, WordPressClient]] = self._clients.__dict__.setdefault("of_site", {})
        known = clients.get(site.id)
        if known is not None and _same_access(known[0], site):
            return known[1]
        client = self.connect(site)
        clients[site.id] = (site, client)
        return client

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait = self._take_due()
            except StoreError as error:
                logger.warning("mirror_waits", reason=str(error))
                wait = _POLL_AFTER_TROUBLE_SECONDS
            except Exception:
                logger.exception("mirror_failed")  # nothing is lost: what is due is looked for again
                wait = _POLL_AFTER_TROUBLE_SECONDS
            if wait > 0:
                self._wake.wait(wait)

    def _take_due(self) -> float:
        """Hand what is due to the workers; return how many seconds there is nothing to do."""
        busy, room = self._busy()
        if room <= 0:
            return _LONGEST_WAIT_SECONDS
        with self.store.reading() as connection:
            now = self._now(connection)
            next_due = posts.next_due(connection, busy=busy)
        if next_due is None:
            return _LONGEST_WAIT_SECONDS
        if next_due > now:
            return min((next_due - now) / 1000, _LONGEST_WAIT_SECONDS)
        claims = self.store.write(partial(self._claim, room=room, busy=busy))
        assert self._pool is not None  # noqa: S101 - `start` has made it
        for site_id in dict.fromkeys(taken.site_id for taken in claims):
            with self._guard:
                self._working[site_id] = self._working.get(site_id, 0) + 1
            together = [taken for taken in claims if taken.site_id == site_id]
            self._pool.submit(self._work_and_free, site_id, together)
        return 0.0 if claims else _POLL_AFTER_TROUBLE_SECONDS

    def _claim(self, connection: Connection, *, room: int, busy: list[str]) -> list[Claim]:
        now = self._now(connection)
        return posts.claim(
            connection,
            owner=self._owner,
            now=now,
            lease_until=now + int(self.lease_seconds * 1000),
            room=room,
            busy=busy,
            at_once=MOST_IN_BATCH,
        )

    def _busy(self) -> tuple[list[str], int]:
        with self._guard:
            busy = [site_id for site_id, count in self._working.items() if count >= PER_SITE + _READY]
            return busy, _WORKERS - sum(self._working.values())

    def _turn(self, site_id: str) -> threading.Semaphore:
        """Return what lets only so many requests go to a site at a time."""
        with self._guard:
            return self._turns.setdefault(site_id, threading.Semaphore(PER_SITE))

    def _work_and_free(self, site_id: str, taken: list[Claim]) -> None:
        try:
            self.work(taken)
        except Exception:
            # The claims' leases end by themselves, and the posts are tried again: nothing is lost, but
            # somebody should read this.
            logger.exception("mirror_failed", site=site_id)
        finally:
            with self._guard:
                self._working[site_id] -= 1
                if not self._working[site_id]:
                    del self._working[site_id]
            self._wake.set()

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)


def _is_broken(result: PlanResult | SiteFaultError) -> bool:
    return isinstance(result, SiteFaultError) and result.fault is Fault.SERVER


def _true_until(wanted: Post) -> int | None:
    return None if wanted.until is None else int(wanted.until.timestamp() * 1000)


def _note_leaving(connection: Connection, *, leaving: Sequence[Claim]) -> None:
    for taken in leaving:
        posts.note_leaving(connection, taken)


def _why_none(wanted: Post, result: PlanResult) -> str | None:
    """Return why a meeting has no post, where it is not to have one, or not yet."""
    written = result.written
    withheld = wanted.presence is Presence.WITHHELD and (
        written.post_id is None or written.state is PostState.TRASHED
    )
    return wanted.reason if withheld else None


def _tell(done: _Done) -> None:
    named = {"site": done.claim.site_id, "number": done.claim.number}
    if isinstance(done.result, PlanResult):
        logger.info("post_mirrored", **named, state=done.result.written.state, did=done.result.did)
    else:
        logger.warning("post_waits", **named, fault=done.result.fault, reason=str(done.result))


def _same_access(one: Site, other: Site) -> bool:
    return (one.rest_root, one.username, one.password) == (other.rest_root, other.username, other.password)
