"""Run the soak tests one after the other: about six hours on two quiet cores, four of them for the fuzzers.

`python -m bench.soak --only kill-sqlite` runs one of them. The summary is printed at the end and written to
bench/soak.md after each part, so that an interruption loses nothing.
"""

from __future__ import annotations

import math
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Protocol

import click

from bench import keeping, killing, slow_sites, updating
from bench.figures import WHOLE
from tests.examples import (
    FAULTY_ACCOUNTS,
    FUZZ_SECONDS,
    KILLS,
    LIVES,
    MACHINE,
    NONSENSE,
    PROPERTY,
    RECONCILE,
    RETENTION,
    STEPS,
)
from tests.fuzz import fuzzers
from tests.fuzz.fuzzers import Amount, Outcome
from tests.stores import ON_SQLITE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.figures import Figure, Scale

SUMMARY = Path(__file__).with_name("soak.md")
_LOOK_SECONDS = 15.0
# What Hypothesis says of its own tests, and what tests.examples.Progress says of the others.
_TRIED = re.compile(r"- (\d+) passing, \d+ failing|: ([\d,]+) tried, ")
_COUNTED = re.compile(r"\d+ (?:passed|failed|error)")


@dataclass(slots=True)
class Came:
    """What came of a part."""

    name: str
    about: str
    words: str = "did not end"
    good: bool = False
    seconds: float = 0.0
    loads: list[float] = field(default_factory=list)

    @property
    def row(self) -> str:
        """One line of the table."""
        load = f"{median(self.loads):.1f}" if self.loads else ""
        return f"| `{self.name}` | {self.about} | {self.words} | {self.seconds / 60:.0f} min | {load} |"


