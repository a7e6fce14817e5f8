"""Pair sites by codes: from a code to a connected site. WordPress and its plugin are doubles here."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from core.auth.service import AuthService
from core.errors import (
    UnknownPairingError,
    ZoomBridgeError,
)
from core.model.health_facts import FactName
from core.pipeline import site_client
from core.sites import apply_rules, pairing, pairing_codes
from core.sites.pairing import PairingState
from core.store import jobs
from core.store.auth.one_time_links import Purpose
from core.store.db import schema
from core.store.db.engine import Store
from core.store.sites import health, pairings, sites
from core.store.sites.pairings import Pairing, PairingCode
from core.store.sites.sites import Site
from core.wordpress.pairing_envelope import KeyPair
from tests.core.sites.pairing_plugin import BRIDGE, HOME, Plugin, connect, every, issue, kept, load, refusal
from tests.core.wordpress.network_double import Reply
from tests.core.wordpress.raw_server import Server

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
NO_ROUTE: Reply = (404, {}, b'{"code": "rest_no_route", "message": ""}')
PAGE: Reply = (200, {}, b"<title>Choir</title>")
BASIC: Reply = (401, {"WWW-Authenticate": 'Basic realm="Test"'}, b"<title>401</title>")


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

    def test_that_comes_again_later_has_the_site_called_anew(self, store: Store) -> None:
        """The first answer was lost: the plugin is about to store the key only now."""
        code = issue(store)
        plugin = Plugin()
        first = plugin.ask(store, code)
        failed = replace(first, state=PairingState.UNREACHABLE, message="x", created_at=1, calls=5)
        store.write(lambda connection: pairings.save(connection, failed, store.sealer, was=first.state))
        plugin.ask(store, code)
        key, plugin.key = plugin.key, "00" * 32
        with plugin.answering():
            assert pairing.call_back(store, first.id).state is PairingState.CALLING
        plugin.key = key
        with plugin.answering():
            assert pairing.call_back(store, first.id).state is PairingState.CONFIRM

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

    def test_of_a_connected_site_with_another_key_is_another_use(self, store: Store) -> None:
        code = issue(store, uses=2, address=HOME)
        plugin = Plugin()
        first = plugin.ask(store, code)
        with plugin.answering():
            assert pairing.call_back(store, first.id).state is PairingState.CONNECTED
        again = Plugin(keys=KeyPair(bytes(32))).ask(store, code)
        assert (again.site_id, again.uses_left) == (first.site_id, 0)
        assert [one.id for one in pairings_of(store, code)] == [first.id, again.id]

    def test_with_a_code_that_has_expired_is_refused(self, store: Store) -> None:
        code = issue(store)
        store.write(lambda connection: connection.execute(update(schema.pairing_codes).values(expires_at=1)))
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

    def test_names_a_version_of_vczapi_that_was_not_tried_before_anything_is_written(
        self, store: Store
    ) -> None:
        plugin = Plugin()
        for version in ("4.7.0", "4.7.1"):
            asked = plugin.ask(store, issue(store, address=HOME))
            with plugin.answering() as network:
                network.plugin.vczapi = version
                assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
            with store.reading() as connection:
                [fact] = health.facts(connection, asked.site_id).values()
            assert (fact.name, fact.well) == (FactName.VCZAPI, False)
            assert f"{version} has not been tried" in fact.message

    def test_names_it_where_a_person_confirms_the_site(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store))
        with plugin.answering() as network:
            network.plugin.vczapi = "4.7.0"
            called = pairing.call_back(store, asked.id)
        assert called.state is PairingState.CONFIRM
        assert "4.7.0 has not been tried" in called.message

    def test_leaves_the_key_with_the_site_alone(self, store: Store) -> None:
        plugin = Plugin()
        code = issue(store, address=HOME)
        asked = plugin.ask(store, code)
        pairing.set_server_password(store, asked.id, "anna", "secret")
        with plugin.answering():
            called = pairing.call_back(store, asked.id)
        assert (called.key, called.server_login) == ("", None)
        assert kept(store, asked.site_id).server_login == ("anna", "secret")
        assert pairing.answer_request(store, plugin.body(code)).pairing_id == asked.id

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
        code = issue(store)
        asked = plugin.ask(store, code)
        with plugin.answering() as network:
            pairing.call_back(store, asked.id)
            pairing.refuse(store, asked.id)
            assert not network.plugin.paired
        assert load(store, asked.id).state is PairingState.REFUSED
        assert refusal(store, plugin.body(code)) == (410, "zoombridge_pairing_spent")
        with pytest.raises(ZoomBridgeError, match="rejected"):
            pairing.confirm(store, asked.id, confirmed_by="anna")
        assert every(store) == []

    @pytest.mark.parametrize("is_cancelled", [False, True])
    def test_rejects_no_site_that_somebody_else_connects_at_the_same_moment(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, is_cancelled: bool
    ) -> None:
        plugin = Plugin()
        code = issue(store)
        asked = plugin.ask(store, code)
        with plugin.answering() as network:
            waiting = pairing.call_back(store, asked.id)
            pairing.confirm(store, asked.id, confirmed_by="anna")
            if is_cancelled:
                monkeypatch.setattr(pairings, "of_code", lambda *_: [waiting])
                pairing_codes.cancel_code(store, code.id)
            else:
                monkeypatch.setattr(pairings, "load", lambda *_: waiting)
                pairing.refuse(store, asked.id)
            assert network.plugin.paired
        assert kept(store, asked.site_id).key == plugin.key

    def test_connects_no_site_that_somebody_else_rejects_at_the_same_moment(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A known site stays as it is, and nobody is told that it is connected again."""
        site = connect(store, Plugin())
        moved = Plugin(home="https://moved.example.org", keys=KeyPair(bytes(32)))
        asked = moved.ask(store, issue(store, site_id=site.id))
        with moved.answering():
            waiting = pairing.call_back(store, asked.id)
            pairing.refuse(store, asked.id)
        answers = iter([waiting])
        read = pairings.load
        monkeypatch.setattr(pairings, "load", lambda *given: next(answers, None) or read(*given))
        with pytest.raises(ZoomBridgeError, match="rejected"):
            pairing.confirm(store, asked.id, confirmed_by="anna")
        assert kept(store, site.id) == site

    def test_cancels_a_code_and_the_plugin_that_waits_is_told(self, store: Store) -> None:
        plugin = Plugin()
        code = issue(store)
        asked = plugin.ask(store, code)
        with plugin.answering() as network:
            pairing.call_back(store, asked.id)
            pairing_codes.cancel_code(store, code.id)
            assert not network.plugin.paired

    def test_cancels_a_code_whose_site_stays_connected(self, store: Store) -> None:
        plugin = Plugin()
        code = issue(store, address=HOME)
        asked = plugin.ask(store, code)
        with plugin.answering() as network:
            pairing.call_back(store, asked.id)
            pairing_codes.cancel_code(store, code.id)
            assert network.plugin.paired
        assert [one.id for one in every(store)] == [asked.site_id]


