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


def test_command_runs_one_input_again(tmp_path: Path) -> None:
    file = tmp_path / "crash-1"
    file.write_bytes(b'{"event":"meeting.created","payload":{}}')
    command = [sys.executable, "-m", "tests.fuzz", "envelope", "--file", str(file)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "envelope: nothing is wrong with" in said
