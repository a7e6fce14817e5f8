"""What people see: the page Webhooks in both of its frames, and a visitor's page, wide and narrow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.conftest import new_context
from tests.end_to_end.browser import page_of, webhooks_of
from tests.end_to_end.events import Meeting, series
from tests.end_to_end.looks import WIDTHS, assert_fits, picture
from tests.end_to_end.pages import follow_sign_in_link, sign_in
from tests.end_to_end.pair import SECRET
from tests.wordpress import signing_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator, Page

    from tests.end_to_end.pair import Pair

NEW = "A-New-Secret-Of-Zoom-4711"


def heading(page: Page) -> Locator:
    """Find the heading of the page Webhooks; its tab inside wp-admin is a heading too."""
    return page.locator("h1, h2").get_by_text("Webhooks", exact=True).and_(page.locator(".zoombridge *"))


def open_in_browser(page: Page, pair: Pair) -> None:
    """Open the page at the bridge's own address, signed in by the link that it printed."""
    page.context.add_cookies([{"name": "zoombridge", "value": pair.session(), "url": pair.bridge.url}])
    page.goto(f"{pair.bridge.url}/webhooks")


def open_in_wp_admin(page: Page, pair: Pair) -> None:
    """Open the page by the menu's way, as its owner would."""
    sign_in(page, pair.site)
    page.goto(webhooks_of(pair.site))


OPEN = {"browser": open_in_browser, "wp-admin": open_in_wp_admin}


@pytest.fixture
def quiet(pair: Pair) -> Iterator[Pair]:
    """A pair with the usual secret token alone, before and after."""
    pair.start_over()
    yield pair
    pair.start_over()


@pytest.fixture
def context_with_clipboard(context: BrowserContext) -> BrowserContext:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context


@pytest.fixture(params=OPEN)
def frame(request: pytest.FixtureRequest) -> str:
    """Where the page stands."""
    named: str = request.param
    return named


class TestWebhooks:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_fits_and_is_whole(self, quiet: Pair, page: Page, frame: str, width: int) -> None:
        quiet.tell(Meeting("meeting").created())
        page.set_viewport_size({"width": width, "height": 800})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)

        OPEN[frame](page, quiet)

        expect(heading(page)).to_be_visible()
        expect(page.get_by_label("Endpoint for all events")).to_have_value(quiet.endpoint)
        expect(page.get_by_text("meeting.permanently_deleted")).to_be_visible()
        expect(page.get_by_text("webinar.recovered")).to_be_visible()
        expect(page.get_by_text("The last event, meeting.created, was received")).to_be_visible()
        assert SECRET not in page.content()
        assert_fits(page)
        page.get_by_text("Separate endpoints").click()
        page.get_by_text("Verification token, for older apps").click()
        assert_fits(page)
        # wp-admin asks Gravatar for pictures of people, which is out of reach here.
        assert [error for error in errors if "resource: net::ERR" not in error] == []
        page.get_by_text("Separate endpoints").click()
        page.get_by_text("Verification token, for older apps").click()

    def test_secret_is_saved_and_removed(self, quiet: Pair, page: Page, frame: str) -> None:
        OPEN[frame](page, quiet)

        page.get_by_label("Another secret token").fill(NEW)
        page.get_by_role("button", name="Save token").click()

        expect(page.get_by_role("status")).to_contain_text("Saved.")
        expect(page.get_by_text("••••4711")).to_be_visible()
        assert NEW not in page.content()
        event = Meeting("meeting").created()
        assert quiet.send(event, secret=NEW).status_code == 204
        assert quiet.send(event).status_code == 204, "the old one is good until it is removed"

        page.reload()
        expect(page.get_by_text("••••4711")).to_have_count(1)
        page.get_by_role("button", name="Remove the token that ends in 4711").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("••••4711")).to_have_count(1)
        page.get_by_role("button", name="Remove the token that ends in 4711").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_role("button", name="Remove 4711 anyway").click()
        expect(page.get_by_role("status")).to_contain_text("Removed.")
        assert quiet.send(event, secret=NEW).status_code == 401

    def test_wrong_input_says_what_to_do(self, quiet: Pair, page: Page, frame: str) -> None:
        OPEN[frame](page, quiet)

        page.get_by_label("Another secret token").fill("too short")
        page.get_by_role("button", name="Save token").click()

        expect(page.get_by_role("alert")).to_contain_text("Nothing was saved")
        field = page.get_by_label("Another secret token")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(
            "A token contains no spaces or special characters. Copy it again from Zoom, and only the token. "
            "Several can be valid at once. To rotate, add the new one, change it in Zoom, then remove the old one."
        )
        assert_fits(page)

        page.get_by_role("button", name="Save token").click()
        expect(page.get_by_text("Paste the secret token from Zoom first.")).to_be_visible()

    def test_address_is_copied(
        self, quiet: Pair, context_with_clipboard: BrowserContext, page: Page, frame: str
    ) -> None:
        OPEN[frame](page, quiet)

        page.get_by_role("button", name="Copy").first.click()

        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == quiet.endpoint
        page.get_by_role("button", name="Copied").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        page.get_by_label("Endpoint for all events").click()
        expect(page.get_by_role("button", name="Copied")).to_have_count(0)

    def test_without_javascript(self, quiet: Pair, browser: Browser, frame: str) -> None:
        context = new_context(browser, java_script_enabled=False)
        try:
            page = context.new_page()
            OPEN[frame](page, quiet)
            expect(page.get_by_role("button", name="Copy")).to_have_count(0)
            page.get_by_label("Another secret token").fill(NEW)
            page.get_by_role("button", name="Save token").click()

            expect(page.get_by_text("••••4711")).to_be_visible()
        finally:
            context.close()

    def test_dark(self, quiet: Pair, browser: Browser) -> None:
        context = new_context(browser, color_scheme="dark", viewport={"width": 1280, "height": 800})
        try:
            page = context.new_page()
            open_in_browser(page, quiet)
            background = page.evaluate("getComputedStyle(document.body).backgroundColor")
            assert background == "rgb(16, 18, 20)"
            assert_fits(page)
        finally:
            context.close()

    def test_first_secret(self, fresh: Pair, page: Page) -> None:
        """As it is on the day when somebody begins."""
        open_in_browser(page, fresh)
        expect(page.get_by_text("No secret token is saved yet.")).to_be_visible()
        held = Meeting("meeting")

        page.get_by_label("Secret token", exact=True).fill(NEW)
        page.get_by_role("button", name="Save token").click()
        expect(page.get_by_role("status")).to_contain_text("Saved.")
        assert fresh.send(held.created()).status_code == 401
        page.reload()
        expect(page.get_by_text("1 event was signed with a different secret token")).to_be_visible()
        assert_fits(page)

        page.get_by_label("Another secret token").fill(SECRET)
        page.get_by_role("button", name="Save token").click()
        expect(page.get_by_role("status")).to_contain_text("One quarantined event was accepted")
        fresh.await_page(held.number, held.topic)


