"""Odd but possible inputs, with what is right for each.

Where no source is named, the right value follows from Zoom's reference:
https://developers.zoom.us/docs/api/meetings/events/ and https://developers.zoom.us/docs/api/references/
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from core.model.fold import SNAPSHOT, Change, fold, position
from core.model.meeting import Doubt, Meeting, MeetingKind, MeetingState
from core.model.rules import Recordings, Rules
from core.render import Post, Presence, SiteRules, render
from core.render.ical import CalendarEntry, UidKey, calendar
from core.zoom.envelope import digest, parse
from tests.calendar_rules import violations
from tests.core.events import ACCOUNT, NUMBER, event, raw

JOIN = f"https://zoom.us/j/{NUMBER}"
BEFORE = datetime(2026, 11, 30, tzinfo=UTC)
DURING = datetime(2026, 12, 1, 18, 30, tzinfo=UTC)
SITE = SiteRules(Rules(instant=True, recordings=Recordings.EVERYBODY))
SINGLE: dict[str, Any] = {
    "uuid": "A",
    "topic": "Choir",
    "type": 2,
    "start_time": "2026-12-01T18:00:00Z",
    "duration": 60,
    "timezone": "Europe/Berlin",
    "join_url": f"{JOIN}?pwd=tok",
    "password": "123456",
}


def date(number: int, start: str, **more: Any) -> dict[str, Any]:
    return {"occurrence_id": str(number), "start_time": start, "duration": 60, "status": "available", **more}


WEEKS = [date(number, f"2026-12-{1 + 7 * number:02}T18:00:00Z") for number in range(4)]
SERIES: dict[str, Any] = SINGLE | {
    "type": 8,
    "occurrences": WEEKS,
    "recurrence": {"type": 2, "repeat_interval": 1, "weekly_days": "3", "end_times": 4},
}


def folded(*told: dict[str, Any]) -> Meeting:
    changes = []
    for one in told:
        envelope = parse(raw(one))
        changes.append(Change(position(envelope, digest(envelope), received_at=0), envelope))
    found = fold(ACCOUNT, NUMBER, changes)
    assert found is not None
    return found


def created(
    at: int = 1, *, base: dict[str, Any] = SINGLE, name: str = "meeting", **more: Any
) -> dict[str, Any]:
    return event(f"{name}.created", at, **(base | more))


def said(verb: str, at: int, payload: dict[str, Any] | None = None, **object_: Any) -> dict[str, Any]:
    return event(f"meeting.{verb}", at, payload=payload, **object_)


def updated(at: int, scope: str | None = None, **object_: Any) -> dict[str, Any]:
    return said("updated", at, {} if scope is None else {"scope": scope}, **object_)


def run(verb: str, at: int, **times: Any) -> dict[str, Any]:
    return said(verb, at, uuid=times.pop("uuid", "u1=="), type=2, topic="Choir", **times)


def shown(meeting: Meeting, now: datetime = BEFORE) -> Post:
    post = render(meeting, SITE, now)
    assert post.presence is Presence.SHOWN
    return post


def html(meeting: Meeting, now: datetime = BEFORE) -> str:
    return str(shown(meeting, now).field["html"])


def feed(meeting: Meeting) -> bytes:
    entry = CalendarEntry(meeting, 1, "https://example.org/choir", 7)
    data = calendar([entry], SITE.rules, name="Choir", key=UidKey(b"secret", "example.org"), now=BEFORE)
    assert violations(data) == []
    return data


def vevents(meeting: Meeting) -> list[Any]:
    return list(Calendar.from_ical(feed(meeting)).walk("VEVENT"))


def starts(meeting: Meeting) -> list[str]:
    return [f"{one.start_time:%d %H:%M}" for one in meeting.dates if one.available]


class TestZone:
    @pytest.mark.parametrize(
        ("told", "key"),
        [
            ("Asia/Calcutta", "Asia/Calcutta"),  # old aliases are in Zoom's list of zones
            ("Europe/Kiev", "Europe/Kiev"),
            ("SST", "Pacific/Guadalcanal"),  # "Solomon Islands" in that list
            (" Europe/Berlin ", "Europe/Berlin"),
            ("", "UTC"),  # of instant meetings
            ("Mars/Olympus", "UTC"),
            ("../../etc/passwd", "UTC"),
            (None, "UTC"),
            (5, "UTC"),
        ],
    )
    def test_is_known_or_utc_and_the_time_stays(self, told: Any, key: str) -> None:
        meeting = folded(created(timezone=told))
        assert meeting.timezone.key == key
        assert vevents(meeting)[0]["DTSTART"].dt.astimezone(UTC) == datetime(2026, 12, 1, 18, tzinfo=UTC)

    def test_changed_alone_changes_no_time(self) -> None:
        meeting = folded(created(), updated(2, timezone="America/New_York"))
        assert "1:00 PM" in html(meeting)
        assert starts(meeting) == ["01 18:00"]

    def test_of_a_series_over_a_change_of_the_clock_keeps_the_hour(self) -> None:
        weeks = [
            date(number, start)
            for number, start in enumerate(
                [
                    "2026-10-11T16:00:00Z",
                    "2026-10-18T16:00:00Z",
                    "2026-10-25T17:00:00Z",
                    "2026-11-01T17:00:00Z",
                ]
            )
        ]
        rule = SERIES["recurrence"] | {"weekly_days": "1"}
        (main,) = vevents(folded(created(base=SERIES, occurrences=weeks, recurrence=rule)))
        assert "EXDATE" not in main
        assert main["RRULE"]["COUNT"] == [4]

    @pytest.mark.parametrize(
        ("zone", "days", "rule"),
        [
            ("Europe/Berlin", ["15T01:30", "22T01:30", "29T01:30"], {"type": 2, "weekly_days": "1"}),
            ("Asia/Beirut", ["27T22:00", "28T22:00", "29T21:00"], {"type": 1}),
        ],
    )
    def test_of_a_series_at_an_hour_that_the_clock_skips_is_no_rule(
        self, zone: str, days: list[str], rule: dict[str, Any]
    ) -> None:
        dates = [date(number, f"2026-03-{start}:00Z") for number, start in enumerate(days)]
        found = vevents(folded(created(base=SERIES, timezone=zone, occurrences=dates, recurrence=rule)))
        assert [f"{one['DTSTART'].dt.astimezone(UTC):%dT%H:%M}" for one in found] == days
        assert not any("RRULE" in one for one in found)

    @pytest.mark.parametrize(
        "start", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-03-29T01:00:00Z"]
    )
    def test_hour_that_comes_twice_or_never_is_one_event(self, start: str) -> None:
        meeting = folded(created(start_time=start))
        assert vevents(meeting)[0]["DTSTART"].dt.astimezone(UTC) == datetime.fromisoformat(start)


class TestDuration:
    @pytest.mark.parametrize(
        ("told", "minutes"),
        [(60, 60), ("60", 60), (60.0, 60), (0, 0), (None, 0), ("abc", 0), (-30, 0), (True, 0), (10**6, 1800)],
    )
    def test_is_read_or_unknown(self, told: Any, minutes: int) -> None:
        meeting = folded(created(duration=told))
        assert meeting.duration == minutes
        end = vevents(meeting)[0]["DTEND"].dt.astimezone(UTC)
        assert end == datetime(2026, 12, 1, 18, tzinfo=UTC) + timedelta(minutes=minutes or 60)
        assert ("Duration" in html(meeting)) is bool(minutes)
        assert JOIN in html(meeting, datetime(2026, 12, 1, 18, 20, tzinfo=UTC))


class TestStart:
    @pytest.mark.parametrize(
        "told",
        [
            "2026-12-01T18:00:00.000Z",
            "2026-12-01T18:00:00.123456Z",
            "2026-12-01T23:30:00+05:30",
            "2026-12-01T19:00:00",  # without a zone it is the meeting's own
            "2026-12-01 18:00:00Z",
        ],
    )
    def test_is_read_in_every_notation(self, told: str) -> None:
        meeting = folded(created(start_time=told))
        assert meeting.start_time == datetime(2026, 12, 1, 18, tzinfo=UTC)
        assert len(vevents(meeting)) == 1

    @pytest.mark.parametrize("told", ["", "   ", None, 1796148000, "soon"])
    def test_that_tells_nothing_keeps_the_known_one(self, told: Any) -> None:
        meeting = folded(created(), updated(2, start_time=told))
        if told == "soon":
            assert meeting.start_time is None or starts(meeting) == ["01 18:00"]
        else:
            assert starts(meeting) == ["01 18:00"]

    @pytest.mark.parametrize("told", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
    def test_out_of_every_calendar_makes_no_page_and_no_error(self, told: str) -> None:
        meeting = folded(created(start_time=told))
        assert render(meeting, SITE, BEFORE).presence is Presence.WITHHELD
        assert feed(meeting).count(b"BEGIN:VEVENT") == 0

    def test_before_midnight_runs_into_the_next_day(self) -> None:
        meeting = folded(created(start_time="2026-12-01T22:30:00Z", duration=90))
        page = html(meeting, datetime(2026, 12, 1, 23, 45, tzinfo=UTC))
        assert "Under way" in page
        assert JOIN in page
        assert vevents(meeting)[0]["DTEND"].dt.day == 2


class TestTopic:
    def test_of_5000_characters_is_a_title_and_a_summary_of_one_line(self) -> None:
        meeting = folded(created(topic="é" * 5000))
        assert len(shown(meeting).title) <= 500
        feed(meeting)

    def test_with_control_characters_is_one_line(self) -> None:
        meeting = folded(created(topic="Choir\r\nBEGIN:VEVENT\x00\x07\u2028x"))
        assert (
            shown(meeting).title.split() == ["Choir", "BEGIN:VEVENT\ufffd", "x"]
            or "\n" not in shown(meeting).title
        )
        assert len(vevents(meeting)) == 1

    def test_with_html_is_text(self) -> None:
        meeting = folded(created(topic="<script>alert(1)</script> & [gallery]"))
        assert "<script" not in shown(meeting).title + html(meeting)
        assert str(vevents(meeting)[0]["SUMMARY"]) == "<script>alert(1)</script> & [gallery]"

    @pytest.mark.parametrize(
        "told", ["", "   ", "\u200b", "\ufeff\u200d", "\x07", "\u00a0\u3000", "\u2800", None]
    )
    def test_that_shows_nothing_gets_a_title(self, told: Any) -> None:
        meeting = folded(created(topic=told))
        assert shown(meeting).title == "Zoom meeting"
        assert str(vevents(meeting)[0]["SUMMARY"]) == "Zoom meeting"
        assert folded(created(), updated(2, topic=told)).topic == "Choir"
        assert folded(created(), event(SNAPSHOT, 2, **(SINGLE | {"topic": told}))).topic == "Choir"

    @pytest.mark.parametrize("told", ["0", "null", "🚒🚗", "\U000323b0", "من"])
    def test_that_shows_anything_is_the_title(self, told: str) -> None:
        assert shown(folded(created(topic=told))).title == told

    def test_and_passcode_told_as_numbers_are_text(self) -> None:
        meeting = folded(created(topic=2026, password=123456))
        assert (meeting.topic, meeting.password) == ("2026", "123456")


class TestType:
    @pytest.mark.parametrize("told", ["2", 2, 2.0])
    def test_is_a_number(self, told: Any) -> None:
        assert folded(created(type=told)).type == 2

    def test_becomes_a_series_and_single_again(self) -> None:
        series = updated(2, type=8, occurrences=WEEKS, recurrence=SERIES["recurrence"])
        assert len(starts(folded(created(), series))) == 4
        single = updated(3, type=2, start_time="2026-12-03T18:00:00Z", recurrence=None)
        meeting = folded(created(), series, single)
        assert starts(meeting) == ["03 18:00"]
        assert meeting.recurrence == {}
        assert len(starts(folded(created(), series, single, {**series, "event_ts": 4}))) == 4

    def test_series_loses_its_fixed_time(self) -> None:
        meeting = folded(created(base=SERIES), updated(2, type=3, start_time="", occurrences=[]))
        assert meeting.dates == ()
        assert "No fixed time" in html(meeting)
        assert JOIN in html(meeting, datetime(2027, 6, 1, tzinfo=UTC))

    def test_undated_gets_dates(self) -> None:
        undated = {key: value for key, value in SINGLE.items() if key != "start_time"} | {"type": 3}
        meeting = folded(created(base=undated), updated(2, type=8, occurrences=WEEKS))
        assert len(starts(meeting)) == 4

    @pytest.mark.parametrize("told", [0, 7, 10, 99, -1, 10**20])
    def test_unknown_is_no_error(self, told: int) -> None:
        meeting = folded(created(type=told))
        render(meeting, SITE, DURING)
        feed(meeting)

    def test_instant_ends_with_its_instance(self) -> None:
        instant = SINGLE | {"type": 1, "duration": 0, "timezone": "", "start_time": "2026-12-01T18:00:00Z"}
        begun = run("started", 2, start_time="2026-12-01T18:00:00Z")
        assert "Live now" in html(folded(created(base=instant), begun), DURING)
        over = run("ended", 3, start_time="2026-12-01T18:00:00Z", end_time="2026-12-01T18:20:00Z")
        assert "Ended" in html(folded(created(base=instant), begun, over), DURING)

    def test_converted_and_back_keeps_everything(self) -> None:
        there = event("meeting.converted_to_webinar", 2, type=9)
        meeting = folded(created(base=SERIES), there, event("webinar.updated", 3, topic="Webinar"))
        assert (meeting.kind, meeting.type, len(starts(meeting))) == (MeetingKind.WEBINAR, 9, 4)
        back = folded(created(base=SERIES), there, event("webinar.converted_to_meeting", 3, type=8))
        assert (back.kind, len(starts(back)), back.join_url) == (MeetingKind.MEETING, 4, SINGLE["join_url"])


class TestOccurrences:
    def test_one_deleted_stays_so_when_the_series_is_updated(self) -> None:
        gone = said("deleted", 2, {"operation": "single"}, type=8, occurrences=[WEEKS[1]])
        left = ["01 18:00", "15 18:00", "22 18:00"]
        for later in (
            updated(3, "all", topic="New"),
            updated(3, topic="New", occurrences=[WEEKS[2]]),
            updated(3, "all", occurrences=[WEEKS[0], WEEKS[2], WEEKS[3]]),
        ):
            assert starts(folded(created(base=SERIES), gone, later)) == left

    def test_all_deleted_one_by_one_leave_a_cancelled_page(self) -> None:
        gone = [
            said("deleted", 2 + number, {"operation": "single"}, type=8, occurrences=[one])
            for number, one in enumerate(WEEKS)
        ]
        meeting = folded(created(base=SERIES), *gone)
        assert meeting.state is MeetingState.SCHEDULED
        assert "Cancelled" in html(meeting)
        assert {str(one["STATUS"]) for one in vevents(meeting)} == {"CANCELLED"}

    def test_moved_across_each_other_keep_their_uids(self) -> None:
        uneven = created(base=SERIES, recurrence={})
        before = {str(one["UID"]): one["DTSTART"].dt for one in vevents(folded(uneven))}
        swap = updated(
            2, "single", occurrences=[date(0, "2026-12-09T18:00:00Z"), date(2, "2026-12-02T18:00:00Z")]
        )
        after = {str(one["UID"]): one["DTSTART"].dt for one in vevents(folded(uneven, swap))}
        assert before.keys() == after.keys()
        moved = {uid for uid in before if before[uid] != after[uid]}
        assert len(moved) == 2

    def test_one_moved_with_a_new_id_replaces_the_old(self) -> None:
        old = {"id": NUMBER, "occurrences": [WEEKS[1]]}
        move = said("updated", 2, {"old_object": old}, occurrences=[date(9, "2026-12-09T18:00:00Z")])
        assert starts(folded(created(base=SERIES), move)) == ["01 18:00", "09 18:00", "15 18:00", "22 18:00"]

    def test_series_shortened_without_scope_loses_its_last_dates(self) -> None:
        old = {"id": NUMBER, "occurrences": WEEKS}
        short = said("updated", 2, {"old_object": old}, occurrences=WEEKS[:2], recurrence={"end_times": 2})
        assert starts(folded(created(base=SERIES), short)) == ["01 18:00", "08 18:00"]

    @pytest.mark.parametrize("verb", ["deleted", "permanently_deleted"])
    @pytest.mark.parametrize("operation", [{"operation": "single"}, {}])
    def test_one_gone_is_not_the_series(self, verb: str, operation: dict[str, Any]) -> None:
        meeting = folded(created(base=SERIES), said(verb, 2, operation, type=8, occurrences=[WEEKS[3]]))
        assert meeting.state is MeetingState.SCHEDULED
        assert len(starts(meeting)) == 3

    @pytest.mark.parametrize("verb", ["deleted", "permanently_deleted", "recovered"])
    @pytest.mark.parametrize("zoom_type", [{"type": 8}, {"type": 2}, {}])
    def test_one_not_named_is_not_the_series(self, verb: str, zoom_type: dict[str, int]) -> None:
        meeting = folded(created(base=SERIES), said(verb, 2, {"operation": "single"}, **zoom_type))
        assert meeting.state is MeetingState.SCHEDULED
        assert meeting.doubt is not Doubt.NONE
        assert len(starts(meeting)) == 4

    def test_whole_series_is_gone_with_all(self) -> None:
        gone = said("deleted", 2, {"operation": "all"}, type=8, occurrences=WEEKS)
        assert folded(created(base=SERIES), gone).state is MeetingState.DELETED
        forever = said("permanently_deleted", 3, {"operation": "all"}, type=8)
        assert folded(created(base=SERIES), gone, forever).state is MeetingState.PERMANENTLY_DELETED

    def test_one_is_recovered(self) -> None:
        gone = said("deleted", 2, {"operation": "single"}, type=8, occurrences=[WEEKS[1]])
        back = said("recovered", 3, {"operation": "single"}, type=8, occurrences=[WEEKS[1]])
        assert len(starts(folded(created(base=SERIES), gone, back))) == 4

    def test_ids_may_be_numbers(self) -> None:
        numbers = [one | {"occurrence_id": int(one["occurrence_id"]) + 10} for one in WEEKS]
        gone = said("deleted", 2, {"operation": "single"}, type=8, occurrences=[{"occurrence_id": "11"}])
        assert len(starts(folded(created(base=SERIES, occurrences=numbers), gone))) == 3

    def test_told_twice_count_once(self) -> None:
        meeting = folded(created(base=SERIES, occurrences=[*WEEKS, *WEEKS]))
        assert len(starts(meeting)) == 4
        feed(meeting)

    def test_without_ids_are_told_by_their_start(self) -> None:
        bare = [{"start_time": one["start_time"], "duration": 60} for one in WEEKS]
        series = created(base=SERIES, occurrences=bare, recurrence={})
        gone = said("deleted", 2, {"operation": "single"}, type=8, occurrences=[bare[1]])
        assert len(starts(folded(series))) == 4
        assert len(starts(folded(series, gone))) == 3
        assert len({str(one["UID"]) for one in vevents(folded(series))}) == 4

    def test_two_at_one_time_are_two(self) -> None:
        twice = [date(1, "2026-12-01T18:00:00Z"), date(2, "2026-12-01T18:00:00Z")]
        meeting = folded(created(base=SERIES, occurrences=twice, recurrence={}))
        assert Counter(starts(meeting)) == {"01 18:00": 2}
        feed(meeting)

    @pytest.mark.parametrize("told", [None, [], {}, "x", [None, 5, "x"], [{}]])
    def test_that_tell_nothing_keep_the_known_ones(self, told: Any) -> None:
        assert len(starts(folded(created(base=SERIES), updated(2, "all", occurrences=told)))) == 4

    def test_sixty_are_all_shown_and_in_the_calendar(self) -> None:
        days = [
            date(
                number, f"{datetime(2026, 12, 1, 18, tzinfo=UTC) + timedelta(days=number):%Y-%m-%dT%H:%M:%SZ}"
            )
            for number in range(60)
        ]
        meeting = folded(created(base=SERIES, occurrences=days, recurrence={"type": 1, "end_times": 60}))
        assert html(meeting).count('class="zoombridge-date"') == 60
        (main,) = vevents(meeting)
        assert main["RRULE"]["COUNT"] == [60]

    def test_last_weekday_of_the_month_is_a_rule(self) -> None:
        days = [
            date(1, "2026-12-29T18:00:00Z"),
            date(2, "2027-01-26T18:00:00Z"),
            date(3, "2027-02-23T18:00:00Z"),
        ]
        rule = {
            "type": "3",
            "repeat_interval": "1",
            "monthly_week": "-1",
            "monthly_week_day": "3",
            "end_times": 3,
        }
        (main,) = vevents(folded(created(base=SERIES, occurrences=days, recurrence=rule)))
        assert main["RRULE"]["BYDAY"] == ["-1TU"]

    def test_rule_with_both_ends_goes_by_the_dates(self) -> None:
        rule = SERIES["recurrence"] | {"end_times": 50, "end_date_time": "2026-12-10T00:00:00Z"}
        (main,) = vevents(folded(created(base=SERIES, recurrence=rule)))
        assert main["RRULE"]["COUNT"] == [4]

    def test_change_of_one_that_is_not_named_keeps_the_dates_and_asks(self) -> None:
        change = updated(2, "single", start_time="2026-12-30T09:00:00Z", duration=15)
        meeting = folded(created(base=SERIES), change)
        assert len(starts(meeting)) == 4
        assert meeting.duration == 60
        assert meeting.doubt is Doubt.CHANGED_WITHOUT_DATES
        assert folded(created(base=SERIES), change, event(SNAPSHOT, 3, **SERIES)).doubt is Doubt.NONE

    def test_scope_single_of_an_ordinary_meeting_is_the_meeting(self) -> None:
        assert starts(folded(created(), updated(2, "single", start_time="2026-12-02T18:00:00Z"))) == [
            "02 18:00"
        ]


class TestInstances:
    """https://devforum.zoom.us/t/events-of-instant-meeting/7525: starts get lost, and ends come without a time."""

    def test_over_two_dates_ends_neither_before_its_time(self) -> None:
        near = [date(1, "2026-12-01T18:00:00Z"), date(2, "2026-12-01T19:30:00Z")]
        over = run("ended", 3, start_time="2026-12-01T17:50:00Z", end_time="2026-12-01T20:10:00Z")
        meeting = folded(created(base=SERIES, occurrences=near), over)
        page = html(meeting, datetime(2026, 12, 1, 20, 20, tzinfo=UTC))
        assert JOIN in page

    def test_back_to_back_the_next_date_is_not_over(self) -> None:
        near = [date(1, "2026-12-01T18:00:00Z"), date(2, "2026-12-01T19:00:00Z")]
        over = run("ended", 3, start_time="2026-12-01T18:00:00Z", end_time="2026-12-01T18:58:00Z")
        page = html(
            folded(created(base=SERIES, occurrences=near), over), datetime(2026, 12, 1, 19, 5, tzinfo=UTC)
        )
        assert "Under way" in page
        assert JOIN in page

    def test_before_the_next_date_near_by_it_is_live_to_its_end(self) -> None:
        near = [date(1, "2026-12-01T18:00:00Z"), date(2, "2026-12-01T19:30:00Z")]
        meeting = folded(
            created(base=SERIES, occurrences=near), run("started", 2, start_time="2026-12-01T18:00:00Z")
        )
        assert "Live now" in html(meeting, datetime(2026, 12, 1, 18, 45, tzinfo=UTC))

    def test_end_of_the_first_of_two_leaves_the_second_live(self) -> None:
        told = [
            run("started", 2, start_time="2026-12-01T18:00:00Z"),
            run("started", 3, uuid="u2==", start_time="2026-12-01T18:10:00Z"),
            run("ended", 4, start_time="2026-12-01T18:00:00Z", end_time="2026-12-01T18:11:00Z"),
        ]
        assert "Live now" in html(folded(created(), *told), DURING)

    @pytest.mark.parametrize("at", [2, 9])
    def test_end_counts_whenever_the_start_is_told(self, at: int) -> None:
        begun = run("started", at, start_time="2026-12-01T18:00:00Z")
        over = run("ended", 5, start_time="2026-12-01T18:00:00Z", end_time="2026-12-01T18:20:00Z")
        assert "Live" not in html(folded(created(), begun, over), DURING)

    def test_end_without_a_time_is_when_it_was_told(self) -> None:
        at = int(datetime(2026, 12, 1, 18, 20, tzinfo=UTC).timestamp() * 1000)
        page = html(folded(created(), run("ended", at, start_time="2026-12-01T18:00:00Z")), DURING)
        assert "joined again" in page
        rehearsal = int(datetime(2026, 12, 1, 17, 40, tzinfo=UTC).timestamp() * 1000)
        page = html(folded(created(), run("ended", rehearsal, start_time="2026-12-01T17:30:00Z")), DURING)
        assert "joined again" not in page

    def test_start_without_a_time_is_when_it_was_told(self) -> None:
        at = int(datetime(2026, 12, 1, 18, 2, tzinfo=UTC).timestamp() * 1000)
        assert "Live now" in html(folded(created(), run("started", at)), DURING)

    def test_start_without_a_uuid_ends_with_the_uuid_of_the_end(self) -> None:
        begun = run("started", 2, uuid="", start_time="2026-12-01T18:00:00Z")
        over = run("ended", 3, start_time="2026-12-01T18:00:00Z", end_time="2026-12-01T18:20:00Z")
        assert "Live" not in html(folded(created(), begun, over), DURING)

    def test_told_by_a_clock_that_is_ahead_is_live_when_it_begins(self) -> None:
        meeting = folded(created(), run("started", 2, start_time="2026-12-01T18:31:00Z"))
        post = shown(meeting, DURING)
        assert post.until == datetime(2026, 12, 1, 18, 31, tzinfo=UTC)
        assert "Live now" in html(meeting, post.until)

    def test_of_a_cancelled_date_is_not_live(self) -> None:
        gone = said("deleted", 2, {"operation": "single"}, type=8, occurrences=[WEEKS[0]])
        begun = run("started", 3, start_time="2026-12-01T18:00:00Z")
        assert "Live" not in html(folded(created(base=SERIES), gone, begun), DURING)

    def test_practice_of_a_webinar_is_not_live_before_its_start(self) -> None:
        webinar = created(name="webinar", type=5, settings={"practice_session": True})
        begun = event("webinar.started", 2, uuid="p", type=5, start_time="2026-12-01T17:30:00Z")
        assert "Live" not in html(folded(webinar, begun), datetime(2026, 12, 1, 17, 45, tzinfo=UTC))


