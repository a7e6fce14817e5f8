"""The command `zoombridge`."""

from __future__ import annotations

import sys

import click

from core import __version__
from core.errors import ZoomBridgeError
from web.cli.account import account, import_, reconcile
from web.cli.db import db
from web.cli.doctor import doctor
from web.cli.events import events
from web.cli.job import job
from web.cli.plugin import plugin
from web.cli.quarantine import quarantine
from web.cli.send import send
from web.cli.serve import serve
from web.cli.site import site
from web.cli.user import user


@click.group(
    context_settings={
        "auto_envvar_prefix": "ZOOMBRIDGE",
        "help_option_names": ["-h", "--help"],
        "show_default": True,
    }
)
@click.version_option(__version__, prog_name="zoombridge")
def zoombridge() -> None:
    """Make what happens in a Zoom account appear on WordPress by itself.

    Start with `zoombridge serve`, then `zoombridge site add`. Every option can also be given in the
    environment, as ZOOMBRIDGE_… .
    """


def _add(group: click.Group, command: click.Command) -> None:
    """Add a command, whose options are then read from ZOOMBRIDGE_PORT and not ZOOMBRIDGE_SERVE_PORT."""
    group.add_command(command)
    command.context_settings["auto_envvar_prefix"] = "ZOOMBRIDGE"
    command.context_settings["show_default"] = True
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _add(command, inner)


for command in (
    serve,
    site,
    account,
    import_,
    reconcile,
    user,
    doctor,
    events,
    job,
    quarantine,
    send,
    plugin,
    db,
):
    _add(zoombridge, command)


def main() -> None:
    """Run a command, and end with a message rather than a traceback where one of our own errors says why."""
    try:
        # Without click's own ending, a command's status is handed back instead of ending the process.
        sys.exit(zoombridge.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except (ZoomBridgeError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
