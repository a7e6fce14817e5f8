"""Figure 9: everything that an account holds comes to a site, at the pace of WordPress, through deaths of the bridge."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from bench.figures import Figure, at_least, at_most
from bench.place import Place, await_, connect, folder
from bench.site import fast_site
from core.mirror import PER_SITE
from core.reconcile import Task, plan
from core.render import SiteRules, render
from core.snapshots import of_reading
from core.store.posts import Written
from core.wordpress.asks import CreatePost
from core.wordpress.client import MOST_IN_BATCH, WordPressClient
from core.zoom.pace import PER_SECOND, SHARE, Label, Plan
from core.zoom.rest import Reading
from tests.running import RunningBridge
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET
from web.cli.place import Place as Reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.figures import Say, Scale
    from bench.site import FastSite
    from tests.wordpress import WordPress

_ACCOUNT = "ImportedAccount0000000"
_PLAN = Plan.BUSINESS
_LATENCY_SECONDS = 0.1  # of each of Zoom's answers: they come from far away
_OPTIONS = ("--log-level", "warning")
_RIGHT_SECONDS = 7200.0
_FIRST_SECONDS = 120.0
_LOOK_SECONDS = 0.25
_QUIET_SECONDS = 1.0  # without a write: then WordPress is done
_PAUSES = 20  # at most, and no more often than every hundred posts
_WARM = 4 * MOST_IN_BATCH  # posts that are written before anything is measured
_APART = 1_000_000_000  # numbers of what is written directly are so far from those of the account


def whole_account(scale: Scale, say: Say) -> list[Figure]:
    """Compare the import of an account with what its site takes in batches; then import it under kill -9."""
    return _paced(scale, say) + _killed(scale, say)


def _paced(scale: Scale, say: Say) -> list[Figure]:
    """Import, and stand still now and then to see what WordPress takes at that hour."""
    with folder() as made, fast_site() as site, double(scale.imported, scale.hosts) as zoom:
        truth = Truth(zoom.account)
        direct = Direct(site.wordpress, truth)
        direct.write(_WARM)
        rates = [direct.write(_WARM)]
        marks = [(0.0, 0)]  # seconds of the import, and the posts that were right then
        with Importing(site, Place(made / "bridge"), zoom, say) as importing:
            importing.begin()
            step = max(_WARM, len(truth.numbers) // _PAUSES)
            for goal in range(step, len(truth.numbers) - step // 2, step):
                importing.await_written(goal)
                with importing.standing_still():
                    rates.append(direct.write(_WARM))
                marks.append(importing.marks[-1])
                say(
                    f"{marks[-1][1]} posts after {marks[-1][0]:.0f} s; WordPress takes {rates[-1]:.1f} posts/s"
                )
            importing.await_right()
            marks.append((importing.seconds(), len(truth.numbers)))
            told = importing.progress
        rates.append(direct.write(_WARM))
        wrong = compare(site.wordpress, truth)
    took, peak = marks[-1][0], zoom.behaviour.busiest[Label.LIGHT]
    # What WordPress would have taken for the same posts, part by part, at what it took before and after each.
    alone = sum(
        (end[1] - start[1]) / ((before + after) / 2)
        for start, end, before, after in zip(marks, marks[1:], rates, rates[1:], strict=False)
    )
    rate, takes = len(truth.numbers) / took, len(truth.numbers) / alone
    most = PER_SECOND[_PLAN][Label.LIGHT]
    allowed = most * SHARE
    name = f"import of {scale.imported:,} meetings of {scale.hosts} users"
    seen = f"{rate:.1f}/s ({took:.0f} s) against {takes:.1f}/s; Zoom lets {allowed:.0f}/s through"
    asked = (
        f"{len(zoom.behaviour.asked)} requests, at most {peak} of {most} in a second about single meetings"
    )
    lower = min(takes, allowed)
    return [
        at_least(f"{name} / what WordPress takes in batches", rate / takes, 0.8, seen),
        at_least(f"{name} / the lower of that and what Zoom's limit lets through", rate / lower, 0.8),
        at_most(f"{name}: posts absent, doubled or wrong", wrong.faults, 0, str(wrong)),
        at_most(f"{name}: answers 429", zoom.behaviour.refused_by_limit, 0, asked),
        Figure(f"{name}: steps that its progress showed", told, "reported", holds=None),
    ]


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


def account(meetings: int, hosts: int) -> Account:
    """Make an account of which nobody has heard: meetings of all kinds, shared evenly by its users."""
    made = Account(account_id=_ACCOUNT)
    users = [made.add_user(f"Host {number}") for number in range(hosts)]
    first = (datetime.now(UTC) + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
    for index in range(meetings):
        starts = first + timedelta(hours=index % 500)
        given: dict[str, Any] = {
            "start_time": _z(starts),
            "agenda": f"Bring part {index}.\nAnd a <pencil> & paper.",
        }
        match index % 10:
            case 0:
                given["type"] = 5  # a webinar
            case 1:
                given["type"] = 8  # a series
                given["occurrences"] = [
                    {
                        "occurrence_id": str(1_000_000_000 * number + index),
                        "start_time": _z(starts + timedelta(weeks=number)),
                        "duration": 60,
                        "status": "available",
                    }
                    for number in range(4)
                ]
            case 2:
                given["type"] = 3  # without a fixed time
                del given["start_time"]
        made.make(users[index % hosts], f"Rehearsal {index}: “Ode” & more", quietly=True, **given)
    return made


class Truth:
    """What a site should show of an account."""

    def __init__(self, account_: Account) -> None:
        """Hold the account."""
        self._account = account_

    @cached_property
    def numbers(self) -> list[int]:
        """The numbers of its meetings."""
        return sorted(self._account.held)

    def task(self, number: int, *, as_number: int | None = None) -> Task:
        """Return a meeting and its post as the bridge makes them of what Zoom holds; under another number, if given."""
        named = as_number or number
        reading = Reading({**self._account.held[number], "id": named}, int(time.time() * 1000))
        meeting = of_reading(_ACCOUNT, named, None, reading).after
        assert meeting is not None
        return Task(meeting, render(meeting, SiteRules(), datetime.now(UTC)), Written(), 1)

    def read_again(self, zoom: ZoomServer) -> int:
        """Return how many times a meeting was read that had been read before."""
        paths = Counter(path.partition("?")[0] for path in zoom.behaviour.asked)
        return sum(times - 1 for path, times in paths.items() if path.rpartition("/")[2].isdigit())


class Direct:
    """Posts like those of the account, written by the bridge's own client, as many together, with nothing else to do."""

    def __init__(self, site: WordPress, truth: Truth, *, apart: int = _APART) -> None:
        """Write to a site. `apart` is how far the numbers of what is written are from those of the account."""
        self._clients = [
            WordPressClient(site.rest_root, site.user, site.application_password) for _ in range(PER_SITE)
        ]
        self._truth = truth
        self._apart = apart
        self._next = 0

    def write(self, count: int) -> float:
        """Write so many posts, and return how many that were in a second."""
        numbers = self._truth.numbers
        asks = []
        for index in range(self._next, self._next + count):
            lap, which = divmod(index, len(numbers))
            named = numbers[which] + self._apart + lap * len(numbers)
            task = self._truth.task(numbers[which], as_number=named)
            asks.append(next(plan(task)))
        self._next += count
        assert all(isinstance(ask, CreatePost) for ask in asks)
        batches = iter([asks[start : start + MOST_IN_BATCH] for start in range(0, count, MOST_IN_BATCH)])
        began = time.perf_counter()
        with ThreadPoolExecutor(len(self._clients)) as pool:
            # Each takes the next batch as soon as it is done with one.
            list(pool.map(lambda client: _write_all(client, batches), self._clients))
        return count / (time.perf_counter() - began)


