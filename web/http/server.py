"""The HTTP server with all its limits, and its shutdown.

Anybody can connect, and send half a request. So what is not read whole has a budget of its own in each process:
connections, and bytes of large bodies. Where the connections are used up, the one that has kept the bridge waiting
longest is closed, never a new one: a request that comes at once, as Zoom's do, is always read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, ResponseStartLine

from core.pipeline.answers import MOST_BODY_BYTES, unavailable
from web.http.client_address import BehindProxy, client_network, forwarded_address
from web.http.messages import LARGE_BODY_BYTES, InboundResponse
from web.http.overload_log import OverloadLog

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tornado.httputil import HTTPConnection, HTTPServerConnectionDelegate, RequestStartLine
    from tornado.web import Application

    from web.http.inflight import InFlight

_MIB = 1024 * 1024
_MAX_BODY_BYTES = _MIB  # forms; events have a limit of their own
_GRACE_SECONDS = 10.0
_NO_ROOM = InboundResponse.of(
    unavailable("Too many large requests are being read. Nothing is lost: Zoom sends again.")
)

_network = lru_cache(maxsize=4096)(client_network)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What requests may occupy in one process before anything is known about them.

    `silent`: connections on which nothing was sent yet, which cost next to nothing: see `accept_loop`. `connections`: those
    whose request is not read whole, idle ones included. `answers`: those whose response is not
    written whole, which clients can hold up by reading nothing. `large_bytes`: bodies over 64 KiB, until their response
    is written. One client can have a part only, where its address is known: see `client_address`.
    """

    silent: int = 2000
    silent_per_client: int = 500
    connections: int = 500
    connections_per_client: int = 100
    answers: int = 1000  # more than may wait for the bridge: see `batcher`
    large_bytes: int = 4 * _MIB
    large_bytes_per_client: int = 2 * _MIB
    header_seconds: float = 10.0  # also the longest idle time between two requests
    body_seconds: float = 10.0


SERVER_LIMITS = ServerLimits()


def make_server(
    app: Application, *, behind_proxy: bool = False, limits: ServerLimits = SERVER_LIMITS
) -> BoundedServer:
    """Return the server of an application. With `behind_proxy` every client is a proxy: see `client_address`."""
    return BoundedServer(app, behind_proxy, limits)


async def drain(server: HTTPServer, in_flight: InFlight) -> None:
    """Accept no more requests, and answer those in flight, for at most 10 s; then close all connections."""
    server.stop()
    await in_flight.drain(_GRACE_SECONDS)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.close_all_connections(), _GRACE_SECONDS)


