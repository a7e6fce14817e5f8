"""Have the bridge's application answer a request that an acceptor received, as if it had come over a socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    RequestStartLine,
    ResponseStartLine,
)

from core.pipeline.answers import refusal
from web.http.messages import InboundResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.web import Application

    from web.http.messages import InboundRequest

logger = structlog.get_logger(__name__)

FAILED = InboundResponse.of(
    refusal(500, "zoombridge_error", "The bridge failed to answer. Its log says more.")
)

_MALFORMED = InboundResponse.of(refusal(400, "zoombridge_bad_request", "The request is malformed."))


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a request came from, as the acceptor's server saw it; `HTTPServerRequest` reads it here."""

    remote_ip: str
    protocol: str


async def respond(app: Application, request: InboundRequest) -> InboundResponse:
    """Return the application's response; `FAILED` where it raises outside a handler."""
    connection = _Connection(_Context(request.remote_ip, request.protocol))
    start_line = RequestStartLine(request.method, request.target, request.version)
    headers = HTTPHeaders()
    for name, value in request.headers:
        headers.add(name, value)
    try:
        delegate = app.start_request(None, connection)
        if (begun := delegate.headers_received(start_line, headers)) is not None:
            await begun
        if request.body and (taken := delegate.data_received(request.body)) is not None:
            await taken
        delegate.finish()
        return await connection.response
    except HTTPInputError:
        # Such as a form that cannot be read: Tornado's own server answers so as well.
        return _MALFORMED
    except Exception:
        logger.exception("request_failed")
        return FAILED


class _Connection(HTTPConnection):
    """Collects what an application writes; `response` is done when that is whole."""

    def __init__(self, context: _Context) -> None:
        self.context = context
        self.response: asyncio.Future[InboundResponse] = asyncio.get_running_loop().create_future()
        self._chunks: list[bytes] = []

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Ignore it: the client may disconnect, and the response is made all the same."""

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> asyncio.Future[None]:
        """Begin the response."""
        assert isinstance(start_line, ResponseStartLine)  # noqa: S101 - an application responds
        self._status = int(start_line.code)  # an HTTPStatus cannot be sent to an acceptor
        self._headers = list(headers.get_all())
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Add to its body."""
        self._chunks.append(chunk)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        """End it."""
        if not self.response.done():
            self.response.set_result(InboundResponse(self._status, self._headers, b"".join(self._chunks)))
