"""`zoombridge doctor`: find out what is wrong, and how to fix it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from core.errors import StoreInUseError, ZoomBridgeError
from core.sites.diagnosis import Cause
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import echo
from web.cli.times import to_minutes
from web.rpc import api

if TYPE_CHECKING:
    from collections.abc import Iterable

    from web.cli.instance import Caller, Instance
    from web.rpc.api import SelfTestStatus, SelfTestStep, SiteCheck

_POLL_SECONDS = 0.5
_BEGIN_SECONDS = 30.0  # for a running server to begin the self-test

_STAGES = {
    "sent": "signed and sent as Zoom would",
    "answered": "the endpoint answered",
    "arrived": "arrived at the bridge unchanged",
    "logged": "stored in the log",
    "folded": "meeting computed",
    "written": "page written to the site",
    "seen": "page visible to visitors",
    "removed": "page deleted the same way",
    "clocks": "clocks agree",
    "zoom": "Zoom's own events are accepted",
}


@click.command()
@click.argument("site", required=False)
@click.option(
    "--test",
    is_flag=True,
    help="Also send a test event as Zoom would, follow it to the site and back, and delete its page again. Needs a "
    "running server.",
)
@json_option
@instance_options
@click.pass_context
def doctor(context: click.Context, site: str | None, test: bool, as_json: bool, instance: Instance) -> None:
    """Check SITE (its address or ID), or all sites.

    Prints what is wrong and what to do, and exits with status 1 if something is wrong. Problems that stop nothing
    are warnings.
    """
    if site is None:
        names = [(one.id, one.url) for one in instance.call(api.SITE_LIST, api.SiteListRequest())]
    else:
        names = [(site, site)]
    if not names:
        echo(
            "No site is connected yet. Open the bridge's pages, and under Sites press “Add a site”; or run: zoombridge "
            "site add https://example.org",
            err=as_json,
        )
    if test and not _is_served(instance):
        raise ZoomBridgeError("The test needs a running server. Start it: zoombridge serve")
    is_ok = True
    for name, shown in names:
        if not as_json:
            echo(shown)
        is_ok &= check_site(instance, name, as_json=as_json)
        if test:
            is_ok &= run_selftest(instance, name, as_json=as_json)
    context.exit(0 if is_ok else 1)


def check_site(caller: Caller, site: str, *, as_json: bool = False) -> bool:
    """Check a site and print the results; return whether nothing has failed. Warnings are no failures."""
    checks = caller.call(api.SITE_CHECK, api.SiteRequest(site=site))
    if as_json:
        print_json(*checks, site=site)
    for one in [] if as_json else checks:
        echo(f"  {mark(one)}  {describe(one)}")
    return not has_failed(checks)


def mark(check: SiteCheck) -> str:
    """Return the word by which commands print whether a fact is well."""
    if check.ok:
        return "ok  "
    return "warn" if check.warning else "FAIL"


def has_failed(checks: Iterable[SiteCheck]) -> bool:
    """Return whether a fact fails that is no mere warning."""
    return any(not one.ok and not one.warning for one in checks)


def describe(check: SiteCheck) -> str:
    """Return a fact as commands print it: what it is, since when it holds, and what to do."""
    since = "" if check.since is None else f", since {to_minutes(check.since)}"
    return f"{check.name}{since}: {check.message}"


def run_selftest(
    caller: Caller,
    site: str,
    *,
    as_json: bool = False,
    poll_seconds: float = _POLL_SECONDS,
    begin_seconds: float = _BEGIN_SECONDS,
) -> bool:
    """Run a self-test and print each stage as it completes, as JSON at its end; return whether all are ok."""
    site_id = caller.call(api.SELFTEST_START, api.SiteRequest(site=site)).site_id
    if not as_json:
        echo("  test:")
    printed = 0
    deadline = time.monotonic() + begin_seconds
    while True:
        status = caller.call(api.SELFTEST_STATUS, api.SiteRequest(site=site_id))
        for step in status.steps[printed:]:
            if step.ok and not as_json:
                _print_step(step)
        printed = len(status.steps)
        if not status.is_running and as_json:
            print_json(status, site=site)
            return status.diagnosis is None and not status.error
        if not status.is_running:
            return _conclude(status)
        if not printed and time.monotonic() > deadline:
            raise ZoomBridgeError(
                "The test did not start: no server runs on this database. Start one: zoombridge serve"
            )
        time.sleep(poll_seconds)


def _print_step(step: SelfTestStep) -> None:
    seen = [step.detail] if step.detail else []
    seen += [f"{step.milliseconds} ms"] if step.milliseconds else []
    _print(True, _STAGES[step.stage] + (f" ({', '.join(seen)})" if seen else ""))


def _conclude(status: SelfTestStatus) -> bool:
    found = status.diagnosis
    if found is not None:
        word = "todo" if found.cause == Cause.NO_SECRET else "FAIL"
        echo(f"  {word}  {_STAGES[found.stage]}: {found.message}")
        echo(f"        {found.advice}")
        return False
    if status.error:
        _print(False, f"the test could not continue: {status.error}")
        return False
    _print(True, "everything works, and nothing of the test is left")
    return True


def _print(ok: bool, text: str) -> None:
    echo(f"  {'ok  ' if ok else 'FAIL'}  {text}")


def _is_served(instance: Instance) -> bool:
    """Return whether a server runs here; with PostgreSQL that is unknown, so that one may."""
    try:
        store = instance.open_store()
    except StoreInUseError:
        return True
    try:
        return store.is_shared
    finally:
        store.close()
