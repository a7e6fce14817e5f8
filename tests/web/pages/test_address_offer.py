"""A new address of the bridge is offered on pages: to one site or several, once that is confirmed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from core.store.sites import sites
from tests.core.conftest import connected
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble
from tests.web.pages.conftest import both_stores
from tests.web.pages.doors import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.bridge import Bridge
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from tests.web.pages.doors import Door

NEW = "https://new.example.org"
PATH = "/sites/s9/address"


@pytest.fixture
def wordpress(store: Store) -> Iterator[PluginDouble]:
    """The site s9, which answers."""
    site = connected(store, "s9")
    plugin = PluginDouble(site.key, "s9", site.url, time.time)
    with NetworkDouble(plugin, site.rest_root, site.url):
        yield plugin


def offered(store: Store) -> str | None:
    with store.reading() as connection:
        return sites.load(connection, "s9", store.sealer).offered_address


@both_stores
def test_one_site_is_asked_once_that_is_confirmed(admin: Door, store: Store, wordpress: PluginDouble) -> None:
    assert "Offer address…" in words(admin.get("/sites/s9"))
    asked = admin.post(PATH, do="offer", address=f"{NEW}/")
    assert f"Offer {NEW} to 1 site?" in words(asked)
    assert "Keep the former address working until every site has changed." in words(asked)
    assert (wordpress.offered, offered(store)) == ("", None)
    shown = words(admin.follow(admin.post(PATH, do="offer", address=NEW, sure="yes")))
    assert "The address is offered: administrators of the site are asked" in shown
    assert f"The site is offered {NEW} as the new address" in shown
    assert (wordpress.offered, offered(store)) == (NEW, NEW)

    withdrawn = words(admin.follow(admin.post(PATH, do="withdraw")))
    assert "The offer is withdrawn" in withdrawn
    assert "Withdraw offer" not in withdrawn
    assert (wordpress.offered, offered(store)) == ("", None)


def test_what_went_wrong_is_said(admin: Door, store: Store, wordpress: PluginDouble) -> None:
    answer = admin.post(PATH, do="offer", address="ftp://x")
    assert (answer.code, "ftp://x" in words(answer)) == (422, True)
    wordpress.declined = NEW
    answer = admin.post(PATH, do="offer", address=NEW, sure="yes")
    assert (answer.code, "has declined this address" in words(answer)) == (422, True)
    assert offered(store) is None
    assert "no longer, connected" in words(
        admin.follow(admin.post("/sites/gone/address", do="offer", address=NEW))
    )


def test_several_sites_are_asked_by_a_job(
    admin: Door, store: Store, wp_site: Site, wordpress: PluginDouble, bridge: Bridge
) -> None:
    asked = words(admin.post("/sites", do="offer", all="yes", new_address=NEW))
    assert f"Offer {NEW} to 2 sites?" in asked
    assert wp_site.name in asked
    wrong = admin.post("/sites", do="offer", all="yes", new_address="nothing", sure="yes")
    assert (wrong.code, bridge.job_runner.claim()) == (422, [])
    for nobody in ({"site": "gone"}, {"all": "yes", "q": "no such site"}):
        answer = admin.post("/sites", do="offer", new_address=NEW, **nobody)
        assert "Nothing was done: choose at least one site." in words(answer)
    begun = admin.post("/sites", do="offer", site="s9", new_address=NEW, sure="yes")
    [job] = bridge.job_runner.claim()
    assert (job.arguments["sites"], job.arguments["address"]) == (["s9"], NEW)
    bridge.job_runner.run_step(job)
    assert (wordpress.offered, offered(store)) == (NEW, NEW)
    assert "Offer a new address of the bridge" in words(admin.follow(begun))


def test_is_not_for_who_sees_one_site_or_only_looks(
    admin: Door, narrow: Door, watcher: Door, store: Store, wordpress: PluginDouble
) -> None:
    for door in (narrow, watcher):
        for path in ("/sites/s1/address", PATH):
            assert door.post(path, do="offer", address=NEW, sure="yes").code == 403
        assert door.post("/sites", do="offer", site="s1", new_address=NEW, sure="yes").code == 403
    assert "Offer address…" not in words(narrow.get("/sites/s1"))
    assert (wordpress.offered, offered(store)) == ("", None)
