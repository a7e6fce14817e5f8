"""Pair sites by codes: from a code to a connected site. WordPress and its plugin are doubles here."""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from core.errors import (
    PairingRefusedError,
    SiteFaultError,
    UnknownPairingError,
    UnknownSiteError,
    ZoomBridgeError,
)
from core.sites import pairing
from core.sites.pairing import PairingCaller, PairingState
from core.store.db.engine import Store
from core.store.sites import pairings, sites
from core.store.sites.pairings import Pairing, PairingCode
from core.store.sites.sites import Site
from core.wordpress import pairing_envelope as envelope
from core.wordpress.pairing_envelope import KeyPair
from tests.core.wordpress.network_double import NetworkDouble, Reply
from tests.core.wordpress.plugin_double import PluginDouble

BRIDGE = "https://bridge.example.org"
HOME = "https://choir.example.org"
NO_ROUTE: Reply = (404, {}, b'{"code": "rest_no_route", "message": ""}')
PAGE: Reply = (200, {}, b"<title>Choir</title>")
BASIC: Reply = (401, {"WWW-Authenticate": 'Basic realm="Test"'}, b"<title>401</title>")


@dataclass
class Plugin:
    """The plugin in a WordPress at `home`, before and after it is paired."""

    home: str = HOME
    keys: KeyPair = field(default_factory=lambda: KeyPair(hashlib.sha256(b"plugin").digest()))
    epoch: int = 0
    former: dict[str, str] | None = None
    place: str = "ab" * 32
    site: str = ""
    key: str = ""

    def body(self, code: PairingCode, **changes: Any) -> bytes:
        """The request for a pairing."""
        root = f"{self.home}/wp-json/"
        details = {
            "t": 1_767_603_601,
            "e": self.keys.public,
            "home": self.home,
            "name": "Choir",
            "rest": root,
            "endpoints": {kind: f"{root}vczapi/v1/{kind}" for kind in sites.ROUTES},
            "page": f"{self.home}/wp-admin/edit.php",
            "stub": "0.3.0",
            "wordpress": "6.5",
            "epoch": self.epoch,
            "vczapi": None,
            "vczapi_pro": False,
            "place": self.place,
            "former": self.former,
        }
        return envelope.seal_request(code.secret, code.id, details | changes)

    def ask(self, store: Store, code: PairingCode) -> Pairing:
        """Ask for a pairing, and keep what the answer gives."""
        body = self.body(code)
        answer = pairing.answer_request(store, body)
        told = envelope.open_answer(code.secret, envelope.read_request(body), answer.body)
        self.site = told.site
        self.key = envelope.pairing_key(
            code.secret, code.id, self.keys, plugin=self.keys.public, bridge=told.public_key
        )
        return load(store, answer.pairing_id)

    def proves(self, code: PairingCode, site: Site) -> None:
        """Hold the key of a former pairing."""
        proof = envelope.former_proof(site.key, code.id, self.keys.public)
        self.former = {"site": site.id, "bridge": BRIDGE, "proof": proof}

    @contextmanager
    def answering(self, at: str = "", **closed: Reply) -> Iterator[NetworkDouble]:
        """The site answers at its home, or at another address. `closed` are doorways."""
        url = at or self.home
        plugin = PluginDouble(self.key, self.site, self.home, time.time, epoch=self.epoch)
        with NetworkDouble(plugin, f"{url}/wp-json/", url, closed=closed) as network:
            yield network


def load(store: Store, pairing_id: str) -> Pairing:
    with store.reading() as connection:
        found = pairings.load(connection, pairing_id, store.sealer)
    assert found is not None
    return found


def kept(store: Store, site_id: str) -> Site:
    with store.reading() as connection:
        return sites.load(connection, site_id, store.sealer)


def every(store: Store) -> list[Site]:
    with store.reading() as connection:
        return sites.list_all(connection, store.sealer)


def issue(store: Store, **given: Any) -> PairingCode:
    return pairing.issue_code(store, bridge_url=BRIDGE, requested_by="/anna", **given)


def connect(store: Store, plugin: Plugin, **given: Any) -> Site:
    """Connect a site, with its address typed."""
    asked = plugin.ask(store, issue(store, **({"address": plugin.home} | given)))
    with plugin.answering():
        assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
    return kept(store, asked.site_id)


