"""The operations on sites: connecting, checks, self-tests and quarantine."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from core.errors import ZoomBridgeError
from core.model import rules
from core.monitoring import overview
from core.selftest import job as selftest_job
from core.sites import apply_rules, health_check
from core.sites.disconnect import disconnect
from core.sites.key_rotation import rotate
from core.store.events import large_requests, quarantine
from core.store.events.dismissal import Dismissible, dismiss
from core.store.sites import sites, zoom_secrets
from core.zoom.signature import Secret
from web.rpc import api
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from core.bridge import Bridge


def save_secret_token(bridge: Bridge, request: api.SecretToken) -> api.SavedSecretToken:
    """Save a secret token of Zoom for a site, and recheck its quarantine. Raises: UnknownSiteError."""
    secret = Secret(request.secret_token.strip())
    now = int(time.time() * 1000)
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    bridge.store.write(
        lambda connection: zoom_secrets.save(connection, site.id, secret, bridge.store.sealer, now=now)
    )
    return api.SavedSecretToken(url=site.url, accepted=bridge.ingest.recheck(site.id).verified)


def list_sites(bridge: Bridge, _request: api.NoArguments) -> list[api.ListedSite]:
    """Return all sites, each with what is wrong with it."""
    with bridge.store.reading() as connection:
        problems = overview.site_problems(connection, bridge.store)
        return [
            api.ListedSite(
                id=site.id,
                name=site.name,
                url=site.url,
                validated_at=site.validated_at,
                last_event=site.last_event,
                last_event_at=site.last_event_at,
                fault_message=problems.get(site.id, site.fault_message),
                endpoint=site.endpoints.get("meeting", ""),
            )
            for site in sites.list_all(connection, bridge.store.sealer)
        ]


def check_site(bridge: Bridge, request: api.SiteRequest) -> list[api.SiteCheck]:
    """Check the connection of a site in both directions. Raises: UnknownSiteError."""
    facts = health_check.diagnose(bridge.store, request.site)
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
    bridge.health_checker.on_checked(site.id)
    return [
        api.SiteCheck(name=fact.name, ok=fact.well, message=fact.message, since=fact.since) for fact in facts
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
    """Start a self-test of a site. Raises: UnknownSiteError, TooManyJobsError."""
    with bridge.store.reading() as connection:
        site = sites.find(connection, request.site, bridge.store.sealer)
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
    Implementation(api.SITE_CHECK, check_site),
    Implementation(api.SITE_REMOVE, remove_site),
    Implementation(api.SITE_RENEW_KEY, renew_key),
    Implementation(api.SITE_CANCELLED_PAGES, keep_cancelled_pages),
    Implementation(api.SELFTEST_START, start_selftest),
    Implementation(api.SELFTEST_STATUS, selftest_status),
    Implementation(api.QUARANTINE_LIST, list_quarantine),
    Implementation(api.QUARANTINE_RECHECK, recheck_quarantine),
    Implementation(api.QUARANTINE_LARGE, list_large),
    Implementation(api.QUARANTINE_DISMISS, dismiss_alerts),
)
