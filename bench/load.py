"""Load from 64 connections at once, by wrk, with requests prepared in advance."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from bench.events import Event, raw_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CONNECTIONS = 64
_SCRIPT = Path(__file__).with_name("wrk.lua")
_GRACE_SECONDS = 30


class LoadError(Exception):
    """The load could not be put on, or its requests ran out."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load. Latencies are in milliseconds."""

    answered: int
    seconds: float
    refused: int
    broken: int
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests that were answered with success, each second."""
        return (self.answered - self.refused) / self.seconds


def prepare(path: Path, events: Iterable[Event], count: int, route: str) -> list[Event]:
    """Write so many requests to a file, and return their events in the order in which they will be sent."""
    prepared = []
    with path.open("wb") as file:
        for event in islice(events, count):
            request = raw_request(event, route)
            file.write(b"%08d" % len(request) + request)
            prepared.append(event)
    return prepared


def load(
    url: str, requests: Path, *, seconds: float, connections: int = CONNECTIONS, pin: Sequence[str] = ()
) -> Load:
    """Send the requests of a file to a server (its scheme, host and port) for so long."""
    done = subprocess.run(
        [
            *pin, "wrk", "--threads", "1", "--connections", str(connections), "--timeout", "10s",
            "--duration", f"{ceil(seconds)}s", "--script", str(_SCRIPT), url, "--", str(requests),
        ],
        capture_output=True,
        text=True,
        timeout=seconds + _GRACE_SECONDS,
        check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not lines:
        raise LoadError(f"wrk failed: {done.stdout}{done.stderr}")
    told = json.loads(lines[0].removeprefix("RESULT "))
    return Load(
        answered=told["answered"],
        seconds=told["microseconds"] / 1e6,
        refused=told["refused"],
        broken=told["broken"],
        p50=told["p50"] / 1000,
        p99=told["p99"] / 1000,
    )
