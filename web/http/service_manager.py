"""The protocols of a service manager such as systemd: sockets that it opened, readiness, the watchdog.

Without one, nothing is in the environment and every call does nothing.
https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
https://www.freedesktop.org/software/systemd/man/latest/sd_watchdog_enabled.html
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from core.errors import ZoomBridgeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

_FIRST_DESCRIPTOR = 3
_VARIABLES = (
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """What a service manager told this process: where to notify it, how often, and the sockets that it opened.

    `watchdog_seconds` is the time within which it must hear that the process is healthy; 0 where it does not ask.
    """

    notify_address: str = ""
    watchdog_seconds: float = 0.0
    descriptors: tuple[int, ...] = ()

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> ServiceManager:
        """Read the variables, and remove them: the processes that this one starts must not take them for theirs."""
        values = {name: environment.pop(name, "") for name in _VARIABLES}
        own = str(os.getpid())
        count = int(values["LISTEN_FDS"]) if values["LISTEN_FDS"].isdecimal() else 0
        is_listening = values["LISTEN_PID"] == own
        microseconds = int(values["WATCHDOG_USEC"]) if values["WATCHDOG_USEC"].isdecimal() else 0
        is_watched = values["WATCHDOG_PID"] in ("", own)
        return cls(
            notify_address=values["NOTIFY_SOCKET"],
            watchdog_seconds=microseconds / 1_000_000 if is_watched else 0.0,
            descriptors=tuple(range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + count)) if is_listening else (),
        )

    def sockets(self) -> list[socket.socket]:
        """Return the listening sockets. Raises: ZoomBridgeError where one is no listening TCP socket."""
        opened = []
        for descriptor in self.descriptors:
            os.set_inheritable(descriptor, False)
            try:
                one = socket.socket(fileno=descriptor)
                is_listening = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
            except OSError as error:
                raise ZoomBridgeError(
                    f"Descriptor {descriptor} of the service manager is no socket: {error}"
                ) from error
            opened.append(one)
            if one.family not in (socket.AF_INET, socket.AF_INET6) or not is_listening:
                for socket_ in opened:
                    socket_.close()
                raise ZoomBridgeError(
                    f"Descriptor {descriptor} of the service manager is no listening TCP socket. In its socket unit, "
                    "write ListenStream=127.0.0.1:8765, and leave Accept= away."
                )
            one.setblocking(False)
        return opened

    def ready(self, address: str) -> None:
        """Tell that requests are answered at an address."""
        self._notify("READY=1", f"STATUS=Serves on {address}")

    def stopping(self) -> None:
        """Tell that the process is about to end."""
        self._notify("STOPPING=1", "STATUS=Finishing open work")

    async def watch(self, is_healthy: Callable[[], Awaitable[bool]]) -> None:
        """Tell twice within the watchdog's time that the process is healthy, for as long as it is. Ends when cancelled.

        Nothing is told while `is_healthy` has not returned, nor while the loop that runs this does not turn: after the
        watchdog's time, the service manager ends the process and starts it anew.
        """
        if not self.watchdog_seconds:
            return
        while True:
            if await is_healthy():
                self._notify("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds / 2)

    def _notify(self, *lines: str) -> None:
        if not self.notify_address:
            return
        address = self.notify_address
        if address.startswith("@"):  # a name in the kernel's own space, not a file
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                one.setblocking(False)
                one.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            logger.warning("service_manager_not_notified", message=lines[0], reason=str(error))
