"""Zoom's names of time zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.zoom.timezones import zone
from tests.core.events import SHARED

WINTER = datetime(2026, 1, 15, tzinfo=UTC)
_LIST = SHARED.parent / "zoom-timezones.txt"
ZOOMS = [line.split()[0] for line in _LIST.read_text().splitlines() if line.strip()] if _LIST.exists() else []


class TestZone:
    @pytest.mark.parametrize(
        ("name", "hours"),
        [("Europe/Berlin", 1), ("America/Los_Angeles", -8), ("Asia/Calcutta", 5.5), ("UTC", 0), ("SST", 11)],
    )
    def test_is_what_zoom_means(self, name: str, hours: float) -> None:
        assert WINTER.astimezone(zone(name)).utcoffset() == timedelta(hours=hours)

    @pytest.mark.parametrize("name", ZOOMS)
    def test_knows_each_of_zooms_names(self, name: str) -> None:
        known = {"UTC", "GMT", "Etc/Greenwich"}
        assert zone(name) != ZoneInfo("UTC") or name in known

    @pytest.mark.parametrize(
        "name",
        ["", "Nowhere/Atall", "../../etc/passwd", "/etc/passwd", "Europe", "Europe/", "\0", "x" * 5000],
    )
    def test_is_utc_for_what_is_none(self, name: str) -> None:
        assert zone(name) == ZoneInfo("UTC")

    @given(st.text())
    def test_never_raises(self, name: str) -> None:
        assert isinstance(zone(name), ZoneInfo)
