"""Tables of odd values in events, with what an informed person expects; each row stands for a kind.

A value that cannot be right leaves what is known. Sources: https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.model.fold import SNAPSHOT, Change, fold, position
from core.model.meeting import Doubt, Meeting, MeetingKind, MeetingState
from core.render import render
from core.render.vczapi_meta import NEVER_OVER
from core.zoom.envelope import Envelope, digest, parse
from tests.core.events import ACCOUNT, NUMBER, event, raw
from tests.core.render.test_hard_inputs import (
    BEFORE,
    JOIN,
    SERIES,
    SINGLE,
    SITE,
    WEEKS,
    created,
    date,
    feed,
    folded,
    html,
    said,
    shown,
    starts,
    updated,
    vevents,
)

Event = dict[str, Any]
ALL = ["01 18:00", "08 18:00", "15 18:00", "22 18:00"]
LEFT = ["01 18:00", "15 18:00", "22 18:00"]
MOVED = date(1, "2026-12-09T18:00:00Z")
ROOM_NAME = "Anna's Personal Meeting Room"
ROOM: Event = {"settings": {"use_pmi": True}, "pmi": str(NUMBER)}
LABELS = {
    "live": "Live now",
    "upcoming": "Upcoming",
    "under way": "Under way",
    "may run": "may still be running",
    "again": "can be joined again",
    "closing": "The scheduled time is over</",
    "ended": "<strong>Ended</strong>",
    "undated": "No fixed time",
    "link": "zoom.us/j/",
    "recording": "rec/share",
}


def ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp() * 1000)


def instance(
    verb: str, at: str, start: str, *, uuid: Any = "u1==", name: str = "meeting", **more: Any
) -> Event:
    """Return an event of an instance on December 1, 2026, told when it happened; times as `HH:MM`."""
    day = "2026-12-01T" if len(at) == 5 else ""
    about: dict[str, Any] = {
        "id": str(NUMBER),
        "uuid": uuid,
        "type": 5 if name == "webinar" else 2,
        "topic": "Choir",
    }
    about["start_time"] = f"{day}{start}:00Z"
    if verb == "ended":
        about["end_time"] = f"{day}{at}:00Z"
    return event(f"{name}.{verb}", ms(f"{day}{at}:00"), **(about | more))


def started(at: str, start: str = "", **more: Any) -> Event:
    return instance("started", at, start or at, **more)


def ended(at: str, start: str, **more: Any) -> Event:
    return instance("ended", at, start, **more)


def recording(verb: str, at: str, start: str, *files: Any, uuid: Any = "u1==", **more: Any) -> Event:
    about: dict[str, Any] = {
        "uuid": uuid,
        "topic": "Choir",
        "type": 2,
        "start_time": f"{start}:00Z",
        "duration": 60,
    }
    about |= {"share_url": "https://zoom.us/rec/share/abc", "recording_files": [*files]}
    return event(f"recording.{verb}", ms(f"{at}:00"), **(about | more))


def file(id_: Any, kind: str = "MP4") -> dict[str, Any]:
    return {"id": id_, "file_type": kind, "status": "completed"}


def read(*told: Event) -> list[Envelope]:
    return [parse(raw(one)) for one in told]


def signs(meeting: Meeting, moment: str) -> set[str]:
    page = html(meeting, datetime.fromisoformat(f"{moment}:00+00:00"))
    return {name for name, text in LABELS.items() if text in page}


class TestUpdate:
    @pytest.mark.parametrize(
        ("key", "values"),
        [
            ("topic", [None, "", " ", "\t\n", "\u00a0", "\u200b", "\ufffd", "\x00\x01", [], {}, False]),
            ("topic", ["\ufe0f", "\u034f\u200d", "\u180b", "\U000e0100", "\u17b4"]),
            ("start_time", [None, "", " ", "tomorrow", 0, [], {}, True, "2026-02-30T00:00:00Z"]),
            ("duration", [None, "", " ", "abc", [], {}, 0, "0", -5, True]),
            ("timezone", [None, "", " ", 5, [], {}, "Mars/Olympus", "../../etc/passwd", "Europe\x00Berlin"]),
            (
                "join_url",
                [None, "", " ", 0, "0", [], False, "javascript:alert(1)", "//zoom.us/j/1", "ftp://a/b"],
            ),
            ("join_url", ["https://zoom.us/s/1?zak=KEY"]),
            ("registration_url", [None, 0, "x", "https://zoom.us/s/1?zak=KEY"]),
            ("password", [None, " ", "\t", [], {}, False]),
            ("host_id", [None, "", " ", [], {}]),
            ("host_email", [None, "", " ", []]),
            ("type", [None, "", " ", "x", [], {}, True, -1, 100, 10**30]),
            ("pmi", [None, "", " ", "x", 0, -1, [], True]),
            (
                "settings",
                [None, "", [], "x", 5, True, [{"use_pmi": False}], {"use_pmi": None}, {"use_pmi": "x"}],
            ),
            (
                "recurrence",
                [None, "", [], {}, {"type": None}, {"type": ""}, {"end_times": None}, {"end_times": ""}],
            ),
            (
                "recurrence",
                [{"end_times": 0}, {"end_date_time": ""}, {"weekly_days": ""}, {"weekly_days": " "}],
            ),
            (
                "recurrence",
                [{"type": 9}, {"repeat_interval": 0}, {"repeat_interval": -2}, {"weekly_days": "x,0,8"}],
            ),
            ("recurrence", [{"end_times": -1}, {"end_date_time": "soon"}, {"monthly_day": 32}]),
            ("recurrence", [{"monthly_week": 0}, {"monthly_week": 5}, {"monthly_week_day": 8}]),
            ("occurrences", [None, "", [], {}, "x", 0, [{}], [None, 5, "x", []]]),
        ],
    )
    def test_that_tells_nothing_keeps_what_is_known(self, key: str, values: list[Any]) -> None:
        full: Event = {
            **ROOM,
            "duration": 90,
            "host_id": "H",
            "host_email": "h@example.org",
            "registration_url": "https://a/b",
        }
        known = created(base=SERIES, **full)
        before = folded(known).object
        for value in values:
            assert (value, folded(known, updated(2, "all", **{key: value})).object) == (value, before)

    @pytest.mark.parametrize(("told", "minutes"), [("90", 90), (" 90 ", 90), (90.0, 90)])
    def test_duration_may_be_text(self, told: Any, minutes: int) -> None:
        assert folded(created(), updated(2, duration=told)).duration == minutes

    @pytest.mark.parametrize(
        "told",
        [
            "2026-12-02T18:00:00z",
            " 2026-12-02T18:00:00Z\n",
            "20261202T180000Z",
            ms("2026-12-02T18:00:00"),
            ms("2026-12-02T18:00:00") // 1000,
            str(ms("2026-12-02T18:00:00")),
            str(ms("2026-12-02T18:00:00") // 1000),
            float(ms("2026-12-02T18:00:00") // 1000),
        ],
    )
    def test_start_is_read_in_every_notation(self, told: Any) -> None:
        if not isinstance(told, float):
            assert starts(folded(created(), updated(2, start_time=told))) == ["02 18:00"]
        dates = [date(1, told), *WEEKS[2:]]
        found = starts(folded(created(base=SERIES), updated(2, "all", occurrences=dates)))
        assert isinstance(told, float) or "02 18:00" in found

    @pytest.mark.parametrize("zoom_type", [4, "4"])
    def test_of_the_room_is_not_of_the_meeting(self, zoom_type: Any) -> None:
        room = {
            "topic": ROOM_NAME,
            "duration": 5,
            "settings": {"use_pmi": False},
            "password": "7",
            "uuid": "room",
        }
        told = updated(2, "single", type=zoom_type, join_url=f"{JOIN}?pwd=R", **room)
        known = folded(created(**ROOM))
        shared = {"password": "7", "join_url": f"{JOIN}?pwd=R"}
        assert folded(created(**ROOM), told).object == {**known.object, **shared}

    @pytest.mark.parametrize("scope", ["single", "SINGLE", " single ", None, "", " ", 0, ["single"], "some"])
    def test_of_one_occurrence_leaves_the_others(self, scope: Any) -> None:
        change = said("updated", 2, {"scope": scope}, occurrences=[MOVED])
        assert starts(folded(created(base=SERIES), change)) == ["01 18:00", "09 18:00", *ALL[2:]]

    @pytest.mark.parametrize("own", [{"agenda": "Bring cookies"}, {"settings": {"use_pmi": True}}])
    def test_of_one_occurrence_is_not_of_the_series(self, own: dict[str, Any]) -> None:
        series = created(base=SERIES, agenda="Songs", settings={"use_pmi": False})
        meeting = folded(series, updated(2, "single", occurrences=[MOVED], **own))
        assert (meeting.agenda, meeting.settings) == ("Songs", {"use_pmi": False})
        assert folded(series, updated(2, "all", agenda="New")).agenda == "New"

    @pytest.mark.parametrize(
        ("status", "dates"),
        [
            ("deleted", LEFT), ("Deleted", LEFT), ("DELETED", LEFT), (" deleted ", LEFT),
            ("available", ALL), ("Available", ALL), (None, ALL), ("", ALL), (" ", ALL), (5, ALL),
        ],
    )  # fmt: skip
    def test_status_of_an_occurrence_is_one_word(self, status: Any, dates: list[str]) -> None:
        change = updated(2, "single", occurrences=[{**WEEKS[1], "status": status}])
        assert starts(folded(created(base=SERIES), change)) == dates

    @pytest.mark.parametrize("told", ["3,5", 35, 5, "5", " 3 , 5 ", "3;5"])
    def test_weekdays_are_what_the_plugin_reads(self, told: Any) -> None:
        rule = {"weekly_days": told}
        found = shown(folded(created(base=SERIES), updated(2, "all", recurrence=rule))).field["pro"]
        assert found["weekly_occurence"] == {
            "3,5": ["3", "5"],
            " 3 , 5 ": ["3", "5"],
            5: ["5"],
            "5": ["5"],
        }.get(told, ["3"])

    @pytest.mark.parametrize(
        ("told", "given", "kept"),
        [
            ({"end_date_time": "2026-12-22T18:00:00Z"}, "end_date_time", "end_times"),
            ({"end_times": 3}, "end_times", "end_date_time"),
        ],
    )
    def test_rule_has_one_end(self, told: dict[str, Any], given: str, kept: str) -> None:
        meeting = folded(created(base=SERIES), updated(2, "all", recurrence=told))
        assert given in meeting.recurrence
        assert kept not in meeting.recurrence

    @pytest.mark.parametrize(
        ("told", "is_on"),
        [(True, True), ("true", True), (" TRUE ", True), (1, True), (False, False), ("0", False)],
    )
    def test_switch_may_be_text(self, told: Any, is_on: bool) -> None:
        assert folded(created(settings={"use_pmi": told})).settings["use_pmi"] is is_on


LATER = [date(number + 10, f"2026-12-{1 + 7 * number:02}T19:00:00Z") for number in range(4)]
LONGER = [WEEKS[0], {**WEEKS[1], "duration": 30}, *WEEKS[2:]]


class TestSeries:
    @pytest.mark.parametrize(
        "payload",
        [
            {}, {"scope": None}, {"scope": "all"}, {"old_object": {"id": NUMBER}}, {"old_object": []},
            {"old_object": {"id": NUMBER, "occurrences": WEEKS}},
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("more", [{}, {"start_time": "2026-12-01T19:00:00Z"}])
    def test_moved_has_the_new_dates_alone(self, payload: Event, more: Event) -> None:
        meeting = folded(created(base=SERIES), said("updated", 2, payload, occurrences=LATER, **more))
        assert starts(meeting) == ["01 19:00", "08 19:00", "15 19:00", "22 19:00"]

    @pytest.mark.parametrize("scope", [None, "all"])
    def test_longer_is_so_on_all_dates_but_those_of_another_duration(self, scope: str | None) -> None:
        meeting = folded(created(base=SERIES, occurrences=LONGER), updated(2, scope, duration=90))
        assert [one.duration for one in meeting.dates] == [90, 30, 90, 90]
        assert meeting.doubt is Doubt.NONE

    def test_of_which_only_a_deleted_date_is_known_is_not_cancelled(self) -> None:
        single = {"scope": "single", "operation": "single"}
        gone = event("meeting.deleted", 2, payload=single, topic="Choir", type=8, occurrences=[WEEKS[1]])
        meeting = folded(gone, updated(3, password="9", join_url=JOIN))
        assert signs(meeting, "2026-11-25T10:00") == {"undated", "link"}
        assert shown(meeting).field["start_date_utc"] == NEVER_OVER
        assert "Cancelled" in html(meeting)  # the date that was deleted
        assert starts(folded(gone, created(1, base=SERIES))) == LEFT
        every = event("meeting.deleted", 2, payload=single, type=8, occurrences=WEEKS)
        assert "<strong>Cancelled</strong>" in html(folded(created(base=SERIES, start_time=None), every))

    @pytest.mark.parametrize("scope", [None, "all"])
    def test_keeps_what_a_list_of_dates_does_not_tell_of_each(self, scope: str | None) -> None:
        own = [WEEKS[0], WEEKS[1] | {"duration": 30}, WEEKS[2] | {"status": "deleted"}, WEEKS[3]]
        bare = [{key: one[key] for key in ("occurrence_id", "start_time")} for one in WEEKS]
        meeting = folded(created(base=SERIES, occurrences=own), updated(2, scope, occurrences=bare))
        assert [one.duration for one in meeting.dates] == [60, 30, 60, 60]
        assert starts(meeting) == ["01 18:00", "08 18:00", "22 18:00"]

    @pytest.mark.parametrize("scope", [None, "all"])
    @pytest.mark.parametrize(
        "told", [{"start_time": "2026-12-02T18:00:00Z"}, {"recurrence": {"end_times": 9}}]
    )
    def test_moved_without_dates_asks_until_they_are_told(self, told: Event, scope: str | None) -> None:
        change = updated(2, scope, **told)
        assert folded(created(base=SERIES), change).doubt is Doubt.CHANGED_WITHOUT_DATES
        assert starts(folded(created(base=SERIES), change)) == ALL
        assert folded(created(base=SERIES), change, updated(3, "all", occurrences=WEEKS)).doubt is Doubt.NONE

    def test_has_dates_told_by_id_and_by_start(self) -> None:
        bare = [{"start_time": one["start_time"], "duration": 30} for one in WEEKS]
        some = folded(created(base=SERIES), updated(2, occurrences=bare[1:3]))
        assert [one.duration for one in some.dates] == [60, 30, 30, 60]
        gone = said("deleted", 2, {"operation": "single"}, type=8, occurrences=[WEEKS[1]])
        assert starts(folded(created(base=SERIES, occurrences=bare), gone)) == LEFT
        every = said("deleted", 2, {}, type=8, occurrences=bare)
        assert folded(created(base=SERIES), every).state is MeetingState.DELETED

    @pytest.mark.parametrize("before", [2, 3])
    def test_of_which_no_date_is_told_asks(self, before: int) -> None:
        change = updated(2, "all", type=8, recurrence=SERIES["recurrence"])
        assert folded(created(type=before), change).doubt is Doubt.CHANGED_WITHOUT_DATES
        assert folded(created(type=before), change, event(SNAPSHOT, 3, **SERIES)).doubt is Doubt.NONE

    @pytest.mark.parametrize(
        ("told", "dates", "minutes"),
        [
            (updated(1, "single", occurrences=[MOVED]), ["01 18:00", "09 18:00", *ALL[2:]], 60),
            (said("deleted", 1, {"operation": "single"}, type=8, occurrences=[WEEKS[1]]), LEFT, 60),
            (updated(1, "all", occurrences=WEEKS[:2], recurrence={"end_times": 2}), ALL[:2], 60),
            (updated(1, "all", duration=90), ALL, 90),
        ],
    )
    def test_created_after_a_change_by_another_clock_keeps_its_other_dates(
        self, told: Event, dates: list[str], minutes: int
    ) -> None:
        meeting = folded(told, created(2, base=SERIES))
        assert starts(meeting) == dates
        assert {one.duration for one in meeting.dates} == {minutes}


class TestPasscode:
    @pytest.mark.parametrize(
        ("object_", "told"),
        [
            ({}, event(SNAPSHOT, 2, **SINGLE | {"join_url": None, "password": "9"})),
            (ROOM, event(SNAPSHOT, 2, type=4, topic=ROOM_NAME, password="9")),
            (ROOM, event("meeting.created", 2, **SINGLE | {"uuid": "B", "password": "9", "join_url": None})),
            ({}, event("webinar.updated", 2, type=5, password="9")),
            ({}, event("meeting.converted_to_webinar", 2, type=5, password="9")),
        ],
    )
    def test_of_which_no_link_is_told_leaves_no_outdated_one(self, object_: Event, told: Event) -> None:
        meeting = folded(created(**object_), told)
        assert (meeting.password, meeting.join_url) == ("9", JOIN)

    def test_leaves_nothing_open_where_the_link_holds_none(self) -> None:
        meeting = folded(created(join_url=JOIN), updated(2, password="9"))
        assert (meeting.join_url, meeting.doubt) == (JOIN, Doubt.NONE)
        twice = folded(created(), updated(2, password="9"), updated(3, password="8"))
        assert (twice.join_url, twice.doubt) == (JOIN, Doubt.PASSCODE_WITHOUT_LINK)


class TestAnswer:
    @pytest.mark.parametrize("told", [None, "", " ", "soon", [], {}])
    @pytest.mark.parametrize(
        "key", ["start_time", "duration", "timezone", "topic", "type", "occurrences", "recurrence"]
    )
    @pytest.mark.parametrize("base", [SINGLE, SERIES])
    def test_that_lacks_what_none_lacks_keeps_it(self, base: Event, key: str, told: Any) -> None:
        known = created(base=base, duration=90)
        answer = {**base, "duration": 90, key: told}
        text_is_told = key == "topic" and told == "soon"
        meeting = folded(known, event(SNAPSHOT, 2, **answer))
        assert text_is_told or (meeting.dates, meeting.object.get(key)) == (
            folded(known).dates,
            folded(known).object.get(key),
        )

    def test_of_another_type_is_not_filled_up(self) -> None:
        undated = {key: value for key, value in SINGLE.items() if key not in ("start_time", "duration")}
        assert folded(created(), event(SNAPSHOT, 2, **(undated | {"type": 3}))).dates == ()


class TestDeletion:
    @pytest.mark.parametrize("operation", ["single", "Single", " SINGLE ", None, "", " ", 0, [], "one"])
    @pytest.mark.parametrize("verb", ["deleted", "permanently_deleted"])
    def test_of_one_occurrence_leaves_the_others(self, verb: str, operation: Any) -> None:
        gone = said(verb, 2, {"operation": operation}, type=8, occurrences=[WEEKS[1]])
        assert starts(folded(created(base=SERIES), gone)) == LEFT
        back = said("recovered", 3, {"operation": operation}, type=8, occurrences=[WEEKS[1]])
        assert starts(folded(created(base=SERIES), gone, back)) == ALL

    @pytest.mark.parametrize("operation", ["all", "ALL", " all "])
    def test_of_all_is_of_the_series(self, operation: str) -> None:
        gone = said("deleted", 2, {"operation": operation}, type=8, occurrences=[WEEKS[1]])
        assert folded(created(base=SERIES), gone).state is MeetingState.DELETED

    @pytest.mark.parametrize("operation", ["single", " Single"])
    def test_of_a_date_that_is_not_named_asks(self, operation: str) -> None:
        meeting = folded(created(base=SERIES), said("deleted", 2, {"operation": operation}, type=8))
        assert (meeting.state, meeting.doubt) == (MeetingState.SCHEDULED, Doubt.DELETED_WITHOUT_DATES)

    @pytest.mark.parametrize(
        "named",
        [
            {"occurrence_id": 1, "start_time": "2026-12-08T18:00:00Z"},
            {"occurrence_id": " 1 "},
            {"start_time": "2026-12-08T18:00:00Z"},
            {"start_time": "2026-12-08T18:00:00z"},
            {"start_time": "2026-12-08T19:00:00.000+01:00"},
            {"start_time": 1796752800},
        ],
    )
    def test_names_an_occurrence_by_id_or_start(self, named: dict[str, Any]) -> None:
        gone = said("deleted", 2, {"operation": "single"}, type=8, occurrences=[named])
        assert starts(folded(created(base=SERIES), gone)) == LEFT


class TestTimeOfAnEvent:
    @pytest.mark.parametrize(
        "told", [0, "0", 10**12 + 2000, (10**12 + 2000) * 10**3, f"{10**12 + 2000}000000"]
    )
    @pytest.mark.parametrize("key", ["event_ts", "time_stamp"])
    def test_never_puts_the_second_change_before_the_first(self, told: Any, key: str) -> None:
        first, second = said("updated", 10**12 + 1000, topic="First"), updated(10**12 + 2000, topic="Second")
        place = second if key == "event_ts" else second["payload"]
        place[key] = told
        changes = [
            Change(position(one, digest(one), received_at=10**12 + 3000), one) for one in read(first, second)
        ]
        meeting = fold(ACCOUNT, NUMBER, changes)
        assert meeting is not None
        assert meeting.topic == "Second"


class TestConversion:
    @pytest.mark.parametrize("object_", [{}, {"type": 5}, {"type": None}, {"type": "5"}])
    @pytest.mark.parametrize("deleted_at", [None, 1, 2])
    def test_keeps_the_page_though_the_meeting_was_deleted(
        self, object_: Event, deleted_at: int | None
    ) -> None:
        told = [created(), event("meeting.converted_to_webinar", 2, **object_)]
        if deleted_at is not None:
            told.append(said("deleted", deleted_at, {"operation": "single"}, type=2))
        meeting = folded(*told)
        assert (meeting.state, meeting.kind) == (MeetingState.SCHEDULED, MeetingKind.WEBINAR)
        assert "Join the webinar" in html(meeting)

    @pytest.mark.parametrize(("of_meeting", "of_webinar"), [(2, 5), (3, 6), (8, 9)])
    def test_changes_the_type_also_where_it_is_not_told(self, of_meeting: int, of_webinar: int) -> None:
        there = folded(created(base=SERIES, type=of_meeting), event("meeting.converted_to_webinar", 2))
        assert (there.type, there.kind) == (of_webinar, MeetingKind.WEBINAR)
        webinar = created(base=SERIES, name="webinar", type=of_webinar)
        back = folded(webinar, event("webinar.converted_to_meeting", 2))
        assert (back.type, back.kind) == (of_meeting, MeetingKind.MEETING)

    @pytest.mark.parametrize(("of_meeting", "of_webinar"), [(2, 5), (3, 6), (8, 9)])
    def test_of_which_no_event_came_shows_in_the_next_one(self, of_meeting: int, of_webinar: int) -> None:
        there = folded(created(base=SERIES, type=of_meeting), event("webinar.updated", 2, topic="New"))
        assert (there.type, there.kind) == (of_webinar, MeetingKind.WEBINAR)
        webinar = created(base=SERIES, name="webinar", type=of_webinar)
        back = folded(webinar, event("meeting.updated", 2, topic="New"))
        assert (back.type, back.kind) == (of_meeting, MeetingKind.MEETING)

    def test_is_undone_by_a_later_deletion(self) -> None:
        there = event("meeting.converted_to_webinar", 2, type=5)
        assert folded(created(), there, event("webinar.deleted", 3, type=5)).state is MeetingState.DELETED


WEBINAR = created(name="webinar", type=5)
PRACTICE = [
    instance("started", "17:30", "17:30", name="webinar"),
    instance("ended", "17:58", "17:30", name="webinar", practice_session=True),
]
BROADCAST = instance("started", "18:00", "18:00", name="webinar", practice_session=False)
END = instance("ended", "19:04", "18:00", name="webinar", practice_session=False)


class TestInstances:
    @pytest.mark.parametrize(
        ("told", "looks"),
        [
            ([created(), started("17:10", uuid="r"), ended("17:30", "17:10", uuid="r")],
             {"2026-12-01T17:45": {"upcoming", "link"}, "2026-12-01T18:10": {"under way", "link"}}),
            ([created(), started("17:30"), ended("17:59", "17:30")],
             {"2026-12-01T18:10": {"under way", "link"}}),
            ([created(), started("17:30"), ended("18:01", "17:30")],
             {"2026-12-01T18:10": {"under way", "link"}, "2026-12-01T19:10": {"closing", "link"}}),
            ([created(), started("17:58"), ended("18:01", "17:59")], {"2026-12-01T18:10": {"again", "link"}}),
            ([created(), started("17:10", uuid="r"), started("17:58", uuid="m"), ended("17:30", "17:10", uuid="r")],
             {"2026-12-01T18:05": {"live", "link"}}),
            ([created(), started("2026-11-30T19:00"), ended("2026-11-30T19:20", "2026-11-30T19:00")],
             {"2026-11-30T19:30": {"upcoming", "link"}, "2026-12-01T17:00": {"upcoming", "link"}}),
            ([created(), started("18:00"), ended("18:40", "18:00")],
             {"2026-12-01T18:41": {"again", "link"}, "2026-12-01T19:00": {"ended"}}),
            ([created(), started("18:00"), ended("18:40", "18:00"), started("18:42", uuid="u2==")],
             {"2026-12-01T18:45": {"live", "link"}}),
            ([created(), ended("19:05", "18:00"), started("18:00")], {"2026-12-01T19:06": {"ended"}}),
            ([created(), ended("19:05", "18:00"), started("19:06", "18:00")], {"2026-12-01T19:07": {"ended"}}),
            ([created(), started("18:00", uuid=None), ended("19:05", "18:00", uuid=None)],
             {"2026-12-01T19:06": {"ended"}}),
            ([created(), ended("19:05", "18:00", start_time=None)], {"2026-12-01T19:06": {"ended"}}),
            ([created(), ended("18:40", "18:00", start_time=None)], {"2026-12-01T18:41": {"again", "link"}}),
            ([created(), ended("17:30", "17:00", start_time=None)], {"2026-12-01T18:05": {"under way", "link"}}),
            ([created(), started("18:00", uuid=" u1=="), ended("19:05", "18:00")], {"2026-12-01T19:06": {"ended"}}),
            ([created(), started("18:00", uuid=5)], {"2026-12-01T18:05": {"live", "link"}}),
            ([created(), started("18:00")],
             {"2026-12-01T19:29": {"live", "link"}, "2026-12-01T19:31": {"may run", "link"},
              "2026-12-02T17:59": {"may run", "link"}, "2026-12-02T18:01": {"ended"}}),
            ([created(), started("18:50")],
             {"2026-12-01T19:20": {"live", "link"}, "2026-12-02T18:49": {"may run", "link"}}),
            ([created(), started("2026-12-08T18:00")], {"2026-12-08T18:05": {"ended"}}),
            ([created(), started("18:00"), said("updated", ms("2026-12-01T18:06:00"), start_time="2026-12-02T18:00:00Z")],
             {"2026-12-01T18:30": {"upcoming", "link"}}),
            ([created(base=SERIES), started("18:00"), ended("19:01", "18:00")],
             {"2026-12-01T19:10": {"upcoming", "link"}, "2026-12-08T17:30": {"upcoming", "link"}}),
            ([created(base=SERIES), started("2026-12-03T10:00")], {"2026-12-03T10:10": {"upcoming", "link"}}),
            ([created(base=SERIES), started("18:00"), started("2026-12-08T18:00", uuid="u2=="), ended("19:00", "18:00")],
             {"2026-12-08T18:10": {"live", "link"}}),
            ([created(type=3), started("18:00", type=3)],
             {"2026-12-01T18:30": {"live", "link"}, "2026-12-02T18:05": {"undated", "link"}}),
            ([created(type=3), started("18:00", type=3), ended("18:20", "18:00", type=3)],
             {"2026-12-01T18:30": {"undated", "link"}}),
            ([created(**ROOM), started("2026-11-28T10:00", type=4, topic=ROOM_NAME)],
             {"2026-11-28T10:05": {"upcoming", "link"}}),
            ([created(), started("17:30", type=4, topic=ROOM_NAME)], {"2026-12-01T17:35": {"upcoming", "link"}}),
            ([created(), started("19:30", type="4")], {"2026-12-01T19:40": {"closing", "link"}}),
            ([started("2026-11-20T09:00", uuid="r", type=4, topic=ROOM_NAME),
              said("updated", ms("2026-11-20T10:00:00"), **SINGLE), started("17:30")],
             {"2026-12-01T17:35": {"upcoming", "link"}}),
            ([created(), said("updated", ms("2026-11-21T09:00:00"), type=4, topic=ROOM_NAME), started("17:30")],
             {"2026-12-01T17:35": {"upcoming", "link"}}),
            ([created(settings={"use_pmi": "true"}), started("17:30", type=4, topic=ROOM_NAME)],
             {"2026-12-01T17:35": {"upcoming", "link"}}),
            ([created(**ROOM), started("16:30", type=4), ended("17:45", "16:30", type=4)],
             {"2026-12-01T17:50": {"upcoming", "link"}, "2026-12-01T18:20": {"under way", "link"}}),
            ([WEBINAR, *PRACTICE], {"2026-12-01T18:05": {"under way", "link"}}),
            ([WEBINAR, PRACTICE[0], instance("ended", "18:05", "17:30", name="webinar", practice_session="true")],
             {"2026-12-01T18:10": {"under way", "link"}}),
            ([WEBINAR, *PRACTICE, BROADCAST], {"2026-12-01T18:05": {"live", "link"}}),
            ([WEBINAR, *PRACTICE, BROADCAST, END], {"2026-12-01T19:05": {"ended"}}),
            ([WEBINAR, *PRACTICE, instance("ended", "19:04", "17:30", name="webinar", practice_session=False)],
             {"2026-12-01T19:05": {"ended"}}),
        ],
    )  # fmt: skip
    def test_belong_to_the_date_that_they_overlap(
        self, told: list[Event], looks: dict[str, set[str]]
    ) -> None:
        for order in (told, told[::-1]):
            meeting = folded(*order)
            assert {moment: signs(meeting, moment) for moment in looks} == looks


BLANKS: list[Any] = [None, "", " ", []]
ODD_STARTS: list[Any] = [None, "", "soon", 0, []]
NIGHT, NEXT_DAY = "2026-12-01T20:00", "2026-12-02T09:00"
HELD = recording("completed", NIGHT, "2026-12-01T18:00", file("f1"), file("f2", "M4A"))


class TestRecordings:
    @pytest.mark.parametrize(
        ("told", "is_shown"),
        [
            ([HELD], True),
            ([HELD, recording("trashed", NEXT_DAY, "2026-12-01T18:00")], False),
            ([HELD, recording("trashed", NEXT_DAY, "2026-12-01T18:00", recording_files=None)], False),
            ([HELD, recording("trashed", NEXT_DAY, "2026-12-01T18:00", file("f2"))], True),
            ([HELD, recording("trashed", NEXT_DAY, "2026-12-01T18:00", file(" f1 "), file("f2"))], False),
            ([HELD, recording("trashed", NEXT_DAY, "2026-12-01T18:00", uuid=" u1== ")], False),
            ([HELD, recording("trashed", NEXT_DAY, "2026-12-01T18:00", uuid="another")], True),
            ([HELD, recording("trashed", NEXT_DAY, "2026-12-01T18:00"),
              recording("recovered", "2026-12-02T10:00", "2026-12-01T18:00", file("f1"))], True),
            *(([recording("completed", NIGHT, "2026-12-01T18:00", file("f1"), file(none, "TIMELINE")),
                recording("deleted", NEXT_DAY, "2026-12-01T18:00", file("f1"))], False) for none in BLANKS),
            ([recording("completed", NIGHT, "2026-12-01T18:00", file(17)),
              recording("trashed", NEXT_DAY, "2026-12-01T18:00", file("17"))], False),
            ([recording("completed", NIGHT, "2026-12-01T18:00", file(None)),
              recording("trashed", NEXT_DAY, "2026-12-01T18:00", file(None))], False),
            ([HELD, recording("completed", "2026-12-01T20:05", "2026-12-01T18:00", file("f3"), share_url=" ")], True),
            *(([HELD, recording("completed", "2026-12-01T20:05", "2026-12-01T18:00", share_url=odd)], True)
              for odd in ("javascript:alert(1)", "zoom.us/rec/share/x", "0", 5)),
            ([recording("completed", NIGHT, "2026-12-01T18:00", file("f1"), uuid=None)], False),
            ([recording("completed", NIGHT, "2026-12-01T17:10", file("f1"), duration=20)], False),
            ([recording("completed", NIGHT, "2026-12-01T17:10", file("f1"), duration=51)], False),
            ([recording("completed", NIGHT, "2026-12-01T17:58", file("f1"), duration=6)], True),
            ([recording("completed", NIGHT, "2026-11-25T10:00", file("f1"))], False),
            *(([recording("completed", NIGHT, "", file("f1"), start_time=odd)], False) for odd in ODD_STARTS),
            ([recording("completed", NIGHT, "", file("f1"), start_time=ms("2026-12-01T18:00:00") // 1000)], True),
        ],
    )  # fmt: skip
    def test_are_shown_while_a_file_is_there(self, told: list[Event], is_shown: bool) -> None:
        for order in ([created(), *told], [*told[::-1], created()]):
            assert ("recording" in signs(folded(*order), "2026-12-03T00:00")) is is_shown

    @pytest.mark.parametrize(
        ("object_", "start", "is_shown"),
        [
            (ROOM, "2026-12-01T18:01", True),
            (ROOM, "2026-12-03T09:00", False),
            (ROOM, "2026-12-01T16:30", False),
            ({"settings": {"use_pmi": "true"}}, "2026-12-01T16:30", False),
            ({"pmi": f"{str(NUMBER)[:3]} {str(NUMBER)[3:7]} {str(NUMBER)[7:]}"}, "2026-12-01T16:30", False),
            ({**ROOM, "type": 3}, "2026-12-01T18:00", False),
            ({}, "2026-12-01T16:30", False),
            ({}, "2026-12-01T19:30", False),
        ],
    )
    def test_of_the_room_are_shown_of_the_meeting_alone(
        self, object_: Event, start: str, is_shown: bool
    ) -> None:
        for minutes in (75, None, 10**9) if not is_shown else (75,):
            held = recording("completed", "2026-12-03T12:00", start, file("f1"), duration=minutes, type=4)
            assert ("recording" in signs(folded(created(**object_), held), "2026-12-04T00:00")) is is_shown

    @pytest.mark.parametrize("introduced", [[], [started("2026-11-20T09:00", type=2, topic="Choir")]])
    @pytest.mark.parametrize("name", [SNAPSHOT, "meeting.updated", "meeting.created"])
    @pytest.mark.parametrize("object_", [{}, ROOM])
    @pytest.mark.parametrize("zoom_type", [2, 4])
    def test_of_an_unknown_meeting_are_not_of_the_one_told_later(
        self, introduced: list[Event], name: str, object_: Event, zoom_type: int
    ) -> None:
        private = recording(
            "completed", "2026-11-20T10:00", "2026-11-20T09:00", file("f1"), type=zoom_type, topic="Salary"
        )
        later = event(name, ms("2026-11-20T10:30:00"), **(SINGLE | object_))
        meeting = folded(*introduced, private, later)
        assert "recording" not in signs(meeting, "2026-12-01T17:00")

    @pytest.mark.parametrize(("is_shown", "link"), [(False, "abc"), (True, "abc?pwd=KEY")])
    def test_link_holds_the_passcode_where_that_is_shown(self, is_shown: bool, link: str) -> None:
        held = recording(
            "completed",
            NIGHT,
            "2026-12-01T18:00",
            file("f1"),
            share_url="https://zoom.us/rec/share/abc?pwd=KEY",
        )
        site = replace(SITE, rules=replace(SITE.rules, recording_passcode=is_shown))
        page = render(folded(created(), held), site, datetime(2026, 12, 3, tzinfo=UTC)).field["html"]
        assert f'"https://zoom.us/rec/share/{link}"' in page


class TestCalendar:
    @pytest.mark.parametrize(
        "topic", ["C:\\new", "\\", "\\n", "a;b,c\\d", "A\r\nB", "😀" * 80, "👨‍👩‍👧‍👦" * 40]
    )
    def test_topic_is_one_line_of_text(self, topic: str) -> None:
        (found,) = vevents(folded(created(topic=topic)))
        assert str(found["SUMMARY"]) == " ".join(topic.split())
        assert all(line.decode() for line in feed(folded(created(topic=topic))).split(b"\r\n") if line)

    @pytest.mark.parametrize(
        "change",
        [
            {"start_time": "2026-12-16T18:00:00Z"},  # past the next date
            {"start_time": "2026-12-15T20:00:00Z"},  # to the day of the next date
            {"start_time": "2026-12-15T18:00:00Z"},  # to the time of the next date
            {"start_time": "2026-12-01T18:30:00Z"},  # into the date before
        ],
    )
    def test_has_no_series_that_outlook_cannot_hold(self, change: Event) -> None:
        meeting = folded(created(base=SERIES), updated(2, "single", occurrences=[WEEKS[1] | change]))
        found = vevents(meeting)
        assert sorted(f"{one['DTSTART'].dt.astimezone(UTC):%d %H:%M}" for one in found) == starts(meeting)
        assert len({str(one["UID"]) for one in found}) == 4
        assert not any("RRULE" in one or "RECURRENCE-ID" in one for one in found)

    def test_has_no_series_of_overlapping_dates(self) -> None:
        days = [date(day, f"2026-12-{1 + day:02}T18:00:00Z", duration=25 * 60) for day in range(3)]
        daily = created(base=SERIES, occurrences=days, recurrence={"type": 1, "end_times": 3})
        assert [("RRULE" in one) for one in vevents(folded(daily))] == [False, False, False]


class TestDetails:
    def test_start_in_a_zone_stays_when_the_zone_changes(self) -> None:
        local = created(start_time="2026-12-01T19:00:00")
        assert starts(folded(local, updated(2, timezone="Asia/Tokyo"))) == ["01 18:00"]
        moved = updated(2, start_time="2026-12-02T19:00:00")
        assert starts(folded(created(), moved, updated(3, timezone="Asia/Tokyo"))) == ["02 18:00"]

    @pytest.mark.parametrize(
        "told", ["2026-12-01T19:00:00", "2026-12-01T19:00:00+01:00", "2026-12-01T18:00:00.5Z"]
    )
    def test_start_is_in_utc(self, told: str) -> None:
        details = json.loads(shown(folded(created(start_time=told))).field["details"])
        assert details["start_time"] == "2026-12-01T18:00:00Z"


class TestStartLink:
    @pytest.mark.parametrize("key", ["join_url", "registration_url"])
    def test_is_nowhere(self, key: str) -> None:
        odd: Event = {key: "https://zoom.us/s/1?zak=KEY"}
        meeting = folded(created(**odd))
        assert "KEY" not in str(render(meeting, SITE, BEFORE)) + str(meeting)
