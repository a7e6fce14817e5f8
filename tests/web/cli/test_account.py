"""`zoombridge account` and `import`: credentials that Zoom takes, and an import that is followed in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from core.store.jobs import JobState
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET
from web.cli import progress
from web.rpc.api import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.cli.conftest import Run


@pytest.fixture
def zoom() -> Iterator[ZoomServer]:
    account = Account()
    for name in ("Anna", "Bert"):
        user = account.add_user(name)
        for number in range(3):
            account.make(user, f"{name} {number}", quietly=True)
    with ZoomServer(account) as server:
        yield server


class TestImport:
    def test_is_followed_to_its_end(self, run: Run, zoom: ZoomServer) -> None:
        given = ["--account-id", zoom.account.account_id, "--client-id", CLIENT_ID, "--plan", "business"]
        added = run("account", "add", *given, "--client-secret", CLIENT_SECRET, "--oauth-url", zoom.oauth_url)
        assert added.status == 0
        assert CLIENT_SECRET not in added.out

        ran = run("import")

        assert ran.status == 0
        assert "Import from Zoom 1: done, 2 of 2 done" in ran.out
        assert "New: 6" in ran.out
        assert "no site shows this account yet" in ran.out


class TestHeld:
    def test_nothing_is_held(self, run: Run, zoom: ZoomServer) -> None:
        given = ["--account-id", zoom.account.account_id, "--client-id", CLIENT_ID, "--plan", "business"]
        run("account", "add", *given, "--client-secret", CLIENT_SECRET, "--oauth-url", zoom.oauth_url)
        for option in ("--held", "--approve", "--dismiss"):
            ran = run("reconcile", option)
            assert ran.status == 0
            assert "No page is held." in ran.out

    def test_one_decision_at_a_time(self, run: Run) -> None:
        ran = run("reconcile", "--approve", "--dismiss")
        assert ran.status == 2
        assert "at a time" in ran.err


class TestFollow:
    def test_shows_in_a_terminal_how_far_it_is(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")  # as in a terminal
        monkeypatch.setenv("COLUMNS", "150")
        said = "Reading is complete. 300 pages are still to be written."
        running = JobStatus(
            id=1, kind="import", state=JobState.RUNNING, total=500, done=123, counts={}, message=said
        )
        done = running.model_copy(update={"state": JobState.DONE, "done": 500, "message": None})
        caller = Mock(call=Mock(side_effect=[running, done]))

        ended = progress.follow(caller, running, poll_seconds=0.25)

        assert ended.state is JobState.DONE
        told = capsys.readouterr()
        assert "123/500" in told.err
        assert said in told.err
        assert "done, 500 of 500 done" in told.out
