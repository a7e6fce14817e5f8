"""Check a connected site by one signed request: WordPress, the plugin, and the connection back to the bridge."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core import __version__, messages
from core.errors import Fault, SiteFaultError, StoreError
from core.model.health_facts import CHECKED, FactName, HealthFact, HealthFinding, in_order, without_echo
from core.model.page_status import PageStatus
from core.model.page_visit import PageVisit
from core.pipeline import site_client
from core.sites import apply_rules, site_changes
from core.sites.address_approval import asked_of
from core.sites.diagnosis import describe_clock_skew, diagnose_zoom, newest_refused
from core.sites.plugin_versions import plugin_finding
from core.sites.vczapi_versions import vczapi_findings
from core.store.alerts import open_alerts
from core.store.db import clock as store_clock
from core.store.db import settings
from core.store.events import quarantine
from core.store.posts import standing, visits
from core.store.sites import health, rules, sites, sweeps, zoom_secrets
from core.wordpress.homes import is_local, zoom_endpoints
from core.wordpress.sync_client import Doorway
from core.wordpress.sync_operations import LoaderState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.sites.diagnosis import RefusedRequests
    from core.store.db.engine import Store
    from core.store.events.quarantine import QuarantinedRequest
    from core.store.sites.sites import Site
    from core.store.sites.zoom_secrets import SavedToken
    from core.wordpress.sync_client import SyncClient
    from core.wordpress.sync_operations import BridgeCall, Greeting, Loader

_TIMEOUT = (5.0, 10.0)  # connect and read; a page waits for it
CHECK_SECONDS = 420.0
"""How long after a check the next one is due. With the second check, what fails is known for certain within ten minutes."""
SECOND_CHECK_SECONDS = 75.0
"""The same where the check found what was not known to fail: a second one tells whether it lasts."""
CHECK_SECONDS_WHEN_LEFT = 3600.0
"""The same for a site whose plugin has said goodbye, and is not there."""
_JITTER = 0.1  # part of that time, so that sites that were checked together are not always
MOST_QUARANTINED = 20  # newest requests in quarantine that are diagnosed


def check(
    store: Store,
    site_id: str,
    *,
    lift: bool = True,
    clock: Callable[[], float] | None = None,
    chance: Callable[[], float] = random.random,
) -> list[HealthFact]:
    """Check a site over the sync protocol, and store what was found as facts. Blocks for some requests.

    Where the site answers, its home, endpoints and extensions are stored, too, with what others have changed there, and a
    block is lifted; without `lift`, a
    block for server errors or throttling remains, as the check does not show its cause to be gone. Where VCZAPI or its
    PRO add-on was activated or deactivated, all posts are requeued, by a job. That plugin or bridge must be updated is
    stored as the site's fault. `chance` (0 to 1) is the jitter of the time of the next check.
    Returns the stored facts: none where the site was removed or paired anew meanwhile. Where the check itself fails,
    no fact of the one before is left. Raises: UnknownSiteError.
    """
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
        alerts = open_alerts.told_to_site(connection, site_id, now=store_clock.now(connection, clock))
    try:
        with site_client.connect(site, timeout=_TIMEOUT) as client:
            answer = _greet(site, client, alerts)
            has_left = site.left_at is not None and isinstance(answer, SiteFaultError)
            seconds = CHECK_SECONDS_WHEN_LEFT if has_left else CHECK_SECONDS
            delay = int(seconds * 1000 * (1 + _JITTER * (2 * chance() - 1)))
            facts = store.write(
                partial(_store, site=site, answer=answer, lift=lift, delay=delay, clock=clock)
            )
            if facts:  # otherwise the site was removed or paired anew
                with contextlib.suppress(SiteFaultError):  # then the next check, or write, is told the rest
                    site_changes.fetch(store, site.id, client, clock=clock)
    except Exception:
        with contextlib.suppress(StoreError):  # the first error is the one to report
            store.write(partial(health.forget, site_id=site.id, names=CHECKED))
        raise
    else:
        return facts


def _greet(
    site: Site, client: SyncClient, alerts: tuple[int, str]
) -> tuple[SyncClient, Greeting] | SiteFaultError:
    try:
        client.doorway = Doorway.REST  # perhaps it is open again
        return client, client.hello(call=True, visit=site.visits + 1, alerts=alerts)
    except SiteFaultError as error:
        return error


def _store(
    connection: Connection,
    *,
    site: Site,
    answer: tuple[SyncClient, Greeting] | SiteFaultError,
    lift: bool,
    delay: int,
    clock: Callable[[], float] | None,
) -> list[HealthFact]:
    now = store_clock.now(connection, clock)
    rules.hold(connection, site.id)
    is_current = health.end_check(
        connection, site.id, epoch=site.epoch, claimed=site.check_due_at, now=now, next_at=now + delay
    )
    if not is_current:
        return []
    if isinstance(answer, SiteFaultError):
        _store_fault(connection, site, answer, now=now)
        if (asked := asked_of(answer)) != site.asked_addresses:
            sites.ask_addresses(connection, site.id, asked)
        findings = _findings_of(answer, site)
    else:
        _store_answer(connection, site, *answer, lift=lift, now=now)
        if site.addresses is None or site.asked_addresses:
            sites.save_addresses(
                connection, site.id, answer[0].used if site.addresses is None else site.addresses
            )
        places = site.places.seen(answer[1].place, now=now)
        if places != site.places:
            sites.save_places(connection, site.id, places)
        findings = _findings(site, *answer)
        if places.shows_copies(now=now):
            findings.append(
                HealthFinding(FactName.COPIES, False, messages.TWO_COPIES % {"address": site.url})
            )
    health.replace_checked(connection, site.id, findings, now=now)
    known = list(health.facts(connection, site.id).values())
    is_new = any(not fact.well and fact.name in CHECKED and fact.since == now for fact in known)
    if is_new and delay < CHECK_SECONDS_WHEN_LEFT * 1000 * (1 - _JITTER):
        health.check_by(connection, site.id, now + int(SECOND_CHECK_SECONDS * 1000))
    return known


def _store_answer(
    connection: Connection, site: Site, client: SyncClient, greeting: Greeting, *, lift: bool, now: int
) -> None:
    sites.end_goodbye(connection, site.id)
    sweeps.record_visit(connection, site, greeting.visit)
    sites.save_home(connection, site.id, greeting.home)
    sites.save_settings_page(connection, site.id, greeting.page)
    _note_bridge_address(connection, site, greeting)
    if client.doorway != site.doorway:
        sites.save_doorway(connection, site.id, client.doorway)
    if client.info is not None and (lift or site.fault not in (Fault.SERVER, Fault.THROTTLED)):
        renewed = replace(
            site,
            endpoints=zoom_endpoints(greeting.endpoints, site.url, has_rest=client.doorway is Doorway.REST),
            vczapi=client.info.vczapi is not None,
            vczapi_pro=client.info.vczapi_pro,
        )
        if sites.record_check(connection, renewed) and renewed.extensions != site.extensions:
            apply_rules.adapt_to_plugins(connection, site.id, now=now)


def _note_bridge_address(connection: Connection, site: Site, greeting: Greeting) -> None:
    """Store where the site calls the bridge. Links lead there, so only an address counts that the bridge has offered."""
    called = greeting.bridge
    if called is None or not called.reached or called.address == site.bridge_url:
        return
    if called.address in settings.offered_addresses(connection):
        sites.save_bridge_url(connection, site, called.address)


def _store_fault(connection: Connection, site: Site, error: SiteFaultError, *, now: int) -> None:
    """Store why pages wait, although no write has failed yet. The next write is not delayed."""
    if error.fault in (Fault.STUB_OUTDATED, Fault.BRIDGE_OUTDATED) and site.fault != error.fault:
        sites.record_fault(
            connection,
            site_id=site.id,
            fault=error.fault,
            message=str(error),
            blocked_until=site.blocked_until,
            now=now,
            is_checked=True,
        )


# --- Facts of a site ----------------------------------------------------------------------------------------


def diagnose(store: Store, name: str, *, clock: Callable[[], float] | None = None) -> list[HealthFact]:
    """Check a site; return all facts about it, with those about Zoom. Blocks. Raises: UnknownSiteError."""
    with store.reading() as connection:
        site = sites.find(connection, name, store.sealer)
    check(store, site.id, clock=clock)
    with store.reading() as connection:
        site = sites.load(connection, site.id, store.sealer)
        tokens = zoom_secrets.of_site(connection, site.id, store.sealer)
        held = quarantine.suspects(connection, site.id, store.sealer, MOST_QUARANTINED)
        stored = health.facts(connection, site.id)
        pages = standing.count(connection, site.id)
        seen = visits.count(connection, site.id)
    found = [*stored.values(), *visitor_facts(pages, seen), *zoom_facts(site, tokens, held)]
    return without_echo(in_order(found))


def visitor_facts(
    pages: Mapping[PageStatus | None, int], visits_of: Mapping[PageVisit | None, int]
) -> list[HealthFact]:
    """Return how many of a site's pages visitors see, and why not the others. None where there are no pages.

    `visits_of` are the published ones by what visitors get.
    """
    if not pages:
        return []
    hidden = {visit: visits_of[visit] for visit in _UNSEEN_VISITS if visit in visits_of}
    shown = max(pages.get(PageStatus.PUBLISHED, 0) - sum(hidden.values()), 0)
    seen = {"count": shown, "pages": sum(pages.values())}
    others = [_UNSEEN_VISITS[visit] % {"count": count} for visit, count in hidden.items()]
    others += [text % {"count": pages[status]} for status, text in _UNSEEN.items() if status in pages]
    message = ", ".join([messages.PAGES_SEEN % seen, *others])
    return [HealthFact(FactName.VISITORS, True, message, None)]


_UNSEEN_VISITS = {
    PageVisit.MISSING: messages.PAGES_MISSING,
    PageVisit.ELSEWHERE: messages.PAGES_ELSEWHERE,
    PageVisit.UNCLEAR: messages.PAGES_UNCLEAR,
    None: messages.PAGES_UNVISITED,
}


_UNSEEN = {
    PageStatus.PROTECTED: messages.PAGES_PROTECTED,
    PageStatus.DRAFT: messages.PAGES_DRAFT,
    PageStatus.PRIVATE: messages.PAGES_PRIVATE,
    PageStatus.SCHEDULED: messages.PAGES_SCHEDULED,
    PageStatus.TRASHED: messages.PAGES_TRASHED,
    PageStatus.GONE: messages.PAGES_GONE,
    PageStatus.OTHER: messages.PAGES_OTHER,
    None: messages.PAGES_UNKNOWN,
}


def zoom_facts(
    site: Site, tokens: Sequence[SavedToken], held: Sequence[QuarantinedRequest]
) -> list[HealthFact]:
    """Return what a site's secret tokens and Zoom's requests show. Their own tables tell it at any time.

    `held` are the newest requests in quarantine.
    """
    if tokens:
        since = min(token.created_at for token in tokens)
        found = [HealthFact(FactName.SECRET_TOKEN, True, messages.SECRET_SAVED, since)]
    else:
        found = [HealthFact(FactName.SECRET_TOKEN, False, messages.SECRET_NOT_SAVED, None)]
    if site.validated_at:
        found.append(HealthFact(FactName.ZOOM, True, messages.ENDPOINT_VALIDATED, site.validated_at))
    else:
        found.append(HealthFact(FactName.ZOOM, False, messages.ENDPOINT_NOT_VALIDATED, None))
    if tokens:
        found.append(_events(site, tokens, held))
    return found


def refused_by(
    site: Site, tokens: Sequence[SavedToken], held: Sequence[QuarantinedRequest]
) -> RefusedRequests:
    """Return what the refused requests of a site show; `held` are the newest suspects in quarantine."""
    return newest_refused(
        held,
        [token.secret for token in tokens],
        stale_at=site.stale_at,
        stale_seconds=site.stale_seconds,
    )


def _events(site: Site, tokens: Sequence[SavedToken], held: Sequence[QuarantinedRequest]) -> HealthFact:
    refused = refused_by(site, tokens, held)
    wrong = diagnose_zoom(refused, validated_at=site.validated_at, event_at=site.last_event_at)
    if wrong is not None:
        well_at = max(site.validated_at or 0, site.last_event_at or 0)
        times = [request.received_at for request in held if request.received_at > well_at]
        since = min(times, default=refused.newest_at)
        return HealthFact(FactName.EVENTS, False, f"{wrong.message} {wrong.advice}", since)
    if site.last_event_at is None:
        return HealthFact(FactName.EVENTS, True, messages.NO_EVENT_YET, None)
    at = datetime.fromtimestamp(site.last_event_at / 1000, UTC)
    latest = {"event": site.last_event or "", "time": f"{at:%Y-%m-%d %H:%M}"}
    return HealthFact(FactName.EVENTS, True, messages.EVENTS_ARRIVE % latest, None, site.last_event_at)


# --- Findings of a check ------------------------------------------------------------------------------------


def _findings(site: Site, client: SyncClient, greeting: Greeting) -> list[HealthFinding]:
    """Return the findings for a site that answered."""
    findings = [
        HealthFinding(FactName.WORDPRESS, True, messages.SITE_ANSWERS),
        plugin_finding(greeting.version, __version__),
        HealthFinding(FactName.PAIRING, True, messages.PAIRED),
        _clocks(client.clock_offset),
    ]
    if not greeting.nonces:
        findings.append(HealthFinding(FactName.NONCES, False, messages.NONCES_REPEATED))
    if not greeting.trash:
        findings.append(HealthFinding(FactName.TRASH, True, messages.TRASH_OFF))
    if client.info is not None:
        pro = (greeting.vczapi_pro or "") if client.info.vczapi_pro else None
        findings += vczapi_findings(client.info.vczapi, pro)
    if greeting.bridge is not None:
        findings.append(_reached(greeting.bridge, site))
    if greeting.loader is not None and greeting.loader.state is not LoaderState.NONE:
        findings.append(HealthFinding(FactName.LOADER, True, _loader(greeting.loader)))
    if client.info is not None and client.info.vczapi_pro:
        findings.append(HealthFinding(FactName.PRO_WEBHOOK, True, messages.PRO_SILENT))
    if greeting.others:
        ids = ", ".join(map(str, greeting.others))
        findings.append(HealthFinding(FactName.OTHER_PAGES, True, messages.OTHER_PAGES % {"ids": ids}))
    return findings


def _loader(loader: Loader) -> str:
    """Return how it stands with the loader. No state of it loses anything: events go the ordinary way."""
    if loader.state is LoaderState.ACTIVE:
        return messages.LOADER_ACTIVE
    text = messages.LOADER_OUTDATED if loader.state is LoaderState.OUTDATED else messages.LOADER_MISSING
    return text if loader.writable else f"{text} {messages.LOADER_UNWRITABLE}"


def _findings_of(error: SiteFaultError, site: Site) -> list[HealthFinding]:
    """Return the findings for a site that did not answer as it should: what works, and what fails."""
    works = HealthFinding(FactName.WORDPRESS, True, messages.SITE_ANSWERS)
    if site.left_at is not None and error.fault in _WITHOUT_PLUGIN:
        return [HealthFinding(FactName.PLUGIN, False, _left(site.left_at, site.left_reason))]
    match error.fault:
        case Fault.STUB_MISSING | Fault.STUB_OUTDATED | Fault.BRIDGE_OUTDATED:
            return [works, HealthFinding(FactName.PLUGIN, False, str(error))]
        case Fault.CREDENTIALS | Fault.SUPERSEDED:
            is_refused = error.fault is Fault.CREDENTIALS
            return [
                works,
                HealthFinding(FactName.PLUGIN, True, messages.PLUGIN_ACTIVE),
                HealthFinding(FactName.PAIRING, False, messages.NOT_PAIRED if is_refused else str(error)),
            ]
    return [HealthFinding(FactName.WORDPRESS, False, str(error))]


# How WordPress answers whose plugin is not active: with its own page, or in other ways behind a firewall.
_WITHOUT_PLUGIN = (Fault.STUB_MISSING, Fault.STUB_OUTDATED, Fault.NOT_JSON, Fault.CREDENTIALS)


def _left(left_at: int, reason: str | None) -> str:
    """Return why the plugin is not there, by its own goodbye."""
    at = {"time": f"{datetime.fromtimestamp(left_at / 1000, UTC):%Y-%m-%d %H:%M}"}
    return (messages.PLUGIN_UNINSTALLED if reason == "uninstalled" else messages.PLUGIN_DEACTIVATED) % at


def _clocks(ahead: int) -> HealthFinding:
    """Return the finding of the clocks. `ahead` is not 0 where the site has refused a request for its time."""
    if ahead == 0:
        return HealthFinding(FactName.CLOCK, True, messages.CLOCKS_AGREE)
    return HealthFinding(FactName.CLOCK, False, " ".join(describe_clock_skew(ahead)))


def _reached(called: BridgeCall, site: Site) -> HealthFinding:
    if called.reached and not called.message:
        return HealthFinding(FactName.BRIDGE, True, messages.BRIDGE_REACHED % {"address": called.address})
    advice = connection_advice(called.address, site.url)
    return HealthFinding(FactName.BRIDGE, False, f"{called.message} {advice}")


def connection_advice(bridge_url: str, site_url: str) -> str:
    """Return advice for a site that cannot reach the bridge."""
    if is_local(urlsplit(bridge_url).hostname) and not is_local(urlsplit(site_url).hostname):
        return messages.BRIDGE_LOCAL
    return messages.BRIDGE_ADVICE % {"address": bridge_url}
