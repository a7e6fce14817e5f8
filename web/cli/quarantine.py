"""`zoombridge quarantine`: list and recheck quarantined requests, dismiss alerts about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.store.events.large_requests import LargeRequestCause
from web.cli.instance import instance_options
from web.cli.times import to_seconds
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Instance


_LARGE = {
    LargeRequestCause.TOO_LARGE: "too large",
    LargeRequestCause.UNVERIFIED: "wrong signature, and too large for the quarantine",
}


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
        sender = f"  from {item.sender}" if item.sender else ""
        account = "a known account" if item.is_plausible else "an unknown account"
        click.echo(f"{to_seconds(item.received_at)}  {item.site_url}  {account}{sender}  {item.reason}")
    for large in instance.call(api.QUARANTINE_LARGE, api.NoArguments()):
        click.echo(
            f"{to_seconds(large.received_at)}  {large.site_url}  not kept, {large.size:,} bytes: "
            f"{_LARGE[large.cause]}"
        )


@quarantine.command("dismiss")
@instance_options
def dismiss(instance: Instance) -> None:
    """Dismiss the alerts about refused requests.

    Quarantined requests are kept. Of those that were too large to keep, what is stored is deleted: reconcile the Zoom
    accounts first, as their events may be lost. The alerts come back with the next such request.
    """
    found = instance.call(api.QUARANTINE_DISMISS, api.NoArguments())
    click.echo(f"{found.quarantined} in quarantine and {found.large} too large to keep dismissed")


@quarantine.command("recheck")
@instance_options
def recheck(instance: Instance) -> None:
    """Verify the quarantined requests again.

    Uses the secrets that are saved now. Requests that pass are processed as events.
    """
    for result in instance.call(api.QUARANTINE_RECHECK, api.NoArguments()):
        click.echo(f"{result.site_url}: {result.accepted} accepted, {result.refused} still refused")
