"""Addresses at which there is nothing: a page for people, an error object for programs."""

from __future__ import annotations

import json
from html import unescape
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tornado.httpclient import HTTPResponse

    from tests.web.conftest import Http
    from tests.web.pages.doors import Door

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HOSTILE = "/nowhere/%3Cscript%3Ealert(1)%3C/script%3E?q=%22%3E%3Cb%3E"


def opened(http: Http, path: str, **headers: str) -> HTTPResponse:
    answer = http("GET", path, None, BROWSER | headers)
    assert answer.code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src 'nonce-" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    return answer


def test_a_signed_in_person_gets_a_page_with_the_navigation(http: Http, session: dict[str, str]) -> None:
    shown = opened(http, HOSTILE, **session).body.decode()
    assert "There is no page at this address." in shown
    assert '<a href="/meetings"' in shown
    assert "Back to the overview" in shown
    for part in ("nowhere", "alert(1)", "%3C"):
        assert part not in shown


def test_a_stranger_gets_a_page_that_leads_to_the_sign_in(http: Http) -> None:
    for headers in ({}, {"Cookie": "zoombridge=made-up"}):
        shown = opened(http, HOSTILE, **headers).body.decode()
        assert '<a href="/signin">Sign in</a>' in shown
        assert '<a href="/meetings"' not in shown
        assert "alert(1)" not in shown


def test_is_in_the_readers_language(http: Http, session: dict[str, str]) -> None:
    for headers in ({}, session):
        shown = opened(http, "/nowhere", **{"Accept-Language": "de-AT,de;q=0.9"}, **headers).body.decode()
        assert '<html lang="de">' in shown
        assert "Seite nicht gefunden" in shown


@pytest.mark.parametrize("accept", ["application/json", "*/*", ""])
@pytest.mark.parametrize(
    "path", ["/api", "/stub/nowhere", "/metrics/nowhere", "/wp-json/vczapi/v1/nowhere", "/x"]
)
def test_a_program_gets_an_error_object(http: Http, session: dict[str, str], accept: str, path: str) -> None:
    answer = http("GET", path, None, {"Accept": accept} | session)
    assert answer.code == 404
    assert json.loads(answer.body)["code"] == "zoombridge_no_route"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/nowhere", 404, "There is no page at this address."),
        ("/accounts", 403, "Zoom accounts are managed at the bridge's own address."),
        ("/alerts/0123456789abcdef", 404, "There is no such open alert. It may have ended."),
    ],
)
def test_in_wp_admin_an_error_has_the_tabs_of_other_pages(
    stub: Door, path: str, status: int, message: str
) -> None:
    answer = stub.get(path)
    assert answer.code == status
    error = json.loads(answer.body)
    assert error["message"] == message, "for plugins that know no page of an error"
    assert "Something went wrong" in error["html"]
    assert message in unescape(error["html"])
    tabs = error["html"].partition("</nav>")[0]
    assert all(f">{name}</a>" in tabs for name in ("Overview", "Meetings", "Sites", "Settings"))
    assert "Zoom accounts" not in tabs
    assert "<html" not in error["html"]


def test_an_address_that_only_takes_forms_leads_to_the_page_of_its_tab(admin: Door, narrow: Door) -> None:
    """A browser opens it again with its last tabs, or as somebody presses Enter in its address bar."""
    for door in (admin, narrow):
        for path, page in (("/settings/template", "/settings"), ("/sites/s1/address", "/sites")):
            answer = door.get(path)
            assert (answer.code, answer.headers["Location"]) == (303, page)
