"""An agency's administrator at the bridge's own address: several sites, rules, alerts, users; in Chromium."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.conftest import new_context
from tests.core.conftest import connected
from tests.core.wordpress.raw_server import Server
from tests.end_to_end.adding import sign_in_link
from tests.end_to_end.looks import assert_accessible, assert_fits
from tests.end_to_end.pages import follow_sign_in_link
from tests.running import RunningBridge
from web.cli.instance import Instance, prepare_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[RunningBridge]:
    """A bridge with three sites, that nobody can reach."""
    data = tmp_path / "agency"
    store = Instance(data, None).open_store()
    prepare_database(store)
    for site_id in ("s1", "s2", "s3"):
        connected(store, site_id)
    store.close()
    with RunningBridge(data) as bridge:
        yield bridge


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


def test_an_agencys_administrator(agency: RunningBridge, page: Page, browser: Browser) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    anna = Administrator(agency, page)
    anna.sees_the_sites()
    anna.changes_rules()
    with Server(lambda: iter([OK])) as receiver:
        anna.adds_a_channel(f"http://127.0.0.1:{receiver.port}/hook")
    anna.acknowledges_an_alert()
    link = anna.invites("ben")
    anna.loses_the_way()
    assert errors == []

    context = new_context(browser, locale="de-DE", viewport={"width": 375, "height": 800})
    looks_on(agency, context.new_page(), link)
    context.close()
