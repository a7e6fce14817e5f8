"""Check a connected site: WordPress, the plugin, and the connection back to the bridge."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from core import messages
from core.errors import Fault, SiteFaultError, StoreError, UnknownSiteError
from core.sites.diagnosis import count_refused, describe_clock_skew, diagnose_zoom
from core.sites.health_findings import HealthFinding, HealthReport
from core.store.events import quarantine
from core.store.sites import sites, zoom_secrets
from core.wordpress.client import WordPressClient
from core.wordpress.discovery import is_local
from core.wordpress.signing import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.sites.diagnosis import Diagnosis
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from core.wordpress.responses import Connection

_TIMEOUT = (5.0, 10.0)  # connect and read; a page waits for it
_MOST_CHECKS = 8  # concurrent, in the background
MOST_QUARANTINED = 20  # newest requests in quarantine that are diagnosed

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class HealthChecker:
    """Check sites in background threads, each site by one at a time. `on_checked` is called after each check.

    Thread-safe, does not block.
    """

    store: Store
    on_checked: Callable[[], None] = lambda: None
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
            self.on_checked()
        except (UnknownSiteError, StoreError) as error:
            logger.warning("health_check_failed", site=site_id, reason=str(error))
        except Exception:
            logger.exception("health_check_failed", site=site_id)
        finally:
            with self._guard:
                self._underway.discard(site_id)


def check(store: Store, site_id: str, *, lift: bool = True) -> HealthReport:
    """Check a site over its REST API, and store the report. Blocks for several requests.

    Where the requests succeed, the site's endpoints and extensions are stored, too, and a block is lifted; without
    `lift`, a block for server errors or throttling remains, as the check does not show its cause to be gone.
    Raises: UnknownSiteError.
    """
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
    findings: list[HealthFinding] = []
    connected: Connection | None = None
    try:
        with WordPressClient(site.rest_root, site.username, site.password, timeout=_TIMEOUT) as client:
            user = client.me()
            findings.append(HealthFinding("WordPress", True, messages.SITE_ANSWERS % {"name": user.name}))
            connected = client.connection()
            findings += [
                HealthFinding("plugin", True, messages.PLUGIN_VERSION % {"version": connected.stub}),
                _pairing(site, connected),
            ]
            findings += [_clocks(client.seconds_ahead), _reached(client, site, connected)]
        if lift or site.fault not in (Fault.SERVER, Fault.THROTTLED):
            renewed = replace(
                site,
                endpoints=connected.endpoints,
                vczapi=connected.vczapi is not None,
                vczapi_pro=connected.vczapi_pro,
            )
            store.write(lambda connection: sites.save(connection, renewed, store.sealer))
    except SiteFaultError as error:
        name = "plugin" if error.fault is Fault.STUB_MISSING else "WordPress"
        findings.append(HealthFinding(name, False, str(error)))
    report = HealthReport(
        tuple(findings), (connected and connected.bridge) or "", (connected and connected.page) or ""
    )
    now = _now()
    store.write(lambda connection: sites.save_health_report(connection, site_id, asdict(report), now=now))
    return report


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


def _pairing(site: Site, connected: Connection) -> HealthFinding:
    if connected.site == site.id:
        return HealthFinding("pairing", True, messages.PAIRED)
    return HealthFinding(
        "pairing",
        False,
        messages.NOT_PAIRED,
    )


def _clocks(ahead: float | None) -> HealthFinding:
    if ahead is None or abs(ahead) <= WINDOW_SECONDS:
        return HealthFinding("clock", True, messages.CLOCKS_AGREE)
    return HealthFinding("clock", False, " ".join(describe_clock_skew(ahead)))


def _reached(client: WordPressClient, site: Site, connected: Connection) -> HealthFinding:
    checked = client.check_connection()
    if checked.reached and not checked.message:
        return HealthFinding("bridge", True, messages.BRIDGE_REACHED % {"address": connected.bridge})
    return HealthFinding(
        "bridge", False, f"{checked.message} {connection_advice(connected.bridge or '', site.url)}"
    )


def connection_advice(bridge_url: str, site_url: str) -> str:
    """Return advice for a site that cannot reach the bridge."""
    if is_local(urlsplit(bridge_url).hostname) and not is_local(urlsplit(site_url).hostname):
        return messages.BRIDGE_LOCAL
    return messages.BRIDGE_ADVICE % {"address": bridge_url}


def _now() -> int:
    return int(time.time() * 1000)