def _write_all(client: WordPressClient, batches: Iterator[Sequence[Any]]) -> None:
    for batch in batches:
        for answer in client.perform(batch):
            if isinstance(answer, Exception):
                raise answer


@dataclass
class Importing:
    """A bridge that imports an account, and may be killed meanwhile."""

    site: FastSite
    place: Place
    zoom: ZoomServer
    say: Say
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
            "--client-secret", "-",
            "--plan", _PLAN.value,
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
        self.bridge = RunningBridge(self.place.data, *_OPTIONS)

    def kill(self) -> None:
        """End the bridge as a power cut would."""
        if self.bridge is not None:
            self.bridge.kill()
            self.bridge = None

    def begin(self) -> None:
        """Ask for the import."""
        self._others = len(self.site.written())
        Reached(self.place.data, None).ask("account-import", account=None, dry_run=False)

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
                read = len(self.zoom.behaviour.asked)
                self.say(f"{read} requests, {done} of {total} users, {self.written()} posts; {message or ''}")
            time.sleep(_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Compared:
    """How many meetings have no post, more than one, or one that does not show what Zoom holds."""

    absent: int
    doubled: int
    wrong: int

    @property
    def faults(self) -> int:
        """All of it."""
        return self.absent + self.doubled + self.wrong

    def __str__(self) -> str:
        return f"{self.absent} absent, {self.doubled} doubled, {self.wrong} wrong"


def compare(site: WordPress, truth: Truth) -> Compared:
    """Compare what a site shows of an account, post by post, with what it should."""
    shown: dict[int, list[Any]] = defaultdict(list)
    page, pages = 1, 1
    while page <= pages:
        query = {"context": "edit", "status": "any,trash", "per_page": 100, "page": page, "orderby": "id"}
        answer = site.rest("GET", "wp/v2/zoom_meetings", params=query, timeout=120)
        answer.raise_for_status()
        pages = int(answer.headers["X-WP-TotalPages"])
        for post in answer.json():
            shown[int(post["zoombridge"]["number"])].append(post)
        page += 1
    return Compared(
        absent=sum(number not in shown for number in truth.numbers),
        doubled=sum(len(shown[number]) > 1 for number in truth.numbers if number in shown),
        wrong=sum(
            not any(_is_right(post, truth.task(number)) for post in shown[number])
            for number in truth.numbers
            if number in shown
        ),
    )


def _is_right(post: dict[str, Any], task: Task) -> bool:
    wanted, told = task.wanted, post["zoombridge"]
    details, given = json.loads(told["details"] or "{}"), json.loads(wanted.field["details"])
    return (
        (post["title"]["raw"], post["content"]["raw"], post["status"])
        == (wanted.title, wanted.content, wanted.status)
        and all(
            told[name] == wanted.field[name]
            for name in ("number", "kind", "join_url", "start_date_utc", "html")
        )
        and all(details.get(name) == value for name, value in given.items())
    )


@contextmanager
def double(meetings: int, hosts: int) -> Iterator[ZoomServer]:
    """Give an account of which the bridge has heard nothing."""
    with ZoomServer(account(meetings, hosts)) as zoom:
        zoom.behaviour.plan = _PLAN
        zoom.behaviour.latency = _LATENCY_SECONDS
        yield zoom


def _z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
