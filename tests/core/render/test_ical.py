"""Calendars pass a validator, and others read the same moments out of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
import vobject
from hypothesis import given
from hypothesis import strategies as st

from core.model.instances import end_of
from core.model.meeting import Meeting, MeetingState, Position
from core.model.rules import DEFAULT, JoinLink, Rules
from core.render.ical import CANCELLED_FOR, CalendarEntry, UidKey, calendar, has_events
from core.render.ical_recurrence import series
from tests.calendar_readers import complaints, icaljs
from tests.calendar_rules import violations

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = UidKey(b"a secret of the bridge", "choir.example.org")
# Each with a change to daylight saving time and one from it within the year that is tested.
ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago", "Australia/Lord_Howe",
]  # fmt: skip


def meeting(
    zone: str = "Europe/Berlin", *, state: MeetingState = MeetingState.SCHEDULED, at: int = 0, **more: Any
) -> Meeting:
    object_ = {
        "topic": "Choir; rehearsal, weekly",
        "agenda": "Bring:\na score",
        "type": 2,
        "start_time": "2026-03-03T18:00:00Z",
        "duration": 90,
        "timezone": zone,
        "join_url": "https://zoom.us/j/85393847045?pwd=abc",
        "password": "482915",
        **more,
    }
    return Meeting("account", 85393847045, state=state, object=object_, last=Position(at, 0, ""))


def weekly(zone: str, count: int = 52, **more: Any) -> Meeting:
    """A meeting at seven in the evening by the clock of its zone, every week for a year."""
    first = datetime(2026, 1, 6, 19, tzinfo=ZoneInfo(zone))
    dates = [(first + timedelta(weeks=week)).astimezone(UTC) for week in range(count)]
    occurrences = [
        {
            "occurrence_id": str(number),
            "start_time": f"{date:%Y-%m-%dT%H:%M:%SZ}",
            "duration": 90,
            "status": "available",
        }
        for number, date in enumerate(dates)
    ]
    recurrence = {"type": 2, "repeat_interval": 1, "weekly_days": "3", "end_times": count}
    given = {
        "type": 8,
        "occurrences": occurrences,
        "recurrence": recurrence,
        "start_time": occurrences[0]["start_time"],
    }
    return meeting(zone, **{**given, **more})


def made(*meetings: Meeting, rules: Rules = DEFAULT, revision: int = 3) -> bytes:
    entries = [CalendarEntry(one, revision, "https://choir.example.org/meeting") for one in meetings]
    return calendar(entries, rules, name="The city choir", key=KEY, now=NOW)


def by_vobject(data: bytes) -> list[tuple[str, str]]:
    """Read starts and ends with vobject and dateutil's rules."""
    found = {}
    read = vobject.readOne(data.decode())
    events = getattr(read, "vevent_list", [])
    for event in events:
        if hasattr(event, "recurrence_id"):
            continue
        length = event.dtend.value.astimezone(UTC) - event.dtstart.value.astimezone(UTC)
        rules = event.getrruleset(addRDate=True)
        for start in rules if rules is not None else [event.dtstart.value]:
            moment = start.astimezone(UTC)
            found[moment] = moment + length
    for event in events:
        if hasattr(event, "recurrence_id"):
            found.pop(event.recurrence_id.value.astimezone(UTC), None)
            found[event.dtstart.value.astimezone(UTC)] = event.dtend.value.astimezone(UTC)
    return sorted((_z(start), _z(end)) for start, end in found.items())


