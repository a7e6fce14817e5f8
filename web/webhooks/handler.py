"""The endpoints that Zoom's events come to, forwarded by the stub or directly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tornado.http1connection import HTTP1Connection
from tornado.web import RequestHandler, stream_request_body

from core.pipeline.answers import refusal
from core.wordpress import signing
from web.webhooks.messages import MOST_BYTES, InboundRequest, InboundResponse, is_handed_over

if TYPE_CHECKING:
    from web.http.inflight import InFlight
    from web.webhooks.messages import Answers

_ROUTE = r"/wp-json/vczapi/v1/(?:meeting|webinar|recording)/?"
ROUTES = (_ROUTE, r"/sites/([A-Za-z0-9_-]{1,64})" + _ROUTE)
# What is read of a body that is too large, so that its sender hears the answer instead of a broken line.
DRAIN_BYTES = 16 * MOST_BYTES


@stream_request_body
class WebhookHandler(RequestHandler):
    """`POST …/wp-json/vczapi/v1/{meeting,webinar,recording}`: see *Answers to Zoom* in the design.

    It takes the bytes and leaves to others what they are worth, in this process or in another.
    """

    def initialize(self, answers: Answers, in_flight: InFlight) -> None:
        """Take what it works with."""
        self._answers = answers
        self._in_flight = in_flight
        self._counted = False
        self._chunks: list[bytes] = []
        self._size = 0

    def prepare(self) -> None:
        """Refuse at once what would be more than is worth draining."""
        self._in_flight.enter()
        self._counted = True
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(DRAIN_BYTES)
        length = self.request.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > DRAIN_BYTES:
            self.set_header("Connection", "close")
            self._write(_TOO_LARGE)
            self.finish()

    def on_finish(self) -> None:
        """Be counted out once the answer is written."""
        self._leave()

    def on_connection_close(self) -> None:
        """Be counted out where the sender went before the end of its request."""
        super().on_connection_close()
        self._leave()

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            self._in_flight.leave()

    def data_received(self, chunk: bytes) -> None:
        """Keep the bytes as they come, while they are few enough."""
        self._size += len(chunk)
        if self._size <= MOST_BYTES:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()

    async def post(self, site_id: str | None = None) -> None:
        """Answer what the bridge makes of the request."""
        if self._size > MOST_BYTES:
            self._write(_TOO_LARGE)
            return
        named = ((name.lower(), value) for name, value in self.request.headers.get_all())
        asked = InboundRequest(
            site_id,
            self.request.uri or "",
            {name: value for name, value in named if is_handed_over(name)},
            b"".join(self._chunks),
            time.monotonic(),
        )
        self._write(await self._answers.answer(asked))

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say what went wrong without showing how; Zoom sends again after every 5xx."""
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

    def _write(self, reply: InboundResponse) -> None:
        self.set_status(reply.status)
        self.set_header("Cache-Control", "no-store")
        if reply.retry_after is not None:
            self.set_header("Retry-After", str(reply.retry_after))
        if reply.body:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.write(reply.body)
        else:
            self.clear_header("Content-Type")
        if reply.signature is not None:
            self.set_header(signing.ANSWER_HEADER, reply.signature)


class NotFoundHandler(RequestHandler):
    """What is answered at addresses that there are not."""

    def prepare(self) -> None:
        """Say so, as WordPress's REST would."""
        self.set_status(404)
        self.finish({"code": "zoombridge_no_route", "message": "There is nothing at this address."})

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say what went wrong without showing how."""
        self.finish({"code": "zoombridge_error", "message": f"The request failed ({status_code})."})


_TOO_LARGE = InboundResponse.of(
    refusal(413, "zoombridge_too_large", "The body is over 1 MiB, and no event of Zoom's is.")
)
