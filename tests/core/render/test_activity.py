"""What a page tells of what happens around a meeting."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.model.meeting import LONGEST, Meeting
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
    return Meeting("account", 85393847045, object={**object_, **more}, instance=instance or {}, **around)


def html(one: Meeting, now: datetime = NOW, **rules: Any) -> str:
    return str(render(one, SiteRules(Rules(**rules)), now).field["html"])


def details(one: Meeting) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(one, SiteRules(), NOW).field["details"])
    return found


STARTED = {"uuid": "u", "started": "2026-03-03T18:02:00Z"}
ENDED = STARTED | {"ended": "2026-03-03T18:20:00Z"}


class TestLive:
    def test_what_runs_is_live(self) -> None:
        page = html(meeting(STARTED))
        assert "Live now" in page
        assert "Tuesday, March 3, 2026, 6:02 PM" in page
        assert details(meeting(STARTED))["state"] == ""

    def test_an_overrun_keeps_its_link(self) -> None:
        late = NOW + timedelta(hours=5)
        assert "Live now" in html(meeting(STARTED), late)
        assert "https://zoom.us/j/85393847045" in html(meeting(STARTED), late)

    def test_what_has_ended_has(self) -> None:
        page = html(meeting(ENDED))
        assert "Live" not in page
        assert "Ended" in page
        assert "https://zoom.us/j/85393847045" not in page
        assert details(meeting(ENDED))["state"] == "ended"

    def test_what_zoom_forgot_to_end_ends_by_itself(self) -> None:
        post = render(meeting(STARTED), SiteRules(), NOW + timedelta(hours=5))
        end = datetime(2026, 3, 3, 18, 2, tzinfo=UTC) + timedelta(minutes=LONGEST)
        assert post.until == end
        assert "Live now" not in html(meeting(STARTED), end)

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
        page = html(meeting(ENDED, type=zoom_type, occurrences=dates))
        assert "Ended" not in page
        assert "https://zoom.us/j/85393847045" in page

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

    def test_the_newest_comes_first(self) -> None:
        older = {**RECORDING, "started": "2026-03-01T18:00:00Z", "share_url": "https://zoom.us/rec/share/old"}
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
