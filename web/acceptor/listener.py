"""Listen at an address, and accept requests there: in this process, or by acceptors."""

from __future__ import annotations

import asyncio
import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tornado.netutil import bind_sockets

from core.errors import ZoomBridgeError
from web.acceptor.accept_loop import AcceptLoop
from web.acceptor.supervisor import AcceptorSupervisor
from web.http.logs import TEXT
from web.http.server import drain, make_server

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from tornado.web import Application

    from web.http.inflight import InFlight
    from web.webhooks.dispatcher import Dispatcher

_BACKLOG = 1024  # connections that may wait to be accepted; of more, the machine drops the first packet


@dataclass(frozen=True, slots=True)
class HttpListener:
    """An address, and the number of acceptor processes there; with none, this process accepts itself.

    Binding is tried for `bind_seconds`, every `retry_seconds`.
    """

    host: str
    port: int
    acceptors: int = 1
    behind_proxy: bool = False
    log_level: str = "info"
    log_format: str = TEXT
    bind_seconds: float = 5.0
    retry_seconds: float = 0.05

    async def bind(self) -> list[socket.socket]:
        """Return listening sockets. Raises: ZoomBridgeError where the address cannot be used.

        Acceptors of a bridge that was killed a moment ago may still hold it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.bind_seconds
        while True:
            try:
                return bind_sockets(self.port, self.host, backlog=_BACKLOG)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or loop.time() > deadline:
                    raise ZoomBridgeError(
                        f"Cannot listen on {self.host}:{self.port} ({error.strerror}). Is a bridge already running? "
                        "Choose another port with --port."
                    ) from error
            await asyncio.sleep(self.retry_seconds)

    async def serve(
        self, sockets: list[socket.socket], app: Application, dispatcher: Dispatcher, in_flight: InFlight
    ) -> Callable[[], Awaitable[None]]:
        """Accept requests from now on; return a function that stops in order. Raises: ZoomBridgeError."""
        if not self.acceptors:
            server = make_server(app, behind_proxy=self.behind_proxy)
            accept_loop = AcceptLoop(server, sockets, behind_proxy=self.behind_proxy)

            async def stop_accepting() -> None:
                await accept_loop.finish()
                await drain(server, in_flight)

            return stop_accepting
        supervisor = AcceptorSupervisor(
            sockets,
            app,
            dispatcher,
            behind_proxy=self.behind_proxy,
            log_options=("--log-level", self.log_level, "--log-format", self.log_format),
        )
        await supervisor.start(self.acceptors)

        async def stop() -> None:
            in_flight.stopping = True
            await supervisor.stop()

        return stop
