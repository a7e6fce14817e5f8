"""Accept connections one at a time, so that acceptors that listen to the same sockets share them.

Tornado accepts all that wait at once. Of a burst of connections, the acceptor that wakes first would take all, and
leave the others idle. It also prepares each for HTTP, which costs a hundred times as much as to accept it: here that
waits until the client has sent something, so that silent connections cost next to nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

from tornado.iostream import IOStream

from web.http.client_address import client_network
from web.http.overload_log import OverloadLog
from web.http.server import SERVER_LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tornado.httpserver import HTTPServer

    from web.http.server import ServerLimits

_PAUSE_SECONDS = 1.0
# A client that has just connected is about to send: when the loop stops, it has so long to begin.
_FIRST_BYTE_SECONDS = 1.0
_LOOK_SECONDS = 0.02
# So often the event loop turns until what was handed over last is counted as a request in flight.
_TURNS = 20


class AcceptLoop:
    """Accepts connections from listening sockets for a server, from its construction until `stop`.

    A client can have so many silent connections, unless each comes from a proxy (`behind_proxy`), and of all clients
    together there can be so many; of more, the one that has been silent for longest is closed.
    """

    def __init__(
        self,
        server: HTTPServer,
        sockets: Sequence[socket.socket],
        *,
        behind_proxy: bool = False,
        limits: ServerLimits = SERVER_LIMITS,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        self._server = server
        self._sockets = sockets
        self._is_behind_proxy = behind_proxy
        self._limits = limits
        self._pause_seconds = pause_seconds
        self._loop = asyncio.get_running_loop()
        self._is_stopped = False
        self._log = OverloadLog()
        # Each with its client and the end of its time; the one that has been silent for longest is the first.
        self._silent: dict[socket.socket, tuple[str, float]] = {}
        self._silent_of: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        for listening in sockets:
            listening.setblocking(False)
            self._watch(listening)

    async def finish(self) -> None:
        """Accept no more, hand over what was accepted just now and is about to send, then stop.

        Otherwise a request that was on its way would be lost, which on the listening socket would have waited.
        """
        self._stop_accepting()
        while self._has_new():  # noqa: ASYNC110 - it ends by time, too
            await asyncio.sleep(_LOOK_SECONDS)
        self.stop()
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Accept no more, and close the sockets and silent connections; other processes may listen on."""
        self._stop_accepting()
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._silent):
            self._close(connection)

    def _stop_accepting(self) -> None:
        self._is_stopped = True
        for listening in self._sockets:
            if listening.fileno() >= 0:
                self._loop.remove_reader(listening)
                listening.close()

    def _has_new(self) -> bool:
        """Whether the silent connection that was accepted last still has time to begin."""
        if not self._silent:
            return False
        _, ends_at = self._silent[next(reversed(self._silent))]
        return self._loop.time() < ends_at - self._limits.header_seconds + _FIRST_BYTE_SECONDS

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
            self._log.warning("accept_failed", reason=str(error), retry_seconds=self._pause_seconds)
            if self._silent:
                self._close(next(iter(self._silent)))
                return
            self._loop.remove_reader(listening)
            self._loop.call_later(self._pause_seconds, self._watch, listening)
            return
        connection.setblocking(False)
        try:
            has_ended = not connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self._await_first_byte(connection, address)
            return
        except OSError:
            has_ended = True
        if has_ended:
            connection.close()
        else:
            self._server.handle_stream(IOStream(connection), address)

    def _await_first_byte(self, connection: socket.socket, address: Any) -> None:
        client = "" if self._is_behind_proxy else client_network(address[0])
        ends_at = self._loop.time() + self._limits.header_seconds
        self._silent[connection] = (client, ends_at)
        self._silent_of[client] += 1
        self._loop.add_reader(connection, self._begin, connection, address)
        if self._timer is None:
            self._timer = self._loop.call_at(ends_at, self._time_out)
        if len(self._silent) > self._limits.silent:
            self._close_for_another(next(iter(self._silent)))
        elif client and self._silent_of[client] > self._limits.silent_per_client:
            self._close_for_another(next(one for one, (of, _) in self._silent.items() if of == client))

    def _begin(self, connection: socket.socket, address: Any) -> None:
        """Hand over a connection whose client has sent something, or has gone."""
        self._forget(connection)
        self._server.handle_stream(IOStream(connection), address)

    def _close_for_another(self, connection: socket.socket) -> None:
        client, _ = self._silent[connection]
        self._log.warning("too_many_connections", client=client, silent=len(self._silent))
        self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        client, _ = self._silent.pop(connection)
        self._silent_of[client] -= 1
        if not self._silent_of[client]:
            del self._silent_of[client]

    def _time_out(self) -> None:
        """Close what has been silent for too long, and wait for the next."""
        now = self._loop.time()
        self._timer = None
        for connection, (_, ends_at) in list(self._silent.items()):
            if ends_at > now:
                self._timer = self._loop.call_at(ends_at, self._time_out)
                return
            self._close(connection)
