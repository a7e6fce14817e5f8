"""The page Overview, in both shells: is it well, and what has been going on."""

import re
import time
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from core.bridge import Bridge
from core.monitoring.alerts import Disk
from core.store.db.engine import Store
from core.store.db.schema import events as events_table
from core.store.db.schema import sites as sites_table
from core.store.events import log, quarantine, stalled
from core.store.events.dismissal import Dismissible, dismiss
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.store.sites import sites
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event, raw
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.core.store.kept import keep, stand
from tests.web.conftest import Http, save_token
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import Door, Elements, link, words
from web.pages.overview import OverviewHandler

NOW = int(time.time() * 1000)
HOUR = 3_600_000
ROOMY = Disk(10**12, 10**13)


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of these tests may be short of room, which is not what they are about."""
    monkeypatch.setattr("core.monitoring.overview.disk", lambda _store: ROOMY)


@pytest.fixture(autouse=True)
def _fresh(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is a new one, and whole, however slow the machine is."""
    monkeypatch.setattr(OverviewHandler, "cache_seconds", 0.0)
    bridge.throughput.look_seconds = 60.0


@pytest.fixture
def well(store: Store, admin: Door) -> Store:
    """Two sites with all that they need."""
    connected(store, "s2")
    save_token(store, Secret("another-secret-token"), "s2")
    granted(store, ACCOUNT, "s1", "s2")
    for site_id in ("s1", "s2"):
        seen(store, site_id)
    return store


def refuse(store: Store, number: int, account_id: str | None = ACCOUNT) -> None:
    """Keep a request in quarantine that names an account."""
    refused = Request({}, raw(event(at=number, account_id=account_id)))
    store.write(
        lambda connection: quarantine.add(connection, "s1", refused, store.sealer, reason="", now=NOW)
    )


def seen(store: Store, site_id: str = "s1", **values: Any) -> None:
    """Note what has been seen of a site."""
    told = {"validated_at": NOW - HOUR, "last_event": "meeting.updated", "last_event_at": NOW - HOUR}
    change = update(sites_table).where(sites_table.c.id == site_id).values(**(told | values))
    store.write(lambda connection: connection.execute(change))


def came(
    store: Store, count: int, outcome: Outcome = Outcome.APPLIED, account_id: str = ACCOUNT, ago: int = HOUR
) -> None:
    """Put events into the log, which reached the site s1 three seconds later."""
    for number in range(count):
        at = NOW - ago
        told = event("meeting.updated", number, account_id=account_id, id=number, topic=f"{outcome}{ago}")
        line = entry(store, told, site_id=None, received_at=at, outcome=outcome)
        store.write(lambda connection, line=line: log.append(connection, [line]))  # type: ignore[misc]
        if outcome is Outcome.APPLIED:
            folded = (
                update(events_table).where(events_table.c.digest == line.digest).values(applied_at=at + 50)
            )
            made = Attempt("s1", number, at + 1000, 2000, action="updated")
            store.write(lambda connection, folded=folded: connection.execute(folded))  # type: ignore[misc]
            store.write(lambda connection, made=made: attempts.add(connection, [made]))  # type: ignore[misc]


class TestStart:
    def test_of_a_site_that_is_not_set_up_is_its_checklist(self, narrow: Door, store: Store) -> None:
        seen(store)
        for _ in range(2):
            answer = narrow.get("/?start=1")
            assert (answer.code, answer.headers["Location"]) == (303, "/sites/s1"), (
                "an event alone makes no page"
            )
        assert narrow.get("/").code == 200, "the tab Overview leads there all the same"
        granted(store, ACCOUNT, "s1")
        keep(store, 1)
        stand(store, 1)
        assert narrow.get("/?start=1").code == 200
        seen(store, last_event_at=None)
        assert narrow.get("/?start=1").code == 303

    def test_of_who_sees_all_sites_is_the_overview(self, admin: Door) -> None:
        assert admin.get("/?start=1").code == 200


