"""`zoombridge rules`: rules of sites, and templates that sites follow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from core.monitoring.notify.texts import clean
from web.cli import progress
from web.cli.confirmation import confirm, yes_option
from web.cli.instance import instance_options
from web.cli.json_output import json_option, print_json
from web.cli.output import counted, echo
from web.cli.site import sites_options
from web.cli.times import to_minutes
from web.rpc import api

if TYPE_CHECKING:
    from web.cli.instance import Caller, Instance


@click.group()
def rules() -> None:
    """Manage rules of sites, and templates that sites follow."""


@rules.command("list")
@json_option
@instance_options
def list_(as_json: bool, instance: Instance) -> None:
    """List the templates of rules, and how many sites follow them."""
    found = instance.call(api.RULES_LIST, api.NoArguments())
    if as_json:
        print_json(*found)
        return
    if not found:
        echo("No template yet. Save the rules of a site as one: zoombridge rules save NAME SITE")
    for one in found:
        follow = f"{counted(one.following, 'site')} follow{'s' if one.following == 1 else ''}"
        departed = f", {one.departed:,} departed" if one.departed else ""
        echo(clean(f"{one.name}  {follow}{departed}  saved {to_minutes(one.changed_at)}"))


@rules.command()
@click.argument("name")
@json_option
@instance_options
def show(name: str, as_json: bool, instance: Instance) -> None:
    """Show the rules of a template, or of a site.

    NAME is the name of a template, or the address or ID of a site.
    """
    shown = instance.call(api.RULES_SHOW, api.RulesRequest(name=name))
    if as_json:
        print_json(shown)
        return
    echo(clean(shown.name))
    if shown.template:
        departed = f", departed {to_minutes(shown.departed_at)}" if shown.departed_at is not None else ""
        echo(clean(f"    follows {shown.template}{departed}"))
    for key, value in shown.rules.items():
        echo(clean(f"    {key}: {json.dumps(value, ensure_ascii=False)}"))
    for words, urls in (("follows", shown.following), ("departed", shown.departed)):
        for url in urls:
            echo(clean(f"{words:<8}  {url}"))


@rules.command()
@click.argument("name")
@click.argument("site")
@json_option
@instance_options
@click.pass_context
def save(context: click.Context, name: str, site: str, as_json: bool, instance: Instance) -> None:
    """Save the rules of SITE (its address or ID) as template NAME.

    If there is a template of this name, the sites that follow it get these rules. Authors and categories belong to one
    site, and are left out.
    """
    with instance.working() as caller:
        request = api.SaveRulesTemplate(name=name, site=site)
        saved = caller.call(api.RULES_SAVE, request)
        if not as_json:
            echo(clean(f"Saved the rules of {saved.url} as template {saved.name}."))
        statuses = [_follow(caller, job, as_json=as_json) for job in saved.jobs]
    context.exit(max(statuses, default=0))


@rules.command()
@click.argument("name")
@yes_option
@instance_options
def remove(name: str, yes: bool, instance: Instance) -> None:
    """Remove the template NAME. Sites that follow it keep their rules."""
    confirm(f"Remove the template {name}? Sites that follow it keep their rules.", yes=yes)
    removed = instance.call(api.RULES_REMOVE, api.RulesRequest(name=name))
    echo(clean(f"Removed the template {removed.name}. Sites that followed it keep their rules."))


@rules.command()
@click.argument("source")
@sites_options
@json_option
@instance_options
@click.pass_context
def copy(
    context: click.Context,
    source: str,
    chosen: api.SitesRequest,
    as_json: bool,
    instance: Instance,
) -> None:
    """Copy the rules of the site SOURCE to each SITE (addresses or IDs).

    Copies once: later changes to SOURCE are not copied. The pages of these sites are then compared with their new
    rules.
    """
    request = api.CopyRules(source=source, **chosen.model_dump())
    with instance.working() as caller:
        context.exit(_follow(caller, caller.call(api.RULES_COPY, request), as_json=as_json))


@rules.command()
@click.argument("template")
@sites_options
@json_option
@instance_options
@click.pass_context
def follow(
    context: click.Context,
    template: str,
    chosen: api.SitesRequest,
    as_json: bool,
    instance: Instance,
) -> None:
    """Let each SITE (its address or ID) follow TEMPLATE, or follow it again.

    A site that follows a template uses the template's rules, including later changes, until you edit the site's
    own.
    """
    request = api.FollowRules(template=template, **chosen.model_dump())
    with instance.working() as caller:
        context.exit(_follow(caller, caller.call(api.RULES_FOLLOW, request), as_json=as_json))


@rules.command()
@sites_options
@json_option
@instance_options
@click.pass_context
def unfollow(
    context: click.Context,
    chosen: api.SitesRequest,
    as_json: bool,
    instance: Instance,
) -> None:
    """Let each SITE (its address or ID) follow no template. Its rules stay."""
    with instance.working() as caller:
        context.exit(_follow(caller, caller.call(api.RULES_UNFOLLOW, chosen), as_json=as_json))


def _follow(caller: Caller, job: api.JobStatus, *, as_json: bool) -> int:
    """Show the progress of a job until it ends; return the exit status: 1 where it or one of its sites failed."""
    return progress.exit_status(
        progress.follow(caller, job, show=print_json if as_json else progress.print_job)
    )
