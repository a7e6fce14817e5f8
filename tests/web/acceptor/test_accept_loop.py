"""Acceptors that listen together share what comes together."""

import asyncio
import errno
import socket

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import IOStream
from tornado.testing import bind_unused_port

from web.acceptor.accept_loop import AcceptLoop


class Counting(HTTPServer):
    """Keeps the connections that it is given, says so, and serves none."""

    def initialize(self, taken: asyncio.Queue[IOStream]) -> None:  # type: ignore[override]
        super().initialize(HTTPServerConnectionDelegate())
        self.given: list[IOStream] = []
        self._taken = taken

    def handle_stream(self, stream: IOStream, address: tuple[object, ...]) -> None:
        self.given.append(stream)
        self._taken.put_nowait(stream)


def crowd(port: int, count: int) -> list[socket.socket]:
    """Connect so many, who wait until somebody takes them."""
    return [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]


def close(waiting: list[socket.socket], given: list[IOStream]) -> None:
    """Let both ends of every connection go."""
    for end in waiting:
        end.close()
    for stream in given:
        stream.close()


class OutOfFiles(socket.socket):
    """Can open no connection, the first time that it is asked."""

    fails = 1

    def accept(self) -> tuple[socket.socket, object]:
        if self.fails:
            self.fails -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


class TestAcceptLoop:
    def test_shares_a_crowd_with_others_at_the_same_socket(self) -> None:
        async def run() -> list[int]:
            bound, port = bind_unused_port()
            waiting = crowd(port, 20)
            taken: asyncio.Queue[IOStream] = asyncio.Queue()
            servers = [Counting(taken), Counting(taken)]
            each = [
                AcceptLoop(server, [one]) for server, one in zip(servers, [bound.dup(), bound], strict=True)
            ]
            given = [await taken.get() for _ in waiting]
            for one in each:
                one.stop()
            close(waiting, given)
            return [len(server.given) for server in servers]

        assert asyncio.run(run()) == [10, 10]

    def test_leaves_what_comes_to_others_once_it_has_ended(self) -> None:
        async def run() -> list[int]:
            bound, port = bind_unused_port()
            taken: asyncio.Queue[IOStream] = asyncio.Queue()
            servers = [Counting(taken), Counting(taken)]
            one, other = (
                AcceptLoop(server, [sock]) for server, sock in zip(servers, [bound.dup(), bound], strict=True)
            )
            one.stop()
            waiting = crowd(port, 5)
            given = [await taken.get() for _ in waiting]
            other.stop()
            close(waiting, given)
            return [len(server.given) for server in servers]

        assert asyncio.run(run()) == [0, 5]

    def test_goes_on_once_there_is_room_for_connections_again(self) -> None:
        async def run() -> int:
            bound, port = bind_unused_port()
            taken: asyncio.Queue[IOStream] = asyncio.Queue()
            one = AcceptLoop(Counting(taken), [OutOfFiles(fileno=bound.detach())], pause_seconds=0.0)
            waiting = crowd(port, 3)
            given = [await taken.get() for _ in waiting]
            one.stop()
            close(waiting, given)
            return len(given)

        assert asyncio.run(run()) == 3
