"""Threads for what waits for the database or for a site: a few, with a bounded number of calls in front of them."""

from __future__ import annotations

import queue
import threading
import weakref
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_THREADS = 8
_WAITING = 64


class BlockingExecutor(Executor):
    """Runs calls in threads of its own. Unlike `ThreadPoolExecutor` it refuses what would have to wait long.

    A call that nobody waits for any more keeps its place until its turn, so that a database that hangs
    cannot gather more of them than there are places. The threads do not keep a process from ending.
    """

    def __init__(self, threads: int = _THREADS, waiting: int = _WAITING) -> None:
        """Take how many threads there may be, and how many calls may wait for one."""
        self._queue: queue.Queue[_Call | None] = queue.Queue(waiting)
        self._missing = threads
        weakref.finalize(self, _end, self._queue, threads).atexit = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call in the first thread that is free. Raises `StoreUnavailableError` where too many wait."""
        future: Future[T] = Future()
        try:
            self._queue.put_nowait((future, fn, args, kwargs))
        except queue.Full:
            raise StoreUnavailableError(
                "Too many requests wait for the database. Nothing is lost: Zoom sends again. If this lasts, look "
                "whether the database answers."
            ) from None
        if self._missing:
            self._missing -= 1
            threading.Thread(target=_run, args=(self._queue,), name="blocking", daemon=True).start()
        return future


def _run(calls: queue.Queue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        future, function, positional, named = call
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(*positional, **named))
            except BaseException as error:  # noqa: BLE001 - handed to whoever asked
                future.set_exception(error)
        del call, future, function, positional, named  # until the next one they would be kept alive


def _end(calls: queue.Queue[_Call | None], threads: int) -> None:
    for _ in range(threads):
        calls.put(None)


if TYPE_CHECKING:
    _Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]
