"""Signing in in a browser: the first administrator, a wrong password, a viewer, and one click from wp-admin."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from core.auth import totp
from tests.code_pairing import connect_by_code
from tests.conftest import new_context
from tests.end_to_end.looks import WIDTHS, assert_fits
from tests.end_to_end.pages import follow_sign_in_link
from tests.end_to_end.test_browser import open_in_wp_admin
from tests.running import RunningBridge
from web.rpc import api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

    from tests.end_to_end.pair import Pair

PASSWORD = "four words in a row"
BUTTON = re.compile("^Open these pages at the bridge")
ANOTHER = "five other words in a row"


@pytest.fixture
def somebody(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Browsers of several people."""
    contexts: list[BrowserContext] = []

    def come(**options: object) -> Page:
        contexts.append(new_context(browser, **options))
        return contexts[-1].new_page()

    yield come
    for context in contexts:
        context.close()


def sign_in(page: Page, name: str, password: str) -> None:
    """Fill the form in, and send it."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def choose(page: Page, password: str) -> None:
    """Choose a password, and send it."""
    page.get_by_label("New password").fill(password)
    page.get_by_label("Confirm password").fill(password)
    page.get_by_role("button", name="Save and sign in").click()


@pytest.mark.parametrize("javascript", [True, False])
def test_from_the_first_start_on(tmp_path: Path, somebody: Callable[..., Page], javascript: bool) -> None:
    with RunningBridge(tmp_path / "bridge") as bridge:
        anna = somebody(java_script_enabled=javascript, viewport={"width": 375, "height": 800})
        is_made_the_first(anna, bridge.first_link(), somebody())
        comes_back(anna, bridge)
        luke, also_luke = somebody(java_script_enabled=javascript), somebody()
        is_let_in(luke, by=anna)
        a_looker_looks(luke, bridge)
        changes_the_password(also_luke, bridge)
        luke.reload()
        expect(luke.get_by_role("heading", name="Sign in")).to_be_visible()  # signed out everywhere else
        tries_too_often(luke)

        anna.goto(f"{bridge.url}/users")
        anna.get_by_role("button", name="Remove luke").click()
        if javascript:
            anna.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(anna.get_by_role("status")).to_contain_text("User removed")
        also_luke.reload()
        expect(also_luke.get_by_role("heading", name="Sign in")).to_be_visible()

        bridge.stop()
        with RunningBridge(tmp_path / "bridge", port=int(bridge.url.rpartition(":")[2])):
            anna.goto(f"{bridge.url}/account")
            expect(anna.get_by_role("heading", name="Account")).to_be_visible()
        for secret in (PASSWORD, ANOTHER, "token="):
            assert secret not in bridge.log()


def is_made_the_first(page: Page, link: str, stranger: Page) -> None:
    """The link that was printed makes the first administrator, and nobody after."""
    page.goto(link)
    page.get_by_label("Name").fill("Anna")
    page.get_by_label("New password").fill("short")
    page.get_by_role("button", name="Save and sign in").click()
    assert page.url == link, "the browser itself says what is missing"
    assert_fits(page)
    choose(page, PASSWORD)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert_fits(page)
    stranger.goto(link)
    expect(stranger.get_by_role("heading", name="This link no longer works")).to_be_visible()


def comes_back(page: Page, bridge: RunningBridge) -> None:
    """Signed out, they are asked for the password, and come to where they wanted to go."""
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{bridge.url}/users")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, "anna", ANOTHER)
    expect(page.get_by_role("alert")).to_contain_text("Incorrect user name or password.")
    expect(page.get_by_label("Name")).to_have_value("anna")
    assert_fits(page)
    sign_in(page, "anna", PASSWORD)
    expect(page).to_have_url(f"{bridge.url}/users")


def is_let_in(page: Page, *, by: Page) -> None:
    """A viewer signs in with a link from an administrator."""
    by.get_by_label("Name").fill("luke")
    by.get_by_role("button", name="Create user and link").click()
    assert_fits(by)
    page.goto(by.get_by_label("Password link", exact=True).input_value())
    choose(page, PASSWORD)
    expect(page.get_by_text("luke", exact=True)).to_be_visible()


def changes_the_password(page: Page, bridge: RunningBridge) -> None:
    """Their own, in another browser."""
    page.goto(f"{bridge.url}/account")
    sign_in(page, "luke", PASSWORD)
    card = page.get_by_role("region", name="Change your password")
    card.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password").fill(ANOTHER)
    page.get_by_label("Confirm password").fill(ANOTHER)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status")).to_contain_text("other sessions have been signed out")


def tries_too_often(page: Page) -> None:
    """Who tries again and again has to wait, and with the right password, too."""
    for _ in range(5):
        sign_in(page, "luke", PASSWORD)
        expect(page.get_by_role("alert")).to_contain_text("Incorrect user name or password")
    sign_in(page, "luke", ANOTHER)
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"Wait \d seconds?, then try again\."))


def a_looker_looks(page: Page, bridge: RunningBridge) -> None:
    """They see the pages, not who is let in; and change nothing by a form that they make themselves."""
    page.goto(f"{bridge.url}/webhooks")
    expect(page.get_by_role("heading", name="Webhooks")).to_be_visible()
    expect(page.get_by_role("link", name="Users")).to_have_count(0)
    page.goto(f"{bridge.url}/users")
    expect(page.get_by_role("alert")).to_contain_text(
        "Only administrators of the whole bridge can manage users."
    )
    page.goto(f"{bridge.url}/account")
    page.set_content(
        f"""<form method="post" action="{bridge.url}/webhooks"><input name="secret_token" value="a-token-of-luke">
        <button>Try</button></form>"""
    )
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_role("alert")).to_contain_text("You can view everything here but not change it.")


def test_forms_come_from_the_page_itself_also_over_plain_http(
    tmp_path: Path, playwright: Playwright, browser_type_launch_args: dict[str, Any]
) -> None:
    """There a browser tells of a form only its origin, and not even that where a page forbids to say so."""
    names = "--host-resolver-rules=MAP bridge.test 127.0.0.1, MAP evil.test 127.0.0.1"
    options = browser_type_launch_args | {"args": [*browser_type_launch_args["args"], names]}
    with RunningBridge(tmp_path / "bridge") as bridge, playwright.chromium.launch(**options) as browser:
        page = browser.new_page()
        page.goto(bridge.first_link().replace("127.0.0.1", "bridge.test"))
        page.get_by_label("Name").fill("anna")
        choose(page, PASSWORD)
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, "anna", PASSWORD)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()

        own = bridge.url.replace("127.0.0.1", "bridge.test")
        forged = f"""<form method="post" action="{own}/signout"><button>A kitten</button></form>"""
        page.route("http://evil.test/", lambda route: route.fulfill(content_type="text/html", body=forged))
        page.goto("http://evil.test/")
        page.get_by_role("button", name="A kitten").click()
        expect(page.get_by_role("alert")).to_contain_text("This form was not submitted from this page.")
        page.goto(f"{own}/account")
        expect(page.get_by_role("heading", name="Account")).to_be_visible()


def test_with_two_factors(tmp_path: Path, somebody: Callable[..., Page]) -> None:
    with RunningBridge(tmp_path / "bridge") as bridge:
        anna = somebody(viewport={"width": 375, "height": 800})
        anna.goto(bridge.first_link())
        anna.get_by_label("Name").fill("anna")
        choose(anna, PASSWORD)
        anna.goto(f"{bridge.url}/account")
        card = anna.get_by_role("region", name="Two-factor authentication")
        card.get_by_label("Current password").fill(PASSWORD)
        card.get_by_role("button", name="Set up two-factor authentication").click()
        expect(anna.get_by_role("img", name="QR code")).to_be_visible()
        assert_fits(anna)
        app = App(anna.get_by_label("Or enter this key in the app").input_value())
        anna.get_by_label("Code", exact=True).fill(app.next_code())
        anna.get_by_role("button", name="Turn on two-factor authentication").click()
        expect(anna.get_by_role("status")).to_contain_text("Two-factor authentication is on.")
        assert_fits(anna)
        recovery_code = anna.get_by_role("region", name="Recovery codes").inner_text().split()[0]
        anna.get_by_role("link", name="I have stored the codes").click()
        expect(anna.get_by_text("10 recovery codes are left.")).to_be_visible()
        assert_fits(anna)

        anna.get_by_role("button", name="Sign out").click()
        anna.goto(f"{bridge.url}/users")
        sign_in(anna, "anna", PASSWORD)
        expect(anna.get_by_role("heading", name="Enter code")).to_be_visible()
        expect(anna.get_by_label("Code from your authenticator app")).to_be_visible()
        assert_fits(anna)
        anna.get_by_label("Code from your authenticator app").fill(app.next_code())
        anna.get_by_role("button", name="Sign in", exact=True).click()
        expect(anna).to_have_url(f"{bridge.url}/users")

        without_script = somebody(java_script_enabled=False)
        without_script.goto(f"{bridge.url}/signin")
        sign_in(without_script, "anna", PASSWORD)
        without_script.get_by_text("No access to your app?").click()
        without_script.get_by_label("Recovery code", exact=True).fill(recovery_code)
        without_script.get_by_role("button", name="Sign in with recovery code").click()
        expect(without_script.get_by_role("button", name="Sign out")).to_be_visible()
        for secret in (app.secret, recovery_code, PASSWORD):
            assert secret not in bridge.log()


class App:
    """An authenticator app, whose user waits for no code: it shows the next one that was not used."""

    def __init__(self, shown: str) -> None:
        self.secret = shown.replace(" ", "")
        self._last = 0

    def next_code(self) -> str:
        """Return the present code; where that was used, the one after it, which is accepted already."""
        self._last = max(totp.step_at(int(time.time() * 1000)), self._last + 1)
        return totp.code_at(self.secret, self._last)


class TestFromWpAdmin:
    """WordPress is at 127.0.0.1 here and the bridge at localhost: two sites to a browser, as in real life."""

    @pytest.fixture
    def elsewhere(self, pair: Pair) -> Iterator[str]:
        url = pair.bridge.url.replace("127.0.0.1", "localhost")
        pair.start_over()
        connect_by_code(pair.bridge, pair.site, bridge_url=url)
        yield url
        pair.start_over()

    @pytest.mark.parametrize("javascript", [True, False])
    def test_one_click(
        self, pair: Pair, elsewhere: str, somebody: Callable[..., Page], javascript: bool
    ) -> None:
        wanda = somebody(java_script_enabled=javascript)
        links: list[str] = []
        wanda.on(
            "request",
            lambda asked: links.append(asked.post_data or "") if asked.url == f"{elsewhere}/enter" else None,
        )
        open_in_wp_admin(wanda, pair)
        wanda.get_by_role("button", name=BUTTON).click()
        if not javascript:
            assert_fits(wanda)
            wanda.get_by_role("button", name=f"Open {elsewhere}").click()

        expect(wanda.get_by_text(re.compile(r"^\s*admin, of A WordPress for tests\s*$"))).to_be_visible()
        assert wanda.url.startswith(elsewhere)
        assert "token=" not in wanda.url
        expect(wanda.get_by_role("link", name="Users")).to_have_count(0)
        (cookie,) = [one for one in wanda.context.cookies(elsewhere) if one["name"] == "zoombridge"]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")

        # The link was used: whoever has seen it on the way has nothing of it.
        assert len(links) == 1
        mallory = somebody()
        mallory.goto(f"{elsewhere}/signin")
        used = mallory.request.post(
            f"{elsewhere}/enter",
            data=links[0],
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert used.status == 403

        wanda.get_by_role("button", name="Sign out").click()
        wanda.goto(f"{elsewhere}/webhooks")
        expect(wanda.get_by_role("heading", name="Sign in")).to_be_visible()

    def test_asks_before_the_session_of_another_ends(self, pair: Pair, elsewhere: str, page: Page) -> None:
        follow_sign_in_link(page, pair.bridge.sign_in_link().replace("127.0.0.1", "localhost"))
        expect(page.get_by_role("link", name="Users")).to_be_visible()
        open_in_wp_admin(page, pair)
        page.get_by_role("button", name=BUTTON).click()
        expect(page.get_by_role("status")).to_contain_text("You are signed in here as anna.")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert_fits(page)
        page.get_by_role("link", name="Stay signed in as anna").click()
        expect(page.get_by_role("link", name="Users")).to_be_visible()

        page.goto(f"{elsewhere}/enter/confirm")
        page.get_by_role("button", name="Sign in as admin").click()
        expect(page.get_by_text(re.compile(r"^\s*admin, of A WordPress for tests\s*$"))).to_be_visible()
        expect(page.get_by_role("link", name="Users")).to_have_count(0)

    def test_ends_with_the_site(self, pair: Pair, elsewhere: str, page: Page) -> None:
        open_in_wp_admin(page, pair)
        page.get_by_role("button", name=BUTTON).click()
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        pair.rpc.call(api.SITE_REMOVE, api.SiteRequest(site=pair.site.url))
        page.goto(f"{elsewhere}/webhooks")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        pair.connect_again()
