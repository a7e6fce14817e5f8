"""The user of the machine who runs a command, for the audit log."""

from __future__ import annotations

import os
import pwd
import socket

from core.store.audit import Actor, ActorKind

USER_HEADER = "x-zoombridge-user"


def system_user() -> str:
    """Return the name of the user of this process, and who became it with sudo, as sudo says."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may have no entry for it
        name = str(os.getuid())
    caller = os.environ.get("SUDO_USER", "")
    return f"{name} (sudo by {caller})" if caller and caller != name else name


def command_actor(name: str) -> Actor:
    """Return a user of this machine as who acts; the address is the name of the machine."""
    return Actor(ActorKind.COMMAND, name, socket.gethostname())
