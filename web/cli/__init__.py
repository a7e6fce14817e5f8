"""The command `zoombridge`."""

from __future__ import annotations

import gc
import io
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core import __version__
from core.errors import ZoomBridgeError
from web.cli.output import echo

if TYPE_CHECKING:
    from types import ModuleType

# The module and name of each command. Only the one that runs is loaded: most need few of the packages.
_COMMANDS = {
    "serve": "serve:serve",
    "site": "site:site",
    "rules": "rules:rules",
    "account": "account:account",
    "import": "account:import_",
    "reconcile": "account:reconcile",
    "user": "user:user",
    "doctor": "doctor:doctor",
    "service": "service:service",
    "events": "events:events",
    "job": "job:job",
    "quarantine": "quarantine:quarantine",
    "send": "send:send",
    "audit": "audit:audit",
    "alerts": "alerts:alerts",
    "plugin": "plugin:plugin",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "move": "backup:move",
    "db": "db:db",
    "config": "config:config",
    "completion": "completion:completion",
}


class _Commands(click.Group):
    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, command = _COMMANDS[name].partition(":")
        found: click.Command = getattr(_load(f"web.cli.{module}"), command)
        _prepare(found)
        return found


def _load(name: str) -> ModuleType:
    """Import the module of a command, and have the garbage collector ignore all that exists by then.

    Modules and classes are never garbage. To look through them takes a fifth of the time in which a command starts and
    ends: https://docs.python.org/3/library/gc.html#gc.freeze
    """
    if name in sys.modules:
        return sys.modules[name]
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def _prepare(command: click.Command) -> None:
    """Read its options from ZOOMBRIDGE_PORT, not ZOOMBRIDGE_SERVE_PORT."""
    command.context_settings["auto_envvar_prefix"] = "ZOOMBRIDGE"
    command.context_settings["show_default"] = True
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _prepare(inner)


@click.group(
    cls=_Commands,
    context_settings={
        "auto_envvar_prefix": "ZOOMBRIDGE",
        "help_option_names": ["-h", "--help"],
        "show_default": True,
    },
)
@click.version_option(__version__, prog_name="zoombridge")
def zoombridge() -> None:
    """Show the meetings of a Zoom account on WordPress sites, and keep them up to date.

    Start with `zoombridge serve`, then `zoombridge site add`. Every option can also be set as an environment
    variable: --port as ZOOMBRIDGE_PORT; those of `serve` also in /etc/zoombridge.toml, or the file of --config.

    Exit status: 0 on success; 1 if something failed, or a check found a fault; 2 for a usage error; 130 after
    Ctrl-C, or a no to a question.
    """


def main() -> None:
    """Run a command; end with the message of one of our own errors rather than a traceback."""
    if sys.stdin is None:  # it was closed: as good as empty
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - until the process ends
    try:
        # Without click's standalone mode, a command's status is returned instead of ending the process.
        sys.exit(zoombridge.main(prog_name="zoombridge", standalone_mode=False))
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        echo(shown.getvalue().rstrip("\n"), err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        echo("Stopped.", err=True)
        sys.exit(130)
    except (ZoomBridgeError, OSError) as error:
        echo(f"Error: {error}", err=True)
        sys.exit(1)
