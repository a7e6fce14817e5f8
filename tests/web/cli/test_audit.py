"""`zoombridge audit`: who did what, by commands too."""

import getpass
import json
import socket
from pathlib import Path

import pytest

from core.store import audit
from core.store.audit import Action, Actor, ActorKind
from core.store.db.engine import Store
from core.store.sites.sites import Site
from tests.core.conftest import KEYS
from tests.web.cli.conftest import Run
from web.rpc.caller import system_user


@pytest.fixture
def some(with_site: Site, migrated_url: str) -> None:
    """Three entries besides those of the site's making."""
    store = Store(migrated_url, keys=KEYS)
    try:
        with audit.acting(Actor(ActorKind.USER, "anna\r\x9b31m", "192.0.2.7")):
            for subject in ("luke", "otto"):
                store.write(
                    lambda connection, subject=subject: audit.record(  # type: ignore[misc]
                        connection, Action.USER_ADDED, subject, role="viewer"
                    )
                )
            store.write(
                lambda connection: audit.record(
                    connection, Action.SETTINGS_CHANGED, keep_days={"from": 90, "to": 30}
                )
            )
    finally:
        store.close()


class TestList:
    def test_is_newest_first_and_readable(self, run: Run, some: None) -> None:
        ran = run("audit", "--who", "anna")
        lines = ran.out.splitlines()
        assert len(lines) == 3
        assert "settings.changed  keep_days=90→30" in lines[0]
        assert "user.added otto  role=viewer" in lines[1]
        assert "(192.0.2.7)" in lines[2]
        assert not {"\r", "\x9b"} & set(ran.out), "a name must not steer the terminal"

    def test_is_filtered(self, run: Run, some: None) -> None:
        assert len(run("audit", "--action", "user").out.splitlines()) == 2
        assert len(run("audit", "--action", "secret.added", "--site", "s1").out.splitlines()) == 1
        assert run("audit", "--until", "2001-01-01").err == "No entry matches.\n"
        for wrong in (("--action", "nonsense"), ("--since", "soon")):
            assert run("audit", *wrong).status == 2

    def test_goes_on_where_it_ended(self, run: Run, some: None) -> None:
        first = run("audit", "--action", "user", "--limit", "1")
        position = first.err.split()[-1]
        assert "There may be more: --before" in first.err
        second = run("audit", "--action", "user", "--limit", "1", "--before", position)
        assert "otto" in first.out
        assert "luke" in second.out
        assert second.err == ""


class TestExport:
    def test_is_a_json_object_a_line(self, run: Run, some: None) -> None:
        ran = run("audit", "--json", "--who", "anna")
        documents = [json.loads(line) for line in ran.out.splitlines()]
        assert len(documents) == 3
        assert documents[1] == {
            "id": documents[1]["id"],
            "at": documents[1]["at"],
            "action": "user.added",
            "subject": "otto",
            "actor": {"kind": "user", "name": "anna\r\x9b31m", "address": "192.0.2.7"},
            "site": None,
            "detail": {"role": "viewer"},
        }
        assert documents[1]["at"].endswith("Z")

    def test_holds_everything_and_is_its_owners(
        self, run: Run, some: None, migrated_url: str, tmp_path: Path
    ) -> None:
        store = Store(migrated_url, keys=KEYS)
        try:
            for _ in range(30):
                store.write(lambda connection: audit.record(connection, Action.USER_LINK, "x"))
        finally:
            store.close()
        file = tmp_path / "audit.jsonl"
        assert run("audit", "--json", "-o", str(file)).status == 0
        assert len(file.read_text().splitlines()) > 30
        assert file.stat().st_mode & 0o777 == 0o600


class TestCommands:
    def test_stand_there_with_the_user_of_the_machine(
        self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SUDO_USER", raising=False)
        monkeypatch.setenv("ZOOMBRIDGE_SECRET_TOKEN", "a-new-secret")
        run("site", "secret-token", "s1")
        run("account", "grant", "acc", "s1")
        run("site", "remove", "s1", "--yes")
        ran = run("audit", "--json", "--who", getpass.getuser())
        found = [json.loads(line) for line in ran.out.splitlines()]
        assert {"secret.added", "grant.added", "site.removed"} <= {one["action"] for one in found}
        assert {one["actor"]["kind"] for one in found} == {"command"}
        assert {one["actor"]["address"] for one in found} == {socket.gethostname()}
        assert "a-new-secret" not in ran.out

    def test_of_sudo_name_who_became_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SUDO_USER", "anna")
        assert system_user() == f"{getpass.getuser()} (sudo by anna)"
