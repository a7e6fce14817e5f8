"""Messages over a pair of sockets: whole, in order, bounded."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from web.acceptor.channel import MAX_FRAME_BYTES, READY, REQUESTS, RESPONSES, Channel


class Ends:
    """A line, and the bare socket at its other end."""

    def __init__(self, max_frame_bytes: int) -> None:
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.channel = Channel(
            lambda *message: self.heard.put_nowait(message), self.ended.set, max_frame_bytes=max_frame_bytes
        )
        own, self.other = socket.socketpair()
        self.other.setblocking(False)
        self.own = own

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.other, data)


@asynccontextmanager
async def ends(max_frame_bytes: int = MAX_FRAME_BYTES) -> AsyncIterator[Ends]:
    made = Ends(max_frame_bytes)
    await asyncio.get_running_loop().create_unix_connection(lambda: made.channel, sock=made.own)
    try:
        yield made
    finally:
        made.channel.close()
        made.other.close()
        await asyncio.wait_for(made.ended.wait(), 600)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(test(), 600)

    asyncio.run(bounded())


def sent_by_a_channel(*messages: tuple[str, Any]) -> bytes:
    """The bytes of some messages."""

    async def record() -> bytes:
        async with ends() as one:
            for message in messages:
                assert one.channel.send(*message)
            one.channel.close()
            data = b""
            while piece := await asyncio.get_running_loop().sock_recv(one.other, 2**20):
                data += piece
            return data

    return asyncio.run(record())


MESSAGES: list[tuple[str, Any]] = [
    (REQUESTS, [(1, "POST", "/x", "HTTP/1.1", [("a", "é\x80")], b"\x00\xff", "::1", "http", 1.5)]),
    (RESPONSES, [(3, 200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"<p>"), (4, 204, [], b"")]),
    (READY, None),
]


class TestMessages:
    def test_come_as_they_went(self) -> None:
        data = sent_by_a_channel(*MESSAGES)

        async def test() -> None:
            async with ends() as one:
                await one.write(data)
                assert [await one.heard.get() for _ in MESSAGES] == MESSAGES

        run(test)

    @pytest.mark.parametrize("size", [1, 3, 7])
    def test_come_whole_however_they_are_cut(self, size: int) -> None:
        data = sent_by_a_channel(*MESSAGES)

        async def test() -> None:
            async with ends() as one:
                for start in range(0, len(data), size):
                    await one.write(data[start : start + size])
                    await asyncio.sleep(0)
                assert [await one.heard.get() for _ in MESSAGES] == MESSAGES

        run(test)

    def test_what_was_sent_before_the_end_is_heard(self) -> None:
        assert sent_by_a_channel((RESPONSES, b"x" * 3_000_000)).count(b"x" * 3_000_000) == 1


class TestBounds:
    def test_a_frame_that_is_too_long_is_not_sent_and_harms_nothing(self) -> None:
        async def test() -> None:
            async with ends(max_frame_bytes=100) as one:
                assert not one.channel.send(RESPONSES, b"x" * 100)
                assert one.channel.send(RESPONSES, b"x")

        run(test)

    def test_one_that_claims_to_be_ends_the_line(self) -> None:
        async def test() -> None:
            async with ends() as one:
                await one.write((2**31).to_bytes(4, "big"))
                await one.ended.wait()
                assert not one.channel.send(RESPONSES)
                assert one.heard.empty()

        run(test)

    def test_takes_no_more_while_the_other_end_stands_still(self) -> None:
        async def test() -> None:
            async with ends() as one:
                sent = 0
                while one.channel.send(RESPONSES, b"x" * 500_000):
                    sent += 1
                    assert sent < 100, "it is bounded"
                taking = asyncio.get_running_loop()
                while not one.channel.send(RESPONSES):
                    assert await taking.sock_recv(one.other, 2**20)

        run(test)


class TestEnd:
    def test_is_told_once(self) -> None:
        async def test() -> None:
            async with ends() as one:
                one.other.close()
                await one.ended.wait()
                assert not one.channel.send(RESPONSES)
                one.channel.close()

        run(test)
