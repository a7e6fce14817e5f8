"""`zoombridge account`, `import` and `reconcile`: Zoom accounts that the bridge reads over REST."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from core.monitoring.notify.texts import clean
from core.zoom.oauth import OAUTH_URL
from core.zoom.rate_limit import Plan
from web.cli import times
from web.cli.confirmation import confirm, yes_option
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import counted, echo
from web.cli.progress import exit_status, run_job
from web.cli.secret_input import CLIENT_SECRET, read_secret
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Instance
    from web.rpc.api import JobStatus, Operation, RequestT

_FINDINGS = {
    "make": "page would be created",
    "change": "page would be updated",
    "trash": "page would be trashed",
    "leave": "would be unchanged",
    "new": "new",
    "changed": "changed",
    "completed": "completed",
    "gone": "no longer in Zoom",
    "unsure": "unsure, left unchanged",
    "held": "held back instead of trashed",
    "dismissed": "stays, as decided",
    "unlicensed": "user without Zoom Meetings",
    "skipped": "list could not be read",
    "no_webinars": "webinars cannot be read, and those of other users for the same reason",
    "later": "changed while it was read",
}


@click.group()
def account() -> None:
    """Manage Zoom accounts: API credentials, and grants to sites.

    Each Zoom account has a Server-to-Server OAuth app, whose credentials let the bridge read its meetings.
    """


@account.command("add")
@click.option(
    "--account-id",
    prompt="Account ID",
    help="From the page App Credentials of your Zoom app. Prompted for when omitted.",
)
@click.option(
    "--client-id",
    prompt="Client ID",
    help="From the page App Credentials of your Zoom app. Prompted for when omitted.",
)
@click.option("--name", default="", show_default="the account ID", help="A name for this account.")
@click.option(
    "--plan",
    type=click.Choice([plan.value for plan in Plan]),
    default=Plan.PRO.value,
    help="The account's Zoom plan, which determines the API rate limits.",
)
@click.option(
    "--site",
    multiple=True,
    show_default="the only site",
    help="Site (address or ID) that shows its meetings; repeatable.",
)
@click.option("--all-sites", is_flag=True, help="Show its meetings on every site that there is now.")
@click.option("--oauth-url", default=OAUTH_URL, hidden=True)
@instance_options
def add(
    account_id: str,
    client_id: str,
    name: str,
    plan: str,
    site: tuple[str, ...],
    all_sites: bool,
    oauth_url: str,
    instance: Instance,
) -> None:
    """Add the API credentials of a Zoom account.

    Create a Server-to-Server OAuth app in the Zoom App Marketplace (Develop > Build App), and activate it. Your role
    in Zoom needs View and Edit for Server-to-Server OAuth app. The command names the scopes that the app lacks.

    The client secret, from your app's page App Credentials, is read from the environment
    (ZOOMBRIDGE_CLIENT_SECRET), from a prompt, or from standard input.
    """
    if site and all_sites:
        raise click.UsageError("Use either --site or --all-sites.")
    client_secret = read_secret(CLIENT_SECRET, "Client secret", "client secret")
    request = api.AddAccount(
        account_id=account_id,
        client_id=client_id,
        client_secret=client_secret,
        name=name,
        plan=Plan(plan),
        sites=list(site),
        all_sites=all_sites,
        oauth_url=oauth_url,
    )
    added = instance.call(api.ACCOUNT_ADD, request)
    echo(f"Zoom accepted the credentials of {added.name}.")
    for url in added.site_urls:
        echo(f"  Its meetings are shown on {url}")
    for url in added.ended_site_urls:
        echo(f"  No longer on {url}, which had it by its first event only")
    if added.missing_scopes:
        echo("The app lacks these scopes. Add them at Zoom under Scopes, and activate the app again:")
        for scope in added.missing_scopes:
            echo(f"  {scope}")
    echo("Preview an import: zoombridge import --dry-run")


@account.command("list")
@json_option
@instance_options
def list_(as_json: bool, instance: Instance) -> None:
    """List the Zoom accounts."""
    found = instance.call(api.ACCOUNT_LIST, api.NoArguments())
    if as_json:
        print_json(*found)
        return
    if not found:
        echo("There is no Zoom account yet. Add one: zoombridge account add")
    for one in found:
        every = f"every {one.reconcile_hours} h" if one.reconcile_hours else "only on request"
        echo(f"{one.id}  {one.name}  reconciled {every}")
        if one.fault_message:
            echo(f"    {one.fault_message}")


@account.command("remove")
@click.argument("account")
@yes_option
@instance_options
def remove(account: str, yes: bool, instance: Instance) -> None:
    """Remove the credentials of ACCOUNT (its ID or name). Its meetings and their pages stay."""
    confirm(
        f"Remove the credentials of {account}? It can no longer be imported or reconciled; its meetings and their pages stay.",
        yes=yes,
    )
    removed = instance.call(api.ACCOUNT_REMOVE, api.AccountRequest(account=account))
    echo(f"Removed the credentials of {removed.name}. Its meetings and their pages stay.")


@account.command("grant")
@click.argument("account")
@click.argument("site")
@instance_options
def grant(account: str, site: str, instance: Instance) -> None:
    """Grant a Zoom account to a site.

    ACCOUNT is the ID of a Zoom account, SITE an address or ID. The site then shows its meetings, and its events
    that waited for the grant are processed. An account without saved credentials is granted to the first site that
    receives an event of it; for every other site, use this command. An account can be granted before its first
    event, so that no other site has it first.
    """
    changed = instance.call(api.ACCOUNT_GRANT, api.GrantRequest(account=account, site=site))
    echo(
        f"Granted {account} to {changed.site_url}."
        if changed.is_changed
        else f"{account} was granted to {changed.site_url} before."
    )
    if changed.released:
        echo(f"Processing {counted(changed.released, 'event')} that waited.")
    if changed.dropped:
        lost = counted(changed.dropped, "event")
        echo(f"Not kept, as too many were waiting: {lost}. Import the account: zoombridge import")


@account.command("refuse")
@click.argument("account")
@click.argument("site")
@instance_options
def refuse(account: str, site: str, instance: Instance) -> None:
    """Refuse to show an account on a site.

    ACCOUNT is the ID of a Zoom account, SITE an address or ID. Events of the account that waited there for a grant
    are deleted. The next ones are kept in small numbers, raise no alert, and are processed if you grant the account
    later. To end a grant, use: zoombridge account revoke
    """
    refused = instance.call(api.ACCOUNT_REFUSE, api.GrantRequest(account=account, site=site))
    if refused.is_granted:
        raise click.ClickException(
            f"{account} is granted to {refused.site_url}. To end that: zoombridge account revoke"
        )
    echo(f"Refused {account} on {refused.site_url}. Deleted {counted(refused.deleted, 'event')} that waited.")


@account.command("revoke")
@click.argument("account")
@click.argument("site")
@instance_options
def revoke(account: str, site: str, instance: Instance) -> None:
    """Revoke the grant of an account to a site.

    ACCOUNT is the ID of a Zoom account, SITE an address or ID.
    Pages that the bridge created there for its meetings are moved to the trash, with all that editors have added.
    Pages that people created stay, and are not updated any more. New events of the account wait for a grant.
    """
    changed = instance.call(api.ACCOUNT_REVOKE, api.GrantRequest(account=account, site=site))
    echo(
        f"Revoked the grant of {account} to {changed.site_url}."
        if changed.is_changed
        else f"{account} is not granted to {changed.site_url}."
    )


@account.command("grants")
@json_option
@instance_options
def grants(as_json: bool, instance: Instance) -> None:
    """List the grants of Zoom accounts to sites.

    Also lists what waits for a grant, and what was refused.
    """
    found = instance.call(api.ACCOUNT_GRANTS, api.NoArguments())
    if as_json:
        print_json(*found)
        return
    if not found:
        echo("No Zoom account is granted to a site yet.")
    for one in found:
        echo(f"{one.account or 'other accounts'}  {one.site_url}  {_grant_status(one)}")


def _grant_status(one: api.GrantStatus) -> str:
    if one.state is api.GrantState.GRANTED:
        return f"by {one.source}"
    if not one.account:
        lost = counted(one.dropped, "event")
        return f"{lost} not kept, as too many accounts asked. Refuse those that you do not know."
    kept = counted(one.waiting, "event")
    if one.since is not None:
        kept += f" since {times.to_minutes(one.since)}"
    if one.dropped:
        kept += f", {counted(one.dropped, 'older event')} not kept"
    return f"waiting for a grant: {kept}" if one.state is api.GrantState.WAITING else f"refused: {kept}"


@click.command("import")
@click.option("--account", help="Account ID or name; not needed where there is only one.")
@click.option("--dry-run", is_flag=True, help="Only list what would be created, changed and left unchanged.")
@json_option
@instance_options
@click.pass_context
def import_(
    context: click.Context, account: str | None, dry_run: bool, as_json: bool, instance: Instance
) -> None:
    """Import meetings from a Zoom account.

    Imports the upcoming and running meetings and webinars of all users. The job can be stopped and resumed.
    """
    request = api.ReadAccount(account=account, dry_run=dry_run)
    context.exit(_run(instance, api.ACCOUNT_IMPORT, request, as_json=as_json))


@click.command()
@click.option("--account", help="Account ID or name; not needed where there is only one.")
@click.option("--dry-run", is_flag=True, help="Only report the differences.")
@click.option("--held", is_flag=True, help="Only list the pages that are held back from the trash.")
@click.option("--approve", is_flag=True, help="Trash the held pages whose meetings Zoom still says are gone.")
@click.option("--dismiss", is_flag=True, help="Leave the held pages as they are.")
@json_option
@instance_options
@click.pass_context
def reconcile(
    context: click.Context,
    account: str | None,
    dry_run: bool,
    held: bool,
    approve: bool,
    dismiss: bool,
    as_json: bool,
    instance: Instance,
) -> None:
    """Reconcile differences between a Zoom account and its sites.

    Where this would trash too many pages of a site at once, they are held until --approve or --dismiss decides.
    """
    if dry_run + held + approve + dismiss > 1:
        raise click.UsageError("Use one of --dry-run, --held, --approve and --dismiss at a time.")
    if held:
        _list_held(instance, account, as_json=as_json)
    elif approve:
        pages = _list_held(instance, account, as_json=as_json)
        if pages:
            decision = api.Decide(account=account, by=_command_user())
            context.exit(_run(instance, api.RECONCILE_APPROVE, decision, as_json=as_json))
    elif dismiss:
        pages = _list_held(instance, account, as_json=as_json)
        if pages:
            decided = instance.call(api.RECONCILE_DISMISS, api.Decide(account=account, by=_command_user()))
            echo(f"The pages of {counted(decided.meetings, 'meeting')} stay as they are.", err=as_json)
    else:
        request = api.ReadAccount(account=account, dry_run=dry_run)
        context.exit(_run(instance, api.ACCOUNT_RECONCILE, request, as_json=as_json))


def _list_held(instance: Instance, account: str | None, *, as_json: bool) -> int:
    """Print the held pages; return their number."""
    pages = instance.call(api.RECONCILE_HELD, api.HeldRequest(account=account))
    if as_json:
        print_json(*pages)
        return len(pages)
    for page in pages:
        echo(clean(f"{page.number}  {page.topic}: page on {page.site}"))
    if not pages:
        echo("No page is held.")
    return len(pages)


def _command_user() -> str:
    """Return the name of the system's user, for the record of a decision."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"


def _run(
    instance: Instance, operation: Operation[RequestT, JobStatus], request: RequestT, *, as_json: bool
) -> int:
    """Run a job and print it and its findings; return the exit status."""
    ended = run_job(instance, operation, request, show=print_json if as_json else None)
    after = 0
    while found := instance.call(api.ACCOUNT_FINDINGS, api.FindingsRequest(job=ended.id, after=after)):
        if as_json:
            print_json(*found)
        for finding in [] if as_json else found:
            detail = f" ({finding.detail})" if finding.detail else ""
            label = _FINDINGS.get(finding.kind, finding.kind)
            named = f"{finding.number}  {finding.topic}" if finding.number else finding.topic
            echo(clean(f"{named}: {label}{detail}"))
        after = found[-1].position
    return exit_status(ended)
