"""Is it well? All that the overview shows, gathered from the store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core import hours as hourly
from core.store import clock as store_clock
from core.store import events as listed
from core.store import overview
from core.store.filters import Filter
from core.store.hourly import HOUR
from core.store.log import Outcome
from core.troubles import Disk, Level, SiteFacts, Trouble, troubles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.hours import Hours, Week
    from core.store.engine import Store

_MOST_FAILED = 1000  # are counted


@dataclass(frozen=True, slots=True)
class Overview:
    """What there is to tell at `now` (ms since 1970, UTC).

    `week` is of the whole log; `accounts` are those whose events concern who looks, None for all.
    """

    now: int
    sites: Sequence[SiteFacts]
    troubles: Sequence[Trouble]
    week: Week
    accounts: frozenset[str] | None

    @property
    def bad(self) -> int:
        """How many things need a person."""
        return sum(trouble.level is Level.BAD for trouble in self.troubles)


def gather(store: Store, hours: Hours, *, site_id: str | None = None) -> Overview:
    """Return how it stands: with every site, or with one. Raises `StoreUnavailableError`."""
    with store.reading() as connection:
        now = store_clock.now(connection)
        sites = overview.facts(connection, site_id=site_id)
        of_sites = overview.accounts_of_sites(connection, site_id=site_id)
        failed = listed.count(connection, Filter(outcome=Outcome.FAILED, site_id=site_id), most=_MOST_FAILED)
        unreadable = overview.unreadable_accounts(connection, site_id=site_id)
    week = hours.week(now)
    sites = [replace(site, usual_gap=_usual_gap(week, of_sites.get(site.id, ()))) for site in sites]
    found = troubles(
        sites,
        now=now,
        failed_events=failed.number,
        more_failed=not failed.is_whole,
        disk=disk(store) if site_id is None else None,
        accounts=unreadable,
    )
    concerned = None if site_id is None else frozenset(of_sites.get(site_id, ()))
    return Overview(now, sites, found, week, concerned)


def disk(store: Store) -> Disk | None:
    """Return how much room there is for the database; None where it is on a server of its own."""
    if store.is_shared or not store.url.database:
        return None
    try:
        usage = shutil.disk_usage(Path(store.url.database).resolve().parent)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def _usual_gap(week: Week, accounts: Sequence[str]) -> int | None:
    if not week.is_whole:
        return len(week.hours) * HOUR  # nothing is said of a habit before it is known
    gap = hourly.longest_gap(week, frozenset(accounts))
    return None if gap is None else (gap + 1) * HOUR
