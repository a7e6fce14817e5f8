"""The bridge's end of the channel to an acceptor: it answers the requests that come over it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from web.acceptor import app_requests
from web.acceptor.channel import READY, REQUESTS, RESPONSES, STOP, Channel
from web.http.messages import InboundRequest
from web.webhooks.endpoint import is_endpoint

if TYPE_CHECKING:
    import socket

    from tornado.web import Application

    from web.http.batcher import Responses
    from web.webhooks.dispatcher import Dispatcher


class ChannelServer:
    """Answers the requests of one acceptor.

    `ready` is done when the acceptor accepts connections (True) or has ended before (False); `closed` is set at the
    end of the channel.
    """

    def __init__(self, app: Application, dispatcher: Dispatcher) -> None:
        self._app = app
        self._dispatcher = dispatcher
        self._channel = Channel(self._receive, self._end)
        self._tasks: set[asyncio.Task[None]] = set()
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()

    async def open(self, connection: socket.socket) -> None:
        """Begin to receive over a connected socket."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._channel, sock=connection)

    def stop(self) -> None:
        """Tell the acceptor to answer the requests it has begun, and to end."""
        self._channel.send(STOP)

    def close(self) -> None:
        """Close the channel, which ends the acceptor at once."""
        self._channel.close()

    def _receive(self, kind: str, content: Any) -> None:
        if kind == REQUESTS:
            self._answer([(number, InboundRequest(*fields)) for number, *fields in content])
        elif kind == READY and not self.ready.done():
            self.ready.set_result(True)

    def _answer(self, requests: list[tuple[int, InboundRequest]]) -> None:
        """Have the dispatcher answer Zoom's events together, and the application each other request."""
        events: list[tuple[int, InboundRequest]] = []
        for number, request in requests:
            if is_endpoint(request.target):
                events.append((number, request))
            else:
                task = asyncio.ensure_future(self._answer_page(number, request))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        if events:
            self._dispatcher.dispatch(events, self._send)

    async def _answer_page(self, number: int, request: InboundRequest) -> None:
        response = await app_requests.respond(self._app, request)
        if not self._send([(number, response)]):
            self._send([(number, app_requests.FAILED)])  # it is too long for the channel

    def _send(self, responses: Responses) -> bool:
        return self._channel.send(RESPONSES, [(number, *response) for number, response in responses])

    def _end(self) -> None:
        self.closed.set()
        if not self.ready.done():
            self.ready.set_result(False)