def refusal(store: Store, body: bytes) -> tuple[int, str]:
    with pytest.raises(PairingRefusedError) as caught:
        pairing.answer_request(store, body)
    return caught.value.status, caught.value.code


class TestCode:
    def test_is_of_a_bridge_and_of_a_user(self, store: Store) -> None:
        code = issue(store)
        assert code.text == f"{BRIDGE}#zb1.{code.id}.{code.secret}"
        assert pairing.load_code(store, code.id, "/anna") == (code, [])
        assert pairing.load_code(store, code.id, None) == (code, [])
        assert pairing.load_code(store, code.id, "/ben") is None
        assert pairing.open_codes(store, "/anna") == [(code, [])]
        assert pairing.open_codes(store, "/ben") == []

    def test_is_not_shown_with_its_secret(self, store: Store) -> None:
        code = issue(store)
        assert code.secret not in repr(code)

    def test_that_is_cancelled_is_unknown(self, store: Store) -> None:
        code = issue(store)
        pairing.cancel_code(store, code.id)
        assert pairing.load_code(store, code.id, None) is None
        assert refusal(store, Plugin().body(code)) == (404, "zoombridge_pairing_unknown")

    @pytest.mark.parametrize("uses", [0, 101])
    def test_is_for_1_to_100_sites(self, store: Store, uses: int) -> None:
        with pytest.raises(ZoomBridgeError, match="1 to 100"):
            issue(store, uses=uses)

    @pytest.mark.parametrize(
        "url", ["", "bridge.example.org", "https://b.example/?a", "https://a@b", "https://b:x"]
    )
    def test_wants_an_address_of_the_bridge(self, store: Store, url: str) -> None:
        with pytest.raises(ZoomBridgeError, match="address of the bridge"):
            pairing.issue_code(store, bridge_url=url, requested_by="/anna")

    def test_refuses_an_address_that_is_none(self, store: Store) -> None:
        with pytest.raises(SiteFaultError, match="address of a site"):
            issue(store, address="ftp://example.org")

    def test_for_a_site_that_is_unknown_is_refused(self, store: Store) -> None:
        with pytest.raises(UnknownSiteError):
            issue(store, site_id="none")