class Part(Protocol):
    """One of the long runs."""

    @property
    def about(self) -> str:
        """How much it is, in a few words."""

    def run(self, scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run it; return whether all is well, and what came of it in a few words."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Tests that Hypothesis gives its examples, in a pytest of their own."""

    about: str
    tests: Sequence[str]

    def run(self, _scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run them, and count what Hypothesis says that it tried."""
        options = ["-s", "--timeout", "0", "--hypothesis-show-statistics"]
        good, lines = _pytest([*options, *self.tests], say)
        found = [match for line in lines if (match := _TRIED.search(line))]
        tried = sum(int((match[1] or match[2]).replace(",", "")) for match in found)
        return good, f"{tried:,} tried without a counterexample; pytest: {_closing(lines)}"


@dataclass(frozen=True, slots=True)
class Tests:
    """Tests for which there is no time in every run, in a pytest of their own."""

    about: str
    arguments: Sequence[str]

    def run(self, _scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run them; say how each went."""
        good, lines = _pytest(self.arguments, say)
        return good, f"pytest: {_closing(lines)}"


@dataclass(frozen=True, slots=True)
class Removals:
    """`make defences`: the tests as each run has them, while one defence after the other is removed."""

    about: str

    def run(self, _scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run it; say how many removals were noticed."""
        good, lines = _python(["-m", "tests.defences"], say, profile="ci")
        return good, lines[-1] if lines else "no result"


@dataclass(frozen=True, slots=True)
class Command:
    """A program in Python whose last line says what came of it."""

    about: str
    arguments: Sequence[str]

    def run(self, _scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run it."""
        good, lines = _python(self.arguments, say, profile="ci")
        return good, next((line.strip() for line in reversed(lines) if line.strip()), "no result")


@dataclass(frozen=True, slots=True)
class Searched:
    """Tests of the whole way; then a search for secrets in what their bridges leave behind."""

    about: str
    tests: Sequence[str]

    def run(self, _scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run them as each run has them; say what was found."""
        with tempfile.TemporaryDirectory(prefix="zoombridge-traces-") as folder:
            left = ["--basetemp", f"{folder}/left", "-o", "tmp_path_retention_policy=all"]
            passed, lines = _python(["-m", "pytest", "-v", *left, *self.tests], say, profile="ci")
            clean, found = _python(["-m", "tests.traces", f"{folder}/left"], say, profile="ci")
        return passed and clean, f"{found[-1] if found else 'no result'} pytest: {_closing(lines)}"


def _pytest(arguments: Sequence[str], say: Callable[[str], None]) -> tuple[bool, list[str]]:
    """Run tests at their full length; return whether all passed, and what pytest said."""
    return _python(["-m", "pytest", "-v", *arguments], say, profile="soak")


def _python(arguments: Sequence[str], say: Callable[[str], None], *, profile: str) -> tuple[bool, list[str]]:
    """Run Python in a process of its own; return whether it ended well, and what it said."""
    lines = []
    with subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "HYPOTHESIS_PROFILE": profile, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            say(lines[-1])
    return process.returncode == 0, lines


def _closing(lines: Sequence[str]) -> str:
    """Return pytest's last line of counts."""
    counted = [line for line in lines if _COUNTED.search(line)]
    return counted[-1].strip(" =") if counted else "no result"


@dataclass(frozen=True, slots=True)
class Measured:
    """A benchmark at its full length."""

    about: str
    benchmark: Callable[[Scale, Callable[[str], None]], list[Figure]]

    def run(self, scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run it, and say its figures."""
        figures = self.benchmark(scale, say)
        words = [
            f"{one.name}: {one.value:g}, {one.bound}" + (f" ({one.seen})" if one.seen else "")
            for one in figures
        ]
        return all(one.holds is not False for one in figures), "; ".join(words)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """All fuzzers, as many at once as there are cores, with other seeds each time."""

    about: str
    names: Sequence[str]

    def run(self, scale: Scale, say: Callable[[str], None], /) -> tuple[bool, str]:
        """Run each for its time, and say what it found; inputs that reached new code stay in build/fuzz."""
        amount = Amount(seconds=max(1, round(min(FUZZ_SECONDS, scale.within))))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            outcomes = list(pool.map(lambda name: _fuzz(name, amount, say), self.names))
        words = [f"{one.name}: {one.tried:,}" for one in outcomes if one.is_good]
        words += [f"**{one.name}: {one.finding or 'broke'}**" for one in outcomes if not one.is_good]
        return all(one.is_good for one in outcomes), f"inputs tried in {amount.seconds:,} s: " + ", ".join(
            words
        )


def _fuzz(name: str, amount: Amount, say: Callable[[str], None]) -> Outcome:
    seed = random.randrange(1, 2**31)
    say(f"{name}: seed {seed}")
    outcome = fuzzers.fuzz(name, amount, seed=seed, folder=fuzzers.FOUND / name)
    say(outcome.summary)
    return outcome


_MACHINE = "tests/convergence/test_convergence.py::test_site_ends_up_right"
_RECONCILE = "tests/convergence/test_reconcile.py::test_site_equals_the_account_after_one_reconciliation"
_LIVES = "tests/core/pipeline/test_lives.py::test_fold_worker_keeps_every_promise"
_NONSENSE = "tests/web/test_nonsense.py::TestThroughTheDispatcher::test_all_are_kept_and_everything_goes_on"
_RETENTION = "tests/convergence/test_retention.py::TestProperty::test_fold_stays_exact"


def _convergence(store: str) -> Examples:
    about = (
        f"{MACHINE[store].soak:,} histories of up to {STEPS.soak} steps, "
        f"{RETENTION[store].soak:,} that are shortened, {RECONCILE[store].soak:,} that are reconciled, "
        f"{LIVES[store].soak:,} lives of meetings"
    )
    return Examples(about, [f"{test}[{store}]" for test in (_MACHINE, _RETENTION, _RECONCILE, _LIVES)])


def _nonsense(store: str) -> Examples:
    about = f"{NONSENSE[store].soak:,} signed bodies that are no events, or odd ones"
    return Examples(about, [f"{_NONSENSE}[{store}]"])


PARTS: dict[str, Part] = {
    "properties": Examples(
        f"{PROPERTY.soak:,} examples of each property of fold and rendering",
        [
            "tests/core/model/test_fold_properties.py",
            "tests/core/model/test_lives.py",
            "tests/core/render/test_post_properties.py",
        ],
    ),
    "older-wordpress": Tests(
        "every test of the whole way, on the older WordPress", ["tests/end_to_end", "-k", "debian-mariadb"]
    ),
    "plugin": Tests(
        "every test of the plugin, on both common WordPresses",
        ["tests/plugin_stub", "-k", "not newest-mariadb and not minimum-mariadb"],
    ),
    "postgresql": Tests(
        "what each run of the tests tries on SQLite alone",
        [*ON_SQLITE, "-k", "postgresql"],
    ),
    "newest-wordpress": Tests(
        "every test of the plugin, the events and the sync protocol, on the newest WordPress",
        ["tests", "-k", "newest-mariadb"],
    ),
    "minimum-wordpress": Tests("the same on WordPress 5.7 with PHP 7.4", ["tests", "-k", "minimum-mariadb"]),
    "traces": Searched(
        "every test of the whole way, on the newer WordPress; then a search for secrets in what the bridges leave",
        ["tests/end_to_end", "-k", "not debian-mariadb"],
    ),
    "alert-rules": Command("alert rules and their tests, by promtool", ["-m", "tests.promtool"]),
    "container": Command(
        "the container's image built, and run read-only without privileges, where an engine is there",
        ["-m", "bench.image"],
    ),
    "debian": Tests(
        "docs/hosting.md, followed on an empty Debian 12 and 13 with systemd: package, HTTPS, upgrade, remove, purge; pipx",
        ["tests/packaging/test_debian.py"],
    ),
    "syntax": Command(
        "all code parsed by each Python and PHP that is here, PHP 7.4 among them", ["-m", "tests.syntax"]
    ),
    "debian-13": Command(
        "`make test` on Debian 13, by debootstrap", ["-m", "bench.platforms", "trixie", "test"]
    ),
    "debian-testing": Command(
        "`make demo` on Debian testing, by debootstrap",
        ["-m", "bench.platforms", "testing", "demo", "EXIT=1"],
    ),
    "defences": Removals("every defence removed by itself"),
    "faulty-accounts": Tests(
        f"{FAULTY_ACCOUNTS['sqlite'].soak:,} accounts with faults of the REST API, reconciled",
        ["tests/core/accounts/test_faulty_accounts.py"],
    ),
    "convergence-sqlite": _convergence("sqlite"),
    "convergence-postgresql": _convergence("postgresql"),
    "nonsense-sqlite": _nonsense("sqlite"),
    "nonsense-postgresql": _nonsense("postgresql"),
    "killed-writes": Examples(
        f"{KILLS.soak} rounds of requests to WordPress that are killed, held or cut off, on each store and WordPress",
        ["tests/faults/test_kills.py"],
    ),
    "kill-sqlite": Measured(f"{WHOLE.kills} rounds of kill -9 under load", killing.sqlite),
    "restart-sqlite": Measured(f"{WHOLE.kills} restarts under load", killing.restart_sqlite),
    "restart-postgresql": Measured(
        f"{WHOLE.kills} restarts under load, two processes", killing.restart_postgresql
    ),
    "kill-postgresql": Measured(
        f"{WHOLE.kills} rounds of kill -9 under load, two processes", killing.postgresql
    ),
    "update-sqlite": Measured(
        f"{updating.UPDATES} updates from the last release under load", updating.sqlite
    ),
    "update-postgresql": Measured(
        f"{updating.UPDATES} updates of two processes from the last release under load", updating.postgresql
    ),
    "slow-sites": Measured(
        f"{slow_sites.SECONDS / 60:.0f} minutes of {slow_sites.PER_SECOND} events/s for {slow_sites.SITES} sites, "
        f"{slow_sites.SLOW} slow and {slow_sites.SILENT} down",
        slow_sites.slow_sites,
    ),
    "memory": Measured(f"{WHOLE.memory:,} events", keeping.memory),
    "fuzz": Fuzzed(f"each of {len(fuzzers.NAMES)} fuzzers for {FUZZ_SECONDS // 60} minutes", fuzzers.NAMES),
}


def _told() -> str:
    """List the parts for `--help`."""
    return "\n".join(["\b", "The parts:", *(f"  {name:<24}{part.about}" for name, part in PARTS.items())])


@click.command(help=f"{__doc__}\n\n{_told()}")
@click.option(
    "--only", multiple=True, type=click.Choice(list(PARTS)), help="Only this part; may be repeated."
)
@click.option(
    "--minutes",
    type=float,
    default=math.inf,
    help="Let the kills, the events and each fuzzer end after so many minutes: what fits is what counts.",
)
def main(only: tuple[str, ...], minutes: float) -> None:
    """Run the parts one after the other, each to its end."""
    parts = {name: PARTS[name] for name in only or PARTS}
    scale = replace(WHOLE, within=minutes * 60)
    began = time.strftime("%Y-%m-%d %H:%M")
    came: list[Came] = []
    for name, part in parts.items():
        click.echo(f"\n{name}: {part.about} ({time.strftime('%H:%M')})")
        came.append(Came(name, part.about))
        _run(part, scale, came[-1])
        SUMMARY.write_text(_summary(began, came))
        click.echo(f"{name}: {came[-1].words}, {came[-1].seconds / 60:.0f} min")
    click.echo("\n" + _summary(began, came))
    sys.exit(not all(one.good for one in came))


def _run(part: Part, scale: Scale, came: Came) -> None:
    clock = time.monotonic()
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(over, came.loads), daemon=True)
    watching.start()
    try:
        came.good, came.words = part.run(scale, lambda said: click.echo(f"  {said}"))
    except Exception as error:  # noqa: BLE001 - the others are worth having
        came.words = f"broke: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    finally:
        over.set()
        watching.join()
        came.seconds = time.monotonic() - clock


def _watch(over: threading.Event, loads: list[float]) -> None:
    """Note the machine's load from time to time, that of this run among it."""
    loads.append(os.getloadavg()[0])
    while not over.wait(_LOOK_SECONDS):
        loads.append(os.getloadavg()[0])


def _summary(began: str, came: list[Came]) -> str:
    """Say it in Markdown, as README.md quotes it."""
    minutes = sum(one.seconds for one in came) / 60
    state = "all is well" if all(one.good for one in came) else "**not all is well**"
    lines = [
        f"{began}, {minutes:.0f} min, {os.cpu_count()} cores, Python {platform.python_version()}: {state}.",
        "The load is the median of the machine's load average while the part ran, which is part of it.",
        "",
        "| part | how much | what came of it | took | load |",
        "|---|---|---|---|---|",
        *(one.row for one in came),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
