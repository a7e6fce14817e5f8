"""Print to the terminal. What is printed may be chosen by others: topics from Zoom, names and answers of sites."""

from __future__ import annotations

import click

from core.zoom.masking import printable


def echo(text: str = "", *, err: bool = False) -> None:
    """Print text, with characters that would command the terminal or reorder a line as JSON escapes them."""
    click.echo(printable(text), err=err)