class TestVerdict:
    @both_stores
    def test_all_is_well(self, door: Door, well: Store) -> None:
        answer = door.get("/")
        assert answer.code == 200
        assert "Everything is working" in words(answer)
        assert Elements(answer).named("zb-overview")["data-announce"] == "Everything is working"
        assert "Refresh" in words(answer)

    def test_nothing_needs_anybody_at_once(self, door: Door, well: Store) -> None:
        seen(well, last_event_at=NOW - 30 * HOUR)
        shown = words(door.get("/"))
        assert "No critical alerts" in shown
        assert "No event for 30 hours." in shown

    def test_things_need_somebody(self, door: Door, well: Store) -> None:
        def happens(connection: Any) -> None:
            sites.record_fault(
                connection,
                "s1",
                fault="credentials",
                message="The password <b>.",
                blocked_until=NOW + HOUR,
                now=1,
            )

        well.write(happens)
        assert "1 critical alert needs attention" in words(door.get("/"))
        seen(well, validated_at=NOW - 100 * HOUR, last_event_at=NOW - 60 * HOUR)
        shown = words(door.get("/"))
        assert "2 critical alerts need attention" in shown
        assert "The password <b>." in shown


class TestTroubles:
    @both_stores
    def test_say_what_to_do(self, door: Door, well: Store) -> None:
        keep(well, 1)
        stand(well, 1, wanted=2, fault="refused", fault_message="Refused <i>.", behind_since=NOW)
        refuse(well, 7)
        came(well, 2, Outcome.FAILED)
        came(well, 3, Outcome.PENDING)
        for minutes in (0, 5, 10, 15, 16):
            well.write(lambda connection, now=NOW + minutes * 60_000: stalled.note(connection, now=now))  # type: ignore[misc]
        answer = door.get("/")
        shown = words(answer)
        assert "1 page cannot be updated. Refused <i>." in shown
        assert "1 event has been quarantined since" in shown
        assert "could not process 2 events" in shown
        assert "3 events are waiting to be processed, the next of them since" in shown
        assert door.path(link(answer, "View meetings")) == "/meetings?posts=failing&site=s1"
        assert door.path(link(answer, "View events")) == "/events?outcome=failed"
        assert door.path(link(answer, "View details")) == "/events?outcome=refused&site=s1"

    @both_stores
    def test_are_none_for_one_junk_request(self, door: Door, well: Store) -> None:
        refuse(well, 7, account_id="made up")
        refuse(well, 8, account_id=None)
        assert "Everything is working" in words(door.get("/"))
        refuse(well, 9)
        assert "1 event has been quarantined since" in words(door.get("/"))
        well.write(partial(dismiss, requests=Dismissible.QUARANTINED))
        assert "Everything is working" in words(door.get("/"))

    def test_of_a_full_disk_are_told_to_who_keeps_the_bridge(
        self, admin: Door, narrow: Door, well: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("core.monitoring.overview.disk", lambda _store: Disk(300 * 2**20, 10**12))
        assert "nearly full: 300 MiB are left" in words(admin.get("/"))
        assert "nearly full" not in words(narrow.get("/"))

    def test_of_a_site_without_a_secret(self, admin: Door, well: Store) -> None:
        connected(well, "s3")
        answer = admin.get("/")
        assert "No secret token is saved for this site." in words(answer)
        assert link(answer, "Add the secret token") == "/webhooks?site=s3"


class TestSites:
    def test_have_the_states_and_the_order_of_the_list_of_sites(self, admin: Door, well: Store) -> None:
        connected(well, "s3")  # its setup is incomplete, which is no fault
        refuse(well, 1)
        well.write(lambda connection: sites.pause(connection, "s2", now=NOW))
        states = re.compile(r"Site (s\d)</a>.*?zoombridge-badge is-\w+\">([^<]*)</span>", re.DOTALL)
        found = [dict(states.findall(admin.get(path).body.decode())) for path in ("/", "/sites")]
        assert list(found[0].items()) == list(found[1].items())
        assert found[0] == {"s1": "Failing", "s3": "Setup incomplete", "s2": "Paused"}

    @both_stores
    def test_are_told_one_by_one(self, admin: Door, well: Store) -> None:
        keep(well, 1)
        keep(well, 2)
        stand(well, 1, wanted=2, behind_since=NOW - 1000)
        stand(well, 2, state="none", post_id=None, reason="It is an instant meeting.")
        stand(well, 1, "s2", state="detached")
        stand(well, 2, "s2")
        answer = admin.get("/")
        shown = words(answer)
        assert shown.index("Site s1") < shown.index("Site s2")
        assert "Pending updates 1 (oldest:" in shown
        assert "1: It is an instant meeting." in shown
        assert link(answer, "Site s1") == "/sites/s1"
        addresses = [element["href"] for element in Elements(answer).all("a")]
        for address in (
            "/meetings?posts=pending&site=s1",
            "/meetings?posts=withheld&site=s1",
            "/meetings?posts=detached&site=s2",
        ):
            assert address in addresses
            assert admin.get(address).code == 200

    def test_are_bounded_and_what_many_have_in_common_is_said_once(
        self, admin: Door, narrow: Door, well: Store
    ) -> None:
        def fail(connection: Any, site_id: str, message: str) -> None:
            sites.record_fault(
                connection, site_id, fault="credentials", message=message, blocked_until=NOW, now=1
            )

        for number in range(30):
            connected(well, f"t{number}")
            save_token(well, Secret("x"), f"t{number}")
            said = "The same everywhere." if number < 25 else f"Number {number}."
            well.write(partial(fail, site_id=f"t{number}", message=said))
        answer = admin.get("/")
        shown = words(answer)
        assert shown.count("The same everywhere.") == 1
        assert "25 sites" in shown
        assert link(answer, "And 5 more: all sites") == "/sites"
        assert link(answer, "All 32 sites") == "/sites"
        assert "more alerts" in shown
        cards = [one["href"] for one in Elements(answer).all("a") if one["href"] == "/sites/t29"]
        assert len(cards) <= 2
        headings = re.findall(r'<h2 id="zb-site-([a-z0-9]+)"', answer.body.decode())
        assert len(headings) == 6
        assert shown.index("Last 24 hours") < shown.index("All 32 sites"), "charts stand above lists"
        assert "The same everywhere" not in words(narrow.get("/"))

    def test_of_others_are_not_told(self, narrow: Door, well: Store) -> None:
        connected(well, "s3")
        well.write(
            lambda connection: sites.record_fault(
                connection, "s2", fault="credentials", message="Not for s1.", blocked_until=NOW, now=1
            )
        )
        answer = narrow.get("/")
        shown = words(answer)
        assert "Everything is working" in shown
        assert "Site s2" not in shown
        assert "Not for s1" not in shown

    def test_that_are_none_lead_to_the_first(self, http: Http, session: dict[str, str]) -> None:
        answer = Door(http, session).get("/")
        assert "No WordPress site is connected yet" in words(answer)
        assert link(answer, "Add a site") == "/sites/add"
        assert "All is well" not in words(answer)


class TestCharts:
    @both_stores
    def test_stand_beside_a_table_of_the_same_numbers(self, door: Door, well: Store) -> None:
        came(well, 3)
        came(well, 2, Outcome.IGNORED)
        came(well, 1, ago=50 * HOUR)
        answer = door.get("/")
        pictures = [one for one in Elements(answer).all("svg") if one.get("role") == "img"]
        assert len(pictures) == 4
        shown = words(answer)
        assert "3 2 0 0 3 s 3 s" in shown
        assert "5 events in total." in shown
        assert "6 events in total." in shown
        assert "The 95th percentile is at most 3 s" in shown
        assert b"<details" in answer.body

    def test_of_nothing_are_a_sentence(self, door: Door, well: Store) -> None:
        answer = door.get("/")
        assert words(answer).count("No events in this period.") == 2
        assert not [one for one in Elements(answer).all("svg") if one.get("role") == "img"]

    def test_are_of_what_concerns_a_site(self, admin: Door, narrow: Door, well: Store) -> None:
        came(well, 3)
        came(well, 4, account_id="another", ago=2 * HOUR)
        assert "7 events in total." in words(admin.get("/"))
        shown = words(narrow.get("/"))
        assert "3 events in total." in shown
        assert "7 events" not in shown

    def test_say_that_they_are_not_whole_yet(self, door: Door, well: Store, bridge: Bridge) -> None:
        bridge.throughput.look_seconds = -1.0
        came(well, 1)
        answer = door.get("/")
        assert "Still counting" in words(answer)
        assert Elements(answer).named("zb-overview")["data-live"] == "2"


class TestLive:
    def test_looks_again_by_itself(self, door: Door, well: Store) -> None:
        assert Elements(door.get("/")).named("zb-overview")["data-live"] == "15"

    def test_one_look_serves_everybody_for_a_moment(
        self, admin: Door, watcher: Door, well: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(OverviewHandler, "cache_seconds", 600.0)
        assert "Everything is working" in words(admin.get("/"))
        seen(well, validated_at=NOW - 100 * HOUR, last_event_at=NOW - 60 * HOUR)
        assert "Everything is working" in words(watcher.get("/"))


def test_no_secret_is_shown(door: Door, well: Store) -> None:
    body = door.get("/").body.decode()
    for secret in ("5e" * 32, "another-secret-token"):
        assert secret not in body
