"""Throttle failed sign-in attempts by user name and remote address.

Each process counts for itself. Several processes allow as many times more attempts, which the delays outweigh by far;
and a flood of attempts costs the database, which is needed for Zoom's events, not one write.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from web.http.client_address import client_network

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_ENTRIES = 10_000
_FORGET_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Limit:
    """`free` attempts cost no delay; each further one doubles it, up to the longest."""

    free: int
    first_seconds: float
    longest_seconds: float

    def delay(self, attempts: int) -> float:
        over = attempts - self.free
        if over < 0:
            return 0.0
        return min(self.first_seconds * 2.0 ** min(over, 30), self.longest_seconds)


# Short for a name: an attacker with many addresses could otherwise lock out its owner.
_NAME = _Limit(free=5, first_seconds=4, longest_seconds=300)
_ADDRESS = _Limit(free=10, first_seconds=4, longest_seconds=900)


@dataclass(slots=True)
class _Attempts:
    count: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Throttle:
    """Counts attempts by name and by network of the remote address, in memory.

    Holds at most `max_entries`, and drops those with the fewest attempts first. Used by one event loop.
    """

    clock: Callable[[], float] = time.monotonic
    max_entries: int = _MAX_ENTRIES
    _known: dict[tuple[str, str], _Attempts] = field(default_factory=dict)

    def enter(self, name: str, address: str) -> float:
        """Count an attempt before its result is known, so that parallel ones count, too. Return 0.0 if it is allowed.

        Otherwise return the seconds to wait, and count nothing.
        """
        now = self.clock()
        keys = _keys(name, address)
        wait = max(self._wait(key, limit, now) for key, limit in keys)
        if wait > 0:
            return wait
        for key, _ in keys:
            attempts = self._known.get(key)
            if attempts is None or now - attempts.last > _FORGET_SECONDS:
                self._make_room(now)
                attempts = self._known[key] = _Attempts()
            attempts.count += 1
            attempts.last = now
        return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """Reset the count of the name; of the address, which other people may share, take back this attempt only."""
        self.undo(name, address)
        (by_name, _), _ = _keys(name, address)
        self._known.pop(by_name, None)

    def undo(self, name: str, address: str) -> None:
        """Take back an attempt that failed for another reason than its password."""
        for key, _ in _keys(name, address):
            attempts = self._known.get(key)
            if attempts is not None:
                attempts.count -= 1
                if attempts.count <= 0:
                    del self._known[key]

    def _wait(self, key: tuple[str, str], limit: _Limit, now: float) -> float:
        attempts = self._known.get(key)
        if attempts is None or now - attempts.last > _FORGET_SECONDS:
            return 0.0
        return max(0.0, attempts.last + limit.delay(attempts.count) - now)

    def _make_room(self, now: float) -> None:
        if len(self._known) < self.max_entries:
            return
        for key in [key for key, attempts in self._known.items() if now - attempts.last > _FORGET_SECONDS]:
            del self._known[key]
        if len(self._known) >= self.max_entries:
            # Those with the fewest attempts: many single attempts must not push out an attacker.
            least = sorted(self._known, key=lambda key: (self._known[key].count, self._known[key].last))
            for key in least[: self.max_entries // 10]:
                del self._known[key]


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], _Limit], tuple[tuple[str, str], _Limit]]:
    return (("name", name[:200]), _NAME), (("address", client_network(address)), _ADDRESS)