class TestOneWordPressIsOneSite:
    @pytest.mark.parametrize(
        "home",
        [
            HOME,
            "http://choir.example.org",
            "https://www.choir.example.org",
            "http://www.choir.example.org/",
            "https://choir.example.org:443",
        ],
    )
    def test_whatever_its_scheme_its_www_and_its_default_port(self, store: Store, home: str) -> None:
        site = connect(store, Plugin())
        again = Plugin(home=home, keys=KeyPair(bytes(32)))
        asked = again.ask(store, issue(store))
        assert asked.site_id == site.id
        https = home.rstrip("/").replace("http://", "https://")
        with again.answering(https):
            assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
        renewed = kept(store, site.id)
        assert [one.id for one in every(store)] == [site.id]
        assert (renewed.home, renewed.url, renewed.epoch) == (home, https, site.epoch + 1)
        assert renewed.key == again.key != site.key
        assert renewed.created_at == site.created_at

    def test_ends_what_the_former_key_has_opened(self, store: Store) -> None:
        """Whoever pairs a site again may do so because its key was stolen."""
        auth = AuthService(store)
        site = connect(store, Plugin())
        session = auth.sign_in_by_link(Purpose.ENTER, auth.hold_link(auth.from_wordpress(site.id, "thief")))
        link = auth.from_wordpress(site.id, "thief")
        again = Plugin(keys=KeyPair(bytes(32)))
        asked = again.ask(store, issue(store))
        with again.answering():
            assert auth.session(session) is not None
            assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
        assert auth.session(session) is None
        assert auth.find_link(Purpose.SITE, link) is None

    @pytest.mark.parametrize("home", [HOME, f"{HOME}/choir"])
    def test_another_folder_of_the_same_host_does_not_answer_for_it(self, store: Store, home: str) -> None:
        site = connect(store, Plugin(home=home))
        neighbour = Plugin(home=home, keys=KeyPair(bytes(32)))
        code = issue(store)
        body = neighbour.body(code, rest=f"{HOME}/neighbour/wp-json/")
        answer = pairing.answer_request(store, body)
        neighbour.take(code, body, answer.body)
        assert neighbour.site == site.id
        with neighbour.answering(f"{HOME}/neighbour"):
            assert pairing.call_back(store, answer.pairing_id).state is not PairingState.CONNECTED
        assert every(store) == [site]

    def test_a_host_whose_letters_an_older_standard_mapped_is_another(self, store: Store) -> None:
        site = connect(store, Plugin(home="https://strasse.example"))
        other = Plugin(home="https://straße.example", keys=KeyPair(bytes(32)))
        assert other.ask(store, issue(store)).site_id != site.id

    @pytest.mark.parametrize(("vczapi", "jobs_then"), [(None, 0), ("4.6.7", 1)])
    def test_has_its_posts_adapted_if_it_has_other_plugins_by_now(
        self, store: Store, vczapi: str | None, jobs_then: int
    ) -> None:
        connect(store, Plugin())
        again = Plugin(keys=KeyPair(bytes(32)))
        asked = again.ask(store, issue(store))
        with again.answering() as network:
            network.plugin.vczapi = vczapi
            assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
        with store.reading() as connection:
            assert len(jobs.latest(connection, 10, kind=apply_rules.PLUGINS_KIND)) == jobs_then

    def test_whose_front_page_redirects(self, store: Store, site: Site) -> None:
        """It was connected at the address that the front page led to; its home is another one."""
        led = replace(site, url="https://s1.example.org/en/")
        store.write(lambda connection: sites.save(connection, led, store.sealer))
        asked = Plugin(home=site.home).ask(store, issue(store))
        assert asked.site_id == site.id

    def test_whose_home_an_earlier_version_did_not_know(self, store: Store, site: Site) -> None:
        store.write(lambda connection: sites.save(connection, replace(site, home=""), store.sealer))
        asked = Plugin(home=site.url).ask(store, issue(store))
        assert asked.site_id == site.id

    def test_whose_database_was_restored(self, store: Store) -> None:
        """It has an old epoch, and proves an old key."""
        site = connect(store, Plugin(epoch=4))
        assert site.epoch == 5
        restored = Plugin(keys=KeyPair(bytes(32)), epoch=2)
        code = issue(store)
        restored.proves(code, replace(site, key="00" * 32))
        asked = restored.ask(store, code)
        assert (asked.site_id, asked.epoch) == (site.id, 6)

    def test_that_moved_to_another_folder_is_known_by_its_key(self, store: Store) -> None:
        site = connect(store, Plugin())
        moved = Plugin(home=f"{HOME}/blog", keys=KeyPair(bytes(32)))
        code = issue(store, address=f"{HOME}/blog")
        moved.proves(code, site)
        with moved.answering(HOME):  # the former home is not the plugin's any more
            asked = moved.ask(store, code)
        assert asked.site_id == site.id
        with moved.answering():
            assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
        assert (kept(store, site.id).home, len(every(store))) == (f"{HOME}/blog", 1)

    def test_that_moved_is_confirmed_by_a_person_where_no_address_was_typed(self, store: Store) -> None:
        site = connect(store, Plugin())
        moved = Plugin(home="https://new.example.org", keys=KeyPair(bytes(32)))
        code = issue(store)
        moved.proves(code, site)
        with moved.answering():
            asked = moved.ask(store, code)
        with moved.answering():
            called = pairing.call_back(store, asked.id)
        assert called.state is PairingState.CONFIRM
        assert HOME in called.message
        assert kept(store, site.id) == site
        pairing.confirm(store, asked.id, confirmed_by="anna")
        assert kept(store, site.id).home == "https://new.example.org"

    def test_but_a_copy_is_another_one(self, store: Store) -> None:
        """It proves the key that it was copied with; the site itself still answers."""
        original = Plugin()
        site = connect(store, original)
        copy = Plugin(home="https://staging.example.org", keys=KeyPair(bytes(32)))
        code = issue(store)
        copy.proves(code, site)
        with original.answering():
            asked = copy.ask(store, code)
        assert asked.site_id != site.id

    def test_a_proof_with_another_key_proves_nothing(self, store: Store) -> None:
        site = connect(store, Plugin())
        thief = Plugin(home="https://thief.example.org", keys=KeyPair(bytes(32)))
        code = issue(store)
        thief.proves(code, replace(site, key="00" * 32))
        assert thief.ask(store, code).site_id != site.id

    def test_a_code_for_a_known_site_takes_its_place_only_if_a_person_confirms(self, store: Store) -> None:
        site = connect(store, Plugin())
        other = Plugin(home="https://new.example.org", keys=KeyPair(bytes(32)))
        asked = other.ask(store, issue(store, site_id=site.id))
        assert asked.site_id == site.id
        with other.answering():
            assert pairing.call_back(store, asked.id).state is PairingState.CONFIRM
        with pytest.raises(ZoomBridgeError, match="not the site that you may manage"):
            pairing.confirm(store, asked.id, confirmed_by="wanda", only=site.id)
        assert kept(store, site.id) == site


