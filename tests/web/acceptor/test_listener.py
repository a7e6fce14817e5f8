"""The address: taken, given free by who is about to go, or somebody else's."""

import asyncio
import gc
import socket
from collections.abc import Iterator

import pytest

from core.errors import ZoomBridgeError
from web.acceptor.listener import HttpListener

# Tornado leaves a socket that could not be bound to the garbage.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def _left_over() -> Iterator[None]:
    yield
    gc.collect()


def bind(listener: HttpListener) -> list[socket.socket]:
    return asyncio.run(listener.bind())


class TestBind:
    def test_any_free_port(self) -> None:
        (one,) = bind(HttpListener("127.0.0.1", 0))
        with one:
            assert one.getsockname()[1] > 0

    def test_waits_for_who_is_about_to_go(self) -> None:
        other = socket.create_server(("127.0.0.1", 0))
        port = other.getsockname()[1]

        async def test() -> list[socket.socket]:
            asyncio.get_running_loop().call_later(0.2, other.close)
            return await HttpListener("127.0.0.1", port).bind()

        for one in asyncio.run(test()):
            with one:
                assert one.getsockname()[1] == port

    def test_says_who_it_may_be_where_nobody_goes(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(ZoomBridgeError, match=f"127.0.0.1:{port} .*already running"):
                bind(HttpListener("127.0.0.1", port, bind_seconds=0.1))

    def test_does_not_wait_for_an_address_that_is_not_this_machines(self) -> None:
        with pytest.raises(ZoomBridgeError, match=r"192\.0\.2\.1"):
            bind(HttpListener("192.0.2.1", 8765, retry_seconds=1000))
