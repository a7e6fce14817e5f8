"""Connect a site: its rights, its plugin, the credential that comes and goes. WordPress is a double here."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from core.errors import Fault, SiteFaultError, UnknownSiteError
from core.model.health import FactName
from core.sites import connect as site_connect
from core.sites.connect import SetupProblem
from core.sites.returned_password import APP_ID
from core.store.db.engine import Store
from core.store.sites import health, sites
from core.store.sites.pending_sites import PendingSite
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.wordpress.plugin_double import REFUSED, PluginDouble

HOME = "https://example.org"
ROOT = "https://example.org/wp-json/"
GRANT = "https://example.org/wp-admin/authorize-application.php"
BRIDGE = "https://bridge.example.org"
ADMIN = {"id": 1, "name": "Anna", "capabilities": {"manage_options": True, "read": True}}
EDITOR = {"id": 2, "name": "Ed", "capabilities": {"edit_posts": True, "manage_options": False}}
UUID = "0a1b2c3d-0000-4000-8000-000000000000"
PASSWORDS = f"{ROOT}wp/v2/users/me/application-passwords"
INTROSPECT = f"{PASSWORDS}/introspect"
NO_ROUTE = {"status": 404, "json": {"code": "rest_no_route", "message": "No route."}}


def hello(**more: Any) -> dict[str, Any]:
    """What the plugin says of itself."""
    return {
        "stub": "0.1.0",
        "paired": False,
        "bridge": None,
        "site": None,
        "home": HOME,
        "epoch": 3,
        "endpoints": {"meeting": f"{ROOT}vczapi/v1/meeting"},
        "type": "stub",
        "vczapi": None,
        "vczapi_pro": False,
        "page": "https://example.org/wp-admin/edit.php?page=webhooks",
    } | more


Reply = tuple[int, dict[str, str], str | bytes]


class WordPressDouble:
    """The answers of one WordPress, which the tests change. `signed` is the plugin's side of the sync protocol."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.wire = wire
        self.user: dict[str, Any] = {"json": ADMIN}
        self.plugin: dict[str, Any] = {"json": hello()}
        self.index: dict[str, Any] = {
            "json": {
                "name": "Choir",
                "namespaces": ["wp/v2"],
                "authentication": {"application-passwords": {"endpoints": {"authorization": GRANT}}},
            }
        }
        self.signed = PluginDouble("", "", HOME, time.time)
        self.signed.paired = False
        self.blocks_signed = False  # a firewall does
        self.paired: list[dict[str, Any]] = []
        self.revoked: list[str] = []
        self.signed_in: list[str] = []
        self.app_id = APP_ID
        self._answers(
            "GET",
            "https://example.org/",
            lambda _: (200, {"Link": f'<{ROOT}>; rel="https://api.w.org/"'}, ""),
        )
        self._answers("GET", ROOT, lambda _: self._of(self.index))
        self._answers("GET", f"{ROOT}wp/v2/users/me", self._me)
        self._answers("GET", f"{ROOT}zoombridge/v1/connection", lambda _: self._of(self.plugin))
        self._answers("POST", f"{ROOT}zoombridge/v1/connection", self._pair)
        self._answers("DELETE", f"{ROOT}zoombridge/v1/connection", self._unpair)
        for address in (f"{ROOT}zoombridge/v1/sync", f"{HOME}/"):
            self._answers("POST", address, self._sync)
        self._answers(
            "GET",
            INTROSPECT,
            lambda _: self._of({"json": {"uuid": UUID, "app_id": self.app_id}}),
        )
        self._answers("DELETE", f"{PASSWORDS}/{UUID}", self._revoke)

    def _answers(self, method: str, url: str, callback: Any) -> None:
        self.wire.add_callback(method, url, callback=callback)

    def _of(self, answer: dict[str, Any]) -> Reply:
        if "raises" in answer:
            raise answer["raises"]
        return answer.get("status", 200), answer.get("headers", {}), json.dumps(answer.get("json"))

    def _sync(self, request: Any) -> Reply:
        if self.blocks_signed:
            return 403, {}, "<title>Blocked by a firewall</title>"
        status, body = self.signed.handle(request.body)
        return status, {}, body

    def _unpair(self, _request: Any) -> Reply:
        self.signed.paired = False
        return self._of(self.plugin)

    def _me(self, request: Any) -> Reply:
        self.signed_in.append(request.headers["Authorization"])
        return self._of(self.user)

    def _pair(self, request: Any) -> Reply:
        given = json.loads(request.body)
        self.paired.append(given)
        self.signed.key, self.signed.site, self.signed.paired = given["key"], given["site"], True
        self.plugin = {"json": hello(paired=True, bridge=given["bridge"], site=given["site"])}
        return self._of(self.plugin)

    def _revoke(self, request: Any) -> Reply:
        self.revoked.append(request.headers["Authorization"])
        return 200, {}, '{"deleted": true, "previous": {}}'


