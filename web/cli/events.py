"""`zoombridge events`: the log, one event, and replay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import click

from core.pipeline.replay import MOST_PREVIEWED
from core.storable import LARGEST_NUMBER
from core.store.events.log import Outcome
from web.cli.confirmation import confirm, yes_option
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import counted, echo
from web.cli.progress import exit_status, run_job
from web.cli.times import time_option, to_seconds
from web.rpc import api

if TYPE_CHECKING:
    from collections.abc import Callable

    from web.cli.instance import Instance
    from web.rpc.api import EventDelivery, EventDetail, EventLine, ReplayCounts

F = TypeVar("F", bound="Callable[..., Any]")

_PROOFS = {
    "signature": "Zoom's signature is valid",
    "token": "Zoom's verification token is valid",
    "own": "recorded by the bridge itself",
}
_DELIVERIES = {
    "delivered": "delivered",
    "unneeded": "delivered, no update needed",
    "pending": "pending",
    "failing": "failing",
    "withheld": "no page",
}


@click.group()
def events() -> None:
    """Show and replay events from the log."""


def filter_options(command: F) -> F:
    """Give a command the options that narrow down events."""
    for option in reversed(
        (
            click.option("--event", "name", help="Only events of this name, such as meeting.updated."),
            click.option(
                "--outcome",
                type=click.Choice([outcome.value for outcome in Outcome]),
                help="Only events with this outcome.",
            ),
            click.option("--number", type=click.IntRange(0, 10**15 - 1), help="Only events of this meeting."),
            click.option("--site", help="Only events that concern this site (its address or ID)."),
            click.option(
                "--since",
                callback=time_option,
                help="Only events received since this time: a date such as 2026-11-23, or an age such as 3h or 2d.",
            ),
            click.option(
                "--until",
                callback=time_option,
                help="Only events received before this time, given like --since.",
            ),
        )
    ):
        command = option(command)
    return command


@events.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(1, 1000), default=25, help="How many events to list.")
@click.option("--before", help="Continue from the position that an earlier list printed.")
@json_option
@instance_options
def list_(
    name: str | None,
    outcome: str | None,
    number: int | None,
    site: str | None,
    since: int | None,
    until: int | None,
    limit: int,
    before: str | None,
    as_json: bool,
    instance: Instance,
) -> None:
    """List the events in the log, newest first."""
    wanted = _filter(name, outcome, number, site, since, until)
    request = api.ListEvents(filter=wanted, limit=limit, before=_parse_position(before))
    found = instance.call(api.EVENTS_LIST, request)
    if as_json:
        print_json(*found.events)
    for event in [] if as_json else found.events:
        meeting = "-" if event.number is None else event.number
        reason = f"  {event.reason}" if event.reason else ""
        echo(
            f"{event.id:>8}  {to_seconds(event.received_at)}  {event.outcome:<7}  {event.event}  {meeting}{reason}"
        )
    if found.next:
        at, event_id = found.next
        echo(f"There may be more: --before {at}.{event_id}", err=True)
    elif not found.events:
        is_filtered = wanted != api.EventQuery() or before is not None
        echo("No event matches." if is_filtered else "There are no events yet.", err=True)


@events.command()
@click.argument("event", type=click.IntRange(1, LARGEST_NUMBER))
@json_option
@instance_options
def show(event: int, as_json: bool, instance: Instance) -> None:
    """Show one EVENT by its number in the list, with secrets masked."""
    found = instance.call(api.EVENTS_SHOW, api.EventRequest(event=event))
    if as_json:
        print_json(found)
        return
    line = found.event
    echo(f"{line.event} {line.id}, {line.outcome}{_of_meeting(line)}")
    echo(f"  received  {to_seconds(line.received_at)}, happened {to_seconds(line.at)}")
    echo(f"  check     {_PROOFS[found.proof]}{_signed(found)}")
    echo(f"  trace ID  {line.trace_id}")
    if line.reason:
        echo(f"  reason    {line.reason}")
    for delivery in found.deliveries:
        _print_delivery(delivery)
    if found.is_too_late:
        echo("  changed   nothing: it happened before what the log still holds of its meeting")
    if not found.is_whole:
        echo("  changed   not computed: its meeting has too many events")
    for change in found.changes:
        echo(f"  changed   {change.name}: {change.old or '-'} → {change.new or '-'}")
    echo("Headers:")
    for header, value in found.headers.items():
        echo(f"  {header}: {value}")
    echo("Body:")
    echo(found.body)


@events.command()
@click.argument("event", type=click.IntRange(1, LARGEST_NUMBER), required=False)
@filter_options
@click.option("--refused", is_flag=True, help="Verify quarantined requests with the current secrets instead.")
@click.option("--dry-run", is_flag=True, help="Only count the events.")
@yes_option
@instance_options
@click.pass_context
def replay(
    context: click.Context,
    event: int | None,
    name: str | None,
    outcome: str | None,
    number: int | None,
    site: str | None,
    since: int | None,
    until: int | None,
    refused: bool,
    dry_run: bool,
    yes: bool,
    instance: Instance,
) -> None:
    """Replay one EVENT, or all that match.

    Failed events are processed again. Their meetings are computed anew from the whole log, and the pages of these
    meetings are compared again on every site. Changes that people made there stay.
    """
    wanted = _filter(name, outcome, number, site, since, until)
    narrowed = {field for field, value in wanted if value not in (None, "")}
    if event is not None and (narrowed or refused):
        raise click.UsageError("Name one event, or options that match events, but not both.")
    if refused and narrowed - {"site"}:
        raise click.UsageError("Refused requests are verified by site: only --site goes with --refused.")
    request = api.ReplayEvents(filter=wanted, event=event, refused=refused)
    preview = instance.call(api.EVENTS_PREVIEW_REPLAY, request)
    echo(_preview_text(preview, refused=refused))
    if dry_run or not (preview.refused or any(preview.outcomes.values())):
        return
    confirm("Replay?", yes=yes)
    job = run_job(instance, api.EVENTS_REPLAY, request)
    context.exit(exit_status(job))


def _preview_text(preview: ReplayCounts, *, refused: bool) -> str:
    if refused:
        return f"{counted(preview.refused, 'quarantined request')} would be verified again."
    parts = [f"{preview.outcomes[outcome]:,} {outcome}" for outcome in Outcome if preview.outcomes[outcome]]
    if not parts:
        return "No event matches."
    more = "" if preview.is_whole else f" (only the first {MOST_PREVIEWED:,} of each outcome are counted)"
    return f"This replays {', '.join(parts)}{more}."


def _filter(
    name: str | None,
    outcome: str | None,
    number: int | None,
    site: str | None,
    since: int | None,
    until: int | None,
) -> api.EventQuery:
    return api.EventQuery(
        event=name,
        outcome=None if outcome is None else Outcome(outcome),
        number=number,
        site=site,
        since=since,
        until=until,
    )


def _parse_position(given: str | None) -> tuple[int, int] | None:
    if given is None:
        return None
    found = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,18})", given)
    if found is None:
        raise click.UsageError("--before needs the position that a list printed, such as 1795424400000.42")
    return int(found[1]), int(found[2])


def _of_meeting(line: EventLine) -> str:
    return "" if line.number is None else f", meeting {line.number}"


def _signed(found: EventDetail) -> str:
    if found.signed_at is None:
        return ""
    seconds = (found.event.received_at - found.signed_at) / 1000
    return f", signed {abs(seconds):.1f} s {'before' if seconds >= 0 else 'after'} it was received"


def _print_delivery(found: EventDelivery) -> None:
    at = f" {to_seconds(found.at)}" if found.at else ""
    action = f" ({found.action})" if found.action else ""
    message = f": {found.message}" if found.message else ""
    echo(f"  {found.site_name}: {_DELIVERIES[found.status]}{at}{action}{message}")
    for attempt in found.attempts:
        result = attempt.action or f"failed: {attempt.message or attempt.fault}"
        echo(f"    attempt {to_seconds(attempt.at)}, {attempt.milliseconds} ms, {result}")
