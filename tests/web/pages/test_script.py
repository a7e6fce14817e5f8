"""What the page's script adds, in a real Chromium: parts that bring themselves up to date, questions, times.

The browser is given pages made of the real templates, under the policy that the bridge's own pages have.
"""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import pytest
from markupsafe import Markup
from playwright.sync_api import expect
from tornado.web import RequestHandler

from web.ui.shell import BrowserShell, _environment, set_security_headers
from web.ui.viewer import Role, Viewer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page, Request, Route

ADDRESS = "http://bridge.example.org/jobs/7"
NONCE = "n0nce"

FRAME = """
{% extends shell.template %}
{% from "parts/progress.jinja" import progress %}
{% block main %}<h1>Job</h1><input aria-label="Elsewhere">BODY{% endblock %}
"""
JOB = """
{% call progress("zb-job", "Replay", STATE, done=DONE, total=100, again="/jobs/7") %}
  <form method="post" action="/stop"><button name="do" value="stop">Stop</button></form>
  <label>Note <input id="zb-note" name="note"></label><label>Link <input id="zb-link" readonly value="copy me"></label>
{% endcall %}
"""


def rendered(body: str) -> str:
    shell = BrowserShell(NONCE, Markup(""))
    template = _environment("en").from_string(FRAME.replace("BODY", body))
    return template.render(
        shell=shell, version="", tabs=(), current="", viewer=Viewer("anna", Role.ADMINISTRATOR)
    )


def job(done: int, state: str = "running") -> str:
    return rendered(JOB.replace("DONE", str(done)).replace("STATE", f'"{state}"'))


class _Headers(RequestHandler):
    def __init__(self) -> None:
        self.given: dict[str, str] = {}

    def set_header(self, name: str, value: Any) -> None:
        self.given[name] = value


class Bridge:
    """Answers every request of the browser; `answer` makes the page, and may be changed meanwhile."""

    def __init__(self, page: Page) -> None:
        self.answer: Callable[[], str | None] = lambda: ""
        self.asked: list[Request] = []
        headers = _Headers()
        set_security_headers(headers, NONCE)
        self._headers = headers.given | {"Content-Type": "text/html; charset=utf-8"}
        page.route("**/*", self._fulfil)

    def _fulfil(self, route: Route, request: Request) -> None:
        self.asked.append(request)
        body = self.answer()
        if body is None:
            route.fulfill(status=503)
        else:
            route.fulfill(status=200, headers=self._headers, body=body)

    def shows(self, body: str | None) -> None:
        self.answer = lambda: body


