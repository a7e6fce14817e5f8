"""Health checks for monitoring."""

from __future__ import annotations

import asyncio
import contextlib
import math
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import text

from core.errors import StoreUnavailableError
from core.monitoring.overview import disk
from core.store.db import settings
from web.http.handler import Handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.db.engine import Store
    from web.http.inflight import InFlight

LEAST_FREE_BYTES = 64 * 1024**2
"""Below it, the next migration, backup or burst of events may fail. The alert comes long before."""
_READY_SECONDS = 2.0
_CACHE_SECONDS = 5.0


async def is_alive(store: Store) -> bool:
    """Wait until the writer thread of the store has answered. False where its queue is full.

    An error is an answer, too: where the database is down or the disk is full, a new process could do no more. Where
    the thread hangs, this does not return.
    """
    try:
        future = store.submit(lambda connection: connection.execute(text("SELECT 1")).scalar())
    except StoreUnavailableError:
        return False
    with contextlib.suppress(StoreUnavailableError):
        await asyncio.wrap_future(future)
    return True


class HealthHandler(Handler):
    """`GET /healthz`: the process answers."""

    def get(self) -> None:
        """Answer 200."""
        self.set_header("Cache-Control", "no-store")
        self.write({"status": "ok"})

    head = get  # as many monitors ask


class Readiness:
    """Finds out whether events can be accepted. Used by one event loop.

    All who ask within `cache_seconds` share one check: anybody may ask. `free_bytes` returns the free space of the disk
    beneath the database, None where that is unknown.
    """

    def __init__(
        self,
        store: Store,
        *,
        free_bytes: Callable[[], int | None] | None = None,
        cache_seconds: float = _CACHE_SECONDS,
    ) -> None:
        self._store = store
        self._free_bytes = free_bytes or partial(_free_bytes, store)
        self._cache_seconds = cache_seconds
        self._check: asyncio.Task[str] | None = None
        self._checked_at = -math.inf

    async def problem(self) -> str:
        """Return why no events can be accepted; empty where they can."""
        now = asyncio.get_running_loop().time()
        if self._check is None or (self._check.done() and now - self._checked_at > self._cache_seconds):
            self._checked_at = now
            self._check = asyncio.create_task(self._find_problem())
        return await asyncio.shield(self._check)

    async def _find_problem(self) -> str:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                # A database that cannot grow may still take an empty transaction, so something is written.
                await asyncio.wrap_future(self._store.submit(settings.save_readiness_check))
                free = await asyncio.get_running_loop().run_in_executor(None, self._free_bytes)
        except (StoreUnavailableError, TimeoutError) as error:
            return str(error) or "The database does not respond."
        if free is not None and free < LEAST_FREE_BYTES:
            return (
                f"The disk that holds the database is full but for {free // 1024**2} MiB. Free up disk space."
            )
        return ""


class ReadyHandler(Handler):
    """`GET /readyz`: 200 where events can be accepted, which needs a writable database and free space; else 503."""

    def initialize(self, readiness: Readiness, in_flight: InFlight) -> None:
        self._readiness = readiness
        self._in_flight = in_flight

    async def get(self) -> None:
        """Answer with the result of a check that is a few seconds old at most."""
        self.set_header("Cache-Control", "no-store")
        problem = "The bridge is stopping." if self._in_flight.stopping else await self._readiness.problem()
        if problem:
            self.set_status(503)
            self.write({"status": "not ready", "message": problem})
        else:
            self.write({"status": "ready"})

    head = get  # as many monitors ask


def _free_bytes(store: Store) -> int | None:
    found = disk(store)
    return None if found is None else found.free
