"""`zoombridge account` and `import`: credentials that Zoom takes, and an import that is followed in the terminal."""

from __future__ import annotations

import re
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from core.store.accounts import credentials
from core.store.db.engine import Store
from core.store.events import log
from core.store.jobs import JobState
from tests.core.conftest import KEYS, connected
from tests.core.events import ACCOUNT, event
from tests.core.store.entries import entry
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET
from web.cli import progress
from web.rpc.api import JobStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.store.sites.sites import Site
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


@pytest.fixture(autouse=True)
def client_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variable that the command reads; `run` has cleared the environment before."""
    monkeypatch.setenv("ZOOMBRIDGE_CLIENT_SECRET", CLIENT_SECRET)


class TestImport:
    def test_is_followed_to_its_end(self, run: Run, zoom: ZoomServer) -> None:
        added = run("account", "add", *_given(zoom))
        assert added.status == 0
        assert CLIENT_SECRET not in added.out

        ran = run("import")

        assert ran.status == 0
        assert "Import from Zoom 1: done, 2 of 2 done" in ran.out
        assert "New: 6" in ran.out
        assert "no site shows this account yet" in ran.out

    @pytest.mark.usefixtures("with_site")
    def test_prints_nothing_that_commands_the_terminal(self, run: Run, zoom: ZoomServer) -> None:
        run("account", "add", *_given(zoom))
        hostile = "Choir\x1b]0;Yours\x07\u202e\n900 Other: page would be created"
        zoom.account.make(zoom.account.add_user("Otto"), hostile, quietly=True)
        for options in ((), ("--json",)):
            said = run("import", "--dry-run", *options).out
            assert "]0;Yours" in said
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]|\n900 Other", said)


class TestAdd:
    def test_secret_is_no_option(self, run: Run) -> None:
        assert "--client-secret" not in run("account", "add", "--help").out

    def test_shows_the_only_site_its_meetings(self, run: Run, zoom: ZoomServer, with_site: Site) -> None:
        added = run("account", "add", *_given(zoom))
        assert added.status == 0
        assert f"Its meetings are shown on {with_site.url}" in added.out

    def test_asks_which_of_several_sites_show_its_meetings(
        self, run: Run, zoom: ZoomServer, with_site: Site, migrated_url: str
    ) -> None:
        with closing(Store(migrated_url, keys=KEYS)) as store:
            other = connected(store, "s2")

        asked = run("account", "add", *_given(zoom))
        assert asked.status == 1
        assert "There are 2 sites." in asked.err
        assert "There is no Zoom account yet" in run("account", "list").out

        added = run("account", "add", *_given(zoom), "--all-sites")
        assert added.status == 0
        assert with_site.url in added.out
        assert other.url in added.out

        assert "  reconciled every 24 h\n" in run("account", "list").out
        with closing(Store(migrated_url, keys=KEYS)) as store:
            store.write(partial(credentials.save_interval, account_id=zoom.account.account_id, hours=0, at=0))
        assert "  reconciled only on request\n" in run("account", "list").out

    def test_either_some_sites_or_all(self, run: Run, zoom: ZoomServer) -> None:
        asked = run("account", "add", *_given(zoom), "--site", "s1", "--all-sites")
        assert asked.status == 2
        assert "either" in asked.err


def _given(zoom: ZoomServer) -> list[str]:
    account_id = zoom.account.account_id
    return [
        "--account-id",
        account_id,
        "--client-id",
        CLIENT_ID,
        "--plan",
        "business",
        "--oauth-url",
        zoom.oauth_url,
    ]


class TestHeld:
    def test_nothing_is_held(self, run: Run, zoom: ZoomServer) -> None:
        run("account", "add", *_given(zoom))
        for option in ("--held", "--approve", "--dismiss"):
            ran = run("reconcile", option)
            assert ran.status == 0
            assert ran.out == "No page is held.\n"

    def test_one_decision_at_a_time(self, run: Run) -> None:
        ran = run("reconcile", "--approve", "--dismiss")
        assert ran.status == 2
        assert "at a time" in ran.err


class TestGrant:
    @pytest.fixture
    def connected_site(self, run: Run, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two sites that received the same event of an account, of which the first has the account."""
        monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)
        monkeypatch.setenv("ZOOMBRIDGE_DATABASE_URL", migrated_url)
        with closing(Store(migrated_url, keys=KEYS)) as store:
            connected(store, "s1")
            connected(store, "s2")
            for site_id in ("s1", "s2"):
                line = entry(store, event(at=1), site_id=site_id)
                store.write(lambda connection, line=line: log.append(connection, [line]))  # type: ignore[misc]

    def test_lists_gives_and_takes(self, run: Run, connected_site: None) -> None:
        listed = run("account", "grants").out
        assert f"{ACCOUNT}  https://s1.example.org  by first event" in listed
        assert f"{ACCOUNT}  https://s2.example.org  waiting for a grant: 1 event since 1970-01-01" in listed
        given = run("account", "grant", ACCOUNT, "s2")
        assert (given.status, "Granted" in given.out, "1 event that waited" in given.out) == (0, True, True)
        assert "was granted" in run("account", "grant", ACCOUNT, "s2.example.org").out
        assert "waiting" not in run("account", "grants").out
        assert "Revoked" in run("account", "revoke", ACCOUNT, "s2").out
        assert "is not granted" in run("account", "revoke", ACCOUNT, "s2").out
        assert f"{ACCOUNT}  https://s2.example.org  refused: 0 events" in run("account", "grants").out

    def test_refuses(self, run: Run, connected_site: None) -> None:
        refused = run("account", "refuse", ACCOUNT, "s2")
        assert (refused.status, "Deleted 1 event that waited" in refused.out) == (0, True)
        assert f"{ACCOUNT}  https://s2.example.org  refused: 0 events" in run("account", "grants").out
        granted = run("account", "refuse", ACCOUNT, "s1")
        assert (granted.status, "zoombridge account revoke" in granted.err) == (1, True)
        assert "Granted" in run("account", "grant", ACCOUNT, "s2").out
        assert "refused" not in run("account", "grants").out

    def test_says_what_is_wrong(self, run: Run, connected_site: None) -> None:
        assert run("account", "grant", ACCOUNT, "nowhere").status == 1
        wrong = run("account", "grant", "site:s1", "s2")
        assert (wrong.status, "not the ID of a Zoom account" in wrong.err) == (1, True)


class TestFollow:
    def test_shows_in_a_terminal_how_far_it_is(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")  # as in a terminal
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "150")
        said = "Reading is complete. Pages that are still to be written: 300."
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

    def test_is_a_failure_where_something_of_it_failed(self) -> None:
        done = JobStatus(
            id=1, kind="bulk", state=JobState.DONE, total=2, done=2, counts={"done": 2}, message=None
        )
        assert progress.exit_status(done) == 0
        assert progress.exit_status(done.model_copy(update={"counts": {"done": 1, "failed": 1}})) == 1
        assert progress.exit_status(done.model_copy(update={"state": JobState.STOPPED})) == 1
