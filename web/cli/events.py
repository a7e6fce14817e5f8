"""`zoombridge events`: the log, one event, and replay."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from core.pipeline.replay import MOST_FORESEEN
from core.store.events.log import Outcome
from core.store.events.search_filters import Filter
from core.store.jobs import JobState
from web.cli.context import Place, place_options
from web.cli.progress import run
from web.ui.times import moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

F = TypeVar("F", bound="Callable[..., Any]")

_PROOFS = {
    "signature": "Zoom's signature over its bytes was right",
    "token": "Zoom's verification token was right",
    "own": "the bridge noted it itself",
}
_WAYS = {
    "reached": "reached",
    "unneeded": "nothing had to be written",
    "waiting": "waits to be written",
    "stuck": "stuck",
    "withheld": "no page",
}


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        return moment(value, now=time.time())
    except ValueError as error:
        raise click.BadParameter(
            f"{error}. Write 2026-11-23, “2026-11-23 10:00” (UTC), or 30m, 3h, 2d."
        ) from error


@click.group()
def events() -> None:
    """Look at Zoom's events, and take them up again."""


def filter_options(command: F) -> F:
    """Give a command the options that say which events."""
    for option in reversed(
        (
            click.option("--event", "name", help="Only events of this name, such as meeting.updated."),
            click.option(
                "--outcome",
                type=click.Choice([outcome.value for outcome in Outcome]),
                help="Only events of which this became.",
            ),
            click.option("--number", type=click.IntRange(0, 10**15 - 1), help="Only events of this meeting."),
            click.option("--site", help="Only events that concern this site (its address or id)."),
            click.option(
                "--since", callback=_moment, help="Only what came since then: 2026-11-23, or 3h, 2d."
            ),
            click.option("--until", callback=_moment, help="Only what came before."),
        )
    ):
        command = option(command)
    return command


@events.command("list")
@filter_options
@click.option("--limit", type=click.IntRange(1, 1000), default=25, help="How many, the newest first.")
@click.option(
    "--before", help="Go on from the place that an earlier list named, where there were more events."
)
@place_options
def list_(
    name: str | None,
    outcome: str | None,
    number: int | None,
    site: str | None,
    since: int | None,
    until: int | None,
    limit: int,
    before: str | None,
    data: Path,
    database_url: str | None,
) -> None:
    """List what is in the log, newest first."""
    wanted = _wanted(name, outcome, number, site, since, until)
    found = Place(data, database_url).ask("event-list", wanted=wanted, limit=limit, before=_key(before))
    for event in found["events"]:
        number_ = "-" if event["number"] is None else event["number"]
        reason = f"  {event['reason']}" if event["reason"] else ""
        click.echo(
            f"{event['id']:>8}  {_time(event['received_at'])}  {event['outcome']:<7}  {event['event']}  {number_}{reason}"
        )
    if found["further"]:
        at, event_id = found["further"]
        click.echo(f"There may be more: --before {at}.{event_id}", err=True)
    elif not found["events"]:
        click.echo("No event matches.", err=True)


@events.command()
@click.argument("event", type=click.IntRange(1))
@place_options
def show(event: int, data: Path, database_url: str | None) -> None:
    """Show one EVENT by its number in the list, with what is secret hidden."""
    found = Place(data, database_url).ask("event-show", event=event)
    line = found["event"]
    click.echo(f"{line['event']} {line['id']}, {line['outcome']}{_of_meeting(line)}")
    click.echo(f"  came      {_time(line['received_at'])}, happened {_time(line['at'])}")
    click.echo(f"  check     {_PROOFS[found['proof']]}{_signed(found)}")
    if line["reason"]:
        click.echo(f"  reason    {line['reason']}")
    for site in found["reached"]:
        _tell_site(site, found["attempts"].get(site["site_id"], []))
    if found["too_late"]:
        click.echo("  changed   nothing: it happened before what the log still holds of its meeting")
    if not found["is_whole"]:
        click.echo("  changed   not worked out: its meeting has too many events")
    for change in found["changed"]:
        click.echo(f"  changed   {change['name']}: {change['old'] or '-'} → {change['new'] or '-'}")
    click.echo("Headers:")
    for header, value in found["headers"].items():
        click.echo(f"  {header}: {value}")
    click.echo("Body:")
    click.echo(found["body"])


