"""`zoombridge site`: WordPress sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from core.errors import ZoomBridgeError
from core.model.rules import MOST_CANCELLED_DAYS
from web.cli import site_add
from web.cli.doctor import describe
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.secret_input import read_secret_token
from web.cli.times import to_minutes
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Instance


@click.group()
def site() -> None:
    """Manage WordPress sites."""


site.add_command(site_add.add)
site.add_command(site_add.confirm)
site.add_command(site_add.allow)


@site.command("secret-token")
@click.argument("site")
@instance_options
def secret_token(site: str, instance: Instance) -> None:
    """Save a secret token of Zoom's for SITE.

    SITE is an address or ID. Its events are verified with the token. A site can have several, for several apps. Refused events that it verifies are accepted now.

    The token is read from ZOOMBRIDGE_SECRET_TOKEN, prompted for, or read from standard input: zoombridge site
    secret-token SITE < secret-token.txt
    """
    given = read_secret_token("Secret token (Zoom App Marketplace: your app > Features > Access)")
    request = api.SecretToken(site=site, secret_token=given)
    saved = instance.call(api.SITE_SECRET_TOKEN, request)
    click.echo(f"Saved the secret token of {saved.url}.")
    if saved.accepted:
        click.echo(f"{saved.accepted} refused events were accepted now.")


@site.command("list")
@json_option
@instance_options
def list_(as_json: bool, instance: Instance) -> None:
    """List the sites and their status."""
    sites = instance.call(api.SITE_LIST, api.NoArguments())
    if as_json:
        print_json(*sites)
        return
    if not sites:
        click.echo("No site is connected yet. Connect one: zoombridge site add")
    for status in sites:
        at = status.last_event_at
        click.echo(f"{status.id}  {status.url}  {f'last event {to_minutes(at)}' if at else 'no event yet'}")
        if status.fault_message:
            click.echo(f"    {status.fault_message}")


@site.command("check")
@click.argument("site")
@json_option
@instance_options
@click.pass_context
def check(context: click.Context, site: str, as_json: bool, instance: Instance) -> None:
    """Check the connection to SITE (its address or ID).

    Checks both directions, and ends with status 1 where one fails.
    """
    checks = instance.call(api.SITE_CHECK, api.SiteRequest(site=site))
    if as_json:
        print_json(*checks)
    else:
        for one in checks:
            click.echo(f"{'ok  ' if one.ok else 'FAIL'}  {describe(one)}")
    context.exit(0 if all(one.ok for one in checks) else 1)


@site.command("renew-key")
@click.argument("site")
@instance_options
def renew_key(site: str, instance: Instance) -> None:
    """Renew the key of SITE (its address or ID).

    With it the site and the bridge sign what they send each other. Nothing is interrupted.
    """
    renewed = instance.call(api.SITE_RENEW_KEY, api.SiteRequest(site=site))
    if not renewed.renewed:
        raise ZoomBridgeError(f"The key of {renewed.url} was not renewed, and stays valid. Please try again.")
    click.echo(f"Renewed the key of {renewed.url}.")


@site.command("cancelled-pages")
@click.argument("site")
@click.option(
    "--keep-days",
    type=click.IntRange(0, MOST_CANCELLED_DAYS),
    required=True,
    help="Days until they are moved to the trash; 0: at once.",
)
@instance_options
def cancelled_pages(site: str, keep_days: int, instance: Instance) -> None:
    """Set for how long SITE keeps pages of cancelled meetings.

    SITE is an address or ID. Until then, a page says that its meeting is cancelled. Pages that are in the trash already
    stay there.
    """
    saved = instance.call(api.SITE_CANCELLED_PAGES, api.CancelledPages(site=site, days=keep_days))
    kept = "at once" if not keep_days else f"after {keep_days} {'day' if keep_days == 1 else 'days'}"
    click.echo(f"Pages of cancelled meetings on {saved.url} are moved to the trash {kept}.")


@site.command("remove")
@click.argument("site")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@instance_options
def remove(site: str, yes: bool, instance: Instance) -> None:
    """Disconnect SITE (its address or ID). Its posts stay as they are."""
    if not yes:
        click.confirm(
            f"Disconnect {site}, and delete its secrets and what is known of its posts?", abort=True
        )
    removed = instance.call(api.SITE_REMOVE, api.SiteRequest(site=site))
    click.echo(f"Disconnected {removed.url}. Its posts stay as they are.")
    if removed.problem:
        click.echo(f"The plugin there still considers itself connected: {removed.problem}")