@pytest.fixture
def wordpress() -> Iterator[WordPressDouble]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield WordPressDouble(wire)


@pytest.fixture
def candidate(store: Store, wordpress: WordPressDouble) -> PendingSite:
    """A site that was found, before anybody approved."""
    return site_connect.start_setup(store, "example.org", requested_by="/anna", bridge_url=BRIDGE)


@pytest.fixture
def granted(store: Store, candidate: PendingSite) -> PendingSite:
    """The same once WordPress has handed over a credential."""
    assert site_connect.accept_credential(store, candidate, "anna", "abcd efgh")
    return again(store, candidate)


def again(store: Store, candidate: PendingSite) -> PendingSite:
    kept = site_connect.load(store, candidate.id, "/anna")
    assert kept is not None
    return kept


def every(store: Store) -> list[Site]:
    with store.reading() as connection:
        return sites.list_all(connection, store.sealer)


def keep_password(store: Store, site: Site) -> None:
    """As version 0.1.0 did."""
    kept = replace(site, username="anna", password="abcd efgh")
    store.write(lambda connection: sites.save(connection, kept, store.sealer))


class TestBegin:
    def test_keeps_what_was_found(self, candidate: PendingSite) -> None:
        assert (candidate.url, candidate.name, candidate.rest_root) == ("https://example.org/", "Choir", ROOT)
        assert candidate.authorization_url == GRANT
        assert candidate.bridge_url == BRIDGE

    @pytest.mark.parametrize(
        ("trouble", "words"),
        [
            (requests.exceptions.SSLError("x"), "no secure connection could be made"),
            (requests.exceptions.ConnectTimeout("x"), "its server does not answer"),
            (requests.exceptions.ReadTimeout("x"), "it took too long to answer"),
        ],
    )
    def test_says_why_a_site_is_not_reached_and_promises_nothing(
        self, store: Store, wordpress: WordPressDouble, trouble: Exception, words: str
    ) -> None:
        wordpress.index = {"raises": trouble}
        with pytest.raises(SiteFaultError) as caught:
            site_connect.start_setup(store, "example.org", requested_by="/anna", bridge_url=BRIDGE)
        assert words in str(caught.value)
        assert "retries automatically" not in str(caught.value)

    def test_of_a_site_that_is_broken(self, store: Store, wordpress: WordPressDouble) -> None:
        wordpress.index = {"status": 502}
        with pytest.raises(SiteFaultError, match="HTTP 502"):
            site_connect.start_setup(store, "example.org", requested_by="/anna", bridge_url=BRIDGE)

    def test_lets_who_has_one_site_connect_no_other(self, store: Store, wordpress: WordPressDouble) -> None:
        connected(store, "s1")
        with pytest.raises(SiteFaultError, match="has moved to"):
            site_connect.start_setup(store, "example.org", requested_by="s1/w", bridge_url=BRIDGE, only="s1")
        store.write(
            lambda connection: sites.save(
                connection, replace(every(store)[0], url="https://example.org"), store.sealer
            )
        )
        assert site_connect.start_setup(
            store, "example.org", requested_by="s1/w", bridge_url=BRIDGE, only="s1"
        )


