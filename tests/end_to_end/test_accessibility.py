"""Every page, in both frames, for who sees little, hears them, has no mouse, a narrow screen or no JavaScript.

The pages are found by their routes, tabs and links (`pages.py`): one that is added later is looked at, too, and a
route that nothing leads to fails `test_of_a_busy_bridge`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from tests.conftest import new_context
from tests.end_to_end.looks import AXE, WIDTHS, assert_fits, picture, takes_pictures
from tests.end_to_end.pages import PICTURES, Frame, InBrowser, InWordPress, crawl, page_routes, sign_in_routes
from tests.end_to_end.pair import Pair
from tests.end_to_end.scene import REHEARSAL, YOUTH_CHOIR, furnish
from tests.zoom import Account, ZoomServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page, Response


# A wide page in light colours and a narrow one in dark ones: no rule of axe's is about both at once. wp-admin is light
# whatever the reader's system is, and the bridge's part of it too: axe looks at it once, where there is least room.
SCHEMES: dict[str, tuple[Literal["light", "dark"] | None, ...]] = {
    "browser": ("light", "dark"),
    "wp-admin": (None, "light"),
}

# Of a route, so many pages are looked at: without a filter, and with one. What a filter changes is the same in wp-admin.
_LOOKED_AT = {"browser": 2, "wp-admin": 1}

# What a keyboard must reach, in the order in which it stands in the page.
_REACHABLE = """
(root) => {
    document.querySelectorAll('[data-live]').forEach((part) => part.removeAttribute('data-live'));
    const all = [...document.querySelector(root).querySelectorAll(
        'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
    )];
    window.reachable = all.filter((it) => !it.disabled && it.tabIndex >= 0 && it.checkVisibility({visibilityProperty: true})
        && !(it.type === 'radio' && !it.checked
            && it.closest('form, body').querySelector(`input[type=radio][name="${it.name}"]:checked`)));
    return window.reachable.length;
}
"""

_FOCUSED = """
() => {
    const it = document.activeElement;
    const style = getComputedStyle(it);
    const place = it.getBoundingClientRect();
    return {
        position: window.reachable.indexOf(it),
        html: it.outerHTML.slice(0, 200),
        seen: (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1.5) || style.boxShadow !== 'none',
        shown: place.bottom > 0 && place.right > 0 && place.width > 0,
    };
}
"""

_WITHOUT_SCRIPT = """
() => {
    const root = document.querySelector('.zoombridge');
    const wrong = [];
    const shown = (it) => it.checkVisibility();
    root.querySelectorAll('form').forEach((it) => it.getAttribute('action') || wrong.push(it));
    root.querySelectorAll('button').forEach((it) => (it.form && it.type === 'submit') || !shown(it) || wrong.push(it));
    root.querySelectorAll('[data-live]').forEach((it) => it.querySelector('[data-refresh] a[href]') || wrong.push(it));
    root.querySelectorAll('[onclick], [onchange], [role=button], a:not([href])').forEach((it) => wrong.push(it));
    return wrong.map((it) => it.outerHTML.slice(0, 300));
}
"""


@pytest.fixture(scope="module")
def kept_busy(kept_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A bridge of its own for the site, on which something has happened of every kind."""
    made = Pair(kept_pair.site, tmp_path_factory.mktemp("busy"))
    with ZoomServer(Account(account_id=YOUTH_CHOIR)) as zoom:
        furnish(made, zoom)
        yield made
        made.bridge.stop()
    kept_pair.connect_again()


