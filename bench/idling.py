"""What a bridge costs that has nothing to do: memory and processor time, with one site."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Figure, at_most
from bench.memory import resident
from bench.place import Place, folder
from bench.sites import doubles
from bench.starting import processor_seconds
from tests.running import RunningBridge

if TYPE_CHECKING:
    from bench.figures import Say, Scale

_MOST_MEGABYTES = 150
_MOST_PERCENT = 0.3  # of a core
_SETTLING_SECONDS = 30.0  # of its start: the site is checked, and what was imported is freed


def idle(scale: Scale, say: Say) -> list[Figure]:
    """Leave a bridge alone that has one site, which answers; look at its memory and processor time afterwards.

    Memory is what the machine has less of while the bridge runs: what its processes share (libraries, the interpreter)
    counts once, as systemd counts it for a unit.
    """
    with folder() as made, doubles(1, made / "written") as site:
        place = Place(made / "bridge")
        place.add_sites(site.address, 1)
        with RunningBridge(place.data) as bridge:
            time.sleep(_SETTLING_SECONDS)
            before, began = _worked(bridge.pids), time.monotonic()
            time.sleep(60 * scale.minutes)
            seconds = time.monotonic() - began
            after = _worked(bridge.pids)
            pids = bridge.pids
            taken = sum(_share(pid) for pid in pids) * 1024 / 1e6
            resident_added = resident(bridge.pid) * 1024 / 1e6
            switches = sum(_woken(pid) for pid in pids)
            each = ", ".join(
                f"{100 * (after[pid] - before[pid]) / seconds:.2f} %" for pid in pids if pid in before
            )
        place.close()
    percent = 100 * (sum(after.values()) - sum(before.values())) / seconds
    seen = f"over {seconds:.0f} s; the bridge and its acceptors: {each}"
    say(f"{percent:.2f} % of a core, {taken:.0f} MB, {switches:,} waits since the start")
    return [
        at_most(
            "idle, MB of all processes",
            taken,
            _MOST_MEGABYTES,
            f"{resident_added:.0f} MB if what the processes share is counted in each of them",
        ),
        at_most("idle, % of a core", percent, _MOST_PERCENT, seen),
    ]


def _worked(pids: list[int]) -> dict[int, float]:
    return {pid: processor_seconds(pid) for pid in pids}


def _share(pid: int) -> int:
    """Return the memory of a process in KiB; of what it shares with others, its part."""
    found = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def _woken(pid: int) -> int:
    """Return how often the threads of a process have waited for something."""
    counted = 0
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        found = re.search(r"^voluntary_ctxt_switches:\t(\d+)", path.read_text(), re.MULTILINE)
        counted += int(found[1]) if found else 0
    return counted
