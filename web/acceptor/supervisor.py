"""Start acceptors, answer their requests, replace those that die, and stop them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from core.errors import ZoomBridgeError
from web.acceptor.channel_server import ChannelServer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tornado.web import Application

    from web.webhooks.dispatcher import Dispatcher

_START_SECONDS = 30.0
_STOP_SECONDS = 12.0
_MIN_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.1, 10.0
_STABLE_SECONDS = 60.0  # an acceptor that ran so long is replaced after the shortest pause

logger = structlog.get_logger(__name__)


class AcceptorSupervisor:
    """Runs acceptor processes that accept from the same sockets."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        app: Application,
        dispatcher: Dispatcher,
        *,
        behind_proxy: bool = False,
        log_options: Sequence[str] = (),
    ) -> None:
        self._sockets = sockets
        self._app = app
        self._dispatcher = dispatcher
        self._options = [*log_options, *(["--behind-proxy"] if behind_proxy else [])]
        self._running: set[_Acceptor] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, count: int) -> None:
        """Start `count` acceptors, and wait until they accept. Raises: ZoomBridgeError where they cannot."""
        acceptors = [await self._start_one() for _ in range(count)]
        if not all(await asyncio.gather(*(acceptor.is_ready() for acceptor in acceptors))):
            await self.stop()
            raise ZoomBridgeError(
                "The process that accepts requests (python -m web.acceptor) could not start; its error is printed "
                "above. With --acceptors 0 the bridge runs without it."
            )
        self._tasks = [asyncio.create_task(self._supervise(acceptor)) for acceptor in acceptors]

    async def stop(self) -> None:
        """Let the acceptors answer the requests they have begun, and end them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listening in self._sockets:
            listening.close()
        await asyncio.gather(*(acceptor.stop() for acceptor in list(self._running)))
        self._running.clear()

    async def _supervise(self, acceptor: _Acceptor) -> None:
        """Replace an acceptor that dies, and each of its successors."""
        loop = asyncio.get_running_loop()
        pause = _MIN_PAUSE_SECONDS
        while True:
            started_at = loop.time()
            status = await acceptor.wait()
            self._running.discard(acceptor)
            if loop.time() - started_at > _STABLE_SECONDS:
                pause = _MIN_PAUSE_SECONDS
            logger.warning("acceptor_died", pid=acceptor.pid, status=status, restart_seconds=pause)
            acceptor = await self._restart(pause)
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    async def _restart(self, pause: float) -> _Acceptor:
        """Start an acceptor after a pause, and again while the machine has no room for another process."""
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._start_one()
            except OSError as error:
                pause = _MAX_PAUSE_SECONDS
                logger.warning("acceptor_not_started", reason=str(error), retry_seconds=pause)

    async def _start_one(self) -> _Acceptor:
        acceptor = _Acceptor(ChannelServer(self._app, self._dispatcher))
        await acceptor.start(self._sockets, self._options)
        self._running.add(acceptor)
        return acceptor


class _Acceptor:
    """One process, and the bridge's end of the channel to it."""

    def __init__(self, server: ChannelServer) -> None:
        self._server = server

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self, sockets: Sequence[socket.socket], options: Sequence[str]) -> None:
        """Start the process. Raises: OSError."""
        ours, theirs = socket.socketpair()
        descriptors = [listening.fileno() for listening in sockets]
        listen_options = [part for descriptor in descriptors for part in ("--listen", str(descriptor))]
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # modules in the folder where the bridge was started must not be taken for ours
                "-m",
                "web.acceptor",
                "--channel",
                str(theirs.fileno()),
                *listen_options,
                *options,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *descriptors],
                process_group=0,  # not reached by a terminal's Ctrl-C while it starts
                env=_environment(),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        await self._server.open(ours)

    async def is_ready(self) -> bool:
        """Wait until the process accepts connections; False where it does not in time."""
        try:
            return await asyncio.wait_for(self._server.ready, _START_SECONDS)
        except TimeoutError:
            return False

    async def wait(self) -> int:
        """Wait for the end of the process; return its exit status."""
        status = await self._process.wait()
        self._server.close()
        return status

    async def stop(self) -> None:
        """Let the process answer the requests it has begun; kill it where that takes too long."""
        self._server.stop()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._server.close()


def _environment() -> dict[str, str]:
    """Return the environment of an acceptor: where our packages are, and nothing that opens the database."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ZOOMBRIDGE_")}
    return inherited | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
