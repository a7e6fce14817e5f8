"""Rate limits of Zoom's REST API: requests per second for each label and plan.

https://developers.zoom.us/docs/api/rate-limits/
"""

from __future__ import annotations

import threading
import time
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class RateLabel(StrEnum):
    """Zoom's rate limit label of a request."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"


class Plan(StrEnum):
    """The account's plan, as far as the limits differ."""

    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"


PER_SECOND = {
    Plan.FREE: {RateLabel.LIGHT: 4, RateLabel.MEDIUM: 2, RateLabel.HEAVY: 1},
    Plan.PRO: {RateLabel.LIGHT: 30, RateLabel.MEDIUM: 20, RateLabel.HEAVY: 10},
    Plan.BUSINESS: {RateLabel.LIGHT: 80, RateLabel.MEDIUM: 60, RateLabel.HEAVY: 40},
}
# Requests of the account's other apps count as well: a part of the limit is left to them.
SHARE = 0.8
# Requests are spaced evenly, so that delayed ones do not arrive together with the next. After a pause, this part of
# the limit may go at once.
_BURST = 0.1


class RateLimiter:
    """Spaces requests within Zoom's limits. Thread-safe. `sleep` waits for a number of seconds."""

    def __init__(
        self,
        plan: Plan,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._apart = {label: 1 / (most * SHARE) for label, most in PER_SECOND[plan].items()}
        self._saved = {
            label: (max(1, int(most * _BURST)) - 1) * self._apart[label]
            for label, most in PER_SECOND[plan].items()
        }
        self._next = dict.fromkeys(RateLabel, 0.0)
        self._guard = threading.Lock()
        self._sleep = sleep
        self._clock = clock

    def acquire(self, label: RateLabel) -> None:
        """Block until one more request of this label may be sent."""
        late = True
        while late:
            with self._guard:  # reserve the next turn, then wait for it without the lock
                now = self._clock()
                turn = max(self._next[label], now - self._saved[label])
                self._next[label] = turn + self._apart[label]
            if turn > now:
                self._sleep(turn - now)
            # After a standstill of the process all reserved turns have passed, and all waiting threads would send at once.
            late = turn > now and self._clock() - turn > self._saved[label] + self._apart[label]

    def pause(self, label: RateLabel, seconds: float) -> None:
        """Let requests of this label wait for `seconds`: Zoom has refused one for exceeding the limit."""
        with self._guard:
            self._next[label] = max(self._next[label], self._clock() + seconds)
