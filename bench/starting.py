"""How long `serve` needs until it is ready, with a log of a million events."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from bench.figures import Figure, at_most, middle
from bench.keeping import KEEP, fill
from bench.place import Place, folder
from tests.running import RunningBridge

if TYPE_CHECKING:
    from bench.figures import Say, Scale

_BOUND = 2.0  # seconds
_LOOK_SECONDS = 0.01
_READY_WITHIN = 120.0


def start(scale: Scale, say: Say) -> list[Figure]:
    """Start `serve` with many events in its log and with none, until `/readyz` answers 200."""
    took: dict[str, list[float]] = {"empty": [], "full": []}
    worked: dict[str, list[float]] = {"empty": [], "full": []}
    with folder() as made:
        places = {name: Place(made / name) for name in took}
        for place in places.values():
            place.add_site_that_is_down()
        fill(places["full"], scale.held, say)
        for number in range(scale.rounds):
            for name in took if number % 2 else reversed(took):
                seconds, processor = _start(places[name])
                took[name].append(seconds)
                worked[name].append(processor)
            say(f"start {number + 1}: empty {took['empty'][-1]:.2f} s, full {took['full'][-1]:.2f} s")
        for place in places.values():
            place.close()
    seen = (
        f"{middle(took['empty']):.2f} s with an empty one; {middle(worked['full']):.2f} and "
        f"{middle(worked['empty']):.2f} s of processor time"
    )
    return [at_most(f"seconds until ready with {scale.held:,} events", middle(took["full"]), _BOUND, seen)]


def _start(place: Place) -> tuple[float, float]:
    """Start a bridge and stop it; return after how many seconds it was ready, and of how much processor time."""
    began = time.monotonic()
    with RunningBridge(place.data, *KEEP) as bridge:
        _await_ready(bridge.url)
        return time.monotonic() - began, sum(processor_seconds(pid) for pid in bridge.pids)


def _await_ready(url: str) -> None:
    until = time.monotonic() + _READY_WITHIN
    while True:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=_READY_WITHIN):
                return
        except urllib.error.HTTPError:
            if time.monotonic() > until:
                raise
        time.sleep(_LOOK_SECONDS)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
