"""Requests that wait for the store's thread: many answers, but one wake-up of the loop and one timer."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")


class Waiting:
    """Brings results into the event loop.

    What `asyncio.wrap_future` and `wait_for` do takes longer for one event than checking its signature: each
    result wakes the loop by itself there, and each request has a timer of its own.
    """

    def __init__(self, seconds: float) -> None:
        """Take how long anything is waited for."""
        self._seconds = seconds
        self._arrived: deque[tuple[asyncio.Future[Any], Future[Any]]] = deque()
        self._told = False
        self._outstanding: deque[tuple[float, asyncio.Future[Any]]] = deque()  # the first began first
        self._timer: asyncio.TimerHandle | None = None

    async def result(self, future: Future[T]) -> T:
        """Return what comes out of a future of another thread, or raise it; `TimeoutError` if it takes too long."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._outstanding.append((loop.time() + self._seconds, waiter))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        future.add_done_callback(lambda done: self._arrive(loop, waiter, done))
        return await waiter

    def _arrive(self, loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[T], done: Future[T]) -> None:
        """Note a result, in whichever thread it came to be."""
        self._arrived.append((waiter, done))
        if not self._told:
            self._told = True  # before the loop looks, or it might look too early and never again
            try:
                loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

    def _deliver(self) -> None:
        self._told = False
        while self._arrived:
            waiter, done = self._arrived.popleft()
            if waiter.done():
                continue  # its time was up
            if done.cancelled():
                waiter.cancel()
            elif (error := done.exception()) is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(done.result())

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the waits whose time is up, and look again when the next one's will be."""
        now = loop.time()
        while self._outstanding and (self._outstanding[0][1].done() or self._outstanding[0][0] <= now):
            _, waiter = self._outstanding.popleft()
            if not waiter.done():
                waiter.set_exception(TimeoutError())
        self._timer = None
        if self._outstanding:
            self._timer = loop.call_later(self._outstanding[0][0] - now, self._look, loop)
