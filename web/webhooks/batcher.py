"""Requests that came in one turn of the event loop go on together, and many answers come back at one go.

Handing each one over by itself, with a timer and a wake-up of its own, takes longer than checking its signature.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from core.pipeline.answers import unavailable
from web.webhooks.messages import ANSWER_SECONDS, InboundResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from web.webhooks.messages import InboundRequest

    Group = Sequence[tuple[int, InboundRequest]]
    Replies = Iterable[tuple[int, InboundResponse]]

# In one group, which goes on as soon as it is full: while a part of a crowd waits for its commit, the next one is
# looked at, and the last one answered.
_AT_ONCE = 16
_MOST = 512  # requests that wait for their answers; more are refused, so that memory stays bounded
_MOST_BYTES = 32 * 1024 * 1024  # of them together


class Batcher:
    """Gives requests to `send` in groups, and waits for what is delivered: for `ANSWER_SECONDS` at most.

    `send` tells whether it took them.
    """

    def __init__(
        self,
        send: Callable[[Group], bool],
        *,
        seconds: float = ANSWER_SECONDS,
        most: int = _MOST,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        """Take who takes the groups, how long is waited for, and how much may wait."""
        self._send = send
        self._seconds = seconds
        self._most = most
        self._room = most_bytes
        self._numbers = itertools.count()
        self._group: list[tuple[int, InboundRequest]] = []
        self._waiting: dict[int, tuple[float, asyncio.Future[InboundResponse]]] = {}  # the first began first
        self._timer: asyncio.TimerHandle | None = None

    async def answer(self, asked: InboundRequest) -> InboundResponse:
        """Return what to answer, in time: 503 where nothing else is known until then."""
        size = asked.size
        if len(self._waiting) >= self._most or size > self._room:
            return _TOO_MANY
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        waiter: asyncio.Future[InboundResponse] = loop.create_future()
        self._waiting[number] = (loop.time() + self._seconds, waiter)
        self._room -= size
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        if not self._group:
            loop.call_soon(self._pass_on)
        self._group.append((number, asked))
        if len(self._group) == _AT_ONCE:
            self._pass_on()
        try:
            return await waiter
        finally:
            self._room += size
            self._waiting.pop(number, None)

    def deliver(self, replies: Replies) -> None:
        """Take replies, by number. What nobody waits for any more is dropped."""
        for number, reply in replies:
            _, waiter = self._waiting.get(number, (0, None))
            if waiter is not None and not waiter.done():
                waiter.set_result(reply)

    def _pass_on(self) -> None:
        group, self._group = self._group, []
        if group and not self._send(group):
            self.deliver([(number, _TOO_MANY) for number, _ in group])

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the waits whose time is up, and look again when the next one's will be."""
        now = loop.time()
        self._timer = None
        for until, waiter in self._waiting.values():
            if until > now:
                self._timer = loop.call_later(until - now, self._look, loop)
                return
            if not waiter.done():
                waiter.set_result(_TOO_SLOW)


_TOO_SLOW = InboundResponse.of(
    unavailable("The bridge took too long to answer. Nothing is lost: Zoom sends again.")
)
_TOO_MANY = InboundResponse.of(
    unavailable(
        "Too many requests wait for the bridge. Nothing is lost: Zoom sends again. If this lasts, look at its log."
    )
)
