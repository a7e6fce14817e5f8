"""A copy of the checkout in which defences are removed, and what its tests say of that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from tests.defences.defence import ROOT
from tests.wordpress import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.defences.defence import Defence
    from tests.wordpress import Kind

# Where the modules come from that a process in the copy imports.
_ORIGINS = "import core, web, tests.conftest; print(core.__file__, web.__file__, tests.conftest.STUB)"
_ASSERTIONS = ("assert ", "AssertionError", "Failed: DID NOT RAISE")


class ForeignModulesError(Exception):
    """Processes in the copy would import modules of another checkout, and test those."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test. `message` is that of its failure."""

    name: str  # as `tests.core.zoom.test_signature.TestWindow.test_more_is_not[1]`
    kind: str  # passed, failed, skipped, error
    message: str = ""

    @property
    def is_noticed(self) -> bool:
        """Whether it failed by an assertion, not because something else broke."""
        return self.kind == "failed" and self.message.startswith(_ASSERTIONS)


@dataclass(frozen=True, slots=True)
class Removal:
    """What the removal of one defence led to. `problem` is empty where each of its tests noticed it."""

    defence: Defence
    problem: str
    failed: int
    seconds: float


def chosen(tests: Sequence[str], wordpress: Kind) -> list[str]:
    """Return the arguments with which pytest runs tests on one database and on one kind of WordPress."""
    left_out = ["postgresql", *(kind for kind in KINDS if kind != wordpress)]
    return ["-k", " and ".join(f"not {name}" for name in left_out), *(f"tests/{test}" for test in tests)]


class Checkout:
    """A copy of this checkout. Its tests run in processes of their own, which import its modules."""

    def __init__(self, folder: Path, source: Path = ROOT) -> None:
        """Copy what Git knows or does not ignore, as it stands in the working tree. Raises: ForeignModulesError."""
        self.root = folder / "checkout"
        self._report = folder / "report.xml"
        self._temporary = folder / "tests"
        for name in _files(source):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes((source / name).read_bytes())
            (self.root / name).chmod((source / name).stat().st_mode)
        found = self._python("-c", _ORIGINS)
        origins = found.stdout.split()
        if found.returncode or not all(Path(path).is_relative_to(self.root) for path in origins):
            raise ForeignModulesError(found.stdout)

    def run(self, tests: Sequence[str], wordpress: Kind = "playground-sqlite") -> tuple[list[Outcome], str]:
        """Run tests by their ids below `tests/`; return what became of each, and what pytest printed.

        Each on one database, and where it needs one, on this kind of WordPress: the defences are the same on all.
        """
        self._report.unlink(missing_ok=True)
        options = ["-q", "--tb=short", "-p", "no:cacheprovider", f"--basetemp={self._temporary}"]
        report = [f"--junitxml={self._report}", "-o", "junit_family=xunit1"]
        done = self._python("-m", "pytest", *options, *report, *chosen(tests, wordpress))
        return list(_outcomes(self._report)) if self._report.exists() else [], done.stdout

    def remove(self, defence: Defence) -> Removal:
        """Remove a defence, run its tests, and put it back. Raises: StaleDefenceError."""
        began = time.monotonic()
        before = (self.root / defence.file).read_text(encoding="utf-8")
        self._write(defence.file, defence.removed(before))
        try:
            outcomes, printed = self.run(defence.tests, defence.wordpress)
        finally:
            self._write(defence.file, before)
        silent = [one for one in defence.tests if not any(each.is_noticed for each in of_test(outcomes, one))]
        problem = f"not noticed by {', '.join(silent)}\n{printed}" if silent else ""
        failed = sum(each.is_noticed for each in outcomes)
        return Removal(defence, problem, failed, time.monotonic() - began)

    def _write(self, name: str, text: str) -> None:
        """Write a file, and delete what Python has compiled of it: it looks for changes by full seconds only."""
        file = self.root / name
        file.write_text(text, encoding="utf-8")
        if file.suffix == ".py":
            Path(cache_from_source(str(file))).unlink(missing_ok=True)

    def _python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the copy. Its folder comes before the installed packages, also in child processes."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root), "PYTEST_ADDOPTS": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def of_test(outcomes: Sequence[Outcome], test: str) -> list[Outcome]:
    """Return the outcomes that belong to a test, or a class or file of tests, as the table names it."""
    file, *names = test.split("::")
    dotted = ".".join(("tests", *file.removesuffix(".py").split("/"), *names))
    return [
        one for one in outcomes if one.name == dotted or one.name.startswith((f"{dotted}.", f"{dotted}["))
    ]


def _files(source: Path) -> list[str]:
    """Return the files of a checkout, without those that Git ignores or that were deleted."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=source, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in names if name and (source / name).is_file()]


def _outcomes(report: Path) -> Iterator[Outcome]:
    """Read pytest's report in the format of JUnit."""
    for case in ET.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        found = {child.tag: child.get("message") or "" for child in case}
        if "error" in found:
            yield Outcome(name, "error", found["error"])
        elif "failure" in found:
            yield Outcome(name, "failed", found["failure"])
        else:
            yield Outcome(name, "skipped" if "skipped" in found else "passed")
