"""Import an account to a site at the pace of WordPress, also where the bridge is killed meanwhile."""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from bench.account import PLAN, Truth, compare, double
from bench.cores import halves, kept_on
from bench.direct import direct_client
from bench.figures import Figure, at_least, at_most
from bench.place import Place, await_, connect, folder
from bench.site import fast_site
from bench.unlimited import UnlimitedBridge
from core.pipeline.mirror_worker import PER_SITE
from core.pipeline.post_plan import plan_post
from core.wordpress.post_operations import CreatePost
from core.wordpress.sync_client import MOST_AT_ONCE
from core.wordpress.sync_posts import Mark
from core.zoom.rate_limit import PER_SECOND, SHARE, RateLabel
from tests.running import RunningBridge
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET
from web.cli.instance import Instance
from web.rpc import api

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.account import Compared
    from bench.figures import Say, Scale
    from bench.site import FastSite
    from core.wordpress.sync_client import SyncClient
    from tests.wordpress import WordPress
    from tests.zoom import ZoomServer

_OPTIONS = ("--log-level", "warning")
_RIGHT_SECONDS = 7200.0
_FIRST_SECONDS = 120.0
_LOOK_SECONDS = 0.25
_QUIET_SECONDS = 1.0  # without a write: then WordPress is done
_PAUSES = 20  # at most, and no more often than every hundred posts
_WARM = 2 * MOST_AT_ONCE  # posts that are written before anything is measured
_APART = 1_000_000_000  # numbers of what is written directly are so far from those of the account


def whole_account(scale: Scale, say: Say) -> list[Figure]:
    """Compare the import of an account with what its site takes in batches; then import it under kill -9."""
    return _within_limits(scale, say) + _without_limits(scale, say) + _killed(scale, say)


def _within_limits(scale: Scale, say: Say) -> list[Figure]:
    """Import as Zoom lets it, on all of the machine."""
    with fast_site() as site, double(scale.imported, scale.hosts) as zoom:
        seen = _paced(site, zoom, RunningBridge, say)
    most = PER_SECOND[PLAN][RateLabel.LIGHT]
    allowed = most * SHARE
    lower = min(seen.takes, allowed)
    name = f"import of {scale.imported:,} meetings of {scale.hosts} users"
    asked = (
        f"{len(zoom.behaviour.requests)} requests, at most {zoom.behaviour.busiest[RateLabel.LIGHT]} of {most} in a second about "
        "single meetings"
    )
    told = f"{seen}; Zoom lets {allowed:.0f}/s through"
    return [
        at_least(f"{name} / the lower of WordPress and Zoom's limit", seen.rate / lower, 0.8, told),
        at_most(f"{name}: posts absent, doubled or wrong", seen.wrong.faults, 0, str(seen.wrong)),
        at_most(f"{name}: answers 429", zoom.behaviour.refused_by_limit, 0, asked),
        Figure(f"{name}: steps that its progress showed", seen.told, "reported", holds=None),
    ]


def _without_limits(scale: Scale, say: Say) -> list[Figure]:
    """Import with Zoom's limits out of the way, and WordPress on cores of its own: what is left is the bridge."""
    theirs, ours = halves()
    with ExitStack() as stack:
        with kept_on(theirs):
            site = stack.enter_context(fast_site())
        stack.enter_context(kept_on(ours))
        zoom = stack.enter_context(double(scale.imported, scale.hosts))
        zoom.behaviour.is_limited = False
        seen = _paced(site, zoom, UnlimitedBridge, say)
    name = f"import of {scale.imported:,} meetings, if Zoom had no limit"
    return [
        at_least(f"{name} / what WordPress takes in batches", seen.rate / seen.takes, 0.8, str(seen)),
        at_most(f"{name}: posts absent, doubled or wrong", seen.wrong.faults, 0, str(seen.wrong)),
    ]


@dataclass(frozen=True, slots=True)
class _Paced:
    """How fast an import was, and how fast WordPress in its parts (posts/s); and what came of it."""

    rate: float
    takes: float
    wrong: Compared
    told: int  # steps that its progress showed

    def __str__(self) -> str:
        return f"{self.rate:.1f}/s against {self.takes:.1f}/s"


