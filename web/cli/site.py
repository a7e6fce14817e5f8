"""`zoombridge site`: connect WordPress sites and look after them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from web.cli.context import Place, place_options

if TYPE_CHECKING:
    from pathlib import Path

_BRIDGE = "http://127.0.0.1:8765"


@click.group()
def site() -> None:
    """Connect WordPress sites, and look after them."""


@site.command("add")
@click.argument("url")
@click.option("--username", prompt="WordPress user (an administrator)", help="Whom the bridge signs in as.")
@click.option(
    "--application-password",
    prompt="Application password (WordPress: Users > Profile > Application Passwords)",
    hide_input=True,
    help="Made in WordPress under Users > Profile. Asked for when it is not given.",
)
@click.option(
    "--bridge-url",
    help="Address at which WordPress reaches the bridge; by default the one that serves from here.",
)
@click.option(
    "--secret-token", default="", show_default="none", help="Zoom's secret token, where it is known."
)
@place_options
def add(
    url: str,
    username: str,
    application_password: str,
    bridge_url: str | None,
    secret_token: str,
    data: Path,
    database_url: str | None,
) -> None:
    """Connect the WordPress site at URL.

    The plugin must be installed there: `zoombridge plugin` writes it. A site that is connected already is
    paired anew.
    """
    place = Place(data, database_url)
    added = place.ask(
        "site-add",
        url=url,
        username=username,
        password=application_password,
        bridge_url=(bridge_url or place.served_at() or _BRIDGE).rstrip("/"),
        secret_token=secret_token,
    )
    click.echo(f"Connected {added['name']} ({added['url']}) as {added['id']}.")
    click.echo("Paste this into Zoom as the event notification endpoint URL:")
    click.echo(f"  {added['endpoints']['meeting']}")
    if added["released"]:
        click.echo(f"{added['released']} events that had been refused were accepted now.")


@site.command("list")
@place_options
def list_(data: Path, database_url: str | None) -> None:
    """List the sites, and how they are."""
    sites = Place(data, database_url).ask("site-list")
    if not sites:
        click.echo("No site is connected yet. Connect one: zoombridge site add https://example.org")
    for item in sites:
        seen = f"last event {_time(item['last_event_at'])}" if item["last_event_at"] else "no event yet"
        click.echo(f"{item['id']}  {item['url']}  {seen}")
        if item["fault_message"]:
            click.echo(f"    {item['fault_message']}")


@site.command("check")
@click.argument("site")
@place_options
@click.pass_context
def check(context: click.Context, site: str, data: Path, database_url: str | None) -> None:
    """Look whether SITE (its address or id) and the bridge reach each other."""
    findings = Place(data, database_url).ask("site-check", site=site)
    for found in findings:
        click.echo(f"{'ok   ' if found['well'] else 'WRONG'}  {found['name']}: {found['message']}")
    context.exit(0 if all(found["well"] for found in findings) else 1)


@site.command("remove")
@click.argument("site")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_options
def remove(site: str, yes: bool, data: Path, database_url: str | None) -> None:
    """Let SITE (its address or id) go. Its posts stay as they are."""
    if not yes:
        click.confirm(f"Forget {site}, its secrets and what is known of its posts?", abort=True)
    removed = Place(data, database_url).ask("site-remove", site=site)
    click.echo(f"Forgot {removed['url']}. Its posts stay as they are.")
    if removed["problem"]:
        click.echo(f"The plugin there still thinks that it is connected: {removed['problem']}")


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
