"""Read a secret. It is never an option: `ps` shows those to every local user, and shells keep them."""

from __future__ import annotations

import os
import sys

import click

SECRET_TOKEN = "ZOOMBRIDGE_SECRET_TOKEN"  # noqa: S105 - the name of a variable


def read_secret_token(prompt: str) -> str:
    """Return Zoom's secret token, from the environment, a prompt in a terminal, or a line of standard input.

    Raises: click.UsageError without one.
    """
    given = os.environ.get(SECRET_TOKEN, "")
    if not given and sys.stdin.isatty():
        given = str(click.prompt(prompt, hide_input=True))
    given = (given or sys.stdin.readline()).strip()
    if not given:
        raise click.UsageError(f"Set {SECRET_TOKEN}, or pipe the secret token in: … < secret-token.txt")
    return given