def _paced(site: FastSite, zoom: ZoomServer, kind: type[RunningBridge], say: Say) -> _Paced:
    """Import, and stand still now and then to see what WordPress takes at that hour."""
    truth = Truth(zoom.account)
    direct = Direct(site.wordpress, truth)
    direct.write(_WARM)
    rates = [direct.write(_WARM)]
    marks = [(0.0, 0)]  # seconds of the import, and the posts that were right then
    with folder() as made, Importing(site, Place(made / "bridge"), zoom, say, kind) as importing:
        importing.begin()
        step = max(_WARM, len(truth.numbers) // _PAUSES)
        for goal in range(step, len(truth.numbers) - step // 2, step):
            importing.await_written(goal)
            with importing.standing_still():
                rates.append(direct.write(_WARM))
            marks.append(importing.marks[-1])
            say(f"{marks[-1][1]} posts after {marks[-1][0]:.0f} s; WordPress takes {rates[-1]:.1f} posts/s")
        importing.await_right()
        marks.append((importing.seconds(), len(truth.numbers)))
        told = importing.progress
    rates.append(direct.write(_WARM))
    # What WordPress would have taken for the same posts, part by part, at what it took before and after each.
    alone = sum(
        (end[1] - start[1]) / ((before + after) / 2)
        for start, end, before, after in zip(marks, marks[1:], rates, rates[1:], strict=False)
    )
    count = len(truth.numbers)
    return _Paced(count / marks[-1][0], count / alone, compare(site.wordpress, truth), told)


def _killed(scale: Scale, say: Say) -> list[Figure]:
    chance = random.Random(20_260)
    with folder() as made, fast_site() as site, double(scale.imported, scale.hosts) as zoom:
        truth = Truth(zoom.account)
        with Importing(site, Place(made / "bridge"), zoom, say) as importing:
            importing.begin()
            for number in range(1, scale.import_kills + 1):
                # Spread over the whole of it, so that it dies while it reads, folds and writes.
                share = (number - chance.random()) / scale.import_kills
                importing.await_written(int(share * len(truth.numbers)))
                importing.kill()
                say(f"killed with {importing.written()} posts written, {truth.read_again(zoom)} read again")
                importing.start()
            importing.await_right()
            took = importing.seconds()
        wrong = compare(site.wordpress, truth)
    name = f"import of {scale.imported:,} meetings, killed {scale.import_kills} times"
    again = truth.read_again(zoom)
    each = f"{took:.0f} s; {again / scale.import_kills:.0f} for each kill"
    return [
        at_most(f"{name}: posts absent, doubled or wrong", wrong.faults, 0, str(wrong)),
        at_most(f"{name}: answers 429", zoom.behaviour.refused_by_limit, 0),
        # It goes on where it was: it does not begin anew.
        at_most(f"{name}: share of meetings read again", again / len(truth.numbers), 0.5, each),
    ]


class Direct:
    """Posts like those of the account, written by the bridge's own client, as many together, with nothing else to do."""

    def __init__(self, site: WordPress, truth: Truth, *, apart: int = _APART) -> None:
        """Write to a site. `apart` is how far the numbers of what is written are from those of the account."""
        self._site = site
        self._truth = truth
        self._apart = apart
        self._next = 0

    def write(self, count: int) -> float:
        """Write so many posts, and return how many that were in a second."""
        numbers = self._truth.numbers
        operations: list[tuple[CreatePost, Mark]] = []
        for index in range(self._next, self._next + count):
            lap, which = divmod(index, len(numbers))
            named = numbers[which] + self._apart + lap * len(numbers)
            task = self._truth.task(numbers[which], as_number=named)
            operation = next(plan_post(task))
            assert isinstance(operation, CreatePost)
            operations.append((operation, Mark(named, 1)))
        self._next += count
        batches = iter([operations[start : start + MOST_AT_ONCE] for start in range(0, count, MOST_AT_ONCE)])
        # Made anew: the bridge may have paired the site meanwhile.
        clients = [direct_client(self._site) for _ in range(PER_SITE)]
        began = time.perf_counter()
        with ThreadPoolExecutor(len(clients)) as pool:
            # Each takes the next batch as soon as it is done with one.
            list(pool.map(lambda client: _write_all(client, batches), clients))
        took = time.perf_counter() - began
        for client in clients:
            client.close()
        return count / took


def _write_all(client: SyncClient, batches: Iterator[Sequence[tuple[CreatePost, Mark]]]) -> None:
    for batch in batches:
        operations, marks = zip(*batch, strict=True)
        for answer in client.perform(operations, marks):
            if isinstance(answer, Exception):
                raise answer


@dataclass
class Importing:
    """A bridge that imports an account, and may be killed meanwhile."""

    site: FastSite
    place: Place
    zoom: ZoomServer
    say: Say
    kind: type[RunningBridge] = RunningBridge
    bridge: RunningBridge | None = None
    stood: float = 0.0  # seconds for which it stood still
    marks: list[tuple[float, int]] = field(default_factory=list)  # seconds, and posts, when it began to
    progress: int = 0  # different states that its job was seen in
    _others: int = 0  # writes that were not its own
    _seen: set[tuple[Any, ...]] = field(default_factory=set)

    def __enter__(self) -> Self:
        """Connect the site and the account."""
        self.start()
        assert self.bridge is not None
        connect(self.bridge, self.site.wordpress)
        self.bridge.command(
            "account", "add",
            "--account-id", self.zoom.account.account_id,
            "--client-id", CLIENT_ID,
            "--plan", PLAN.value,
            "--oauth-url", self.zoom.oauth_url,
            typed=CLIENT_SECRET + "\n",
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        """End the bridge."""
        self.kill()
        self.place.close()

    def start(self) -> None:
        """Start the bridge."""
        self.bridge = self.kind(self.place.data, *_OPTIONS)

    def kill(self) -> None:
        """End the bridge as a power cut would."""
        if self.bridge is not None:
            self.bridge.kill()
            self.bridge = None

    def begin(self) -> None:
        """Ask for the import."""
        self._others = len(self.site.written())
        Instance(self.place.data, None).call(api.ACCOUNT_IMPORT, api.ReadAccount())

    def written(self) -> int:
        """Return how many posts are as they are wanted."""
        return self.place.number("SELECT count(*) FROM posts WHERE written >= wanted")

    def await_written(self, count: int) -> None:
        """Wait until so many posts are written."""
        self._await(lambda: self.written() >= count)

    def await_right(self) -> None:
        """Wait until every post is written."""
        self._await(lambda: self._job()[0] == "done")
        self.place.await_settled(within=_FIRST_SECONDS)

    def seconds(self) -> float:
        """Return how long it was from its beginning until the last post was right, but for when it stood still."""
        last = self.place.number("SELECT max(written_at) FROM posts") / 1000
        return last - self._began() - self.stood

    def _began(self) -> float:
        return self.place.number("SELECT created_at FROM jobs WHERE kind = 'import'") / 1000

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Let the bridge stand still, once WordPress is done with what it was given: until then, time counts."""
        assert self.bridge is not None
        os.kill(self.bridge.pid, signal.SIGSTOP)
        try:
            await_(
                lambda: time.time() - self._last_write() > _QUIET_SECONDS, "it wrote", within=_FIRST_SECONDS
            )
            since, before = self._last_write(), len(self.site.written())
            self.marks.append((since - self._began() - self.stood, before - self._others))
            yield
            self._others += len(self.site.written()) - before
        finally:
            os.kill(self.bridge.pid, signal.SIGCONT)
        self.stood += time.time() - since

    def _last_write(self) -> float:
        return max(self.site.written(), default=0.0)

    def _job(self) -> Any:
        job = self.place.rows("SELECT state, done, total, message FROM jobs WHERE kind = 'import'")[0]
        self._seen.add(tuple(job))
        self.progress = len(self._seen)
        return job

    def _await(self, look: Any) -> None:
        """Look now and then; say how far it is."""
        began = said = time.monotonic()
        while not look():
            state, done, total, message = self._job()
            if state in ("failed", "stopped"):
                raise AssertionError(f"The import {state}: {message}")
            if time.monotonic() - began > _RIGHT_SECONDS:
                raise TimeoutError(f"The import was still {state}, {done} of {total}: {message}")
            if time.monotonic() - said > 10:
                said = time.monotonic()
                read = len(self.zoom.behaviour.requests)
                self.say(f"{read} requests, {done} of {total} users, {self.written()} posts; {message or ''}")
            time.sleep(_LOOK_SECONDS)
