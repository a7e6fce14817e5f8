"""What strangers can occupy before a request is read: so many connections, so many bytes, for so long."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from tornado.routing import URLSpec
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from web.http.inflight import InFlight
from web.http.messages import InboundRequest, InboundResponse
from web.http.server import BoundedServer, ServerLimits, make_server
from web.webhooks.endpoint import ROUTE
from web.webhooks.handler import WebhookHandler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

WITHIN = 60
LARGE = 70_000
ENDPOINT = "/wp-json/vczapi/v1/meeting"


class Size(RequestHandler):
    def post(self) -> None:
        self.write(str(len(self.request.body)))


class Waiting(RequestHandler):
    """Answers when it is told to."""

    go: asyncio.Event

    async def post(self) -> None:
        await self.go.wait()


class Long(RequestHandler):
    """Answers with more than a connection takes from one who reads nothing."""

    def get(self) -> None:
        self.write(b"x" * 50_000_000)


class Accepts:
    async def respond(self, request: InboundRequest) -> InboundResponse:
        return InboundResponse(200, [], str(len(request.body)).encode())


class Client:
    """A connection of a client that sends what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def begin(self, size: int, *, path: str = "/", **headers: str) -> None:
        """Send the headers of a request, without the body."""
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {size}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    def send(self, size: int) -> None:
        """Send a part of the body."""
        self.writer.write(b"x" * size)

    async def answer(self) -> tuple[int, dict[str, str], str]:
        """Read an answer to its end."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await self.reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), headers, body.decode()

    async def ask(self, size: int, **headers: str) -> int:
        """Send a whole request; return the status of its answer."""
        self.begin(size, **headers)
        self.send(size)
        return (await self.answer())[0]

    async def is_closed(self) -> bool:
        """Wait for what comes next: whether that is the end of the connection."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True


class Serving:
    """A server in this process, and its clients."""

    def __init__(self, server: BoundedServer, port: int, in_flight: InFlight) -> None:
        self.server = server
        self.in_flight = in_flight
        self._port = port
        self._clients: list[Client] = []

    async def client(self, address: str = "127.0.0.1") -> Client:
        connected = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(address, 0))
        client = Client(*connected)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        for client in self._clients:
            client.writer.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()
        self.server.stop()
        await self.server.close_all_connections()


@contextlib.asynccontextmanager
async def serving(*, behind_proxy: bool = False, **limits: Any) -> AsyncIterator[Serving]:
    in_flight = InFlight()
    app = Application(
        [
            ("/", Size),
            ("/long", Long),
            ("/waiting", Waiting),
            URLSpec(ROUTE, WebhookHandler, {"responder": Accepts(), "in_flight": in_flight}),
        ],
        log_function=lambda _: None,
    )
    server = make_server(app, behind_proxy=behind_proxy, limits=ServerLimits(**limits))
    listening, port = bind_unused_port()
    server.add_socket(listening)
    served = Serving(server, port, in_flight)
    try:
        yield served
    finally:
        await served.close()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def within_time() -> bool:
        try:
            await asyncio.wait_for(test(), WITHIN)
        except TimeoutError:
            return False
        return True

    assert asyncio.run(within_time()), f"what the test waits for has not come within {WITHIN} s"


