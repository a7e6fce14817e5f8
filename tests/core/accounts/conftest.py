"""The account's double, and a bridge beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.zoom import Account, ZoomServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.store.db.engine import Store
    from core.store.sites.sites import Site
from tests.core.accounts.world import World


@pytest.fixture
def zoom() -> Iterator[ZoomServer]:
    with ZoomServer(Account()) as server:
        yield server


@pytest.fixture
def world(store: Store, site: Site, zoom: ZoomServer) -> World:
    return World(store, site, zoom)
