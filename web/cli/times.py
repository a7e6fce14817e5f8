"""Times as commands take and print them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click

from web.ui.time_filters import parse_time


def time_option(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Return the time that an option gives, in Unix milliseconds (UTC); for `callback`.

    Raises: click.BadParameter.
    """
    if value is None:
        return None
    try:
        return parse_time(value, now=time.time())
    except ValueError as error:
        raise click.BadParameter(
            f"{error}. Write 2026-11-23, “2026-11-23 10:00” (UTC), or 30m, 3h, 2d."
        ) from error


def to_minutes(milliseconds: int) -> str:
    """Return a Unix time in milliseconds as UTC, to the minute."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def to_iso(milliseconds: int) -> str:
    """Return a Unix time in milliseconds as ISO 8601 in UTC: 2026-11-23T10:00:00.123Z."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_seconds(milliseconds: int) -> str:
    """Return a Unix time in milliseconds as UTC, to the second."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
