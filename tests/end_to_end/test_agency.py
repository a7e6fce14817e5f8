"""An agency's administrator, at the bridge's own address and in wp-admin: sites, rules, alerts, users; in Chromium."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.conftest import new_context
from tests.core.conftest import connected
from tests.core.wordpress.raw_server import Server
from tests.end_to_end.adding import sign_in_link
from tests.end_to_end.conftest import VCZAPI
from tests.end_to_end.events import Meeting
from tests.end_to_end.looks import assert_accessible, assert_fits
from tests.end_to_end.pages import InBrowser, InWordPress, follow_sign_in_link, sign_in
from tests.end_to_end.pair import Pair
from web.cli.instance import Instance, prepare_database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.running import RunningBridge

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


UNREACHABLE = ("s1", "s2", "s3")


@pytest.fixture(scope="module")
def kept_agency(kept_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A bridge with three sites that nobody can reach, and one with a WordPress."""
    data = tmp_path_factory.mktemp("agency")
    store = Instance(data, None).open_store()
    prepare_database(store)
    for site_id in UNREACHABLE:
        connected(store, site_id)
    store.close()
    made = Pair(kept_pair.site, data)
    yield made
    made.bridge.stop()
    kept_pair.connect_again()


@pytest.fixture
def agency(kept_agency: Pair) -> Pair:
    """The agency's bridge and its site with a WordPress."""
    return kept_agency


@pytest.fixture
def agency_beside_vczapi(kept_agency: Pair) -> Iterator[Pair]:
    """The same while the double of the plugin VCZAPI is active, which the bridge has been told."""
    kept_agency.site.add_plugin(VCZAPI)
    kept_agency.connect_again()
    yield kept_agency
    kept_agency.site.deactivate_plugin("vczapi")


class Administrator:
    """Looks after the sites of an agency, at the bridge's own address."""

    def __init__(self, bridge: RunningBridge, page: Page) -> None:
        self.bridge = bridge
        self.page = page
        follow_sign_in_link(page, sign_in_link(bridge))

    def open(self, name: str) -> None:
        """Open a page by its link, and look at it."""
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.looks()

    def looks(self) -> None:
        assert_accessible(self.page, "body")
        assert_fits(self.page)

    def sees_the_sites(self) -> None:
        self.open("Sites")
        for number in (1, 2, 3):
            expect(self.page.get_by_role("link", name=f"Site s{number}").first).to_be_visible()

    def changes_rules(self) -> None:
        """Those of one site: a preview first, then they are saved, and the other sites keep theirs."""
        page = self.page
        page.goto(f"{self.bridge.url}/settings?site=s2")
        page.get_by_label("Status", exact=True).select_option("draft")
        page.get_by_role("button", name="Preview changes").click()
        self.looks()
        page.get_by_role("button", name="Save rules").first.click()
        expect(page.get_by_role("status").first).to_be_visible()
        for site_id, status in (("s1", "publish"), ("s2", "draft")):
            page.goto(f"{self.bridge.url}/settings?site={site_id}")
            expect(page.get_by_label("Status", exact=True)).to_have_value(status)

    def adds_a_channel(self, address: str) -> None:
        page = self.page
        page.goto(f"{self.bridge.url}/alerts")
        page.get_by_text("Add webhook").first.click()
        page.locator("#zb-name-webhook").fill("On call")
        page.locator("#zb-url-webhook").fill(address)
        page.get_by_role("button", name="Add webhook").click()
        self.looks()
        page.get_by_role("button", name="Send test to On call").click()
        expect(page.locator("#zb-latest")).to_contain_text("Delivered")

    def acknowledges_an_alert(self) -> None:
        page = self.page
        page.goto(self.bridge.url)
        # What all of them have in common is one alert.
        expect(page.get_by_text("3 sites", exact=True).first).to_be_visible()
        page.get_by_text("Which sites").first.click()
        page.get_by_role("link", name="Acknowledge or snooze the alert of Site s2").first.click()
        self.looks()
        page.get_by_label("Reason").fill("They move to another host this week.")
        page.get_by_role("button", name="Acknowledge alert").click()
        page.goto(self.bridge.url)
        expect(page.get_by_text(re.compile("1 acknowledged or snoozed alert")).first).to_be_visible()

    def invites(self, name: str) -> str:
        """Add a viewer; return the link that lets them in."""
        page = self.page
        page.goto(f"{self.bridge.url}/users")
        page.get_by_label("User name", exact=True).fill(name)
        page.get_by_label("Role", exact=True).select_option("viewer")
        page.get_by_role("button", name="Create user and link").click()
        self.looks()
        return page.locator("#zb-link").input_value()

    def loses_the_way(self) -> None:
        answer = self.page.goto(f"{self.bridge.url}/nowhere")
        assert answer is not None
        assert answer.status == 404
        self.looks()
        self.open("Back to the overview")


