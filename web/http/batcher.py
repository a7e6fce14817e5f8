"""Hand over the requests of one turn of the event loop as one batch, and wait for the responses to each.

Handing each one over by itself, with a timer and a wake-up of its own, takes longer than verifying its signature.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.pipeline.answers import unavailable
from web.http.messages import LARGE_BODY_BYTES, InboundResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from web.http.messages import InboundRequest, Responder

    Requests = Sequence[tuple[int, InboundRequest]]  # each with a number, which its response comes back with
    Responses = Iterable[tuple[int, InboundResponse]]

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How long requests of one kind wait for their responses, and how many and how much may wait."""

    seconds: float
    max_requests: int
    max_bytes: int
    batch_size: int  # a batch goes on as soon as it is full
    timed_out: InboundResponse
    too_many: InboundResponse


# Zoom waits three seconds, and the plugin two and a half, of which some pass on the way. Batches are small: while a
# part of a burst waits for its commit, the next one is verified, and the last one answered.
EVENT_LIMITS = Limits(
    seconds=2.0,
    max_requests=512,
    max_bytes=32 * _MIB,
    batch_size=16,
    timed_out=InboundResponse.of(
        unavailable("The bridge took too long to answer. Nothing is lost: Zoom sends again.")
    ),
    too_many=InboundResponse.of(
        unavailable(
            "Too many requests are waiting for the bridge. Nothing is lost: Zoom sends again. If this lasts, check "
            "the bridge's log."
        )
    ),
)
# One at a time: they take long to verify, and fill the channel. The server reads few at once.
LARGE_EVENT_LIMITS = replace(EVENT_LIMITS, max_requests=16, max_bytes=8 * _MIB, batch_size=1)
# Connecting a site takes several requests to WordPress. The server limits headers and bodies.
PAGE_LIMITS = Limits(
    seconds=150.0,
    max_requests=128,
    max_bytes=16 * _MIB,
    batch_size=1,
    timed_out=InboundResponse.of(
        unavailable(
            "The bridge does not answer. Nothing is lost: Zoom sends its events again. Check the bridge's log."
        )
    ),
    too_many=InboundResponse.of(
        unavailable(
            "Too many requests are waiting for the bridge. Try again in a moment. If this lasts, check its log."
        )
    ),
)


class Batcher:
    """Pass requests to `send` in batches, and wait for the delivery of their responses.

    `send` returns whether it took the batch. Used by one event loop. Two batchers that share `send` share `numbers`.
    """

    def __init__(
        self,
        send: Callable[[Requests], bool],
        limits: Limits = EVENT_LIMITS,
        numbers: Iterator[int] | None = None,
    ) -> None:
        self._send = send
        self._limits = limits
        self._room = limits.max_bytes
        self._numbers = itertools.count() if numbers is None else numbers
        self._batch: list[tuple[int, InboundRequest]] = []
        # By number, with the deadline of each, the earliest first.
        self._waiting: dict[int, tuple[float, asyncio.Future[InboundResponse]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def respond(self, request: InboundRequest) -> InboundResponse:
        """Return the response, in time: 503 where nothing else is known until then, or too many wait."""
        limits, size = self._limits, request.size
        if len(self._waiting) >= limits.max_requests or size > self._room:
            return limits.too_many
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        waiter: asyncio.Future[InboundResponse] = loop.create_future()
        self._waiting[number] = (loop.time() + limits.seconds, waiter)
        self._room -= size
        if self._timer is None:
            self._timer = loop.call_later(limits.seconds, self._time_out, loop)
        if not self._batch:
            loop.call_soon(self._send_batch)
        self._batch.append((number, request))
        if len(self._batch) == limits.batch_size:
            self._send_batch()
        try:
            return await waiter
        finally:
            self._room += size
            self._waiting.pop(number, None)

    def deliver(self, responses: Responses) -> None:
        """Take responses, by number. Those to no waiting request are dropped."""
        for number, response in responses:
            _, waiter = self._waiting.get(number, (0, None))
            if waiter is not None and not waiter.done():
                waiter.set_result(response)

    def _send_batch(self) -> None:
        batch, self._batch = self._batch, []
        if batch and not self._send(batch):
            self.deliver([(number, self._limits.too_many) for number, _ in batch])

    def _time_out(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer the requests whose deadline has passed, and wait for the next deadline."""
        now = loop.time()
        self._timer = None
        for deadline, waiter in self._waiting.values():
            if deadline > now:
                self._timer = loop.call_later(deadline - now, self._time_out, loop)
                return
            if not waiter.done():
                waiter.set_result(self._limits.timed_out)


class BySize:
    """Pass large requests to another responder than all others."""

    def __init__(self, small: Responder, large: Responder) -> None:
        self._small = small
        self._large = large

    def respond(self, request: InboundRequest) -> Awaitable[InboundResponse]:
        """Return the response of one of the two."""
        responder = self._large if len(request.body) > LARGE_BODY_BYTES else self._small
        return responder.respond(request)
