"""Log lines that strangers can cause: one a minute at most, each with how often it happened."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 60.0

logger = structlog.get_logger(__name__)


class OverloadLog:
    """Logs each event at most once in `seconds`. Used by one event loop.

    `times` is how often it happened since the line before, this time included.
    """

    def __init__(self, *, seconds: float = _SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._times: Counter[str] = Counter()
        self._next_at: dict[str, float] = {}

    def warning(self, event: str, **fields: object) -> None:
        """Log an event of this name as a warning, or count it for the next line."""
        self.log(logging.WARNING, event, **fields)

    def log(self, level: int, event: str, **fields: object) -> None:
        """Log an event of this name at a level of `logging`, or count it for the next line."""
        self._times[event] += 1
        now = self._clock()
        if now < self._next_at.get(event, 0.0):
            return
        self._next_at[event] = now + self._seconds
        logger.log(level, event, **fields, times=self._times.pop(event))
