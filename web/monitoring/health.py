"""What monitors ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import text
from tornado.web import RequestHandler

from core.errors import StoreUnavailableError

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from web.http.inflight import InFlight

_READY_SECONDS = 2.0


class HealthHandler(RequestHandler):
    """`GET /healthz`: the process answers."""

    def get(self) -> None:
        """Say so."""
        self.write({"status": "ok"})


class ReadyHandler(RequestHandler):
    """`GET /readyz`: events can be taken, which needs a database that can be written; 503 when not."""

    def initialize(self, store: Store, in_flight: InFlight) -> None:
        """Take what it works with."""
        self._store = store
        self._in_flight = in_flight

    async def get(self) -> None:
        """Write nothing, durably."""
        if self._in_flight.stopping:
            self.set_status(503)
            self.write({"status": "not ready", "message": "The bridge is stopping."})
            return
        try:
            future = self._store.submit(lambda connection: connection.execute(text("SELECT 1")).scalar())
            await asyncio.wait_for(asyncio.wrap_future(future), _READY_SECONDS)
        except (StoreUnavailableError, TimeoutError) as error:
            self.set_status(503)
            self.write({"status": "not ready", "message": str(error) or "The database does not answer."})
        else:
            self.write({"status": "ready"})
