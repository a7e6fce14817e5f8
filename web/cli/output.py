"""Print to the terminal. What is printed may be chosen by others: topics from Zoom, names and answers of sites."""

from __future__ import annotations

import click

from core.zoom.masking import printable


def echo(text: str = "", *, err: bool = False) -> None:
    """Print text, with characters that would command the terminal or reorder a line as JSON escapes them."""
    click.echo(printable(text), err=err)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 event`, `2 events`. `noun` is a singular whose plural ends in s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
