"""How long somebody has to wait who tries passwords.

Each process counts for itself. With several of them one may try as many times more, which the waits outweigh by
far; and a flood of tries costs the database, which is there for Zoom's events, not one write.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 10_000
_FORGET_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Limit:
    """After so many tries at no cost each next one doubles the wait, up to the longest."""

    free: int
    first_seconds: float
    longest_seconds: float

    def wait(self, tries: int) -> float:
        over = tries - self.free
        if over < 0:
            return 0.0
        return min(self.first_seconds * 2.0 ** min(over, 30), self.longest_seconds)


# A name is not held up for long: whoever wants to keep its owner out can make it wait, but from many addresses.
_NAME = _Limit(free=5, first_seconds=4, longest_seconds=300)
_ADDRESS = _Limit(free=10, first_seconds=4, longest_seconds=900)


@dataclass(slots=True)
class _Tries:
    count: int = 0
    last: float = 0.0


@dataclass(slots=True)
class Throttle:
    """Counts tries by name and by remote address. It remembers a bounded number of them, the busiest first."""

    clock: Callable[[], float] = time.monotonic
    most: int = _MOST
    _known: dict[tuple[str, str], _Tries] = field(default_factory=dict)

    def enter(self, name: str, address: str) -> float:
        """Count a try, before it is known how it ends: many at once do not get by. Return 0.0 if it may be made.

        Otherwise return how many seconds to wait, and count nothing.
        """
        now = self.clock()
        keys = _keys(name, address)
        wait = max(self._wait(key, limit, now) for key, limit in keys)
        if wait > 0:
            return wait
        for key, _ in keys:
            tries = self._known.get(key)
            if tries is None or now - tries.last > _FORGET_SECONDS:
                self._make_room(now)
                tries = self._known[key] = _Tries()
            tries.count += 1
            tries.last = now
        return 0.0

    def succeeded(self, name: str, address: str) -> None:
        """Forget what was tried with this name; of the address only this try: others may sit there, too."""
        self.undo(name, address)
        (by_name, _), _ = _keys(name, address)
        self._known.pop(by_name, None)

    def undo(self, name: str, address: str) -> None:
        """Take a try back that came to nothing, through no fault of who tried."""
        for key, _ in _keys(name, address):
            tries = self._known.get(key)
            if tries is not None:
                tries.count -= 1
                if tries.count <= 0:
                    del self._known[key]

    def _wait(self, key: tuple[str, str], limit: _Limit, now: float) -> float:
        tries = self._known.get(key)
        if tries is None or now - tries.last > _FORGET_SECONDS:
            return 0.0
        return max(0.0, tries.last + limit.wait(tries.count) - now)

    def _make_room(self, now: float) -> None:
        if len(self._known) < self.most:
            return
        for key in [key for key, tries in self._known.items() if now - tries.last > _FORGET_SECONDS]:
            del self._known[key]
        if len(self._known) >= self.most:
            # Those who tried least, so that nobody is forgotten for a crowd of others who tried once.
            least = sorted(self._known, key=lambda key: (self._known[key].count, self._known[key].last))
            for key in least[: self.most // 10]:
                del self._known[key]


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], _Limit], tuple[tuple[str, str], _Limit]]:
    return (("name", name[:200]), _NAME), (("address", _network(address)), _ADDRESS)


def _network(address: str) -> str:
    """Return what one person can hardly have several of: of IPv6 the half that names the network."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:200]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