class TestSignIn:
    def test_link_works_once(self, quiet: Pair, page: Page, browser: Browser) -> None:
        link = quiet.bridge.sign_in_link()
        follow_sign_in_link(page, link)
        expect(page.get_by_role("heading", name="Overview", exact=True)).to_be_visible()

        other = new_context(browser)
        try:
            stranger = other.new_page()
            stranger.goto(link)
            expect(stranger.get_by_text("This link no longer works")).to_be_visible()
            stranger.goto(f"{quiet.bridge.url}/webhooks")
            expect(stranger.get_by_role("heading", name="Sign in")).to_be_visible()
        finally:
            other.close()

    def test_not_for_editors(self, quiet: Pair, page: Page) -> None:
        quiet.site.php(
            """
            username_exists( 'ed' ) || wp_insert_user(
                array( 'user_login' => 'ed', 'user_pass' => 'secret of ed', 'role' => 'editor' )
            );
            """
        )
        page.goto(f"{quiet.site.url}/wp-login.php")
        signing_in.sign_in(page, "ed", "secret of ed")
        page.wait_for_url("**/wp-admin/**", wait_until="commit")

        shown = page.goto(page_of(quiet.site))

        assert shown is not None
        assert shown.status == 403
        assert "Secret token" not in page.content()


class TestInsideTheSettingsOfVczapi:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_tab(self, with_vczapi: Pair, page: Page, width: int) -> None:
        with_vczapi.start_over()
        page.set_viewport_size({"width": width, "height": 800})
        sign_in(page, with_vczapi.site)
        settings = "edit.php?post_type=zoom-meetings&page=zoom-video-conferencing-settings"
        page.goto(f"{with_vczapi.site.url}/wp-admin/{settings}")

        tab = page.locator("a.nav-tab", has_text="Webhooks")
        tab.click()

        expect(page.get_by_text("Connect your Zoom account")).to_have_count(0)
        page.get_by_role("navigation", name="Pages of the bridge").get_by_role(
            "link", name="Webhooks"
        ).click()
        expect(heading(page)).to_be_visible()
        expect(page.get_by_text("Connect your Zoom account")).to_have_count(0)
        assert_fits(page)
        page.get_by_label("Another secret token").fill(NEW)
        page.get_by_role("button", name="Save token").click()
        expect(page.get_by_role("status")).to_contain_text("Saved.")
        expect(tab).to_have_class("nav-tab nav-tab-active")
        with_vczapi.start_over()


class TestVisitor:
    @pytest.mark.parametrize("width", WIDTHS)
    def test_page_of_a_meeting(self, pair: Pair, page: Page, width: int) -> None:
        meeting = Meeting(
            "meeting",
            topic="Choir rehearsal ♫",
            start=steady_start(),
            changes={"agenda": "Bring the blue folder.\nDoors open ten minutes before."},
        )
        pair.tell(meeting.created())
        page.set_viewport_size({"width": width, "height": 800})

        page.goto(pair.post(meeting.number)["link"])

        expect(page.get_by_role("heading", name="Choir rehearsal ♫")).to_be_visible()
        expect(page.get_by_text("Upcoming")).to_be_visible()
        expect(page.get_by_role("link", name="Join the meeting")).to_have_attribute("href", meeting.join_url)
        expect(page.get_by_text("Bring the blue folder.")).to_be_visible()
        assert_fits(page)
        picture(page, pair, f"meeting-{width}")

    @pytest.mark.parametrize("width", WIDTHS)
    def test_page_of_a_series(self, pair: Pair, page: Page, width: int) -> None:
        weekly = series("webinar")
        pair.tell(weekly.created(), weekly.deleted([weekly.changes["occurrences"][1]]))
        page.set_viewport_size({"width": width, "height": 800})

        page.goto(pair.post(weekly.number)["link"])

        expect(page.locator(".zoombridge-date")).to_have_count(4)
        expect(page.locator(".zoombridge-cancelled")).to_have_count(1)
        expect(page.get_by_text("Next date")).to_be_visible()
        assert_fits(page)


def steady_start() -> datetime:
    """Return six in the evening of a third of March that is to come."""
    zone = ZoneInfo("Europe/Berlin")
    now = datetime.now(zone) + timedelta(days=1)
    this_year = datetime(now.year, 3, 3, 18, tzinfo=zone)
    return this_year if this_year > now else this_year.replace(year=now.year + 1)
