"""What everybody's session may reach, and no more: asked over the list of routes, so that new pages are asked too.

Each route is asked with the names of another site's things wherever it takes a name; and each form that an
administrator of the bridge is shown is sent by those who may not.
"""

import re
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import select

from core.bridge import Bridge
from core.errors import Fault, SiteFaultError
from core.store.db import schema
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from core.wordpress import signing
from tests.core.events import SECRET
from tests.web.conftest import CONTEXT, Http, from_stub
from tests.web.routes import THEIRS, Form, Forms, Route, fill_two_sites, pages, specs
from web.monitoring.health import HealthHandler, ReadyHandler
from web.monitoring.metrics import MetricsHandler
from web.pages.page import PageHandler
from web.rpc.handler import RpcHandler
from web.signin.handlers import SignInPageHandler
from web.stub.pairing import PairHandler, ReportHandler
from web.webhooks.handler import WebhookHandler

# Nothing here has to do with the database.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])

# Those who need no session: each has another proof of who asks, or tells nothing.
OPEN = (WebhookHandler, HealthHandler, ReadyHandler, MetricsHandler, RpcHandler, SignInPageHandler)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

# What no page for another site may hold. What a request names itself it may get back.
MARKS = ("s2.example.org", "Site s2", "Theirs only", "9Q7Z", "theirs.example.net")


