"""Both ends of a channel in one process: an acceptor's HTTP, and a bridge's answers."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tornado.testing import bind_unused_port

from tests.web.conftest import PATIENT, Http
from web.acceptor.channel_server import ChannelServer
from web.acceptor.worker import AcceptorWorker
from web.http.batcher import LARGE_EVENT_LIMITS, PAGE_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tornado.ioloop import IOLoop
    from tornado.web import Application

    from web.http.batcher import Limits
    from web.webhooks.dispatcher import Dispatcher


@contextmanager
def accepted(
    loop: IOLoop,
    app: Application,
    dispatcher: Dispatcher,
    *,
    behind_proxy: bool = False,
    large_event_limits: Limits = LARGE_EVENT_LIMITS,
    page_limits: Limits = PAGE_LIMITS,
) -> Iterator[Http]:
    """Ask through an acceptor; what ends it in order is what ends it in earnest."""

    async def begin() -> tuple[ChannelServer, asyncio.Future[None], asyncio.Event, int]:
        ours, theirs = socket.socketpair()
        listening, port = bind_unused_port()
        ended = asyncio.Event()
        serving = ChannelServer(app, dispatcher)
        await serving.open(ours)
        running = asyncio.ensure_future(
            AcceptorWorker(
                ended.set,
                event_limits=PATIENT,
                large_event_limits=large_event_limits,
                page_limits=page_limits,
            ).run(theirs, [listening], behind_proxy=behind_proxy)
        )
        assert await serving.ready
        return serving, running, ended, port

    async def end() -> None:
        serving.stop()
        await running
        await ended.wait()
        await serving.closed.wait()
        await dispatcher.drain()

    serving, running, ended, port = loop.run_sync(begin)
    try:
        yield Http(loop, port)
    finally:
        loop.run_sync(end, timeout=600)
