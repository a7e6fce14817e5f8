"""The HTTP handlers of Zoom's endpoints, which the plugin forwards events to, or Zoom sends them to directly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tornado.http1connection import HTTP1Connection
from tornado.web import stream_request_body

from core.pipeline.answers import MOST_BODY_BYTES, TOO_LARGE, refusal
from web.http.client_address import client_address
from web.http.handler import Handler
from web.http.messages import InboundRequest, InboundResponse
from web.webhooks.endpoint import is_forwarded

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from web.http.inflight import InFlight
    from web.http.messages import Responder

# Read of a body that is too large, so that its sender receives the answer instead of a reset connection.
DRAIN_BYTES = 16 * MOST_BODY_BYTES


@stream_request_body
class WebhookHandler(Handler):
    """`POST …/wp-json/vczapi/v1/{meeting,webinar,recording}`: see docs/serving.md.

    Reads the request, and has a responder answer it: in this process, or over a channel in another.
    """

    def initialize(self, responder: Responder, in_flight: InFlight) -> None:
        self._responder = responder
        self._in_flight = in_flight
        self._is_counted = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._is_too_large = False

    def prepare(self) -> Coroutine[None, None, None] | None:
        """Answer at once where a body is too large to drain."""
        self._in_flight.enter()
        self._is_counted = True
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(DRAIN_BYTES)
        length = self.request.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit():
            size = int(length[:20])
            self._is_too_large = size > MOST_BODY_BYTES
            if size > DRAIN_BYTES:
                return self._refuse(size)
        return None

    async def _refuse(self, size: int) -> None:
        """Answer a request whose body is not read, and close the connection."""
        self.set_header("Connection", "close")
        if self.request.method == "POST":
            self._write(await self._responder.respond(self._inbound(dropped_bytes=size)))
        else:
            self._write(InboundResponse.of(TOO_LARGE))
        self.finish()

    def on_finish(self) -> None:
        """Take the request out of the count of those in flight once its response is written."""
        self._leave()

    def on_connection_close(self) -> None:
        """Take the request out of that count if the client disconnected before its end."""
        super().on_connection_close()
        self._leave()

    def _leave(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._in_flight.leave()

    def data_received(self, chunk: bytes) -> None:
        """Collect the body as long as it is within the limit."""
        self._size += len(chunk)
        if self._size > MOST_BODY_BYTES:
            self._is_too_large = True
            self._chunks.clear()
        if not self._is_too_large:
            self._chunks.append(chunk)

    async def post(self, _site_id: str | None = None) -> None:
        """Answer what the responder decides."""
        inbound = self._inbound(dropped_bytes=self._size if self._is_too_large else 0)
        self._write(await self._responder.respond(inbound))

    def _inbound(self, *, dropped_bytes: int) -> InboundRequest:
        request = self.request
        return InboundRequest(
            "POST",
            request.uri or "",
            request.version,
            [(name, value) for name, value in request.headers.get_all() if is_forwarded(name.lower())],
            b"".join(self._chunks),
            client_address(request),
            request.protocol,
            time.monotonic(),
            dropped_bytes,
        )

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say what went wrong without any detail; Zoom sends again after every 5xx."""
        if status_code == 405:  # noqa: PLR2004 - method not allowed
            code = "zoombridge_post_only"
            message = (
                "This address is for Zoom, which posts its events to it. Paste it into your app in the Zoom App "
                "Marketplace, as the event notification endpoint URL."
            )
        else:
            code = "zoombridge_error"
            message = f"The request failed ({status_code})."
        self._write(InboundResponse.of(refusal(status_code, code, message)))
        self.finish()

    def _write(self, response: InboundResponse) -> None:
        self.set_status(response.status)
        self.clear_header("Content-Type")
        for name, value in response.headers:
            self.set_header(name, value)
        if response.body:
            self.write(response.body)
