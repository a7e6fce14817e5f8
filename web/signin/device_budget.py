"""Count the failed sign-ins of each device that has signed in before, apart from those of strangers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FAILURES = 10
_FORGET_SECONDS = 24 * 3600.0
_MAX_ENTRIES = 10_000


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last: float = 0.0


@dataclass(slots=True)
class DeviceBudget:
    """Counts failures by device, in memory. Used by one event loop. `clock` is in seconds, monotonic.

    A device may fail `failures` times, so that a stolen token is of little use. After that it waits like any stranger, until
    a day has passed since the last of them. Of more than `max_entries` devices those that failed first are forgotten.
    """

    clock: Callable[[], float] = time.monotonic
    failures: int = _FAILURES
    max_entries: int = _MAX_ENTRIES
    _known: dict[str, _Failures] = field(default_factory=dict)

    def enter(self, device: str) -> bool:
        """Count an attempt before its result is known, so that parallel ones count, too. Return whether it is allowed."""
        now = self.clock()
        failed = self._known.pop(device, None)
        if failed is None or now - failed.last > _FORGET_SECONDS:
            failed = _Failures()
        is_allowed = failed.count < self.failures
        if is_allowed:
            failed.count += 1
            failed.last = now
        if len(self._known) >= self.max_entries:
            del self._known[next(iter(self._known))]
        self._known[device] = failed
        return is_allowed

    def undo(self, device: str) -> None:
        """Take back an attempt that failed for another reason than its password."""
        failed = self._known.get(device)
        if failed is not None:
            failed.count -= 1
            if failed.count <= 0:
                del self._known[device]

    def succeeded(self, device: str) -> None:
        """Reset the count of a device."""
        self._known.pop(device, None)
