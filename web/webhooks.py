"""The endpoints that Zoom's events come to, forwarded by the stub or directly."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, TypeVar

from tornado.http1connection import HTTP1Connection
from tornado.web import RequestHandler, stream_request_body

from core.errors import SignatureError, StoreUnavailableError, UnknownSiteError
from core.ingest import ACCEPTED, MOST_BYTES, Answer, refusal, unavailable
from core.store.request import Request
from core.wordpress import signing

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from concurrent.futures import Executor

    from core.ingest import Ingest
    from web.inflight import InFlight
    from web.stub import StubKeys
    from web.waiting import Waiting

# Zoom waits three seconds, and the stub two and a half, of which some go by on the way.
ANSWER_SECONDS = 2.0
_KEY_SECONDS = 1.0  # of the stub's key, before that
# What is read of a body that is too large, so that its sender hears the answer instead of a broken line.
DRAIN_BYTES = 16 * MOST_BYTES
T = TypeVar("T")

_ZOOMS_OWN = ("content-type", "authorization", "user-agent", "clientid", "traceparent")


@stream_request_body
class WebhookHandler(RequestHandler):
    """`POST …/wp-json/vczapi/v1/{meeting,webinar,recording}`: see *Answers to Zoom* in the design.

    An event is handled by what it is, not by which endpoint it came to.
    """

    def initialize(
        self, ingest: Ingest, keys: StubKeys, executor: Executor, in_flight: InFlight, waiting: Waiting
    ) -> None:
        """Take what it works with."""
        self._waiting = waiting
        self._in_flight = in_flight
        self._counted = False
        self._ingest = ingest
        self._keys = keys
        self._executor = executor
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
        headers = {name.lower(): value for name, value in self.request.headers.get_all()}
        body = b"".join(self._chunks)
        key = None
        if site_id is None:
            try:
                site_id, key = await self._from_stub(headers, body)
            except UnknownSiteError as error:
                self._write(refusal(404, "zoombridge_unknown_site", str(error)))
                return
            except SignatureError as error:
                # The pairing is broken, which is no fault of Zoom's: it shall send again.
                self._write(unavailable(str(error)))
                return
            except StoreUnavailableError as error:
                self._write(unavailable(str(error)))
                return
            except TimeoutError:
                self._write(unavailable(_TOO_SLOW))
                return
        self._write(await self._receive(site_id, headers, body), key=key)

    async def _from_stub(self, headers: dict[str, str], body: bytes) -> tuple[str, str]:
        """Return the site whose stub sent this, and its key."""
        site_id = headers.get(signing.SITE_HEADER)
        if site_id is None:
            raise UnknownSiteError(
                "This address is for the bridge's plugin in WordPress. Zoom's address is the one that the page "
                "Webhooks shows, on the WordPress site itself."
            )
        verified = self._keys.verified(
            site_id, headers, method="POST", target=self.request.uri or "", body=body, now=None
        )
        key = await asyncio.wait_for(verified, _KEY_SECONDS)
        return site_id, key

    async def _receive(self, site_id: str, headers: dict[str, str], body: bytes) -> Answer:
        if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return _NOT_JSON
        request = Request(
            {
                name: value
                for name, value in headers.items()
                if name.startswith("x-zm-") or name in _ZOOMS_OWN
            },
            body,
        )
        try:
            future = self._ingest.receive_quickly(site_id, request)
            if future is not None:
                await self._waiting.result(future)
                return ACCEPTED
            loop = asyncio.get_running_loop()
            return await _in_time(
                loop.run_in_executor(self._executor, self._ingest.receive, site_id, request)
            )
        except StoreUnavailableError as error:
            return unavailable(str(error))
        except TimeoutError:
            return unavailable(_TOO_SLOW)

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
        self._write(refusal(status_code, code, message))
        self.finish()

    def _write(self, answer: Answer, *, key: str | None = None) -> None:
        self.set_status(answer.status)
        self.set_header("Cache-Control", "no-store")
        if answer.retry_after is not None:
            self.set_header("Retry-After", str(answer.retry_after))
        body = b""
        if answer.body is not None:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            body = json.dumps(dict(answer.body)).encode()
            self.write(body)
        else:
            self.clear_header("Content-Type")
        if key is not None:
            given = self.request.headers.get(signing.SIGNATURE_HEADER, "")
            signature = signing.sign_answer(
                key, request_signature=given, status=answer.status, location="", body=body
            )
            self.set_header(signing.ANSWER_HEADER, signature)


class NotFoundHandler(RequestHandler):
    """What is answered at addresses that there are not."""

    def prepare(self) -> None:
        """Say so, as WordPress's REST would."""
        self.set_status(404)
        self.finish({"code": "zoombridge_no_route", "message": "There is nothing at this address."})

    def write_error(self, status_code: int, **_: Any) -> None:
        """Say what went wrong without showing how."""
        self.finish({"code": "zoombridge_error", "message": f"The request failed ({status_code})."})


async def _in_time(waiting: Awaitable[T]) -> T:
    return await asyncio.wait_for(waiting, ANSWER_SECONDS)


_TOO_SLOW = "The database took too long to answer. Nothing is lost: Zoom sends again."
_TOO_LARGE = refusal(413, "zoombridge_too_large", "The body is over 1 MiB, and no event of Zoom's is.")
_NOT_JSON = refusal(400, "zoombridge_content_type", "Zoom's events are of content type application/json.")
