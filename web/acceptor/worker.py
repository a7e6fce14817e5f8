"""An acceptor at work, at its end of the line: Zoom's requests go on in groups, all others one by one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tornado.routing import AnyMatches, Rule, URLSpec
from tornado.web import Application

from web.acceptor.channel import GROUP, PAGE, READY, STOP, Channel
from web.acceptor.listener import ConnectionAcceptor
from web.acceptor.proxy_client import ProxyClient
from web.acceptor.proxy_messages import ProxiedResponse
from web.http.inflight import InFlight
from web.http.server import drain, make_server
from web.webhooks.batcher import Batcher
from web.webhooks.handler import ROUTES, WebhookHandler
from web.webhooks.messages import InboundResponse

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from web.webhooks.batcher import Group


class AcceptorWorker:
    """Takes requests from sockets that listen, and answers what comes back over the line."""

    def __init__(self, ended: Callable[[], None]) -> None:
        """Take what is to be done when the line has ended, without which nothing can be answered."""
        self._line = Channel(self._hear, ended)
        self._in_flight = InFlight()
        self._groups = Batcher(self._send)
        self._passing = ProxyClient(self._line, self._in_flight)
        self._stop = asyncio.Event()

    async def run(
        self, line: socket.socket, listening: Sequence[socket.socket], *, behind_proxy: bool = False
    ) -> None:
        """Accept until the bridge says stop; then answer what there is, and let the line go."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._line, sock=line)
        server = make_server(self._app(), behind_proxy=behind_proxy)
        connections = ConnectionAcceptor(server, listening)
        self._line.send(READY)
        await self._stop.wait()
        connections.end()
        await drain(server, self._in_flight)
        self._line.close()

    def _app(self) -> Application:
        """Return the endpoints, and a way on for everything else."""
        given = {"answers": self._groups, "in_flight": self._in_flight}
        return Application(
            [*(URLSpec(route, WebhookHandler, given) for route in ROUTES), Rule(AnyMatches(), self._passing)],
            cross_origin_protection=True,
            log_function=lambda _: None,
            compress_response=False,
        )

    def _send(self, group: Group) -> bool:
        return self._line.send(GROUP, [(number, *asked) for number, asked in group])

    def _hear(self, kind: str, content: Any) -> None:
        if kind == GROUP:
            self._groups.deliver((number, InboundResponse(*reply)) for number, *reply in content)
        elif kind == PAGE:
            number, *page = content
            self._passing.hear(number, ProxiedResponse(*page))
        elif kind == STOP:
            self._stop.set()
