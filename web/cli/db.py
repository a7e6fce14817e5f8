"""`zoombridge db`: the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.store.db.migrate import upgrade as migrate
from web.cli.instance import instance_options
from web.cli.output import echo
from web.http.logs import log_to_stderr

if TYPE_CHECKING:
    from web.cli.instance import Instance


@click.group()
def db() -> None:
    """Manage the database."""


@db.command("upgrade")
@instance_options
def upgrade(instance: Instance) -> None:
    """Run database migrations. `serve` runs them, too, when it starts."""
    log_to_stderr("warning")
    store = instance.open_store()
    try:
        before, after = migrate(store.engine, store.sealer)
    finally:
        store.close()
    echo(
        f"The database is at revision {after}."
        if before == after
        else f"Upgraded the database from {before or 'nothing'} to revision {after}."
    )
