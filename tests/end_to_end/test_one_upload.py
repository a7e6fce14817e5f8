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


@pytest.fixture
def fresh_wordpress(alone: WordPress) -> Iterator[WordPress]:
    """A WordPress on which the plugin has never been."""
    alone.reset()
    set_option(alone, "active_plugins", "a:0:{}")
    shutil.rmtree(alone.directory / "wp-content/plugins" / STUB_SLUG)
    yield alone
    alone.reset()
    alone.add_plugin(STUB, STUB_SLUG)


def test_one_upload_one_activation_one_token(
    fresh_wordpress: WordPress, page: Page, browser: Browser, tmp_path: Path
) -> None:
    """A school's web person, from nothing to a published page that a visitor joins from; axe finds nothing on the way."""
    with RunningBridge(tmp_path / "bridge") as bridge:
        follow_sign_in_link(page, sign_in_link(bridge))
        hands = Hands()
        window = adds_the_site(hands, page, fresh_wordpress, tmp_path / f"{STUB_SLUG}.zip")
        assert_accessible(page, "body")
        in_wp_admin(window, fresh_wordpress, "Sites", "Setup checklist")
        saves_the_token(hands, page)
        assert copies_the_endpoint(hands, page) == f"{fresh_wordpress.url}/wp-json/vczapi/v1/meeting"

        assert post(fresh_wordpress, validation("plain-token", now=datetime.now(UTC)), SECRET) == 200
        said = bridge.command("send", typed=SECRET)  # to the only site, as nothing else is named
        # The checklist ticks by itself.
        expect(page.get_by_role("heading", name="Setup complete")).to_be_visible()
        assert_accessible(page, "body")
        in_wp_admin(window, fresh_wordpress, "Overview", "Overview")

        [shown] = re.findall("^Page: (.+)$", said, re.MULTILINE)
        visitor = new_context(browser).new_page()
        visitor.goto(shown)
        expect(visitor.get_by_role("heading", name="Choir rehearsal, with the orchestra")).to_be_visible()
        join = visitor.get_by_role("link", name="Join the meeting")
        expect(join).to_have_attribute("href", re.compile(r"^https://example\.zoom\.us/j/[0-9]+\?pwd=demo$"))
        assert_accessible(visitor, ".zoombridge-meeting")
        visitor.context.close()
        [path] = re.findall(f"^In the bridge: {bridge.url}(.+)$", said, re.MULTILINE)
        page.goto(bridge.url + path)
        expect(page.get_by_role("heading", name="Choir rehearsal, with the orchestra")).to_be_visible()
    assert len(hands.done) <= MOST_ACTIONS, hands.done
    for once in ("upload ", "click Activate", "type the token"):
        assert len([one for one in hands.done if one.startswith(once)]) == 1


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


def in_wp_admin(window: Page, site: WordPress, tab: str, heading: str) -> None:
    """The pages in wp-admin begin with what is to be done there, under one row of tabs."""
    window.goto(f"{site.url}/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-settings")
    expect(window.locator(".zoombridge-tabs [aria-current=page]")).to_have_text(tab)
    expect(window.locator(".zoombridge").get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(window.locator(".nav-tab-wrapper")).to_have_count(0)
    assert_accessible(window, ".zoombridge")


def saves_the_token(hands: Hands, page: Page) -> None:
    """In the checklist."""
    hands.type(page.locator("#zb-secret"), SECRET, "the token")
    hands.click(page.get_by_role("button", name="Save token"), "Save token")
    expect(page.get_by_role("status")).to_contain_text("Saved.")


def copies_the_endpoint(hands: Hands, page: Page) -> str:
    """From the checklist; what follows is done in Zoom."""
    hands.click(page.locator("[data-copy=zb-endpoint]"), "Copy")
    return page.locator("#zb-endpoint").input_value()
