"""The bridge's side of its acceptors: start them, answer them, start them again when they die, and end them."""

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
_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 10.0
_WELL_SECONDS = 60.0  # one that lived so long starts again without a pause

logger = structlog.get_logger(__name__)


class AcceptorSupervisor:
    """So many processes that accept from the same sockets."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        app: Application,
        answering: Dispatcher,
        *,
        behind_proxy: bool = False,
        log_level: str = "info",
    ) -> None:
        """Take what they accept from, and who answers."""
        self._sockets = sockets
        self._app = app
        self._answering = answering
        self._options = ["--log-level", log_level, *(["--behind-proxy"] if behind_proxy else [])]
        self._running: set[_Acceptor] = set()
        self._keeping: list[asyncio.Task[None]] = []

    async def start(self, count: int) -> None:
        """Start so many, and wait until they accept. Raises `ZoomBridgeError` where they cannot."""
        acceptors = [await self._started() for _ in range(count)]
        if not all(await asyncio.gather(*(acceptor.is_ready() for acceptor in acceptors))):
            await self.stop()
            raise ZoomBridgeError(
                "The process that takes requests (python -m web.acceptor) could not start; what it said stands "
                "above. With --acceptors 0 the bridge does without."
            )
        self._keeping = [asyncio.create_task(self._keep(acceptor)) for acceptor in acceptors]

    async def stop(self) -> None:
        """Let them answer what they have begun, and end."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        for one in self._sockets:
            one.close()
        await asyncio.gather(*(acceptor.stop() for acceptor in list(self._running)))
        self._running.clear()

    async def _keep(self, acceptor: _Acceptor) -> None:
        """Put another in the place of one that has died, again and again."""
        loop = asyncio.get_running_loop()
        pause = _SHORTEST_PAUSE_SECONDS
        while True:
            began = loop.time()
            status = await acceptor.ended()
            self._running.discard(acceptor)
            if loop.time() - began > _WELL_SECONDS:
                pause = _SHORTEST_PAUSE_SECONDS
            logger.warning("acceptor_died", pid=acceptor.pid, status=status, another_in_seconds=pause)
            acceptor = await self._another(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _another(self, pause: float) -> _Acceptor:
        """Start one after a pause, and again where the machine has no room for another process."""
        while True:
            await asyncio.sleep(pause)
            try:
                return await self._started()
            except OSError as error:
                pause = _LONGEST_PAUSE_SECONDS
                logger.warning("acceptor_not_started", reason=str(error), again_in_seconds=pause)

    async def _started(self) -> _Acceptor:
        acceptor = _Acceptor(ChannelServer(self._app, self._answering))
        await acceptor.start(self._sockets, self._options)
        self._running.add(acceptor)
        return acceptor


class _Acceptor:
    """One process, and the line to it."""

    def __init__(self, serving: ChannelServer) -> None:
        self._serving = serving

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    async def start(self, sockets: Sequence[socket.socket], options: Sequence[str]) -> None:
        """Start it."""
        ours, theirs = socket.socketpair()
        numbers = [one.fileno() for one in sockets]
        listening = [part for number in numbers for part in ("--listen", str(number))]
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # what lies in the folder where the bridge was started must not be taken for ours
                "-m",
                "web.acceptor",
                "--line",
                str(theirs.fileno()),
                *listening,
                *options,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *numbers],
                process_group=0,  # out of the way of a terminal's Ctrl-C while it starts
                env=_environment(),
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        await self._serving.begin(ours)

    async def is_ready(self) -> bool:
        """Wait until it accepts; tell whether it does."""
        try:
            return await asyncio.wait_for(self._serving.ready, _START_SECONDS)
        except TimeoutError:
            return False

    async def ended(self) -> int:
        """Wait for its end; return its status."""
        status = await self._process.wait()
        self._serving.close()
        return status

    async def stop(self) -> None:
        """Let it answer what it has begun; kill one that takes too long."""
        self._serving.stop()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._serving.close()


def _environment() -> dict[str, str]:
    """Return what the process must know: where our packages are, and nothing that opens the database."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ZOOMBRIDGE_")}
    return own | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
