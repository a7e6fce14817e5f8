"""Reading Zoom's object in typed form, whatever it holds."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.meeting import Meeting
from tests.core.events import JSON

COMPLETE = {
    "topic": "Choir",
    "join_url": "https://example.zoom.us/j/1",
    "type": 2,
    "start_time": "2026-03-24T18:00:00Z",
}


def meeting(**object_: Any) -> Meeting:
    return Meeting("account", 1, object=object_)


class TestText:
    @pytest.mark.parametrize("name", ["topic", "agenda", "join_url", "password"])
    def test_is_empty_where_it_is_not_known(self, name: str) -> None:
        assert getattr(meeting(), name) == ""
        assert getattr(meeting(**{name: "said"}), name) == "said"
        assert getattr(meeting(**{name: 5}), name) == ""


class TestType:
    @pytest.mark.parametrize(
        ("told", "read"),
        [
            (2, 2),
            ("8", 8),
            (None, None),
            (True, None),
            ("", None),
            ("x", None),
            ("²", None),
            (2.0, 2),
            (2.5, None),
        ],
    )
    def test_is_a_number_or_unknown(self, told: Any, read: int | None) -> None:
        assert meeting(type=told).type == read


class TestStartTime:
    @pytest.mark.parametrize(
        ("told", "zone", "read"),
        [
            ("2026-03-24T18:00:00Z", "Europe/Berlin", datetime(2026, 3, 24, 18, tzinfo=UTC)),
            ("2026-03-24T18:00:00+02:00", "", datetime(2026, 3, 24, 16, tzinfo=UTC)),
            ("2026-03-24T18:00:00", "Europe/Berlin", datetime(2026, 3, 24, 17, tzinfo=UTC)),
            ("2026-07-24T18:00:00", "Europe/Berlin", datetime(2026, 7, 24, 16, tzinfo=UTC)),
            ("2026-03-24T18:00:00", "Nowhere/Atall", datetime(2026, 3, 24, 18, tzinfo=UTC)),
        ],
    )
    def test_is_in_utc(self, told: str, zone: str, read: datetime) -> None:
        assert meeting(start_time=told, timezone=zone).start_time == read

    @pytest.mark.parametrize(
        "told", [None, 5, "", "soon", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00",
                 "1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z"],
    )  # fmt: skip
    def test_is_unknown_for_what_no_calendar_offers(self, told: Any) -> None:
        assert meeting(start_time=told).start_time is None


class TestDuration:
    @pytest.mark.parametrize(
        ("told", "read"), [(60, 60), ("60", 60), (None, 0), (-5, 0), (True, 0), (10**20, 1800), ("x", 0)]
    )
    def test_is_bounded(self, told: Any, read: int) -> None:
        assert meeting(duration=told).duration == read


class TestOccurrences:
    def test_are_in_order_of_time(self) -> None:
        dates = [
            {"occurrence_id": "b", "start_time": "2026-03-02T10:00:00Z", "duration": 30},
            {"occurrence_id": "a", "start_time": "2026-03-01T10:00:00Z", "status": "deleted"},
        ]
        first, second = meeting(duration=45, occurrences=dates).occurrences
        assert (first.occurrence_id, first.duration, first.available) == ("a", 45, False)
        assert (second.occurrence_id, second.duration, second.available) == ("b", 30, True)
        assert second.end_time == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)

    @pytest.mark.parametrize("listed", [None, {}, "x", [None, 1, {}, {"start_time": "soon"}]])
    def test_are_none_where_nothing_can_be_read(self, listed: Any) -> None:
        assert meeting(occurrences=listed).occurrences == ()


class TestIsComplete:
    def test_needs_topic_link_type_and_time(self) -> None:
        assert meeting(**COMPLETE).is_complete
        for name in COMPLETE:
            assert not meeting(**{**COMPLETE, name: None}).is_complete, name

    @pytest.mark.parametrize("zoom_type", [1, 3, 4, 6])
    def test_needs_no_time_where_there_is_none(self, zoom_type: int) -> None:
        assert meeting(**{**COMPLETE, "type": zoom_type, "start_time": None}).is_complete

    def test_a_series_has_a_time_in_its_dates(self) -> None:
        dates = [{"occurrence_id": "1", "start_time": "2026-03-01T10:00:00Z"}]
        assert meeting(**{**COMPLETE, "type": 8, "start_time": None, "occurrences": dates}).is_complete


class TestAnything:
    @given(st.dictionaries(st.sampled_from([*COMPLETE, "occurrences", "timezone", "duration"]), JSON))
    def test_can_be_read(self, told: dict[str, Any]) -> None:
        found = meeting(**told)
        assert found.has_fixed_time in (True, False)
        assert found.is_complete in (True, False)
        assert found.duration >= 0
        assert found.settings == {}
