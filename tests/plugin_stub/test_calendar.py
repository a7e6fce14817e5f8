"""Calendars: served as the bridge generates them, without the events of posts that are not public."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.plugin_stub.bridge_double import BridgeRequest, BridgeResponse, as_json
from tests.plugin_stub.posts import NUMBER, POSTS, make

if TYPE_CHECKING:
    from tests.plugin_stub.bridge_double import BridgeDouble
    from tests.wordpress import WordPress


def event(post: int, text: str, status: str = "CONFIRMED") -> str:
    return f"BEGIN:VEVENT\r\nSUMMARY:{text}\r\nX-ZOOMBRIDGE-POST:{post}\r\nSTATUS:{status}\r\nEND:VEVENT\r\n"


def calendar(*events: str) -> BridgeResponse:
    body = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(events)}END:VCALENDAR\r\n".encode()
    return BridgeResponse(200, body, {"Content-Type": "text/calendar; charset=utf-8"})


def post(site: WordPress, status: str = "publish", **more: Any) -> int:
    made = site.rest("POST", POSTS, json={"title": "A meeting", "status": status, **more})
    assert made.status_code == 201, made.text
    return int(made.json()["id"])


def post_of_meeting(site: WordPress) -> int:
    """Make the post of the meeting NUMBER, as the bridge does."""
    return int(make(site)["id"])


def set_metas(site: WordPress, post: int, metas: dict[str, Any]) -> None:
    site.php(
        "foreach ( $metas as $key => $value ) { update_post_meta( $post, $key, $value ); }",
        post=post,
        metas=metas,
    )


def fetch(site: WordPress, name: str = "calendar.ics", **headers: str) -> requests.Response:
    return requests.get(f"{site.rest_root}zoombridge/v1/{name}", headers=headers, timeout=600)


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
        shown = calendar(event(post_of_meeting(paired), "One"))
        bridge.respond = lambda _: shown

        assert fetch(paired, f"calendar/{NUMBER}.ics").content == shown.body
        assert bridge.requests[0].target == f"/stub/calendar/{NUMBER}"

    def test_of_a_number_without_a_post_needs_no_bridge_and_no_cache(
        self, paired: WordPress, bridge: BridgeDouble
    ) -> None:
        """Anybody can request any number."""
        answers = [fetch(paired, f"calendar/{number}.ics") for number in (123_456, 999_999_999)]

        assert [(one.status_code, one.headers["Cache-Control"]) for one in answers] == [
            (404, "public, max-age=300")
        ] * 2
        assert bridge.requests == []
        cached = paired.php(
            "global $wpdb; return $wpdb->get_col( \"SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE '%zoombridge/stub%'\" );"
        )
        assert cached == []

    def test_that_the_bridge_does_not_have_is_cached(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """As of a meeting that was long ago."""
        post_of_meeting(paired)
        bridge.respond = lambda _: as_json({"code": "zoombridge_no_meeting", "message": "No."}, 404)

        answers = [fetch(paired, f"calendar/{NUMBER}.ics") for _ in range(3)]

        assert [(one.status_code, one.headers["Cache-Control"]) for one in answers] == [
            (404, "public, max-age=300")
        ] * 3
        assert len(bridge.requests) == 1

    def test_a_failure_is_cached_for_a_moment(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: BridgeResponse(200, b"<html>", signed_with="0" * 64)

        answers = [fetch(paired) for _ in range(3)]

        assert [(one.status_code, one.headers["Cache-Control"]) for one in answers] == [(503, "no-store")] * 3
        assert len(bridge.requests) == 1

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

    @pytest.mark.parametrize("form", ["W/{}", '"other", {}', "W/{} , *", '{}-gzip"'])
    def test_known_etag_is_recognized_as_servers_and_caches_write_it(
        self, paired: WordPress, bridge: BridgeDouble, form: str
    ) -> None:
        bridge.respond = lambda _: calendar()
        etag = fetch(paired).headers["ETag"]
        told = form.format(etag[:-1] if form.endswith('-gzip"') else etag)

        assert fetch(paired, **{"If-None-Match": told}).status_code == 304

    def test_other_etag_is_modified(self, paired: WordPress, bridge: BridgeDouble) -> None:
        bridge.respond = lambda _: calendar()
        etag = fetch(paired).headers["ETag"]

        assert fetch(paired, **{"If-None-Match": f'"x{etag[1:]}, ""'}).status_code == 200

    @pytest.mark.parametrize("status", ["draft", "pending", "private"])
    def test_omits_posts_that_are_not_published(
        self, paired: WordPress, bridge: BridgeDouble, status: str
    ) -> None:
        hidden, shown = post(paired, status), post(paired)
        bridge.respond = lambda _: calendar(event(hidden, "Hidden"), event(shown, "Shown"))

        answer = fetch(paired).text

        assert "Hidden" not in answer
        assert "Shown" in answer

    def test_text_ends_no_event(self, paired: WordPress, bridge: BridgeDouble) -> None:
        hidden = post(paired, "private")
        agenda = r"DESCRIPTION:Before\nEND:VEVENT\nHidden" + "\r\n END:VEVENT"
        event_ = event(hidden, "Hidden").replace("STATUS:CONFIRMED", agenda)
        bridge.respond = lambda _: calendar(event_)

        assert fetch(paired).text == "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"

    def test_long_text_empties_nothing(self, paired: WordPress, bridge: BridgeDouble) -> None:
        shown = calendar(event(post(paired), "x" * 20_000))
        bridge.respond = lambda _: shown

        assert fetch(paired).content == shown.body

    def test_omits_what_is_of_no_post_or_of_a_post_of_another_type(
        self, paired: WordPress, bridge: BridgeDouble
    ) -> None:
        made = paired.rest("POST", "wp/v2/posts", json={"title": "News", "status": "publish"})
        unassigned = event(0, "Hidden").replace("X-ZOOMBRIDGE-POST:0\r\n", "")
        bridge.respond = lambda _: calendar(unassigned, event(int(made.json()["id"]), "Hidden"))

        assert "Hidden" not in fetch(paired).text

    def test_omits_protected_and_deleted_posts(self, paired: WordPress, bridge: BridgeDouble) -> None:
        hidden = post(paired, password="secret")
        bridge.respond = lambda _: calendar(event(hidden, "Hidden"), event(99_999_999, "Gone"))

        assert fetch(paired).text == "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"

    @pytest.mark.parametrize(
        "metas",
        [{"_meeting_fields": {"site_option_logged_in": "1"}}, {"_zoombridge_joining_disabled": "1"}],
    )
    def test_omits_links_that_the_site_hides(
        self, paired: WordPress, bridge: BridgeDouble, metas: dict[str, Any]
    ) -> None:
        """VCZAPI's *Requires Login* and its button; a public event has its link in two lines."""
        secret = "LOCATION:https://zoom.us/j/1?pwd=x\r\nDESCRIPTION:Join: https://zoom.us/j/1?\r\n pwd=x\r\n"
        limited, shown = post(paired), post(paired)
        set_metas(paired, limited, metas)
        events = [event(one, text) for one, text in ((limited, "Limited"), (shown, "Shown"))]
        with_links = [one.replace("STATUS", f"{secret}STATUS") for one in events]
        bridge.respond = lambda _: calendar(*with_links)

        assert fetch(paired).content == calendar(events[0], with_links[1]).body

    def test_events_without_a_link_are_whole(self, paired: WordPress, bridge: BridgeDouble) -> None:
        """As where the bridge's own rules show the link to signed-in users only, and tick *Requires Login*."""
        limited = post(paired)
        set_metas(paired, limited, {"_meeting_fields": {"site_option_logged_in": "1"}})
        shown = calendar(event(limited, "Choir").replace("STATUS", "DESCRIPTION:Bring your notes\r\nSTATUS"))
        bridge.respond = lambda _: shown

        assert fetch(paired).content == shown.body

    @pytest.mark.parametrize(
        ("status", "of_event", "is_listed"),
        [("publish", "CANCELLED", True), ("publish", "CONFIRMED", False), ("private", "CANCELLED", False)],
    )
    def test_trashed_post_counts_with_its_previous_status_where_its_meeting_is_cancelled(
        self, paired: WordPress, bridge: BridgeDouble, status: str, of_event: str, is_listed: bool
    ) -> None:
        trashed = post(paired, status)
        assert paired.rest("DELETE", f"wp/v2/zoom_meetings/{trashed}").status_code == 200
        bridge.respond = lambda _: calendar(event(trashed, "Trashed", of_event))

        assert ("Trashed" in fetch(paired).text) is is_listed

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
        post_of_meeting(paired)

        refused = fetch(paired, f"calendar/{NUMBER}.ics")

        assert refused.status_code == status
        assert refused.json()["code"] == "zoombridge_no_calendar"

    @pytest.mark.parametrize("name", ["calendar/1.ics", "calendar/abc.ics", "calendar", "calendarXics"])
    def test_other_routes_are_not_found(self, paired: WordPress, bridge: BridgeDouble, name: str) -> None:
        assert fetch(paired, name).status_code == 404
        assert bridge.requests == []
