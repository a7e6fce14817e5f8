"""`zoombridge job`: background jobs, such as an import or a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.storable import LARGEST_NUMBER
from web.cli import progress
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import echo
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Instance


@click.group()
def job() -> None:
    """Manage background jobs: imports, replays and others."""


@job.command("list")
@json_option
@instance_options
def list_(as_json: bool, instance: Instance) -> None:
    """List the running and recent jobs."""
    found = instance.call(api.JOB_LIST, api.NoArguments())
    if as_json:
        print_json(*found)
        return
    if not found:
        echo("No recent jobs.")
    for status in found:
        progress.print_job(status)


@job.command()
@click.argument("number", type=click.IntRange(1, LARGEST_NUMBER))
@json_option
@instance_options
@click.pass_context
def follow(context: click.Context, number: int, as_json: bool, instance: Instance) -> None:
    """Show the progress of job NUMBER until it ends."""
    show = print_json if as_json else progress.print_job
    with instance.working() as caller:
        ended = progress.follow(caller, caller.call(api.JOB_SHOW, api.JobRequest(job=number)), show=show)
    context.exit(progress.exit_status(ended))


@job.command()
@click.argument("number", type=click.IntRange(1, LARGEST_NUMBER))
@instance_options
def stop(number: int, instance: Instance) -> None:
    """Stop job NUMBER. Completed work is kept."""
    progress.print_job(instance.call(api.JOB_STOP, api.JobRequest(job=number)))


@job.command()
@click.argument("number", type=click.IntRange(1, LARGEST_NUMBER))
@instance_options
def resume(number: int, instance: Instance) -> None:
    """Resume job NUMBER, which was stopped or has failed."""
    progress.print_job(instance.call(api.JOB_RESUME, api.JobRequest(job=number)))
