"""Requests to all addresses but Zoom's endpoints, through an acceptor: as if there were none."""

import asyncio
import json
import socket
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse
from tornado.ioloop import IOLoop
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from tests.web.acceptor.conftest import Through
from tests.web.conftest import Http
from web.acceptor.channel import Channel
from web.acceptor.worker import AcceptorWorker
from web.http.batcher import PAGE_LIMITS


def document_of(answer: HTTPResponse) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer.body)
    return document


class TestRequests:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
    def test_arrive_whole(self, through: Through, method: str) -> None:
        body = None if method in ("GET", "OPTIONS") else b"a=1&a=2"
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Some": "thing", "Cookie": "c=d"}
        answer = through()(method, "/mirror?q=%C3%A9&q=x", body, headers)
        assert answer.code == 200
        seen = document_of(answer)
        assert (seen["method"], seen["uri"]) == (method, "/mirror?q=%C3%A9&q=x")
        assert seen["body"] == (body or b"").decode()
        assert seen["arguments"]["q"] == ["é", "x"]
        assert seen["arguments"].get("a") == (["1", "2"] if body else None)
        assert {"X-Some", "Cookie"} <= {name for name, _ in seen["headers"]}

    def test_in_pieces_arrive_whole(self, through: Through) -> None:
        answer = through().raw(
            b"POST /mirror HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
            b"5\r\nhello\r\n",
            b"6\r\n world\r\n0\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 200")
        assert b'"body": "hello world"' in answer

    def test_of_one_connection_are_answered_in_turn(self, through: Through) -> None:
        get = b"GET /mirror?n=%d HTTP/1.1\r\nHost: x\r\n%s\r\n"
        answer = through().raw(get % (1, b""), get % (2, b""), get % (3, b"Connection: close\r\n"))
        assert answer.count(b"HTTP/1.1 200") == 3
        at = [answer.index(b'"uri": "/mirror?n=%d"' % number) for number in (1, 2, 3)]
        assert at == sorted(at)

    def test_of_an_old_client(self, through: Through) -> None:
        answer = through().raw(b"GET /mirror HTTP/1.0\r\n\r\n")
        assert b" 200 " in answer.split(b"\r\n")[0]
        assert b'"uri": "/mirror"' in answer

    def test_that_are_too_large_are_refused(self, through: Through) -> None:
        answer = through().raw(
            b"POST /mirror HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", b"x" * 1000
        )
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"uri" not in answer

    def test_from_another_origin_are_refused_by_the_application(self, through: Through) -> None:
        answer = through()("POST", "/mirror", b"", {"Origin": "https://evil.example"})
        assert answer.code == 403

    @pytest.mark.parametrize("host", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a b\r\n"])
    def test_for_no_host_are_refused(self, through: Through, host: bytes) -> None:
        answer = through().raw(b"GET /mirror HTTP/1.1\r\nConnection: close\r\n%s\r\n" % host)
        assert answer.startswith(b"HTTP/1.1 400")


class TestAnswers:
    def test_come_with_every_header(self, through: Through) -> None:
        answer = through()("GET", "/mirror")
        assert answer.headers.get_list("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
        assert answer.headers["Content-Length"] == str(len(answer.body))
        assert len(answer.headers.get_list("Server")) == len(answer.headers.get_list("Date")) == 1

    def test_to_head_have_the_length_and_no_body(self, through: Through) -> None:
        http = through()
        answer = http.raw(b"HEAD /mirror HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"Content-Length: " in head
        assert body == b""

    def test_of_what_has_not_changed(self, through: Through) -> None:
        http = through()
        etag = http("GET", "/mirror", None, {"If-None-Match": '"x"'}).headers["Etag"]
        again = http("GET", "/mirror", None, {"If-None-Match": etag})
        # What it mirrors has changed by then: its own header is among it.
        assert again.code == 200
        assert http("GET", "/mirror", None, {"If-None-Match": "*"}).code == 304

    def test_are_not_followed(self, through: Through) -> None:
        assert through()("GET", "/mirror?status=302").code == 302

    def test_in_pieces_arrive_whole(self, through: Through) -> None:
        answer = through()("GET", "/long?pieces=3")
        assert (answer.code, len(answer.body)) == (200, 3_000_000)

    def test_that_are_too_long_become_an_error(self, through: Through) -> None:
        http = through()
        answer = http("GET", "/long?pieces=17")
        assert answer.code == 500
        assert document_of(answer)["code"] == "zoombridge_error"
        assert http("GET", "/mirror").code == 200, "the channel goes on"

    def test_of_a_mistake_show_nothing_of_it(self, through: Through) -> None:
        answer = through()("GET", "/mistaken")
        assert answer.code == 500
        assert b"secret" not in answer.body


class Never(RequestHandler):
    """Does not answer before it may."""

    go: asyncio.Event
    arrived: asyncio.Queue[None]

    async def get(self) -> None:
        self.arrived.put_nowait(None)
        await self.go.wait()


class TestFaults:
    def test_a_bridge_that_hangs(self, io_loop: IOLoop) -> None:
        listening, port = bind_unused_port()
        heard: list[str] = []

        async def begin() -> tuple[Channel, list[asyncio.Event], asyncio.Task[None]]:
            ours, theirs = socket.socketpair()
            ended = [asyncio.Event(), asyncio.Event()]
            line = Channel(lambda kind, _: heard.append(kind), ended[0].set)
            await asyncio.get_running_loop().create_unix_connection(lambda: line, sock=ours)
            running = asyncio.create_task(
                AcceptorWorker(ended[1].set, page_limits=replace(PAGE_LIMITS, seconds=0.05)).run(
                    theirs, [listening]
                )
            )
            return line, ended, running

        async def end() -> None:
            line.send("stop")
            await running
            for one in ended:
                await one.wait()

        line, ended, running = io_loop.run_sync(begin)
        answer = Http(io_loop, port)("GET", "/webhooks")
        io_loop.run_sync(end)
        assert heard == ["ready", "requests"]
        assert answer.code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "does not answer" in document_of(answer)["message"]

    def test_too_many_at_once(self, through: Through, io_loop: IOLoop) -> None:
        Never.go, Never.arrived = asyncio.Event(), asyncio.Queue()
        http = through(
            Application([("/never", Never)], log_function=lambda _: None),
            page_limits=replace(PAGE_LIMITS, seconds=30.0, max_requests=2),
        )
        request = b"GET /never HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

        async def ask() -> list[bytes]:
            lines = [await asyncio.open_connection("127.0.0.1", http.port) for _ in range(3)]
            for _, writer in lines[:2]:
                writer.write(request)
            for _ in range(2):
                await Never.arrived.get()
            lines[2][1].write(request)
            refused = await lines[2][0].read()
            Never.go.set()
            answers = [refused, *[await reader.read() for reader, _ in lines[:2]]]
            for _, writer in lines:
                writer.close()
                await writer.wait_closed()
            return answers

        refused, *answered = io_loop.run_sync(ask, timeout=600)
        assert refused.startswith(b"HTTP/1.1 503")
        assert b"Too many" in refused
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in answered)

    def test_who_asked_goes_before_the_answer(self, through: Through, io_loop: IOLoop) -> None:
        """Its place is free again, and the end waits for nothing."""
        Never.go, Never.arrived = asyncio.Event(), asyncio.Queue()
        http = through(Application([("/never", Never)], log_function=lambda _: None))

        async def ask_and_go() -> None:
            with closing(socket.create_connection(("127.0.0.1", http.port))) as line:
                line.sendall(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
                await Never.arrived.get()
            Never.go.set()

        io_loop.run_sync(ask_and_go, timeout=600)
