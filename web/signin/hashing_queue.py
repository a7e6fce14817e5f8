"""Share the few threads that hash passwords between clients.

A hash takes 64 MiB and a processor for a moment, so few run at once and few wait. Clients take turns: one that sends many
sign-ins has one hash at a time, and others do not wait behind all of its own. Devices that have signed in before
have places and turns of their own, which strangers cannot take, however many addresses they have.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from web.http.executor import BlockingExecutor

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")

_THREADS = 2
_MAX_WAITING = 16
_MAX_WAITING_PER_CLIENT = 4


@dataclass(frozen=True, slots=True)
class Client:
    """One who waits for hashes: the network of an address, or a device that has signed in before."""

    key: str
    is_known: bool = False


class QueueFullError(Exception):
    """Too many hashes wait: of all clients, or of this one."""


class HashingQueue:
    """Runs hashes in `executor`, at most `threads` at once and one of each client. Used by one event loop.

    At most `max_waiting` wait of strangers, and as many of known devices; of one client `max_waiting_per_client`.
    """

    def __init__(
        self,
        executor: Executor | None = None,
        *,
        threads: int = _THREADS,
        max_waiting: int = _MAX_WAITING,
        max_waiting_per_client: int = _MAX_WAITING_PER_CLIENT,
    ) -> None:
        self._executor = executor or BlockingExecutor(threads, threads)
        self._free_threads = threads
        # The one whose turn it is comes first.
        self._lanes = [_Lane(max_waiting, max_waiting_per_client) for _ in range(2)]
        self._known, self._strangers = self._lanes
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, client: Client, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function in a thread, in the client's turn, with the caller's context variables. Raises: QueueFullError."""
        lane = self._known if client.is_known else self._strangers
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = _Job(client.key, partial(copy_context().run, function, *arguments), done)
        lane.add(job)
        self._start()
        try:
            return await done
        finally:
            lane.discard(job)

    def _start(self) -> None:
        """Start what may run now, from each lane in turn."""
        while self._free_threads:
            for lane in self._lanes:
                job = lane.take()
                if job is not None:
                    break
            else:
                return
            self._lanes.remove(lane)
            self._lanes.append(lane)
            self._free_threads -= 1
            task = asyncio.ensure_future(self._run(lane, job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, lane: _Lane, job: _Job) -> None:
        """Run a job to its end, also where nobody waits for its result any more: until then it holds its thread."""
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._executor, job.call)
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            if not job.done.done():
                job.done.set_exception(error)
        else:
            if not job.done.done():
                job.done.set_result(result)
        finally:
            lane.release(job.key)
            self._free_threads += 1
            self._start()


@dataclass(slots=True, eq=False)
class _Job:
    key: str
    call: Callable[[], Any]
    done: asyncio.Future[Any]


@dataclass(slots=True, eq=False)
class _Lane:
    """What waits, by client; the client whose turn it is comes first. `_running` are the clients with a running hash."""

    max_waiting: int
    max_waiting_per_client: int
    _running: set[str] = field(default_factory=set)
    _waiting: dict[str, deque[_Job]] = field(default_factory=dict)

    def add(self, job: _Job) -> None:
        """Append a job to those of its client. Raises: QueueFullError.

        Where all places are taken, the newest job of the client with the most gives way to one of a client with fewer.
        """
        own = len(self._waiting.get(job.key, ()))
        if own >= self.max_waiting_per_client:
            raise QueueFullError
        if sum(map(len, self._waiting.values())) >= self.max_waiting:
            most = max(self._waiting.values(), key=len)
            if len(most) <= own + 1:
                raise QueueFullError
            dropped = most.pop()
            if not dropped.done.done():
                dropped.done.set_exception(QueueFullError())
        self._waiting.setdefault(job.key, deque()).append(job)

    def take(self) -> _Job | None:
        """Remove and return the oldest job of the next client that has none running; None if there is none."""
        key = next((key for key in self._waiting if key not in self._running), None)
        if key is None:
            return None
        jobs = self._waiting[key]
        job = jobs.popleft()
        if not jobs:
            del self._waiting[key]
        self._running.add(key)
        return job

    def release(self, key: str) -> None:
        """Note that the running hash of a client has ended. Its turn comes again after that of the others."""
        self._running.discard(key)
        jobs = self._waiting.pop(key, None)
        if jobs is not None:
            self._waiting[key] = jobs

    def discard(self, job: _Job) -> None:
        """Remove a job if it still waits."""
        jobs = self._waiting.get(job.key)
        if jobs is not None and job in jobs:
            jobs.remove(job)
            if not jobs:
                del self._waiting[job.key]
