"""What commands print: never what would command the terminal."""

import re
from pathlib import Path

import pytest

from core.errors import ZoomBridgeError
from tests.web.cli.conftest import Run
from web import cli
from web.cli.output import counted, echo

HOSTILE = "a\x1b]0;title\x07b\x9b2J\u202e\r"
SHOWN = r"a\u001b]0;title\u0007b\u009b2J\u202e\u000d"


def test_keeps_lines_and_tabs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"Topic:\t{HOSTILE}\nÜmlaut")
    assert capsys.readouterr().out == f"Topic:\t{SHOWN}\nÜmlaut\n"


def test_counts_one_and_many() -> None:
    assert [counted(number, "event") for number in (0, 1, 1_234)] == ["0 events", "1 event", "1,234 events"]


def test_does_so_with_errors(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ZoomBridgeError(HOSTILE)

    monkeypatch.setattr("web.cli.instance.Instance.call", refuse)
    assert run("site", "list").err == f"Error: {SHOWN}\n"
    assert SHOWN in run("events", "list", "--since", HOSTILE).err


def test_is_the_way_of_every_command() -> None:
    sources = [path for path in Path(cli.__file__).parent.glob("*.py") if path.name != "output.py"]
    assert len(sources) > 20
    assert not [
        path.name for path in sources if re.search(r"click\.s?echo\(|(?<!\w)print\(", path.read_text())
    ]
