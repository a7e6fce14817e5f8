"""Send events as Zoom does, over own connections, and record for each whether it was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.events import Event, raw_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_ANSWER_SECONDS = 10.0
_PAUSE_SECONDS = 0.05  # after a refusal, or where no server listens


@dataclass(slots=True)
class Sender:
    """What is to be sent, and what was acknowledged. What got no 204 is sent again, as Zoom does it."""

    waiting: deque[Event] = field(default_factory=deque)
    acknowledged: list[Event] = field(default_factory=list)
    refused: int = 0
    broken: int = 0
    last_at: float = 0.0  # when the last acknowledgement came, in seconds since 1970

    def give(self, events: Iterable[Event]) -> None:
        """Add events to be sent."""
        self.waiting.extend(events)

    def __str__(self) -> str:
        told = f"{len(self.waiting)} waiting, {len(self.acknowledged)} acknowledged, "
        return told + f"{self.refused} refused, {self.broken} broken"

    async def send(
        self, urls: Sequence[str], route: str, *, connections: int, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Send from so many connections, spread over the addresses, until all is acknowledged or `until`."""
        await asyncio.gather(
            *(self._serve(urls[number % len(urls)], route, until) for number in range(connections))
        )

    async def _serve(self, url: str, route: str, until: Callable[[], bool]) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        while self.waiting and not until():
            try:
                reader, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            try:
                await self._over(reader, writer, route, until)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _over(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        route: str,
        until: Callable[[], bool],
    ) -> None:
        """Send over one connection for as long as it holds."""
        while self.waiting and not until():
            event = self.waiting.popleft()
            try:
                writer.write(raw_request(event, route))
                status = await asyncio.wait_for(_status(reader), _ANSWER_SECONDS)
            except (OSError, EOFError, TimeoutError):
                self.broken += 1
                self.waiting.append(event)
                return
            if status == 204:
                self.last_at = time.time()
                self.acknowledged.append(event)
            elif status < 500:
                raise AssertionError(f"The bridge answered {status}: Zoom would not send this again.")
            else:
                self.refused += 1
                self.waiting.append(event)
                await asyncio.sleep(_PAUSE_SECONDS)


async def _status(reader: asyncio.StreamReader) -> int:
    """Read one answer to its end, and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    if length := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head):
        await reader.readexactly(int(length[1]))
    return int(head.split(b" ", 2)[1])
