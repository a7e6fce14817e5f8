"""How fast Zoom's REST API may be asked: so many requests a second for each label and plan.

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
    """How Zoom weighs a kind of request."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"


class Plan(StrEnum):
    """What the account has bought, as far as the limits tell it apart."""

    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"


PER_SECOND = {
    Plan.FREE: {RateLabel.LIGHT: 4, RateLabel.MEDIUM: 2, RateLabel.HEAVY: 1},
    Plan.PRO: {RateLabel.LIGHT: 30, RateLabel.MEDIUM: 20, RateLabel.HEAVY: 10},
    Plan.BUSINESS: {RateLabel.LIGHT: 80, RateLabel.MEDIUM: 60, RateLabel.HEAVY: 40},
}
# What other apps of the account ask counts, too: some of the share is left to them.
SHARE = 0.8
# Asked for evenly, so that what is held up on its way does not arrive together with what comes next. After a rest so
# much of the share may go at once.
_AT_ONCE = 0.1


class RateLimiter:
    """Holds requests back until their turn comes. Safe to use from several threads. `sleep` waits so many seconds."""

    def __init__(
        self,
        plan: Plan,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._apart = {label: 1 / (most * SHARE) for label, most in PER_SECOND[plan].items()}
        self._saved = {
            label: (max(1, int(most * _AT_ONCE)) - 1) * self._apart[label]
            for label, most in PER_SECOND[plan].items()
        }
        self._next = dict.fromkeys(RateLabel, 0.0)
        self._guard = threading.Lock()
        self._sleep = sleep
        self._clock = clock

    def take_turn(self, label: RateLabel) -> None:
        """Return when one more request of this label may be sent."""
        late = True
        while late:
            with self._guard:  # each takes the next turn, and waits for that alone
                now = self._clock()
                turn = max(self._next[label], now - self._saved[label])
                self._next[label] = turn + self._apart[label]
            if turn > now:
                self._sleep(turn - now)
            # Where the process stood still, the turns of all who wait have gone by, and all would ask at once.
            late = turn > now and self._clock() - turn > self._saved[label] + self._apart[label]
