"""Gather the overview from the store: sites, alerts and statistics of events."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.monitoring import throughput as hourly
from core.monitoring.alerts import Alert, Disk, Severity, alerts_of
from core.store.db import clock as store_clock
from core.store.events import search as event_search
from core.store.events.log import Outcome
from core.store.events.search import EventFilter
from core.store.events.stats import HOUR
from core.store.sites import facts as site_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.model.site_facts import SiteFacts
    from core.monitoring.throughput import Throughput, WeekStats
    from core.store.db.engine import Store

_MOST_FAILED = 1000  # are counted


@dataclass(frozen=True, slots=True)
class Overview:
    """Sites, alerts and event statistics at `now` (Unix milliseconds, UTC).

    `week` covers the whole log; `accounts` are those whose events concern the viewer, None for all.
    """

    now: int
    sites: Sequence[SiteFacts]
    alerts: Sequence[Alert]
    week: WeekStats
    accounts: frozenset[str] | None

    @property
    def critical(self) -> int:
        """Number of critical alerts."""
        return sum(alert.severity is Severity.CRITICAL for alert in self.alerts)


def gather(store: Store, hours: Throughput, *, site_id: str | None = None) -> Overview:
    """Return the overview of every site, or of one. Raises: StoreUnavailableError."""
    with store.reading() as connection:
        now = store_clock.now(connection)
        sites = site_facts.facts(connection, site_id=site_id)
        of_sites = site_facts.accounts_of_sites(connection, site_id=site_id)
        failed = event_search.count(
            connection, EventFilter(outcome=Outcome.FAILED, site_id=site_id), most=_MOST_FAILED
        )
        not_read = event_search.count(
            connection, EventFilter(outcome=Outcome.UNREADABLE, site_id=site_id), most=_MOST_FAILED
        )
        unreadable = site_facts.unreadable_accounts(connection, site_id=site_id)
    week = hours.week(now)
    sites = [replace(site, usual_gap=_usual_gap(week, of_sites.get(site.id, ()))) for site in sites]
    found = alerts_of(
        sites,
        now=now,
        failed_events=failed.number,
        more_failed=not failed.is_whole,
        unreadable_events=not_read.number,
        more_unreadable=not not_read.is_whole,
        disk=disk(store) if site_id is None else None,
        accounts=unreadable,
    )
    concerned = None if site_id is None else frozenset(of_sites.get(site_id, ()))
    return Overview(now, sites, found, week, concerned)


def disk(store: Store) -> Disk | None:
    """Return the disk space of the SQLite database; None with PostgreSQL, or where it cannot be read."""
    if store.is_shared or not store.url.database:
        return None
    try:
        usage = shutil.disk_usage(Path(store.url.database).resolve().parent)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def _usual_gap(week: WeekStats, accounts: Sequence[str]) -> int | None:
    if not week.is_whole:
        return len(week.hours) * HOUR  # no usual gap before the week is counted
    gap = hourly.longest_gap(week, frozenset(accounts))
    return None if gap is None else (gap + 1) * HOUR
