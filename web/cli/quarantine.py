"""`zoombridge quarantine`: requests that were refused, and kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from web.cli.context import Place, place_options

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def quarantine() -> None:
    """Look at refused requests that look like Zoom's."""


@quarantine.command("list")
@place_options
def list_(data: Path, database_url: str | None) -> None:
    """List what is held, and why."""
    held = Place(data, database_url).ask("quarantine-list")
    if not held:
        click.echo("Nothing is held: no request that looks like Zoom's was refused.")
    for item in held:
        at = datetime.fromtimestamp(item["received_at"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        click.echo(f"{at}  {item['site']}  {item['reason']}")


@quarantine.command("recheck")
@place_options
def recheck(data: Path, database_url: str | None) -> None:
    """Check what is held against the secrets saved now; what verifies goes its normal way."""
    for item in Place(data, database_url).ask("quarantine-recheck"):
        click.echo(f"{item['site']}: {item['verified']} accepted, {item['kept']} still held")
