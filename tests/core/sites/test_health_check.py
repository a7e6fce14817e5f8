"""Look whether a site is well. WordPress is a double here."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from core.errors import Fault, UnknownSiteError
from core.model.health_facts import FactName, HealthFact
from core.model.page_status import PageStatus
from core.model.page_visit import PageVisit
from core.pipeline import site_client
from core.sites import apply_rules, health_check
from core.sites.health_check import connection_advice
from core.store import jobs
from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.sites import health, sites, zoom_secrets
from core.store.sites.sites import Site
from core.wordpress.sync_client import SyncClient
from core.zoom.signature import Secret
from tests.core.clock import Clock
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


def wrong(found: list[HealthFact]) -> dict[str, str]:
    return {fact.name: fact.message for fact in found if not fact.well and fact.name is not FactName.PAGES}


def facts(store: Store) -> dict[FactName, HealthFact]:
    with store.reading() as connection:
        return health.facts(connection, "s1")


def kept(store: Store) -> Site:
    with store.reading() as connection:
        return sites.load(connection, "s1", store.sealer)


def block(store: Store, fault: Fault) -> None:
    store.write(
        lambda connection: sites.record_fault(
            connection, "s1", fault=fault, message="It is down.", blocked_until=10**14, now=1
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
        assert [fact.name for fact in found] == [
            "WordPress", "plugin", "pairing", "clock", "bridge",
        ]  # fmt: skip
        assert wrong(found) == {}
        assert list(facts(store).values()) == found
        assert BRIDGE in facts(store)[FactName.BRIDGE].message
        assert kept(store).settings_page.startswith(f"{HOME}/wp-admin/")
        assert abs((kept(store).checked_at or 0) - time.time() * 1000) < 60_000
        assert kept(store).endpoints == {"meeting": f"{ROOT}vczapi/v1/meeting"}
        assert len(wordpress.bodies) == 1, "one request tells it all"

    def test_keeps_the_doorway_and_the_endpoints_that_go_with_it(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        """Where a server refuses `/wp-json`, and then does not any more."""
        wordpress.closed = {"rest": (403, {}, b"<title>Forbidden</title>")}
        assert wrong(health_check.check(store, "s1")) == {}
        assert kept(store).doorway == "home"
        assert kept(store).endpoints == {"meeting": f"{HOME}/?rest_route=/vczapi/v1/meeting"}
        wordpress.closed = {}
        assert wrong(health_check.check(store, "s1")) == {}
        assert kept(store).doorway == "rest"
        assert kept(store).endpoints == {"meeting": f"{ROOT}vczapi/v1/meeting"}

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

    def test_has_all_posts_adapted_when_vczapi_or_its_add_on_comes_or_goes(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        def jobs_after_check() -> list[str]:
            health_check.check(store, "s1")
            with store.reading() as connection:
                return [job.state for job in jobs.latest(connection, 10, kind=apply_rules.PLUGINS_KIND)]

        assert jobs_after_check() == []
        wordpress.plugin.vczapi = "4.6.7"
        assert jobs_after_check() == ["queued"]
        assert kept(store).extensions == (True, False)
        assert jobs_after_check() == ["queued"], "Once, as long as it stays so."
        wordpress.plugin.vczapi_pro = "1.7.5"
        assert jobs_after_check() == ["queued", "stopped"], "The first one would go on in the middle."
        wordpress.plugin.vczapi, wordpress.plugin.vczapi_pro = None, None
        assert jobs_after_check() == ["queued", "stopped", "stopped"]
        assert kept(store).extensions == (False, False)

    @pytest.mark.parametrize("change", [{"paired": False}, {"site": "other"}, {"key": "6f" * 32}])
    def test_says_that_the_plugin_is_not_paired_with_this_bridge(
        self, store: Store, wordpress: NetworkDouble, change: dict[str, Any]
    ) -> None:
        for name, value in change.items():
            setattr(wordpress.plugin, name, value)
        found = health_check.check(store, "s1")
        assert list(wrong(found)) == ["pairing"]
        assert [fact.name for fact in found if fact.well] == ["WordPress", "plugin"]

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

    def test_says_that_two_copies_answer_by_turns(self, store: Store, wordpress: NetworkDouble) -> None:
        for place in "aba":
            wordpress.plugin.place = place * 64
            found = health_check.check(store, "s1")
        assert "Two copies" in wrong(found)["copies"]
        assert kept(store).place == "a" * 64

    def test_says_nothing_of_a_site_in_another_folder(self, store: Store, wordpress: NetworkDouble) -> None:
        for place in "abb":
            wordpress.plugin.place = place * 64
            found = health_check.check(store, "s1")
        assert wrong(found) == {}

    def test_keeps_the_doorway_that_answers(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.closed = {"rest": (403, {}, b"<title>Forbidden</title>")}
        health_check.check(store, "s1")
        assert kept(store).doorway == "home"
        wordpress.closed = {}
        health_check.check(store, "s1")
        assert kept(store).doorway == "rest", (
            "Zoom needs it, too, so each check tries whether it is open again."
        )

    def test_says_that_the_web_server_asks_for_a_password(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        wordpress.password = ("anna", "secret")
        assert "password of its own" in wrong(health_check.check(store, "s1"))["WordPress"]
        store.write(
            lambda connection: sites.save_server_login(connection, "s1", "anna", "secret", store.sealer)
        )
        assert wrong(health_check.check(store, "s1")) == {}

    def test_notes_that_the_trash_is_disabled(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.trash = False
        found = health_check.check(store, "s1")
        assert "drafts" in facts(store)[FactName.TRASH].message
        assert wrong(found) == {}

    def test_names_a_version_of_vczapi_that_was_not_tried(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        clock = Clock(1000)
        wordpress.plugin.vczapi = "4.6.7"
        assert wrong(health_check.check(store, "s1", clock=clock)) == {}
        assert "4.6.7" in facts(store)[FactName.VCZAPI].message
        clock.now = 2000
        wordpress.plugin.vczapi = "4.7.0"
        for _ in range(2):
            found = health_check.check(store, "s1", clock=clock)
            assert "4.7.0 has not been tried" in wrong(found)["VCZAPI"]
            assert [fact.name for fact in found if fact.is_warning] == [FactName.VCZAPI]
            clock.now = 3000
        assert facts(store)[FactName.VCZAPI].since == 2_000_000
        assert (kept(store).fault, kept(store).blocked_until) == (None, 0), "nothing stops"
        wordpress.plugin.vczapi = None
        health_check.check(store, "s1", clock=clock)
        assert FactName.VCZAPI not in facts(store)

    def test_names_the_add_on_of_vczapi(self, store: Store, wordpress: NetworkDouble) -> None:
        wordpress.plugin.vczapi, wordpress.plugin.vczapi_pro = "4.6.7", "1.7.5"
        assert wrong(health_check.check(store, "s1")) == {}
        assert "1.7.5; no version" in facts(store)[FactName.VCZAPI_PRO].message

    def test_tells_that_the_webhook_of_pro_is_silent_while_pro_is_active(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        wordpress.plugin.vczapi_pro = "1.7.5"
        found = health_check.check(store, "s1")
        assert "Its webhook is silent" in facts(store)[FactName.PRO_WEBHOOK].message
        assert wrong(found) == {}
        wordpress.plugin.vczapi_pro = None
        health_check.check(store, "s1")
        assert FactName.PRO_WEBHOOK not in facts(store)

    def test_names_other_pages_of_the_same_meetings_until_they_are_gone(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        wordpress.plugin.others = [12, 15]
        found = health_check.check(store, "s1")
        assert "12, 15" in facts(store)[FactName.OTHER_PAGES].message
        assert wrong(found) == {}
        wordpress.plugin.others = []
        health_check.check(store, "s1")
        assert FactName.OTHER_PAGES not in facts(store)

    @pytest.mark.parametrize(
        ("state", "writable", "said"),
        [
            ("active", True, "is active"),
            ("outdated", True, "under Zoom Meetings > Settings."),
            ("missing", False, "change that first."),
            ("none", True, None),
            ("later", True, None),
        ],
    )
    def test_says_how_it_stands_with_the_loader_where_one_was_installed(
        self, store: Store, wordpress: NetworkDouble, state: str, writable: bool, said: str | None
    ) -> None:
        wordpress.plugin.loader = {"state": state, "writable": writable}
        found = health_check.check(store, "s1")
        assert wrong(found) == {}
        fact = facts(store).get(FactName.LOADER)
        assert (said is None) if fact is None else (said is not None and said in fact.message)

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


class TestFacts:
    def check(self, store: Store, clock: Clock) -> None:
        health_check.check(store, "s1", clock=clock, chance=lambda: 0.5)

    def test_hold_since_they_were_first_found(self, store: Store, wordpress: NetworkDouble) -> None:
        clock = Clock(1000)
        self.check(store, clock)
        clock.now = 2000
        self.check(store, clock)
        assert {(fact.since, fact.seen_at) for fact in facts(store).values()} == {(1_000_000, 2_000_000)}

    def test_end_by_themselves(self, store: Store, wordpress: NetworkDouble) -> None:
        clock = Clock(1000)
        wordpress.plugin.nonces_are_unique = False
        wordpress.plugin.bridge |= {"reached": False, "status": None, "message": "Refused."}
        self.check(store, clock)
        assert not facts(store)[FactName.BRIDGE].well
        wordpress.plugin.nonces_are_unique = True
        wordpress.plugin.bridge |= {"reached": True, "status": 200, "message": ""}
        clock.now = 2000
        self.check(store, clock)
        known = facts(store)
        assert FactName.NONCES not in known
        assert (known[FactName.BRIDGE].well, known[FactName.BRIDGE].since) == (True, 2_000_000)
        assert known[FactName.WORDPRESS].since == 1_000_000

    def test_are_not_known_where_the_check_did_not_get_that_far(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        clock = Clock(1000)
        self.check(store, clock)
        without_plugin(wordpress)
        self.check(store, clock)
        assert [(fact.name, fact.well) for fact in facts(store).values()] == [
            (FactName.WORDPRESS, True),
            (FactName.PLUGIN, False),
        ]

    def test_are_not_left_by_a_check_that_fails_midway(
        self, store: Store, wordpress: NetworkDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.check(store, Clock(1000))
        before = kept(store)

        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr("core.store.sites.sites.save_home", fail)
        with pytest.raises(RuntimeError, match="a bug"):
            self.check(store, Clock(2000))
        assert facts(store) == {}
        assert kept(store) == before, "the next check is due as it was"

    def test_of_a_pairing_before_are_not_stored(
        self, store: Store, site: Site, wordpress: NetworkDouble, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect = site_client.connect

        def connect_while_paired_anew(*arguments: Any, **named: Any) -> SyncClient:
            store.write(lambda connection: sites.save(connection, replace(site, epoch=2), store.sealer))
            return connect(*arguments, **named)

        monkeypatch.setattr(site_client, "connect", connect_while_paired_anew)
        assert health_check.check(store, "s1") == []
        assert (facts(store), kept(store).checked_at, kept(store).check_due_at) == ({}, None, 0)

    def test_that_are_new_are_checked_again_soon_and_then_as_often_as_others(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        """Whether it lasts is known within ten minutes, however long before a check it began."""
        wordpress.plugin.bridge |= {"reached": False, "status": None, "message": "Refused."}
        for second, due in ((1000, 1075), (1075, 1495)):
            self.check(store, Clock(second))
            assert kept(store).check_due_at == due * 1000
        most = health_check.CHECK_SECONDS * 1.1 + health_check.SECOND_CHECK_SECONDS
        assert most < 600

    def test_are_checked_again_after_seven_minutes_not_all_sites_at_once(
        self, store: Store, wordpress: NetworkDouble
    ) -> None:
        found = []
        for chance in (0.0, 0.5, 1.0):
            health_check.check(store, "s1", clock=Clock(1000), chance=partial(float, chance))
            found.append(kept(store).check_due_at)
        assert found == [1_378_000, 1_420_000, 1_462_000]


class TestGoodbye:
    def leave(self, store: Store, reason: str) -> None:
        store.write(partial(sites.record_goodbye, site_id="s1", reason=reason, now=60_000))

    def check(self, store: Store) -> None:
        health_check.check(store, "s1", clock=Clock(1000), chance=lambda: 0.5)

    @pytest.mark.parametrize(
        ("reason", "said"), [("deactivated", "Activate it again"), ("uninstalled", "disconnect it")]
    )
    def test_is_the_reason_and_the_site_is_checked_more_rarely(
        self, store: Store, wordpress: NetworkDouble, reason: str, said: str
    ) -> None:
        self.check(store)
        self.leave(store, reason)
        assert kept(store).check_due_at == 1_010_000
        without_plugin(wordpress)
        self.check(store)
        [(name, fact)] = facts(store).items()
        assert (name, fact.well) == (FactName.PLUGIN, False)
        assert (
            f"{reason if reason == 'deactivated' else 'deleted'} in WordPress on 1970-01-01 00:01 UTC"
            in fact.message
        )
        assert said in fact.message
        assert kept(store).check_due_at == 1_000_000 + 3_600_000

    def test_ends_with_a_signed_answer(self, store: Store, wordpress: NetworkDouble) -> None:
        """Though the plugin's own word of its return was lost."""
        self.leave(store, "deactivated")
        self.check(store)
        assert (kept(store).left_at, kept(store).left_reason) == (None, None)
        assert facts(store)[FactName.PLUGIN].well

    def test_is_no_reason_where_the_site_is_not_reached(self, store: Store, wordpress: NetworkDouble) -> None:
        self.leave(store, "deactivated")
        wordpress.fates.append(("request lost", 0))
        assert "could not be reached" in wrong(health_check.check(store, "s1"))["WordPress"]


