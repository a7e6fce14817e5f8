"""`zoombridge quarantine`: list and recheck quarantined requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from web.cli.instance import instance_options
from web.cli.times import to_seconds
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Instance


@click.group()
def quarantine() -> None:
    """Manage quarantined requests: refused, but apparently from Zoom."""


@quarantine.command("list")
@instance_options
def list_(instance: Instance) -> None:
    """List the quarantined requests, and why they were refused."""
    found = instance.call(api.QUARANTINE_LIST, api.NoArguments())
    if not found:
        click.echo("The quarantine is empty: no request that looks like Zoom's was refused.")
    for item in found:
        click.echo(f"{to_seconds(item.received_at)}  {item.site_url}  {item.reason}")


@quarantine.command("recheck")
@instance_options
def recheck(instance: Instance) -> None:
    """Verify the quarantined requests again.

    Uses the secrets that are saved now. Requests that pass are processed as events.
    """
    for result in instance.call(api.QUARANTINE_RECHECK, api.NoArguments()):
        click.echo(f"{result.site_url}: {result.accepted} accepted, {result.refused} still refused")