class TestAuthorizationLink:
    AT = datetime(2026, 3, 3, 18, 0, 1, tzinfo=UTC)

    def query(self, candidate: PendingSite, own_url: str = BRIDGE) -> dict[str, str]:
        link = site_connect.authorization_link(
            candidate, own_url=own_url, path="/sites/connect/1", now=self.AT
        )
        assert link.startswith(candidate.authorization_url)
        return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}

    def test_asks_wordpress_to_send_the_browser_back(self, candidate: PendingSite) -> None:
        given = self.query(candidate)
        assert given["success_url"] == f"{BRIDGE}/sites/connect/1/back?state={candidate.state}"
        assert given["reject_url"] == f"{BRIDGE}/sites/connect/1?refused=yes"
        assert given["app_id"] == APP_ID

    def test_names_each_password_otherwise(self, candidate: PendingSite) -> None:
        """WordPress refuses a second one of the same name."""
        assert self.query(candidate)["app_name"] == "Zoom WordPress Bridge, 2026-03-03 18:00:01"

    def test_keeps_to_what_wordpress_takes(self, candidate: PendingSite) -> None:
        """It hands passwords to plain http only where the site is one for trying things out."""
        assert "success_url" not in self.query(candidate, "http://bridge.example.org")
        local = replace(candidate, rest_root="http://127.0.0.1:8080/wp-json/")
        assert "success_url" in self.query(local, "http://127.0.0.1:8765")

    def test_leaves_a_query_as_it_is(self, candidate: PendingSite) -> None:
        odd = replace(candidate, authorization_url="https://example.org/?page=authorize")
        assert self.query(odd)["page"] == "authorize"


