"""`zoombridge quarantine`: list and recheck quarantined requests, dismiss alerts about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.store.events.large_requests import LargeRequestCause
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import counted, echo
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
    """Manage refused requests that look like Zoom's."""


@quarantine.command("list")
@json_option
@instance_options
def list_(as_json: bool, instance: Instance) -> None:
    """List the quarantined requests, and why they were refused."""
    found = instance.call(api.QUARANTINE_LIST, api.NoArguments())
    too_large = instance.call(api.QUARANTINE_LARGE, api.NoArguments())
    if as_json:
        print_json(*found, is_kept=True)
        print_json(*too_large, is_kept=False)
        return
    if not found:
        echo("The quarantine is empty: no request that looks like Zoom's was refused.")
    for item in found:
        sender = f"  from {item.sender}" if item.sender else ""
        account = "a known account" if item.is_plausible else "an unknown account"
        echo(f"{to_seconds(item.received_at)}  {item.site_url}  {account}{sender}  {item.reason}")
    for large in too_large:
        echo(
            f"{to_seconds(large.received_at)}  {large.site_url}  not kept, {large.size:,} bytes: "
            f"{_LARGE[large.cause]}"
        )


@quarantine.command("dismiss")
@instance_options
def dismiss(instance: Instance) -> None:
    """Dismiss the alerts about refused requests.

    Quarantined requests are kept. What is stored of requests that were too large to keep is deleted: reconcile the
    Zoom accounts first, as their events may be lost. The alerts come back with the next such request.
    """
    found = instance.call(api.QUARANTINE_DISMISS, api.NoArguments())
    echo(
        f"Dismissed the alerts about {counted(found.quarantined, 'request')} in quarantine "
        f"and {counted(found.large, 'request')} too large to keep."
    )


@quarantine.command("recheck")
@json_option
@instance_options
def recheck(as_json: bool, instance: Instance) -> None:
    """Verify the quarantined requests again.

    Uses the secrets that are saved now. Requests that pass are processed as events.
    """
    results = instance.call(api.QUARANTINE_RECHECK, api.NoArguments())
    if as_json:
        print_json(*results)
        return
    for result in results:
        echo(f"{result.site_url}: {result.accepted} accepted, {result.refused} still refused")