@events.command()
@click.argument("event", type=click.IntRange(1), required=False)
@filter_options
@click.option("--refused", is_flag=True, help="Instead, check what was refused with the secrets of now.")
@click.option("--dry-run", is_flag=True, help="Only say what would be taken up.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
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
    data: Path,
    database_url: str | None,
) -> None:
    """Take one EVENT up again, or all that match.

    Those that failed are folded again. Their meetings are folded again from the whole log, and the pages of these
    meetings are looked at again on every site. What people have changed there stays.
    """
    wanted = _wanted(name, outcome, number, site, since, until)
    narrowed = [one for one, value in wanted.items() if value not in (None, "")]
    if event is not None and (narrowed or refused):
        raise click.UsageError("Name one event, or what the events have in common, but not both.")
    if refused and set(narrowed) - {"site_id"}:
        raise click.UsageError("What was refused is checked by site: only --site goes with --refused.")
    place = Place(data, database_url)
    foreseen = place.ask("event-foresee", wanted=wanted, event=event, refused=refused)
    found = foreseen["refused"] + sum(foreseen[one] for one in Outcome)
    click.echo(_foreseen(foreseen, refused=refused))
    if dry_run or not found:
        return
    if not yes:
        click.confirm("Take them up again?", abort=True)
    job = run(place, "event-replay", wanted=wanted, event=event, refused=refused)
    context.exit(0 if job.state is JobState.DONE else 1)


def _foreseen(foreseen: dict[str, Any], *, refused: bool) -> str:
    if refused:
        return f"{foreseen['refused']:,} refused requests would be checked again."
    parts = [f"{foreseen[outcome]:,} {outcome}" for outcome in Outcome if foreseen[outcome]]
    if not parts:
        return "No event matches."
    more = "" if foreseen["is_whole"] else f" (only the first {MOST_FORESEEN:,} of a kind are counted)"
    return f"This takes up {', '.join(parts)}{more}."


def _wanted(
    name: str | None,
    outcome: str | None,
    number: int | None,
    site: str | None,
    since: int | None,
    until: int | None,
) -> dict[str, Any]:
    return Filter(
        event=name or "",
        outcome=None if outcome is None else Outcome(outcome),
        number=number,
        site_id=site,
        since=since,
        until=until,
    ).told()


def _key(given: str | None) -> list[int] | None:
    if given is None:
        return None
    at, _, event_id = given.partition(".")
    if not (at.isdigit() and event_id.isdigit()):
        raise click.UsageError("--before wants the place that a list named, such as 1795424400000.42")
    return [int(at), int(event_id)]


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _of_meeting(line: dict[str, Any]) -> str:
    return "" if line["number"] is None else f", meeting {line['number']}"


def _signed(found: dict[str, Any]) -> str:
    if found["signed_at"] is None:
        return ""
    seconds = (found["event"]["received_at"] - found["signed_at"]) / 1000
    return f", signed {seconds:.1f} s before it came"


def _tell_site(site: dict[str, Any], attempts: list[dict[str, Any]]) -> None:
    at = f" {_time(site['at'])}" if site["at"] else ""
    did = f" ({site['did']})" if site["did"] else ""
    message = f": {site['message']}" if site["message"] else ""
    click.echo(f"  {site['site_name']}: {_WAYS[site['way']]}{at}{did}{message}")
    for one in attempts:
        came = one["did"] or f"failed: {one['message'] or one['fault']}"
        click.echo(f"    tried {_time(one['at'])}, {one['milliseconds']} ms, {came}")
