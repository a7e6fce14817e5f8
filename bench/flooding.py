"""Authentic events beside floods of strangers: how many are acknowledged, how quickly, and in how much memory."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from bench.events import raw_request, story
from bench.figures import Figure, at_most
from bench.load import LoadError
from bench.memory import resident
from bench.place import ROUTE, Place, folder
from bench.verify import missing
from tests.running import RunningBridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.events import Event
    from bench.figures import Say, Scale

FLOODS = {
    "junk": "60 connections sending 1 MiB of junk",
    "sites": "60 connections naming made-up sites",
    "stub": "60 connections forging the plugin's signature",
    "silent": "3,000 silent connections",
}
_SENDERS = 4
_EVENTS_PER_SECOND = 10  # of each sender
_ANSWER_SECONDS = 10.0
_MEMORY_SECONDS = 0.2
_MOST_SECONDS = 1.0
_MOST_MEMORY = 300
_APART = 10_000_000
_FOLDED_SECONDS = 300


@dataclass
class Answers:
    """What became of authentic events: those acknowledged, with the seconds of each, and the other statuses."""

    acknowledged: list[Event] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    others: list[int] = field(default_factory=list)  # 0: no answer

    def within(self, share: float) -> float:
        """Return the time in which this share of the acknowledged was, in milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[int(share * (len(ordered) - 1))] if ordered else 1000 * _ANSWER_SECONDS


def floods(scale: Scale, say: Say) -> list[Figure]:
    """Send authentic events beside floods of four kinds, and without one, each event over a connection of its own."""
    figures: list[Figure] = []
    most_memory = 0.0
    with folder() as made:
        place = Place(made / "bridge")
        place.add_site_that_is_down()
        with RunningBridge(place.data, "--log-level", "warning") as bridge:
            port = int(bridge.url.rpartition(":")[2])
            first_at = int(time.time() * 1000)
            for number, name in enumerate(["", *FLOODS]):
                events = story(first_at=first_at, start=number * _APART)
                with _flood(name, port) if name else nullcontext(), _memory_of(bridge.pid) as memory:
                    answers = _send(port, events, seconds=2 * scale.seconds)
                place.await_folded(within=_FOLDED_SECONDS)
                if lost := missing(place, answers.acknowledged):
                    raise LoadError(f"{lost} acknowledged events are missing.")
                most_memory = max(most_memory, *memory)
                count = len(answers.acknowledged) + len(answers.others)
                p50, p99 = answers.within(0.5), answers.within(0.99)
                seen = (
                    f"{len(answers.acknowledged)} of {count}, p50 {p50:.0f} ms, p99 {p99:.0f} ms, "
                    f"{max(memory):.0f} MB"
                )
                say(f"{FLOODS.get(name, 'no flood')}: {seen}")
                if name:
                    figures += [
                        at_most(f"events not acknowledged, {FLOODS[name]}", len(answers.others), 0, seen),
                        at_most(f"p99 in ms, {FLOODS[name]}", p99, 1000 * _MOST_SECONDS),
                    ]
            log = bridge.log()
        place.close()
    if "Traceback" in log:
        raise LoadError("The bridge's log holds a traceback.")
    return [*figures, at_most("memory in MB, through all floods", most_memory, _MOST_MEMORY)]


@contextmanager
def _flood(name: str, port: int) -> Iterator[None]:
    """Flood meanwhile, from another process."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.flood", name, str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != "flooding\n":
                raise LoadError(f"The flood {name} did not begin.")
            yield
            if process.poll() is not None:
                raise LoadError(f"The flood {name} ended too early.")
        finally:
            process.terminate()


@contextmanager
def _memory_of(pid: int) -> Iterator[list[float]]:
    """Give the memory of a bridge and its acceptors in MB, as it was again and again meanwhile."""
    seen: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_MEMORY_SECONDS):
            seen.append(resident(pid) * 1024 / 1e6)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _send(port: int, events: Iterator[Event], *, seconds: float) -> Answers:
    """Send events at a steady rate from a few threads, each over a connection of its own."""
    answers = Answers()
    count = int(seconds * _EVENTS_PER_SECOND)
    shares = [list(islice(events, count)) for _ in range(_SENDERS)]
    threads = [threading.Thread(target=_send_all, args=(port, share, answers)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _send_all(port: int, events: list[Event], answers: Answers) -> None:
    next_at = time.monotonic()
    for event in events:
        time.sleep(max(0.0, next_at - time.monotonic()))
        next_at += 1 / _EVENTS_PER_SECOND
        request = raw_request(event, ROUTE)
        began = time.monotonic()
        status = _status_of(port, request)
        if status == 204:
            answers.acknowledged.append(event)
            answers.seconds.append(time.monotonic() - began)
        else:
            answers.others.append(status)


def _status_of(port: int, request: bytes) -> int:
    """Send one request; return the status of its answer, 0 where none came."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS) as connection:
            connection.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer and (received := connection.recv(4096)):
                answer += received
    except OSError:
        return 0
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return int(found[1]) if found else 0