class TestWhyASiteIsNotReached:
    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (NO_ROUTE, "without the plugin"),
            ((403, {}, b"<title>Blocked</title>"), "Blocked"),
            ((200, {}, b"<title>Choir</title>"), "firewall"),
            ((500, {}, b"<title>Error</title>"), "HTTP 500"),
            ((503, {"Retry-After": "60"}, b""), "busy or being updated"),
            ((301, {"Location": "https://new.example.org/"}, b""), "redirects"),
        ],
    )
    def test_is_said_with_what_to_do(self, store: Store, reply: Reply, words: str) -> None:
        called = self._called(store, reply)
        assert called.state is PairingState.UNREACHABLE
        assert words in called.message
        assert called.calls == 1
        assert called.next_call_at > (called.checked_at or 0)

    def _called(self, store: Store, reply: Reply) -> Pairing:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address=HOME))
        with plugin.answering() as network:
            network.closed = {"rest": reply, "home": reply}
            return pairing.call_back(store, asked.id)

    def test_is_the_network(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store))
        with plugin.answering("https://elsewhere.example.org"):
            called = pairing.call_back(store, asked.id)
        assert called.state is PairingState.UNREACHABLE
        assert f"does not reach {HOME}" in called.message

    def test_is_an_address_of_the_sites_own_machine(self, store: Store) -> None:
        plugin = Plugin(home="http://localhost:8080")
        asked = plugin.ask(store, issue(store))
        with plugin.answering("https://elsewhere.example.org"):
            called = pairing.call_back(store, asked.id)
        assert "only the site's own machine knows" in called.message

    def test_second_doorway_is_found_and_kept(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address=HOME))
        with plugin.answering() as network:
            network.closed = {"rest": (403, {}, b"<title>Forbidden</title>")}
            pairing.call_back(store, asked.id)
        assert kept(store, asked.site_id).doorway == "home"

    def test_https_is_tried_first_then_what_the_plugin_said(self, store: Store) -> None:
        plugin = Plugin(home="http://choir.example.org")
        asked = plugin.ask(store, issue(store, address="choir.example.org"))
        with plugin.answering() as network:
            assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
            assert network.addresses == ["http://choir.example.org/wp-json/zoombridge/v1/sync"]
        assert kept(store, asked.site_id).url == "http://choir.example.org"


