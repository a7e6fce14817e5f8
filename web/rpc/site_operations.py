"""The operations on sites: connecting, checks, self-tests and quarantine."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core import messages
from core.errors import SitePausedError, SiteTagError, UnknownSiteError, ZoomBridgeError
from core.model import rules
from core.monitoring import site_list
from core.monitoring.site_list import SiteFilter
from core.monitoring.throughput import COUNT_SECONDS
from core.selftest import job as selftest_job
from core.sites import apply_rules, health_check, new_address
from core.sites.disconnect import disconnect
from core.sites.key_rotation import rotate
from core.store.db import clock as store_clock
from core.store.events import large_requests, quarantine
from core.store.events.dismissal import Dismissible, dismiss
from core.store.job_sites import BulkOutcome
from core.store.sites import sites, zoom_secrets
from core.zoom.signature import LONGEST_TOKEN, SHORTEST_TOKEN, Secret, is_token
from web.rpc import api
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.bridge import Bridge
    from core.store.job_sites import SiteResult
    from core.store.sites.sites import Site


def save_secret_token(bridge: Bridge, request: api.SecretToken) -> api.SavedSecretToken:
    """Save a secret token of Zoom for a site, and recheck its quarantine. Raises: UnknownSiteError, ZoomBridgeError."""
    secret = Secret(request.secret_token.strip())
    now = int(time.time() * 1000)
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    if not is_token(secret.value):
        raise ZoomBridgeError(
            f"This is not a token of Zoom's, which has {SHORTEST_TOKEN} to {LONGEST_TOKEN} characters and no spaces. Nothing "
            "was saved: copy it again from Zoom, and only the token."
        )
    bridge.store.write(
        lambda connection: zoom_secrets.save(connection, site.id, secret, bridge.store.sealer, now=now)
    )
    return api.SavedSecretToken(url=site.url, accepted=bridge.ingest.recheck(site.id).verified)


def list_sites(bridge: Bridge, request: api.SiteListRequest) -> list[api.ListedSite]:
    """Return the sites that match, each with its state and what is wrong with it."""
    wanted = SiteFilter(request.words, request.state, request.tag, request.sort)
    week = bridge.throughput.latest(within=COUNT_SECONDS)
    with bridge.store.reading() as connection:
        found = site_list.list_sites(connection, bridge.store, week, wanted)
        endpoints = sites.endpoints_of(connection)
    return [
        api.ListedSite(
            id=line.site.id,
            name=line.site.name,
            url=line.site.url,
            validated_at=line.site.validated_at,
            last_event=line.site.last_event,
            last_event_at=line.site.last_event_at,
            fault_message=line.fault or None,
            state=line.state,
            message=line.message,
            tags=list(line.site.tags),
            paused_at=line.site.paused_at,
            last_write_at=line.site.last_write_at,
            endpoint=endpoints.get(line.site.id, {}).get("meeting", ""),
        )
        for line in found.lines
    ]


def pause_sites(bridge: Bridge, request: api.PauseSites) -> list[api.ChangedSite]:
    """Pause the updates of sites, or let them continue. Raises: UnknownSiteError."""

    def change(connection: Connection, site_id: str) -> tuple[bool, str]:
        if request.paused:
            now = store_clock.now(connection)
            return sites.pause(connection, site_id, now=now), messages.BULK_PAUSED
        return sites.resume(connection, site_id), messages.BULK_RESUMED

    changed = _change_each(bridge, request, change)
    bridge.mirror_worker.wake()
    return changed


def tag_sites(bridge: Bridge, request: api.TagSites) -> list[api.ChangedSite]:
    """Add tags to sites, and remove some. Raises: UnknownSiteError, SiteTagError."""
    add = [sites.read_tag(tag) for tag in request.add]

    def change(connection: Connection, site_id: str) -> tuple[bool, str]:
        changed = sites.change_tags(connection, site_id, add=add, remove=request.remove)
        return changed, messages.BULK_TAGGED

    return _change_each(bridge, request, change)


def _change_each(
    bridge: Bridge, request: api.SitesRequest, change: Callable[[Connection, str], tuple[bool, str]]
) -> list[api.ChangedSite]:
    """Change sites, each in a transaction of its own: one that fails does not stop the others."""
    results = []
    for site in chosen_sites(bridge, request):
        try:
            changed, message = bridge.store.write(partial(_change_one, change=change, site_id=site.id))
        except (UnknownSiteError, SiteTagError) as error:
            outcome, message = BulkOutcome.FAILED, str(error)
        else:
            outcome = BulkOutcome.DONE if changed else BulkOutcome.SKIPPED
            message = message if changed else messages.BULK_UNCHANGED
        results.append((site.id, site.url, outcome, message))
    with bridge.store.reading() as connection:
        tags = {one.id: list(one.tags) for one in sites.list_all(connection, bridge.store.sealer)}
    return [
        api.ChangedSite(id=site_id, url=url, outcome=outcome, message=message, tags=tags.get(site_id, []))
        for site_id, url, outcome, message in results
    ]


def _change_one(
    connection: Connection, *, change: Callable[[Connection, str], tuple[bool, str]], site_id: str
) -> tuple[bool, str]:
    return change(connection, site_id)


def chosen_sites(bridge: Bridge, request: api.SitesRequest) -> list[Site]:
    """Return the sites that are meant. Raises: UnknownSiteError."""
    with bridge.store.reading() as connection:
        every = sites.list_all(connection, bridge.store.sealer)
    chosen = {sites.find_in(every, name).id for name in request.sites}
    tag = request.tag.casefold()
    return [
        site
        for site in every
        if request.every or site.id in chosen or (tag and tag in {one.casefold() for one in site.tags})
    ]


def check_site(bridge: Bridge, request: api.SiteRequest) -> list[api.SiteCheck]:
    """Check the connection of a site in both directions. Raises: UnknownSiteError."""
    facts = health_check.diagnose(bridge.store, request.site)
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    bridge.health_worker.on_checked(site.id)
    return [
        api.SiteCheck(
            name=fact.name, ok=fact.well, message=fact.message, since=fact.since, warning=fact.is_warning
        )
        for fact in facts
    ]


def remove_site(bridge: Bridge, request: api.SiteRequest) -> api.RemovedSite:
    """Disconnect a site. Raises: UnknownSiteError."""
    removed, problem = disconnect(bridge.store, request.site)
    bridge.ingest.invalidate_secrets(removed.id)
    return api.RemovedSite(url=removed.url, problem=problem)


def renew_key(bridge: Bridge, request: api.SiteRequest) -> api.RenewedKey:
    """Renew the key that a site and the bridge sign with. Raises: UnknownSiteError, SiteFaultError."""
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    return api.RenewedKey(url=site.url, renewed=rotate(bridge.store, site.id))


def offer_address(bridge: Bridge, request: api.OfferAddress) -> api.ChangedSite:
    """Offer a new address of the bridge to a site. Raises: ZoomBridgeError for an address that is none.

    That there is no such site is what became of it: the others of a list are still asked.
    """
    address = new_address.read_address(request.address)
    return _change(bridge, request.site, lambda site: new_address.offer(bridge.store, site, address))


def withdraw_address(bridge: Bridge, request: api.SiteRequest) -> api.ChangedSite:
    """Withdraw the address that is offered to a site. That there is no such site is what became of it."""
    return _change(bridge, request.site, lambda site: new_address.withdraw(bridge.store, site))


def _change(bridge: Bridge, name: str, change: Callable[[Site], SiteResult]) -> api.ChangedSite:
    try:
        with bridge.store.reading() as connection:
            site = sites.find(connection, name, bridge.store.sealer)
    except UnknownSiteError as error:
        return api.ChangedSite(id=name, url="", outcome=BulkOutcome.FAILED, message=str(error))
    became = change(site)
    return api.ChangedSite(
        id=site.id, url=site.url, outcome=became.outcome, message=became.message, tags=list(site.tags)
    )


def keep_cancelled_pages(bridge: Bridge, request: api.CancelledPages) -> api.SavedCancelledPages:
    """Save for how many days a site keeps the pages of cancelled meetings. Raises: UnknownSiteError, ZoomBridgeError."""
    if not 0 <= request.days <= rules.MOST_CANCELLED_DAYS:
        raise ZoomBridgeError(f"The number of days must be from 0 to {rules.MOST_CANCELLED_DAYS}.")
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    decided = replace(rules.read(site.rules).rules, cancelled_days=request.days)
    apply_rules.save_rules(bridge.store, bridge.job_runner, site.id, decided, requested_by="")
    return api.SavedCancelledPages(url=site.url)


def start_selftest(bridge: Bridge, request: api.SiteRequest) -> api.SelfTestStarted:
    """Start a self-test of a site. Raises: UnknownSiteError, SitePausedError, TooManyJobsError."""
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    if site.paused_at is not None:
        raise SitePausedError(messages.SITE_PAUSED)
    selftest_job.enqueue(bridge.job_runner, site.id, requested_by="")
    return api.SelfTestStarted(site_id=site.id)


def selftest_status(bridge: Bridge, request: api.SiteRequest) -> api.SelfTestStatus:
    """Return how far the newest self-test of a site has come, by the site's id."""
    with bridge.store.reading() as connection:
        report = selftest_job.latest_report(connection, request.site)
    if report is None:
        raise ZoomBridgeError("This site has not been tested.")
    found = report.diagnosis
    return api.SelfTestStatus(
        steps=[
            api.SelfTestStep(
                stage=step.stage, ok=step.well, milliseconds=step.milliseconds, detail=step.detail
            )
            for step in report.lines
        ],
        diagnosis=None
        if found is None
        else api.SelfTestDiagnosis(
            stage=found.stage, cause=found.cause, message=found.message, advice=found.advice
        ),
        is_running=report.is_running,
        error=report.error,
    )


