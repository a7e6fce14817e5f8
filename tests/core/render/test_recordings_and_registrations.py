"""What a page tells of what happens around a meeting."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.model.meeting import Meeting
from core.model.rules import Recordings, Rules
from core.render import SiteRules, render

NOW = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
RECORDING = {
    "started": "2026-03-03T18:02:00Z",
    "share_url": "https://zoom.us/rec/share/abc",
    "passcode": "rec-482915",
    "state": "available",
    "files": {},
}


def meeting(instance: dict[str, str] | None = None, **more: Any) -> Meeting:
    object_ = {
        "topic": "Choir",
        "type": 2,
        "start_time": "2026-03-03T18:00:00Z",
        "duration": 60,
        "timezone": "UTC",
        "join_url": "https://zoom.us/j/85393847045",
        "host_id": "host",
    }
    around = {key: more.pop(key) for key in ("recordings", "registrants") if key in more}
    instances = (
        {} if instance is None else {instance["uuid"]: {k: v for k, v in instance.items() if k != "uuid"}}
    )
    return Meeting("account", 85393847045, object={**object_, **more}, instances=instances, **around)


def html(one: Meeting, now: datetime = NOW, **rules: Any) -> str:
    return str(render(one, SiteRules(Rules(**rules)), now).field["html"])


def details(one: Meeting) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(one, SiteRules(), NOW).field["details"])
    return found


JOIN = "https://zoom.us/j/85393847045"
STARTED = {"uuid": "u", "started": "2026-03-03T18:02:00Z"}
ENDED = STARTED | {"ended": "2026-03-03T18:20:00Z"}


class TestLive:
    def test_what_runs_is_live(self) -> None:
        page = html(meeting(STARTED))
        assert "Live now" in page
        assert "Tuesday, March 3, 2026, 6:02 PM" in page
        assert details(meeting(STARTED))["state"] == ""

    def test_an_overrun_is_live_for_half_an_hour_and_then_keeps_its_link(self) -> None:
        end = datetime(2026, 3, 3, 19, tzinfo=UTC)
        assert "Live now" in html(meeting(STARTED), end + timedelta(minutes=29))
        for later in (timedelta(minutes=30), timedelta(hours=5), timedelta(hours=23)):
            page = html(meeting(STARTED), end + later)
            assert "Live now" not in page
            assert "it may still be running" in page
            assert JOIN in page

    def test_an_end_before_the_scheduled_end_leaves_the_link_until_then(self) -> None:
        page = html(meeting(ENDED))
        assert "Live" not in page
        assert "can be joined again" in page
        assert JOIN in page
        assert details(meeting(ENDED))["state"] == ""
        after = html(meeting(ENDED), datetime(2026, 3, 3, 19, tzinfo=UTC))
        assert "Ended" in after
        assert JOIN not in after

    def test_an_end_after_the_scheduled_end_ends_it_at_once(self) -> None:
        late = STARTED | {"ended": "2026-03-03T19:20:00Z"}
        assert JOIN not in html(meeting(late), datetime(2026, 3, 3, 19, 20, tzinfo=UTC))

    def test_what_zoom_forgot_to_end_ends_by_itself(self) -> None:
        started = datetime(2026, 3, 3, 18, 2, tzinfo=UTC)
        assert render(meeting(STARTED), SiteRules(), NOW).until == datetime(2026, 3, 3, 19, tzinfo=UTC)
        post = render(meeting(STARTED), SiteRules(), NOW + timedelta(hours=5))
        assert post.until == started + timedelta(hours=24)
        assert JOIN not in html(meeting(STARTED), started + timedelta(hours=24))

    def test_a_rehearsal_ends_nothing(self) -> None:
        rehearsal = {"uuid": "r", "started": "2026-03-03T17:10:00Z", "ended": "2026-03-03T17:30:00Z"}
        page = html(meeting(rehearsal), datetime(2026, 3, 3, 17, 45, tzinfo=UTC))
        assert "Upcoming" in page
        assert JOIN in page
        assert "joined again" not in html(meeting(rehearsal), NOW)

    def test_another_use_of_the_number_is_not_live(self) -> None:
        other = {"uuid": "x", "started": "2026-02-28T10:00:00Z"}
        page = html(meeting(other), datetime(2026, 2, 28, 10, 5, tzinfo=UTC))
        assert "Live" not in page
        assert "Upcoming" in page

    def test_the_next_date_of_a_series_ends_the_doubt_about_the_last(self) -> None:
        dates = [
            {"occurrence_id": str(hour), "start_time": f"2026-03-03T{hour}:00:00Z", "duration": 60}
            for hour in (18, 22)
        ]
        series = meeting(STARTED, type=8, occurrences=dates)
        assert "it may still be running" in html(series, datetime(2026, 3, 3, 20, 59, tzinfo=UTC))
        page = html(series, datetime(2026, 3, 3, 21, tzinfo=UTC))
        assert "Upcoming" in page
        assert JOIN in page

    def test_without_a_scheduled_time_each_instance_is_live_and_none_ends_the_meeting(self) -> None:
        undated = {"type": 3, "start_time": None, "duration": None}
        assert "Live now" in html(meeting(STARTED, **undated), NOW + timedelta(hours=20))
        page = html(meeting(ENDED, **undated), NOW)
        assert "Live" not in page
        assert JOIN in page

    def test_a_try_the_day_before_ends_nothing(self) -> None:
        tried = {"uuid": "t", "started": "2026-03-02T10:00:00Z", "ended": "2026-03-02T10:05:00Z"}
        assert "Ended" not in html(meeting(tried))
        assert details(meeting(tried))["state"] == ""

    @pytest.mark.parametrize("zoom_type", [3, 8])
    def test_what_goes_on_is_not_over_with_one_instance(self, zoom_type: int) -> None:
        dates = [
            {"occurrence_id": str(day), "start_time": f"2026-03-{day:02}T18:00:00Z", "duration": 60}
            for day in (3, 10)
        ]
        series = meeting(ENDED, type=zoom_type, occurrences=dates)
        assert JOIN in html(series)
        page = html(series, datetime(2026, 3, 3, 19, tzinfo=UTC))
        assert "Ended" not in page
        assert JOIN in page

    def test_a_date_of_a_series_is_live(self) -> None:
        dates = [{"occurrence_id": "1", "start_time": "2026-03-03T18:00:00Z", "duration": 60}]
        assert "Live now" in html(meeting(STARTED, type=8, occurrences=dates))

    def test_one_that_never_ran_says_nothing_of_it(self) -> None:
        assert "state" not in details(meeting())


class TestRecordings:
    def test_are_shown_to_nobody_unless_a_rule_says_so(self) -> None:
        assert "zoom.us/rec" not in html(meeting(ENDED, recordings={"u": RECORDING}))

    def test_are_shown_to_everybody(self) -> None:
        page = html(meeting(ENDED, recordings={"u": RECORDING}), recordings=Recordings.EVERYBODY)
        assert 'href="https://zoom.us/rec/share/abc"' in page
        assert "zoombridge-in" not in page
        assert "rec-482915" not in page

    def test_are_shown_to_who_is_signed_in(self) -> None:
        page = html(meeting(ENDED, recordings={"u": RECORDING}), recordings=Recordings.SIGNED_IN)
        before, rest = page.split("<!--zoombridge-in-->")
        inside, outside = rest.split("<!--zoombridge-out-->")
        assert "https://zoom.us/rec/share/abc" in inside
        assert "zoom.us/rec" not in before + outside
        assert "#zoombridge-sign-in" in outside

    def test_with_their_passcode_where_a_rule_says_so(self) -> None:
        page = html(
            meeting(ENDED, recordings={"u": RECORDING}),
            recordings=Recordings.EVERYBODY,
            recording_passcode=True,
        )
        assert "rec-482915" in page

    @pytest.mark.parametrize(
        "changed", [{"state": "trashed"}, {"share_url": ""}, {"share_url": "javascript:alert(1)"}]
    )
    def test_that_cannot_be_watched_are_not_shown(self, changed: dict[str, str]) -> None:
        one = meeting(ENDED, recordings={"u": {**RECORDING, **changed}})
        assert "recording" not in html(one, recordings=Recordings.EVERYBODY)

    def test_of_another_time_are_not_shown(self) -> None:
        other = {**RECORDING, "started": "2026-03-05T09:00:00Z", "minutes": 60}
        assert "zoom.us/rec" not in html(meeting(recordings={"o": other}), recordings=Recordings.EVERYBODY)

    def test_of_a_rehearsal_are_not_shown(self) -> None:
        rehearsal = {**RECORDING, "started": "2026-03-03T17:10:00Z", "minutes": 20}
        assert "zoom.us/rec" not in html(
            meeting(recordings={"r": rehearsal}), recordings=Recordings.EVERYBODY
        )

    @pytest.mark.parametrize(
        ("started", "minutes", "more", "is_shown"),
        [
            ("2026-03-03T18:02:00Z", 55, {}, True),
            ("2026-03-03T17:10:00Z", 110, {}, True),  # opened early
            ("2026-03-03T17:00:00Z", 65, {}, False),  # a talk that overran into the scheduled time
            ("2026-03-03T19:05:00Z", 60, {}, False),  # one right after it
            ("2026-03-03T18:02:00Z", 55, {"other": True}, False),
        ],
    )
    def test_of_a_personal_room_are_shown_for_the_meetings_own_time(
        self, started: str, minutes: int, more: dict[str, Any], is_shown: bool
    ) -> None:
        recording = {**RECORDING, "started": started, "minutes": minutes, **more}
        one = meeting(recordings={"u": recording}, settings={"use_pmi": True})
        assert ("zoom.us/rec" in html(one, recordings=Recordings.EVERYBODY)) is is_shown

    def test_stay_when_the_date_is_changed_afterwards(self) -> None:
        recording = {**RECORDING, "matched": True}
        moved = meeting(recordings={"u": recording}, start_time="2026-03-10T18:00:00Z")
        assert "zoom.us/rec" in html(moved, recordings=Recordings.EVERYBODY)

    def test_of_the_room_itself_are_never_shown(self) -> None:
        room = meeting(recordings={"u": RECORDING}, type=4, start_time=None)
        assert "zoom.us/rec" not in html(room, recordings=Recordings.EVERYBODY, personal_rooms=True)

    def test_the_newest_comes_first(self) -> None:
        older = {**RECORDING, "started": "2026-03-03T17:58:00Z", "share_url": "https://zoom.us/rec/share/old"}
        page = html(meeting(recordings={"o": older, "u": RECORDING}), recordings=Recordings.EVERYBODY)
        assert page.index("share/abc") < page.index("share/old")


REGISTRANTS = {"a": "approved", "b": "approved", "c": "pending", "d": "cancelled"}


class TestRegistrations:
    def test_are_not_shown_unless_a_rule_says_so(self) -> None:
        assert "registered" not in html(meeting(registrants=REGISTRANTS))

    def test_are_counted_when_they_were_approved(self) -> None:
        assert "2 people registered" in html(meeting(registrants=REGISTRANTS), registrations=True)
        assert "1 person registered" in html(meeting(registrants={"a": "approved"}), registrations=True)

    def test_are_nothing_to_speak_of_where_nobody_could(self) -> None:
        assert "registered" not in html(meeting(), registrations=True)
