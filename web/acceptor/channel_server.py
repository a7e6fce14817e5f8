"""The bridge's end of the line to an acceptor: what comes over it is answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from web.acceptor import proxy_server
from web.acceptor.channel import GROUP, PAGE, READY, STOP, Channel
from web.acceptor.proxy_messages import ProxiedRequest
from web.webhooks.messages import InboundRequest

if TYPE_CHECKING:
    import socket

    from tornado.web import Application

    from web.webhooks.batcher import Replies
    from web.webhooks.dispatcher import Dispatcher


class ChannelServer:
    """Answers one acceptor. `ready` is done when that accepts, or has ended before; `ended` is set at its end."""

    def __init__(self, app: Application, answering: Dispatcher) -> None:
        """Take who answers: the endpoints, and everything else."""
        self._app = app
        self._answering = answering
        self._line = Channel(self._hear, self._end)
        self._tasks: set[asyncio.Task[None]] = set()
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()

    async def begin(self, line: socket.socket) -> None:
        """Begin to listen to the acceptor."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._line, sock=line)

    def stop(self) -> None:
        """Ask the acceptor to answer what it has begun, and to end."""
        self._line.send(STOP)

    def close(self) -> None:
        """Let the line go, which ends the acceptor at once."""
        self._line.close()

    def _hear(self, kind: str, content: Any) -> None:
        if kind == GROUP:
            group = [(number, InboundRequest(*asked)) for number, *asked in content]
            self._answering.take(group, self._deliver)
        elif kind == PAGE:
            number, *wanted = content
            task = asyncio.ensure_future(self._answer(number, ProxiedRequest(*wanted)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind == READY and not self.ready.done():
            self.ready.set_result(True)

    def _deliver(self, replies: Replies) -> None:
        self._line.send(GROUP, [(number, *reply) for number, reply in replies])

    async def _answer(self, number: int, wanted: ProxiedRequest) -> None:
        page = await proxy_server.answer(self._app, wanted)
        if not self._line.send(PAGE, (number, *page)):
            self._line.send(PAGE, (number, *proxy_server.failed()))

    def _end(self) -> None:
        self.ended.set()
        if not self.ready.done():
            self.ready.set_result(False)
