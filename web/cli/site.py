"""`zoombridge site`: WordPress sites."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from core.errors import ZoomBridgeError
from core.model.rules import MOST_CANCELLED_DAYS
from core.monitoring.notify.texts import clean
from core.monitoring.site_list import SiteSort, SiteState
from core.store.job_sites import BulkOutcome
from web.cli import site_add
from web.cli.confirmation import confirm, yes_option
from web.cli.doctor import describe, has_failed, mark
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import counted, echo
from web.cli.secret_input import read_secret_token
from web.cli.times import to_minutes
from web.rpc import api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    """Save one of Zoom's secret tokens for SITE.

    SITE is an address or ID. Its events are verified with the token. A site can have several tokens, for several
    apps. Refused events that it verifies are accepted now.

    The token is read from ZOOMBRIDGE_SECRET_TOKEN, prompted for, or read from standard input: zoombridge site
    secret-token SITE < secret-token.txt
    """
    instance.call(api.SITE_SHOW, api.SiteRequest(site=site))  # there is such a site
    given = read_secret_token("Secret token (Zoom App Marketplace: your app > Features > Access, or Feature)")
    request = api.SecretToken(site=site, secret_token=given)
    saved = instance.call(api.SITE_SECRET_TOKEN, request)
    echo(f"Saved the secret token of {saved.url}.")
    if saved.accepted:
        was = "was" if saved.accepted == 1 else "were"
        echo(f"{counted(saved.accepted, 'refused event')} {was} accepted now.")


@site.command("list")
@click.argument("words", nargs=-1)
@click.option(
    "--state", type=click.Choice([one.value for one in SiteState]), help="Only sites in this state."
)
@click.option("--tag", default="", show_default="none", help="Only sites with this tag.")
@click.option(
    "--sort",
    type=click.Choice([one.value for one in SiteSort]),
    default=SiteSort.STATE.value,
    show_default=True,
    help="By state: the worst first.",
)
@json_option
@instance_options
def list_(
    words: tuple[str, ...], state: str | None, tag: str, sort: str, as_json: bool, instance: Instance
) -> None:
    """List the sites and their states.

    With WORDS, lists only sites whose name, address or tags hold all of them.
    """
    request = api.SiteListRequest(
        words=" ".join(words),
        state=None if state is None else SiteState(state),
        tag=tag,
        sort=SiteSort(sort),
    )
    sites = instance.call(api.SITE_LIST, request)
    if as_json:
        print_json(*sites)
        return
    if not sites:
        is_narrowed = words or state or tag
        echo(
            "No site matches."
            if is_narrowed
            else "No site is connected yet. Connect one: zoombridge site add"
        )
    for status in sites:
        at = status.last_event_at
        event = f"last event {to_minutes(at)}" if at else "no event yet"
        tags = f"  [{', '.join(status.tags)}]" if status.tags else ""
        paused = "  paused" if status.paused_at and status.state is not SiteState.PAUSED else ""
        echo(clean(f"{status.id}  {status.state:<7}  {status.url}  {event}{paused}{tags}"))
        if status.message or status.fault_message:
            echo(clean(f"    {status.message or status.fault_message}"))


def sites_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the argument and the options that name sites; the command gets them as `chosen`, which names at least one."""

    @wraps(command)
    def with_chosen(*given: Any, sites: tuple[str, ...], with_tag: str, every: bool, **others: Any) -> None:
        if not (sites or with_tag or every):
            raise click.UsageError("Name at least one SITE, or use --with-tag or --all.")
        command(*given, chosen=api.SitesRequest(sites=list(sites), tag=with_tag, every=every), **others)

    named = click.option("--all", "every", is_flag=True, help="All sites.")(with_chosen)
    named = click.option("--with-tag", default="", show_default="none", help="Also all sites with this tag.")(
        named
    )
    return click.argument("sites", nargs=-1, metavar="[SITE]...")(named)


def _names(chosen: api.SitesRequest, instance: Instance) -> list[str]:
    """Return the names of the chosen sites, each once: as they were typed, or their IDs."""
    named = list(chosen.sites)
    if chosen.tag or chosen.every:
        listed = instance.call(api.SITE_LIST, api.SiteListRequest(tag="" if chosen.every else chosen.tag))
        named += [one.id for one in listed]
    return list(dict.fromkeys(named))


def _print_changed(context: click.Context, changed: Iterable[api.ChangedSite], *, as_json: bool) -> None:
    """Print what became of each site as soon as it is known, and end with status 1 where one failed."""
    outcomes = []
    for one in changed:
        outcomes.append(one.outcome)
        if as_json:
            print_json(one)
        else:
            tags = f"  [{', '.join(one.tags)}]" if one.tags else ""
            echo(clean(f"{one.outcome:<7}  {one.id}  {one.url}{tags}"))
            echo(clean(f"    {one.message}"))
    if not outcomes and not as_json:
        echo("No site matches.")
    context.exit(1 if BulkOutcome.FAILED in outcomes else 0)


