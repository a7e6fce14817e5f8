"""Every page of the bridge, found by its routes and by the links that lead to it, in both of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from unittest.mock import MagicMock
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

from tornado.web import RequestHandler

from tests.end_to_end.browser import page_of
from tests.wordpress import signing_in
from web.pages.page import PageHandler
from web.signin.handlers import SignInPageHandler
from web.urls import urls

if TYPE_CHECKING:
    import re

    from playwright.sync_api import Page

    from tests.end_to_end.pair import Pair
    from tests.wordpress import WordPress

# What answers with no page of its own: it redirects, or gives a file.
NO_PAGES = {
    r"/account/two-factor$",
    r"/signin/code$",
    r"/bridge-link$",
    r"/plugin\.zip$",
    r"/sites/add/([0-9a-f]{16})/plugin\.zip$",
    r"/sites/connect$",
    r"/events/find$",
    r"/events/dismiss$",
    r"/meetings/find$",
}

# What the pictures of the pages are called, by their routes; docs/pages.md shows them.
PICTURES = {
    r"/$": "overview",
    r"/meetings$": "meetings",
    r"/meetings/([^/]{1,200})/([0-9]{1,15})$": "meeting",
    r"/sites$": "sites",
    r"/sites/add$": "add-site",
    r"/sites/add/([0-9a-f]{16})$": "pairing-code",
    r"/sites/([A-Za-z0-9_-]{1,64})$": "site",
    r"/sites/([A-Za-z0-9_-]{1,64})/disconnect$": "disconnect",
    r"/events$": "events",
    r"/events/([0-9]{1,18})$": "event",
    r"/events/quarantine/([0-9]{1,18})$": "quarantined-request",
    r"/events/replay$": "replay",
    r"/jobs$": "jobs",
    r"/jobs/([0-9]{1,18})$": "job",
    r"/webhooks$": "webhooks",
    r"/settings$": "settings",
    r"/accounts$": "accounts",
    r"/accounts/grants$": "grants",
    r"/accounts/held$": "held-pages",
    r"/jobs/([0-9]{1,18})/findings$": "findings",
    r"/alerts$": "alerts",
    r"/alerts/([0-9a-f]{16})$": "alert",
    r"/users$": "users",
    r"/users/sessions$": "user-sessions",
    r"/audit$": "audit",
    r"/account$": "account",
    r"/signin$": "signin",
    r"/first$": "first-administrator",
    r"/password$": "password",
    r"/link$": "confirm-sign-in",
    r"/enter/confirm$": "link-expired",
}

# Of a route, so many kinds of addresses are opened: a page with a filter is another page than without.
_MOST_OF_A_ROUTE = 9


@cache
def page_routes() -> dict[str, re.Pattern[str]]:
    """Return the routes of the pages for who is signed in."""
    return _routes(PageHandler)


@cache
def sign_in_routes() -> dict[str, re.Pattern[str]]:
    """Return the routes of the pages for who is not."""
    return _routes(SignInPageHandler)


def _routes(kind: type[RequestHandler]) -> dict[str, re.Pattern[str]]:
    nothing = MagicMock()
    every = urls(
        nothing,
        sign_in=nothing,
        responder=nothing,
        keys=nothing,
        executor=nothing,
        rpc_token="",
        in_flight=nothing,
        updates=nothing,
    )
    return {
        spec.regex.pattern: spec.regex
        for spec in every
        if issubclass(spec.handler_class, kind)
        and spec.handler_class.get is not RequestHandler.get
        and spec.regex.pattern not in NO_PAGES
    }


def route_of(path: str) -> str | None:
    """Return the route that answers a path; None where it is no page."""
    bare = path.partition("?")[0]
    return next((name for name, regex in page_routes().items() if regex.match(bare)), None)


class Frame:
    """Where the pages stand: how they are addressed, and which part of them is the bridge's."""

    root: str  # a selector
    name: str

    def address(self, path: str) -> str:
        """Return the address of a page."""
        raise NotImplementedError

    def path(self, address: str) -> str | None:
        """Return the path of the bridge that an address shows; None for other addresses."""
        raise NotImplementedError

    def enter(self, page: Page) -> None:
        """Sign in."""
        raise NotImplementedError


@dataclass
class InBrowser(Frame):
    """The bridge's own address."""

    pair: Pair
    name = "browser"
    root = "body"

    def address(self, path: str) -> str:
        return self.pair.bridge.url + path

    def path(self, address: str) -> str | None:
        if not address.startswith(self.pair.bridge.url + "/"):
            return None
        return address.removeprefix(self.pair.bridge.url).partition("#")[0]

    def enter(self, page: Page) -> None:
        cookie = {"name": "zoombridge", "value": self.pair.session(), "url": self.pair.bridge.url}
        page.context.add_cookies([cookie])  # type: ignore[list-item]


@dataclass
class InWordPress(Frame):
    """Inside wp-admin, through the stub."""

    pair: Pair
    name = "wp-admin"
    root = ".zoombridge"
    start: str = field(init=False)

    def __post_init__(self) -> None:
        self.start = page_of(self.pair.site)

    def address(self, path: str) -> str:
        return f"{self.start}&zoombridge={quote(path, safe='')}"

    def path(self, address: str) -> str | None:
        asked = parse_qs(urlsplit(address).query)
        if not address.startswith(self.start.partition("?")[0]) or "zoombridge" not in asked:
            return None
        return asked["zoombridge"][0]

    def enter(self, page: Page) -> None:
        sign_in(page, self.pair.site)


def follow_sign_in_link(page: Page, link: str) -> None:
    """Open a link that was made on the bridge's machine, and sign in by it."""
    page.goto(link)
    page.get_by_role("button", name="Sign in as ").click()


def sign_in(page: Page, site: WordPress) -> None:
    """Sign in to wp-admin."""
    page.goto(f"{site.url}/wp-login.php")
    signing_in.sign_in(page, site.user, site.password)
    page.wait_for_url(
        "**/wp-admin/**", wait_until="commit"
    )  # the cookie has come; the dashboard is not needed


def crawl(page: Page, frame: Frame, *more: str) -> dict[str, list[str]]:
    """Open every page that the tabs and links lead to, and these. Return the paths, by the route that answers them.

    Of each route there are a few that differ in what they ask for.
    """
    found: dict[str, list[str]] = {}
    kinds: set[tuple[str, object]] = set()
    waiting = [*more, "/"]  # where every tab is
    while waiting:
        path = waiting.pop(0)
        route = route_of(path)
        # The pages of two meetings are the same page with other words; those of two filters are not.
        asked = parse_qsl(urlsplit(path).query)
        kind = frozenset((name, value if value.isalpha() else "") for name, value in asked)
        if route is None or (route, kind) in kinds or len(found.get(route, [])) >= _MOST_OF_A_ROUTE:
            continue
        kinds.add((route, kind))
        found.setdefault(route, []).append(path)
        page.goto(frame.address(path))
        links = page.eval_on_selector_all(f"{frame.root} a[href]", "all => all.map((one) => one.href)")
        waiting += [led for link in links if (led := frame.path(link)) is not None]
    return found