def _z(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def expected(one: Meeting) -> list[tuple[str, str]]:
    return sorted((_z(date.start_time), _z(date.end_time)) for date in one.occurrences if date.available)


def without_dates(one: Meeting, *gone: int) -> list[dict[str, Any]]:
    return [
        {**date, "status": "deleted" if number in gone else "available"}
        for number, date in enumerate(one.object["occurrences"])
    ]


def moved(one: Meeting, number: int, **changed: Any) -> list[dict[str, Any]]:
    dates: list[dict[str, Any]] = [dict(date) for date in one.object["occurrences"]]
    dates[number] |= changed
    return dates


class TestReadByOthers:
    """The same moments, read by two libraries that have nothing to do with the one that wrote them."""

    @pytest.mark.parametrize("zone", ZONES)
    def test_a_year_of_weeks_over_both_changes_of_the_clock(self, zone: str) -> None:
        one = weekly(zone)
        data = made(one)
        assert b"RRULE:" in data
        assert by_vobject(data) == expected(one)
        assert icaljs(data) == expected(one)

    @pytest.mark.parametrize("zone", ZONES)
    def test_dates_cancelled_moved_and_longer(self, zone: str) -> None:
        whole = weekly(zone, 12)
        start = whole.object["occurrences"][5]["start_time"]
        later = _z(datetime.fromisoformat(start) + timedelta(hours=26))
        one = weekly(
            zone,
            12,
            occurrences=moved(
                weekly(zone, 12, occurrences=moved(whole, 5, start_time=later)), 9, duration=120
            ),
        )
        one = weekly(zone, 12, occurrences=without_dates(one, 2))
        data = made(one)
        assert by_vobject(data) == expected(one)
        assert icaljs(data) == expected(one)

    def test_dates_that_no_rule_gives(self) -> None:
        starts = ["2026-03-03T18:00:00Z", "2026-03-11T09:30:00Z", "2026-04-02T20:15:00Z"]
        dates = [{"occurrence_id": str(i), "start_time": at, "duration": 60} for i, at in enumerate(starts)]
        one = weekly("Europe/Berlin", occurrences=dates)
        data = made(one)
        assert data.count(b"BEGIN:VEVENT") == 3
        assert b"RRULE:FREQ=WEEKLY" not in data
        assert violations(data) == []
        assert by_vobject(data) == icaljs(data) == expected(one)

    @pytest.mark.parametrize(
        "recurrence",
        [
            {"type": 1, "repeat_interval": 2},
            {"type": 2, "repeat_interval": 2, "weekly_days": "2,4"},
            {"type": 3, "repeat_interval": 1, "monthly_day": 31},
            {"type": 3, "repeat_interval": 1, "monthly_week": -1, "monthly_week_day": 6},
        ],
    )
    def test_every_rule_of_zooms_is_only_used_as_far_as_it_gives_zooms_dates(
        self, recurrence: dict[str, Any]
    ) -> None:
        one = weekly("America/New_York", 20, recurrence=recurrence)
        data = made(one)
        assert by_vobject(data) == icaljs(data) == expected(one)

    def test_the_hour_that_comes_twice(self) -> None:
        dates = [
            {"occurrence_id": str(i), "start_time": at, "duration": 30}
            for i, at in enumerate(["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"])
        ]
        one = weekly("Europe/Berlin", occurrences=dates)
        assert by_vobject(made(one)) == icaljs(made(one)) == expected(one)

    @pytest.mark.parametrize("first", [datetime(2026, 3, 14, 23, 30), datetime(2026, 10, 24, 23, 30)])  # noqa: DTZ001
    def test_a_night_in_which_the_clock_is_changed(self, first: datetime) -> None:
        starts = [
            (first + timedelta(weeks=week)).replace(tzinfo=ZoneInfo("Europe/Berlin")) for week in range(4)
        ]
        dates = [
            {"occurrence_id": str(number), "start_time": _z(start.astimezone(UTC)), "duration": 240}
            for number, start in enumerate(starts)
        ]
        one = weekly("Europe/Berlin", occurrences=dates, recurrence={"type": 2, "weekly_days": "7"})
        assert by_vobject(made(one)) == icaljs(made(one)) == expected(one)

    def test_a_single_meeting(self) -> None:
        read = [("2026-03-03T18:00:00Z", "2026-03-03T19:30:00Z")]
        assert by_vobject(made(meeting())) == icaljs(made(meeting())) == read


class TestValid:
    """libical, which Evolution and KDE read calendars with, checks it against RFC 5545."""

    @pytest.mark.parametrize(
        "meetings",
        [
            [],
            [meeting()],
            [meeting(zone, topic="") for zone in ZONES],
            [weekly(zone) for zone in ZONES],
            [meeting(state=MeetingState.DELETED, at=int(NOW.timestamp() * 1000))],
            [meeting(topic="x" * 300 + "\u2028" + "é" * 200, agenda="a\r\nb\x00;,\\")],
        ],
    )
    def test_passes(self, meetings: list[Meeting]) -> None:
        assert complaints(made(*meetings)) == []

    def test_the_validator_can_complain(self) -> None:
        assert complaints(made(meeting()).replace(b"DTSTAMP", b"X-NONE")) != []
        assert complaints(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n") != []


class TestTold:
    def test_text_stays_text(self) -> None:
        data = made(meeting(topic="a\nBEGIN:VALARM", agenda="x\r\nATTENDEE:mailto:a@b.c"))
        assert b"\r\nBEGIN:VALARM" not in data
        assert b"\r\nATTENDEE" not in data

    def test_a_deleted_meeting_is_told_of_as_cancelled_for_a_while(self) -> None:
        at = int(NOW.timestamp() * 1000)
        gone = meeting(state=MeetingState.DELETED, at=at)
        assert b"STATUS:CANCELLED" in made(gone)
        assert b"zoom.us" not in made(gone)
        assert not has_events(gone, NOW + CANCELLED_FOR + timedelta(seconds=1))

    def test_a_series_of_which_every_date_is_cancelled_is_cancelled(self) -> None:
        whole = weekly("Europe/Berlin", 3)
        one = weekly("Europe/Berlin", 3, occurrences=without_dates(whole, 0, 1, 2))
        assert b"STATUS:CANCELLED" in made(one)

    def test_one_without_a_fixed_time_is_not_in_it(self) -> None:
        assert b"VEVENT" not in made(meeting(type=3))

    def test_the_uid_stays_and_the_sequence_rises(self) -> None:
        first, second = made(meeting(), revision=3), made(meeting(topic="Other"), revision=4)
        uid = f"UID:{KEY.uid(85393847045)}\r\n".encode()
        assert uid in first
        assert uid in second
        assert b"85393847045" not in made(meeting(), rules=Rules(join_link=JoinLink.NOBODY))
        assert b"SEQUENCE:3" in first
        assert b"SEQUENCE:4" in second

    @pytest.mark.parametrize("who", [JoinLink.SIGNED_IN, JoinLink.NOBODY])
    def test_the_link_is_only_for_whom_the_rules_say(self, who: JoinLink) -> None:
        assert b"https://zoom.us/j/85393847045" in made(meeting()).replace(b"\r\n ", b"")
        kept = made(meeting(), rules=Rules(join_link=who)).replace(b"\r\n ", b"")
        assert b"zoom.us" not in kept
        assert b"482915" not in kept

    def test_pasted_invitation_follows_the_rules(self) -> None:
        pasted = meeting(agenda="Join https://zoom.us/j/85393847045?pwd=abc, passcode 482915")
        kept = made(pasted, rules=Rules(join_link=JoinLink.NOBODY)).replace(b"\r\n ", b"")
        assert b"passcode" in kept
        assert b"zoom.us" not in kept
        assert b"482915" not in kept

    def test_is_the_same_as_long_as_nothing_changes(self) -> None:
        assert made(weekly("Europe/Berlin")) == made(weekly("Europe/Berlin"))


class TestSeries:
    def test_a_rule_that_says_another_thing_than_the_dates_is_not_used(self) -> None:
        starts: Sequence[datetime] = [NOW + timedelta(days=3 * number) for number in range(5)]
        found = series({"type": 2, "weekly_days": "1"}, starts, ZoneInfo("Europe/Berlin"))
        assert found is None

    @pytest.mark.parametrize(
        "recurrence",
        [
            {},
            {"type": 9},
            {"type": 2, "repeat_interval": "x"},
            {"type": 3},
            {"type": 3, "monthly_week": 9, "monthly_week_day": 1},
        ],
    )
    def test_what_is_no_rule_is_none(self, recurrence: dict[str, Any]) -> None:
        assert series(recurrence, [NOW, NOW + timedelta(days=7)], ZoneInfo("Europe/Berlin")) is None

    def test_a_moved_date_takes_the_place_of_the_one_that_it_was(self) -> None:
        starts = [NOW, NOW + timedelta(days=7), NOW + timedelta(days=15), NOW + timedelta(days=21)]
        found = series({"type": 2, "weekly_days": "1"}, starts, ZoneInfo("UTC"))
        assert found is not None
        assert found.moved == {NOW + timedelta(days=14): NOW + timedelta(days=15)}
        assert found.without == ()


@st.composite
def random_series(draw: st.DrawFn) -> Meeting:
    """A series as people make and change it: a rule, dates cancelled, moved, longer, of no known length, or none."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    start = datetime(2026, 1, 1, tzinfo=zone) + timedelta(minutes=15 * draw(st.integers(0, 4 * 24 * 365)))
    rule: dict[str, Any] = draw(
        st.one_of(
            st.fixed_dictionaries({"type": st.just(1), "repeat_interval": st.integers(1, 15)}),
            st.fixed_dictionaries(
                {
                    "type": st.just(2),
                    "repeat_interval": st.integers(1, 4),
                    "weekly_days": st.sets(st.integers(1, 7), min_size=1).map(
                        lambda days: ",".join(map(str, days))
                    ),
                }
            ),
            st.fixed_dictionaries({"type": st.just(3), "monthly_day": st.integers(1, 31)}),
            st.fixed_dictionaries(
                {
                    "type": st.just(3),
                    "monthly_week": st.sampled_from([-1, 1, 2, 3, 4]),
                    "monthly_week_day": st.integers(1, 7),
                }
            ),
            st.just({}),
        )
    )
    step = timedelta(days=draw(st.sampled_from([1, 7, 14, 28, 30])))
    length = draw(st.sampled_from([0, 30, 60, 90]))
    dates = []
    for number in range(draw(st.integers(1, 12))):
        date = (start.replace(tzinfo=None) + number * step).replace(tzinfo=zone)
        if draw(st.integers(0, 5)) == 0:
            date += timedelta(minutes=15 * draw(st.integers(-300, 300)))
        dates.append(
            {
                "occurrence_id": str(number),
                "start_time": _z(date.astimezone(UTC)),
                "duration": draw(st.sampled_from([length, length, length, 45])),
                "status": "deleted" if draw(st.integers(0, 6)) == 0 else "available",
            }
        )
    topic = draw(st.sampled_from(["Choir", "", "a\nb", "é" * 120]))
    return weekly(zone.key, topic=topic, occurrences=dates, recurrence=rule, duration=length)


class TestRandomSeries:
    @given(random_series())
    def test_are_what_every_client_reads(self, one: Meeting) -> None:
        data = made(one)
        assert violations(data) == []
        if any(date.available for date in one.dates):
            wanted = {_z(date.start_time): _z(end_of(date)) for date in one.dates if date.available}
            assert dict(by_vobject(data)) == wanted
