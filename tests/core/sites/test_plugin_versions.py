"""Versions of plugin and bridge that differ, or do not fit each other: what a check of the site says."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from core import __version__
from core.errors import Fault
from core.model.health_facts import FactName
from core.sites import health_check
from core.sites.plugin_versions import plugin_finding
from core.store.db.engine import Store
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble

HOME = "https://s1.example.org"
OLDER, SAME, NEWER = "Update the plugin", "", "Update the bridge"


@pytest.mark.parametrize(
    ("plugin", "bridge", "advice"),
    [
        ("0.2.0", "0.2.0", SAME),
        ("0.2", "0.2.0", SAME),
        ("0.2.0", "0.2.1", OLDER),
        ("0.2.9", "0.2.10", OLDER),
        ("0.9.0", "1.0.0", OLDER),
        ("0.2.1", "0.2.0", NEWER),
        ("0.10.0", "0.9.0", NEWER),
        ("2", "1.9.9", NEWER),
        ("odd", "1.0.0", SAME),
        ("", "1.0.0", SAME),
    ],
)
def test_says_which_one_to_update(plugin: str, bridge: str, advice: str) -> None:
    found = plugin_finding(plugin, bridge)
    assert found.well, "they go on together"
    for one in (OLDER, NEWER):
        assert (one in found.message) == (one == advice)
    assert plugin in found.message
    assert (bridge in found.message) == bool(advice) or plugin == bridge


@pytest.fixture
def wordpress(site: Site) -> Iterator[NetworkDouble]:
    with NetworkDouble(PluginDouble(site.key, "s1", HOME, time.time), f"{HOME}/wp-json/", HOME) as network:
        yield network


@dataclass(frozen=True)
class Installed:
    """A plugin, and what is to be said of it."""

    version: str
    fault: Fault | None
    advice: str
    protocols: tuple[int, int] = (2, 2)
    unknown: tuple[str, ...] = ()  # it refuses a greeting with what it does not know


@pytest.mark.parametrize(
    "plugin",
    [
        Installed(__version__, None, SAME),
        Installed("0.1.9", None, OLDER, unknown=("alerts",)),
        Installed("9.0.0", None, NEWER, protocols=(2, 3)),
        Installed("0.1.9", Fault.STUB_OUTDATED, OLDER, protocols=(1, 1)),
        Installed("9.0.0", Fault.BRIDGE_OUTDATED, NEWER, protocols=(3, 4)),
    ],
    ids=["same", "older", "newer", "too old", "too new"],
)
def test_a_check_names_the_next_step(store: Store, wordpress: NetworkDouble, plugin: Installed) -> None:
    wordpress.plugin.protocols, wordpress.plugin.version = plugin.protocols, plugin.version
    wordpress.plugin.unknown = plugin.unknown
    for _ in range(2):
        found = {fact.name: fact for fact in health_check.check(store, "s1")}
    assert found[FactName.WORDPRESS].well
    assert found[FactName.PLUGIN].well == (plugin.fault is None)
    assert plugin.advice in found[FactName.PLUGIN].message
    with store.reading() as connection:
        fault = sites.load(connection, "s1", store.sealer).fault
    assert fault == plugin.fault, "it is told in lists and alerts, too"
    assert (wordpress.plugin.alerts is not None) == (plugin.fault is None and not plugin.unknown)
