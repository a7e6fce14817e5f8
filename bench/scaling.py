"""Acknowledgements on PostgreSQL by two bridges against one, each pinned to a core with its acceptor."""

from __future__ import annotations

import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.acknowledging import MOST_PER_SECOND
from bench.events import story
from bench.figures import Figure, middle
from bench.load import load, prepare
from bench.place import ROUTE, Place, folder
from tests.postgresql import PostgreSQL
from tests.running import RunningBridge

if TYPE_CHECKING:
    from bench.figures import Say, Scale

_FOLDED_SECONDS = 300
_APART = 10_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


def two_processes(scale: Scale, say: Say) -> list[Figure]:
    """Measure one process and two in turn, with the same number of connections altogether."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    busy: dict[int, list[float]] = {1: [], 2: []}
    with ExitStack() as stack:
        made = stack.enter_context(folder())
        server = stack.enter_context(PostgreSQL())
        place = Place(made / "bridge", server.url())
        stack.callback(place.close)
        place.add_site_that_is_down()
        bridges = []
        for index in range(2):
            data = made / f"process-{index}"
            data.mkdir()
            (data / "zoombridge.key").write_text((place.data / "zoombridge.key").read_text())
            bridge = RunningBridge(data, "--log-level", "error", database_url=place.database_url)
            stack.enter_context(bridge)
            for pid in bridge.pids:
                _pin(pid, index % (os.cpu_count() or 1))
            bridges.append(bridge)
        first_at = int(time.time() * 1000)
        apart = 0
        for number in range(scale.rounds):
            for count in (1, 2) if number % 2 else (2, 1):
                files = []
                for index in range(count):
                    apart += 1
                    files.append(made / f"requests-{index}")
                    events = story(first_at=first_at, start=apart * _APART)
                    prepare(files[-1], events, int(scale.seconds * MOST_PER_SECOND / count), ROUTE)
                before, began = _idle(), time.monotonic()
                with ThreadPoolExecutor(count) as pool:
                    loads = list(
                        pool.map(
                            lambda bridge, path: load(
                                bridge.url,
                                path,
                                seconds=scale.seconds,
                                connections=64 // count,  # noqa: B023
                            ),
                            bridges,
                            files,
                        )
                    )
                cores = (os.cpu_count() or 1) - (_idle() - before) / (time.monotonic() - began)
                rates[count].append(sum(one.per_second for one in loads))
                busy[count].append(cores)
                place.await_folded(within=_FOLDED_SECONDS)
            say(f"round {number + 1}: one {rates[1][-1]:.0f}/s, two {rates[2][-1]:.0f}/s")
    ratio = middle(two / one for two, one in zip(rates[2], rates[1], strict=True))
    seen = (
        f"{middle(rates[2]):.0f}/s against {middle(rates[1]):.0f}/s; {middle(busy[2]):.1f} and "
        f"{middle(busy[1]):.1f} of {os.cpu_count()} cores busy, load and PostgreSQL among it"
    )
    return [Figure("PostgreSQL, two processes / one, events/s", round(ratio, 3), "reported", None, seen)]


def _pin(pid: int, core: int) -> None:
    """Keep a process and all its threads on one core."""
    subprocess.run(
        ["taskset", "--all-tasks", "--cpu-list", "--pid", str(core), str(pid)],
        check=True,
        capture_output=True,
    )


def _idle() -> float:
    """Return the seconds that all cores together were idle since the machine started."""
    found = re.search(r"^cpu +\d+ +\d+ +\d+ +(\d+) +(\d+)", Path("/proc/stat").read_text())
    assert found
    return (int(found[1]) + int(found[2])) / _TICKS
