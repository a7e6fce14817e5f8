"""Times as commands print them."""

from __future__ import annotations

from datetime import UTC, datetime


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
