"""Acceptors that listen together share what comes together."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerConnectionDelegate
from tornado.iostream import IOStream
from tornado.routing import URLSpec
from tornado.testing import bind_unused_port
from tornado.web import Application

from tests.web.http.test_server import ENDPOINT, Accepts
from web.acceptor.accept_loop import AcceptLoop
from web.http.inflight import InFlight
from web.http.server import BoundedServer, ServerLimits, drain, make_server
from web.webhooks.endpoint import ROUTE
from web.webhooks.handler import WebhookHandler

REQUEST = f"POST {ENDPOINT} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode()


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
    """Connect so many, who send something and wait until somebody takes them."""
    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for connection in waiting:
        connection.sendall(b"G")
    return waiting


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

    def test_closes_a_silent_connection_where_there_is_no_room_for_another(self) -> None:
        async def run() -> None:
            bound, port = bind_unused_port()
            taken: asyncio.Queue[IOStream] = asyncio.Queue()
            listening = OutOfFiles(fileno=bound.detach())
            listening.fails = 0
            one = AcceptLoop(Counting(taken), [listening], pause_seconds=60.0)
            reader, writer = await silent(port)
            while not one._silent:  # noqa: ASYNC110 - the loop tells nobody
                await asyncio.sleep(0)
            listening.fails = 1
            waiting = crowd(port, 1)
            given = await taken.get()
            assert await reader.read() == b""
            one.stop()
            writer.close()
            close(waiting, [given])

        asyncio.run(asyncio.wait_for(run(), 600))


async def silent(port: int, address: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))


class TestSilent:
    @contextlib.asynccontextmanager
    async def accepting(
        self, *, behind_proxy: bool = False, **limits: Any
    ) -> AsyncIterator[tuple[int, asyncio.Queue[IOStream]]]:
        bound, port = bind_unused_port()
        taken: asyncio.Queue[IOStream] = asyncio.Queue()
        server = Counting(taken)
        one = AcceptLoop(server, [bound], behind_proxy=behind_proxy, limits=ServerLimits(**limits))
        yield port, taken
        one.stop()
        assert (one._silent, one._silent_of) == ({}, {})
        for stream in server.given:
            stream.close()

    def test_of_a_client_that_has_just_connected_is_awaited_when_the_loop_stops(self) -> None:
        async def run() -> None:
            bound, port = bind_unused_port()
            taken: asyncio.Queue[IOStream] = asyncio.Queue()
            one = AcceptLoop(Counting(taken), [bound], limits=ServerLimits(header_seconds=600.0))
            reader, writer = await silent(port)
            while not one._silent:  # noqa: ASYNC110 - the loop tells nobody
                await asyncio.sleep(0)
            stopping = asyncio.create_task(one.finish())
            await asyncio.sleep(0)
            assert bound.fileno() == -1
            writer.write(b"G")
            await stopping
            stream = taken.get_nowait()
            assert stream.socket.recv(1) == b"G"
            stream.close()
            assert await reader.read() == b""
            writer.close()

        asyncio.run(asyncio.wait_for(run(), 600))

    @pytest.mark.parametrize("is_before", [True, False])
    def test_of_a_client_that_sends_as_the_loop_stops_is_answered(self, is_before: bool) -> None:
        """Right before it stops, as the connection is accepted, or after that."""

        async def run() -> None:
            bound, port = bind_unused_port()
            in_flight = InFlight()
            endpoint = URLSpec(ROUTE, WebhookHandler, {"responder": Accepts(), "in_flight": in_flight})
            server = make_server(Application([endpoint], log_function=lambda _: None))
            one = AcceptLoop(server, [bound])
            with socket.create_connection(("127.0.0.1", port)) as client:
                if is_before:
                    client.sendall(REQUEST)
                one._accept(bound)
                stopping = asyncio.create_task(stop(one, server, in_flight))
                await asyncio.sleep(0)
                if not is_before:
                    client.sendall(REQUEST)
                await stopping
                assert client.recv(12) == b"HTTP/1.1 200"

        async def stop(one: AcceptLoop, server: BoundedServer, in_flight: InFlight) -> None:
            await one.finish()
            await drain(server, in_flight)

        asyncio.run(asyncio.wait_for(run(), 600))

    def test_that_goes_on_is_closed_when_the_loop_stops(self) -> None:
        async def run() -> None:
            bound, port = bind_unused_port()
            taken: asyncio.Queue[IOStream] = asyncio.Queue()
            one = AcceptLoop(Counting(taken), [bound])
            reader, writer = await silent(port)
            while not one._silent:  # noqa: ASYNC110 - the loop tells nobody
                await asyncio.sleep(0)
            await one.finish()
            assert await reader.read() == b""
            assert taken.empty()
            writer.close()

        asyncio.run(asyncio.wait_for(run(), 600))

    def test_is_given_to_the_server_once_it_says_something(self) -> None:
        async def run() -> None:
            async with self.accepting() as (port, taken):
                connections = [await silent(port) for _ in range(3)]
                connections[1][1].write(b"G")
                stream = await taken.get()
                assert stream.socket.getpeername() == connections[1][1].get_extra_info("sockname")
                assert taken.empty()
                for _, writer in connections:
                    writer.close()

        asyncio.run(asyncio.wait_for(run(), 600))

    def test_the_longest_silent_is_closed_for_another(self) -> None:
        async def run() -> None:
            async with self.accepting(silent=2) as (port, taken):
                connections = [await silent(port) for _ in range(3)]
                assert await connections[0][0].read() == b""
                for _, writer in connections[1:]:
                    writer.write(b"G")
                    await taken.get()
                for _, writer in connections:
                    writer.close()

        asyncio.run(asyncio.wait_for(run(), 600))

    def test_a_client_closes_its_own_and_a_proxy_none(self) -> None:
        async def run(*, behind_proxy: bool) -> None:
            limits = {"silent_per_client": 1}
            async with self.accepting(behind_proxy=behind_proxy, **limits) as (port, taken):
                connections = [await silent(port, "127.0.0.2"), await silent(port), await silent(port)]
                open_still = connections if behind_proxy else [connections[0], connections[2]]
                if not behind_proxy:
                    assert await connections[1][0].read() == b""
                for _, writer in open_still:
                    writer.write(b"G")
                    await taken.get()
                for _, writer in connections:
                    writer.close()

        for behind_proxy in (False, True):
            asyncio.run(asyncio.wait_for(run(behind_proxy=behind_proxy), 60))

    def test_is_closed_in_time(self) -> None:
        async def run() -> None:
            async with self.accepting(header_seconds=0.05) as (port, taken):
                for _ in range(2):
                    connections = [await silent(port) for _ in range(2)]
                    for reader, writer in connections:
                        assert await reader.read() == b""
                        writer.close()
                assert taken.empty()

        asyncio.run(asyncio.wait_for(run(), 600))
