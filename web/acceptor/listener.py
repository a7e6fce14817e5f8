"""Connections are taken one at a time, so that acceptors that listen to the same sockets share them.

Tornado takes all that wait at once. Of a crowd that comes together, the acceptor that wakes first would have them
all, and the others nothing to do.
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


class ConnectionAcceptor:
    """Takes connections from sockets, for a server."""

    def __init__(self, server: HTTPServer, sockets: Sequence[socket.socket]) -> None:
        """Begin."""
        self._server = server
        self._sockets = sockets
        self._loop = asyncio.get_running_loop()
        self._has_ended = False
        for one in sockets:
            one.setblocking(False)
            self._listen(one)

    def end(self) -> None:
        """Take no more; other processes may listen on."""
        self._has_ended = True
        for one in self._sockets:
            self._loop.remove_reader(one)
            one.close()

    def _listen(self, listening: socket.socket) -> None:
        if not self._has_ended:
            self._loop.add_reader(listening, self._take, listening)

    def _take(self, listening: socket.socket) -> None:
        try:
            connection, address = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another was quicker, or whoever it was has gone
        except OSError as error:
            # Too many files are open, or memory is short: some must be given back before it is any use to try again.
            logger.warning("not_accepting", reason=str(error), again_in_seconds=_PAUSE_SECONDS)
            self._loop.remove_reader(listening)
            self._loop.call_later(_PAUSE_SECONDS, self._listen, listening)
            return
        self._server.handle_stream(IOStream(connection), address)
