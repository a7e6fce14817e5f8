"""How long a backup of a long log takes under load, and what events notice of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench.events import story
from bench.figures import Figure, at_most
from bench.keeping import fill
from bench.load import load, prepare
from bench.place import ROUTE, Place, folder
from tests.running import RunningBridge

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Say, Scale
    from bench.load import Load

_CONNECTIONS = 4
"""Some hundreds of events each second: as fast as each is answered, which is more than Zoom sends."""
_MOST_PER_SECOND = 2_000
_FOLDED_SECONDS = 600
_BACKUP_SECONDS = 3600
_APART = 10_000_000


def under_load(scale: Scale, say: Say) -> list[Figure]:
    """Back up a long log while events arrive, check the file, restore it, and compare the slowest answers."""
    with folder() as made:
        place = Place(made / "bridge")
        place.add_site_that_is_down()
        fill(place, scale.held, say)
        file = made / "a.backup"
        with RunningBridge(place.data, "--keep-events", "100000000", "--log-level", "error") as bridge:
            before = _load(bridge.url, made, scale, 0)
            acknowledged = scale.held + before.answered - before.refused - _CONNECTIONS
            with ThreadPoolExecutor(1) as beside:
                running = beside.submit(_timed, "backup", str(file), data=place.data)
                during: list[Load] = []
                while not running.done():
                    during.append(_load(bridge.url, made, scale, len(during) + 1))
                backup_seconds, _ = running.result()
            place.await_folded(within=_FOLDED_SECONDS)
        check_seconds, told = _timed("backup", "--check", "--json", str(file), data=place.data)
        size, rows = file.stat().st_size, json.loads(told)["rows"]["events"]
        key = place.data / "zoombridge.key"
        restore_seconds, _ = _timed("restore", "--key-file", str(key), str(file), data=made / "restored")
        restored = Place(made / "restored")
        missing = max(acknowledged - restored.number("SELECT count(*) FROM events"), 0)
        restored.close()
        place.close()
    slowest = max(one.p99 for one in during)
    refused = sum(one.refused + one.broken for one in during)
    say(
        f"backup {backup_seconds:.0f} s, {size / 1e6:.0f} MB; check {check_seconds:.0f} s; restore {restore_seconds:.0f} s"
    )
    rate = f"{before.per_second:.0f}/s before, {min(one.per_second for one in during):.0f}/s during"
    return [
        Figure(f"seconds of a backup of {rows:,} events", backup_seconds, "", None, f"{size / 1e6:.0f} MB"),
        Figure("seconds to check it", check_seconds, "", None),
        Figure("seconds to restore it", restore_seconds, "", None),
        at_most(
            "p99 of acknowledgements during the backup, ms",
            slowest,
            1000,
            f"before {before.p99:.0f} ms; {rate}",
        ),
        at_most("refused during the backup", refused, 0),
        at_most("missing of those acknowledged before the backup", missing, 0),
    ]


def _load(url: str, made: Path, scale: Scale, number: int) -> Load:
    events = story(first_at=int(time.time() * 1000), start=number * _APART)
    prepare(made / "requests", events, int(scale.seconds * _MOST_PER_SECOND), ROUTE)
    return load(url, made / "requests", seconds=scale.seconds, connections=_CONNECTIONS)


def _timed(*arguments: str, data: Path) -> tuple[float, str]:
    """Run a command of the bridge; return its seconds and what it said."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "web.cli", *arguments, "--data", str(data)],
        capture_output=True,
        text=True,
        check=True,
        timeout=_BACKUP_SECONDS,
    )
    return time.monotonic() - began, done.stdout
