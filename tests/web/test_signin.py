"""Who may open the bridge's own pages."""

import re
from urllib.parse import urlencode

import pytest
from tornado.httpclient import HTTPResponse

from core.admission import Admission
from core.store.sites import Site
from core.store.users import Role
from tests.web.conftest import Http, text

PASSWORD = "four words in a row"
PAGES = ["/webhooks", "/webhooks?site=s1"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(http: Http, path: str, headers: dict[str, str] | None = None, **form: str) -> HTTPResponse:
    return http("POST", path, urlencode(form).encode(), FORM | (headers or {}))


def cookie(answer: HTTPResponse) -> dict[str, str]:
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


@pytest.fixture
def anna(admission: Admission) -> str:
    return admission.add("anna", Role.ADMINISTRATOR, PASSWORD)


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
        asked = f"/signin?{urlencode({'to': path})}" if method == "GET" else "/signin"
        assert (answer.code, answer.headers["Location"]) == (303, asked)
        assert b"example.org" not in (answer.body or b"")

    def test_is_told_where_to_find_the_first_link(self, http: Http) -> None:
        answer = http("GET", "/signin")
        assert answer.code == 200
        assert "zoombridge serve" in text(answer)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]

    def test_is_shown_the_start(self, http: Http) -> None:
        answer = http("GET", "/")
        assert (answer.code, answer.headers["Location"]) == (302, "/webhooks")


class TestPassword:
    def test_opens_the_page_that_was_asked_for(self, http: Http, wp_site: Site, anna: str) -> None:
        asked = http("GET", "/webhooks?site=s1").headers["Location"]
        to = re.search(r'name="to" value="([^"]*)"', http("GET", asked).body.decode())
        assert to is not None

        answer = post(http, "/signin", name=" Anna ", password=PASSWORD, to=to[1])
        assert (answer.code, answer.headers["Location"]) == (303, "/webhooks?site=s1")
        assert http("GET", "/webhooks?site=s1", headers=cookie(answer)).code == 200

    def test_makes_a_session_that_no_script_reads(self, http: Http, anna: str) -> None:
        given = post(http, "/signin", name="anna", password=PASSWORD).headers["Set-Cookie"].lower()
        for attribute in ("httponly", "samesite=lax", "path=/", "max-age=2592000"):
            assert attribute in given
        assert "domain" not in given
