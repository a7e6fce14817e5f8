"""What happens around a meeting, on the way through the real WordPress: live, recorded, registered; and its calendar."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.calendar_readers import complaints, icaljs
from tests.end_to_end.events import Meeting, z
from tests.end_to_end.test_rules import Owner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.pair import Pair


@pytest.fixture
def now_on() -> Meeting:
    """A meeting whose time is now."""
    return Meeting("meeting", start=datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5))


@pytest.fixture
def telling(pair: Pair) -> Iterator[Pair]:
    """A pair whose site shows recordings to everybody, and how many registered."""
    owner = Owner(pair)
    owner.decide(recordings="everybody", recording_passcode="yes", registrations="yes")
    yield pair
    owner.decide()


def tell_of_many(pair: Pair, event: dict[str, Any]) -> None:
    """Send an event that names no meeting: there is none to wait for."""
    assert pair.send(event, route="recording").status_code == 204


class TestLive:
    def test_shows_while_it_runs(self, pair: Pair, now_on: Meeting) -> None:
        pair.tell(now_on.created(), now_on.started())
        pair.await_page(now_on.number, "Live now", now_on.join_url)

        pair.tell(now_on.ended())
        page = pair.await_page(now_on.number, "can be joined again", gone=("Live now",))
        assert now_on.join_url in page

        details = json.loads(pair.post(now_on.number)["zoombridge_test"]["details"])
        assert details["state"] == ""
        assert details["start_time"] == z(now_on.start)

    def test_has_ended_once_its_scheduled_end_is_over_as_well(self, pair: Pair) -> None:
        over = Meeting("meeting", start=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=65))
        pair.tell(over.created(), over.started())
        pair.await_page(over.number, "Live now", over.join_url)
        pair.tell(over.ended())
        pair.await_page(over.number, "Ended", gone=("Live now", over.join_url))
        assert json.loads(pair.post(over.number)["zoombridge_test"]["details"])["state"] == "ended"


class TestRecordings:
    def test_come_and_go_as_zoom_has_them(self, telling: Pair, now_on: Meeting) -> None:
        link = f"https://example.zoom.us/rec/share/{now_on.number}"
        telling.tell(now_on.created(), now_on.ended(), now_on.recording("completed"), route="recording")
        page = telling.await_page(now_on.number, link, "rec-4711")
        assert "OPENS-IT-FOR-EVERYBODY" not in page
        assert "DOWNLOAD-TOKEN" not in page

        telling.tell(now_on.recording("trashed"), route="recording")
        telling.await_page(now_on.number, gone=(link,))
        telling.tell(now_on.recording("recovered"), route="recording")
        telling.await_page(now_on.number, link)
        telling.tell(now_on.recording("deleted"), route="recording")
        telling.await_page(now_on.number, gone=(link,))

    def test_many_at_once_come_and_go_though_no_meeting_is_named(self, telling: Pair) -> None:
        first, second = Meeting("meeting"), Meeting("webinar")
        uuids = [f"/{meeting.number}+recorded==" for meeting in (first, second)]
        links = [f"https://example.zoom.us/rec/share/{meeting.number}" for meeting in (first, second)]
        telling.tell(first.created(), second.created())
        early = first.recording("completed", uuids[0])
        telling.tell(early, second.recording("completed", uuids[1]), route="recording")
        telling.await_page(first.number, links[0])
        telling.await_page(second.number, links[1])

        tell_of_many(telling, Meeting.recordings("trashed", *uuids))
        telling.await_page(first.number, gone=(links[0],))
        telling.await_page(second.number, gone=(links[1],))
        tell_of_many(telling, Meeting.recordings("recovered", *uuids))
        telling.await_page(first.number, links[0])
        telling.await_page(second.number, links[1])
        tell_of_many(telling, Meeting.recordings("deleted", uuids[0]))
        telling.await_page(first.number, gone=(links[0],))
        assert links[1] in telling.page(second.number)

    def test_one_that_comes_after_it_was_taken_away_is_not_shown(self, telling: Pair) -> None:
        meeting = Meeting("meeting")
        uuid = f"/{meeting.number}+late=="
        late = meeting.recording("completed", uuid)
        telling.tell(meeting.created())
        tell_of_many(telling, Meeting.recordings("trashed", uuid))
        telling.tell(late, meeting.updated(topic="After all of it"), route="recording")
        telling.await_page(meeting.number, "After all of it", gone=("rec/share",))
        (recording,) = telling.state(meeting.number)["recordings"].values()
        assert recording["state"] == "trashed"

    def test_are_shown_to_nobody_unless_a_rule_says_so(self, pair: Pair, now_on: Meeting) -> None:
        pair.tell(now_on.created(), now_on.recording("completed"), route="recording")
        assert "rec/share" not in pair.page(now_on.number)


class TestRegistrations:
    def test_are_counted_and_nobody_is_named(self, telling: Pair) -> None:
        meeting = Meeting("meeting")
        telling.tell(meeting.created(), meeting.registered("jill"), meeting.registered("joe"))
        page = telling.await_page(meeting.number, "2 people registered")
        telling.tell(meeting.registered("joe", "cancelled"))
        page += telling.await_page(meeting.number, "1 person registered")
        assert "jill" not in page
        assert "jill" not in str(telling.state(meeting.number))


class TestCalendar:
    def test_of_a_meeting_is_reached_from_its_page(self, pair: Pair) -> None:
        meeting = Meeting("meeting")
        pair.tell(meeting.created())
        link = f"{pair.site.rest_root}zoombridge/v1/calendar/{meeting.number}.ics"
        assert link in pair.await_page(meeting.number, "Add to your calendar")

        answer = requests.get(link, timeout=600)

        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert complaints(answer.content) == []
        assert icaljs(answer.content) == [(z(meeting.start), z(meeting.start + timedelta(hours=1)))]

    def test_of_the_site_holds_what_everybody_may_see(self, pair: Pair) -> None:
        shown, hidden = Meeting("meeting", topic="Open to all"), Meeting("webinar", topic="Behind doors")
        pair.tell(shown.created(), hidden.created())
        pair.edit(pair.post(hidden.number)["id"], status="private")
        pair.site.php(
            "global $wpdb; $wpdb->query( \"DELETE FROM {$wpdb->options} WHERE option_name LIKE '%zoombridge/stub%'\" );"
        )

        calendar = requests.get(f"{pair.site.rest_root}zoombridge/v1/calendar.ics", timeout=600).content

        assert complaints(calendar) == []
        assert b"SUMMARY:Open to all" in calendar
        assert b"Behind doors" not in calendar
        unfolded = calendar.replace(b"\r\n ", b"")
        assert str(shown.number).encode() not in unfolded.replace(shown.join_url.encode(), b"")
