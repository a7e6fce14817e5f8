"""`GET /metrics`: what monitors measure, as Prometheus reads it.

How many meetings a company holds, and when, is nobody else's business, and a bridge behind a web server is open to
everybody: so without a token nothing is told. The numbers come from the database, so that every bridge on it tells
the same. Labels name sites, outcomes and kinds of faults, of which there are few; never a meeting or a person.
"""

from __future__ import annotations

import asyncio
import hmac
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from tornado.web import RequestHandler

from core import __version__
from core.errors import StoreUnavailableError
from core.monitoring import throughput as hourly
from core.monitoring.alerts import Severity
from core.monitoring.overview import disk, gather
from core.monitoring.throughput import Throughput
from core.store.events.log import Outcome
from core.store.posts.status import Standing
from web.http.cache import remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor

    from prometheus_client.metrics_core import Metric

    from core.bridge import Bridge
    from core.monitoring.overview import Overview
    from core.store.db.engine import Store
    from core.store.sites.health import SiteFacts

MIN_TOKEN_LENGTH = 16
_SECONDS = 10.0  # for which a look serves every monitor
_OPEN = (Standing.WAITING, Standing.FAILING, Standing.WITHHELD, Standing.DETACHED)


class MetricsHandler(RequestHandler):
    """Tells the numbers to who has the token."""

    def initialize(self, bridge: Bridge, executor: Executor, token: str) -> None:
        """Take what it works with; without a token, nobody is told anything."""
        self._bridge = bridge
        self._executor = executor
        self._token = token

    async def get(self) -> None:
        """Answer as the text format 0.0.4 has it."""
        self.set_header("Cache-Control", "no-store")
        if not self._token:
            self._refuse(
                403, "Metrics are off. Start the bridge with ZOOMBRIDGE_METRICS_TOKEN set to a long secret."
            )
        elif not self._is_allowed():
            self.set_header("WWW-Authenticate", 'Bearer realm="metrics"')
            self._refuse(401, "Send the token of ZOOMBRIDGE_METRICS_TOKEN as: Authorization: Bearer TOKEN")
        else:
            await self._tell()

    def _is_allowed(self) -> bool:
        scheme, _, given = self.request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode(), self._token.encode()
        )

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            text = await loop.run_in_executor(self._executor, self._measured)
        except StoreUnavailableError as error:
            self._refuse(503, str(error))
        else:
            self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
            self.finish(text)

    def _measured(self) -> bytes:
        store = self._bridge.store
        hours: Throughput = self.settings.setdefault("hours", Throughput(store))
        known = remembered(self.application, "metrics", _SECONDS)
        shown = known.get(None, partial(gather, store, hours))
        registry = CollectorRegistry()
        PlatformCollector(registry)
        ProcessCollector(registry=registry)
        GCCollector(registry)
        registry.register(_Measured(shown, store))
        return generate_latest(registry)

    def _refuse(self, status: int, message: str) -> None:
        self.set_status(status)
        self.finish({"code": "zoombridge_metrics", "message": message})


class _Measured:
    """Collects what an overview holds."""

    def __init__(self, shown: Overview, store: Store) -> None:
        self._shown = shown
        self._store = store

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("zoombridge", "The bridge.", {"version": __version__})
        yield from self._of_sites()
        yield from self._of_log()
        found = disk(self._store)
        if found is not None:
            yield GaugeMetricFamily("zoombridge_disk_free_bytes", "Room for the database.", found.free)
        troubles = GaugeMetricFamily(
            "zoombridge_troubles",
            "Things that are not as they should be; “bad” ones need a person.",
            labels=["level"],
        )
        for level in Severity:
            troubles.add_metric([level], sum(one.level is level for one in self._shown.alerts))
        yield troubles

    def _of_sites(self) -> Iterator[Metric]:
        sites = self._shown.sites
        info = InfoMetricFamily("zoombridge_site", "A connected WordPress site.", labels=["site"])
        for site in sites:
            info.add_metric([site.id], {"url": site.url})
        yield info
        for name, told, moments in (
            (
                "last_event",
                "When the last event of Zoom came to its endpoint.",
                [site.last_event_at for site in sites],
            ),
            ("validated", "When Zoom last validated its endpoint.", [site.validated_at for site in sites]),
            ("last_write", "When the bridge last wrote to it.", [site.last_write_at for site in sites]),
            (
                "behind_since",
                "Since when the page that waits longest is out of date.",
                [_behind(site) for site in sites],
            ),
        ):
            yield _by_site(
                f"zoombridge_site_{name}_timestamp_seconds",
                told,
                ((site, at / 1000) for site, at in zip(sites, moments, strict=True) if at is not None),
            )
        yield _by_site(
            "zoombridge_site_failures",
            "How often in a row the site as a whole failed.",
            ((site, site.failures) for site in sites),
        )
        yield _by_site(
            "zoombridge_site_quarantined_requests",
            "Refused requests that are kept until the right secret token is saved.",
            ((site, site.held) for site in sites),
        )
        posts = GaugeMetricFamily(
            "zoombridge_site_posts", "Posts that are not simply shown.", labels=["site", "standing"]
        )
        for site in sites:
            for standing in _OPEN:
                posts.add_metric([site.id, standing], site.count(standing))
        yield posts

    def _of_log(self) -> Iterator[Metric]:
        day = self._shown.week.hours[-hourly.DAY_HOURS :]
        events = GaugeMetricFamily(
            "zoombridge_last_day_events",
            "Events of the last 24 hours by what became of them.",
            labels=["outcome"],
        )
        counted = hourly.outcomes(day)
        for outcome in Outcome:
            events.add_metric([outcome], counted[outcome])
        yield events
        times = GaugeMetricFamily(
            "zoombridge_last_hours_event_to_page_seconds",
            "From an event's arrival to the end of its write, within this hour and the last, of a sample.",
            labels=["quantile"],
        )
        measured = hourly.times(day[-2:])
        for quantile, value in (("0.5", measured.median), ("0.95", measured.most)):
            if value is not None:
                times.add_metric([quantile], value / 1000)
        yield times


def _behind(site: SiteFacts) -> int | None:
    moments = (site.since(standing) for standing in (Standing.WAITING, Standing.FAILING))
    return min((moment for moment in moments if moment is not None), default=None)


def _by_site(name: str, told: str, values: Iterable[tuple[SiteFacts, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=["site"])
    for site, value in values:
        family.add_metric([site.id], value)
    return family
