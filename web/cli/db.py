"""`zoombridge db`: the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.store.db.migrate import upgrade as migrate
from web.cli.context import Place, place_options

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def db() -> None:
    """Look after the database."""


@db.command("upgrade")
@place_options
def upgrade(data: Path, database_url: str | None) -> None:
    """Make the tables that this version needs. `serve` does it by itself when it starts."""
    store = Place(data, database_url).open()
    try:
        before, after = migrate(store.engine)
    finally:
        store.close()
    click.echo(
        f"The database is at revision {after}."
        if before == after
        else f"Upgraded the database from {before or 'nothing'} to revision {after}."
    )
