"""The bridge's end of requests that an acceptor passed on: its own application answers them, knowing no difference."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from tornado.httputil import HTTPConnection, HTTPHeaders, RequestStartLine, ResponseStartLine

from core.pipeline.answers import refusal
from web.acceptor.proxy_messages import ProxiedResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tornado.web import Application

    from web.acceptor.proxy_messages import ProxiedRequest

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Context:
    """Where a request came from, as the acceptor's server saw it; `HTTPServerRequest` looks here."""

    remote_ip: str
    protocol: str


async def answer(app: Application, wanted: ProxiedRequest) -> ProxiedResponse:
    """Return what an application answers to a request."""
    connection = _Connection(_Context(wanted.remote_ip, wanted.protocol))
    start_line = RequestStartLine(wanted.method, wanted.target, wanted.version)
    headers = HTTPHeaders()
    for name, value in wanted.headers:
        headers.add(name, value)
    try:
        delegate = app.start_request(None, connection)
        if (begun := delegate.headers_received(start_line, headers)) is not None:
            await begun
        if wanted.body and (taken := delegate.data_received(wanted.body)) is not None:
            await taken
        delegate.finish()
        return await connection.page
    except Exception:
        logger.exception("passed_on_failed")
        return failed()


def failed() -> ProxiedResponse:
    """Return what is answered where the application's own answer cannot be."""
    told = refusal(500, "zoombridge_error", "The bridge made a mistake. Its log says more.").body
    body = json.dumps(told).encode()
    headers = [("Content-Type", "application/json; charset=utf-8"), ("Content-Length", str(len(body)))]
    return ProxiedResponse(500, "Internal Server Error", headers, body)


class _Connection(HTTPConnection):
    """What an application writes its answer to; `page` is done when it is whole."""

    def __init__(self, context: _Context) -> None:
        self.context = context
        self.page: asyncio.Future[ProxiedResponse] = asyncio.get_running_loop().create_future()
        self._chunks: list[bytes] = []

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Take no note: who asked may go, and the answer is made all the same."""

    def write_headers(
        self,
        start_line: RequestStartLine | ResponseStartLine,
        headers: HTTPHeaders,
        chunk: bytes | None = None,
    ) -> asyncio.Future[None]:
        """Begin the answer."""
        assert isinstance(start_line, ResponseStartLine)  # noqa: S101 - nobody answers with a request
        self._status, self._reason = start_line.code, start_line.reason
        self._headers = list(headers.get_all())
        return self.write(chunk or b"")

    def write(self, chunk: bytes) -> asyncio.Future[None]:
        """Go on with it."""
        self._chunks.append(chunk)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        """End it."""
        if not self.page.done():
            self.page.set_result(
                ProxiedResponse(self._status, self._reason, self._headers, b"".join(self._chunks))
            )
