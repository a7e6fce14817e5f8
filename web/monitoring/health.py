"""Health checks for monitoring."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from sqlalchemy import text

from core.errors import StoreUnavailableError
from web.http.handler import Handler

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from web.http.inflight import InFlight

_READY_SECONDS = 2.0


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
        self.write({"status": "ok"})


class ReadyHandler(Handler):
    """`GET /readyz`: 200 where events can be accepted, which needs a writable database; else 503."""

    def initialize(self, store: Store, in_flight: InFlight) -> None:
        self._store = store
        self._in_flight = in_flight

    async def get(self) -> None:
        """Run a write transaction that changes nothing."""
        if self._in_flight.stopping:
            self.set_status(503)
            self.write({"status": "not ready", "message": "The bridge is stopping."})
            return
        try:
            future = self._store.submit(lambda connection: connection.execute(text("SELECT 1")).scalar())
            await asyncio.wait_for(asyncio.wrap_future(future), _READY_SECONDS)
        except (StoreUnavailableError, TimeoutError) as error:
            self.set_status(503)
            self.write({"status": "not ready", "message": str(error) or "The database does not respond."})
        else:
            self.write({"status": "ready"})