def looks_on(bridge: RunningBridge, page: Page, link: str) -> None:
    """A viewer comes in by the link, reads German, sees every site and changes nothing."""
    page.goto(link)
    page.get_by_label("Neues Passwort").fill("nur zum Ansehen gedacht")
    page.get_by_label("Passwort bestätigen").fill("nur zum Ansehen gedacht")
    page.get_by_role("button", name="Speichern und anmelden").click()
    page.get_by_role("link", name="Websites", exact=True).click()
    expect(page.get_by_role("link", name="Site s3").first).to_be_visible()
    expect(page.get_by_role("link", name="Website hinzufügen")).to_have_count(0)
    assert_accessible(page, "body")
    page.goto(f"{bridge.url}/nirgends")
    expect(page.get_by_role("heading", name="Seite nicht gefunden")).to_be_visible()


def decides_who_joins(page: Page, frame: InBrowser | InWordPress, choice: str) -> None:
    """Change the rule about the link to join on the page *Settings*, by a preview."""
    page.goto(frame.address(f"/settings?site={frame.pair.id}"))
    page.locator(f"input[name=join_link][value={choice}]").check()
    page.get_by_role("button", name="Preview changes").click()
    page.get_by_role("button", name="Save rules").first.click()
    expect(page.locator(frame.root).get_by_role("status").first).to_be_visible()
    assert_accessible(page, frame.root)


def decides_in_both_shells(agency: Pair, in_browser: Page, in_wp_admin: Page) -> None:
    """What is decided at the bridge's own address is taken back in wp-admin; the page that visitors see follows."""
    meeting = Meeting("meeting", topic="Lecture")
    agency.tell(meeting.created())
    agency.await_page(meeting.number, meeting.topic, meeting.join_url)
    decides_who_joins(in_browser, InBrowser(agency), "nobody")
    agency.await_page(meeting.number, meeting.topic, gone=(meeting.join_url,))
    decides_who_joins(in_wp_admin, InWordPress(agency), "everybody")
    agency.await_page(meeting.number, meeting.topic, meeting.join_url)


def stays_at_one_site(page: Page, agency: Pair) -> None:
    """wp-admin shows its own site and nothing of the others; what is the bridge's own, and what is nowhere, leads back."""
    frame = InWordPress(agency)
    page.goto(frame.start)
    expect(page.locator(".zoombridge-tabs")).to_be_visible()
    assert "Site s1" not in page.locator("#wpcontent").inner_text()
    page.goto(frame.address("/sites/s1"))
    expect(page.locator(".zoombridge-tabs")).to_be_visible()
    assert "Site s1" not in page.locator("#wpcontent").inner_text()
    for path in ("/users", "/nowhere"):
        page.goto(frame.address(path))
        expect(page.get_by_role("heading", name="Something went wrong")).to_be_visible()
        assert_accessible(page, ".zoombridge")
    page.get_by_role("link", name="Back to the overview").click()
    expect(page.locator(".zoombridge-tabs")).to_be_visible()


class TestAgency:
    def test_several_sites_at_the_bridges_own_address(
        self, agency: Pair, page: Page, browser: Browser
    ) -> None:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        anna = Administrator(agency.bridge, page)
        anna.sees_the_sites()
        anna.changes_rules()
        with Server(lambda: iter([OK])) as receiver:
            anna.adds_a_channel(f"http://127.0.0.1:{receiver.port}/hook")
        anna.acknowledges_an_alert()
        link = anna.invites("ben")
        anna.loses_the_way()

        in_wp_admin = new_context(browser).new_page()
        in_wp_admin.on("pageerror", lambda error: errors.append(str(error)))
        sign_in(in_wp_admin, agency.site)
        decides_in_both_shells(agency, page, in_wp_admin)
        stays_at_one_site(in_wp_admin, agency)
        in_wp_admin.context.close()
        assert errors == []

        context = new_context(browser, locale="de-DE", viewport={"width": 375, "height": 800})
        looks_on(agency.bridge, context.new_page(), link)
        context.close()


class TestAgencyBesideVczapi:
    def test_one_site_in_both_shells(self, agency_beside_vczapi: Pair, page: Page, browser: Browser) -> None:
        InBrowser(agency_beside_vczapi).enter(page)
        in_wp_admin = new_context(browser).new_page()
        sign_in(in_wp_admin, agency_beside_vczapi.site)
        decides_in_both_shells(agency_beside_vczapi, page, in_wp_admin)
        stays_at_one_site(in_wp_admin, agency_beside_vczapi)
        in_wp_admin.context.close()
