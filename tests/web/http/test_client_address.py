"""Whose address and scheme a request has: no client chooses them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tornado.testing import bind_unused_port
from tornado.web import Application

from tests.web.acceptor.conftest import Mirror
from tests.web.acceptor.in_process import accepted
from tests.web.conftest import Http
from web.http.client_address import client_network
from web.http.server import make_server
from web.webhooks.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tornado.ioloop import IOLoop

    from core.bridge import Bridge

HERE = ("127.0.0.1", "http")
FORGED = {
    "X-Real-Ip": "192.0.2.2",
    "X-Scheme": "https",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-Host": "evil.example",
    "X-Client-Ip": "192.0.2.3",
    "True-Client-Ip": "192.0.2.4",
    "Forwarded": "for=192.0.2.5;proto=https",
}


def seen(http: Http, headers: dict[str, str]) -> tuple[str, str]:
    document = json.loads(http("GET", "/mirror", None, headers).body)
    assert document["host"].startswith("127.0.0.1")
    return document["remote_ip"], document["protocol"]


@pytest.fixture(params=["alone", "with an acceptor"])
def served(
    request: pytest.FixtureRequest, io_loop: IOLoop, bridge: Bridge
) -> Iterator[Callable[[bool], Http]]:
    """Serve an application in one process, and by an acceptor."""
    with ExitStack() as stack:

        def serve(behind_proxy: bool) -> Http:
            app = Application([("/mirror", Mirror)], log_function=lambda _: None)
            if request.param == "with an acceptor":
                dispatcher = Dispatcher(bridge.ingest, answer_seconds=600.0)
                return stack.enter_context(accepted(io_loop, app, dispatcher, behind_proxy=behind_proxy))

            async def listen() -> int:
                server = make_server(app, behind_proxy=behind_proxy)
                stack.callback(server.stop)
                socket, port = bind_unused_port()
                server.add_socket(socket)
                return int(port)

            return Http(io_loop, io_loop.run_sync(listen))

        yield serve


@pytest.mark.parametrize("database_kind", ["sqlite"])
class TestClient:
    def test_of_a_connection_is_changed_by_no_header(self, served: Callable[[bool], Http]) -> None:
        forged = FORGED | {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
        assert seen(served(False), forged) == HERE

    def test_behind_a_proxy_is_what_the_proxy_added(self, served: Callable[[bool], Http]) -> None:
        http = served(True)
        for stated, address in [
            ("192.0.2.1", "192.0.2.1"),
            ("9.9.9.9, 192.0.2.1", "192.0.2.1"),
            ("192.0.2.9, 9.9.9.9,192.0.2.1", "192.0.2.1"),
            ("evil, 2001:DB8::1", "2001:db8::1"),
        ]:
            assert seen(http, FORGED | {"X-Forwarded-For": stated}) == (address, "http")
        for stated, scheme in [("https", "https"), ("http, HTTPS", "https"), ("https, http", "http")]:
            assert seen(http, FORGED | {"X-Forwarded-Proto": stated}) == ("127.0.0.1", scheme)

    def test_that_the_proxy_does_not_state_is_the_proxy(self, served: Callable[[bool], Http]) -> None:
        http = served(True)
        assert seen(http, FORGED) == HERE
        for stated in (
            "",
            "unknown",
            "192.0.2.1,",
            "192.0.2.1, unknown",
            "192.0.2.1:80",
            "192.0.2.1 192.0.2.2",
        ):
            assert seen(http, {"X-Forwarded-For": stated, "X-Forwarded-Proto": "gopher"}) == HERE

    def test_of_the_last_header_counts_if_there_are_several(self, served: Callable[[bool], Http]) -> None:
        """A proxy may add a header of its own instead of appending to the client's."""
        answer = served(True).raw(
            b"GET /mirror HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            b"X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
            b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n\r\n"
        )
        assert b'"remote_ip": "192.0.2.1", "protocol": "http"' in answer

    def test_is_another_with_the_next_request_on_a_connection(self, served: Callable[[bool], Http]) -> None:
        first = b"GET /mirror HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n"
        second = b"GET /mirror HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        one, other = served(True).raw(first, second).split(b"HTTP/1.1 200")[1:]
        assert b'"remote_ip": "192.0.2.1", "protocol": "https"' in one
        assert b'"remote_ip": "127.0.0.1", "protocol": "http"' in other


class TestNetwork:
    @pytest.mark.parametrize(
        ("address", "network"),
        [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("", ""),
            ("x" * 1000, "x" * 200),
        ],
    )
    def test_stands_for_one_client(self, address: str, network: str) -> None:
        assert client_network(address) == network