class TestServerPassword:
    def test_is_asked_for_and_sent_with_every_request_from_then_on(self, store: Store) -> None:
        plugin = Plugin()
        asked = plugin.ask(store, issue(store, address=HOME))
        with plugin.answering() as network:
            network.password = ("jürgen", "a:ö")
            called = pairing.call_back(store, asked.id)
            assert called.state is PairingState.SERVER_PASSWORD
            assert "password of its own" in called.message
            pairing.set_server_password(store, asked.id, "jürgen", "wrong")
            called = pairing.call_back(store, asked.id)
            assert called.state is PairingState.SERVER_PASSWORD
            assert "does not accept" in called.message
            pairing.set_server_password(store, asked.id, "jürgen", "a:ö")
            assert pairing.call_back(store, asked.id).state is PairingState.CONNECTED
            site = kept(store, asked.site_id)
            assert site.server_login == ("jürgen", "a:ö")
            with site_client.connect(site) as client:
                client.hello()

    def test_is_asked_for_also_where_http_leads_nowhere(self, store: Store) -> None:
        """What https answered says more than that nothing answers on http."""
        plugin = Plugin(home="http://choir.example.org")
        asked = plugin.ask(store, issue(store))
        with plugin.answering(HOME) as network:
            network.password = ("anna", "secret")
            assert pairing.call_back(store, asked.id).state is PairingState.SERVER_PASSWORD

    def test_is_not_sent_to_another_host(self, store: Store) -> None:
        site = connect(store, Plugin())
        store.write(
            lambda connection: sites.save_server_login(connection, site.id, "anna", "secret", store.sealer)
        )
        other = Plugin(home="https://thief.example.org", keys=KeyPair(bytes(32)))
        asked = other.ask(store, issue(store, site_id=site.id))
        assert asked.server_login is None

    @pytest.mark.parametrize("username", ["", "a:b"])
    def test_wants_a_user_name(self, store: Store, username: str) -> None:
        asked = Plugin().ask(store, issue(store))
        with pytest.raises(ZoomBridgeError, match="user name"):
            pairing.set_server_password(store, asked.id, username, "x")


