"""Count what happened a moment ago, to tell a burst from the ordinary."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class RecentCount:
    """A number of things that happened within the last `seconds`. Thread-safe. `clock` is monotonic, in seconds."""

    seconds: float = 1.0
    clock: Callable[[], float] = time.monotonic
    _counts: deque[tuple[float, int]] = field(default_factory=deque)
    _guard: Lock = field(default_factory=Lock)

    def add(self, count: int) -> None:
        """Count things that happen now."""
        with self._guard:
            self._counts.append((self.clock(), count))
            self._drop_older()

    def total(self) -> int:
        """Return how many there were within that time."""
        with self._guard:
            self._drop_older()
            return sum(count for _, count in self._counts)

    def _drop_older(self) -> None:
        since = self.clock() - self.seconds
        while self._counts and self._counts[0][0] < since:
            self._counts.popleft()
