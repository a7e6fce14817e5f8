"""Check a connected site by one signed request: WordPress, the plugin, and the connection back to the bridge."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from core import messages
from core.errors import Fault, SiteFaultError, StoreError, UnknownSiteError
from core.pipeline import site_client
from core.sites.diagnosis import count_refused, describe_clock_skew, diagnose_zoom
from core.sites.health_findings import HealthFinding, HealthReport
from core.store.events import quarantine
from core.store.sites import sites, zoom_secrets
from core.wordpress.discovery import is_local

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.sites.diagnosis import Diagnosis
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from core.wordpress.operations import BridgeCall, Greeting
    from core.wordpress.sync_client import SyncClient

_TIMEOUT = (5.0, 10.0)  # connect and read; a page waits for it
_MOST_CHECKS = 8  # concurrent, in the background
MOST_QUARANTINED = 20  # newest requests in quarantine that are diagnosed

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class HealthChecker:
    """Check sites in background threads, each site by one at a time. `on_checked` is called with each site's id after it.

    Thread-safe, does not block.
    """

    store: Store
    on_checked: Callable[[str], None] = lambda _: None
    _underway: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, site_id: str) -> None:
        """Start a check, unless the site is being checked or too many checks are running."""
        with self._guard:
            if site_id in self._underway or len(self._underway) >= _MOST_CHECKS:
                return
            self._underway.add(site_id)
        threading.Thread(target=self._check, args=(site_id,), name="health-check", daemon=True).start()

    def is_underway(self, site_id: str) -> bool:
        """Whether a site is being checked now."""
        return site_id in self._underway

    def _check(self, site_id: str) -> None:
        try:
            check(self.store, site_id, lift=False)
            self.on_checked(site_id)
        except (UnknownSiteError, StoreError) as error:
            logger.warning("health_check_failed", site=site_id, reason=str(error))
        except Exception:
            logger.exception("health_check_failed", site=site_id)
        finally:
            with self._guard:
                self._underway.discard(site_id)


def check(store: Store, site_id: str, *, lift: bool = True) -> HealthReport:
    """Check a site over the sync protocol, and store the report. Blocks for some requests.

    Where the site answers, its home, endpoints and extensions are stored, too, and a block is lifted; without `lift`, a
    block for server errors or throttling remains, as the check does not show its cause to be gone. That plugin or
    bridge must be updated is stored as the site's fault. Raises: UnknownSiteError.
    """
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
    try:
        with site_client.connect(site, timeout=_TIMEOUT) as client:
            greeting = client.hello(call=True)
            report = _report(site, client, greeting)
        _store_answer(store, site, client, greeting, lift=lift)
    except SiteFaultError as error:
        report = HealthReport(_findings_of(error))
        if error.fault in (Fault.STUB_OUTDATED, Fault.BRIDGE_OUTDATED) and site.fault != error.fault:
            _store_fault(store, site, error)
    now = _now()
    store.write(lambda connection: sites.save_health_report(connection, site_id, asdict(report), now=now))
    return report


def _store_answer(store: Store, site: Site, client: SyncClient, greeting: Greeting, *, lift: bool) -> None:
    def write(connection: Connection) -> None:
        sites.save_home(connection, site.id, greeting.home)
        if client.info is not None and (lift or site.fault not in (Fault.SERVER, Fault.THROTTLED)):
            renewed = replace(
                site,
                endpoints=greeting.endpoints,
                vczapi=client.info.vczapi is not None,
                vczapi_pro=client.info.vczapi_pro,
            )
            sites.record_check(connection, renewed)

    store.write(write)


def _store_fault(store: Store, site: Site, error: SiteFaultError) -> None:
    """Store why pages wait, although no write has failed yet. The next write is not delayed."""
    store.write(
        partial(
            sites.record_fault,
            site_id=site.id,
            fault=error.fault,
            message=str(error),
            blocked_until=site.blocked_until,
        )
    )


def diagnose(store: Store, name: str) -> list[HealthFinding]:
    """Check a site, its secret tokens, and whether Zoom's events arrive. Blocks. Raises: UnknownSiteError."""
    with store.reading() as connection:
        site = sites.find(connection, name, store.sealer)
        secrets = [token.secret for token in zoom_secrets.of_site(connection, site.id, store.sealer)]
        held = quarantine.latest(connection, site.id, store.sealer, MOST_QUARANTINED)
    findings = list(check(store, site.id).findings)
    findings.append(
        HealthFinding("secret token", True, "is saved")
        if secrets
        else HealthFinding("secret token", False, "is not saved yet: paste it on the page Webhooks")
    )
    findings.append(
        HealthFinding("Zoom", True, "has validated the endpoint")
        if site.validated_at
        else HealthFinding("Zoom", False, "has not validated the endpoint yet: see the page Webhooks")
    )
    if secrets:
        wrong = diagnose_zoom(
            count_refused(held, secrets), validated_at=site.validated_at, event_at=site.last_event_at
        )
        findings.append(_events(site, wrong))
    return findings


