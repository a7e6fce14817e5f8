"""Read a secret. It is never an option: `ps` shows those to every local user, and shells keep them."""

from __future__ import annotations

import os
import sys

import click

SECRET_TOKEN = "ZOOMBRIDGE_SECRET_TOKEN"  # noqa: S105 - the name of a variable
BACKUP_PASSPHRASE = "ZOOMBRIDGE_BACKUP_PASSPHRASE"  # noqa: S105
ALERT_SECRET = "ZOOMBRIDGE_ALERT_SECRET"  # noqa: S105
CLIENT_SECRET = "ZOOMBRIDGE_CLIENT_SECRET"  # noqa: S105
VARIABLES = (SECRET_TOKEN, BACKUP_PASSPHRASE, ALERT_SECRET, CLIENT_SECRET)
"""All of them."""


def read_secret_token(prompt: str) -> str:
    """Return Zoom's secret token, from the environment, a prompt in a terminal, or a line of standard input.

    Raises: click.UsageError without one.
    """
    return read_secret(SECRET_TOKEN, prompt, "secret token")


def read_new_passphrase() -> str:
    """Return a passphrase, which is typed twice in a terminal. Raises: click.UsageError without one."""
    if not os.environ.get(BACKUP_PASSPHRASE) and sys.stdin.isatty():
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=True))
    return read_secret(BACKUP_PASSPHRASE, "Passphrase", "passphrase")


def read_secret(variable: str, prompt: str, name: str) -> str:
    """Return a secret from the variable of the environment, a prompt in a terminal, or a line of standard input.

    Raises: click.UsageError without one.
    """
    given = os.environ.get(variable, "")
    if not given and sys.stdin.isatty():
        given = str(click.prompt(prompt, hide_input=True))
    given = (given or sys.stdin.readline()).strip()
    if not given:
        raise click.UsageError(f"Set {variable}, or pipe the {name} in: … < {name.replace(' ', '-')}.txt")
    return given
