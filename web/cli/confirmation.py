"""Ask for a confirmation in the terminal, unless it was given by `--yes`."""

from __future__ import annotations

import sys

import click

from core.zoom.masking import printable
from web.cli.output import echo

yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless `yes`. Raises: click.Abort if the answer is no, or on Ctrl-C; click.ClickException as `ask` does."""
    if not yes and not ask(question):
        raise click.Abort


def ask(question: str) -> bool:
    """Ask a question that --yes answers, too.

    Raises: click.Abort on Ctrl-C; click.ClickException where standard input ends, and is no terminal: nobody was asked.
    """
    try:
        return click.confirm(printable(question))
    except click.Abort as error:
        if not isinstance(error.__context__, EOFError) or sys.stdin.isatty():
            raise
        echo()
        raise click.ClickException(
            "Nobody could be asked, as standard input is empty. To confirm, add --yes."
        ) from None
