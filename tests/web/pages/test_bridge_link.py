"""From wp-admin to the bridge's own address, without a password."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPResponse
from tornado.testing import bind_unused_port

from core.auth.service import AuthService
from core.bridge import Bridge
from core.store.auth.one_time_links import Purpose
from core.store.db import settings
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.web.conftest import CONTEXT, Http, from_stub, is_answered_by_the_bridge, text
from tests.web.pages.conftest import both_stores
from web.app import make_app
from web.http.server import make_server

IN_ENGLISH = CONTEXT | {"locale": "en_US"}


@pytest.fixture
def save(store: Store) -> Callable[[Site], None]:
    return lambda site: store.write(lambda connection: sites.save(connection, site, store.sealer))


@pytest.fixture
def paired(save: Callable[[Site], None], wp_site: Site) -> Site:
    """The site, which looks for the bridge at an address of its own."""
    site = replace(wp_site, bridge_url="https://bridge.example.org")
    save(site)
    return site


def press(http: Http, site: Site, **changed: Any) -> HTTPResponse:
    """Press the button in wp-admin."""
    headers = from_stub(site, "POST", "/bridge-link", b"", context=IN_ENGLISH | changed)
    answer = http("POST", "/bridge-link", b"", headers)
    assert is_answered_by_the_bridge(site, headers, answer)
    return answer


def form(answer: HTTPResponse) -> tuple[str, str]:
    """The address that the form goes to, and the token in it."""
    html = answer.body.decode()
    found = re.search(
        r'action="([^"]*)" rel="noreferrer" (?:data-at-once)?>\s*<input type="hidden" name="token" value="([^"]*)"',
        html,
    )
    assert found is not None, html
    return unescape(found[1]), unescape(found[2])


class TestButton:
    def test_stands_on_every_page_in_wp_admin(
        self, http: Http, wp_site: Site, session: dict[str, str]
    ) -> None:
        headers = from_stub(wp_site, "GET", "/webhooks", context=IN_ENGLISH)
        inside = http("GET", "/webhooks", headers=headers)
        assert "Open these pages at the bridge" in text(inside)
        assert "Open these pages" not in text(http("GET", "/webhooks", headers=session))

    def test_leads_to_the_address_that_the_site_was_paired_with(
        self, http: Http, auth_service: AuthService, paired: Site
    ) -> None:
        answer = press(http, paired)
        assert answer.code == 200
        action, token = form(answer)
        assert action == "https://bridge.example.org/enter"
        good = auth_service.find_link(Purpose.SITE, token)
        assert good is not None
        assert (good.site_id, good.name) == ("s1", "anna")

    def test_does_nothing_with_a_key_that_was_renewed_a_moment_ago(
        self, http: Http, store: Store, paired: Site
    ) -> None:
        assert press(http, paired).code == 200
        store.write(lambda connection: sites.save_keys(connection, paired, "ab" * 32, "", store.sealer))
        assert press(http, paired).code == 401
        assert press(http, replace(paired, key="ab" * 32)).code == 200

    @both_stores
    def test_lets_in_once(self, http: Http, paired: Site) -> None:
        _, token = form(press(http, paired))
        sent = urlencode({"token": token}).encode()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Sec-Fetch-Site": "cross-site",
            "Origin": "null",
        }
        posted = http("POST", "/enter", sent, headers)
        assert (posted.code, posted.headers["Location"]) == (303, "/enter/confirm")
        kept = {"Cookie": posted.headers["Set-Cookie"].split(";")[0]}
        answer = http("GET", "/enter/confirm", headers=kept)
        assert (answer.code, answer.headers["Location"]) == (303, "/")
        here = {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}
        assert "anna, of Site s1" in text(http("GET", "/webhooks", headers=here))
        assert http("POST", "/enter", sent, headers).code == 403

    def test_pressed_again_takes_the_token_before_back(
        self, http: Http, auth_service: AuthService, paired: Site
    ) -> None:
        _, first = form(press(http, paired))
        _, second = form(press(http, paired))
        assert auth_service.find_link(Purpose.SITE, first) is None
        assert auth_service.find_link(Purpose.SITE, second) is not None

    def test_makes_no_token_for_who_only_looks_by(self, http: Http, paired: Site) -> None:
        headers = from_stub(paired, "GET", "/bridge-link", context=IN_ENGLISH)
        answer = http("GET", "/bridge-link", headers=headers)
        assert (answer.code, answer.headers["Location"]) == (303, "/")

    def test_makes_no_token_at_the_other_address(
        self, http: Http, paired: Site, session: dict[str, str], from_wordpress: dict[str, str]
    ) -> None:
        for there in (session, from_wordpress):
            answer = http("POST", "/bridge-link", b"", there)
            assert (answer.code, answer.headers["Location"], answer.body) == (303, "/", b"")

    def test_shows_a_hostile_name_as_text(self, http: Http, paired: Site, auth_service: AuthService) -> None:
        name = '"><script>alert(1)</script>' * 10
        _, token = form(press(http, paired, user={"login": name, "name": name}))
        session_token = auth_service.sign_in_by_link(Purpose.SITE, token)
        shown = http("GET", "/webhooks", headers={"Cookie": f"zoombridge={session_token}"})
        assert shown.code == 200
        assert b"<script>alert" not in shown.body


class TestAtOnce:
    """With JavaScript the page sends its form by itself, where the browser probably finds something there."""

    @pytest.mark.parametrize(
        ("told", "at_once"),
        [
            (("https://bridge.example.org", "https://s1.example.org/wp-admin/"), True),
            (("http://127.0.0.1:8765", "http://127.0.0.1:8080/wp-admin/"), True),
            (("http://127.0.0.1:8765", "https://s1.example.org/wp-admin/"), False),
            (("http://localhost:8765", "https://s1.example.org/wp-admin/"), False),
        ],
    )
    def test_as_the_site_was_paired(
        self, http: Http, save: Callable[[Site], None], wp_site: Site, told: tuple[str, str], at_once: bool
    ) -> None:
        bridge_url, page = told
        site = replace(wp_site, bridge_url=bridge_url)
        save(site)
        answer = press(http, site, page=page)
        assert (b" data-at-once>" in answer.body) is at_once
        assert f"Open {bridge_url}" in text(answer)
        assert "--public-url" in text(answer), "and says what to do where nothing is there"

    @pytest.fixture
    def public(self, http: Http, bridge: Bridge) -> Iterator[Http]:
        """A bridge that was told where browsers find it."""

        async def serve() -> Any:
            server = make_server(make_app(bridge, public_url="http://10.0.0.7:8765"))
            socket, port = bind_unused_port()
            server.add_socket(socket)
            return server, port

        server, port = http.loop.run_sync(serve)
        yield Http(http.loop, port)
        server.stop()

    def test_at_the_saved_address(self, http: Http, store: Store, paired: Site) -> None:
        store.write(
            lambda connection: settings.save_public_url(connection, "https://zoom.example.org/bridge")
        )
        assert form(press(http, paired))[0] == "https://zoom.example.org/bridge/enter"

    def test_as_the_bridge_was_told(self, public: Http, paired: Site) -> None:
        answer = press(public, paired)
        assert form(answer)[0] == "http://10.0.0.7:8765/enter"
        assert b" data-at-once>" in answer.body
