"""The page Webhooks, in the browser's shell and in wp-admin's."""

import re
import time
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from itertools import chain
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tornado.httpclient import HTTPResponse

from core.bridge import Bridge
from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.posts import queue
from core.store.sites import sites, zoom_secrets
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import SECRET, event, raw, signed
from tests.web.conftest import CONTEXT, PAGE, Http, from_stub, is_answered_by_the_bridge, save_token, text
from tests.web.pages.conftest import both_stores
from web.pages.subscription import SUBSCRIPTION
from web.pages.webhooks import mask
from web.ui.shell import ASSETS_VERSION

HOSTILE = '"><script>alert(1)</script>&amp;'
NEW = "new-secret-token-9"


class Elements(HTMLParser):
    """Every element of a piece of HTML with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


class Door:
    """Asks for the page as one of the two may: a signed-in browser, or the stub."""

    def __init__(self, http: Http, site: Site, session: dict[str, str] | None) -> None:
        self._http = http
        self._site = site
        self._session = session

    def __call__(self, method: str, path: str = "/webhooks", **form: str) -> HTTPResponse:
        body = urlencode(form).encode() if method == "POST" else b""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        if self._session is not None:
            headers |= self._session
        else:
            headers |= from_stub(self._site, method, path, body, context=CONTEXT)
        answer = self._http(method, path, body if method == "POST" else None, headers)
        if self._session is None:
            assert is_answered_by_the_bridge(self._site, headers, answer)
        return answer


@pytest.fixture(params=["browser", "wp-admin"])
def door(request: pytest.FixtureRequest, http: Http, wp_site: Site) -> Door:
    session = request.getfixturevalue("session") if request.param == "browser" else None
    return Door(http, wp_site, session)


@pytest.fixture
def stub(http: Http, wp_site: Site) -> Door:
    return Door(http, wp_site, None)


@pytest.fixture
def alone(http: Http, wp_site: Site, session: dict[str, str]) -> Door:
    return Door(http, wp_site, session)


def saved(store: Store, site_id: str = "s1") -> list[Secret]:
    with store.reading() as connection:
        return [one.secret for one in zoom_secrets.of_site(connection, site_id, store.sealer)]


def hold(store: Store, site_id: str = "s1", secret: str = NEW) -> None:
    body = raw(event())
    request = Request(signed(body, secret=secret, at=time.time()), body)
    store.write(
        lambda connection: quarantine.add(
            connection, site_id, request, store.sealer, reason="", now=int(time.time() * 1000)
        )
    )


class TestShows:
    def test_what_to_paste_into_zoom_and_what_to_tick(self, door: Door, wp_site: Site) -> None:
        answer = door("GET")
        assert answer.code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        html = answer.body.decode()
        values = [field.get("value") for field in Elements(html).all("input")]
        for url in wp_site.endpoints.values():
            assert url in values
        for _, named in chain.from_iterable(SUBSCRIPTION.values()):
            for words, name in named:
                assert words in html
                assert f"<code>{name}</code>" in html

    @both_stores
    def test_how_it_stands(self, door: Door, store: Store, wp_site: Site) -> None:
        shown = text(door("GET"))
        assert "A token is saved" in shown
        assert "has not validated" in shown
        assert "No events yet" in shown

        def happens(connection: Any) -> None:
            sites.record_validation(connection, "s1", now=1_767_603_600_000)
            sites.record_fault(
                connection, "s1", fault="network", message="It is down.", blocked_until=10**14, now=1
            )

        store.write(happens)
        hold(store)
        shown = text(door("GET"))
        assert "2026-01-05 09:00 UTC" in shown
        assert "It is down." in shown
        assert "1 event was signed with a different secret token" in shown

    def test_meetings_without_a_page(
        self, door: Door, store: Store, wp_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = [("Zoom has not told its topic & type yet.", 2), ("It is an instant meeting.", 1)]
        monkeypatch.setattr(
            queue, "count_withheld", lambda _connection, site_id: told if site_id == "s1" else []
        )
        answer = door("GET")
        assert b"topic &amp; type" in answer.body
        shown = text(answer)
        assert "2 meetings have no page here: “Zoom has not told its topic &amp; type yet.”" in shown
        assert "One meeting has no page here: “It is an instant meeting.”" in shown

    def test_no_secret(self, door: Door, store: Store, wp_site: Site) -> None:
        save_token(store, Secret("older-token-1234", True))
        html = door("GET").body.decode()
        for secret in (SECRET, "older-token-1234", wp_site.key):
            assert secret not in html
        assert mask(SECRET) in html
        assert "Verification token" in html

    def test_hostile_values_as_text(self, door: Door, store: Store, wp_site: Site) -> None:
        changed = replace(
            wp_site, name=HOSTILE, url=f"https://x/{HOSTILE}",
            endpoints=dict.fromkeys(wp_site.endpoints, f"https://x/{HOSTILE}"),
        )  # fmt: skip
        store.write(lambda connection: sites.save(connection, changed, store.sealer))
        store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="network", message=HOSTILE, blocked_until=10**14, now=1
            )
        )
        connected(store, "s2")
        html = door("GET", "/webhooks?" + urlencode({"site": "s1", "saved": HOSTILE})).body.decode()
        assert "<script>alert" not in html
        assert HOSTILE in [unescape(part) for part in re.findall(r"[^<>]+", html)] or HOSTILE in unescape(
            html
        )
        assert "alert(1)" not in "".join(re.findall(r"<script.*?</script>", html, re.DOTALL))

    def test_that_no_site_is_connected(self, http: Http, session: dict[str, str]) -> None:
        answer = http("GET", "/webhooks", headers=session)
        assert answer.code == 200
        assert "zoombridge site add" in text(answer)


class TestSaves:
    def test_a_token_and_goes_back_to_the_page(self, door: Door, store: Store) -> None:
        answer = door("POST", site="s1", secret_token=f" {NEW}\n", verification_token="older-token-1234")
        assert answer.code == 303
        assert set(saved(store)) == {Secret(SECRET), Secret(NEW), Secret("older-token-1234", True)}
        location = answer.headers["Location"]
        assert location.startswith("/webhooks?")
        assert NEW not in location
        assert "Saved." in text(door("GET", location))

    @both_stores
    def test_and_looks_at_the_quarantine(self, door: Door, store: Store) -> None:
        hold(store)
        answer = door("POST", site="s1", secret_token=NEW)
        assert "One quarantined event was accepted" in text(door("GET", answer.headers["Location"]))
        with store.reading() as connection:
            assert quarantine.count(connection, "s1") == 0

    @pytest.mark.parametrize(
        ("form", "problem"),
        [
            ({}, "Paste the secret token"),
            ({"secret_token": "sh0rt"}, "not a complete token"),
            ({"secret_token": "x" * 201}, "not a complete token"),
            ({"secret_token": "two words of it"}, "no spaces"),
            ({"secret_token": "dots••••••••"}, "no spaces"),
            ({"verification_token": "sh0rt"}, "not a complete token"),
        ],
    )
    def test_nothing_of_a_wrong_form(
        self, door: Door, store: Store, form: dict[str, str], problem: str
    ) -> None:
        answer = door("POST", site="s1", **form)
        assert answer.code == 422
        assert problem in text(answer)
        for value in form.values():
            assert f'"{value}"' not in answer.body.decode(), "what was typed is not shown again"
        assert saved(store) == [Secret(SECRET)]

    @pytest.mark.parametrize(
        ("path", "form"),
        [
            ("/webhooks", {"site": "s1"}),
            ("/settings/secrets", {"site": "s1"}),
            ("/sites/s1", {"do": "token"}),
        ],
    )
    def test_no_more_tokens_than_there_may_be(
        self, stub: Door, store: Store, path: str, form: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(zoom_secrets, "MOST_TOKENS", 1)
        answer = stub("POST", path, secret_token=NEW, **form)
        assert answer.code in (403, 422)
        assert "1 tokens, the maximum" in text(answer)
        assert saved(store) == [Secret(SECRET)]

    def test_both_or_none(self, door: Door, store: Store) -> None:
        assert door("POST", site="s1", secret_token=NEW, verification_token="sh0rt").code == 422
        assert saved(store) == [Secret(SECRET)]

    def test_nothing_for_another_site_than_was_meant(self, alone: Door, store: Store) -> None:
        """The form may be of a site that was removed meanwhile."""
        assert alone("POST", site="removed", secret_token=NEW).code == 303
        assert saved(store) == [Secret(SECRET)]


class TestRemoves:
    @both_stores
    def test_a_token_which_is_refused_from_now_on(self, door: Door, store: Store, http: Http) -> None:
        body = raw(event())
        path = "/sites/s1/wp-json/vczapi/v1/meeting"
        assert http("POST", path, body, signed(body, at=time.time())).code == 204
        with store.reading() as connection:
            token_id = zoom_secrets.of_site(connection, "s1", store.sealer)[0].id
        asked = door("POST", site="s1", remove=str(token_id))
        assert asked.code == 422
        assert "Zoom signs with this one." in text(asked)
        assert saved(store) == [Secret(SECRET)], "the only one is not removed by mistake"
        sure = [
            one["value"] for one in Elements(asked.body.decode()).all("input") if one.get("name") == "sure"
        ]
        answer = door("POST", site="s1", remove=str(token_id), sure=str(*sure))
        assert answer.code == 303
        assert saved(store) == []
        assert "Removed." in text(door("GET", answer.headers["Location"]))
        assert http("POST", path, body, signed(body, at=time.time())).code == 503

    def test_one_that_zoom_does_not_sign_with_at_once(self, door: Door, store: Store) -> None:
        save_token(store, Secret(NEW))
        with store.reading() as connection:
            token_id = zoom_secrets.of_site(connection, "s1", store.sealer)[0].id
        assert door("POST", site="s1", remove=str(token_id)).code == 303
        assert saved(store) == [Secret(SECRET)]

    @pytest.mark.parametrize("token_id", ["999", "x", "1 OR 1=1", "9" * 30])
    def test_nothing_else(self, door: Door, store: Store, token_id: str) -> None:
        assert door("POST", site="s1", remove=token_id).code == 303
        assert saved(store) == [Secret(SECRET)]


class TestBrowser:
    def test_is_told_to_run_nothing_but_the_pages_own(self, alone: Door) -> None:
        answer = alone("GET")
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
        assert nonce
        elements = Elements(answer.body.decode())
        for element in elements.all("script") + elements.all("style"):
            assert element["nonce"] == nonce[1]
        other = re.search(r"nonce-([^']+)", alone("GET").headers["Content-Security-Policy"])
        assert other
        assert other[1] != nonce[1]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
        ],
    )
    def test_of_another_origin_cannot_post(
        self, http: Http, session: dict[str, str], wp_site: Site, store: Store, headers: dict[str, str]
    ) -> None:
        body = urlencode({"site": "s1", "secret_token": NEW}).encode()
        headers = headers | session | {"Content-Type": "application/x-www-form-urlencoded"}
        answer = http("POST", "/webhooks", body, headers)
        assert answer.code == 403
        assert saved(store) == [Secret(SECRET)]

    def test_of_this_origin_can(
        self, http: Http, session: dict[str, str], wp_site: Site, store: Store
    ) -> None:
        body = urlencode({"site": "s1", "secret_token": NEW}).encode()
        headers = {"Origin": f"http://{http.host}:{http.port}", "Sec-Fetch-Site": "same-origin"}
        headers |= session | {"Content-Type": "application/x-www-form-urlencoded"}
        assert http("POST", "/webhooks", body, headers).code == 303
        assert Secret(NEW) in saved(store)

    def test_chooses_between_sites(self, alone: Door, store: Store) -> None:
        connected(store, "s2")
        html = alone("GET", "/webhooks?site=s2").body.decode()
        assert "https://s2.example.org/wp-json/vczapi/v1/meeting" in html
        options = Elements(html).all("option")
        assert [(one["value"], "selected" in one) for one in options] == [("s1", False), ("s2", True)]
        assert "https://s1.example.org/wp-json" in alone("GET", "/webhooks?site=nowhere").body.decode()


class TestWordPress:
    def test_gets_a_piece_of_html(self, stub: Door) -> None:
        html = stub("GET").body.decode()
        assert "<html" not in html
        assert "<h1" not in html

    def test_gets_no_style_or_script_but_the_version_that_the_plugin_needs(self, stub: Door) -> None:
        found = Elements(stub("GET").body.decode())
        assert found.all("style") == found.all("script") == []
        assert found.found[0][1]["data-assets"] == str(ASSETS_VERSION)

    @pytest.mark.parametrize(
        ("assets", "is_plain"),
        [(None, True), (ASSETS_VERSION - 1, True), (ASSETS_VERSION, False), (99, False)],
    )
    def test_says_where_the_plugin_is_too_old_for_its_style(
        self, http: Http, wp_site: Site, assets: int | None, is_plain: bool
    ) -> None:
        context = CONTEXT | {"locale": "en_US", "assets": assets}
        answer = http("GET", "/webhooks", headers=from_stub(wp_site, "GET", "/webhooks", context=context))
        assert ("Update the plugin under Plugins, if WordPress offers it there." in text(answer)) is is_plain
        assert "Endpoint for all events" in text(answer)

    def test_gets_links_and_forms_that_lead_through_wp_admin(self, stub: Door) -> None:
        html = stub("GET").body.decode()
        forms = Elements(html).all("form")
        assert forms
        for form in forms:
            action = urlsplit(form["action"] or "")
            assert (form["action"] or "").startswith(PAGE)
            assert parse_qs(action.query)["zoombridge"][0] in ("/webhooks", "/bridge-link")
            assert form["method"] == "post"
        nonces = [one for one in Elements(html).all("input") if one.get("name") == "_zoombridge_nonce"]
        assert len(nonces) == len(forms)
        assert {one["value"] for one in nonces} == {"n0nce"}

    def test_gets_a_hostile_nonce_as_text(self, http: Http, wp_site: Site) -> None:
        context = {**CONTEXT, "nonce": {"name": HOSTILE, "value": HOSTILE}, "page": f"https://x/?{HOSTILE}"}
        answer = http("GET", "/webhooks", headers=from_stub(wp_site, "GET", "/webhooks", context=context))
        assert answer.code == 200
        assert b"<script>alert" not in answer.body

    def test_never_gets_what_is_another_sites(self, stub: Door, store: Store) -> None:
        connected(store, "s2")
        save_token(store, Secret("secret-of-the-other"), "s2")
        hold(store, "s2")
        for path in ("/webhooks", "/webhooks?site=s2"):
            html = stub("GET", path).body.decode()
            assert "s2" not in html
            assert mask("secret-of-the-other") not in html
            assert "signed with another secret" not in html

    @pytest.mark.parametrize("form", [{"secret_token": NEW}, {"remove": "2"}])
    def test_never_changes_what_is_another_sites(
        self, stub: Door, store: Store, form: dict[str, str]
    ) -> None:
        connected(store, "s2")
        save_token(store, Secret("secret-of-the-other"), "s2")
        stub("POST", site="s2", **form)
        assert saved(store, "s2") == [Secret("secret-of-the-other")]
        assert saved(store) == [Secret(SECRET)], "nor what it did not mean"

    @pytest.mark.parametrize(
        ("given", "status"),
        [({"key": "another"}, 401), ({"timestamp": time.time() - 400}, 401), ({"context": None}, 400)],
    )
    def test_gets_nothing_without_a_signature(
        self, http: Http, wp_site: Site, given: dict[str, Any], status: int
    ) -> None:
        headers = from_stub(wp_site, "GET", "/webhooks", **({"context": CONTEXT} | given))
        answer = http("GET", "/webhooks", headers=headers)
        assert answer.code == status
        assert answer.headers["Content-Type"].startswith("application/json")
        assert b"s1.example.org" not in answer.body

    def test_cannot_send_a_form_twice_as_another(self, http: Http, wp_site: Site, store: Store) -> None:
        """The signature covers the form."""
        body = urlencode({"site": "s1", "secret_token": NEW}).encode()
        headers = from_stub(wp_site, "POST", "/webhooks", body, context=CONTEXT)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        assert http("POST", "/webhooks", body.replace(b"new", b"old"), headers).code == 401
        assert saved(store) == [Secret(SECRET)]


class TestMistakes:
    def test_are_told_in_plain_words(
        self, alone: Door, stub: Door, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(quarantine, "count_suspects", None)
        answer = alone("GET")
        assert answer.code == 500
        assert "The bridge encountered an internal error" in text(answer)
        answer = stub("GET")
        assert answer.code == 500
        assert answer.headers["Content-Type"].startswith("application/json")
        assert b"NoneType" not in answer.body

    def test_a_database_that_is_down_is_said_to_be(self, alone: Door, store: Store) -> None:
        store.close()
        answer = alone("POST", site="s1", secret_token=NEW)
        store._reading.dispose()  # what it has opened to read, which nobody closes a second time
        assert answer.code == 503
        assert "stopping" in text(answer)


class TestMask:
    def test_shows_too_little_to_use(self) -> None:
        assert mask("abcdefghijkl").endswith("ijkl")
        assert "efgh" not in mask("abcdefghijkl")