class BoundedServer(HTTPServer):
    """An HTTP server whose unread requests are bounded."""

    def initialize(  # type: ignore[override]
        self, app: HTTPServerConnectionDelegate, behind_proxy: bool, limits: ServerLimits
    ) -> None:
        """Set it up: Tornado calls this with the arguments of the constructor."""
        super().initialize(
            BehindProxy(app) if behind_proxy else app,
            max_body_size=_MAX_BODY_BYTES,
            max_header_size=32 * 1024,
            idle_connection_timeout=limits.header_seconds,
            body_timeout=limits.body_seconds,
        )
        self._is_behind_proxy = behind_proxy
        self._log = OverloadLog()
        self._limits = limits
        self._unread: dict[object, _Request] = {}  # by connection; the one that waits longest is the first
        self._unread_of: Counter[str] = Counter()  # by client
        self._read: dict[object, _Request] = {}  # by connection, until the response is written
        self._large_of: Counter[str] = Counter()  # bytes, by client
        self._large_room = limits.large_bytes

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """Return a reader for the next request of a connection, whose last one was answered."""
        self._forget(server_conn)
        request = _Request(self, server_conn, request_conn, super().start_request(server_conn, request_conn))
        self._unread[server_conn] = request
        if len(self._unread) > self._limits.connections:
            self._close(next(iter(self._unread.values())))
        if not self._is_behind_proxy:
            self._set_client(request, request_conn.context.remote_ip)  # type: ignore[attr-defined]
        return request

    def on_close(self, server_conn: object) -> None:
        """Forget a connection."""
        self._forget(server_conn)
        super().on_close(server_conn)

    def begin(self, request: _Request, headers: HTTPHeaders) -> None:
        """Note that the headers of a request have come, so that it has not been waited for longest any more."""
        if self._unread.pop(request.server_conn, None) is None:
            return  # it was closed meanwhile
        self._unread[request.server_conn] = request
        if self._is_behind_proxy and (address := forwarded_address(headers, "")):
            self._set_client(request, address)

    def read_whole(self, request: _Request) -> None:
        """Note that a request needs no more waiting for its client, until its response is written."""
        if self._leave_unread(request.server_conn) is None:
            return  # it was closed meanwhile
        self._read[request.server_conn] = request
        if len(self._read) > self._limits.answers:
            self._close(next(iter(self._read.values())))

    def take_room(self, request: _Request, size: int) -> bool:
        """Occupy room for a large body until its response is written; return whether there was enough."""
        client = request.client
        if request.server_conn not in self._unread:
            return False  # it was closed meanwhile
        if size > self._large_room or (
            client and self._large_of[client] + size > self._limits.large_bytes_per_client
        ):
            self._log.warning("large_request_refused", client=client, bytes=size)
            return False
        self._large_room -= size
        self._large_of[client] += size
        request.room = size
        return True

    def _leave_unread(self, server_conn: object) -> _Request | None:
        request = self._unread.pop(server_conn, None)
        if request is not None and request.client:
            self._unread_of[request.client] -= 1
            if not self._unread_of[request.client]:
                del self._unread_of[request.client]
        return request

    def _forget(self, server_conn: object) -> None:
        """Forget the request of a connection, and give its room free."""
        request = self._leave_unread(server_conn) or self._read.pop(server_conn, None)
        if request is not None and request.room:
            self._large_room += request.room
            self._large_of[request.client] -= request.room
            if not self._large_of[request.client]:
                del self._large_of[request.client]

    def _set_client(self, request: _Request, address: str) -> None:
        """Count an unread request as its client's; of a client with too many, close the longest waiting."""
        client = request.client = _network(address)
        self._unread_of[client] += 1
        if self._unread_of[client] > self._limits.connections_per_client:
            self._close(next(one for one in self._unread.values() if one.client == client))

    def _close(self, request: _Request) -> None:
        self._log.warning("too_many_connections", client=request.client, open=len(self._connections))
        self._forget(request.server_conn)
        request.close()


class _Request(HTTPMessageDelegate):
    """A request while it is read. `client` is empty where it is not known, `room` are the bytes that it occupies."""

    def __init__(
        self,
        server: BoundedServer,
        server_conn: object,
        connection: HTTPConnection,
        reader: HTTPMessageDelegate,
    ) -> None:
        self.server_conn = server_conn
        self.client = ""
        self.room = 0
        self._server = server
        self._connection = connection
        self._reader = reader
        self._undeclared = -1  # bytes read of a body without a declared length

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Refuse a large body for which there is no room before it comes."""
        self._server.begin(self, headers)
        length = headers.get("Content-Length", "")
        if not length:
            self._undeclared = 0
        elif len(length) > 4 and length.isascii() and length.isdigit():  # noqa: PLR2004 - digits: nearly all are shorter
            # A longer one is read and dropped, or refused: it occupies nothing.
            size = int(length[:20])
            if LARGE_BODY_BYTES < size <= MOST_BODY_BYTES and not self._server.take_room(self, size):
                self._reader = _Refusal(self._connection)
        return self._reader.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Pass on a chunk; of a body of unknown length, only the first chunks are sure to have room."""
        if self._undeclared >= 0:
            self._undeclared += len(chunk)
            if self._undeclared > LARGE_BODY_BYTES and not self.room:
                self._undeclared = -1
                if not self._server.take_room(self, MOST_BODY_BYTES):
                    self._reader.on_connection_close()
                    self._reader = _Refusal(self._connection)
        return self._reader.data_received(chunk)

    def finish(self) -> None:
        """Pass on that the request was read whole."""
        self._server.read_whole(self)
        self._reader.finish()

    def on_connection_close(self) -> None:
        """Pass on that the client has disconnected."""
        self._reader.on_connection_close()

    def close(self) -> None:
        """Close its connection."""
        if isinstance(self._connection, HTTP1Connection):
            self._connection.close()


class _Refusal(HTTPMessageDelegate):
    """Reads a body and drops it, so that its sender receives the response (503) instead of a reset connection."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection

    def finish(self) -> None:
        """Write the response."""
        headers = HTTPHeaders(dict(_NO_ROOM.headers))
        headers["Content-Length"] = str(len(_NO_ROOM.body))
        start_line = ResponseStartLine("", _NO_ROOM.status, "Service Unavailable")
        self._connection.write_headers(start_line, headers, _NO_ROOM.body)
        self._connection.finish()
