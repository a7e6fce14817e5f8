"""Requests that are being answered: what a bridge that stops waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class InFlight:
    """Counts requests between their first byte and their answer. `stopping` is set once, at the end."""

    stopping: bool = False
    _count: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self) -> None:
        """Count a request that has begun."""
        self._count += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count a request that was answered, or whose sender has gone."""
        self._count -= 1
        if not self._count:
            self._idle.set()

    async def drain(self, seconds: float) -> bool:
        """Wait until every request is answered; tell whether that was so in time."""
        self.stopping = True
        if not self._count:
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True
