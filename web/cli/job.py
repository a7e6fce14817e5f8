"""`zoombridge job`: long work, such as an import or a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from core.store.jobs import JobState
from web.cli.context import Place, place_options
from web.cli.progress import follow as follow_job
from web.cli.progress import read, tell

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def job() -> None:
    """Look after long work: imports, replays and the like."""


@job.command("list")
@place_options
def list_(data: Path, database_url: str | None) -> None:
    """List what is under way, and what has ended lately."""
    found = Place(data, database_url).ask("job-list")
    if not found:
        click.echo("There was no long work lately.")
    for told in found:
        tell(read(told))


@job.command()
@click.argument("number", type=click.IntRange(1))
@place_options
@click.pass_context
def follow(context: click.Context, number: int, data: Path, database_url: str | None) -> None:
    """Show how far job NUMBER is until it ends."""
    with Place(data, database_url).working() as ask:
        ended = follow_job(ask, read(ask("job-show", job=number)))
    context.exit(0 if ended.state is JobState.DONE else 1)


@job.command()
@click.argument("number", type=click.IntRange(1))
@place_options
def stop(number: int, data: Path, database_url: str | None) -> None:
    """Stop job NUMBER where it is. What was done stays done."""
    _change(Place(data, database_url), "job-stop", number)


@job.command("continue")
@click.argument("number", type=click.IntRange(1))
@place_options
def continue_(number: int, data: Path, database_url: str | None) -> None:
    """Go on with job NUMBER, which was stopped or has failed."""
    _change(Place(data, database_url), "job-continue", number)


def _change(place: Place, operation: str, number: int) -> None:
    told: dict[str, Any] = place.ask(operation, job=number)
    tell(read(told))
