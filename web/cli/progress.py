"""Long work in the terminal: asked for, followed with a bar, and left to go on by itself when Ctrl-C is pressed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
from babel.support import NullTranslations
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from core.store.jobs import Job, JobState
from web.ui.job_labels import counted, work

if TYPE_CHECKING:
    from collections.abc import Callable

    from web.cli.context import Place

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0  # for somebody to begin with it


def run(place: Place, operation: str, **arguments: Any) -> Job:
    """Ask for a job by an operation that returns it, and follow it to its end; return it as it is then.

    Where no bridge serves from here, this process does the work.
    """
    with place.working() as ask:
        return follow(ask, read(ask(operation, **arguments)))


def follow(ask: Callable[..., Any], job: Job) -> Job:
    """Show how far a job is until it ends; Ctrl-C lets it go on in the background."""
    title = work(job.kind).title
    # Where nobody looks at the terminal, as in a log, only what came of it is written.
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[message]}", markup=False),
    )
    began = time.monotonic()
    try:
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
            task = bar.add_task(title, total=None, message="")
            while not job.has_ended:
                waits = job.state is JobState.WAITING and time.monotonic() - began > _PATIENCE_SECONDS
                said = "waits for other work, or for a bridge that serves" if waits else job.message or ""
                bar.update(task, total=job.total, completed=job.done, message=said)
                time.sleep(_LOOK_SECONDS)
                job = read(ask("job-show", job=job.id))
    except KeyboardInterrupt:
        click.echo(
            f"\nThis goes on in the background, as long as a bridge serves. To follow it: zoombridge job follow "
            f"{job.id}. To stop it: zoombridge job stop {job.id}",
            err=True,
        )
        raise click.Abort from None
    tell(job)
    return job


def tell(job: Job) -> None:
    """Say how a job stands, and what came of it."""
    total = "" if job.total is None else f" of {job.total:,}"
    click.echo(f"{work(job.kind).title} {job.id}: {job.state}, {job.done:,}{total} done")
    for words, count in counted(job, NullTranslations()):
        click.echo(f"  {words}: {count:,}")
    if job.message:
        click.echo(f"  {job.message}")
    if job.state in (JobState.STOPPED, JobState.FAILED):
        click.echo(f"  To go on from there: zoombridge job continue {job.id}")


def read(told: dict[str, Any]) -> Job:
    """Read a job as the operations tell of it."""
    return Job(**{**told, "state": JobState(told["state"])})
