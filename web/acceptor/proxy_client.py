"""The acceptor's end of requests to all other addresses: taken whole, answered by the bridge's process.

Who asked, and by which protocol, is what the server found out; it goes beside the headers, so that no header can
claim to be it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any, cast

import structlog
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from core.pipeline.answers import unavailable
from web.acceptor.channel import PAGE
from web.acceptor.proxy_messages import ProxiedRequest, ProxiedResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tornado.httputil import HTTPConnection

    from web.acceptor.channel import Channel
    from web.http.inflight import InFlight

_MOST = 128  # requests that wait for their answers
_SECONDS = 150.0  # connecting a site asks WordPress several times

logger = structlog.get_logger(__name__)


class ProxyClient(HTTPServerConnectionDelegate):
    """Passes requests on over a line, and writes what comes back. Routes have it as their target."""

    def __init__(
        self, line: Channel, in_flight: InFlight, *, seconds: float = _SECONDS, most: int = _MOST
    ) -> None:
        """Take the line to the bridge's process, how long an answer may take, and how many may be open."""
        self._line = line
        self._in_flight = in_flight
        self._seconds = seconds
        self._most = most
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[ProxiedResponse]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:  # noqa: ARG002
        """Take a request that begins."""
        return _Coming(self, request_conn, self._in_flight)

    def pass_on(self, request: _Coming) -> None:
        """Have a request answered, and write the answer."""
        task = asyncio.ensure_future(self._pass_on(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def hear(self, number: int, page: ProxiedResponse) -> None:
        """Take what the bridge answered. What nobody waits for any more is dropped."""
        waiter = self._waiting.get(number)
        if waiter is not None and not waiter.done():
            waiter.set_result(page)

    async def _pass_on(self, request: _Coming) -> None:
        try:
            page = await self._ask(request)
            headers = HTTPHeaders()
            for name, value in page.headers:
                headers.add(name, value)
            body = b"" if request.start_line.method == "HEAD" else page.body
            start_line = ResponseStartLine("", page.status, page.reason)
            request.connection.write_headers(start_line, headers, body)
            request.connection.finish()
        except Exception:
            logger.exception("passing_on_failed")
        finally:
            request.leave()

    async def _ask(self, request: _Coming) -> ProxiedResponse:
        if len(self._waiting) >= self._most:
            return _BUSY
        number = next(self._numbers)
        waiter: asyncio.Future[ProxiedResponse] = asyncio.get_running_loop().create_future()
        if not self._line.send(PAGE, (number, *request.wanted())):
            return _HANGS
        self._waiting[number] = waiter
        try:
            return await asyncio.wait_for(waiter, self._seconds)
        except TimeoutError:
            return _HANGS
        finally:
            del self._waiting[number]


class _Coming(HTTPMessageDelegate):
    """One request, as it comes."""

    start_line: RequestStartLine

    def __init__(self, passing: ProxyClient, connection: HTTPConnection, in_flight: InFlight) -> None:
        self.connection = connection
        self._passing = passing
        self._in_flight = in_flight
        self._counted = False
        self._chunks: list[bytes] = []

    def wanted(self) -> ProxiedRequest:
        """Return the whole of it."""
        headers = list(self._headers.get_all())
        return ProxiedRequest(*self.start_line, headers, b"".join(self._chunks), *self._from)

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Begin."""
        self.start_line = cast("RequestStartLine", start_line)
        self._headers = headers
        # Now: behind a proxy this is what its headers say, but only until the request has come.
        context = cast("Any", self.connection).context
        self._from = (context.remote_ip, context.protocol)
        self._in_flight.enter()
        self._counted = True
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep a piece of the body, of which the server has bounded the whole."""
        self._chunks.append(chunk)
        return None

    def finish(self) -> None:
        """Go on with the whole request."""
        self._passing.pass_on(self)

    def on_connection_close(self) -> None:
        """Be counted out: who asked is gone."""
        self.leave()

    def leave(self) -> None:
        """Be counted out, once."""
        if self._counted:
            self._counted = False
            self._in_flight.leave()


def _page(message: str) -> ProxiedResponse:
    answer = unavailable(message)
    body = json.dumps(answer.body).encode()
    headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Retry-After", str(answer.retry_after)),
    ]
    return ProxiedResponse(answer.status, "Service Unavailable", headers, body)


_HANGS = _page(
    "The bridge does not answer. Nothing is lost: Zoom sends its events again. Look at the bridge's log."
)
_BUSY = _page("Too many requests wait for the bridge. Try again in a moment. If this lasts, look at its log.")
