"""`zoombridge site` and `zoombridge quarantine`: messages, not tracebacks."""

import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.errors import Fault, SiteFaultError
from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.conftest import KEYS, connected
from tests.core.events import SECRET, event, raw, signed
from tests.web.cli.conftest import Run
from tests.web.conftest import save_token
from web.cli.instance import Instance

NOWHERE = "http://127.0.0.1:1"
ADD = ("--username", "bridge", "--application-password", "abcd efgh")


@pytest.fixture
def with_site(run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A database of each kind in which a site is connected, that nobody can reach."""
    monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)
    monkeypatch.setenv("ZOOMBRIDGE_DATABASE_URL", database_url)
    assert run("db", "upgrade").status == 0
    store = Store(database_url, keys=KEYS)
    try:
        site = connected(store, "s1")
        save_token(store, Secret(SECRET))
        body = raw(event())
        for secret in (SECRET, "another"):
            held = Request(signed(body, secret=secret, at=time.time()), body)
            store.write(
                lambda connection, held=held: quarantine.keep(  # type: ignore[misc]
                    connection, "s1", held, store.sealer, reason="signed with another", now=int(time.time() * 1000)
                )
            )  # fmt: skip
    finally:
        store.close()
    return site


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request leaves this machine."""

    def refuse(*_: object, **__: object) -> None:
        raise SiteFaultError("The site could not be reached: try later.", fault=Fault.NETWORK)

    monkeypatch.setattr("core.wordpress.transport.ask", refuse)


class TestAdd:
    def test_says_what_is_wrong_with_the_address(self, run: Run) -> None:
        ran = run("site", "add", NOWHERE, *ADD)
        assert ran.status == 1
        assert ran.err.startswith("Error: ")
        assert "abcd" not in ran.out + ran.err
        assert "Traceback" not in ran.err

    @pytest.mark.parametrize("address", ["", "::", "ftp://x", "http://", "http://[x"])
    def test_and_with_one_that_is_none(self, run: Run, address: str) -> None:
        ran = run("site", "add", address, *ADD)
        assert ran.status in (1, 2)
        assert ran.err

    def test_keeps_nothing_then(self, run: Run) -> None:
        run("site", "add", NOWHERE, *ADD)
        assert "No site is connected yet" in run("site", "list").out


class TestList:
    def test_says_how_to_begin(self, run: Run) -> None:
        ran = run("site", "list")
        assert ran.status == 0
        assert "zoombridge site add" in ran.out

    def test_names_the_sites_and_no_secret(self, run: Run, with_site: Site) -> None:
        ran = run("site", "list")
        assert "s1  https://s1.example.org  no event yet" in ran.out
        for secret in (with_site.password, with_site.key, SECRET):
            assert secret not in ran.out


class TestCheck:
    def test_says_what_is_wrong(self, run: Run, with_site: Site, unreachable: None) -> None:
        ran = run("site", "check", "s1.example.org")
        assert ran.status == 1, "so that a script sees it"
        assert "FAIL  WordPress: The site could not be reached" in ran.out
        assert "ok    secret token" in ran.out

    def test_knows_no_other_site(self, run: Run, with_site: Site) -> None:
        ran = run("site", "check", "nowhere.example")
        assert (ran.status, ran.out) == (1, "")
        assert ran.err.startswith("Error: No site “nowhere.example”")


class TestRemove:
    def test_forgets_the_site_also_where_it_is_not_reached(
        self, run: Run, with_site: Site, unreachable: None
    ) -> None:
        ran = run("site", "remove", "s1", "--yes")
        assert ran.status == 0
        assert "Disconnected https://s1.example.org" in ran.out
        assert "still considers itself connected" in ran.out
        assert "No site is connected yet" in run("site", "list").out

    def test_asks_first(self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        ran = run("site", "remove", "s1")
        assert ran.status != 0
        assert "s1.example.org" in run("site", "list").out

    def test_knows_no_other_site(self, run: Run, with_site: Site) -> None:
        ran = run("site", "remove", "nowhere", "--yes")
        assert ran.status == 1
        assert ran.err.startswith("Error: ")


class TestQuarantine:
    def test_is_listed_and_checked_again(self, run: Run, with_site: Site) -> None:
        ran = run("quarantine", "list")
        assert ran.out.count("signed with another") == 2
        assert "Choir" not in ran.out
        assert "https://s1.example.org: 1 accepted, 1 still refused" in run("quarantine", "recheck").out
        assert run("quarantine", "list").out.count("signed with another") == 1

    def test_is_empty_at_first(self, run: Run) -> None:
        assert "The quarantine is empty" in run("quarantine", "list").out


class TestWhileABridgeServes:
    def test_one_that_does_not_answer_is_said_to_be(self, run: Run, data: Path) -> None:
        store = Instance(data, None).open_store()
        try:
            for server in (None, "{", "{}", '{"url": "http://127.0.0.1:1", "token": "x"}'):
                if server is not None:
                    (data / "rpc.json").write_text(server)
                ran = run("site", "list")
                assert ran.status == 1
                assert "does not answer" in ran.err
        finally:
            store.close()

    def test_its_word_is_left_for_its_owner_only(self, data: Path) -> None:
        data.mkdir()
        instance = Instance(data, None)
        with instance.publish_rpc("http://127.0.0.1:9", "token"):
            assert instance.server_url() == "http://127.0.0.1:9"
            assert instance.rpc_file.stat().st_mode & 0o777 == 0o600
        assert instance.server_url() is None


class TestAnotherKey:
    def test_is_refused_before_anything_is_done_with_it(
        self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_KEY", Fernet.generate_key().decode())
        for command in (("site", "list"), ("serve", "--port", "0")):
            ran = run(*command)
            assert ran.status == 1
            assert "sealed with another key" in ran.err
