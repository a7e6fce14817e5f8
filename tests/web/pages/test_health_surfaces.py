"""Every place that tells of a site's health tells the same: a fault turns each of them, and its end turns it back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from core.bridge import Bridge
from core.monitoring.alerts import Severity
from core.monitoring.overview import current_alerts
from core.monitoring.site_list import SiteFilter, SiteState, list_sites
from core.sites import health_check
from core.store.sites import health
from tests.core.conftest import connected
from tests.core.monitoring.notify.faults import MINUTE, NOTHING_COUNTED, WAYS, Bench, well_site
from tests.web.conftest import METRICS_TOKEN, Http
from tests.web.pages.doors import Door, words
from web.monitoring.metrics import MetricsHandler
from web.pages.overview import OverviewHandler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from core.model.health_facts import HealthFact
    from core.monitoring.alerts import Alert
    from core.store.db.engine import Store
    from core.store.sites.sites import Site


@pytest.fixture
def wp_site(store: Store) -> Site:
    """The connected site; its secret token is saved with the rest that it needs."""
    return connected(store, "s1")


@pytest.fixture
def bench(store: Store, wp_site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The site, at which all is well."""
    for handler in (OverviewHandler, MetricsHandler):
        monkeypatch.setattr(handler, "cache_seconds", 0.0)
    yield from well_site(store, wp_site, monkeypatch)


@pytest.fixture
def bridge(store: Store) -> Bridge:
    made = Bridge.create(store)
    made.throughput.look_seconds = 60.0
    return made


@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_which_doctor_finds_a_fault_turns_every_place_and_back(
    bench: Bench, admin: Door, stub: Door, monitored: Http, way: str
) -> None:
    change, _ = WAYS[way]

    def told() -> dict[str, bool]:
        """Return whether each place says that somebody is needed."""
        is_found = not all(fact.well for fact in found(bench, way))
        sites = admin.get("/sites")
        return {
            "doctor": is_found,
            "overview": says_critical(admin),
            "overview in wp-admin": says_critical(stub),
            "sites": "Failing" in words(sites) or "Setup incomplete" in words(sites),
            "metrics": 'zoombridge_alerts{severity="critical"} 0.0' not in metrics(monitored),
            "site list": site_state(bench) in (SiteState.FAILING, SiteState.SETUP),
            "alerts": any(one.severity is Severity.CRITICAL for one in alerts(bench)),
        }

    bench.check()
    assert set(told().values()) == {False}, told()
    change(bench, True)
    bench.clock.now += MINUTE  # a fact counts once a later look has found it again
    if way not in ("pages", "copies"):
        bench.check()
    assert set(told().values()) == {True}, told()
    change(bench, False)
    if way != "pages":
        bench.check()
    assert set(told().values()) == {False}, told()


def found(bench: Bench, way: str) -> Sequence[HealthFact]:
    """Return what `zoombridge doctor` finds. It checks the site, and for pages the next write shows whether that is over."""
    if way == "pages":
        with bench.store.reading() as connection:
            return list(health.facts(connection, "s1").values())
    return health_check.diagnose(bench.store, "s1", clock=bench.clock)


def says_critical(door: Door) -> bool:
    return re.search(r"\d critical alerts? needs? attention", words(door.get("/"))) is not None


def alerts(bench: Bench) -> list[Alert]:
    with bench.store.reading() as connection:
        found, _ = current_alerts(connection, bench.store, NOTHING_COUNTED, now=int(bench.clock() * 1000))
    return found


def site_state(bench: Bench) -> SiteState:
    """Return what `zoombridge site list` and its `--json` say of the site."""
    with bench.store.reading() as connection:
        (line,) = list_sites(connection, bench.store, NOTHING_COUNTED, SiteFilter()).lines
    return line.state


def metrics(http: Http) -> str:
    return http("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).body.decode()
