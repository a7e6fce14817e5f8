"""Moments as people write them."""

import pytest

from web.ui.time_filters import format_utc, parse_time

NOW = 1_795_424_400.0  # 2026-11-23 09:00 UTC


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23", NOW - 9 * 3600),
        ("2026-11-23 09:00", NOW),
        ("2026-11-23T09:00", NOW),
        ("2026-11-23T09:00:00Z", NOW),
        ("2026-11-23T10:00+01:00", NOW),
        (" 30m ", NOW - 1800),
        ("3h", NOW - 3 * 3600),
        ("2d ago", NOW - 2 * 86400),
        ("1W", NOW - 7 * 86400),
    ],
)
def test_are_read(text: str, seconds: float) -> None:
    assert parse_time(text, now=NOW) == int(seconds * 1000)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "3x", "9" * 50])
def test_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a date nor how long ago"):
        parse_time(text, now=NOW)


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00+05:00", "0999-12-31", "9999-12-31T23:59-05:00", "9999-01-01", "99999w"],
)
def test_that_no_calendar_shows_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="too long ago, or too far ahead"):
        parse_time(text, now=NOW)


def test_are_written_as_they_are_read() -> None:
    for text in ("2026-11-23 09:00", "2026-11-23 09:00:05", "1000-01-01", "9998-12-31T23:59Z"):
        at = parse_time(text, now=NOW)
        assert parse_time(format_utc(at), now=0) == at
