"""`zoombridge account`, `import` and `reconcile`: Zoom accounts that the bridge reads over REST."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from core.store.jobs import JobState
from core.zoom.oauth import OAUTH_URL
from core.zoom.rate_limit import Plan
from web.cli.context import Place, place_options
from web.cli.progress import run

if TYPE_CHECKING:
    from pathlib import Path

    from core.store.jobs import Job

_KINDS = {
    "make": "would get a page",
    "change": "page would change",
    "trash": "page would go to the trash",
    "leave": "left alone",
    "new": "was not known here",
    "changed": "was different here",
    "completed": "was not known in full",
    "gone": "is gone at Zoom",
    "unsure": "is not shown by Zoom, which may only have forgotten it",
    "later": "was changed at this very moment",
}


@click.group()
def account() -> None:
    """Zoom accounts whose meetings the bridge may read, with a Server-to-Server OAuth app's credentials."""


@account.command("add")
@click.option("--account-id", prompt="Account ID", help="From the page App Credentials of your app at Zoom.")
@click.option("--client-id", prompt="Client ID", help="From the same page.")
@click.option(
    "--client-secret",
    help="From the same page. Asked for where it is not given; “-” reads it from standard input.",
)
@click.option("--name", default="", show_default="the account id", help="What you call this account.")
@click.option(
    "--plan",
    type=click.Choice([plan.value for plan in Plan]),
    default=Plan.PRO.value,
    help="What the account has bought: how fast it may be read depends on it.",
)
@click.option("--site", multiple=True, help="A site that shows it (address or id); without, all do.")
@click.option("--oauth-url", default=OAUTH_URL, hidden=True)
@place_options
def add(
    account_id: str,
    client_id: str,
    client_secret: str | None,
    name: str,
    plan: str,
    site: tuple[str, ...],
    oauth_url: str,
    data: Path,
    database_url: str | None,
) -> None:
    """Let the bridge read a Zoom account.

    Make a Server-to-Server OAuth app in the Zoom App Marketplace (Develop > Build App), give it the scopes that this
    command names, and activate it.
    """
    if client_secret == "-":  # noqa: S105 - the usual name of standard input
        client_secret = sys.stdin.readline().strip()
    if not client_secret:
        client_secret = str(click.prompt("Client secret", hide_input=True))
    added = Place(data, database_url).ask(
        "account-add",
        account_id=account_id,
        client_id=client_id,
        client_secret=client_secret,
        name=name,
        plan=plan,
        site=list(site),
        oauth_url=oauth_url,
    )
    click.echo(f"Zoom takes the credentials of {added['name']}.")
    for url in added["sites"]:
        click.echo(f"  Its meetings are shown on {url}")
    if added["lacking"]:
        click.echo("Its app lacks these scopes. Add them at Zoom under Scopes, and activate the app again:")
        for scope in added["lacking"]:
            click.echo(f"  {scope}")
    click.echo("See what an import would do: zoombridge import --dry-run")


@account.command("list")
@place_options
def list_(data: Path, database_url: str | None) -> None:
    """List the accounts that the bridge may read."""
    found = Place(data, database_url).ask("account-list")
    if not found:
        click.echo("No Zoom account can be read yet. Add one: zoombridge account add")
    for one in found:
        click.echo(f"{one['id']}  {one['name']}  compared every {one['repair_hours']} h")
        if one["fault_message"]:
            click.echo(f"    {one['fault_message']}")


@account.command("remove")
@click.argument("account")
@place_options
def remove(account: str, data: Path, database_url: str | None) -> None:
    """Forget the credentials of ACCOUNT (its id or name). Its meetings and their pages stay."""
    removed = Place(data, database_url).ask("account-remove", account=account)
    click.echo(f"Forgot the credentials of {removed['name']}. Its meetings and their pages stay.")


@click.command("import")
@click.option("--account", help="Its id or name; not needed where there is but one.")
@click.option("--dry-run", is_flag=True, help="Only list what would be made, changed and left alone.")
@place_options
@click.pass_context
def import_(
    context: click.Context, account: str | None, dry_run: bool, data: Path, database_url: str | None
) -> None:
    """Bring everything that a Zoom account holds to its sites.

    All users' meetings and webinars that are yet to come or still run. It can be stopped and gone on with.
    """
    context.exit(_work(Place(data, database_url), "account-import", account, dry_run=dry_run))


@click.command()
@click.option("--account", help="Its id or name; not needed where there is but one.")
@click.option("--dry-run", is_flag=True, help="Only report what differs.")
@place_options
@click.pass_context
def reconcile(
    context: click.Context, account: str | None, dry_run: bool, data: Path, database_url: str | None
) -> None:
    """Compare a Zoom account with its sites, and mend what differs."""
    context.exit(_work(Place(data, database_url), "account-repair", account, dry_run=dry_run))


def _work(place: Place, operation: str, account: str | None, *, dry_run: bool) -> int:
    ended: Job = run(place, operation, account=account, dry_run=dry_run)
    after = 0
    while found := place.ask("account-findings", job=ended.id, after=after):
        for line in found:
            detail = f" ({line['detail']})" if line["detail"] else ""
            click.echo(f"{line['number']}  {line['topic']}: {_KINDS.get(line['kind'], line['kind'])}{detail}")
        after = found[-1]["place"]
    return 0 if ended.state is JobState.DONE else 1
