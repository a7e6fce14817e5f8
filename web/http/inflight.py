"""Count the requests in flight, which a stopping server waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class InFlight:
    """Counts requests between their first byte and the end of their response. `stopping` is set once, on shutdown."""

    stopping: bool = False
    _count: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self) -> None:
        """Count a request in."""
        self._count += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count a request out: it was answered, or its client has disconnected."""
        self._count -= 1
        if not self._count:
            self._idle.set()

    async def drain(self, seconds: float) -> bool:
        """Wait until no request is in flight; return whether that was so within `seconds`."""
        self.stopping = True
        if not self._count:
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True
