"""The operations on rules of sites and their templates."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core import bulk, messages
from core.bulk import BulkAction
from core.errors import RulesTemplateError, UnknownSiteError
from core.model import rules
from core.store.sites import rules_templates, sites
from web.rpc import api
from web.rpc.job_operations import status as job_status
from web.rpc.registry import Implementation
from web.rpc.site_operations import chosen_sites

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.bridge import Bridge
    from core.store.sites.sites import Site


def list_templates(bridge: Bridge, _request: api.NoArguments) -> list[api.RulesTemplateStatus]:
    """Return the templates, by name."""
    with bridge.store.reading() as connection:
        found = rules_templates.list_all(connection)
    return [
        api.RulesTemplateStatus(
            name=one.name, changed_at=one.changed_at, following=one.following, departed=one.departed
        )
        for one in found
    ]


def show(bridge: Bridge, request: api.RulesRequest) -> api.ShownRules:
    """Return the rules of a template, else of a site. Raises: RulesTemplateError where there is neither."""
    with bridge.store.reading() as connection:
        try:
            template = rules_templates.load(connection, request.name)
        except RulesTemplateError:
            try:
                site = sites.find(connection, request.name, bridge.store.sealer)
            except UnknownSiteError:
                named = {"name": request.name}
                raise RulesTemplateError(messages.UNKNOWN_TEMPLATE_OR_SITE % named) from None
            return api.ShownRules(
                name=site.url,
                rules=rules.read(site.rules).rules.written(),
                template=site.template or "",
                departed_at=site.departed_at,
            )
        every = sites.list_all(connection, bridge.store.sealer)
    return api.ShownRules(
        name=template.name,
        rules=rules.read(template.rules).rules.written(),
        following=_urls(every, template.name, departed=False),
        departed=_urls(every, template.name, departed=True),
    )


def save(bridge: Bridge, request: api.SaveRulesTemplate) -> api.SavedRulesTemplate:
    """Save the rules of a site as a template. Raises: UnknownSiteError, RulesTemplateError, TooManyJobsError."""
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    name, begun = bulk.save_template(bridge.store, bridge.job_runner, request.name, site.id, requested_by="")
    return api.SavedRulesTemplate(name=name, url=site.url, jobs=[job_status(job) for job in begun])


def remove(bridge: Bridge, request: api.RulesRequest) -> api.RulesRequest:
    """Remove a template; sites that follow it keep their rules. Raises: RulesTemplateError."""
    return api.RulesRequest(name=bridge.store.write(partial(rules_templates.remove, name=request.name)))


def copy(bridge: Bridge, request: api.CopyRules) -> api.JobStatus:
    """Copy the rules of a site to others. Raises: UnknownSiteError, TooManySitesError, TooManyJobsError."""
    with bridge.store.reading() as connection:
        source = sites.find(connection, request.source, bridge.store.sealer)
    targets = [site.id for site in chosen_sites(bridge, request) if site.id != source.id]
    mark = rules.digest(rules.read(source.rules).rules)
    return job_status(
        bulk.enqueue(
            bridge.job_runner, BulkAction.COPY, targets, source=source.id, previewed=mark, requested_by=""
        )
    )


def follow(bridge: Bridge, request: api.FollowRules) -> api.JobStatus:
    """Let sites follow a template. Raises: RulesTemplateError, UnknownSiteError, TooManySitesError, TooManyJobsError."""
    with bridge.store.reading() as connection:
        template = rules_templates.load(connection, request.template)
    return job_status(
        bulk.enqueue(
            bridge.job_runner,
            BulkAction.FOLLOW,
            [site.id for site in chosen_sites(bridge, request)],
            source=template.name,
            previewed=rules.digest(rules.read(template.rules).rules),
            requested_by="",
        )
    )


def unfollow(bridge: Bridge, request: api.SitesRequest) -> api.JobStatus:
    """Let sites follow no template. Raises: UnknownSiteError, TooManySitesError, TooManyJobsError."""
    targets = [site.id for site in chosen_sites(bridge, request)]
    return job_status(bulk.enqueue(bridge.job_runner, BulkAction.UNFOLLOW, targets, requested_by=""))


def _urls(every: Iterable[Site], template: str, *, departed: bool) -> list[str]:
    return [
        site.url for site in every if site.template == template and (site.departed_at is not None) is departed
    ]


IMPLEMENTATIONS = (
    Implementation(api.RULES_LIST, list_templates),
    Implementation(api.RULES_SHOW, show),
    Implementation(api.RULES_SAVE, save),
    Implementation(api.RULES_REMOVE, remove),
    Implementation(api.RULES_COPY, copy),
    Implementation(api.RULES_FOLLOW, follow),
    Implementation(api.RULES_UNFOLLOW, unfollow),
)
