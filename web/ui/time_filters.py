"""Parse and format times: a date, a date with a time in UTC, or a time before now."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_AGO = re.compile(r"\s*([0-9]{1,5})\s*([mhdw])\s*(?:ago)?\s*", re.IGNORECASE)
_EARLIEST, _LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (1000, 9999))
_SECONDS = {"m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


def parse_time(text: str, *, now: float) -> int:
    """Parse a time of the years 1000 to 9998 to Unix milliseconds; `now` is in seconds. Raises: ValueError.

    "2026-11-23", "2026-11-23 10:00" and "2026-11-23T10:00Z" are in UTC unless they say otherwise; "30m", "3h", "2d"
    and "1w" are relative to now.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        found = int((now - int(ago[1]) * _SECONDS[ago[2].lower()]) * 1000)
    else:
        try:
            at = datetime.fromisoformat(text.strip())
        except ValueError as error:
            raise ValueError(f"“{text[:40]}” is neither a date nor how long ago") from error
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        found = int(at.timestamp() * 1000)
    # Others cannot be formatted, or not so that they can be parsed again.
    if not _EARLIEST <= found < _LATEST:
        raise ValueError(f"“{text[:40]}” is too long ago, or too far ahead")
    return found


def format_utc(milliseconds: int) -> str:
    """Format Unix milliseconds in UTC as `parse_time` and the browser's `datetime-local` field read it."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.strftime("%Y-%m-%dT%H:%M" if at.second == 0 else "%Y-%m-%dT%H:%M:%S")
