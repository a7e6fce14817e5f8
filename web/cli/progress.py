"""Show a background job in the terminal: a progress bar until it ends. Ctrl-C leaves it running in the background."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

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

from core.store.jobs import JobState
from core.zoom.masking import printable
from web.cli.output import echo
from web.rpc import api
from web.ui.job_labels import label_counts, labels_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from web.cli.instance import Caller, Instance
    from web.rpc.api import JobStatus, Operation, RequestT

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0  # until a job that has not begun is said to be waiting


def run_job(
    instance: Instance,
    operation: Operation[RequestT, JobStatus],
    request: RequestT,
    *,
    show: Callable[[JobStatus], None] | None = None,
) -> JobStatus:
    """Enqueue a job by an operation that returns it, and follow it to its end. Raises: click.Abort on Ctrl-C.

    Without a running server, this process does the work.
    """
    with instance.working() as caller:
        return follow(caller, caller.call(operation, request), show=show)


def follow(
    caller: Caller,
    job: JobStatus,
    *,
    show: Callable[[JobStatus], None] | None = None,
    poll_seconds: float = _POLL_SECONDS,
) -> JobStatus:
    """Show the progress of a job until it ends; print it with `show` and return it. Raises: click.Abort on Ctrl-C."""
    title = labels_for(job.kind).title
    # Where the output is no terminal, as in a log, only the result is written.
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
                is_late = job.state is JobState.QUEUED and time.monotonic() - began > _PATIENCE_SECONDS
                message = "waiting for other jobs, or for a server" if is_late else job.message or ""
                bar.update(task, total=job.total, completed=job.done, message=printable(message))
                time.sleep(poll_seconds)
                job = caller.call(api.JOB_SHOW, api.JobRequest(job=job.id))
    except KeyboardInterrupt:
        echo(
            f"\nThe job continues in the background while a server runs. Follow it: zoombridge job follow {job.id}. "
            f"Stop it: zoombridge job stop {job.id}",
            err=True,
        )
        raise click.Abort from None
    (show or print_job)(job)
    return job


def exit_status(job: JobStatus) -> int:
    """Return 0 where a job is done and nothing of it failed, else 1."""
    return 0 if job.state is JobState.DONE and not job.counts.get("failed") else 1


def print_job(job: JobStatus) -> None:
    """Print the state of a job and its results."""
    total = "" if job.total is None else f" of {job.total:,}"
    echo(f"{labels_for(job.kind).title} {job.id}: {job.state}, {job.done:,}{total} done")
    for label, count in label_counts(job, NullTranslations()):
        echo(f"  {label}: {count:,}")
    if job.message:
        echo(f"  {job.message}")
    if job.state in (JobState.STOPPED, JobState.FAILED):
        echo(f"  Resume it: zoombridge job resume {job.id}")
