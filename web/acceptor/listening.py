"""Connections are taken one at a time, so that acceptors that listen to the same sockets share them.

Tornado takes all that wait at once. Of a crowd that comes together, the acceptor that wakes first would have them
all, and the others nothing to do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tornado.iostream import IOStream

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from tornado.httpserver import HTTPServer


class Listening:
    """Takes connections from sockets, for a server."""

    def __init__(self, server: HTTPServer, sockets: Sequence[socket.socket]) -> None:
        """Begin."""
        self._server = server
        self._sockets = sockets
        self._loop = asyncio.get_running_loop()
        for one in sockets:
            one.setblocking(False)
            self._loop.add_reader(one, self._take, one)

    def end(self) -> None:
        """Take no more; other processes may listen on."""
        for one in self._sockets:
            self._loop.remove_reader(one)
            one.close()

    def _take(self, listening: socket.socket) -> None:
        try:
            connection, address = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # another was quicker, or whoever it was has gone
        self._server.handle_stream(IOStream(connection), address)
