"""The table of defences fits the source, its tests and the threat model; its program notices what it should."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from tests.defences.checkout import Checkout, chosen
from tests.defences.defence import ROOT, Defence, StaleDefenceError
from tests.defences.table import DEFENCES
from tests.test_security_doc import TEXT, names

DOORS = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)[1:]


class TestTable:
    def test_has_one_of_each_name_and_some_for_every_door(self) -> None:
        assert [name for name, times in Counter(one.name for one in DEFENCES).items() if times > 1] == []
        assert {one.door for one in DEFENCES} == set(DOORS)
        assert len(DEFENCES) >= 60

    def test_names_texts_that_are_in_the_source_once(self) -> None:
        for one in DEFENCES:
            source = (ROOT / one.file).read_text(encoding="utf-8")
            assert one.removed(source) != source, one.name

    def test_names_tests_that_exist(self) -> None:
        named = [test.partition("::") for one in DEFENCES for test in one.tests]
        assert [f"{file}::{test}" for file, _, test in named if test not in names(file)] == []

    def test_names_tests_that_its_program_runs(self) -> None:
        """Which leaves out what needs PostgreSQL, or another WordPress than the defence names."""
        for kind in sorted({one.wordpress for one in DEFENCES}):
            named = sorted({test for one in DEFENCES if one.wordpress == kind for test in one.tests})
            collecting = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
            done = subprocess.run(
                [*collecting, *chosen(named, kind)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
            )
            collected = done.stdout.splitlines()
            runs = [test for test in named if any(line.startswith(f"tests/{test}") for line in collected)]
            assert runs == named, kind

    def test_names_tests_for_each(self) -> None:
        assert [one.name for one in DEFENCES if not one.tests] == []


FILES = {
    "core/__init__.py": "def is_allowed(word):\n    return word == 'right'  # and nothing else\n",
    "web/__init__.py": "",
    "tests/__init__.py": "",
    "tests/conftest.py": "STUB = __file__\n",
    "tests/test_words.py": (
        "import core\n\n\ndef test_wrong():\n    assert not core.is_allowed('wrong')\n\n\n"
        "def test_right():\n    assert core.is_allowed('right')\n"
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy of a tiny checkout, in which one word is allowed."""
    source = tmp_path_factory.mktemp("source")
    for name, text in FILES.items():
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    subprocess.run(["git", "init", "-q", source], check=True)
    return Checkout(tmp_path_factory.mktemp("copy"), source)


def defence(text: str, without: str, *tests: str) -> Defence:
    return Defence("word", "Door", "core/__init__.py", text, without, tests or ("test_words.py::test_wrong",))


class TestRemoval:
    def test_is_noticed_and_undone(self, checkout: Checkout) -> None:
        removal = checkout.remove(defence("word == 'right'", "word != ''"))
        assert (removal.problem, removal.failed) == ("", 1)
        outcomes, _ = checkout.run(["test_words.py"])
        assert [one.kind for one in outcomes] == ["passed", "passed"]

    def test_that_changes_nothing_is_told(self, checkout: Checkout) -> None:
        removal = checkout.remove(defence("# and nothing else", ""))
        assert removal.problem.startswith("not noticed by test_words.py::test_wrong")

    def test_must_be_noticed_by_each_of_the_tests(self, checkout: Checkout) -> None:
        both = ("test_words.py::test_wrong", "test_words.py::test_right")
        removal = checkout.remove(defence("word == 'right'", "word != ''", *both))
        assert removal.problem.startswith("not noticed by test_words.py::test_right")

    def test_that_breaks_the_code_is_not_noticed(self, checkout: Checkout) -> None:
        assert checkout.remove(defence("word == 'right'", "missing(word)")).problem

    @pytest.mark.parametrize("text", ["word == 'left'", "word"])
    def test_of_a_text_that_is_not_there_once_is_stale(self, checkout: Checkout, text: str) -> None:
        with pytest.raises(StaleDefenceError, match=r"not once\. Adapt tests/defences"):
            checkout.remove(defence(text, ""))
