"""The calendar is handed on as the bridge made it, without what not everybody may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.plugin_stub.bridge_double import Answer, Asked, as_json

if TYPE_CHECKING:
    from tests.plugin_stub.bridge_double import BridgeDouble
    from tests.wordpress import WordPress


def event(post: int, text: str) -> str:
    return f"BEGIN:VEVENT\r\nSUMMARY:{text}\r\nX-ZOOMBRIDGE-POST:{post}\r\nSTATUS:CONFIRMED\r\nEND:VEVENT\r\n"


def calendar(*events: str) -> Answer:
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(events)}END:VCALENDAR\r\n".encode()
    return Answer(200, body, {"Content-Type": "text/calendar; charset=utf-8"})


def post(site: WordPress, status: str = "publish", **more: str) -> int:
    made = site.rest("POST", "wp/v2/zoom_meetings", json={"title": "A meeting", "status": status, **more})
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def fetch(site: WordPress, name: str = "calendar.ics", **headers: str) -> requests.Response:
    return requests.get(f"{site.rest_root}zoombridge/v1/{name}", headers=headers, timeout=30)


class TestCalendar:
    def test_comes_as_the_bridge_made_it(self, paired: WordPress, bridge: BridgeDouble) -> None:
        shown = calendar(event(post(paired), "Choir ü"))
        bridge.answer = lambda _: shown

        answer = fetch(paired)

        assert answer.status_code == 200
        assert answer.content == shown.body
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert "max-age=300" in answer.headers["Cache-Control"]
        assert bridge.asked[0].target == "/stub/calendar"
        assert bridge.asked[0].is_signed

    def test_of_one_meeting(self, paired: WordPress, bridge: BridgeDouble) -> None:
        shown = calendar(event(post(paired), "One"))
        bridge.answer = lambda _: shown

        assert fetch(paired, "calendar/85393847045.ics").content == shown.body
        assert bridge.asked[0].target == "/stub/calendar/85393847045"

    def test_is_not_asked_for_again_within_minutes(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.answer = lambda _: calendar(event(post(paired), "Choir"))
        first = fetch(paired)

        bridge.answer = lambda _: calendar()

        assert fetch(paired).content == first.content
        assert len(bridge.asked) == 1

    def test_need_not_be_sent_again(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.answer = lambda _: calendar()
        first = fetch(paired)

        again = fetch(paired, **{"If-None-Match": first.headers["ETag"]})

        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize("status", ["draft", "pending", "private"])
    def test_leaves_out_what_not_everybody_may_see(
        self, paired: WordPress, bridge: BridgeDouble, status: str
    ) -> None:
        hidden, shown = post(paired, status), post(paired)
        bridge.answer = lambda _: calendar(event(hidden, "Hidden"), event(shown, "Shown"))

        answer = fetch(paired).text

        assert "Hidden" not in answer
        assert "Shown" in answer

    def test_leaves_out_what_is_protected_and_what_is_gone(
        self, paired: WordPress, bridge: BridgeDouble
    ) -> None:
        hidden = post(paired, password="secret")
        bridge.answer = lambda _: calendar(event(hidden, "Hidden"), event(99_999_999, "Gone"))

        assert fetch(paired).text == "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"

    @pytest.mark.parametrize(("status", "told"), [("publish", True), ("private", False)])
    def test_what_is_in_the_trash_counts_as_what_it_was(
        self, paired: WordPress, bridge: BridgeDouble, status: str, told: bool
    ) -> None:
        trashed = post(paired, status)
        assert paired.rest("DELETE", f"wp/v2/zoom_meetings/{trashed}").status_code == 200
        bridge.answer = lambda _: calendar(event(trashed, "Cancelled"))

        assert ("Cancelled" in fetch(paired).text) is told

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            (as_json({"code": "zoombridge_no_meeting", "message": "No."}, 404), 404),
            (Answer(200, b"<html>", signed_with="0" * 64), 503),
        ],
    )
    def test_is_refused_where_the_bridge_has_none(
        self, paired: WordPress, bridge: BridgeDouble, answer: Answer, status: int
    ) -> None:
        def refuse(_: Asked) -> Answer:
            return answer

        bridge.answer = refuse

        refused = fetch(paired, "calendar/85393847045.ics")

        assert refused.status_code == status
        assert refused.json()["code"] == "zoombridge_no_calendar"

    @pytest.mark.parametrize("name", ["calendar/1.ics", "calendar/abc.ics", "calendar", "calendarXics"])
    def test_other_names_are_none_of_ours(self, paired: WordPress, bridge: BridgeDouble, name: str) -> None:
        assert fetch(paired, name).status_code == 404
        assert bridge.asked == []
