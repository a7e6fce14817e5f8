"""Who may open the bridge's own pages."""

import pytest
from tornado.testing import bind_unused_port

from core.bridge import Bridge
from core.store.sites import Site
from tests.web.conftest import Http, text
from web.app import make_app
from web.server import make_server
from web.signin import SignInLink

PAGES = ["/webhooks", "/webhooks?site=s1"]


class TestNobody:
    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize(
        "headers", [{}, {"Cookie": "zoombridge=forged"}, {"Cookie": 'zoombridge="2|1:0"'}]
    )
    def test_gets_a_page(
        self, http: Http, wp_site: Site, path: str, method: str, headers: dict[str, str]
    ) -> None:
        answer = http(method, path, b"site=s1" if method == "POST" else None, headers)
        assert (answer.code, answer.headers["Location"]) == (303, "/signin")
        assert b"example.org" not in (answer.body or b"")

    def test_is_told_where_to_find_the_link(self, http: Http) -> None:
        answer = http("GET", "/signin")
        assert answer.code == 401
        assert "zoombridge serve" in text(answer)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    def test_gets_in_with_a_guess(self, http: Http, link: SignInLink) -> None:
        for guess in ("x", "%C3%A9", "x" * 10_000):
            answer = http("GET", f"/signin?token={guess}")
            assert answer.code == 403
            assert "Set-Cookie" not in answer.headers
        assert http("GET", link.path).code == 302, "and guesses do not use it up"

    def test_is_shown_the_start(self, http: Http) -> None:
        answer = http("GET", "/")
        assert (answer.code, answer.headers["Location"]) == (302, "/webhooks")


class TestLink:
    def test_works_once(self, http: Http, link: SignInLink) -> None:
        path = link.path
        answer = http("GET", path)
        assert (answer.code, answer.headers["Location"]) == (302, "/")
        again = http("GET", path)
        assert again.code == 403
        assert "does not work any more" in text(again)
        assert "Set-Cookie" not in again.headers
        assert link.path == ""

    def test_makes_a_session_that_no_script_reads(self, http: Http, link: SignInLink) -> None:
        cookie = http("GET", link.path).headers["Set-Cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "expires" not in cookie

    def test_is_not_kept_by_anybody_on_the_way(self, http: Http, link: SignInLink) -> None:
        answer = http("GET", link.path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"

    def test_is_not_guessed(self) -> None:
        assert len(SignInLink().path) > 40
        assert SignInLink().path != SignInLink().path


class TestSession:
    def test_opens_the_pages(self, http: Http, session: dict[str, str], wp_site: Site) -> None:
        assert http("GET", "/webhooks", headers=session).code == 200

    def test_ends_with_the_process(
        self, http: Http, session: dict[str, str], wp_site: Site, bridge: Bridge
    ) -> None:
        """Each start signs sessions with a key of its own."""

        async def serve() -> int:
            server = make_server(make_app(bridge))
            socket, port = bind_unused_port()
            server.add_socket(socket)
            return int(port)

        restarted = Http(http.loop, http.loop.run_sync(serve))
        assert restarted("GET", "/webhooks", headers=session).code == 303

    def test_is_not_to_be_changed(self, http: Http, session: dict[str, str], wp_site: Site) -> None:
        changed = {"Cookie": session["Cookie"][:-3] + "abc"}
        assert http("GET", "/webhooks", headers=changed).code == 303