def rows(store: Store, *, but: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All that the database holds, but for the tables named."""
    with store.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
            if table.name not in but
        }


def not_ours(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """What does not belong to the site s1, except sessions, and that requests of its plugin came."""
    kept = {}
    with store.reading() as connection:
        for table in schema.metadata.sorted_tables:
            asked = select(table)
            if table.name == "sites":
                asked = asked.where(table.c.id != "s1")
            elif "site_id" in table.c and table.name != "sessions":
                asked = asked.where(table.c.site_id.is_distinct_from("s1"))
            elif "account_id" in table.c:
                asked = asked.where(table.c.account_id != "AccountOurs")
            elif table.name in ("sessions", "stub_requests"):
                continue
            kept[table.name] = sorted(map(tuple, connection.execute(asked)), key=repr)
    return kept


@pytest.fixture
def names(
    http: Http, bridge: Bridge, store: Store, wp_site: Site, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[str]]:
    """What two sites hold, by the kind of name; no request leaves this machine."""

    def refuse(*_: object, **__: object) -> None:
        raise SiteFaultError("The site could not be reached.", fault=Fault.NETWORK)

    monkeypatch.setattr("core.wordpress.transport.send", refuse)
    return fill_two_sites(http, bridge, store)


@pytest.fixture
def routes(bridge: Bridge, names: dict[str, list[str]]) -> list[Route]:
    return pages(bridge, names)


@pytest.fixture
def forms(http: Http, routes: list[Route], session: dict[str, str]) -> list[Form]:
    """Every form that an administrator of the bridge is shown on the pages."""
    found: list[Form] = []
    for route in routes:
        for path in route.paths:
            for asked in (path, f"{path}?site=s2"):
                answer = http("GET", asked, headers=session)
                assert answer.code in (200, 303, 404, 405), (asked, answer.code, answer.body)
                # The plugin's zip is no page, although forms are in it.
                if answer.headers.get("Content-Type", "").startswith("text/html"):
                    found += Forms(asked, answer.body.decode()).found
    handlers = {regex for regex, handler in _handlers(routes)}
    mine = [one for one in found if any(regex.fullmatch(urlsplit(one.action).path) for regex in handlers)]
    assert {"/webhooks", "/users", "/account"} <= {one.action for one in mine}
    unique = {(one.action, body): one for one in mine for body in one.bodies()}
    return list(unique.values())


def _handlers(routes: list[Route]) -> list[tuple[re.Pattern[str], type[PageHandler]]]:
    return [(re.compile(route.pattern), route.handler) for route in routes]


def handler_of(routes: list[Route], path: str) -> type[PageHandler]:
    return next(handler for regex, handler in _handlers(routes) if regex.fullmatch(urlsplit(path).path))


def everything(names: dict[str, list[str]]) -> list[str]:
    """Queries that name the other site's things, by every name that a parameter may have."""
    asked = {
        "site": "s2", "site_id": "s2", "account": "AccountTheirs", "account_id": "AccountTheirs", "number": str(THEIRS),
        "meeting": str(THEIRS), "again": "s2",
    }  # fmt: skip
    return ["", "?" + urlencode({"site": "s2"}), "?" + urlencode(asked)]


class TestEveryRoute:
    def test_is_a_page_or_asks_for_another_proof(self, bridge: Bridge) -> None:
        for regex, handler in specs(bridge):
            assert isinstance(handler, type), regex
            is_redirect = handler.__name__ == "RedirectHandler"
            is_the_stubs = regex.pattern.startswith("/stub/")
            assert is_redirect or is_the_stubs or issubclass(handler, (PageHandler, *OPEN)), regex

    def test_of_the_stub_needs_the_key_of_its_site(self, http: Http, bridge: Bridge, wp_site: Site) -> None:
        """All but a request for a pairing, which has none yet: tests/web/stub/test_pairing.py."""
        routes = {
            regex.pattern: handler for regex, handler in specs(bridge) if regex.pattern.startswith("/stub/")
        }
        assert [pattern for pattern, handler in routes.items() if handler is PairHandler] == ["/stub/pair$"]
        for pattern, handler in routes.items():
            if handler is PairHandler:
                continue
            method, body = ("POST", b"{}") if issubclass(handler, ReportHandler) else ("GET", b"")
            path = re.sub(r"\(\?:.*\)\?", "", pattern).removesuffix("$")
            assert re.fullmatch(pattern, path), "a route of another form: teach this test about it"
            for headers in (
                {},
                {signing.SITE_HEADER: "s1"},
                from_stub(wp_site, method, path, body, key="00" * 32),
                from_stub(wp_site, method, path, body, timestamp=time.time() - 600),
                from_stub(wp_site, method, path + "x", body),
                from_stub(wp_site, method, path, body + b" "),
            ):
                answer = http(method, path, body or None, headers=headers)
                assert answer.code in (401, 404), (path, headers)
                assert signing.ANSWER_HEADER not in answer.headers
            answer = http(method, path, body or None, headers=from_stub(wp_site, method, path, body))
            assert answer.code in (200, 202, 400, 404), path  # 404: no update is offered
            assert signing.ANSWER_HEADER in answer.headers

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
    def test_of_a_page_sends_a_stranger_to_sign_in(
        self, http: Http, routes: list[Route], method: str
    ) -> None:
        for route in routes:
            for path in route.paths[:3]:
                answer = http(method, path, b"" if method in ("POST", "PUT", "PATCH") else None)
                assert answer.code in (303, 405), (method, path)
                if answer.code == 303:
                    assert answer.headers["Location"].startswith("/signin")
                assert not answer.body or b"<form" not in answer.body

    def test_of_a_page_takes_no_form_from_elsewhere(
        self, http: Http, store: Store, routes: list[Route], session: dict[str, str]
    ) -> None:
        """Tornado's protection covers every page: browsers say from where a form comes."""
        before = rows(store, but=("sessions", "users"))
        for headers in (
            {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.org"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
        ):
            for route in routes:
                for path in route.paths[:2]:
                    answer = http("POST", path, b"site=s1&do=remove&name=anna", FORM | session | headers)
                    assert answer.code == 403, (path, headers)
                    assert b"was not submitted from this page" in answer.body
            for door in ("/signin", "/signout", "/first", "/password"):
                assert http("POST", door, b"", FORM | session | headers).code == 403
        assert rows(store, but=("sessions", "users")) == before
        assert http("GET", "/account", headers=session).code == 200, "and nobody was signed out"


class TestViewer:
    def test_sees_the_pages_and_no_secret(
        self, http: Http, store: Store, routes: list[Route], viewer: dict[str, str], wp_site: Site
    ) -> None:
        seen = 0
        # A site's page looks how the site is, and keeps what it found.
        kept_anew = ("sessions", "sites", "health_facts")
        before = rows(store, but=kept_anew)
        for route in routes:
            for path in route.paths:
                for asked in (path, f"{path}?site=s2"):
                    answer = http("GET", asked, headers=viewer)
                    assert answer.code in (200, 303, 403, 404, 405), (asked, answer.code)
                    seen += answer.code == 200
                    for secret in (SECRET[-4:], "9Q7Z", wp_site.key):
                        assert secret not in answer.body.decode(errors="replace"), asked
        assert seen > 1
        assert rows(store, but=kept_anew) == before, "looking changes nothing"

    @pytest.mark.parametrize("path", ["/users", "/users?done=role"])
    def test_does_not_see_who_is_let_in(self, http: Http, viewer: dict[str, str], path: str) -> None:
        answer = http("GET", path, headers=viewer)
        assert answer.code == 403
        assert b"<table" not in answer.body

    def test_changes_nothing_by_any_form(
        self, http: Http, store: Store, routes: list[Route], forms: list[Form], viewer: dict[str, str]
    ) -> None:
        before = rows(store, but=("sessions",))
        for form in forms:
            may = handler_of(routes, form.action).anyone_may_post
            for body in form.bodies():
                answer = http("POST", form.action, body, FORM | viewer)
                assert answer.code in ((200, 303, 422) if may else (403,)), (form, answer.code)
        for route in routes:
            for path in route.paths:
                answer = http("POST", path, b"site=s2&do=add&name=mallory&role=administrator", FORM | viewer)
                assert answer.code in ((200, 303, 405, 422) if route.handler.anyone_may_post else (403,)), (
                    path
                )
        assert rows(store, but=("sessions",)) == before
        assert http("GET", "/account", headers=viewer).code == 200, "and is signed in all the while"


class Bound:
    """A session that sees the site s1 only: at the bridge's own address, or inside wp-admin."""

    def __init__(self, http: Http, site: Site, session: dict[str, str] | None) -> None:
        self._http, self._site, self._session = http, site, session

    def __call__(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str, str]:
        if self._session is not None:
            headers = FORM | self._session if body is not None else self._session
        else:
            headers = from_stub(self._site, method, path, body or b"", context=CONTEXT | {"locale": "en_US"})
            headers |= FORM if body is not None else {}
        answer = self._http(method, path, body, headers)
        return answer.code, (answer.body or b"").decode(errors="replace"), answer.headers.get("Location", "")


@pytest.fixture(params=["its own address", "wp-admin"])
def bound(request: pytest.FixtureRequest, http: Http, wp_site: Site, store: Store) -> Bound:
    # As every site that was connected, it knows where the bridge is.
    paired = replace(wp_site, bridge_url="https://bridge.example.org")
    store.write(lambda connection: sites.save(connection, paired, store.sealer))
    own = request.param == "its own address"
    return Bound(http, wp_site, request.getfixturevalue("from_wordpress") if own else None)


class TestSessionOfOneSite:
    def test_sees_nothing_of_another_on_any_page(
        self, bound: Bound, routes: list[Route], names: dict[str, list[str]]
    ) -> None:
        seen = 0
        for route in routes:
            for path in route.paths:
                for query in everything(names):
                    status, body, location = bound("GET", path + query)
                    assert status in (200, 303, 401, 403, 404, 405), (path, status, body)
                    seen += status == 200
                    for mark in MARKS:
                        assert mark not in body + location, f"{path}{query} shows {mark}"
        assert seen > 1

    def test_changes_nothing_of_another_by_any_form(
        self, bound: Bound, store: Store, routes: list[Route], forms: list[Form]
    ) -> None:
        before = not_ours(store)
        for form in forms:
            if form.action == "/sites/s1/disconnect":
                continue  # they may, and then there would be no session of theirs any more
            for body in form.bodies():
                status, shown, location = bound("POST", form.action, body)
                assert status in (200, 303, 401, 403, 404, 405, 422), (form, status, shown)
                for mark in MARKS:
                    assert mark not in shown + location, f"{form} shows {mark}"
                assert not_ours(store) == before, form
        for path in (path for route in routes for path in route.paths if path != "/sites/s1/disconnect"):
            for given in (
                {"site": "s2", "remove": "2"},
                {"do": "add", "name": "mallory", "role": "administrator"},
            ):
                status, shown, location = bound("POST", path, urlencode(given).encode())
                assert status in (200, 303, 401, 403, 404, 405, 422), (path, status)
                assert not any(mark in shown + location for mark in MARKS), path
        assert not_ours(store) == before

    def test_says_nobody_else_is_let_in(self, bound: Bound, session: dict[str, str]) -> None:
        for method, body in (("GET", None), ("POST", b"do=add&name=mallory&role=administrator")):
            status, shown, _ = bound(method, "/users", body)
            assert status == 403
            assert "Only administrators of the whole bridge" in shown

    def test_has_no_password_here(self, bound: Bound, session: dict[str, str]) -> None:
        for body in (None, b"password=x&wanted=a+long+password&again=a+long+password"):
            assert bound("POST" if body else "GET", "/account", body) == (303, "", "/")
