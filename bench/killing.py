"""Kill -9 under load, again and again. Nothing acknowledged is missing, no post is doubled."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from bench.events import FIRST_NUMBER, story
from bench.figures import Figure, at_most
from bench.place import Place, connect, folder
from bench.sender import Sender
from bench.verify import Found, verify
from tests.conftest import STUB, STUB_SLUG
from tests.postgresql import PostgreSQL
from tests.running import RunningBridge
from tests.wordpress import WordPress

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Say, Scale

_NEW_MEETINGS = 6  # in each round, so that posts are being made when the process dies
_EVENTS = 150  # of a round; what is not acknowledged in it goes into the next
_CONNECTIONS = 8
_SHORTEST, _LONGEST = 0.1, 1.6  # seconds from the first acknowledgement to the kill
# With PostgreSQL, the claims of a killed process end with their leases.
_OPTIONS = ("--log-level", "warning", "--lease-seconds", "20")
_SETTLE_SECONDS = 600.0  # far more than it takes: a machine may be busy with other things
_FIRST_ANSWER_SECONDS = 30.0


@dataclass(slots=True)
class Killing:
    """Rounds of load and death for one bridge or several that share a database."""

    site: WordPress
    place: Place
    processes: int = 1
    chance: random.Random = field(default_factory=lambda: random.Random(20_260))
    sender: Sender = field(default_factory=Sender)
    bridges: list[RunningBridge | None] = field(default_factory=list)
    route: str = ""
    killed: int = 0
    done: int = 0
    first_at: int = field(default_factory=lambda: int(time.time() * 1000))
    options: tuple[str, ...] = _OPTIONS
    events: int = _EVENTS
    meetings: int = _NEW_MEETINGS
    longest: float = _LONGEST

    def rounds(self, count: int, say: Say = lambda _: None, *, within: float = inf) -> Found:
        """Kill so many times, or for so many seconds; let what is left settle, and return what is wrong then."""
        until = time.monotonic() + within
        self.bridges = [None] * self.processes
        try:
            self._start()
            assert self.bridges[0] is not None
            self.route = self._connect(self.bridges[0])
            for number in range(count):
                if time.monotonic() > until:
                    break
                self._start()
                asyncio.run(self._round(number))
                self.done += 1
                say(f"round {number + 1} of {count}: {self.sender}")
            self._start()
            asyncio.run(self._rest())
            self.place.await_settled(within=_SETTLE_SECONDS)
            return verify(self.place, self.site, self.sender.acknowledged)
        finally:
            for bridge in self.bridges:
                if bridge is not None:
                    bridge.kill()
            self.place.close()

    def _start(self) -> None:
        for index, bridge in enumerate(self.bridges):
            if bridge is None:
                data = self.place.data if index == 0 else self.place.data.with_name(f"other-{index}")
                self._share_key(data)
                self.bridges[index] = self._run(data)

    def _connect(self, bridge: RunningBridge) -> str:
        """Connect the site; return the path of its endpoint at the bridge."""
        return connect(bridge, self.site)

    def _run(self, data: Path, port: int = 0) -> RunningBridge:
        return RunningBridge(data, *self.options, port=port, database_url=self.place.database_url)

    def _share_key(self, data: Path) -> None:
        """Give every process the one key that seals what they share."""
        data.mkdir(exist_ok=True)
        (data / "zoombridge.key").write_text((self.place.data / "zoombridge.key").read_text())

    async def _round(self, number: int) -> None:
        """Send until the time has come to kill; what was not acknowledged stays to be sent."""
        first_number = FIRST_NUMBER + number * self.meetings
        events = story(meetings=self.meetings, first_at=self.first_at, first_number=first_number)
        self.sender.give(islice(events, max(0, self.events - len(self.sender.waiting))))
        before = len(self.sender.acknowledged)
        over = asyncio.Event()
        urls = [bridge.url for bridge in self.bridges if bridge is not None]
        sending = asyncio.create_task(
            self.sender.send(urls, self.route, connections=_CONNECTIONS, until=over.is_set)
        )
        deadline = time.monotonic() + _FIRST_ANSWER_SECONDS
        while len(self.sender.acknowledged) == before:
            if time.monotonic() > deadline or sending.done():
                raise AssertionError(f"Nothing is acknowledged: {self.sender}\n{self._logs()}")
            await asyncio.sleep(0.005)
        await asyncio.sleep(self.chance.uniform(_SHORTEST, self.longest) ** 2)
        await self._interrupt()
        over.set()
        await sending

    async def _interrupt(self) -> None:
        """Do to the processes what the round is about."""
        self._kill()

    def _kill(self) -> None:
        """Kill the one; or one of several, or all of them at once."""
        victims = range(self.processes)
        if self.processes > 1 and self.chance.random() < 2 / 3:
            victims = range(which := self.chance.randrange(self.processes), which + 1)
        for index in victims:
            bridge = self.bridges[index]
            if bridge is not None:
                bridge.kill()
                self.bridges[index] = None
                self.killed += 1

    def _logs(self) -> str:
        return "\n".join(bridge.log()[-3000:] for bridge in self.bridges if bridge is not None)

    async def _rest(self) -> None:
        urls = [bridge.url for bridge in self.bridges if bridge is not None]
        await self.sender.send(urls, self.route, connections=_CONNECTIONS)


@dataclass(slots=True)
class Restarting(Killing):
    """Rounds of load and restarts: on SQLite one process after the other, on PostgreSQL a new one beside the old.

    Leases are longer than what is waited for: work that a stopped process left leased would never be done. `leased` counts
    what was still leased when SQLite's only process had ended, `loaded` the restarts after which events were waiting.
    """

    options: tuple[str, ...] = ("--log-level", "warning", "--lease-seconds", "86400")
    events: int = 3000
    meetings: int = 40
    longest: float = 0.5
    leased: int = 0
    loaded: int = 0

    async def _interrupt(self) -> None:
        """Restart a process while events are sent, and go on until the new one has acknowledged some of them."""
        await asyncio.to_thread(self._restart, self.killed % self.processes)
        self.killed += 1
        self.loaded += bool(self.sender.waiting)
        if self.place.database_url is None:
            before = len(self.sender.acknowledged)
            while (  # noqa: ASYNC110 - nothing tells of it
                self.sender.waiting and len(self.sender.acknowledged) < before + _CONNECTIONS
            ):
                await asyncio.sleep(0.005)

    def _restart(self, index: int) -> None:
        old = self.bridges[index]
        assert old is not None
        if self.place.database_url is not None:
            self.bridges[index] = self._run(old.data)
            old.stop()
            return
        old.stop()
        self.leased += self.place.number("SELECT count(*) FROM posts WHERE lease_until > 0")
        self.bridges[index] = self._run(old.data, int(old.url.rpartition(":")[2]))


def restart_sqlite(scale: Scale, say: Say) -> list[Figure]:
    """Restart the one process on SQLite."""
    with folder() as made, _site() as site:
        restarting = Restarting(site, Place(made / "bridge"))
        figures = _figures(restarting, "SQLite", scale, say)
        return [*figures, at_most("posts leased after a stop", restarting.leased, 0)]


def restart_postgresql(scale: Scale, say: Say) -> list[Figure]:
    """Restart two processes on PostgreSQL in turn, the new one beside the old."""
    with ExitStack() as stack:
        made, site = stack.enter_context(folder()), stack.enter_context(_site())
        server = stack.enter_context(PostgreSQL())
        restarting = Restarting(site, Place(made / "bridge", server.url()), processes=2)
        return _figures(restarting, "PostgreSQL, two processes", scale, say)


def sqlite(scale: Scale, say: Say) -> list[Figure]:
    """Kill the one process on SQLite."""
    with folder() as made, _site() as site:
        killing = Killing(site, Place(made / "bridge"))
        return _figures(killing, "SQLite", scale, say)


def postgresql(scale: Scale, say: Say) -> list[Figure]:
    """Kill two processes on PostgreSQL, in turn and both at once."""
    with ExitStack() as stack:
        made, site = stack.enter_context(folder()), stack.enter_context(_site())
        server = stack.enter_context(PostgreSQL())
        killing = Killing(site, Place(made / "bridge", server.url()), processes=2)
        return _figures(killing, "PostgreSQL, two processes", scale, say)


def _site() -> WordPress:
    site = WordPress.start("debian-mariadb")
    site.add_plugin(STUB, STUB_SLUG)
    return site


def _figures(killing: Killing, where: str, scale: Scale, say: Say) -> list[Figure]:
    found = killing.rounds(scale.kills, say, within=scale.within)
    seen = f"{len(killing.sender.acknowledged)} acknowledged, {killing.killed} ended"
    what = "a restart under load" if isinstance(killing, Restarting) else "kill -9"
    name = f"{killing.done} rounds of {what}, {where}"
    return [
        at_most(f"{name}: acknowledged events missing", found.missing, 0, seen),
        at_most(f"{name}: posts doubled", found.doubled, 0),
        at_most(f"{name}: posts absent or not as the fold says", found.absent + found.wrong, 0),
    ]
