"""Look whether a site is well. WordPress is a double here."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core.errors import Fault, UnknownSiteError
from core.sites import health_check
from core.sites.health_check import HealthChecker, connection_advice
from core.sites.health_findings import HealthReport
from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.sites import sites, zoom_secrets
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.conftest import with_password
from tests.core.events import SECRET, event, raw, signed
from tests.core.wordpress.network_double import NetworkDouble, Reply
from tests.core.wordpress.plugin_double import PluginDouble

HOME = "https://s1.example.org"
ROOT = f"{HOME}/wp-json/"
BRIDGE = "https://bridge.example.org"
NO_ROUTE: Reply = (404, {}, b'{"code": "rest_no_route", "message": ""}')
PAGE: Reply = (200, {}, b"<title>Choir</title>")


@pytest.fixture
def wordpress(site: Site) -> Iterator[NetworkDouble]:
    """The site s1. Its plugin answers signed requests."""
    plugin = PluginDouble(site.key, "s1", HOME, time.time)
    with NetworkDouble(plugin, ROOT, HOME) as network:
        yield network


def wrong(found: HealthReport) -> dict[str, str]:
    return {finding.name: finding.message for finding in found.findings if not finding.well}


def kept(store: Store) -> Site:
    with store.reading() as connection:
        return sites.load(connection, "s1", store.sealer)


def block(store: Store, fault: Fault) -> None:
    store.write(
        lambda connection: sites.record_fault(
            connection, "s1", fault=fault, message="It is down.", blocked_until=10**14
        )
    )


def without_plugin(wordpress: NetworkDouble) -> None:
    wordpress.closed = {"rest": NO_ROUTE, "home": PAGE}


def with_old_plugin(wordpress: NetworkDouble) -> None:
    """Of a version that knows no signed requests."""
    without_plugin(wordpress)
    wordpress.index = (200, {}, b'{"namespace": "zoombridge/v1", "routes": {}}')


class TestLook:
    def test_finds_all_well_and_keeps_that(self, store: Store, wordpress: NetworkDouble) -> None:
        found = health_check.check(store, "s1")
        assert [finding.name for finding in found.findings] == [
            "WordPress", "plugin", "pairing", "clock", "bridge",
        ]  # fmt: skip
        assert wrong(found) == {}
        assert HealthReport.of(kept(store).health_report) == found
        assert (found.bridge, found.page.startswith(f"{HOME}/wp-admin/")) == (BRIDGE, True)
        assert abs((kept(store).checked_at or 0) - time.time() * 1000) < 60_000
        assert kept(store).endpoints == {"meeting": f"{ROOT}vczapi/v1/meeting"}
        assert len(wordpress.bodies) == 1, "one request tells it all"

    def test_says_that_the_site_is_not_reached(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.fates.append(("request lost", 0))
        assert "could not be reached" in wrong(health_check.check(store, "s1"))["WordPress"]

    def test_says_that_the_plugin_is_missing(self, store: Store, wordpress: NetworkDouble) -> None:
        without_plugin(wordpress)
        assert list(wrong(health_check.check(store, "s1"))) == ["plugin"]
        assert kept(store).fault is None

    def test_says_that_the_plugin_is_to_be_updated_on_every_page(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        """As the site's fault it is in lists, alerts and commands, too, although no write has failed yet."""
        with_old_plugin(wordpress)
        for _ in range(2):
            assert "Update the plugin" in wrong(health_check.check(store, "s1"))["plugin"]
        assert kept(store).fault == Fault.STUB_OUTDATED
        assert "Update the plugin" in (kept(store).fault_message or "")
        assert (kept(store).blocked_until, kept(store).failures) == (0, 1), "nothing is delayed by that"
        wordpress.closed = {}
        health_check.check(store, "s1", lift=False)
        assert (kept(store).fault, kept(store).fault_message) == (None, None)

    def test_learns_the_home_of_a_site_that_an_earlier_version_connected(
        self, store: Store, site: Site, wordpress: NetworkDouble
    ) -> None:
        wordpress.plugin.home = f"{HOME}/blog"
        with_password(store, site)
        assert wrong(health_check.check(store, "s1")) == {}
        assert kept(store).home == f"{HOME}/blog"

    @pytest.mark.parametrize("change", [{"paired": False}, {"site": "other"}, {"key": "6f" * 32}])
    def test_says_that_the_plugin_is_not_paired_with_this_bridge(
        self, store: Store, wordpress: NetworkDouble, change: dict[str, Any]
    ) -> None:
        for name, value in change.items():
            setattr(wordpress.plugin, name, value)
        found = health_check.check(store, "s1")
        assert list(wrong(found)) == ["pairing"]
        assert [finding.name for finding in found.findings if finding.well] == ["WordPress", "plugin"]

    def test_says_that_another_bridge_has_taken_over(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.epoch = 7
        assert "Another bridge" in wrong(health_check.check(store, "s1"))["pairing"]

    def test_says_how_far_the_clocks_are_apart(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.clock = lambda: time.time() - 1230
        assert "20 minutes behind" in wrong(health_check.check(store, "s1"))["clock"]

    def test_takes_clocks_that_are_a_little_apart(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.clock = lambda: time.time() - 200
        assert wrong(health_check.check(store, "s1")) == {}

    @pytest.mark.parametrize("told", [{"reached": False, "status": None}, {"reached": True, "status": 503}])
    def test_says_why_the_bridge_is_not_reached_and_what_to_try(
        self, store: Store, wordpress: NetworkDouble, told: dict[str, Any]
    ) -> None:
        wordpress.plugin.bridge |= {**told, "message": "Connection refused."}
        message = wrong(health_check.check(store, "s1"))["bridge"]
        assert message.startswith("Connection refused. ")
        assert f"{BRIDGE}/healthz" in message

    def test_says_that_the_database_takes_a_nonce_twice(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.nonces_are_unique = False
        assert "unique index" in wrong(health_check.check(store, "s1"))["nonces"]

    def test_notes_that_the_trash_is_disabled(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.trash = False
        found = health_check.check(store, "s1")
        noted = found.finding("trash")
        assert noted is not None
        assert "drafts" in noted.message
        assert wrong(found) == {}

    def test_lifts_a_block(self, store: Store, wordpress: NetworkDouble) -> None:
        block(store, Fault.SERVER)
        health_check.check(store, "s1")
        assert kept(store).blocked_until == 0

    def test_in_the_background_lifts_only_what_is_shown_to_be_gone(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        """A check that WordPress answers does not show that writes of posts succeed again."""
        block(store, Fault.SERVER)
        health_check.check(store, "s1", lift=False)
        assert kept(store).blocked_until == 10**14
        block(store, Fault.CREDENTIALS)
        health_check.check(store, "s1", lift=False)
        assert kept(store).blocked_until == 0


class TestHowToReach:
    def test_an_address_that_means_this_machine(self) -> None:
        for local in ("http://127.0.0.1:8765", "http://localhost:8765", "http://bridge.localhost"):
            assert "another one" in connection_advice(local, "https://example.org")
            assert "healthz" in connection_advice(local, "http://127.0.0.1:8080/")

    def test_any_other(self) -> None:
        assert "WP_HTTP_BLOCK_EXTERNAL" in connection_advice(BRIDGE, "https://example.org")


class TestCheck:
    def findings(self, store: Store) -> dict[str, str]:
        return {found.name: found.message for found in health_check.diagnose(store, "s1") if not found.well}

    def test_tells_of_zoom_too(self, store: Store, wordpress: NetworkDouble) -> None:
        assert set(self.findings(store)) == {"secret token", "Zoom"}

    def test_tells_that_zooms_events_are_refused(self, store: Store, wordpress: NetworkDouble) -> None:
        body = raw(event())
        now = int(time.time() * 1000)
        held = Request(signed(body, secret="another", at=now / 1000), body)

        def happens(connection: Any) -> None:
            zoom_secrets.save(connection, "s1", Secret(SECRET), store.sealer, now=1)
            sites.record_validation(connection, "s1", now=now - 1000)
            quarantine.add(connection, "s1", held, store.sealer, reason="", now=now)

        store.write(happens)
        assert "different secret token" in self.findings(store)["events"]
        store.write(lambda connection: sites.record_validation(connection, "s1", now=now + 1000))
        assert self.findings(store) == {}

    def test_knows_no_other_site(self, store: Store) -> None:
        with pytest.raises(UnknownSiteError):
            health_check.diagnose(store, "nowhere.example.org")


class TestLooks:
    def test_at_each_site_once_at_a_time(
        self, store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, may_end, ended = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)

        def slowly(_store: Store, _site_id: str, *, lift: bool) -> None:
            assert not lift
            begun.release()
            assert may_end.wait(90)

        monkeypatch.setattr(health_check, "check", slowly)
        checked: list[str] = []

        def on_checked(site_id: str) -> None:
            checked.append(site_id)
            ended.release()

        checker = HealthChecker(store, on_checked=on_checked)
        checker.begin("s1")
        assert begun.acquire(timeout=90)
        checker.begin("s1")
        checker.begin("s2")
        assert begun.acquire(timeout=90)
        assert checker.is_underway("s1")
        may_end.set()
        for _ in range(2):
            assert ended.acquire(timeout=90)
        assert sorted(checked) == ["s1", "s2"]
        assert not begun.acquire(blocking=False), "the same site was checked twice at once"

    def test_failed_check_leaves_room_for_the_next(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failed = threading.Semaphore(0)

        def fail(*_: Any, **__: Any) -> None:
            failed.release()
            raise UnknownSiteError("gone")

        monkeypatch.setattr(health_check, "check", fail)
        checker = HealthChecker(store)
        for _ in range(3):
            deadline = time.monotonic() + 90
            while checker.is_underway("s1"):
                assert time.monotonic() < deadline
                threading.Event().wait(0.01)
            checker.begin("s1")
            assert failed.acquire(timeout=90)
