"""Forward requests for all addresses but Zoom's endpoints: read whole by the acceptor, answered by the bridge."""

from __future__ import annotations

import asyncio
import http.client
import time
from typing import TYPE_CHECKING, Any, cast

import structlog
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from web.http.messages import InboundRequest, InboundResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tornado.httputil import HTTPConnection

    from web.http.inflight import InFlight
    from web.http.messages import Responder

_NO_BODY = (204, 304)
_REASONS = http.client.responses

logger = structlog.get_logger(__name__)


class Forwarder(HTTPServerConnectionDelegate):
    """Forwards requests to a responder, and writes its responses. The target of a Tornado route."""

    def __init__(self, responder: Responder, in_flight: InFlight) -> None:
        self._responder = responder
        self._in_flight = in_flight
        self._tasks: set[asyncio.Task[None]] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:  # noqa: ARG002
        """Return a reader for a request that begins."""
        return _RequestReader(self, request_conn, self._in_flight)

    def forward(self, reader: _RequestReader) -> None:
        """Have a request answered that was read whole, and write its response."""
        task = asyncio.ensure_future(self._forward(reader))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: _RequestReader) -> None:
        try:
            reader.write(await self._responder.respond(reader.request()))
        except Exception:
            logger.exception("forwarding_failed")
        finally:
            reader.leave()


class _RequestReader(HTTPMessageDelegate):
    """Reads one request."""

    def __init__(self, forwarder: Forwarder, connection: HTTPConnection, in_flight: InFlight) -> None:
        self._connection = connection
        self._forwarder = forwarder
        self._in_flight = in_flight
        self._is_counted = False
        self._chunks: list[bytes] = []

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Begin."""
        self._start_line = cast("RequestStartLine", start_line)
        self._headers = headers
        # Now: behind a proxy this is what the proxy states, but only until the request has been read.
        context = cast("Any", self._connection).context
        self._remote_ip, self._protocol = context.remote_ip, context.protocol
        self._in_flight.enter()
        self._is_counted = True
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Add a chunk of the body, whose size the server limits."""
        self._chunks.append(chunk)
        return None

    def finish(self) -> None:
        """Forward the whole request."""
        self._forwarder.forward(self)

    def on_connection_close(self) -> None:
        """Count the request out: its client has disconnected."""
        self.leave()

    def request(self) -> InboundRequest:
        """Return the request, once it was read."""
        return InboundRequest(
            *self._start_line,
            list(self._headers.get_all()),
            b"".join(self._chunks),
            self._remote_ip,
            self._protocol,
            time.monotonic(),
        )

    def write(self, response: InboundResponse) -> None:
        """Write the response."""
        headers = HTTPHeaders()
        for name, value in response.headers:
            headers.add(name, value)
        if response.status not in _NO_BODY:
            headers.setdefault("Content-Length", str(len(response.body)))
        body = b"" if self._start_line.method == "HEAD" else response.body
        start_line = ResponseStartLine("", response.status, _REASONS.get(response.status, "Unknown"))
        self._connection.write_headers(start_line, headers, body)
        self._connection.finish()

    def leave(self) -> None:
        """Count the request out, once."""
        if self._is_counted:
            self._is_counted = False
            self._in_flight.leave()