class TestPrivacy:
    def test_people_and_keys_are_not_published(self) -> None:
        told = created(
            name="webinar",
            type=5,
            start_url="https://zoom.us/s/1?zak=KEY",
            panelists=[{"email": "p@example.com"}],
            settings={
                "meeting_invitees": [{"email": "i@example.com"}],
                "language_interpretation": {"interpreters": [{"email": "n@example.com"}]},
                "a": {"start_url": "https://zoom.us/s/1?zak=KEY"},
            },
        )
        text = json.dumps(dict(shown(folded(told)).field)) + feed(folded(told)).decode()
        assert "KEY" not in text
        assert "example.com" not in text

    @pytest.mark.parametrize("told", ["javascript:alert(1)", "https://zoom.us/j/1 2", "//zoom.us", 5])
    def test_odd_links_are_not_shown(self, told: Any) -> None:
        meeting = folded(created(join_url=told))
        assert "href" not in str(render(meeting, SITE, DURING).field.get("html", "")).replace(
            'href="#zoombridge-calendar"', ""
        )

    def test_passcode_changed_by_an_event_that_seems_older_leaves_no_stale_link(self) -> None:
        meeting = folded(updated(1, password="new"), created(2))
        assert meeting.password == "new"
        assert "pwd=" not in meeting.join_url


