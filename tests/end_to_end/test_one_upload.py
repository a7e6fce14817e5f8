"""From a signed-in bridge and a fresh WordPress to a page, in Chromium: what a person does is counted."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from core.zoom.scenarios import validation
from tests.conftest import STUB, STUB_SLUG, new_context
from tests.end_to_end.adding import set_option, sign_in_link
from tests.end_to_end.browser import page_of
from tests.end_to_end.conftest import VCZAPI
from tests.end_to_end.looks import assert_accessible
from tests.end_to_end.pages import follow_sign_in_link
from tests.end_to_end.pair import SECRET
from tests.end_to_end.test_setup import post
from tests.running import RunningBridge
from tests.wordpress.signing_in import username_field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from tests.wordpress import WordPress

MOST_ACTIONS = 14
"""Clicks, fields and uploads, in the bridge and in WordPress, with the sign-in to wp-admin. In 0.1.0 they were 26."""
TOPIC = "Choir rehearsal, with the orchestra"


@dataclass
class Hands:
    """What a person does, one after another."""

    done: list[str] = field(default_factory=list)

    def click(self, what: Locator, name: str) -> None:
        what.click()
        self.done.append(f"click {name}")

    def type(self, where: Locator, text: str, name: str) -> None:
        where.fill(text)
        self.done.append(f"type {name}")

    def choose(self, where: Locator, file: Path) -> None:
        where.set_input_files(file)
        self.done.append(f"upload {file.name}")


@dataclass
class Shell:
    """The pages of the bridge about one site: at its own address, or in wp-admin. `root` is the bridge's part of a page."""

    page: Page
    root: str
    start: str

    def open(self) -> None:
        """Open the page that begins with what is to be done."""
        self.page.goto(self.start)

    def shows(self, heading: str) -> None:
        """Wait for a heading, and look at the page."""
        part = self.page.locator(self.root)
        expect(part.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        assert_accessible(self.page, self.root)

    def saves_the_token(self, hands: Hands) -> None:
        """In the checklist."""
        hands.type(self.page.locator("#zb-secret"), SECRET, "the token")
        hands.click(self.page.get_by_role("button", name="Save token"), "Save token")
        expect(self.page.locator(self.root).get_by_role("status")).to_contain_text("Saved.")

    def copies_the_endpoint(self, hands: Hands) -> str:
        """From the checklist; what follows is done in Zoom."""
        hands.click(self.page.locator("[data-copy=zb-endpoint]"), "Copy")
        return self.page.locator("#zb-endpoint").input_value()

    def removes_the_token(self) -> None:
        """On the page *Webhooks*, after two questions, as there is no other."""
        self.page.locator(self.root).get_by_role("link", name="Webhooks", exact=True).click()
        self.page.get_by_role("button", name="Remove the token that ends in").click()
        self.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        self.page.get_by_role("button", name=re.compile("^Remove .* anyway$")).click()
        expect(self.page.locator(self.root).get_by_role("status")).to_contain_text("Removed.")


@pytest.fixture(params=[False, True], ids=["alone", "beside-vczapi"])
def is_beside_vczapi(request: pytest.FixtureRequest) -> bool:
    """Whether the plugin VCZAPI is active on the site."""
    given: bool = request.param
    return given


@pytest.fixture
def fresh_wordpress(alone: WordPress, *, is_beside_vczapi: bool) -> Iterator[WordPress]:
    """A WordPress on which the plugin has never been."""
    alone.reset()
    active = "a:0:{}"
    if is_beside_vczapi:
        name = alone.add_plugin(VCZAPI)
        active = f'a:1:{{i:0;s:{len(name)}:"{name}";}}'
    set_option(alone, "active_plugins", active)
    shutil.rmtree(alone.directory / "wp-content/plugins" / STUB_SLUG)
    yield alone
    alone.reset()
    alone.add_plugin(STUB, STUB_SLUG)


def test_one_upload_one_activation_one_token(
    fresh_wordpress: WordPress, page: Page, browser: Browser, tmp_path: Path, *, is_beside_vczapi: bool
) -> None:
    """A school's web person, from nothing to a published page that a visitor joins from; axe finds nothing on the way.

    What is done at the bridge's own address on the one site is done in wp-admin on the other; afterwards the token is
    exchanged in the other shell.
    """
    with RunningBridge(tmp_path / "bridge") as bridge:
        follow_sign_in_link(page, sign_in_link(bridge))
        hands = Hands()
        window = adds_the_site(hands, page, fresh_wordpress, tmp_path / f"{STUB_SLUG}.zip")
        at_bridge = Shell(page, "body", page.url.partition("?")[0])
        in_wp_admin = Shell(window, ".zoombridge", page_of(fresh_wordpress))
        first, second = (in_wp_admin, at_bridge) if is_beside_vczapi else (at_bridge, in_wp_admin)
        in_wp_admin.open()
        has_one_row_of_tabs(window, "Sites", is_beside_vczapi=is_beside_vczapi)
        first.shows("Setup checklist")
        second.shows("Setup checklist")

        first.saves_the_token(hands)
        assert first.copies_the_endpoint(hands) == f"{fresh_wordpress.url}/wp-json/vczapi/v1/meeting"
        said = zoom_sends(bridge, fresh_wordpress)
        first.shows("Setup complete")  # it ticks by itself
        in_wp_admin.open()
        has_one_row_of_tabs(window, "Overview", is_beside_vczapi=is_beside_vczapi)
        in_wp_admin.shows("Overview")

        visits(browser, said, is_beside_vczapi=is_beside_vczapi)
        [path] = re.findall(f"^In the bridge: {bridge.url}(.+)$", said, re.MULTILINE)
        page.goto(bridge.url + path)
        at_bridge.shows(TOPIC)
        assert len(hands.done) <= MOST_ACTIONS, hands.done
        for once in ("upload ", "click Activate", "type the token"):
            assert len([one for one in hands.done if one.startswith(once)]) == 1

        exchanges_the_token(second)


def zoom_sends(bridge: RunningBridge, site: WordPress) -> str:
    """Let Zoom check the endpoint and send what the scenario holds, to the only site; return what the command said."""
    assert post(site, validation("plain-token", now=datetime.now(UTC)), SECRET) == 200
    return bridge.command("send", typed=SECRET)


def visits(browser: Browser, said: str, *, is_beside_vczapi: bool) -> None:
    """A visitor comes to the page that the scenario leaves, and finds the link to join."""
    [shown] = re.findall("^Page: (.+)$", said, re.MULTILINE)
    visitor = new_context(browser).new_page()
    visitor.goto(shown)
    expect(visitor.get_by_role("heading", name=TOPIC).first).to_be_visible()
    join = visitor.locator("a[href*='example.zoom.us/j/']").first
    expect(join).to_be_visible()
    expect(join).to_have_attribute("href", re.compile(r"^https://example\.zoom\.us/j/[0-9]+\?pwd=demo$"))
    assert_accessible(visitor, ".zoombridge-below" if is_beside_vczapi else ".zoombridge-meeting")
    visitor.context.close()


def exchanges_the_token(shell: Shell) -> None:
    """Remove it, and save it again in the checklist, which asks for it at once and is complete with it."""
    shell.open()
    shell.removes_the_token()
    shell.page.get_by_role("link", name="The setup checklist says what to do").click()
    shell.shows("Setup checklist")
    shell.saves_the_token(Hands())
    shell.shows("Setup complete")


def adds_the_site(hands: Hands, page: Page, site: WordPress, zip_file: Path) -> Page:
    """From the page *Sites* to the checklist, which comes by itself; return the window of wp-admin."""
    hands.click(page.get_by_role("link", name="Sites", exact=True), "Sites")
    hands.click(page.get_by_role("link", name="Add a site"), "Add a site")
    hands.type(page.get_by_label("Address of your site"), site.url, "the address")
    with page.expect_download() as downloaded:
        hands.click(page.get_by_role("button", name="Download plugin"), "Download plugin")
    downloaded.value.save_as(zip_file)

    with page.expect_popup() as opened:
        hands.click(page.get_by_role("link", name="Open that page"), "Open that page")
    window = opened.value
    hands.type(username_field(window), site.user, "the user name")
    hands.type(window.get_by_label("Password", exact=True), site.password, "the password")
    hands.click(window.get_by_role("button", name="Log In"), "Log In")
    hands.choose(window.locator("input[type=file]"), zip_file)
    hands.click(window.get_by_role("button", name="Install Now"), "Install Now")
    hands.click(window.get_by_role("link", name="Activate Plugin"), "Activate Plugin")
    expect(window.get_by_text(re.compile("^Connected to http"))).to_be_visible()
    expect(page.get_by_text("Connected. Now set up Zoom")).to_be_visible()
    return window


def has_one_row_of_tabs(window: Page, tab: str, *, is_beside_vczapi: bool) -> None:
    """The pages in wp-admin have one row of tabs; below that of VCZAPI's settings, where that is active."""
    expect(window.locator(".zoombridge-tabs [aria-current=page]")).to_have_text(tab)
    expect(window.locator(".nav-tab-wrapper")).to_have_count(int(is_beside_vczapi))
