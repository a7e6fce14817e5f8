"""Times as commands print them."""

from __future__ import annotations

from datetime import UTC, datetime


def to_minutes(milliseconds: int) -> str:
    """Return a Unix time in milliseconds as UTC, to the minute."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def to_seconds(milliseconds: int) -> str:
    """Return a Unix time in milliseconds as UTC, to the second."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
