"""The application, asked through an acceptor in the same process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

from core.bridge import Bridge
from tests.web.acceptor.in_process import accepted
from tests.web.conftest import Http
from web.http.batcher import PAGE_LIMITS, Limits
from web.webhooks.dispatcher import Dispatcher

Told = dict[str, Any]


class Mirror(RequestHandler):
    """Tells what came, as an application sees it."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")

    def answer(self) -> None:
        self.add_header("Set-Cookie", "a=1; Path=/")
        self.add_header("Set-Cookie", "b=2; Path=/")
        self.set_status(int(self.get_query_argument("status", "200")))
        self.write(
            {
                "method": self.request.method,
                "uri": self.request.uri,
                "body": self.request.body.decode("latin-1"),
                "remote_ip": self.request.remote_ip,
                "protocol": self.request.protocol,
                "host": self.request.host,
                "arguments": {name: self.get_arguments(name) for name in self.request.arguments},
                "headers": list(self.request.headers.get_all()),
            }
        )

    get = head = post = put = delete = options = answer


class Long(RequestHandler):
    """Answers with so many bytes, in pieces."""

    async def get(self) -> None:
        for _ in range(int(self.get_query_argument("pieces"))):
            self.write(b"x" * 1_000_000)
            await self.flush()


class Mistaken(RequestHandler):
    """Writes an answer that no connection takes."""

    def get(self) -> None:
        self.write(b"secret of a traceback")
        raise RuntimeError("secret of a traceback")


Through = Callable[..., Http]


@pytest.fixture
def through(io_loop: IOLoop, bridge: Bridge) -> Iterator[Through]:
    """Ask an application of a few handlers, through an acceptor."""
    with ExitStack() as stack:

        def ask(
            app: Application | None = None, *, behind_proxy: bool = False, page_limits: Limits = PAGE_LIMITS
        ) -> Http:
            asked = app or Application(
                [("/mirror.*", Mirror), ("/long", Long), ("/mistaken", Mistaken)],
                cross_origin_protection=True,
                log_function=lambda _: None,
            )
            return stack.enter_context(
                accepted(
                    io_loop,
                    asked,
                    Dispatcher(bridge.ingest, answer_seconds=600.0),
                    behind_proxy=behind_proxy,
                    page_limits=page_limits,
                )
            )

        yield ask
