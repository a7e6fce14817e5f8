"""How many failed sign-ins are listed in the audit log: few a minute, so that guessing costs the database little."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PER_MINUTE = 20


@dataclass(slots=True)
class FailureBudget:
    """Counts failed sign-ins of this process by the minute. Thread-safe. `clock` is in seconds, monotonic."""

    per_minute: int = _PER_MINUTE
    clock: Callable[[], float] = time.monotonic
    _minute: int = -1
    _listed: int = 0
    _unlisted: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> int | None:
        """Count a failure. Return how many were not listed since the last one that was; None: do not list this one."""
        minute = int(self.clock() // 60)
        with self._guard:
            if minute != self._minute:
                self._minute, self._listed = minute, 0
            if self._listed >= self.per_minute:
                self._unlisted += 1
                return None
            self._listed += 1
            unlisted, self._unlisted = self._unlisted, 0
            return unlisted