@site.command("pause")
@sites_options
@json_option
@instance_options
@click.pass_context
def pause(
    context: click.Context,
    chosen: api.SitesRequest,
    as_json: bool,
    instance: Instance,
) -> None:
    """Pause the updates of each SITE (its address or ID).

    Events are received and kept, and the sites are checked; pages stay as they are until `zoombridge site resume`.
    """
    request = api.PauseSites(paused=True, **chosen.model_dump())
    changed = instance.call(api.SITE_PAUSE, request)
    _print_changed(context, changed, as_json=as_json)


@site.command("resume")
@sites_options
@json_option
@instance_options
@click.pass_context
def resume(
    context: click.Context,
    chosen: api.SitesRequest,
    as_json: bool,
    instance: Instance,
) -> None:
    """Resume the updates of each SITE (its address or ID).

    What changed meanwhile is written now.
    """
    request = api.PauseSites(paused=False, **chosen.model_dump())
    changed = instance.call(api.SITE_PAUSE, request)
    _print_changed(context, changed, as_json=as_json)


@site.command("tag")
@sites_options
@click.option("--add", multiple=True, metavar="TAG", help="Add this tag; repeatable.")
@click.option("--remove", multiple=True, metavar="TAG", help="Remove this tag; repeatable.")
@json_option
@instance_options
@click.pass_context
def tag(
    context: click.Context,
    chosen: api.SitesRequest,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    as_json: bool,
    instance: Instance,
) -> None:
    """Add tags to sites, or remove some.

    SITE is an address or ID. Tags group sites, for example by customer: lists are filtered by them.
    """
    if not (add or remove):
        raise click.UsageError("Name a tag with --add or --remove.")
    request = api.TagSites(add=list(add), remove=list(remove), **chosen.model_dump())
    changed = instance.call(api.SITE_TAG, request)
    _print_changed(context, changed, as_json=as_json)


@site.command("check")
@click.argument("site")
@json_option
@instance_options
@click.pass_context
def check(context: click.Context, site: str, as_json: bool, instance: Instance) -> None:
    """Check the connection to SITE (its address or ID).

    Checks both directions, and exits with status 1 if one fails; a warning is no failure.
    """
    checks = instance.call(api.SITE_CHECK, api.SiteRequest(site=site))
    if as_json:
        print_json(*checks)
    else:
        for one in checks:
            echo(f"{mark(one)}  {describe(one)}")
    context.exit(1 if has_failed(checks) else 0)


@site.command("renew-key")
@click.argument("site")
@instance_options
def renew_key(site: str, instance: Instance) -> None:
    """Renew the key of SITE (its address or ID).

    The site and the bridge sign what they send each other with it. Nothing is interrupted.
    """
    renewed = instance.call(api.SITE_RENEW_KEY, api.SiteRequest(site=site))
    if not renewed.renewed:
        raise ZoomBridgeError(f"The key of {renewed.url} was not renewed, and stays valid. Please try again.")
    echo(f"Renewed the key of {renewed.url}.")


@site.command("offer-address")
@click.argument("address")
@sites_options
@json_option
@instance_options
@click.pass_context
def offer_address(
    context: click.Context,
    address: str,
    chosen: api.SitesRequest,
    as_json: bool,
    instance: Instance,
) -> None:
    """Offer ADDRESS, a new one of the bridge, to each SITE.

    SITE is an address or ID. An administrator of the site accepts or declines it in wp-admin. The bridge has to answer
    there already; until it is accepted, the site calls the former address. `zoombridge site withdraw-address` withdraws
    the offer.
    """
    offered = (
        instance.call(api.SITE_OFFER_ADDRESS, api.OfferAddress(site=name, address=address))
        for name in _names(chosen, instance)
    )
    _print_changed(context, offered, as_json=as_json)


@site.command("withdraw-address")
@sites_options
@json_option
@instance_options
@click.pass_context
def withdraw_address(
    context: click.Context,
    chosen: api.SitesRequest,
    as_json: bool,
    instance: Instance,
) -> None:
    """Withdraw the address that is offered to each SITE.

    SITE is an address or ID. Its administrators are not asked any more, and the site goes on calling the former address.
    Sites to which none is offered are skipped.
    """
    withdrawn = (
        instance.call(api.SITE_WITHDRAW_ADDRESS, api.SiteRequest(site=name))
        for name in _names(chosen, instance)
    )
    _print_changed(context, withdrawn, as_json=as_json)


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
    """Set how long SITE keeps pages of cancelled meetings.

    SITE is an address or ID. Meanwhile a page says that its meeting is cancelled. Pages that are in the trash
    already stay there.
    """
    saved = instance.call(api.SITE_CANCELLED_PAGES, api.CancelledPages(site=site, days=keep_days))
    kept = "at once" if not keep_days else f"after {counted(keep_days, 'day')}"
    echo(f"Pages of cancelled meetings on {saved.url} are moved to the trash {kept}.")


@site.command("remove")
@click.argument("site")
@yes_option
@instance_options
def remove(site: str, yes: bool, instance: Instance) -> None:
    """Disconnect SITE (its address or ID). Its posts stay as they are."""
    confirm(f"Disconnect {site}, and delete its secrets and what is known of its posts?", yes=yes)
    removed = instance.call(api.SITE_REMOVE, api.SiteRequest(site=site))
    echo(f"Disconnected {removed.url}. Its posts stay as they are.")
    if removed.problem:
        echo(f"The plugin there still considers itself connected: {removed.problem}")
