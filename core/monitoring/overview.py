"""Gather the overview from the store: sites, alerts and statistics of events."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.monitoring import throughput as hourly
from core.monitoring.alerts import PATIENCE, Alert, Disk, Severity, alerts_of
from core.store.alerts import open_alerts
from core.store.db import clock as store_clock
from core.store.events import search as event_search
from core.store.events import stalled
from core.store.events.log import Outcome
from core.store.events.search import EventCount, EventFilter
from core.store.events.stats import HOUR
from core.store.sites import facts as site_facts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from core.model.site_facts import SiteFacts
    from core.monitoring.throughput import Throughput, WeekStats
    from core.store.alerts.open_alerts import OpenAlert
    from core.store.db.engine import Store

_MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class HandledAlert:
    """An alert, and how it was handled."""

    alert: Alert
    handling: OpenAlert


@dataclass(frozen=True, slots=True)
class Overview:
    """Sites, alerts and event statistics at `now` (Unix milliseconds, UTC).

    `week` covers the whole log; `accounts` are those whose events concern the viewer, None for all. `handled` are alerts
    that somebody acknowledged or snoozed, which are not in `alerts`.
    """

    now: int
    sites: Sequence[SiteFacts]
    alerts: Sequence[Alert]
    week: WeekStats
    accounts: frozenset[str] | None
    handled: Sequence[HandledAlert] = ()

    @property
    def critical(self) -> int:
        """Number of critical alerts."""
        return sum(alert.severity is Severity.CRITICAL for alert in self.alerts)


def gather(store: Store, hours: Throughput, *, site_id: str | None = None) -> Overview:
    """Return the overview of every site, or of one. Raises: StoreUnavailableError."""
    with store.reading() as connection:
        now = store_clock.now(connection)
        found = _read(connection, site_id)
        opened = open_alerts.list_all(connection, site_id=site_id)
    week = hours.week(now)
    sites = _with_usual_gaps(found, week)
    alerts = _alerts(found, sites, now=now, disk=disk(store) if site_id is None else None)
    handled = [
        HandledAlert(alert, opened[alert.id])
        for alert in alerts
        if alert.id in opened and opened[alert.id].is_quiet(now)
    ]
    quiet = {one.alert.id for one in handled}
    urgent = [alert for alert in alerts if alert.id not in quiet]
    concerned = None if site_id is None else frozenset(found.accounts.get(site_id, ()))
    return Overview(now, sites, urgent, week, concerned, handled)


def current_alerts(
    connection: Connection,
    store: Store,
    week: WeekStats,
    *,
    now: int,
    site_id: str | None = None,
) -> tuple[list[Alert], list[SiteFacts]]:
    """Return all alerts at `now` (Unix milliseconds, UTC), critical ones first, and the sites; or those of one site.

    `week` tells how usual it is that no event arrives: see `Throughput.latest`.
    """
    found = _read(connection, site_id)
    sites = _with_usual_gaps(found, week)
    return _alerts(found, sites, now=now, disk=disk(store) if site_id is None else None), sites


def _with_usual_gaps(found: _Found, week: WeekStats) -> list[SiteFacts]:
    busy = hourly.busy_hours(week)
    return [
        replace(site, usual_gap=_usual_gap(week, busy, found.accounts.get(site.id, ())))
        for site in found.sites
    ]


@dataclass(frozen=True, slots=True)
class _Found:
    """What alerts are derived from."""

    sites: list[SiteFacts]
    accounts: Mapping[str, Sequence[str]]
    failed: EventCount
    pending: EventCount
    pending_since: int | None
    not_read: EventCount
    unreadable: list[tuple[str, str]]


def _read(connection: Connection, site_id: str | None) -> _Found:
    pending, pending_since = EventCount(0, is_whole=True), stalled.since(connection, at_least=PATIENCE)
    if pending_since is not None:
        wanted = EventFilter(outcome=Outcome.PENDING, site_id=site_id)
        pending = event_search.count(connection, wanted, most=_MOST_COUNTED)
    return _Found(
        site_facts.facts(connection, site_id=site_id),
        site_facts.accounts_of_sites(connection, site_id=site_id),
        event_search.count(
            connection, EventFilter(outcome=Outcome.FAILED, site_id=site_id), most=_MOST_COUNTED
        ),
        pending,
        pending_since,
        event_search.count(
            connection, EventFilter(outcome=Outcome.UNREADABLE, site_id=site_id), most=_MOST_COUNTED
        ),
        site_facts.unreadable_accounts(connection, site_id=site_id),
    )


def _alerts(found: _Found, sites: Sequence[SiteFacts], *, now: int, disk: Disk | None) -> list[Alert]:
    return alerts_of(
        sites,
        now=now,
        failed_events=found.failed.number,
        more_failed=not found.failed.is_whole,
        pending_events=found.pending.number,
        more_pending=not found.pending.is_whole,
        pending_since=found.pending_since,
        unreadable_events=found.not_read.number,
        more_unreadable=not found.not_read.is_whole,
        disk=disk,
        accounts=found.unreadable,
    )


def disk(store: Store) -> Disk | None:
    """Return the disk space of the SQLite database; None with PostgreSQL, or where it cannot be read."""
    if store.is_shared or not store.url.database:
        return None
    try:
        usage = shutil.disk_usage(Path(store.url.database).resolve().parent)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def _usual_gap(week: WeekStats, busy: Mapping[str, Collection[int]], accounts: Sequence[str]) -> int | None:
    if not week.is_whole:
        return len(week.hours) * HOUR  # no usual gap before the week is counted
    gap = hourly.longest_gap(busy, accounts)
    return None if gap is None else (gap + 1) * HOUR