def _events(site: Site, wrong: Diagnosis | None) -> HealthFinding:
    if wrong is not None:
        return HealthFinding("events", False, f"{wrong.message} {wrong.advice}")
    if site.last_event_at is None:
        return HealthFinding(
            "events", True, "none has arrived yet: subscribe to events in Zoom, then schedule a meeting there"
        )
    at = datetime.fromtimestamp(site.last_event_at / 1000, UTC)
    return HealthFinding(
        "events", True, f"arrive; the latest, {site.last_event}, on {at:%Y-%m-%d at %H:%M} UTC"
    )


def _report(site: Site, client: SyncClient, greeting: Greeting) -> HealthReport:
    """Return the report of a site that answered."""
    findings = [
        HealthFinding("WordPress", True, messages.SITE_ANSWERS),
        HealthFinding("plugin", True, messages.PLUGIN_VERSION % {"version": greeting.version}),
        HealthFinding("pairing", True, messages.PAIRED),
        _clocks(client.clock_offset),
    ]
    if not greeting.nonces:
        findings.append(HealthFinding("nonces", False, messages.NONCES_REPEATED))
    if not greeting.trash:
        findings.append(HealthFinding("trash", True, messages.TRASH_OFF))
    if greeting.bridge is not None:
        findings.append(_reached(greeting.bridge, site))
    return HealthReport(tuple(findings), greeting.bridge.address if greeting.bridge else "", greeting.page)


def _findings_of(error: SiteFaultError) -> tuple[HealthFinding, ...]:
    """Return the findings for a site that did not answer as it should: what works, and what fails."""
    works = HealthFinding("WordPress", True, messages.SITE_ANSWERS)
    match error.fault:
        case Fault.STUB_MISSING | Fault.STUB_OUTDATED | Fault.BRIDGE_OUTDATED:
            return works, HealthFinding("plugin", False, str(error))
        case Fault.CREDENTIALS | Fault.SUPERSEDED:
            is_refused = error.fault is Fault.CREDENTIALS
            return (
                works,
                HealthFinding("plugin", True, messages.PLUGIN_ACTIVE),
                HealthFinding("pairing", False, messages.NOT_PAIRED if is_refused else str(error)),
            )
    return (HealthFinding("WordPress", False, str(error)),)


def _clocks(ahead: int) -> HealthFinding:
    """Return the finding of the clocks. `ahead` is not 0 where the site has refused a request for its time."""
    if ahead == 0:
        return HealthFinding("clock", True, messages.CLOCKS_AGREE)
    return HealthFinding("clock", False, " ".join(describe_clock_skew(ahead)))


def _reached(called: BridgeCall, site: Site) -> HealthFinding:
    if called.reached and not called.message:
        return HealthFinding("bridge", True, messages.BRIDGE_REACHED % {"address": called.address})
    advice = connection_advice(called.address, site.url)
    return HealthFinding("bridge", False, f"{called.message} {advice}")


def connection_advice(bridge_url: str, site_url: str) -> str:
    """Return advice for a site that cannot reach the bridge."""
    if is_local(urlsplit(bridge_url).hostname) and not is_local(urlsplit(site_url).hostname):
        return messages.BRIDGE_LOCAL
    return messages.BRIDGE_ADVICE % {"address": bridge_url}


def _now() -> int:
    return int(time.time() * 1000)