class TestOrder:
    def test_update_of_an_unknown_meeting_waits_for_its_creation(self) -> None:
        later = updated(2, topic="New")
        assert render(folded(later), SITE, BEFORE).presence is Presence.WITHHELD
        assert shown(folded(later, created())).title == "New"

    def test_event_without_a_time_counts_from_its_receipt(self) -> None:
        envelope = parse(raw(event("meeting.updated", None, topic="New")))
        assert position(envelope, digest(envelope), received_at=7).at == 7

    @pytest.mark.parametrize("told", [10**14, 10**17, 0, -1, "x", 1e300, True, [], {}])
    def test_event_with_an_impossible_time_counts_from_its_receipt(self, told: Any) -> None:
        envelope = parse(raw(event("meeting.created", told, **SINGLE)))
        place = position(envelope, digest(envelope), received_at=7)
        assert place.at == 7
        meeting = fold(ACCOUNT, NUMBER, [Change(place, envelope)])
        assert meeting is not None
        feed(meeting)

    @pytest.mark.parametrize("settings", [None, [], "x", 5, {"host_video": "false"}, {"use_pmi": None}])
    def test_settings_and_rules_of_any_shape_are_no_error(self, settings: Any) -> None:
        meeting = folded(created(base=SERIES, settings=settings, recurrence=settings))
        assert shown(meeting).title == "Choir"
        assert len({str(one["UID"]) for one in vevents(meeting)}) == 4
