"""What lists find a meeting by: its words, and the date that leads."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.model.meeting import Meeting
from core.render.search_fields import LONGEST_WORDS, search_fields_of, search_text
from tests.core.events import ACCOUNT, NOW, NUMBER

HOUR = 3600
BEGIN = datetime.fromtimestamp(NOW, UTC)


def meeting(**object_: Any) -> Meeting:
    return Meeting(ACCOUNT, NUMBER, object={"topic": "Choir", "type": 2, **object_})


def series(*hours: float, deleted: tuple[int, ...] = (), minutes: int = 60) -> Meeting:
    dates = [
        {
            "occurrence_id": str(place),
            "start_time": said(hour),
            "duration": minutes,
            "status": "deleted" if place in deleted else "available",
        }
        for place, hour in enumerate(hours)
    ]
    return meeting(type=8, occurrences=dates)


def said(hours: float) -> str:
    return f"{BEGIN + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"


def at(hours: float) -> int:
    return int((NOW + hours * HOUR) * 1000)


def after(hours: float) -> datetime:
    return BEGIN + timedelta(hours=hours)


class TestDates:
    def test_of_a_single_meeting_stay(self) -> None:
        single = meeting(start_time=said(2), duration=30)
        for now in (after(0), after(2.1), after(100)):
            found = search_fields_of(single, now)
            assert (found.starts_at, found.ends_at, found.over_at) == (at(2), at(2.5), at(2.5))

    def test_of_a_series_move_on(self) -> None:
        weekly = series(1, 25, 49)
        assert [search_fields_of(weekly, after(hours)).starts_at for hours in (0, 1.5, 2.5, 30, 100)] == [
            at(1), at(1), at(25), at(49), at(49),
        ]  # fmt: skip
        assert {search_fields_of(weekly, after(hours)).over_at for hours in (0, 30, 100)} == {at(50)}

    def test_a_cancelled_date_does_not_lead(self) -> None:
        assert search_fields_of(series(1, 25, 49, deleted=(0,)), after(0)).starts_at == at(25)

    @pytest.mark.parametrize("hours", [0, 1.5, 10, 200])
    def test_of_a_cancelled_series_never_wait_for_another(self, hours: float) -> None:
        found = search_fields_of(series(1, 25, deleted=(0, 1)), after(hours))
        assert found.ends_at == found.over_at

    @pytest.mark.parametrize("hours", [0, 1.5, 2.5, 26, 30, 100])
    def test_another_leads_only_once_one_has_ended(self, hours: float) -> None:
        found = search_fields_of(series(1, 25, 25.5, minutes=240), after(hours))
        assert not found.ends_at <= at(hours) < found.over_at

    def test_are_none_without_a_fixed_time(self) -> None:
        found = search_fields_of(meeting(type=3), after(0))
        assert (found.starts_at, found.ends_at, found.over_at) == (0, 0, 0)

    def test_end_somewhen_although_the_length_is_not_known(self) -> None:
        assert search_fields_of(meeting(start_time=said(2)), after(0)).ends_at == at(3)


class TestWords:
    @pytest.mark.parametrize(
        ("topic", "found"),
        [
            ("Chorprobe  ÄÖÜ ß", "chorprobe aou ss"),
            ("CAFÉ\u00a0Crème", "cafe creme"),
            ("İstanbul", "istanbul"),
            ("ﬁrst \uff12 rooms", "first 2 rooms"),
            (" \n\t ", ""),
            ("half \ud83d an emoji\0", "half ? an emoji"),
        ],
    )
    def test_have_no_case_and_no_accents(self, topic: str, found: str) -> None:
        assert search_text(topic) == found

    def test_are_bounded(self) -> None:
        assert len(search_text("ß" * 500)) == LONGEST_WORDS

    def test_what_zoom_never_says_is_left_out(self) -> None:
        odd = search_fields_of(meeting(topic=7, host_id=["x"], type=10**15), after(0))
        assert (odd.words, odd.host_id, odd.type) == ("", "", None)
        assert len(search_fields_of(meeting(host_id="h" * 1000), after(0)).host_id) == 100
        assert search_fields_of(meeting(host_id="\udc00"), after(0)).host_id == "?"
