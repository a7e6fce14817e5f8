"""Fixtures for the pages: the ways to them, and the store, which is SQLite unless a test is marked `both_stores`."""

import pytest

from core.store.sites.sites import Site
from tests.web.conftest import Http
from tests.web.pages.doors import Door

# The tests of core run on both stores; of each handler at least one reading and one writing test does.
both_stores = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """The kind of the store."""
    kind: str = request.param
    return kind


@pytest.fixture
def admin(http: Http, wp_site: Site, session: dict[str, str]) -> Door:
    """An administrator of the bridge, who sees every site."""
    return Door(http, session)


@pytest.fixture
def stub(http: Http, wp_site: Site) -> Door:
    """An administrator of the site s1, in its wp-admin."""
    return Door(http, site=wp_site)


@pytest.fixture
def visitor(http: Http, from_wordpress: dict[str, str]) -> Door:
    """Somebody who came from the wp-admin of the site s1 to the bridge's own address."""
    return Door(http, from_wordpress)


@pytest.fixture
def watcher(http: Http, wp_site: Site, viewer: dict[str, str]) -> Door:
    """Somebody who may only look."""
    return Door(http, viewer)


@pytest.fixture(params=["admin", "stub"])
def door(request: pytest.FixtureRequest, wp_site: Site) -> Door:
    """Each of the two shells."""
    opened: Door = request.getfixturevalue(request.param)
    return opened


@pytest.fixture(params=["stub", "visitor"])
def narrow(request: pytest.FixtureRequest, wp_site: Site) -> Door:
    """Each who sees the site s1 only."""
    opened: Door = request.getfixturevalue(request.param)
    return opened