@pytest.mark.usefixtures("nothing_allowed")
class TestAddresses:
    """A site inside the bridge's network, to which nothing is sent before it is allowed."""

    def test_that_is_new_is_not_called(self, store: Store) -> None:
        with Server(lambda: iter([OK])) as server:
            called = self.call(store, server)
            assert (called.state, server.connected) == (PairingState.UNREACHABLE, 0)
            self.call(store, server, address="http://127.0.0.1:1/")
            pairing.refuse(store, called.id)
            assert server.connected == 0

    def test_that_was_typed_is_called(self, store: Store) -> None:
        with Server(lambda: iter([OK])) as server:
            self.call(store, server, address=f"http://127.0.0.1:{server.port}/")
            assert server.connected > 0

    def test_that_is_connected_is_called(self, store: Store, site: Site) -> None:
        with Server(lambda: iter([OK])) as server:
            at = f"http://127.0.0.1:{server.port}"
            moved = replace(site, url=at, home=at, rest_root=f"{at}/wp-json/")
            store.write(lambda connection: sites.save(connection, moved, store.sealer))
            self.call(store, server)
            assert server.connected > 0

    @staticmethod
    def call(store: Store, server: Server, **given: Any) -> Pairing:
        plugin = Plugin(home=f"http://127.0.0.1:{server.port}")
        return pairing.call_back(store, plugin.ask(store, issue(store, **given)).id)
