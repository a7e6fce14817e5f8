"""Paths and numbers of meetings, as pages show them."""

from __future__ import annotations

from urllib.parse import quote


def meeting_path(account_id: str, number: int) -> str:
    """Return the path of a meeting's page."""
    return f"/meetings/{quote(account_id, safe='') or '-'}/{number}"


def format_number(number: int) -> str:
    """Format a meeting number as Zoom does, with non-breaking spaces: 853 9384 7045, but 938 470 4512."""
    digits = str(number)
    second = 7 if len(digits) > 10 else 6  # noqa: PLR2004 - digits
    return "\u00a0".join(part for part in (digits[:3], digits[3:second], digits[second:]) if part)