class TestGoOn:
    def test_pairs_and_keeps_the_site(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        site = site_connect.continue_setup(store, granted)
        assert site is not None
        assert every(store) == [site]
        assert (site.home, site.name) == (HOME, "Choir")
        assert wordpress.paired == [{"bridge": BRIDGE, "site": site.id, "key": site.key}]
        assert site_connect.load(store, granted.id, "/anna") is None
        assert site.bridge_url == BRIDGE
        with store.reading() as connection:
            known = health.facts(connection, site.id)
        assert [fact.name for fact in known.values() if fact.well] == [FactName.PLUGIN, FactName.PAIRING]

    def test_waits_for_the_plugin(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.plugin = NO_ROUTE
        assert site_connect.continue_setup(store, granted) is None
        kept = again(store, granted)
        assert kept.problem == SetupProblem.STUB_MISSING
        assert kept.password == "abcd efgh", "the credential is kept meanwhile"
        assert every(store) == []
        wordpress.plugin = {"json": hello()}
        assert site_connect.continue_setup(store, kept) is not None

    def test_keeps_no_password(self, store: Store, wordpress: WordPressDouble, granted: PendingSite) -> None:
        site_connect.continue_setup(store, granted)
        [site] = every(store)
        assert (site.username, site.password) == ("", "")
        assert wordpress.revoked == [wordpress.signed_in[0]], "WordPress takes it back"

    def test_leaves_a_password_that_was_made_by_hand_to_its_owner(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.app_id = ""
        site_connect.continue_setup(store, granted)
        assert every(store)[0].password == ""
        assert wordpress.revoked == []

    def test_keeps_the_password_of_a_site_that_fails_to_take_it_back(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        """So that it is given back later."""
        wordpress.wire.replace("GET", INTROSPECT, status=500)
        site_connect.continue_setup(store, granted)
        assert (every(store)[0].username, every(store)[0].password) == ("anna", "abcd efgh")

    def test_refuses_a_plugin_from_before_signed_requests(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.plugin = {
            "json": {name: hello()[name] for name in hello() if name not in ("home", "epoch")}
        }
        assert site_connect.continue_setup(store, granted) is None
        kept = again(store, granted)
        assert kept.problem == SetupProblem.STUB_OUTDATED
        assert "Update the plugin" in kept.message
        assert kept.password == "abcd efgh", "the credential is kept meanwhile"
        assert wordpress.paired == []
        wordpress.plugin = {"json": hello()}
        assert site_connect.continue_setup(store, kept) is not None

    def test_takes_over_from_a_bridge_that_wrote_there_before(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.signed.epoch = 3
        site = site_connect.continue_setup(store, granted)
        assert site is not None
        assert (site.epoch, wordpress.signed.epoch) == (4, 4)

    def test_keeps_no_site_that_takes_no_signed_requests(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.blocks_signed = True
        assert site_connect.continue_setup(store, granted) is None
        kept = again(store, granted)
        assert kept.problem == SetupProblem.FAULT
        assert "let POST requests to /wp-json/zoombridge/v1/sync" in kept.message
        assert every(store) == []
        assert not wordpress.signed.paired, "the plugin is as before"
        wordpress.blocks_signed = False
        assert site_connect.continue_setup(store, kept) is not None

    def test_says_that_a_cache_still_holds_the_previous_key(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(wordpress.signed, "handle", lambda _: (401, REFUSED))
        assert site_connect.continue_setup(store, granted) is None
        kept = again(store, granted)
        assert kept.problem == SetupProblem.FAULT, "the application password is right"
        assert "object cache" in kept.message

    @pytest.mark.parametrize(
        "plugin", [NO_ROUTE, {"status": 403, "json": {"code": "rest_forbidden", "message": "Sorry."}}]
    )
    def test_wants_an_administrator(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite, plugin: dict[str, Any]
    ) -> None:
        wordpress.user, wordpress.plugin = {"json": EDITOR}, plugin
        assert site_connect.continue_setup(store, granted) is None
        kept = again(store, granted)
        assert kept.problem == SetupProblem.NOT_ADMINISTRATOR
        assert "“Ed” is not an administrator" in kept.message
        assert (kept.password, kept.state != "") == ("", True), "another one is waited for"
        assert len(wordpress.revoked) == 1, "and WordPress forgets this one"

    def test_takes_a_super_administrator_without_capabilities(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.user = {"json": {"id": 1, "name": "Super", "capabilities": []}}
        assert site_connect.continue_setup(store, granted) is not None

    def test_says_that_the_password_is_not_accepted(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.user = {"status": 401, "json": {"code": "rest_not_logged_in", "message": "You are not."}}
        assert site_connect.continue_setup(store, granted) is None
        kept = again(store, granted)
        assert kept.problem == SetupProblem.CREDENTIALS
        assert "not the one that you sign in with" in kept.message
        assert kept.password == ""

    def test_keeps_the_credential_over_a_fault_that_passes(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.user = {"status": 503}
        assert site_connect.continue_setup(store, granted) is None
        kept = again(store, granted)
        assert (kept.problem, kept.password) == (SetupProblem.FAULT, "abcd efgh")
        assert "HTTP 503" in kept.message


class TestGiveUp:
    def test_gives_the_credential_back(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        site_connect.cancel_setup(store, granted)
        assert site_connect.load(store, granted.id, "/anna") is None
        assert len(wordpress.revoked) == 1

    def test_leaves_alone_what_was_made_by_hand(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.app_id = ""
        site_connect.cancel_setup(store, granted)
        assert wordpress.revoked == []

    def test_works_although_the_site_is_down(
        self, store: Store, wordpress: WordPressDouble, granted: PendingSite
    ) -> None:
        wordpress.wire.replace("GET", INTROSPECT, status=500)
        site_connect.cancel_setup(store, granted)
        assert site_connect.load(store, granted.id, "/anna") is None


class TestConnect:
    def connect(self, store: Store, password: str = "abcd efgh") -> Site:
        return site_connect.connect(store, "example.org", "anna", password, bridge_url=BRIDGE)

    def test_again_keeps_what_the_site_is_known_by(self, store: Store, wordpress: WordPressDouble) -> None:
        first, second = self.connect(store), self.connect(store)
        assert (first.id, first.created_at) == (second.id, second.created_at)
        assert first.key != second.key
        assert first.epoch < second.epoch
        assert len(every(store)) == 1

    def test_again_gives_back_a_password_that_version_0_1_0_kept(
        self, store: Store, wordpress: WordPressDouble
    ) -> None:
        site = self.connect(store)
        keep_password(store, site)
        wordpress.revoked.clear()
        self.connect(store, "ijkl mnop")
        assert every(store)[0].password == ""
        assert wordpress.revoked == [wordpress.signed_in[-1], wordpress.signed_in[0]]

    def test_again_with_another_bridge_address_tells_the_plugin(
        self, store: Store, wordpress: WordPressDouble
    ) -> None:
        site = self.connect(store)
        site_connect.connect(store, "example.org", "anna", "ijkl", bridge_url="https://new.example.org")
        assert wordpress.paired[-1]["bridge"] == "https://new.example.org"
        assert wordpress.paired[-1]["site"] == site.id
        assert every(store)[0].bridge_url == "https://new.example.org"

    def test_again_in_vain_leaves_the_pairing_as_it_was(
        self, store: Store, wordpress: WordPressDouble
    ) -> None:
        site = self.connect(store)
        wordpress.blocks_signed = True
        with pytest.raises(SiteFaultError):
            site_connect.connect(store, "example.org", "anna", "ijkl", bridge_url="https://new.example.org")
        assert wordpress.paired[-1] == {"bridge": BRIDGE, "site": site.id, "key": site.key}
        assert every(store)[0].key == site.key


class TestDisconnect:
    def connect(self, store: Store) -> Site:
        return site_connect.connect(store, "example.org", "anna", "abcd efgh", bridge_url=BRIDGE)

    def test_forgets_the_site_on_both_sides(self, store: Store, wordpress: WordPressDouble) -> None:
        site = self.connect(store)
        signed_in = len(wordpress.signed_in)
        _, problem = site_connect.disconnect(store, site.id)
        assert problem == ""
        assert every(store) == []
        assert not wordpress.signed.paired
        assert len(wordpress.signed_in) == signed_in, "it takes no password"
        with pytest.raises(UnknownSiteError):
            site_connect.disconnect(store, site.id)

    def test_that_was_unpaired_there_already(self, store: Store, wordpress: WordPressDouble) -> None:
        site = self.connect(store)
        wordpress.signed.paired = False
        assert site_connect.disconnect(store, site.id)[1] == ""

    def test_says_that_the_site_could_not_be_told(self, store: Store, wordpress: WordPressDouble) -> None:
        site = self.connect(store)
        wordpress.blocks_signed = True
        _, problem = site_connect.disconnect(store, site.id)
        assert "Blocked by a firewall" in problem
        assert every(store) == []

    def test_gives_back_a_password_that_version_0_1_0_kept(
        self, store: Store, wordpress: WordPressDouble
    ) -> None:
        site = self.connect(store)
        keep_password(store, site)
        wordpress.revoked.clear()
        site_connect.disconnect(store, site.id)
        assert len(wordpress.revoked) == 1

    def test_a_plugin_that_is_too_old_is_told_with_that_password(
        self, store: Store, wordpress: WordPressDouble
    ) -> None:
        site = self.connect(store)
        keep_password(store, site)
        wordpress.revoked.clear()
        wordpress.blocks_signed = True
        _, problem = site_connect.disconnect(store, site.id)
        assert problem == ""
        assert not wordpress.signed.paired
        assert len(wordpress.revoked) == 1


class TestFault:
    def test_of_another_kind_stays_as_it_is(self, store: Store, wordpress: WordPressDouble) -> None:
        wordpress.index = {"json": {"name": "x"}}
        with pytest.raises(SiteFaultError) as caught:
            site_connect.find("example.org")
        assert caught.value.fault is Fault.NOT_WORDPRESS
