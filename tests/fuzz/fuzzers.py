"""Start fuzzers, end them, and keep what they found: for the tests, the soak and `python -m tests.fuzz`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).with_name("corpus")
FOUND = ROOT / "build" / "fuzz"
"""Where findings are kept, and inputs that reached new code: in a folder for each fuzzer."""

NAMES = tuple(TARGETS)

SEED = 1
"""The seed of every run of the tests; libFuzzer takes 0 for one by chance."""

_MOST_MEGABYTES = 1024  # of a fuzzer's process
_MOST_SECONDS = 120  # for one input, also on a busy machine
_TRIED = re.compile(r"stat::number_of_executed_units: (\d+)")
_WRITTEN = re.compile(r"Test unit written to (\S+)")


@dataclass(frozen=True)
class Amount:
    """How long a fuzzer runs: until it has tried so many inputs, or for so many seconds; 0: without this limit."""

    runs: int = 0
    seconds: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a fuzzer came to. `finding` is the file with the input that breaks something, None where none does."""

    name: str
    tried: int
    is_good: bool
    said: str
    finding: Path | None = None

    @property
    def summary(self) -> str:
        """A few lines: how many inputs were tried; of a finding the message, the file, and how to repeat it."""
        if self.is_good:
            return f"{self.name}: {self.tried:,} tried, nothing found"
        if self.finding is None:
            return f"{self.name}: broke after {self.tried:,}\n{self.said}"
        return f"{self.said}\n{self.name}: found {self.finding}\nRepeat it: {repeat_command(self.name, self.finding)}"


def repeat_command(name: str, finding: Path) -> str:
    """Return the command that runs one input again, from the checkout's folder."""
    file = finding.relative_to(ROOT) if finding.is_relative_to(ROOT) else finding
    return f".venv/bin/python -m tests.fuzz {name} --file {file}"


def fuzz(
    name: str,
    amount: Amount,
    *,
    seed: int,
    folder: Path,
    say: Callable[[str], None] = lambda _line: None,
) -> Outcome:
    """Run a fuzzer to its end, or to its first finding, which is kept in `folder`; `say` gets each line that it prints.

    `folder` also gets the inputs that reached new code; a later run with it goes on from there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    learnt = folder / "corpus"
    learnt.mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.engine",
        name,
        f"-seed={seed}",
        f"-runs={amount.runs or -1}",
        f"-max_total_time={amount.seconds}",
        f"-artifact_prefix={folder}/",
        f"-rss_limit_mb={_MOST_MEGABYTES}",
        f"-timeout={_MOST_SECONDS}",
        "-print_final_stats=1",
        "-reload=0",
        str(learnt),
    ]
    if (CORPUS / name).is_dir():
        command.append(str(CORPUS / name))
    lines = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        # The order of sets is the same each time.
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            say(lines[-1])
    said = "\n".join(lines)
    tried, written = _TRIED.search(said), _WRITTEN.search(said)
    return Outcome(
        name,
        tried=int(tried[1]) if tried else 0,
        is_good=process.returncode == 0,
        said="\n".join(line for line in lines[-60:] if not line.startswith(("#", "INFO"))),
        finding=Path(written[1]) if written else None,
    )


def check(name: str, data: bytes) -> None:
    """Run one input. Raises what the target raises."""
    TARGETS[name].check(data)
