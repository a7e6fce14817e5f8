"""Run blocking calls (to the database or a site) in a few threads, with a bounded queue."""

from __future__ import annotations

import queue
import threading
import weakref
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from core import messages
from core.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_THREADS = 8
_QUEUE_SIZE = 64


class BlockingExecutor(Executor):
    """Runs calls in threads of its own. Unlike `ThreadPoolExecutor` it refuses calls when its queue is full.

    A call whose caller has given up stays in the queue until its turn, so that a hanging database cannot accumulate
    more calls than the queue holds. The threads are daemons: they do not keep a process from ending.
    """

    def __init__(self, threads: int = _THREADS, queue_size: int = _QUEUE_SIZE) -> None:
        self._queue: queue.Queue[_Call | None] = queue.Queue(queue_size)
        self._missing = threads
        weakref.finalize(self, _end, self._queue, threads).atexit = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Queue a call for the next free thread. Does not block. Raises: StoreUnavailableError where the queue is full.

        The call sees the context variables of the caller.
        """
        future: Future[T] = Future()
        try:
            self._queue.put_nowait((future, copy_context().run, (fn, *args), kwargs))
        except queue.Full:
            raise StoreUnavailableError(messages.TOO_MANY_REQUESTS) from None
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
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                future.set_exception(error)
        del call, future, function, positional, named  # or they would live until the next call


def _end(calls: queue.Queue[_Call | None], threads: int) -> None:
    for _ in range(threads):
        calls.put(None)


if TYPE_CHECKING:
    _Call = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]
