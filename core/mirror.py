"""Meetings to posts: what runs the mirror. The one writer of posts.

Level-triggered: for each post the store knows the revision wanted and the revision written, and when to look
next. Whatever happened in between, the mirror reads the meeting as it is, renders the post as it should be,
and writes the difference.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.errors import SiteFaultError, StoreError, UnknownSiteError
from core.reconcile import reconcile
from core.render import SiteRules, render
from core.store import meetings, posts, sites
from core.wordpress.client import WordPressClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.engine import Store
    from core.store.posts import Claim
    from core.store.sites import Site

_WORKERS = 8
_PER_SITE = 2  # WordPress hosts run few workers, and their visitors need them
_LEASE_SECONDS = 120  # longer than the client's time-outs for one post altogether
_LONGEST_WAIT_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 2.0
_LONGEST_RETRY_SECONDS = 3600.0

logger = structlog.get_logger(__name__)


def retry_delay(failures: int, *, chance: float) -> float:
    """Return how many seconds to wait after so many failures in a row: doubling, bounded, and spread out.

    `chance` (0 to 1) spreads the retries of many posts over time.
    """
    longest = min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures, 20), _LONGEST_RETRY_SECONDS)
    return longest * (0.5 + chance / 2)


@dataclass(slots=True)
class Mirror:
    """Writes posts in threads of its own. `connect` makes the client of a site; tests may give another."""

    store: Store
    clock: Callable[[], float] = time.time
    connect: Callable[[Site], WordPressClient] = field(
        default=lambda site: WordPressClient(site.rest_root, site.username, site.password)
    )
    _owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    _wake: threading.Event = field(default_factory=threading.Event)
    _stop: bool = False
    _thread: threading.Thread | None = None
    _pool: ThreadPoolExecutor | None = None
    _working: dict[str, int] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _clients: threading.local = field(default_factory=threading.local)

    def start(self) -> None:
        """Begin, with whatever is due."""
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="mirror")
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something may be due."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the writes at hand, let go of every claim, and end."""
        self._stop = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self.store.write(lambda connection: posts.release(connection, self._owner))

    def work(self, taken: Claim) -> None:
        """Bring one claimed post to what it should be, and note what came of it."""
        try:
            with self.store.reading() as connection:
                site = sites.load(connection, taken.site_id, self.store.sealer)
                known = meetings.load(connection, taken.account_id, taken.number)
        except UnknownSiteError:
            return  # it was removed while the post waited, and its posts with it
        if known is None:
            raise StoreError(f"A post waits for meeting {taken.number}, which the store does not hold.")
        meeting, revision = known
        rules = SiteRules(site.post_status, site.vczapi, site.vczapi_pro)
        wanted = render(meeting, rules, datetime.fromtimestamp(self.clock(), UTC))
        try:
            outcome = reconcile(self._client(site), meeting, wanted, taken.written, revision=revision)
        except SiteFaultError as error:
            self._failed(taken, site, error)
            return
        due_at = None if wanted.until is None else int(wanted.until.timestamp() * 1000)
        finish = partial(
            posts.finish,
            taken=taken,
            revision=revision,
            written=outcome.written,
            due_at=due_at,
            now=self._now(),
        )
        self.store.write(finish)
        if outcome.asked:
            self.store.write(lambda connection: sites.note_success(connection, site.id, now=self._now()))
        logger.info(
            "post_mirrored", site=site.id, number=taken.number, state=outcome.written.state, did=outcome.did
        )

    def _failed(self, taken: Claim, site: Site, error: SiteFaultError) -> None:
        """Wait with the site, or only with this post, as the fault asks."""
        whole_site = error.fault.stops_site
        failures = site.failures if whole_site else taken.attempts
        wait = retry_delay(failures, chance=random.random())  # noqa: S311 - spreads load, keeps no secret
        if error.retry_after is not None:
            wait = max(wait, error.retry_after)
        if not error.fault.retry:
            wait = _LONGEST_RETRY_SECONDS
        until = self._now() + int(min(wait, 24 * _LONGEST_RETRY_SECONDS) * 1000)
        logger.warning(
            "post_waits",
            site=site.id,
            number=taken.number,
            fault=error.fault,
            seconds=round(wait),
            reason=str(error),
        )
        postpone = partial(
            posts.postpone,
            taken=taken,
            due_at=self._now() if whole_site else until,
            fault=error.fault,
            message=str(error),
            counts=not whole_site,
        )
        self.store.write(postpone)
        if whole_site:
            block = partial(
                sites.note_fault, site_id=site.id, fault=error.fault, message=str(error), blocked_until=until
            )
            self.store.write(block)

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
        while not self._stop:
            self._wake.clear()
            try:
                wait = self._take_due()
            except StoreError as error:
                logger.warning("mirror_waits", reason=str(error))
                wait = _POLL_AFTER_TROUBLE_SECONDS
            if wait > 0:
                self._wake.wait(wait)

    def _take_due(self) -> float:
        """Hand what is due to the workers; return how many seconds there is nothing to do."""
        busy, room = self._busy()
        if room <= 0:
            return _LONGEST_WAIT_SECONDS
        now = self._now()
        with self.store.reading() as connection:
            next_due = posts.next_due(connection, busy=busy)
        if next_due is None:
            return _LONGEST_WAIT_SECONDS
        if next_due > now:
            return min((next_due - now) / 1000, _LONGEST_WAIT_SECONDS)
        lease_until = now + _LEASE_SECONDS * 1000
        claims = self.store.write(
            lambda connection: posts.claim(
                connection, owner=self._owner, now=now, lease_until=lease_until, room=room, busy=busy
            )
        )
        assert self._pool is not None  # noqa: S101 - `start` has made it
        for taken in claims:
            with self._guard:
                self._working[taken.site_id] = self._working.get(taken.site_id, 0) + 1
            self._pool.submit(self._work_and_tell, taken)
        return 0.0 if claims else _POLL_AFTER_TROUBLE_SECONDS

    def _busy(self) -> tuple[list[str], int]:
        with self._guard:
            busy = [site_id for site_id, count in self._working.items() if count >= _PER_SITE]
            return busy, _WORKERS - sum(self._working.values())

    def _work_and_tell(self, taken: Claim) -> None:
        try:
            self.work(taken)
        except Exception:
            # The claim's lease ends by itself, and the post is tried again: nothing is lost, but somebody
            # should read this.
            logger.exception("mirror_failed", site=taken.site_id, number=taken.number)
        finally:
            with self._guard:
                self._working[taken.site_id] -= 1
                if not self._working[taken.site_id]:
                    del self._working[taken.site_id]
            self._wake.set()

    def _now(self) -> int:
        return int(self.clock() * 1000)


_POLL_AFTER_TROUBLE_SECONDS = 1.0


def _same_access(one: Site, other: Site) -> bool:
    return (one.rest_root, one.username, one.password) == (other.rest_root, other.username, other.password)
