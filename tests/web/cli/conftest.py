"""The command `zoombridge` as a shell runs it, in this process."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.conftest import KEYS, connected
from tests.core.events import SECRET, event, raw, signed
from tests.web.conftest import save_token
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
        capsys.readouterr()  # what was logged before is not the command's
        try:
            main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    yield command
    structlog.reset_defaults()  # `serve` logs to the standard error of its test, which is closed then


@pytest.fixture
def with_site(run: Run, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A database of each kind in which a site is connected, that nobody can reach."""
    monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)
    monkeypatch.setenv("ZOOMBRIDGE_DATABASE_URL", migrated_url)
    store = Store(migrated_url, keys=KEYS)
    try:
        site = connected(store, "s1")
        save_token(store, Secret(SECRET))
        body = raw(event())
        for secret in (SECRET, "another-token"):
            held = Request(signed(body, secret=secret, at=time.time()), body)
            store.write(
                lambda connection, held=held: quarantine.add(  # type: ignore[misc]
                    connection, "s1", held, store.sealer, reason="signed with another", now=int(time.time() * 1000)
                )
            )  # fmt: skip
    finally:
        store.close()
    return site
