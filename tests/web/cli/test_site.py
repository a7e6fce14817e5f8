"""`zoombridge site`: messages, not tracebacks."""

import io
import json
import re
import time
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from core.errors import Fault, SiteFaultError
from core.model import rules
from core.sites import pairing_codes
from core.sites.pairing import PairingState
from core.store.db import settings
from core.store.db.engine import Store
from core.store.db.schema import pairing_codes as pairing_codes_table
from core.store.sites import pairings, sites
from core.store.sites.sites import Site
from core.wordpress.addresses import Endpoint
from core.wordpress.faults import SiteResponse
from tests.core.conftest import KEYS
from tests.core.events import SECRET
from tests.core.sites.pairing_plugin import BRIDGE, HOME, Plugin
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble
from tests.web.cli.conftest import Run


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No request leaves this machine."""

    def refuse(*_: object, **__: object) -> None:
        raise SiteFaultError("The site could not be reached: try later.", fault=Fault.NETWORK)

    monkeypatch.setattr("core.wordpress.transport.send", refuse)


class TestAdd:
    def test_writes_the_plugin_with_a_code_and_says_what_to_do(
        self, run: Run, with_site: Site, tmp_path: Path
    ) -> None:
        file = tmp_path / "plugin.zip"
        ran = run("site", "add", "--no-wait", "-o", str(file), "--bridge-url", "https://bridge.example.org/")
        assert ran.status == 0
        code = re.search(r"https://bridge\.example\.org#zb1\.[0-9a-f]{16}\.[0-9a-f]{32}", ran.out)
        assert code is not None
        with zipfile.ZipFile(file) as packed:
            held = packed.read("meetings-bridge-for-zoom/pairing-code.php").decode()
        assert f"return '{code[0]}';" in held
        assert file.stat().st_mode & 0o777 == 0o600, "who has the code can connect a site"
        assert "activate the plugin" in ran.out
        assert ran.err == ""

    def test_says_that_an_address_without_a_scheme_answers_over_http_only(
        self, run: Run, with_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def only_http(_session: object, _method: str, url: str, **_: object) -> SiteResponse:
            if url.startswith("https:"):
                raise SiteFaultError("No.", fault=Fault.NETWORK)
            return SiteResponse(200, {}, b"")

        monkeypatch.setattr("core.wordpress.transport.send", only_http)
        ran = run("site", "add", "choir.example.org", "--no-wait", "-o", str(tmp_path / "plugin.zip"))
        assert "Nothing answers there over https, so http://choir.example.org/ is meant." in ran.out

    def test_warns_of_an_address_of_this_machine(self, run: Run, with_site: Site, tmp_path: Path) -> None:
        ran = run("site", "add", "--no-wait", "-o", str(tmp_path / "plugin.zip"))
        assert "Only a WordPress on this machine reaches http://127.0.0.1:8765" in ran.err

    def test_uses_the_saved_address(
        self, run: Run, with_site: Site, migrated_url: str, tmp_path: Path
    ) -> None:
        opened = Store(migrated_url, keys=KEYS)
        opened.write(lambda connection: settings.save_public_url(connection, "https://saved.example.org"))
        opened.close()
        ran = run("site", "add", "--no-wait", "-o", str(tmp_path / "plugin.zip"))
        assert "https://saved.example.org#zb1." in ran.out

    @pytest.mark.parametrize("address", ["::", "ftp://x", "http://", "http://[x"])
    def test_says_what_is_wrong_with_the_address(self, run: Run, address: str, tmp_path: Path) -> None:
        file = tmp_path / "plugin.zip"
        ran = run("site", "add", address, "-o", str(file))
        assert ran.status == 1
        assert ran.err.startswith("Error: ")
        assert not file.exists()

    def test_says_so_where_the_file_cannot_be_written(self, run: Run, tmp_path: Path) -> None:
        ran = run("site", "add", "--no-wait", "-o", str(tmp_path / "none" / "plugin.zip"))
        assert (ran.status, "--output" in ran.err) == (1, True)

    def test_does_not_wait_where_no_bridge_runs(self, run: Run, tmp_path: Path) -> None:
        ran = run("site", "add", "-o", str(tmp_path / "plugin.zip"))
        assert ran.status == 0
        assert "zoombridge serve" in ran.out

    def test_is_no_success_where_nobody_waits_any_more(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def press_ctrl_c(_seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("web.cli.instance.Instance.server_url", lambda _: "http://127.0.0.1:1")
        monkeypatch.setattr("web.cli.site_add.time.sleep", press_ctrl_c)
        ran = run("site", "add", "-o", str(tmp_path / "plugin.zip"))
        assert (ran.status, "No longer waiting" in ran.err) == (130, True)

    def test_is_no_success_where_the_code_expires_first(
        self, run: Run, with_site: Site, migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def expire(_seconds: float) -> None:
            with closing(Store(migrated_url, keys=KEYS)) as store:
                store.write(
                    lambda connection: connection.execute(update(pairing_codes_table).values(expires_at=1))
                )

        monkeypatch.setattr("web.cli.instance.Instance.server_url", lambda _: "http://127.0.0.1:1")
        monkeypatch.setattr("web.cli.site_add.time.sleep", expire)
        ran = run("site", "add", "-o", str(tmp_path / "plugin.zip"))
        assert (ran.status, "The code has expired." in ran.err) == (1, True)


class TestWaiting:
    @pytest.fixture
    def waiting(self, with_site: Site, migrated_url: str) -> None:
        """A site has used a code, has answered, and waits for a person."""
        opened = Store(migrated_url, keys=KEYS)
        code = pairing_codes.issue_code(opened, bridge_url=BRIDGE, requested_by="the command line")
        asked = Plugin().ask(opened, code)
        message = f"{HOME} has used the code."
        answered = replace(asked, state=PairingState.CONFIRM, message=message, url=HOME)
        opened.write(lambda connection: pairings.save(connection, answered, opened.sealer, was=asked.state))
        opened.close()

    def test_for_a_person_confirms(self, run: Run, waiting: None, unreachable: None) -> None:
        ran = run("site", "confirm", "http://www.choir.example.org/", "--yes")
        assert ran.status == 0
        assert f"{HOME} has used the code." in ran.out
        assert f"Connected Choir ({HOME}) as " in ran.out
        assert f"  {HOME}/wp-json/vczapi/v1/meeting" in ran.out
        assert HOME in run("site", "list").out

    def test_of_another_site_finds_none(self, run: Run, waiting: None) -> None:
        ran = run("site", "confirm", "https://other.example.org", "--yes")
        assert (ran.status, "No site at https://other.example.org waits" in ran.err) == (1, True)

    def test_asks_before_it_connects(self, run: Run, waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        assert "Connect “Choir” at https://choir.example.org?" in run("site", "confirm").out
        assert HOME not in run("site", "list").out


class TestSecretToken:
    def test_is_saved_and_verifies_what_was_refused(
        self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("another-token\n"))
        ran = run("site", "secret-token", "s1.example.org")
        assert ran.status == 0
        assert "Saved the secret token of https://s1.example.org." in ran.out
        assert "2 refused events were accepted now." in ran.out, "the other one waited for a recheck"

    def test_that_is_empty_is_refused(
        self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(" \n"))
        ran = run("site", "secret-token", "s1")
        assert (ran.status, "ZOOMBRIDGE_SECRET_TOKEN" in ran.err) == (2, True)

    def test_is_no_option(self, run: Run, with_site: Site) -> None:
        assert run("site", "secret-token", "s1", "--secret-token", "another").status == 2

    def test_knows_no_other_site(self, run: Run, with_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO())
        ran = run("site", "secret-token", "nowhere")
        assert (ran.status, ran.err.startswith("Error: No site")) == (1, True), "before it asks"


class TestList:
    def test_says_how_to_begin(self, run: Run) -> None:
        ran = run("site", "list")
        assert ran.status == 0
        assert "zoombridge site add" in ran.out

    def test_names_the_sites_and_no_secret(self, run: Run, with_site: Site) -> None:
        ran = run("site", "list")
        assert "s1  setup    https://s1.example.org  no event yet" in ran.out
        for secret in (with_site.key, SECRET):
            assert secret not in ran.out

    def test_is_narrowed(self, run: Run, with_site: Site) -> None:
        assert run("site", "tag", "s1", "--add", "Berlin").status == 0
        assert "[Berlin]" in run("site", "list", "SITE", "berlin", "--tag", "berlin").out
        assert run("site", "list", "--state", "failing").out == "No site matches.\n"
        assert json.loads(run("site", "list", "--json").out)["tags"] == ["Berlin"]


class TestSeveral:
    def test_are_paused_and_resumed(self, run: Run, with_site: Site) -> None:
        assert run("site", "pause").status == 2, "of no site"
        told = json.loads(run("site", "pause", "--all", "--json").out)
        assert (told["id"], told["outcome"]) == ("s1", "done")
        assert "s1  paused" in run("site", "list").out
        again = run("site", "pause", "s1.example.org")
        assert (again.status, again.out.split()[0]) == (0, "skipped")
        assert run("site", "resume", "s1").out.startswith("done")

    def test_are_tagged(self, run: Run, with_site: Site) -> None:
        assert "[Berlin, Schools]" in run("site", "tag", "s1", "--add", "Schools", "--add", "Berlin").out
        assert "[Berlin]" in run("site", "tag", "--with-tag", "berlin", "--remove", "schools").out
        wrong = run("site", "tag", "s1", "--add", "a,b")
        assert (wrong.status, "no comma" in wrong.err) == (1, True)
        assert run("site", "tag", "nowhere", "--add", "a").err.startswith("Error: No site")
        assert run("site", "tag", "s1").status == 2


class TestCheck:
    def test_says_what_is_wrong(self, run: Run, with_site: Site, unreachable: None) -> None:
        ran = run("site", "check", "s1.example.org")
        assert ran.status == 1, "so that a script sees it"
        assert re.search(r"FAIL  WordPress, since 20\S+ \S+ UTC: The site could not be reached", ran.out)
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


class TestRenewKey:
    def test_renews_it(self, run: Run, with_site: Site) -> None:
        plugin = PluginDouble(with_site.key, "s1", with_site.url, time.time)
        with NetworkDouble(plugin, with_site.rest_root, with_site.url):
            ran = run("site", "renew-key", "s1")
        assert (ran.status, ran.out) == (0, f"Renewed the key of {with_site.url}.\n")
        assert plugin.key != with_site.key

    def test_says_why_it_could_not(self, run: Run, with_site: Site, unreachable: None) -> None:
        ran = run("site", "renew-key", "s1")
        assert ran.status == 1
        assert "could not be reached" in ran.err


class TestOfferAddress:
    def test_says_of_each_site_what_came_of_it(self, run: Run, with_site: Site) -> None:
        plugin = PluginDouble(with_site.key, "s1", with_site.url, time.time)
        with NetworkDouble(plugin, with_site.rest_root, with_site.url):
            ran = run("site", "offer-address", "https://new.example.org/", "--all")
            assert ran.status == 0
            assert f"done     s1  {with_site.url}\n    Its administrators are asked in wp-admin." in ran.out
            assert plugin.offered == "https://new.example.org"
            plugin.declined = plugin.offered
            ran = run("site", "offer-address", "https://new.example.org", "s1")
        assert (ran.status, "An administrator of the site has declined" in ran.out) == (1, True)

    def test_a_name_of_no_site_stops_no_other(self, run: Run, with_site: Site) -> None:
        plugin = PluginDouble(with_site.key, "s1", with_site.url, time.time)
        with NetworkDouble(plugin, with_site.rest_root, with_site.url):
            ran = run("site", "offer-address", "https://new.example.org", "none.example.org", "s1")
        assert (ran.status, plugin.offered) == (1, "https://new.example.org")
        assert "failed   none.example.org" in ran.out
        assert f"done     s1  {with_site.url}" in ran.out

    def test_needs_sites_and_an_address(self, run: Run, with_site: Site) -> None:
        assert run("site", "offer-address", "https://new.example.org").status == 2
        ran = run("site", "offer-address", "new.example.org", "s1")
        assert (ran.status, "new.example.org" in ran.err) == (1, True)


class TestWithdrawAddress:
    def test_says_of_each_site_what_came_of_it(self, run: Run, with_site: Site) -> None:
        plugin = PluginDouble(with_site.key, "s1", with_site.url, time.time)
        with NetworkDouble(plugin, with_site.rest_root, with_site.url):
            run("site", "offer-address", "https://new.example.org", "s1")
            assert plugin.offered == "https://new.example.org"
            ran = run("site", "withdraw-address", "--all", "none.example.org")
            assert (ran.status, plugin.offered) == (1, "")
            assert "failed   none.example.org" in ran.out
            assert f"done     s1  {with_site.url}\n    The offer is withdrawn" in ran.out
            ran = run("site", "withdraw-address", "s1")
        assert (ran.status, ran.out.startswith("skipped  s1")) == (0, True)


class TestCancelledPages:
    def test_are_kept_for_so_many_days(self, run: Run, with_site: Site, migrated_url: str) -> None:
        ran = run("site", "cancelled-pages", "s1.example.org", "--keep-days", "7")
        assert ran.status == 0
        assert (
            ran.out
            == f"Pages of cancelled meetings on {with_site.url} are moved to the trash after 7 days.\n"
        )
        opened = Store(migrated_url, keys=KEYS)
        with opened.reading() as connection:
            assert rules.read(sites.load(connection, "s1", opened.sealer).rules).rules.cancelled_days == 7
        opened.close()
        assert "at once" in run("site", "cancelled-pages", "s1", "--keep-days", "0").out
        assert run("site", "cancelled-pages", "s1", "--keep-days", "91").status == 2


class TestAllow:
    @pytest.fixture
    def asked(self, with_site: Site, migrated_url: str) -> None:
        opened = Store(migrated_url, keys=KEYS)
        at = Endpoint("s1.example.org", 0, "10.0.0.5")
        opened.write(lambda connection: sites.save_addresses(connection, "s1", (), [at]))
        opened.close()

    def test_allows_what_is_asked_about(self, run: Run, asked: None, unreachable: None) -> None:
        ran = run("site", "allow", "s1.example.org", "--yes")
        assert "s1.example.org = 10.0.0.5" in ran.out
        assert (ran.status, "Allowed" in ran.out) == (0, True)
        ran = run("site", "allow")
        assert (ran.status, "no address to allow" in ran.err) == (1, True)

    def test_is_a_failure_where_something_else_is_asked_by_now(
        self, run: Run, asked: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("core.sites.address_approval.allow", lambda *_: [])
        ran = run("site", "allow", "s1.example.org", "--yes")
        assert (ran.status, "has changed meanwhile" in ran.out) == (1, True)

    def test_of_another_site_is_none(self, run: Run, asked: None) -> None:
        assert "no address of other.example" in run("site", "allow", "other.example").err
