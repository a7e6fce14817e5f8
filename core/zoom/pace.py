"""How fast Zoom's REST API may be asked: so many requests a second for each label and plan.

https://developers.zoom.us/docs/api/rate-limits/
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable


class Label(StrEnum):
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
    Plan.FREE: {Label.LIGHT: 4, Label.MEDIUM: 2, Label.HEAVY: 1},
    Plan.PRO: {Label.LIGHT: 30, Label.MEDIUM: 20, Label.HEAVY: 10},
    Plan.BUSINESS: {Label.LIGHT: 80, Label.MEDIUM: 60, Label.HEAVY: 40},
}
# What other apps of the account ask counts, too: some of the share is left to them.
_SHARE = 0.8


class Pace:
    """Holds requests back until their turn comes. `sleep` waits so many seconds."""

    def __init__(self, plan: Plan, sleep: Callable[[float], None] = time.sleep) -> None:
        self._items = {
            label: RateLimitItemPerSecond(max(1, int(most * _SHARE)))
            for label, most in PER_SECOND[plan].items()
        }
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._sleep = sleep

    def take_turn(self, label: Label) -> None:
        """Return when one more request of this label may be sent."""
        item = self._items[label]
        while not self._limiter.hit(item, label.value):
            reset = self._limiter.get_window_stats(item, label.value).reset_time
            self._sleep(min(max(reset - time.time(), 0.01), 1.0))
