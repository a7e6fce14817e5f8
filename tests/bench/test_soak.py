"""`python -m bench.soak`: what it runs is there, what is written about it is so, and its summary says what happened."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import soak
from bench.figures import WHOLE, Figure, Scale
from bench.soak import PARTS, Examples, Measured
from tests.examples import BATCH_ORDERS, MACHINE, PROPERTY, RECONCILE, RETENTION, STEPS

ROOT = Path(__file__).parent.parent.parent


def test_tests_that_it_names_are_there() -> None:
    named = [test for part in PARTS.values() if isinstance(part, Examples) for test in part.tests]

    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *named],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 0, found.stdout
    for test in named:
        assert test in found.stdout


def test_sizes_are_written_as_they_are() -> None:
    machine, retention = [a.soak for a in MACHINE.values()], [a.soak for a in RETENTION.values()]
    reconcile = [a.soak for a in RECONCILE.values()]
    readme = (ROOT / "bench/README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for number in (PROPERTY.soak, STEPS.soak, *machine, *retention, *reconcile, WHOLE.kills, WHOLE.memory):
        assert f"{number:,}" in readme
    for number in (PROPERTY.soak, sum(machine), 2 * WHOLE.kills, WHOLE.memory):
        assert f"{number:,}" in makefile
    usual = [
        amount.usual for kinds in (MACHINE, RETENTION, BATCH_ORDERS, RECONCILE) for amount in kinds.values()
    ]
    assert f"{sum(usual):,} histories" in readme


class TestSummary:
    @pytest.fixture(autouse=True)
    def _parts(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def fine(scale: Scale, say: object) -> list[Figure]:
            return [Figure("posts doubled", 0, "at most 0", holds=True, seen=f"{scale.within:g} s")]

        def missed(scale: Scale, say: object) -> list[Figure]:
            return [Figure("memory", 2, "at most 1.3", holds=False)]

        def broken(scale: Scale, say: object) -> list[Figure]:
            raise TimeoutError("posts were behind")

        monkeypatch.setattr(
            soak,
            "PARTS",
            {
                "kill-sqlite": Measured("a few", fine),
                "kill-postgresql": Measured("a few", broken),
                "memory": Measured("a few", missed),
            },
        )
        monkeypatch.setattr(soak, "SUMMARY", tmp_path / "soak.md")

    def test_says_what_came_of_each_part_also_where_one_broke(self, tmp_path: Path) -> None:
        ran = CliRunner().invoke(soak.main, ["--minutes", "3"])

        assert ran.exit_code == 1
        said = (tmp_path / "soak.md").read_text()
        assert said in ran.output
        assert "**not all is well**" in said
        assert "| `kill-sqlite` | a few | posts doubled: 0, at most 0 (180 s) |" in said
        assert "| `kill-postgresql` | a few | broke: TimeoutError: posts were behind |" in said
        assert "| `memory` | a few | memory: 2, at most 1.3 |" in said

    def test_is_well_where_all_is(self) -> None:
        ran = CliRunner().invoke(soak.main, ["--only", "kill-sqlite"])

        assert ran.exit_code == 0
        assert "all is well" in ran.output
        assert "memory" not in ran.output
