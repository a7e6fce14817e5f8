"""Throughput with a large log, and bounded memory."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from bench.acknowledging import MOST_PER_SECOND, all_kept
from bench.events import ACCOUNT, story
from bench.figures import Figure, at_least, at_most, middle
from bench.load import CONNECTIONS, LoadError, load, prepare
from bench.memory import resident
from bench.place import ROUTE, SITE, Place, folder
from core.model.meeting import Position
from core.store.events import log
from core.store.events.request import Request
from tests.running import RunningBridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Say, Scale

_GROUP = 5_000
_EVENTS_OF_A_MEETING = 20
_FOLDED_SECONDS = 600
_LEAST_PER_SECOND = 50  # events; the load ends as soon as all are sent, and a machine may be busy
_APART = 10_000_000
KEEP = ("--keep-events", "100000000", "--log-level", "error")
_DAY = 24 * 3600 * 1000


def full_log(scale: Scale, say: Say) -> list[Figure]:
    """Compare appending to a log that holds many events with appending to an empty one."""
    loads: dict[str, list[float]] = {"empty": [], "full": []}
    with folder() as made:
        places = {name: Place(made / name) for name in loads}
        for place in places.values():
            place.add_site_that_is_down()
        fill(places["full"], scale.held, say)
        first_at = int(time.time() * 1000)
        with (
            RunningBridge(places["empty"].data, *KEEP) as empty,
            RunningBridge(places["full"].data, *KEEP) as full,
        ):
            for number in range(scale.rounds):
                events = story(first_at=first_at, start=number * _APART)
                sent = prepare(made / "requests", events, int(scale.seconds * MOST_PER_SECOND), ROUTE)
                sides = [("empty", empty), ("full", full)]
                for name, bridge in sides if number % 2 else reversed(sides):
                    done = load(bridge.url, made / "requests", seconds=scale.seconds)
                    loads[name].append(done.per_second)
                    places[name].await_folded(within=_FOLDED_SECONDS)
                    all_kept(places[name], sent, done)
                say(f"round {number + 1}: empty {loads['empty'][-1]:.0f}/s, full {loads['full'][-1]:.0f}/s")
        for place in places.values():
            place.close()
    ratio = middle(full / empty for full, empty in zip(loads["full"], loads["empty"], strict=True))
    seen = f"{middle(loads['full']):.0f}/s against {middle(loads['empty']):.0f}/s"
    return [at_least(f"events/s into a log of {scale.held:,} / an empty one", ratio, 0.9, seen)]


def memory(scale: Scale, say: Say) -> list[Figure]:
    """Compare the memory of the process that has taken very many events with what it was after the first few."""
    after_few = 0
    few = min(10_000, scale.memory // 4)
    taken = kept = 0
    with folder() as made:
        place = Place(made / "bridge")
        place.add_site_that_is_down()
        with RunningBridge(place.data, *KEEP) as bridge:
            first_at = int(time.time() * 1000)
            events = story(first_at=first_at)
            until = time.monotonic() + scale.within
            while taken < scale.memory and time.monotonic() < until:
                count = few if not taken else min(20_000, scale.memory - taken)
                prepare(made / "requests", events, count, ROUTE)
                load(bridge.url, made / "requests", seconds=count / _LEAST_PER_SECOND)
                place.await_folded(within=_FOLDED_SECONDS)
                held = place.number("SELECT count(*) FROM events") - kept
                if held < count - CONNECTIONS:  # the last ones are under way when the load ends
                    raise LoadError(f"Only {held} of {count} events were taken.")
                kept += held
                taken += count
                after_few = after_few or resident(bridge.pid)
                say(f"{taken:,} events: {resident(bridge.pid) / 1024:.0f} MiB")
            after_many = resident(bridge.pid)
        place.close()
    seen = f"{after_many / 1024:.0f} MiB against {after_few / 1024:.0f} MiB"
    name = f"memory after {taken:,} events / after {few:,}"
    return [at_most(name, after_many / after_few, 1.3, seen)]


def fill(place: Place, count: int, say: Say) -> None:
    """Fill a log as time would: events of the last month, folded, about many meetings."""
    now = int(time.time() * 1000)
    with place.open() as store:
        sample = next(story())
        sealed = Request({"content-type": "application/json"}, sample.body).sealed(store.sealer)
        began = time.monotonic()
        for start in range(0, count, _GROUP):
            entries = list(_entries(start, min(_GROUP, count - start), count, sealed, now))
            store.write(lambda connection, entries=entries: log.append(connection, entries))  # type: ignore[misc]
            if start % (count // 5) < _GROUP:
                say(f"filled with {start + len(entries):,} events in {time.monotonic() - began:.0f} s")


def _entries(start: int, count: int, total: int, sealed: bytes, now: int) -> Iterator[log.Entry]:
    for index in range(start, start + count):
        digest = hashlib.sha256(str(index).encode()).hexdigest()[:32]
        at = now - 30 * _DAY + index * (29 * _DAY // total)
        yield log.Entry(
            digest=digest,
            account_id=ACCOUNT,
            number=1_000_000_000 + index // _EVENTS_OF_A_MEETING,
            event="meeting.updated",
            position=Position(at, 2, digest),
            received_at=at,
            site_id=SITE,
            request_id=None,
            request=sealed,
            outcome=log.Outcome.APPLIED,
        )
