"""Calendars: served as the bridge generates them, without the events of posts that are not public."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.plugin_stub.bridge_double import BridgeRequest, BridgeResponse, as_json

if TYPE_CHECKING:
    from tests.plugin_stub.bridge_double import BridgeDouble
    from tests.wordpress import WordPress


def event(post: int, text: str) -> str:
    return f"BEGIN:VEVENT\r\nSUMMARY:{text}\r\nX-ZOOMBRIDGE-POST:{post}\r\nSTATUS:CONFIRMED\r\nEND:VEVENT\r\n"


def calendar(*events: str) -> BridgeResponse:
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(events)}END:VCALENDAR\r\n".encode()
    return BridgeResponse(200, body, {"Content-Type": "text/calendar; charset=utf-8"})


def post(site: WordPress, status: str = "publish", **more: str) -> int:
    made = site.rest("POST", "wp/v2/zoom_meetings", json={"title": "A meeting", "status": status, **more})
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def fetch(site: WordPress, name: str = "calendar.ics", **headers: str) -> requests.Response:
    return requests.get(f"{site.rest_root}zoombridge/v1/{name}", headers=headers, timeout=90)


class TestCalendar:
    def test_is_served_as_the_bridge_generates_it(self, paired: WordPress, bridge: BridgeDouble) -> None:
        shown = calendar(event(post(paired), "Choir ü"))
        bridge.respond = lambda _: shown

        answer = fetch(paired)

        assert answer.status_code == 200
        assert answer.content == shown.body
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert "max-age=300" in answer.headers["Cache-Control"]
        assert bridge.requests[0].target == "/stub/calendar"
        assert bridge.requests[0].is_signed

    def test_of_one_meeting(self, paired: WordPress, bridge: BridgeDouble) -> None:
        shown = calendar(event(post(paired), "One"))
        bridge.respond = lambda _: shown

        assert fetch(paired, "calendar/85393847045.ics").content == shown.body
        assert bridge.requests[0].target == "/stub/calendar/85393847045"

    def test_is_cached(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: calendar(event(post(paired), "Choir"))
        first = fetch(paired)

        bridge.respond = lambda _: calendar()

        assert fetch(paired).content == first.content
        assert len(bridge.requests) == 1

    def test_known_etag_is_not_modified(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: calendar()
        first = fetch(paired)

        again = fetch(paired, **{"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize("status", ["draft", "pending", "private"])
    def test_omits_posts_that_are_not_published(
        self, paired: WordPress, bridge: BridgeDouble, status: str
    ) -> None:
        hidden, shown = post(paired, status), post(paired)
        bridge.respond = lambda _: calendar(event(hidden, "Hidden"), event(shown, "Shown"))

        answer = fetch(paired).text

        assert "Hidden" not in answer
        assert "Shown" in answer

    def test_omits_protected_and_deleted_posts(self, paired: WordPress, bridge: BridgeDouble) -> None:
        hidden = post(paired, password="secret")
        bridge.respond = lambda _: calendar(event(hidden, "Hidden"), event(99_999_999, "Gone"))

        assert fetch(paired).text == "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"

    @pytest.mark.parametrize(("status", "is_listed"), [("publish", True), ("private", False)])
    def test_trashed_post_counts_with_its_previous_status(
        self, paired: WordPress, bridge: BridgeDouble, status: str, is_listed: bool
    ) -> None:
        trashed = post(paired, status)
        assert paired.rest("DELETE", f"wp/v2/zoom_meetings/{trashed}").status_code == 200
        bridge.respond = lambda _: calendar(event(trashed, "Cancelled"))

        assert ("Cancelled" in fetch(paired).text) is is_listed

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (as_json({"code": "zoombridge_no_meeting", "message": "No."}, 404), 404),
            (BridgeResponse(200, b"<html>", signed_with="0" * 64), 503),
        ],
    )
    def test_error_of_the_bridge(
        self, paired: WordPress, bridge: BridgeDouble, answer: BridgeResponse, status: int
    ) -> None:
        def refuse(_: BridgeRequest) -> BridgeResponse:
            return answer

        bridge.respond = refuse

        refused = fetch(paired, "calendar/85393847045.ics")

        assert refused.status_code == status
        assert refused.json()["code"] == "zoombridge_no_calendar"

    @pytest.mark.parametrize("name", ["calendar/1.ics", "calendar/abc.ics", "calendar", "calendarXics"])
    def test_other_routes_are_not_found(self, paired: WordPress, bridge: BridgeDouble, name: str) -> None:
        assert fetch(paired, name).status_code == 404
        assert bridge.requests == []