def list_quarantine(bridge: Bridge, _request: api.NoArguments) -> list[api.RefusedRequest]:
    """Return the refused requests of all sites."""
    found = []
    with bridge.store.reading() as connection:
        for site in sites.list_all(connection, bridge.store.sealer):
            found += [
                api.RefusedRequest(
                    site_url=site.url,
                    received_at=item.received_at,
                    reason=item.reason,
                    sender=item.sender,
                    is_plausible=item.is_plausible,
                )
                for item in quarantine.list_all(connection, site.id, bridge.store.sealer)
            ]
    return found


def recheck_quarantine(bridge: Bridge, _request: api.NoArguments) -> list[api.QuarantineRecheck]:
    """Verify all refused requests with the secrets that are saved now."""
    with bridge.store.reading() as connection:
        every = sites.list_all(connection, bridge.store.sealer)
    results = []
    for site in every:
        found = bridge.ingest.recheck(site.id)
        results.append(api.QuarantineRecheck(site_url=site.url, accepted=found.verified, refused=found.kept))
    return results


def list_large(bridge: Bridge, _request: api.NoArguments) -> list[api.LargeRequestSummary]:
    """Return the requests of all sites that were too large to keep."""
    with bridge.store.reading() as connection:
        urls = {site.id: site.url for site in sites.list_all(connection, bridge.store.sealer)}
        found = large_requests.list_all(connection, bridge.store.sealer)
    return [
        api.LargeRequestSummary(
            site_url=urls.get(one.site_id, ""), received_at=one.received_at, cause=one.cause, size=one.size
        )
        for one in found
    ]


