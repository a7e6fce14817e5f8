"""`GET /metrics` in Prometheus's text format.

See https://prometheus.io/docs/instrumenting/exposition_formats/. The numbers show how many meetings a company holds, and
when, and a bridge behind a web server is public: so without a token there are none. They come from the database, so
every bridge on it reports the same; only requests that are not stored are counted by each process. Labels name sites,
outcomes and states, of which there are few; never a meeting or a person.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from core import __version__
from core.errors import StoreUnavailableError
from core.model.post_status import PostStatus
from core.monitoring import throughput as hourly
from core.monitoring.alerts import AlertKind, Severity
from core.monitoring.overview import disk, gather
from core.store.events.log import Outcome
from web.http.cache import application_cache
from web.http.handler import Handler

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Executor

    from prometheus_client.metrics_core import Metric

    from core.bridge import Bridge
    from core.model.site_facts import SiteFacts
    from core.monitoring.alerts import Alert
    from core.monitoring.overview import Overview
    from core.store.db.engine import Store
    from core.zoom.plausibility import RefusalCause

MIN_TOKEN_LENGTH = 16
_REPORTED = (PostStatus.PENDING, PostStatus.FAILING, PostStatus.WITHHELD, PostStatus.DETACHED)


class MetricsHandler(Handler):
    """`GET /metrics` with the bearer token."""

    cache_seconds = 10.0
    """Seconds for which the numbers that take long to gather are kept."""

    def initialize(self, bridge: Bridge, executor: Executor, token: str) -> None:
        self._bridge = bridge
        self._executor = executor
        self._token = token

    async def get(self) -> None:
        """Answer in the text format 0.0.4; 403 where metrics are off, 401 without the token."""
        self.set_header("Cache-Control", "no-store")
        if not self._token:
            self._refuse(
                403, "Metrics are off. Start the bridge with ZOOMBRIDGE_METRICS_TOKEN set to a long secret."
            )
        elif not self._is_allowed():
            self.set_header("WWW-Authenticate", 'Bearer realm="metrics"')
            self._refuse(401, "Send the token of ZOOMBRIDGE_METRICS_TOKEN as: Authorization: Bearer TOKEN")
        else:
            await self._export()

    def _is_allowed(self) -> bool:
        scheme, _, given = self.request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode(), self._token.encode()
        )

    async def _export(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            text = await loop.run_in_executor(self._executor, self._exposition)
        except StoreUnavailableError as error:
            self._refuse(503, str(error))
        else:
            self.set_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
            self.finish(text)

    def _exposition(self) -> bytes:
        store = self._bridge.store
        cache = application_cache(self.application, "metrics", self.cache_seconds)
        overview = cache.get(None, partial(gather, store, self._bridge.throughput))
        registry = CollectorRegistry()
        PlatformCollector(registry)
        ProcessCollector(registry=registry)
        GCCollector(registry)
        registry.register(_OverviewCollector(overview, store, self._bridge.ingest.refusals.of_all()))
        return generate_latest(registry)

    def _refuse(self, status: int, message: str) -> None:
        self.set_status(status)
        self.finish({"code": "zoombridge_metrics", "message": message})


class _OverviewCollector:
    """Collects the metrics of an overview."""

    def __init__(self, overview: Overview, store: Store, refusals: Mapping[RefusalCause, int]) -> None:
        self._overview = overview
        self._store = store
        self._refusals = CounterMetricFamily(
            "zoombridge_refused_requests",
            "Refused webhook requests that were not kept, since this process started.",
            labels=["reason"],
        )
        for cause, number in refusals.items():
            self._refusals.add_metric([cause], number)

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("zoombridge", "The bridge.", {"version": __version__})
        yield from self._site_metrics()
        yield from self._log_metrics()
        yield self._refusals
        found = disk(self._store)
        if found is not None:
            yield GaugeMetricFamily(
                "zoombridge_disk_free_bytes", "Free space where the SQLite file is.", found.free
            )
        alerts = GaugeMetricFamily(
            "zoombridge_alerts",
            "Open alerts; critical ones need a person; those that somebody acknowledged or snoozed are counted apart.",
            labels=["severity"],
        )
        for severity in Severity:
            number = sum(alert.severity is severity for alert in self._overview.alerts)
            alerts.add_metric([severity], number)
        alerts.add_metric(["acknowledged"], len(self._overview.handled))
        yield alerts
        yield self._open_alerts()

    def _open_alerts(self) -> Metric:
        found = GaugeMetricFamily(
            "zoombridge_open_alerts",
            "Open alerts by kind and site, without those that somebody acknowledged or snoozed; `fact` is what a check found.",
            labels=["kind", "severity", "fact", "site"],
        )
        counted = Counter(
            (alert.kind, alert.severity, fact_slug(alert), alert.site_id or "")
            for alert in self._overview.alerts
        )
        for labels, number in sorted(counted.items()):
            found.add_metric(labels, number)
        return found

    def _site_metrics(self) -> Iterator[Metric]:
        sites = self._overview.sites
        info = InfoMetricFamily("zoombridge_site", "A connected WordPress site.", labels=["site"])
        for site in sites:
            info.add_metric([site.id], {"url": site.url})
        yield info
        for name, help_text, times in (
            (
                "last_event",
                "Time of the last event that its endpoint received.",
                [site.last_event_at for site in sites],
            ),
            (
                "last_validation",
                "Time of the last validation of its endpoint by Zoom.",
                [site.validated_at for site in sites],
            ),
            (
                "last_write",
                "Time of the last write of the bridge to it.",
                [site.last_write_at for site in sites],
            ),
            (
                "oldest_pending_post",
                "Time since which the longest pending post is out of date.",
                [_oldest_pending(site) for site in sites],
            ),
        ):
            yield _by_site(
                f"zoombridge_site_{name}_timestamp_seconds",
                help_text,
                ((site, at / 1000) for site, at in zip(sites, times, strict=True) if at is not None),
            )
        yield _by_site(
            "zoombridge_site_consecutive_failures",
            "Consecutive failures of the site as a whole.",
            ((site, site.failures) for site in sites),
        )
        yield _by_site(
            "zoombridge_site_quarantined_requests",
            "Quarantined requests that name a Zoom account known at the site, and were not dismissed.",
            ((site, site.held) for site in sites),
        )
        posts = GaugeMetricFamily(
            "zoombridge_site_posts", "Posts that are not up to date, by status.", labels=["site", "status"]
        )
        for site in sites:
            for status in _REPORTED:
                posts.add_metric([site.id, status], site.count(status))
        yield posts

    def _log_metrics(self) -> Iterator[Metric]:
        day = self._overview.week.hours[-hourly.DAY_HOURS :]
        events = GaugeMetricFamily(
            "zoombridge_last_day_events",
            "Events received in the last 24 hours, by outcome.",
            labels=["outcome"],
        )
        counted = hourly.outcomes(day)
        for outcome in Outcome:
            events.add_metric([outcome], counted[outcome])
        yield events
        times = GaugeMetricFamily(
            "zoombridge_event_to_post_seconds",
            "Time from receiving an event to writing its post, of a sample from the current and the last hour.",
            labels=["quantile"],
        )
        measured = hourly.latency(day[-2:])
        for quantile, value in (("0.5", measured.median), ("0.95", measured.most)):
            if value is not None:
                times.add_metric([quantile], value / 1000)
        yield times


def fact_slug(alert: Alert) -> str:
    """Return the name of the fact that an alert is about, as metrics and the runbook spell it; empty for other alerts."""
    return alert.subject.lower().replace(" ", "-") if alert.kind is AlertKind.CHECK else ""


def _oldest_pending(site: SiteFacts) -> int | None:
    moments = (site.since(status) for status in (PostStatus.PENDING, PostStatus.FAILING))
    return min((moment for moment in moments if moment is not None), default=None)


def _by_site(name: str, help_text: str, values: Iterable[tuple[SiteFacts, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=["site"])
    for site, value in values:
        family.add_metric([site.id], value)
    return family