class Served:
    """A server on this machine: `shown` are its pages by path, `moved` redirects. Anything else is an empty page."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                moved = served.moved.get(self.path)
                self.send_response(303 if moved else 200)
                if moved:
                    self.send_header("Location", moved)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                if not moved:
                    self.wfile.write(served.shown.get(self.path, "<!doctype html>").encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def bridge(page: Page) -> Bridge:
    # The time stands still, but for what a test lets go by.
    page.clock.install()
    return Bridge(page)


def opened(page: Page, bridge: Bridge, body: str) -> None:
    bridge.shows(body)
    page.goto(ADDRESS)
    bridge.asked.clear()


class TestLive:
    def test_is_brought_up_to_date_until_it_is_done(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, job(10))
        expect(page.get_by_text("10 of 100")).to_be_visible()

        bridge.shows(job(60))
        page.clock.run_for(2_100)
        expect(page.get_by_text("60 of 100")).to_be_visible()
        bridge.shows(job(100, "done"))
        page.clock.run_for(2_100)
        expect(page.get_by_text("100 of 100")).to_be_visible()

        asked = len(bridge.asked)
        page.clock.run_for(60_000)
        assert len(bridge.asked) == asked == 2

    def test_says_what_changed_but_not_every_number(self, page: Page, bridge: Bridge) -> None:
        voice = page.locator("[aria-live=polite]")
        opened(page, bridge, job(10))
        for done, said in [(11, ""), (26, "Replay: Running, 25 %"), (30, "Replay: Running, 25 %")]:
            bridge.shows(job(done))
            page.clock.run_for(2_100)
            expect(page.get_by_text(f"{done} of 100")).to_be_visible()
            expect(voice).to_have_text(said)
        bridge.shows(job(100, "done"))
        page.clock.run_for(2_100)
        expect(voice).to_have_text("Replay: Done")

    def test_keeps_the_focus(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, job(10))
        page.get_by_role("button", name="Stop").focus()
        bridge.shows(job(20))
        page.clock.run_for(2_100)
        expect(page.get_by_text("20 of 100")).to_be_visible()
        expect(page.get_by_role("button", name="Stop")).to_be_focused()

    @pytest.mark.parametrize(("label", "selected"), [("Note", ""), ("Link", "copy me")])
    def test_goes_on_where_a_field_is_only_focused(
        self, page: Page, bridge: Bridge, label: str, selected: str
    ) -> None:
        opened(page, bridge, job(10))
        field = page.get_by_label(label)
        field.focus()
        bridge.shows(job(20))
        page.clock.run_for(2_100)
        expect(page.get_by_text("20 of 100")).to_be_visible()
        expect(field).to_be_focused()
        assert field.evaluate("it => it.value.slice(it.selectionStart, it.selectionEnd)") == selected

    def test_disturbs_nobody_who_types_in_it(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, job(10))
        page.get_by_label("Note").fill("half a")
        bridge.shows(job(20))
        with page.expect_response(ADDRESS):
            page.clock.run_for(2_100)
        # What is asked for after it comes after it.
        page.evaluate("fetch(location.href).then((answer) => answer.text())")
        expect(page.get_by_text("10 of 100")).to_be_visible()
        expect(page.get_by_label("Note")).to_have_value("half a")
        page.get_by_label("Elsewhere").focus()
        page.clock.run_for(2_100)
        expect(page.get_by_text("20 of 100")).to_be_visible()
        expect(page.get_by_label("Note")).to_have_value("half a")

    def test_gives_up_when_the_bridge_does_not_answer_and_says_so(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, job(10))
        expect(page.get_by_role("link", name="Refresh")).to_be_hidden()
        bridge.shows(None)
        for _ in range(8):
            page.clock.run_for(70_000)
            page.wait_for_function("true")
        expect(page.get_by_role("region", name="Replay").get_by_text("no longer updated")).to_be_visible()
        expect(page.get_by_role("link", name="Refresh")).to_be_visible()
        expect(page.get_by_text("10 of 100")).to_be_visible()
        asked = len(bridge.asked)
        page.clock.run_for(600_000)
        assert len(bridge.asked) == asked == 6

    def test_goes_on_after_a_short_failure(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, job(10))
        bridge.shows(None)
        with page.expect_response(ADDRESS):
            page.clock.run_for(2_100)
        bridge.shows(job(70))
        page.clock.run_for(4_100)
        expect(page.get_by_text("70 of 100")).to_be_visible()

    def test_rests_while_nobody_sees_it(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, job(10))
        hidden = """(to) => {
            Object.defineProperty(document, 'hidden', {configurable: true, get: () => to});
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
        page.evaluate(hidden, True)
        page.clock.run_for(60_000)
        assert bridge.asked == []
        bridge.shows(job(80))
        page.evaluate(hidden, False)
        expect(page.get_by_text("80 of 100")).to_be_visible()

    def test_is_not_taken_from_another_page(self, page: Page, bridge: Bridge) -> None:
        """Signed out meanwhile, say: what is there stays, and is tried again."""
        opened(page, bridge, job(10))
        bridge.shows(rendered("<p>Sign in</p>"))
        page.clock.run_for(2_100)
        expect(page.get_by_text("10 of 100")).to_be_visible()
        bridge.shows(job(90))
        page.clock.run_for(4_100)
        expect(page.get_by_text("90 of 100")).to_be_visible()


class TestFollow:
    """A part that is done leads on: the bridge redirects its page then."""

    PART = """
    <section id="zb-part" data-live="1" FOLLOW>
      <p data-refresh><a href="/part">Refresh</a></p>
    </section>
    """

    @pytest.fixture
    def pages(self) -> Iterator[Served]:
        with Served() as served:
            yield served

    def test_goes_on_to_where_the_page_leads(self, page: Page, pages: Served) -> None:
        pages.shown["/part"] = rendered(self.PART.replace("FOLLOW", "data-follow"))
        pages.shown["/done"] = rendered("<h1>Connected</h1>")
        page.goto(pages.url + "/before")
        page.goto(pages.url + "/part")
        pages.moved["/part"] = "/done"
        page.wait_for_url(pages.url + "/done")
        page.go_back()
        assert page.url == pages.url + "/before", "and back does not lead there again"

    def test_stays_where_nothing_else_is_said(self, page: Page, pages: Served) -> None:
        """Signed out meanwhile, say."""
        pages.shown["/part"] = rendered(self.PART.replace("FOLLOW", ""))
        page.goto(pages.url + "/part")
        pages.moved["/part"] = "/signin"
        with page.expect_response(pages.url + "/signin"):
            pass
        pages.moved.clear()
        with page.expect_response(lambda response: response.url == pages.url + "/part"):
            pass
        assert page.url == pages.url + "/part"


class TestQuestion:
    FORM = """
    <form method="post" action="/remove" data-confirm="Remove it?">
      <button name="remove" value="7">Remove</button>
    </form>
    """

    def test_nothing_is_sent_before_it_is_answered(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, rendered(self.FORM))
        page.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog", name="Remove it?").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert bridge.asked == []

    def test_the_button_pressed_is_sent_with_it(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, rendered(self.FORM))
        page.get_by_role("button", name="Remove").click()
        with page.expect_navigation():
            page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        (sent,) = bridge.asked
        assert sent.url.endswith("/remove")
        assert parse_qs(sent.post_data or "") == {"remove": ["7"]}


class TestTimes:
    @pytest.fixture
    def browser_context_args(self, browser_context_args: dict[str, Any]) -> dict[str, Any]:
        return browser_context_args | {"timezone_id": "Asia/Tokyo", "locale": "en-GB"}

    def test_are_in_the_readers_zone_as_their_region_writes_them(self, page: Page, bridge: Bridge) -> None:
        opened(page, bridge, rendered("<p>{{ 1767603600000|time }}</p>"))
        moment = page.locator("time")
        expect(moment).to_have_text(re.compile(r"5 Jan 2026, 18:00"))
        expect(moment).to_have_attribute("title", "2026-01-05 09:00 UTC")

    def test_of_filters_are_typed_in_the_readers_zone_and_sent_in_utc(
        self, page: Page, bridge: Bridge
    ) -> None:
        body = """<form action="/found">
          <label for="zb-a">From (UTC)</label><input id="zb-a" name="a" type="datetime-local" value="2026-01-05T09:00">
          <label for="zb-b">Before (UTC)</label><input id="zb-b" name="b" type="datetime-local">
          <label for="zb-c">Next (UTC)</label><input id="zb-c" name="c" type="datetime-local"><button>Search</button></form>"""
        opened(page, bridge, rendered(body))
        expect(page.get_by_label("From (Asia/Tokyo)")).to_have_value("2026-01-05T18:00")
        page.get_by_label("Before (Asia/Tokyo)").fill("2026-01-06T03:30")
        with page.expect_navigation():
            page.get_by_role("button", name="Search").click()
        assert page.url.endswith("/found?a=2026-01-05T09%3A00&b=2026-01-05T18%3A30&c=")


def test_a_table_stays_one_where_it_looks_like_cards(page: Page, bridge: Bridge) -> None:
    page.set_viewport_size({"width": 375, "height": 800})
    opened(
        page,
        bridge,
        rendered(
            '<table class="zoombridge-table"><thead><tr><th scope="col">Event</th><th scope="col">Came</th></tr></thead>'
            '<tbody><tr><th scope="row">meeting.created</th><td data-label="Came">today</td></tr></tbody></table>'
        ),
    )
    assert page.locator("td").evaluate("(cell) => getComputedStyle(cell).display") == "flow-root"
    expect(page.get_by_role("rowheader", name="meeting.created")).to_be_visible()
    expect(page.get_by_role("cell", name="today")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Came")).to_have_count(1)
