"""Look whether a site is well. WordPress is a double here."""

import json
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
import responses

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
from tests.core.events import SECRET, event, raw, signed

ROOT = "https://s1.example.org/wp-json/"
BRIDGE = "https://bridge.example.org"


class WordPressDouble:
    """The answers of the site s1, which the tests change."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.wire = wire
        self.date = formatdate(usegmt=True)
        self.me: dict[str, Any] = {"json": {"id": 1, "name": "Anna", "capabilities": {}}}
        self.plugin: dict[str, Any] = {
            "json": {"stub": "0.1.0", "site": "s1", "bridge": BRIDGE, "page": "https://s1.example.org/page"}
        }
        self.check: dict[str, Any] = {"json": {"reached": True, "status": 200, "message": ""}}
        self.requests = 0
        wire.add_callback("GET", f"{ROOT}wp/v2/users/me", callback=lambda _: self._of(self.me))
        wire.add_callback("GET", f"{ROOT}zoombridge/v1/connection", callback=lambda _: self._of(self.plugin))
        wire.add_callback(
            "POST", f"{ROOT}zoombridge/v1/connection/check", callback=lambda _: self._of(self.check)
        )

    def _of(self, answer: dict[str, Any]) -> tuple[int, dict[str, str], str]:
        self.requests += 1
        return answer.get("status", 200), {"Date": self.date}, json.dumps(answer.get("json"))


@pytest.fixture
def wordpress(site: Site) -> Iterator[WordPressDouble]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        yield WordPressDouble(wire)


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


class TestLook:
    def test_finds_all_well_and_keeps_that(self, store: Store, wordpress: WordPressDouble) -> None:
        found = health_check.check(store, "s1")
        assert [finding.name for finding in found.findings] == [
            "WordPress", "plugin", "pairing", "clock", "bridge",
        ]  # fmt: skip
        assert wrong(found) == {}
        assert HealthReport.of(kept(store).health_report) == found
        assert (found.bridge, found.page) == (BRIDGE, "https://s1.example.org/page")
        assert abs((kept(store).checked_at or 0) - time.time() * 1000) < 60_000

    def test_says_that_the_password_is_not_accepted(self, store: Store, wordpress: WordPressDouble) -> None:
        wordpress.me = {"status": 401, "json": {"code": "rest_not_logged_in", "message": ""}}
        assert (
            "does not accept the application password" in wrong(health_check.check(store, "s1"))["WordPress"]
        )

    def test_says_that_the_plugin_is_missing(self, store: Store, wordpress: WordPressDouble) -> None:
        wordpress.plugin = {"status": 404, "json": {"code": "rest_no_route", "message": ""}}
        assert list(wrong(health_check.check(store, "s1"))) == ["plugin"]

    def test_says_that_the_plugin_is_paired_with_another(
        self, store: Store, wordpress: WordPressDouble
    ) -> None:
        wordpress.plugin["json"]["site"] = "other"
        assert list(wrong(health_check.check(store, "s1"))) == ["pairing"]

    def test_says_how_far_the_clocks_are_apart(self, store: Store, wordpress: WordPressDouble) -> None:
        wordpress.date = formatdate(time.time() - 1200, usegmt=True)
        assert "20 minutes behind" in wrong(health_check.check(store, "s1"))["clock"]

    @pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Foo 2026"])
    def test_makes_nothing_of_a_site_that_does_not_tell_the_time(
        self, store: Store, wordpress: WordPressDouble, date: str
    ) -> None:
        wordpress.date = date
        assert wrong(health_check.check(store, "s1")) == {}

    @pytest.mark.parametrize("told", [{"reached": False, "status": None}, {"reached": True, "status": 503}])
    def test_says_why_the_bridge_is_not_reached_and_what_to_try(
        self, store: Store, wordpress: WordPressDouble, told: dict[str, Any]
    ) -> None:
        wordpress.check = {"json": {**told, "message": "Connection refused."}}
        message = wrong(health_check.check(store, "s1"))["bridge"]
        assert message.startswith("Connection refused. ")
        assert f"{BRIDGE}/healthz" in message

    def test_lifts_a_block(self, store: Store, wordpress: WordPressDouble) -> None:
        block(store, Fault.SERVER)
        health_check.check(store, "s1")
        assert kept(store).blocked_until == 0

    def test_in_the_background_lifts_only_what_is_shown_to_be_gone(
        self, store: Store, wordpress: WordPressDouble
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

    def test_tells_of_zoom_too(self, store: Store, wordpress: WordPressDouble) -> None:
        assert set(self.findings(store)) == {"secret token", "Zoom"}

    def test_tells_that_zooms_events_are_refused(self, store: Store, wordpress: WordPressDouble) -> None:
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
        checker = HealthChecker(store, on_checked=ended.release)
        checker.begin("s1")
        assert begun.acquire(timeout=90)
        checker.begin("s1")
        checker.begin("s2")
        assert begun.acquire(timeout=90)
        assert checker.is_underway("s1")
        may_end.set()
        for _ in range(2):
            assert ended.acquire(timeout=90)
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
