"""Where requests come in: the address, and who takes them there."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tornado.netutil import bind_sockets

from core.errors import ZoomBridgeError
from web.acceptor.supervisor import AcceptorSupervisor
from web.http.server import drain, make_server

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from tornado.web import Application

    from web.http.inflight import InFlight
    from web.webhooks.dispatcher import Dispatcher

_BIND_SECONDS = 5.0
_BIND_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Listener:
    """An address, and how many processes take requests there for this one; without any, it does so itself."""

    host: str
    port: int
    acceptors: int = 1
    behind_proxy: bool = False
    log_level: str = "info"

    async def bind(self) -> list[socket.socket]:
        """Return sockets that listen. Raises `ZoomBridgeError` where nothing can.

        Acceptors of a bridge that was killed a moment ago may still be about to go.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + _BIND_SECONDS
        while True:
            try:
                return bind_sockets(self.port, self.host)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or loop.time() > until:
                    raise ZoomBridgeError(
                        f"Nothing can listen on {self.host}:{self.port} ({error.strerror}). Is a bridge running "
                        "already? Choose another port with --port."
                    ) from error
            await asyncio.sleep(_BIND_AGAIN_SECONDS)

    async def open(
        self, sockets: list[socket.socket], app: Application, answering: Dispatcher, in_flight: InFlight
    ) -> Callable[[], Awaitable[None]]:
        """Take requests from now on; return what ends that in order. Raises `ZoomBridgeError`."""
        if not self.acceptors:
            server = make_server(app, behind_proxy=self.behind_proxy)
            server.add_sockets(sockets)
            return lambda: drain(server, in_flight)
        acceptors = AcceptorSupervisor(
            sockets, app, answering, behind_proxy=self.behind_proxy, log_level=self.log_level
        )
        await acceptors.start(self.acceptors)

        async def close() -> None:
            in_flight.stopping = True
            await acceptors.stop()

        return close
