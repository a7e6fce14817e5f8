"""The command `zoombridge` as a shell runs it, in this process."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from web.cli import main


@dataclass
class Ran:
    """What a command wrote, and the status that it ended with."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], data: Path) -> Iterator[Run]:
    """Run a command on a data folder of its own. A traceback would come out as an exception."""
    for name in [name for name in os.environ if name.startswith("ZOOMBRIDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ZOOMBRIDGE_DATA", str(data))

    def command(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["zoombridge", *arguments])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    yield command
    structlog.reset_defaults()  # `serve` logs to the standard error of its test, which is closed then
