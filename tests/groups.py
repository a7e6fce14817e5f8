"""Run several commands side by side and summarise them: for `make check` and `make test`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROGRESS = re.compile(r"\[ *\d+%\]$")
_CLOSING = re.compile(r"^=*\s*\d+ (?:passed|failed|error|xfailed|skipped|deselected).* in [\d.]+s")
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|xfailed|xpassed|skipped)")
_MEMORY = Path("/dev/shm")
_MEMORY_BYTES = 2 * 1024**3


@dataclass
class Group:
    """A command whose output is shown only if it fails. `environment` is added to this process's own."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    status: int = -1
    seconds: float = 0.0

    def run(self) -> None:
        """Run the command to its end, and print its progress."""
        began = time.monotonic()
        with subprocess.Popen(
            self.command,
            env=_environment() | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.lines.append(line.rstrip())
                if found := _PROGRESS.search(self.lines[-1]):
                    print(f"{self.name:>12} {found[0]}", flush=True)
        self.status = process.returncode
        self.seconds = time.monotonic() - began

    @property
    def counts(self) -> Counter[str]:
        """Numbers of tests by result, from pytest's last line; empty for other commands."""
        closing = next((line for line in reversed(self.lines) if _CLOSING.search(line)), "")
        return Counter({result: int(number) for number, result in _COUNT.findall(closing)})

    @property
    def summary(self) -> str:
        """One line: the name, the result and the duration."""
        result = "ok" if self.status == 0 else f"FAILED (exit status {self.status})"
        counts = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        return f"{self.name:>12} {self.seconds:6.0f} s  {result}" + (f": {counts}" if counts else "")


def _environment() -> dict[str, str]:
    """Return this process's environment, in which Python keeps what it has compiled.

    The tests start hundreds of processes of the bridge. Where the environment forbids to keep it, each compiles all anew.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def pytest_group(
    name: str, arguments: Sequence[str], *, folder: Path, environment: dict[str, str] | None = None
) -> Group:
    """Return a group that runs pytest, with temporary files in `folder` and a cache of its own."""
    options = ["-q", "-o", f"cache_dir=.pytest_cache/{name}", f"--basetemp={folder / name}"]
    return Group(name, [sys.executable, "-m", "pytest", *options, *arguments], environment or {})


def run(groups: Sequence[Group]) -> int:
    """Run the groups side by side. Return 0 if all succeeded and ran something, else 1."""
    began = time.monotonic()
    threads = [threading.Thread(target=group.run) for group in groups]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [group for group in groups if group.status != 0]
    for group in failed:
        print(f"\n--- {group.name}: {' '.join(group.command)}")
        print("\n".join(group.lines))
    print()
    for group in sorted(groups, key=lambda group: -group.seconds):
        print(group.summary)
    total = sum((group.counts for group in groups), Counter[str]())
    counts = ", ".join(f"{number} {name}" for name, number in total.items())
    result = f"FAILED: {', '.join(group.name for group in failed)}" if failed else "All passed"
    print(f"\n{result}. {counts} in {time.monotonic() - began:.0f} s.")
    return 1 if failed else 0


def memory() -> str | None:
    """Return a folder in memory with room for the files of tests; None where there is none.

    A database of a test is written and synchronised some dozen times; on a disk that is most of its time.
    """
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_BYTES:
        return str(_MEMORY)
    return None
