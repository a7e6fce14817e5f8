"""The HTTP server with all its limits, and its shutdown."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from tornado.httpserver import HTTPServer

from web.http.client_address import BehindProxy

if TYPE_CHECKING:
    from tornado.web import Application

    from web.http.inflight import InFlight

_MAX_BODY_BYTES = 1024 * 1024  # forms; events have a limit of their own
_GRACE_SECONDS = 10.0


def make_server(app: Application, *, behind_proxy: bool = False) -> HTTPServer:
    """Return the server of an application. With `behind_proxy` every client is a proxy: see `client_address`."""
    return HTTPServer(
        BehindProxy(app) if behind_proxy else app,
        max_body_size=_MAX_BODY_BYTES,
        max_header_size=32 * 1024,
        idle_connection_timeout=75,
        body_timeout=10,
    )


async def drain(server: HTTPServer, in_flight: InFlight) -> None:
    """Accept no more requests, and answer those in flight, for at most 10 s; then close all connections."""
    server.stop()
    await in_flight.drain(_GRACE_SECONDS)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.close_all_connections(), _GRACE_SECONDS)
