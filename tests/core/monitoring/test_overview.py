"""Is it well: gathered from the store, for all or for one site."""

import time
from typing import Any

import pytest

from core.monitoring import overview
from core.monitoring.alerts import AlertKind, Disk
from core.monitoring.overview import Overview, current_alerts, gather
from core.monitoring.site_list import SiteFilter, SiteState, list_sites
from core.monitoring.throughput import Throughput
from core.store.db.engine import Store
from core.store.events import log
from core.store.events.log import Outcome
from core.store.events.stats import HOUR
from core.store.sites import grants, sites, zoom_secrets
from core.store.sites.grants import GrantSource
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, SECRET, event
from tests.core.store.entries import entry

NOW = int(time.time() * 1000)


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "disk", lambda _store: Disk(10**12, 10**13))


@pytest.fixture
def two_sites(store: Store) -> Store:
    """Two sites of two accounts, with all that they need."""
    for site_id, account_id in (("s1", ACCOUNT), ("s2", "another")):
        connected(store, site_id)

        def prepare(connection: Any, site_id: str = site_id, account_id: str = account_id) -> None:
            zoom_secrets.save(connection, site_id, Secret(SECRET), store.sealer, now=1)
            sites.record_validation(connection, site_id, now=NOW)
            grants.add(connection, account_id, site_id, GrantSource.ADMINISTRATOR, now=1)

        store.write(prepare)
    return store


def came(
    store: Store, site_id: str, account_id: str, *hours_ago: float, outcome: Outcome = Outcome.APPLIED
) -> None:
    for ago in hours_ago:
        at = NOW - int(ago * HOUR)
        told = event("meeting.updated", at, account_id=account_id)
        line = entry(store, told, site_id=site_id, received_at=at, outcome=outcome)
        store.write(lambda connection, line=line: log.append(connection, [line]))  # type: ignore[misc]


def looked(store: Store, site_id: str | None = None, *, seconds: float = 60) -> Overview:
    return gather(store, Throughput(store, look_seconds=seconds), site_id=site_id)


def kinds(found: Overview) -> list[tuple[AlertKind, str | None]]:
    return [(one.kind, one.site_id) for one in found.alerts]


def test_tells_of_all_sites_or_of_one(two_sites: Store) -> None:
    came(two_sites, "s1", ACCOUNT, 1)
    came(two_sites, "s2", "another", 1)
    found = looked(two_sites)
    assert [site.id for site in found.sites] == ["s1", "s2"]
    assert (kinds(found), found.critical, found.accounts) == ([], 0, None)
    of_one = looked(two_sites, "s2")
    assert [site.id for site in of_one.sites] == ["s2"]
    assert of_one.accounts == frozenset({"another"})


def test_what_could_not_be_folded_is_told_to_whom_it_concerns(two_sites: Store) -> None:
    came(two_sites, "s1", ACCOUNT, 1, 2, outcome=Outcome.FAILED)
    came(two_sites, "s2", "another", 1)
    assert kinds(looked(two_sites)) == [(AlertKind.FAILED_EVENTS, None)]
    assert looked(two_sites).alerts[0].count == 2
    assert kinds(looked(two_sites, "s1")) == [(AlertKind.FAILED_EVENTS, None)]
    assert kinds(looked(two_sites, "s2")) == []


def test_silence_is_measured_by_the_habit_of_each_site(two_sites: Store) -> None:
    came(two_sites, "s1", ACCOUNT, 32, 31, 30)
    came(two_sites, "s2", "another", 70, 50, 30)
    assert kinds(looked(two_sites)) == [(AlertKind.QUIET, "s1")]


def test_a_list_of_sites_tells_of_silence_as_the_overview_does(two_sites: Store) -> None:
    came(two_sites, "s1", ACCOUNT, 32, 31, 30)
    came(two_sites, "s2", "another", 70, 50, 30)
    week = Throughput(two_sites, look_seconds=-1).latest(within=60)
    with two_sites.reading() as connection:
        listed = list_sites(connection, two_sites, week, SiteFilter()).lines
        alerts, _ = current_alerts(connection, two_sites, week, now=NOW)
    assert {line.site.id: line.state for line in listed} == {"s1": SiteState.WARNING, "s2": SiteState.OK}
    assert [(one.kind, one.site_id) for one in alerts] == kinds(looked(two_sites))


def test_nothing_is_said_of_a_habit_before_the_week_is_counted(two_sites: Store) -> None:
    came(two_sites, "s1", ACCOUNT, 32, 31, 30)
    came(two_sites, "s2", "another", 1)
    found = looked(two_sites, seconds=-1)
    assert not found.week.is_whole
    assert kinds(found) == []


def test_the_disk_is_that_of_the_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = overview.disk(store)
    if store.is_shared:
        assert found is None
    else:
        assert found is not None
        assert 0 < found.free <= found.total
