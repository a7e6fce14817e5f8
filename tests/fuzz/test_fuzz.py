"""Every run of the tests: what the corpora hold, and a short search with a fixed seed, the same each time."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.examples import FUZZ_RUNS
from tests.fuzz import fuzzers
from tests.fuzz.fuzzers import CORPUS, NAMES, ROOT, SEED, Amount
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from pathlib import Path

needs_atheris = pytest.mark.skipif(
    find_spec("atheris") is None, reason="atheris has no build for this machine"
)
INPUTS = [
    pytest.param(path.parent.name, path, id=f"{path.parent.name}/{path.name}")
    for path in sorted(CORPUS.glob("*/*"))
]


@pytest.mark.parametrize(("name", "file"), [one for one in INPUTS if one.values[0] in TARGETS])
def test_input_of_the_corpus(name: str, file: Path) -> None:
    """Some are from findings: their faults do not come back."""
    TARGETS[name].check(file.read_bytes())


def test_every_fuzzer_has_its_amount_and_every_corpus_its_fuzzer() -> None:
    assert FUZZ_RUNS.keys() == set(NAMES)
    assert {folder.name for folder in CORPUS.iterdir()} == set(NAMES)


@needs_atheris
@pytest.mark.parametrize("name", TARGETS)
def test_short_search_finds_nothing(name: str, tmp_path: Path) -> None:
    amount = Amount(runs=FUZZ_RUNS[name])
    outcome = fuzzers.fuzz(name, amount, seed=SEED, folder=tmp_path)
    # The file is kept where the message says: pytest removes its own folders.
    if outcome.finding is not None:
        outcome = _kept(outcome)
    assert outcome.is_good, outcome.summary
    assert outcome.tried >= FUZZ_RUNS[name]


def _kept(outcome: fuzzers.Outcome) -> fuzzers.Outcome:
    assert outcome.finding is not None
    folder = fuzzers.FOUND / outcome.name
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / outcome.finding.name
    kept.write_bytes(outcome.finding.read_bytes())
    return fuzzers.Outcome(outcome.name, outcome.tried, is_good=False, said=outcome.said, finding=kept)


_BODY = 4 * 1024 * 1024  # the longest that the plugin reads
_MESSAGE = 2 * 1024 * 1024  # the longest that it unpacks
_CALENDAR = b"calendar\nBEGIN:VCALENDAR\r\n"
_EVENT = _CALENDAR + b"BEGIN:VEVENT\r\n"


def _filled(start: bytes, repeated: bytes, end: bytes = b"", *, size: int = _BODY) -> bytes:
    return start + repeated * ((size - len(start) - len(end)) // len(repeated)) + end


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_filled(b"answer\n200\n\n\n@\n[", b"{},", b"{}]"), id="objects"),
        pytest.param(_filled(b"answer\n500\n\n\n@\n[", b"[0],", b"0]"), id="lists"),
        pytest.param(_filled(b"answer\n404\n\n\n\n", b"["), id="nested-unsigned"),
        pytest.param(_filled(b"paired\n[", b"[0],", b"0]", size=48_000), id="lists-of-a-pairing"),
        pytest.param(
            _filled(b'gz\n{"quiet":false,"operations":[', b"[0],", b"0]}", size=_MESSAGE), id="operations"
        ),
        pytest.param(_filled(b'gz\n{"quiet":"', b'\\"', b'"}', size=_MESSAGE), id="escapes"),
        pytest.param(_filled(_CALENDAR, b"\n"), id="empty-lines"),
        pytest.param(_filled(_EVENT, b"A:" + b"b" * 20 + b"\n", b"END:VEVENT\r\n"), id="one-event"),
        pytest.param(_filled(_EVENT, b"X-ZOOMBRIDGE-POST:" + b"2" * 20 + b"\n"), id="posts"),
        pytest.param(_filled(_EVENT, b"STATUS:" + b"A" * 20 + b"\n"), id="statuses"),
        pytest.param(_filled(_CALENDAR, b"BEGIN:" + b"A" * 20 + b"\n"), id="begun"),
        pytest.param(_filled(_CALENDAR + b"A:\n", b" " + b"a" * 30 + b"\n"), id="folds"),
    ],
)
def test_large_answers_take_the_plugin_little_memory_and_time(data: bytes) -> None:
    """PHP ends where one takes more than 64 MiB, or 10 seconds of processor time; each took more."""
    TARGETS["plugin"].check(data)


def test_command_runs_one_input_again(tmp_path: Path) -> None:
    file = tmp_path / "crash-1"
    file.write_bytes(b'{"event":"meeting.created","payload":{}}')
    command = [sys.executable, "-m", "tests.fuzz", "envelope", "--file", str(file)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "envelope: nothing is wrong with" in said
