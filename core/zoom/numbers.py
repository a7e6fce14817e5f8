"""Zoom's numbers, which are integers in some events and text in others. Pure."""

from __future__ import annotations

import re
from typing import Any

_DIGITS = re.compile(r"[0-9]{1,15}")
_GROUPED = re.compile(r"[0-9]+(?:[ \u00a0-][0-9]+)*")  # as Zoom shows a number to people: "812 3456 7890"
_ABOVE_ALL = 10**15


def integer(value: Any) -> int | None:
    """Return an integer from 0 on, of at most 15 digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < _ABOVE_ALL else None


def meeting_number(value: Any) -> int | None:
    """Return a meeting's number, or a personal meeting ID; 0 is none: Zoom's numbers have 9 digits or more."""
    if isinstance(value, str) and _GROUPED.fullmatch(value.strip()):
        value = re.sub(r"[^0-9]", "", value)
    return integer(value) or None