class TestHowToReach:
    def test_an_address_that_means_this_machine(self) -> None:
        for local in ("http://127.0.0.1:8765", "http://localhost:8765", "http://bridge.localhost"):
            assert "another one" in connection_advice(local, "https://example.org")
            assert "healthz" in connection_advice(local, "http://127.0.0.1:8080/")

    def test_any_other(self) -> None:
        assert "WP_HTTP_BLOCK_EXTERNAL" in connection_advice(BRIDGE, "https://example.org")


class TestCheck:
    def findings(self, store: Store) -> dict[str, str]:
        return wrong(health_check.diagnose(store, "s1"))

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
        [refused] = [fact for fact in health_check.diagnose(store, "s1") if not fact.well]
        assert (refused.name, refused.since) == (FactName.EVENTS, now)
        assert "different secret token" in refused.message
        store.write(lambda connection: sites.record_validation(connection, "s1", now=now + 1000))
        assert self.findings(store) == {}

    def test_says_since_when(self, store: Store, wordpress: NetworkDouble) -> None:
        def happens(connection: Any) -> None:
            zoom_secrets.save(connection, "s1", Secret(SECRET), store.sealer, now=5)
            sites.record_validation(connection, "s1", now=6)

        store.write(happens)
        since = {fact.name: fact.since for fact in health_check.diagnose(store, "s1")}
        assert (since[FactName.SECRET_TOKEN], since[FactName.ZOOM], since[FactName.EVENTS]) == (5, 6, None)

    def test_names_a_reason_once(self, store: Store, wordpress: NetworkDouble) -> None:
        with_old_plugin(wordpress)
        assert kept(store).fault is None
        names = [fact.name for fact in health_check.diagnose(store, "s1") if not fact.well]
        assert names == [FactName.PLUGIN, FactName.SECRET_TOKEN, FactName.ZOOM]
        assert facts(store)[FactName.PAGES].message == facts(store)[FactName.PLUGIN].message

    def test_knows_no_other_site(self, store: Store) -> None:
        with pytest.raises(UnknownSiteError):
            health_check.diagnose(store, "nowhere.example.org")


