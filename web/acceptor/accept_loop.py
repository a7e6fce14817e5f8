"""Accept connections one at a time, so that acceptors that listen to the same sockets share them.

Tornado accepts all that wait at once. Of a burst of connections, the acceptor that wakes first would take all, and
leave the others idle.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from tornado.iostream import IOStream

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from tornado.httpserver import HTTPServer

_PAUSE_SECONDS = 1.0

logger = structlog.get_logger(__name__)


class AcceptLoop:
    """Accepts connections from listening sockets for a server, from its construction until `stop`."""

    def __init__(
        self, server: HTTPServer, sockets: Sequence[socket.socket], *, pause_seconds: float = _PAUSE_SECONDS
    ) -> None:
        self._server = server
        self._sockets = sockets
        self._pause_seconds = pause_seconds
        self._loop = asyncio.get_running_loop()
        self._is_stopped = False
        for listening in sockets:
            listening.setblocking(False)
            self._watch(listening)

    def stop(self) -> None:
        """Accept no more, and close the sockets; other processes may listen on."""
        self._is_stopped = True
        for listening in self._sockets:
            self._loop.remove_reader(listening)
            listening.close()

    def _watch(self, listening: socket.socket) -> None:
        if not self._is_stopped:
            self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        try:
            connection, address = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another acceptor was quicker, or the client has gone
        except OSError as error:
            # Too many files are open, or memory is short: some must be released before another try makes sense.
            logger.warning("accept_failed", reason=str(error), retry_seconds=self._pause_seconds)
            self._loop.remove_reader(listening)
            self._loop.call_later(self._pause_seconds, self._watch, listening)
            return
        self._server.handle_stream(IOStream(connection), address)
