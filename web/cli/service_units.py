"""The systemd units under which `serve` runs: a service, and the socket that keeps its address open. Pure.

https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import PurePath

SERVICE = "zoombridge.service"
SOCKET = "zoombridge.socket"
ENVIRONMENT_FILE = "/etc/zoombridge.env"
STATE_FOLDER = "/var/lib/zoombridge"

# The kernel's system calls for ordinary services, without those that need privileges or change resources of others.
_ANY_MANAGER = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
"""

_SYSTEM_ONLY = """\
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
KeyringMode=private
"""

_SERVICE = """\
[Unit]
Description=Zoom WordPress Bridge
Requires=zoombridge.socket
After=zoombridge.socket{after}
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command} serve
{settings}Restart=always
RestartSec=5
# The first start of a new version migrates the database before it is ready.
TimeoutStartSec=1h
TimeoutStopSec=1min
# The bridge says that it is healthy; where it hangs, it is ended and started again.
WatchdogSec=2min
# Only the main process reacts; it ends the others in order.
KillMode=mixed
LimitNOFILE=65536

{hardening}
[Install]
WantedBy={target}
Also=zoombridge.socket
"""

_SOCKET = """\
[Unit]
Description=Address of the Zoom WordPress Bridge

[Socket]
# While the service restarts, connections wait here.
ListenStream={listen}
Backlog=1024

[Install]
WantedBy=sockets.target
"""


@dataclass(frozen=True, slots=True)
class UnitOptions:
    """What the units are made for: the service manager of the system, or that of one user where `user` is empty.

    `command` is the path of `zoombridge`, `listen` an address and a port. Raises: ValueError where the path would
    need to be quoted.
    """

    command: PurePath
    user: str = ""
    listen: str = "127.0.0.1:8765"

    def __post_init__(self) -> None:
        if not self.command.is_absolute() or set(str(self.command)) & set(" \t\n\"'\\%$;"):
            raise ValueError(
                f"systemd cannot start {self.command}: install it at a path of plain characters."
            )


def units(options: UnitOptions) -> dict[str, str]:
    """Return the text of each unit by its name."""
    return {SERVICE: _service(options), SOCKET: _SOCKET.format(listen=options.listen)}


def _service(options: UnitOptions) -> str:
    if not options.user:
        return _SERVICE.format(
            command=options.command, after="", settings="", hardening=_ANY_MANAGER, target="default.target"
        )
    is_in_home = options.command.parts[1:2] == ("home",)
    system_only = _SYSTEM_ONLY.format(protect_home="read-only" if is_in_home else "yes")
    return _SERVICE.format(
        command=options.command,
        after=" network-online.target postgresql.service\nWants=network-online.target",
        settings=f"User={options.user}\n"
        f"EnvironmentFile=-{ENVIRONMENT_FILE}\n"
        f"Environment=ZOOMBRIDGE_DATA={STATE_FOLDER}\n"
        "StateDirectory=zoombridge\nStateDirectoryMode=0700\n",
        hardening=system_only + _ANY_MANAGER,
        target="multi-user.target",
    )