@pytest.fixture(scope="module")
def kept_new(kept_pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A bridge on its first day: the site is connected, and nothing has come yet."""
    made = Pair(kept_pair.site, tmp_path_factory.mktemp("new"), secret=None)
    yield made
    made.bridge.stop()
    kept_pair.connect_again()


@pytest.fixture
def busy(kept_busy: Pair) -> Pair:
    """The busy bridge, which the site is connected with now."""
    if not kept_busy.is_connected:
        kept_busy.connect_again()
    return kept_busy


@pytest.fixture
def new(kept_new: Pair) -> Pair:
    """The new bridge, which the site is connected with now."""
    if not kept_new.is_connected:
        kept_new.connect(None)
    return kept_new


@pytest.fixture(params=[InBrowser, InWordPress], ids=["browser", "wp-admin"], scope="module")
def kind_of_frame(request: pytest.FixtureRequest) -> type[InBrowser | InWordPress]:
    """Where the pages stand."""
    named: type[InBrowser | InWordPress] = request.param
    return named


@dataclass
class Eyes:
    """A browser that is signed in, with JavaScript and without, and the pages that it found."""

    frame: Frame
    page: Page
    plain: Page
    paths: dict[str, list[str]]


class Watch:
    """Keeps them for each bridge and each frame."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._kept: dict[tuple[str, type[Frame]], Eyes] = {}

    def of(self, pair: Pair, kind: type[InBrowser | InWordPress]) -> Eyes:
        """Return the one, signed in and led around when it is asked for first."""
        key = (pair.bridge.url, kind)
        if key not in self._kept:
            frame = kind(pair)
            page = new_context(self._browser).new_page()
            plain = new_context(self._browser, java_script_enabled=False).new_page()
            frame.enter(page)
            frame.enter(plain)
            begun = [
                begin(page, frame)
                for route, begin in BEGINNINGS.items()
                if route in page_routes() and route not in ELSEWHERE[kind]
            ]
            self._kept[key] = Eyes(frame, page, plain, crawl(page, frame, *filter(None, begun)))
        return self._kept[key]

    def close(self) -> None:
        """Close every browser."""
        for eyes in self._kept.values():
            eyes.page.context.close()
            eyes.plain.context.close()


@pytest.fixture(scope="module")
def watch(browser: Browser) -> Iterator[Watch]:
    made = Watch(browser)
    yield made
    made.close()


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page without JavaScript."""
    context = new_context(browser, java_script_enabled=False)
    yield context.new_page()
    context.close()


def look(
    page: Page, frame: Frame, path: str, response: Response, *, statuses: tuple[int, ...] = (200,)
) -> None:
    """Look at a page as everybody does who has trouble with it."""
    __tracebackhide__ = True
    assert response.status in statuses, path
    try:
        page.evaluate(AXE_SCRIPT)
        for width, scheme in zip(WIDTHS, SCHEMES[frame.name], strict=True):
            page.set_viewport_size({"width": width, "height": 900})
            if scheme is not None:
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate(AXE, frame.root) == [], (scheme, width)
            assert_fits(page)
        page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        assert_reachable(page, frame)
    except AssertionError as error:
        raise AssertionError(f"{frame.name}: {path}\n{error}") from error


def assert_reachable(page: Page, frame: Frame) -> None:
    """Every control is come to by Tab, in the order in which it stands there, and is seen to be."""
    count = page.evaluate(_REACHABLE, frame.root)
    if not count:
        return
    page.evaluate("window.reachable[0].focus()")
    reached: list[int] = []
    # A field for a date has several stops of its own.
    for _ in range(6 * count):
        focused: dict[str, Any] = page.evaluate(_FOCUSED)
        assert focused["seen"], f"The focus is not seen on {focused['html']}"
        assert focused["shown"], f"Where the focus is, nothing is seen: {focused['html']}"
        if not reached or focused["position"] != reached[-1]:
            reached.append(focused["position"])
        if focused["position"] == count - 1:
            break
        page.keyboard.press("Tab")
    missed = sorted(set(range(count)) - set(reached))
    assert missed == [], page.evaluate("(all) => all.map((one) => window.reachable[one].outerHTML)", missed)
    assert reached == sorted(reached), "Tab leads to and fro."


def look_without_script(plain: Page, address: str) -> None:
    """Look at a page where JavaScript is switched off: it is whole, and everything on it can be used."""
    answer = plain.goto(address)
    assert answer is not None
    assert answer.status < 500
    expect(plain.locator(".zoombridge h1, .zoombridge-title").first).to_be_visible()
    assert plain.evaluate(_WITHOUT_SCRIPT) == [], address


@pytest.mark.parametrize("route", page_routes())
class TestEveryPage:
    def test_of_a_busy_bridge(
        self, busy: Pair, watch: Watch, kind_of_frame: type[InBrowser | InWordPress], route: str
    ) -> None:
        """And to every page something leads, so that none is forgotten here."""
        eyes = watch.of(busy, kind_of_frame)
        if route in ELSEWHERE[kind_of_frame]:
            assert route not in eyes.paths
            return
        assert route in eyes.paths, "Nothing leads there. Link to it, or let the scene hold what it shows."
        look_at_all(eyes, route)
        # In wp-admin, the list of sites is the page of the site.
        is_shown = takes_pictures() and (eyes.frame.name, PICTURES[route]) != ("wp-admin", "sites")
        for width in WIDTHS if is_shown else ():
            take(eyes, busy, route, f"{PICTURES[route]}-{eyes.frame.name}-{width}", width)

    def test_of_a_new_bridge(
        self, new: Pair, watch: Watch, kind_of_frame: type[InBrowser | InWordPress], route: str
    ) -> None:
        eyes = watch.of(new, kind_of_frame)
        look_at_all(eyes, route)
        widths = WIDTHS if eyes.frame.name == "browser" else WIDTHS[:1]
        for width in widths if takes_pictures() and PICTURES[route] == "site" else ():
            take(eyes, new, route, f"checklist-{eyes.frame.name}-{width}", width)


def take(eyes: Eyes, pair: Pair, route: str, name: str, width: int) -> None:
    """Take a picture of a page."""
    eyes.page.set_viewport_size({"width": width, "height": 800})
    eyes.page.emulate_media(color_scheme="light")
    eyes.page.goto(eyes.frame.address(eyes.paths[route][0]))
    picture(eyes.page, pair, name)


def look_at_all(eyes: Eyes, route: str) -> None:
    """Look at every page of a route that was found."""
    errors: list[str] = []
    eyes.page.on("pageerror", lambda error: errors.append(str(error)))
    for path in eyes.paths.get(route, [])[: _LOOKED_AT[eyes.frame.name]]:
        address = eyes.frame.address(path)
        response = eyes.page.goto(address)
        assert response is not None
        look(eyes.page, eyes.frame, path, response)
        look_without_script(eyes.plain, address)
    assert errors == []


class TestEveryDoor:
    """The pages for who is not signed in."""

    def test_by_its_link(self, new: Pair, page: Page, plain: Page) -> None:
        url = new.bridge.url
        first = new.bridge.first_link()
        new.session()  # makes a user, and links that let in
        choose = new.bridge.command("user", "link", "anna", "--public-url", url).rpartition(" ")[2].strip()
        addresses = {
            r"/signin$": [f"{url}/signin"],
            r"/first$": [first, f"{url}/first?token=gone"],
            r"/password$": [choose],
            r"/link$": [new.bridge.sign_in_link(), f"{url}/link?token=used-up"],
            r"/enter/confirm$": [f"{url}/enter/confirm"],
        }
        assert set(addresses) == set(sign_in_routes())
        for route, several in addresses.items():
            for address in several:
                response = page.goto(address)
                assert response is not None
                look(page, InBrowser(new), address, response, statuses=(200, 403))
                look_without_script(plain, address)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 400})
                page.emulate_media(color_scheme="light")
                page.goto(several[0])
                picture(page, new, f"{PICTURES[route]}-browser-{width}")

    def test_after_a_mistake(self, new: Pair, page: Page) -> None:
        new.session()
        page.goto(f"{new.bridge.url}/signin")
        page.get_by_label("Name").fill("anna")
        page.get_by_label("Password").fill("not hers")
        with page.expect_navigation() as navigation:
            page.keyboard.press("Enter")
        look(page, InBrowser(new), "/signin", navigation.value, statuses=(422,))

    def test_after_a_forgotten_password(self, new: Pair, page: Page) -> None:
        """Without a mail server the sign-in page has no form for it, and the answer says why."""
        page.goto(f"{new.bridge.url}/signin")
        with page.expect_navigation() as navigation:
            page.evaluate(
                """() => {
                    const form = document.createElement("form");
                    form.method = "post";
                    form.action = "/signin/forgotten";
                    form.innerHTML = "<input name='name' value='anna'>";
                    document.body.append(form);
                    form.submit();
                }"""
            )
        look(page, InBrowser(new), "/signin/forgotten", navigation.value, statuses=(404,))


class TestTemplateOfRules:
    def test_is_added_on_a_page_of_its_own(self, busy: Pair, page: Page, plain: Page) -> None:
        """No crawl comes there: what leads to it has an empty name of a template."""
        frame = InBrowser(busy)
        frame.enter(page)
        frame.enter(plain)
        address = frame.address("/settings?template=")
        response = page.goto(address)
        assert response is not None
        look(page, frame, "/settings", response)
        look_without_script(plain, address)


class TestEveryFault:
    """What is shown where there is no page, or not what it was about."""

    def test_to_strangers(self, new: Pair, page: Page, plain: Page) -> None:
        address = f"{new.bridge.url}/nowhere"
        response = page.goto(address)
        assert response is not None
        look(page, InBrowser(new), address, response, statuses=(404,))
        look_without_script(plain, address)

    def test_to_who_is_signed_in(self, new: Pair, page: Page, plain: Page) -> None:
        frame = InBrowser(new)
        frame.enter(page)
        frame.enter(plain)
        for path in ("/nowhere", "/alerts/0123456789abcdef"):
            address = frame.address(path)
            response = page.goto(address)
            assert response is not None
            look(page, frame, path, response, statuses=(404,))
            look_without_script(plain, address)

    def test_of_a_form_from_elsewhere(self, new: Pair, page: Page) -> None:
        """It is refused on a page of its own, whoever is signed in."""
        frame = InBrowser(new)
        frame.enter(page)
        path = "/settings/retention"
        page.goto("about:blank")
        page.set_content(f'<form method="post" action="{frame.address(path)}"><button>Save</button></form>')
        with page.expect_navigation() as navigation:
            page.get_by_role("button").click()
        look(page, frame, path, navigation.value, statuses=(403,))


class TestKeyboard:
    def test_skip_link_leads_past_the_tabs(self, busy: Pair, page: Page) -> None:
        frame = InBrowser(busy)
        frame.enter(page)
        page.goto(frame.address("/webhooks"))
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)")

    def test_more_is_unfolded(
        self, busy: Pair, kind_of_frame: type[InBrowser | InWordPress], page: Page
    ) -> None:
        frame = kind_of_frame(busy)
        frame.enter(page)
        page.goto(frame.address("/webhooks"))
        summary = page.get_by_text("Verification token, for older apps")
        field = page.get_by_label("Verification token", exact=True)
        for key in ("Enter", "Space"):
            summary.focus()
            page.keyboard.press(key)
            expect(field).to_be_visible()
            page.keyboard.press(key)
            expect(field).to_be_hidden()

    def test_question_before_what_cannot_be_undone(
        self, busy: Pair, kind_of_frame: type[InBrowser | InWordPress], page: Page
    ) -> None:
        """It takes the focus, Escape takes it back, and nothing has happened."""
        frame = kind_of_frame(busy)
        frame.enter(page)
        page.goto(frame.address("/webhooks"))
        button = page.get_by_role("button", name="Remove the token that ends in")
        button.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_have_accessible_name(re.compile("Remove the token"))
        expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        page.evaluate(AXE_SCRIPT)
        assert page.evaluate(AXE, ".zoombridge dialog") == []
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(button).to_be_focused()


def begin_adding(page: Page, frame: Frame) -> str:
    """Begin to add a site, which has a page of its own as long as it is not done."""
    assert isinstance(frame, InBrowser)
    page.goto(frame.address("/sites/add"))
    page.get_by_label("Bridge address for WordPress").fill("https://bridge.example.org")
    with page.expect_download():
        page.get_by_role("button", name="Download plugin").click()
    page.wait_for_url(re.compile("/sites/add/[0-9a-f]{16}"))
    return (frame.path(page.url) or "").partition("?")[0]


def begin_replaying(page: Page, frame: Frame) -> str:
    """Replay the events of one meeting, which makes a job, where it has any."""
    page.goto(frame.address(f"/events/replay?number={REHEARSAL}"))
    button = page.get_by_role("button", name="Start replay")
    if not button.count():
        return ""
    button.click()
    page.wait_for_url(re.compile(r"jobs(/|%2F)[0-9]+"))
    return frame.path(page.url) or ""


# What is to be done before the page of a route is there.
BEGINNINGS: dict[str, Callable[[Page, Frame], str]] = {
    r"/sites/add/([0-9a-f]{16})$": begin_adding,
    r"/jobs/([0-9]{1,18})$": begin_replaying,
}

# What has no page there: it is for who has a password, or for the bridge's own address.
ELSEWHERE: dict[type[Frame], set[str]] = {
    InBrowser: set(),
    InWordPress: {
        r"/accounts$",
        r"/accounts/grants$",
        r"/accounts/held$",
        r"/jobs/([0-9]{1,18})/findings$",
        "/alerts$",
        "/users$",
        "/users/sessions$",
        "/audit$",
        "/account$",
        "/sites/add$",
        "/sites/add/([0-9a-f]{16})$",
    },
}