class TestVisitors:
    def test_are_told_how_many_pages_they_see_and_why_not_the_others(self) -> None:
        counts = {
            PageStatus.PUBLISHED: 7,
            PageStatus.TRASHED: 2,
            PageStatus.DRAFT: 1,
            None: 3,
        }
        (fact,) = health_check.visitor_facts(counts, {PageVisit.SHOWN: 7})
        assert (fact.name, fact.well) == (FactName.VISITORS, True)
        assert fact.message == "see 7 of 13 pages, drafts: 1, in the trash: 2, not looked at yet: 3"

    def test_of_a_site_without_pages_nothing_is_told(self) -> None:
        assert health_check.visitor_facts({}, {}) == []

    def test_published_pages_count_only_where_visitors_get_them(self) -> None:
        seen = {
            PageVisit.SHOWN: 4,
            PageVisit.MISSING: 1,
            PageVisit.ELSEWHERE: 2,
            PageVisit.UNCLEAR: 3,
            None: 5,
        }
        (fact,) = health_check.visitor_facts({PageStatus.PUBLISHED: 15}, seen)
        assert fact.message == (
            "see 4 of 15 pages, published, but not found by visitors: 1, published, but visitors are sent to another "
            "page, such as to sign in: 2, published, but cannot be seen from here at the moment: 3, published, and not "
            "looked at yet: 5"
        )
