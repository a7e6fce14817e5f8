"""`zoombridge doctor`: what is wrong, and how to mend it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from core.errors import StoreInUseError, ZoomBridgeError
from core.sites.diagnosis import Cause
from web.cli.context import Place, place_options

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_SECONDS = 0.5
_BEGIN_SECONDS = 30.0  # for a bridge that serves to take the test up

_STAGES = {
    "sent": "signed and sent as Zoom would",
    "answered": "the endpoint answered",
    "arrived": "arrived at the bridge, byte for byte",
    "logged": "in the log",
    "folded": "made into a meeting",
    "written": "written to the site as a page",
    "seen": "seen by a visitor",
    "removed": "deleted again, the same way",
    "clocks": "the clocks agree",
    "zoom": "Zoom's own events are not refused",
}


@click.command()
@click.argument("site", required=False)
@click.option(
    "--test",
    is_flag=True,
    help="Send an event of a made-up meeting as Zoom would, follow it to the site and back, and delete it again.",
)
@place_options
@click.pass_context
def doctor(
    context: click.Context, site: str | None, test: bool, data: Path, database_url: str | None
) -> None:
    """Look at SITE (its address or id) from both sides, or at every site, and say what to do.

    With --test also along the way that Zoom's events go; for that a bridge must serve.
    """
    place = Place(data, database_url)
    names = [(one["id"], one["url"]) for one in place.ask("site-list")] if site is None else [(site, site)]
    if not names:
        click.echo(
            "No site is connected yet. Open the bridge's pages, and under Sites press “Connect a site”; or: zoombridge "
            "site add https://example.org"
        )
    if test and not _is_served(place):
        raise ZoomBridgeError(
            "No bridge serves here, and the test goes through one. Start it: zoombridge serve"
        )
    is_well = True
    for name, shown in names:
        click.echo(shown)
        is_well &= _look(place, name)
        if test:
            is_well &= _test(place, name)
    context.exit(0 if is_well else 1)


def _look(place: Place, site: str) -> bool:
    findings = place.ask("site-check", site=site)
    for found in findings:
        _say(found["well"], f"{found['name']}: {found['message']}")
    return all(found["well"] for found in findings)


def _test(place: Place, site: str) -> bool:
    """Have a test done, and tell of each stage as it comes."""
    site_id = place.ask("site-test", site=site)
    click.echo("  test:")
    told = 0
    deadline = time.monotonic() + _BEGIN_SECONDS
    while True:
        report = place.ask("site-report", site=site_id)
        for line in report["lines"][told:]:
            if line["well"]:
                _tell(line)
        told = len(report["lines"])
        if not report["is_running"]:
            return _conclude(report)
        if not told and time.monotonic() > deadline:
            raise ZoomBridgeError(
                "No bridge took the test up, so none serves from this database. Start one: zoombridge serve"
            )
        time.sleep(_LOOK_SECONDS)


def _tell(line: dict[str, Any]) -> None:
    seen = [line["detail"]] if line["detail"] else []
    seen += [f"{line['milliseconds']} ms"] if line["milliseconds"] else []
    _say(True, _STAGES[line["stage"]] + (f" ({', '.join(seen)})" if seen else ""))


def _conclude(report: dict[str, Any]) -> bool:
    verdict = report["verdict"]
    if verdict is not None:
        mark = "next " if verdict["cause"] == Cause.NO_SECRET else "WRONG"
        click.echo(f"  {mark}  {_STAGES[verdict['stage']]}: {verdict['message']}")
        click.echo(f"         {verdict['advice']}")
        return False
    if report["trouble"]:
        _say(False, f"the test could not go on: {report['trouble']}")
        return False
    _say(True, "everything works, and nothing of the test is left")
    return True


def _say(well: bool, words: str) -> None:
    click.echo(f"  {'ok   ' if well else 'WRONG'}  {words}")


def _is_served(place: Place) -> bool:
    """Whether a bridge serves from here; with PostgreSQL nobody knows, so that it may."""
    try:
        store = place.open()
    except StoreInUseError:
        return True
    try:
        return store.is_shared
    finally:
        store.close()
