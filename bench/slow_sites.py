"""An hour of events for a hundred sites, of which some are slow or silent: how current the others' pages are."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.events import FIRST_NUMBER, raw_request, story
from bench.figures import Figure, at_most
from bench.load import LoadError
from bench.place import Place, account_of, folder
from bench.sites import SLOW_SECONDS, doubles, site_id
from bench.starting import processor_seconds
from bench.verify import missing
from tests.running import RunningBridge

if TYPE_CHECKING:
    from pathlib import Path

    from bench.events import Event
    from bench.figures import Say, Scale
    from bench.sites import Doubles

SECONDS = 3600.0
PER_SECOND = 200
SITES, SLOW, SILENT = 100, 10, 5
_MEETINGS_OF_A_SITE = 20
_BOUND = 5.0  # seconds
_SENDERS = 32  # an acknowledgement takes some ten milliseconds
_ANSWER_SECONDS = 10.0
_SETTLED_SECONDS = 60.0  # after the last event
_SAID_SECONDS = 60.0
_EDITION = re.compile(r"edition (\d+)$")


@dataclass
class Sent:
    """Events that were acknowledged, each with when (monotonic seconds), and the number of those that were not."""

    acknowledged: list[tuple[Event, float]] = field(default_factory=list)
    others: int = 0


def slow_sites(scale: Scale, say: Say) -> list[Figure]:
    """Send 200 events a second for 100 sites, of which 10 are slow and 5 silent; time the pages of the others."""
    seconds = min(SECONDS, scale.within)
    with folder() as made, doubles(SITES, made / "written", slow=SLOW, silent=SILENT) as sites:
        place = Place(made / "bridge")
        place.add_sites(sites.address, SITES)
        with RunningBridge(place.data, "--log-level", "error") as bridge:
            began, before = time.monotonic(), _worked(bridge, sites)
            sent = _send(int(bridge.url.rpartition(":")[2]), seconds=seconds, say=say)
            took = time.monotonic() - began
            worked = {name: seconds - before[name] for name, seconds in _worked(bridge, sites).items()}
            place.await_folded(within=_SETTLED_SECONDS)
            _await_current(sent, made / "written")
        folded = [row[0] / 1000 for row in place.rows("SELECT applied_at - received_at FROM events")]
        lost = missing(place, (event for event, _ in sent.acknowledged))
        place.close()
        written = _written(made / "written")
    waits = {is_prompt: _waits(sent, written, is_prompt=is_prompt) for is_prompt in (True, False)}
    prompt = [wait for wait in waits[True] if wait is not None]
    if not prompt:
        raise LoadError("No page was written.")
    rate = len(sent.acknowledged) / took
    cost = ", ".join(
        f"{name} {seconds / took:.2f} cores ({1000 * seconds / len(sent.acknowledged):.1f} ms an event)"
        for name, seconds in worked.items()
    )
    seen = (
        f"{len(sent.acknowledged):,} events at {rate:.0f}/s for {took / 60:.1f} min, {sent.others} not acknowledged; p50 "
        f"{_within(prompt, 0.5):.2f} s, p99.9 {_within(prompt, 0.999):.2f} s, longest {max(prompt):.1f} s; slow sites "
        f"({SLOW_SECONDS:g} s an answer): p50 {_within([one for one in waits[False] if one is not None], 0.5):.0f} s; folded after "
        f"{_within(folded, 0.5):.2f} s at p50, {_within(folded, 0.99):.2f} s at p99; of {os.cpu_count()} cores: {cost}"
    )
    never = len(waits[True]) - len(prompt)
    return [
        at_most(
            f"p99 in s until pages are current, of {SITES - SLOW - SILENT} sites beside slow ones",
            _within(prompt, 0.99),
            _BOUND,
            seen,
        ),
        at_most("events that did not reach their page", never, 0),
        at_most("acknowledged events missing", lost, 0),
    ]


def _worked(bridge: RunningBridge, sites: Doubles) -> dict[str, float]:
    """Return the processor time that each of the parties has taken, in seconds."""
    own, *acceptors = bridge.pids
    return {
        "the bridge": processor_seconds(own),
        "its acceptors": sum(map(processor_seconds, acceptors)),
        "the doubles of sites": processor_seconds(sites.pid),
        "the sender": time.process_time(),
    }


def _send(port: int, *, seconds: float, say: Say) -> Sent:
    """Send events at a steady rate over a few connections."""
    sent = Sent()
    accounts = [account_of(index) for index in range(SITES)]
    events = story(meetings=SITES * _MEETINGS_OF_A_SITE, accounts=accounts)
    guard = threading.Lock()
    began = time.monotonic()
    places = iter(range(int(seconds * PER_SECOND)))

    def send() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_SECONDS) as connection:
            while True:
                with guard:
                    place = next(places, None)
                    event = next(events)
                if place is None:
                    return
                time.sleep(max(0.0, began + place / PER_SECOND - time.monotonic()))
                status = _status_of(connection, raw_request(event, _route(event)))
                if status == 204:
                    sent.acknowledged.append((event, time.monotonic()))
                else:
                    sent.others += 1

    threads = [threading.Thread(target=send) for _ in range(_SENDERS)]
    for thread in threads:
        thread.start()
    while threads[0].is_alive():
        threads[0].join(_SAID_SECONDS)
        say(f"{len(sent.acknowledged):,} events after {time.monotonic() - began:.0f} s")
    for thread in threads:
        thread.join()
    if len(sent.acknowledged) + sent.others < int(seconds * PER_SECOND):
        raise LoadError("A connection broke.")
    return sent


def _status_of(connection: socket.socket, request: bytes) -> int:
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        received = connection.recv(4096)
        if not received:
            raise LoadError("The bridge closed the connection.")
        answer += received
    return int(answer.split(b" ", 2)[1])


def _route(event: Event) -> str:
    return f"/sites/{site_id(_site_of(event.number))}/wp-json/vczapi/v1/meeting"


def _site_of(number: int) -> int:
    return (number - FIRST_NUMBER) % SITES


def _is_prompt(number: int) -> bool:
    return _site_of(number) >= SLOW + SILENT


def _edition(event: Event) -> int:
    found = _EDITION.search(event.topic)
    if found is None:
        raise LoadError(f"An event has no edition: {event.topic}")
    return int(found[1])


def _written(path: Path) -> dict[int, list[tuple[float, int]]]:
    """Return when each meeting's page was written, and with which edition, in order."""
    found: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for line in path.read_text().splitlines():
        moment, _, number, title = line.split("\t")
        edition = _EDITION.search(title)
        if edition is not None:
            found[int(number)].append((float(moment), int(edition[1])))
    return found


def _waits(sent: Sent, written: dict[int, list[tuple[float, int]]], *, is_prompt: bool) -> list[float | None]:
    """Return for each event how many seconds after its acknowledgement its page was as new; None for never."""
    waits: list[float | None] = []
    for event, at in sent.acknowledged:
        if _is_prompt(event.number) is is_prompt:
            of_page = written.get(event.number, [])
            place = bisect_left(of_page, _edition(event), key=lambda one: one[1])
            waits.append(max(0.0, of_page[place][0] - at) if place < len(of_page) else None)
    return waits


def _within(waits: list[float], share: float) -> float:
    """Return the time in which this share of the waits was over."""
    ordered = sorted(waits)
    return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0


def _await_current(sent: Sent, path: Path) -> None:
    """Wait until the last events of the prompt sites have reached their pages, or for long enough."""
    last = {event.number: _edition(event) for event, _ in sent.acknowledged if _is_prompt(event.number)}
    until = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < until:
        written = _written(path)
        if all(written.get(number, [(0.0, -1)])[-1][1] >= edition for number, edition in last.items()):
            return
        time.sleep(1)
