"""An acceptor at work: it sends what it reads from the public sockets over the channel, and writes the responses."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from tornado.routing import AnyMatches, Rule, URLSpec
from tornado.web import Application

from web.acceptor.accept_loop import AcceptLoop
from web.acceptor.channel import READY, REQUESTS, RESPONSES, STOP, Channel
from web.acceptor.forwarder import Forwarder
from web.http.batcher import EVENT_LIMITS, LARGE_EVENT_LIMITS, PAGE_LIMITS, Batcher, BySize
from web.http.inflight import InFlight
from web.http.messages import InboundResponse
from web.http.server import drain, make_server
from web.webhooks.endpoint import ROUTE
from web.webhooks.handler import WebhookHandler

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from web.http.batcher import Limits, Requests


class AcceptorWorker:
    """Accepts requests from listening sockets, and has the bridge answer them.

    `on_close` is called when the channel has closed, without which nothing can be answered.
    """

    def __init__(
        self,
        on_close: Callable[[], None],
        *,
        event_limits: Limits = EVENT_LIMITS,
        large_event_limits: Limits = LARGE_EVENT_LIMITS,
        page_limits: Limits = PAGE_LIMITS,
    ) -> None:
        numbers = itertools.count()
        self._channel = Channel(self._receive, on_close)
        self._in_flight = InFlight()
        self._events = Batcher(self._send, event_limits, numbers)
        self._large_events = Batcher(self._send, large_event_limits, numbers)
        self._pages = Batcher(self._send, page_limits, numbers)
        self._stop = asyncio.Event()

    async def run(
        self, channel: socket.socket, listening: Sequence[socket.socket], *, behind_proxy: bool = False
    ) -> None:
        """Accept until the bridge sends STOP; then answer what is open, and close the channel."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._channel, sock=channel)
        server = make_server(self._app(), behind_proxy=behind_proxy)
        accept_loop = AcceptLoop(server, listening, behind_proxy=behind_proxy)
        self._channel.send(READY)
        await self._stop.wait()
        await accept_loop.finish()
        await drain(server, self._in_flight)
        self._channel.close()

    def _app(self) -> Application:
        events = BySize(self._events, self._large_events)
        endpoint = {"responder": events, "in_flight": self._in_flight}
        return Application(
            [
                URLSpec(ROUTE, WebhookHandler, endpoint),
                Rule(AnyMatches(), Forwarder(self._pages, self._in_flight)),
            ],
            cross_origin_protection=True,
            log_function=lambda _: None,
            compress_response=False,
        )

    def _send(self, batch: Requests) -> bool:
        return self._channel.send(REQUESTS, [(number, *request) for number, request in batch])

    def _receive(self, kind: str, content: Any) -> None:
        if kind == RESPONSES:
            responses = [(number, InboundResponse(*fields)) for number, *fields in content]
            self._events.deliver(responses)
            self._large_events.deliver(responses)
            self._pages.deliver(responses)
        elif kind == STOP:
            self._stop.set()