class TestRequest:
    def test_is_answered_with_what_gives_both_the_same_key(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store))
        assert (asked.key, asked.site_id) == (plugin.key, plugin.site)
        assert (asked.state, asked.home, asked.name, asked.epoch) == (PairingState.CALLING, HOME, "Choir", 1)
        assert every(store) == []

    def test_that_comes_again_gets_the_same_answer_and_is_the_same_use(self, store: Store) -> None:
        code = issue(store, uses=2)
        body = Plugin().body(code)
        first, second = pairing.answer_request(store, body), pairing.answer_request(store, body)
        assert first == second
        with store.reading() as connection:
            again = pairings.load_code(connection, code.id, store.sealer)
        assert again is not None
        assert again.uses_left == 1

    def test_of_several_at_once_is_one_use(self, store: Store) -> None:
        code = issue(store)
        body = Plugin().body(code)
        answers: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: answers.append(pairing.answer_request(store, body).body))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 4
        assert len(set(answers)) == 1

    def test_of_another_site_finds_the_code_spent(self, store: Store) -> None:
        code = issue(store)
        Plugin().ask(store, code)
        other = Plugin(home="https://other.example.org", keys=KeyPair(bytes(32)))
        assert refusal(store, other.body(code)) == (410, "zoombridge_pairing_spent")

    def test_of_the_same_site_whose_plugin_was_installed_again_is_the_same_use(self, store: Store) -> None:
        code = issue(store)
        first = Plugin().ask(store, code)
        again = Plugin(keys=KeyPair(bytes(32))).ask(store, code)
        assert again.site_id == first.site_id
        assert [one.id for one in pairings_of(store, code)] == [again.id]

    def test_with_a_code_that_has_expired_is_refused(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = issue(store)
        now = time.time()
        monkeypatch.setattr("core.sites.pairing.time.time", lambda: now + 8 * 24 * 3600)
        assert refusal(store, Plugin().body(code)) == (410, "zoombridge_pairing_expired")

    def test_signed_with_another_secret_is_refused(self, store: Store) -> None:
        code = issue(store)
        body = Plugin().body(replace(code, secret="ff" * 16))
        assert refusal(store, body) == (401, "zoombridge_pairing_signature")

    def test_of_another_form_is_refused(self, store: Store) -> None:
        assert refusal(store, b"{}") == (400, "zoombridge_bad_request")
        assert refusal(store, Plugin().body(issue(store), home="x")) == (400, "zoombridge_bad_request")


def pairings_of(store: Store, code: PairingCode) -> list[Pairing]:
    with store.reading() as connection:
        return pairings.of_code(connection, code.id, store.sealer)


class TestCallBack:
    def test_connects_the_site_whose_address_was_typed(self, store: Store) -> None:
        plugin = Plugin()
        site = connect(store, plugin, address="http://www.choir.example.org/wp-admin/")
        assert (site.url, site.home, site.key, site.epoch) == (HOME, HOME, plugin.key, 1)
        assert (site.rest_root, site.bridge_url) == (f"{HOME}/wp-json/", BRIDGE)
        assert site.endpoints["meeting"] == f"{HOME}/wp-json/vczapi/v1/meeting"

    def test_asks_a_person_where_no_address_was_typed(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store))
        with plugin.answering():
            called = pairing.call_back(store, asked.id)
        assert called.state is PairingState.CONFIRM
        assert HOME in called.message
        assert every(store) == []
        site = pairing.confirm(store, asked.id, confirmed_by="anna")
        assert site == kept(store, asked.site_id)
        assert load(store, asked.id).state is PairingState.CONNECTED

    def test_asks_a_person_where_another_address_was_typed(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address="https://other.example.org"))
        with plugin.answering():
            called = pairing.call_back(store, asked.id)
        assert called.state is PairingState.CONFIRM
        assert "https://other.example.org" in called.message

    def test_is_repeated_while_the_plugin_has_not_stored_the_key(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store))
        key, plugin.key = plugin.key, "00" * 32
        with plugin.answering():
            assert pairing.call_back(store, asked.id).state is PairingState.CALLING
        plugin.key = key
        with plugin.answering():
            assert pairing.call_back(store, asked.id).state is PairingState.CONFIRM

    def test_of_a_site_whose_address_another_one_uses_connects_nothing(self, store: Store) -> None:
        """The holder of a code names the home of a site that is not theirs."""
        site = connect(store, Plugin())
        thief = Plugin(keys=KeyPair(bytes(32)))
        asked = thief.ask(store, issue(store))
        assert asked.site_id == site.id
        thief.key, thief.site = site.key, site.id
        with thief.answering():
            assert pairing.call_back(store, asked.id).state is PairingState.CALLING
        assert kept(store, site.id) == site


class TestPerson:
    def test_confirms_nothing_that_has_not_answered(self, store: Store) -> None:
        asked = Plugin().ask(store, issue(store))
        with pytest.raises(ZoomBridgeError, match="not answered"):
            pairing.confirm(store, asked.id, confirmed_by="anna")

    def test_confirms_nothing_that_is_gone(self, store: Store) -> None:
        with pytest.raises(UnknownPairingError):
            pairing.confirm(store, "0" * 16, confirmed_by="anna")

    def test_rejects_a_site_whose_plugin_is_told(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store))
        with plugin.answering() as network:
            pairing.call_back(store, asked.id)
            pairing.refuse(store, asked.id)
            assert not network.plugin.paired
        assert load(store, asked.id).state is PairingState.REFUSED
        with pytest.raises(ZoomBridgeError, match="rejected"):
            pairing.confirm(store, asked.id, confirmed_by="anna")
        assert every(store) == []


class TestCaller:
    def test_calls_until_the_plugin_has_the_key(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address=HOME))
        connected = threading.Event()
        caller = PairingCaller(store, on_connected=lambda _: connected.set(), pauses=(0, 0, 0))
        key, plugin.key = plugin.key, "00" * 32
        with plugin.answering() as network:
            refused = network.plugin.handle

            def handle(body: bytes) -> tuple[int, bytes]:
                answer = refused(body)
                network.plugin.key = key
                return answer

            network.plugin.handle = handle  # type: ignore[method-assign]
            caller.begin(asked.id)
            assert connected.wait(90)
        assert kept(store, asked.site_id).home == HOME
