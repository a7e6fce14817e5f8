"""What a paired plugin reports of its site. WordPress is a double here."""

import json
import threading
from typing import Any

import pytest

from core.errors import PairingRefusedError, StoreUnavailableError
from core.sites import plugin_reports
from core.sites.plugin_reports import MoveChecker
from core.store.db.engine import Store
from core.store.sites import health, sites
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.sites.pairing_plugin import Plugin

NEW = "https://new.example.org"


def report(home: str = NEW, **changes: Any) -> bytes:
    root = f"{home}/wp-json/"
    told = {
        "home": home,
        "name": "Choir",
        "rest": root,
        "endpoints": {kind: f"{root}vczapi/v1/{kind}" for kind in sites.ROUTES},
        "page": f"{home}/wp-admin/edit.php",
        "place": "cd" * 32,
    }
    return json.dumps(told | changes).encode()


def at(site: Site, home: str) -> Plugin:
    return Plugin(home=home, site=site.id, key=site.key)


def kept(store: Store) -> Site:
    with store.reading() as connection:
        return sites.load(connection, "s1", store.sealer)


def refusal(store: Store, body: bytes) -> tuple[int, str]:
    with pytest.raises(PairingRefusedError) as caught:
        plugin_reports.move(store, "s1", body)
    return caught.value.status, caught.value.code


class TestMove:
    def test_is_stored_once_the_site_has_answered_there(self, store: Store, site: Site) -> None:
        with at(site, NEW).answering():
            plugin_reports.move(store, "s1", report())
        moved = kept(store)
        assert (moved.home, moved.url, moved.rest_root) == (NEW, NEW, f"{NEW}/wp-json/")
        assert (moved.endpoints["meeting"], moved.place) == (f"{NEW}/wp-json/vczapi/v1/meeting", "cd" * 32)
        assert (moved.key, moved.epoch, moved.name) == (site.key, site.epoch, site.name)

    def test_ends_a_block(self, store: Store, site: Site) -> None:
        store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="moved", message="It moved.", blocked_until=10**14, now=1
            )
        )
        with at(site, NEW).answering():
            plugin_reports.move(store, "s1", report())
        assert (kept(store).fault, kept(store).blocked_until) == (None, 0)
        with store.reading() as connection:
            assert health.facts(connection, "s1") == {}

    def test_whose_answer_was_lost_is_not_called_again(self, store: Store, site: Site) -> None:
        plugin_reports.move(store, "s1", report(site.home))
        assert kept(store) == site

    def test_to_https_at_the_same_host(self, store: Store, site: Site) -> None:
        home = "http://www.s1.example.org"
        with at(site, home).answering("https://www.s1.example.org"):
            plugin_reports.move(store, "s1", report(home))
        moved = kept(store)
        assert (moved.home, moved.url) == (home, "https://www.s1.example.org")
        assert moved.endpoints["meeting"].startswith("https://www.s1.example.org/")

    def test_of_a_copy_is_refused_while_the_site_still_answers(self, store: Store, site: Site) -> None:
        with at(site, site.home).answering():
            assert refusal(store, report()) == (409, "zoombridge_copy")
        assert kept(store) == site

    def test_to_where_the_bridge_does_not_reach_it_is_refused(self, store: Store, site: Site) -> None:
        with at(site, NEW).answering("https://elsewhere.example.org"):
            assert refusal(store, report()) == (422, "zoombridge_home_unreachable")
        assert kept(store) == site

    def test_to_the_home_of_another_site_is_refused(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        assert refusal(store, report("http://s2.example.org")) == (409, "zoombridge_home_taken")

    @pytest.mark.parametrize("body", [b"", b"[]", report(place="x"), report(rest=""), report().ljust(40_000)])
    def test_of_another_form_is_refused(self, store: Store, site: Site, body: bytes) -> None:
        assert refusal(store, body) == (400, "zoombridge_bad_request")

    def test_does_not_send_the_servers_password_to_another_host(self, store: Store, site: Site) -> None:
        store.write(lambda connection: sites.save_server_login(connection, "s1", "a", "b", store.sealer))
        with at(site, NEW).answering() as network:
            network.password = ("a", "b")
            assert refusal(store, report()) == (422, "zoombridge_home_unreachable")


class TestGoodbye:
    @pytest.mark.parametrize("reason", ["deactivated", "uninstalled"])
    def test_is_kept_until_the_plugin_is_back(self, store: Store, site: Site, reason: str) -> None:
        plugin_reports.say_goodbye(store, "s1", json.dumps({"reason": reason}).encode())
        left = kept(store)
        assert left.left_reason == reason
        assert left.left_at is not None
        plugin_reports.welcome_back(store, "s1")
        assert kept(store) == site

    def test_without_a_reason_is_refused(self, store: Store, site: Site) -> None:
        with pytest.raises(PairingRefusedError):
            plugin_reports.say_goodbye(store, "s1", b"{}")
        assert kept(store) == site


class TestMoveChecker:
    def test_moves_the_site_and_says_so(self, store: Store, site: Site) -> None:
        moved: list[str] = []
        checker = MoveChecker(store, on_moved=moved.append)
        with at(site, NEW).answering():
            assert checker.check("s1", report(), within=600)
        assert (moved, kept(store).home) == (["s1"], NEW)

    def test_that_is_calling_still_says_so_then_tells_the_result(self, store: Store, site: Site) -> None:
        """As with a site of one PHP process: it answers when its own request is done."""
        checker = MoveChecker(store)
        go = threading.Event()
        with at(site, NEW).answering() as network:
            handle = network.plugin.handle

            def held(body: bytes) -> tuple[int, bytes]:
                assert go.wait(600)
                return handle(body)

            network.plugin.handle = held  # type: ignore[method-assign]
            assert not checker.check("s1", report(), within=0)
            assert not checker.check("s1", report(), within=0), "and begins no other"
            go.set()
            assert checker.check("s1", report(), within=600)
        assert len(network.bodies) == 1
        assert kept(store).home == NEW

    def test_raises_why_it_is_refused(self, store: Store, site: Site) -> None:
        with at(site, site.home).answering(), pytest.raises(PairingRefusedError):
            MoveChecker(store).check("s1", report(), within=600)

    def test_raises_what_goes_wrong_after_the_move(self, store: Store, site: Site) -> None:
        def mistake(_: str) -> None:
            raise ZeroDivisionError("a mistake of ours")

        checker = MoveChecker(store, on_moved=mistake)
        with at(site, NEW).answering(), pytest.raises(ZeroDivisionError):
            checker.check("s1", report(), within=600)

    def test_begins_no_more_than_there_is_room_for(self, store: Store, site: Site) -> None:
        with pytest.raises(StoreUnavailableError):
            MoveChecker(store, most=0).check("s1", report(), within=0)