class TestConnections:
    def test_the_one_that_waits_longest_is_closed_for_a_new_one(self) -> None:
        async def test() -> None:
            async with serving(connections=2) as served:
                with capture_logs() as logs:
                    first, second, third = [await served.client() for _ in range(3)]
                    assert await first.is_closed()
                    assert [await one.ask(3) for one in (second, third)] == [200, 200]
            (line,) = logs
            assert (line["event"], line["client"]) == ("too_many_connections", "127.0.0.1")

        run(test)

    def test_one_that_was_read_whole_is_not(self) -> None:
        """It waits for its answer."""

        async def test() -> None:
            Waiting.go = asyncio.Event()
            async with serving(connections=1) as served:
                first, second = await served.client(), await served.client()
                assert await first.is_closed()
                second.begin(3, path="/waiting")
                second.send(3)
                await until(lambda: bool(served.server._read))
                third = await served.client()
                assert await third.ask(3) == 200
                Waiting.go.set()
                assert (await second.answer())[0] == 200

        run(test)

    def test_one_whose_headers_have_come_does_not_wait_longest(self) -> None:
        async def test() -> None:
            async with serving(connections=2) as served:
                first, second = await served.client(), await served.client()
                first.begin(2, path=ENDPOINT)
                await until(lambda: served.in_flight._count == 1)
                await served.client()
                assert await second.is_closed()
                first.send(2)
                assert (await first.answer())[0] == 200

        run(test)

    def test_half_a_request_is_as_good_as_none(self) -> None:
        async def test() -> None:
            async with serving(connections=1) as served:
                first, second = await served.client(), await served.client()
                assert await first.is_closed()
                second.begin(2, path=ENDPOINT)
                second.send(1)
                await until(lambda: served.in_flight._count == 1)
                third = await served.client()
                assert await second.is_closed()
                assert await third.ask(3) == 200
                await until(lambda: served.in_flight._count == 0)

        run(test)

    def test_a_client_closes_its_own(self) -> None:
        async def test() -> None:
            async with serving(connections_per_client=2) as served:
                other = await served.client("127.0.0.2")
                first, second, third = [await served.client() for _ in range(3)]
                assert await first.is_closed()
                assert [await one.ask(3) for one in (other, second, third)] == [200, 200, 200]

        run(test)

    def test_a_proxy_is_no_client(self) -> None:
        async def test() -> None:
            async with serving(behind_proxy=True, connections_per_client=1) as served:
                proxied = [await served.client() for _ in range(3)]
                assert [await one.ask(3) for one in proxied] == [200, 200, 200]

        run(test)

    def test_the_client_of_a_proxy_is_one(self) -> None:
        async def test() -> None:
            async with serving(behind_proxy=True, connections_per_client=1) as served:
                first, other, third = [await served.client() for _ in range(3)]
                first.begin(2, path=ENDPOINT, X_Forwarded_For="203.0.113.9")
                other.begin(2, path=ENDPOINT, X_Forwarded_For="203.0.113.9, 198.51.100.7")
                await until(lambda: served.in_flight._count == 2)
                third.begin(2, X_Forwarded_For="198.51.100.7, 203.0.113.9")
                assert await first.is_closed()
                for one in (other, third):
                    one.send(2)
                    assert (await one.answer())[0] == 200

        run(test)

    def test_one_that_reads_no_answer_is_closed_for_another(self) -> None:
        async def test() -> None:
            async with serving(answers=1) as served:
                first = await served.client()
                first.writer.write(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
                await until(lambda: bool(served.server._read))
                second = await served.client()
                assert await second.ask(3) == 200
                with pytest.raises(asyncio.IncompleteReadError):
                    await first.answer()

        run(test)

    @pytest.mark.parametrize("sent", [b"", b"POST / HTTP/1.1\r\nHost:"])
    def test_one_that_sends_no_headers_is_closed(self, sent: bytes) -> None:
        async def test() -> None:
            async with serving(header_seconds=0.05) as served:
                client = await served.client()
                client.writer.write(sent)
                assert await client.is_closed()

        run(test)

    def test_one_that_sends_half_a_body_is_closed(self) -> None:
        async def test() -> None:
            async with serving(body_seconds=0.05) as served:
                client = await served.client()
                client.begin(2)
                client.send(1)
                assert await client.is_closed()

        run(test)

    def test_leave_nothing_behind(self) -> None:
        async def test() -> None:
            async with serving(connections=2) as served:
                for _ in range(9):
                    client = await served.client()
                    await client.ask(LARGE)
                    client.begin(LARGE)
                    client.writer.close()
                server = served.server
                await until(lambda: not server._connections)
                left = (server._unread, server._unread_of, server._read, server._large_of)
                assert not any(left)

        run(test)


class TestLargeBodies:
    @pytest.mark.parametrize("path", ["/", ENDPOINT])
    def test_without_room_are_to_be_sent_again(self, path: str) -> None:
        async def test() -> None:
            async with serving(large_bytes=100_000) as served:
                first, second, small = [await served.client() for _ in range(3)]
                first.begin(LARGE, path=path)
                first.send(LARGE - 1)
                await until(lambda: bool(served.server._large_of))
                second.begin(LARGE, path=path)
                second.send(LARGE)
                status, headers, body = await second.answer()
                assert (status, int(headers.get("retry-after", 0)) > 0) == (503, True)
                assert "Zoom sends again" in body
                assert await small.ask(60_000, path=path) == 200
                first.send(1)
                assert (await first.answer())[2] == str(LARGE), "room is given to who came first"
                assert await second.ask(LARGE, path=path) == 200, (
                    "there is room again, and the same connection"
                )

        run(test)

    def test_of_a_client_occupy_a_part(self) -> None:
        async def test() -> None:
            async with serving(large_bytes_per_client=LARGE) as served:
                first, second = await served.client(), await served.client()
                other = await served.client("127.0.0.2")
                first.begin(LARGE)
                await until(lambda: bool(served.server._large_of))
                assert await second.ask(LARGE) == 503
                assert await other.ask(LARGE) == 200

        run(test)

    @pytest.mark.parametrize("path", ["/", ENDPOINT])
    def test_of_unknown_length_are_counted_as_they_come(self, path: str) -> None:
        async def test() -> None:
            async with serving(large_bytes=100_000) as served:
                for size, status in ((60_000, 200), (LARGE, 503), (60_000, 200)):
                    client = await served.client()
                    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    client.writer.write(head.encode())
                    for _ in range(size // 10_000):
                        client.writer.write(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
                    client.writer.write(b"0\r\n\r\n")
                    assert (await client.answer())[0] == status
                assert served.in_flight._count == 0

        run(test)

    def test_of_a_client_that_goes_free_their_room(self) -> None:
        async def test() -> None:
            async with serving(large_bytes=100_000) as served:
                gone = await served.client()
                gone.begin(LARGE)
                await until(lambda: bool(served.server._large_of))
                gone.writer.close()
                await until(lambda: not served.server._large_of)
                assert await (await served.client()).ask(LARGE) == 200

        run(test)


async def until(is_so: Callable[[], bool]) -> None:
    """Let the server go on until something is so."""
    while not is_so():  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0)