def dismiss_alerts(bridge: Bridge, _request: api.NoArguments) -> api.DismissedRequests:
    """Dismiss the alerts about refused requests of all sites."""
    return api.DismissedRequests(
        quarantined=bridge.store.write(partial(dismiss, requests=Dismissible.QUARANTINED)),
        large=bridge.store.write(partial(dismiss, requests=Dismissible.LARGE)),
    )


IMPLEMENTATIONS = (
    Implementation(api.SITE_SECRET_TOKEN, save_secret_token),
    Implementation(api.SITE_LIST, list_sites),
    Implementation(api.SITE_PAUSE, pause_sites),
    Implementation(api.SITE_TAG, tag_sites),
    Implementation(api.SITE_CHECK, check_site),
    Implementation(api.SITE_REMOVE, remove_site),
    Implementation(api.SITE_RENEW_KEY, renew_key),
    Implementation(api.SITE_OFFER_ADDRESS, offer_address),
    Implementation(api.SITE_WITHDRAW_ADDRESS, withdraw_address),
    Implementation(api.SITE_CANCELLED_PAGES, keep_cancelled_pages),
    Implementation(api.SELFTEST_START, start_selftest),
    Implementation(api.SELFTEST_STATUS, selftest_status),
    Implementation(api.QUARANTINE_LIST, list_quarantine),
    Implementation(api.QUARANTINE_RECHECK, recheck_quarantine),
    Implementation(api.QUARANTINE_LARGE, list_large),
    Implementation(api.QUARANTINE_DISMISS, dismiss_alerts),
)
