"""Look whether a connected site is well: at WordPress, at the plugin, and at the way back to the bridge."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from core.errors import Fault, SiteFaultError, StoreError, UnknownSiteError
from core.sites.diagnosis import clocks_apart, count_refused, of_zoom
from core.store.events import quarantine
from core.store.sites import sites, zoom_secrets
from core.wordpress.client import WordPressClient
from core.wordpress.discovery import is_local
from core.wordpress.signing import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.sites.diagnosis import Diagnosis
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from core.wordpress.responses import Connection

_TIMEOUT = (5.0, 10.0)  # to connect, and for the answer: somebody waits before the page
_MOST_LOOKS = 8  # at once, in the background
REFUSED_LOOKED_AT = 20  # requests, the newest of those in quarantine

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing that was looked at: `message` says what is wrong and what to do, or what was found well."""

    name: str
    well: bool
    message: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What a site looked like from both sides. `bridge` and `page` are addresses, as the plugin gave them."""

    findings: tuple[HealthFinding, ...] = ()
    bridge: str = ""
    page: str = ""

    def finding(self, name: str) -> HealthFinding | None:
        """Return what was found of one thing; None where it was not looked at."""
        return next((found for found in self.findings if found.name == name), None)

    @classmethod
    def of(cls, site: Site) -> HealthReport:
        """Return the last look at a site; an empty one where nobody has looked yet."""
        kept: Mapping[str, Any] = site.health_report or {}
        found = tuple(HealthFinding(**finding) for finding in kept.get("findings", ()))
        return cls(found, kept.get("bridge", ""), kept.get("page", ""))


@dataclass(slots=True)
class HealthChecker:
    """Looks at sites in the background, at each by one thread at a time. `looked` is called after each look."""

    store: Store
    looked: Callable[[], None] = lambda: None
    _underway: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, site_id: str) -> None:
        """Look at a site, unless somebody does already."""
        with self._guard:
            if site_id in self._underway or len(self._underway) >= _MOST_LOOKS:
                return
            self._underway.add(site_id)
        threading.Thread(target=self._look, args=(site_id,), name="look", daemon=True).start()

    def is_underway(self, site_id: str) -> bool:
        """Whether somebody looks at a site just now."""
        return site_id in self._underway

    def _look(self, site_id: str) -> None:
        try:
            look(self.store, site_id, lift=False)
            self.looked()
        except (UnknownSiteError, StoreError) as error:
            logger.warning("look_failed", site=site_id, reason=str(error))
        except Exception:
            logger.exception("look_failed", site=site_id)
        finally:
            with self._guard:
                self._underway.discard(site_id)


def look(store: Store, site_id: str, *, lift: bool = True) -> HealthReport:
    """Look at a site from both sides, and keep what was found.

    What WordPress says of itself is kept, too, and a block is lifted; without `lift` only one whose reason is
    shown to be gone. Raises `UnknownSiteError`.
    """
    with store.reading() as connection:
        site = sites.load(connection, site_id, store.sealer)
    findings: list[HealthFinding] = []
    told: Connection | None = None
    try:
        with WordPressClient(site.rest_root, site.username, site.password, timeout=_TIMEOUT) as client:
            user = client.me()
            findings.append(HealthFinding("WordPress", True, f"answers, signed in as {user.name}"))
            told = client.connection()
            findings += [HealthFinding("plugin", True, f"version {told.stub}"), _pairing(site, told)]
            findings += [_clocks(client.seconds_ahead), _reached(client, site, told)]
        if lift or site.fault not in (Fault.SERVER, Fault.THROTTLED):
            renewed = replace(
                site, endpoints=told.endpoints, vczapi=told.vczapi is not None, vczapi_pro=told.vczapi_pro
            )
            store.write(lambda connection: sites.save(connection, renewed, store.sealer))
    except SiteFaultError as error:
        name = "plugin" if error.fault is Fault.STUB_MISSING else "WordPress"
        findings.append(HealthFinding(name, False, str(error)))
    made = HealthReport(tuple(findings), (told and told.bridge) or "", (told and told.page) or "")
    now = _now()
    store.write(lambda connection: sites.save_health_report(connection, site_id, asdict(made), now=now))
    return made


def check(store: Store, name: str) -> list[HealthFinding]:
    """Look at a site from both sides, and at what is known of Zoom. Raises `UnknownSiteError`."""
    with store.reading() as connection:
        site = sites.find(connection, name, store.sealer)
        saved = [token.secret for token in zoom_secrets.of_site(connection, site.id, store.sealer)]
        held = quarantine.latest(connection, site.id, store.sealer, REFUSED_LOOKED_AT)
    findings = list(look(store, site.id).findings)
    findings.append(
        HealthFinding("secret token", True, "is saved")
        if saved
        else HealthFinding("secret token", False, "is not saved yet: paste it on the page Webhooks")
    )
    findings.append(
        HealthFinding("Zoom", True, "has validated the endpoint")
        if site.validated_at
        else HealthFinding("Zoom", False, "has not validated the endpoint yet: see the page Webhooks")
    )
    if saved:
        wrong = of_zoom(
            count_refused(held, saved), validated_at=site.validated_at, event_at=site.last_event_at
        )
        findings.append(_events(site, wrong))
    return findings


def _events(site: Site, wrong: Diagnosis | None) -> HealthFinding:
    if wrong is not None:
        return HealthFinding("events", False, f"{wrong.message} {wrong.advice}")
    if site.last_event_at is None:
        return HealthFinding(
            "events", True, "none has come yet: tick them in Zoom, then schedule a meeting there"
        )
    at = datetime.fromtimestamp(site.last_event_at / 1000, UTC)
    return HealthFinding("events", True, f"come; the last, {site.last_event}, on {at:%Y-%m-%d at %H:%M} UTC")


def _pairing(site: Site, told: Connection) -> HealthFinding:
    if told.site == site.id:
        return HealthFinding("pairing", True, "is with this bridge")
    return HealthFinding(
        "pairing",
        False,
        "The plugin is not paired with this bridge any more. Connect the site again, with the button below or "
        "with zoombridge site add.",
    )


def _clocks(ahead: float | None) -> HealthFinding:
    if ahead is None or abs(ahead) <= WINDOW_SECONDS:
        return HealthFinding("clock", True, "agrees with the bridge's")
    return HealthFinding("clock", False, " ".join(clocks_apart(ahead)))


def _reached(client: WordPressClient, site: Site, told: Connection) -> HealthFinding:
    checked = client.check_connection()
    if checked.reached and not checked.message:
        return HealthFinding("bridge", True, f"is reached from WordPress, at {told.bridge}")
    return HealthFinding("bridge", False, f"{checked.message} {how_to_reach(told.bridge or '', site.url)}")


def how_to_reach(bridge_url: str, site_url: str) -> str:
    """Say what to try where WordPress does not reach the bridge."""
    if is_local(urlsplit(bridge_url).hostname) and not is_local(urlsplit(site_url).hostname):
        return (
            "That address means “this machine”, and WordPress is on another one. Give the bridge an address that "
            "WordPress reaches: put a web server with HTTPS in front of it, start it with --behind-proxy, and enter "
            "the new address here."
        )
    return (
        f"Look whether the bridge runs, and whether WordPress's server opens {bridge_url}/healthz. If a firewall or "
        "the host's rules keep it from there (in WordPress: WP_HTTP_BLOCK_EXTERNAL), allow it; if it must use another "
        "address, enter that here."
    )


def _now() -> int:
    return int(time.time() * 1000)
