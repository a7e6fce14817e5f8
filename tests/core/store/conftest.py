"""Two stores of one PostgreSQL database, as two processes have them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from core.store.db.engine import Store
from tests.core.conftest import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgresql import PostgreSQL


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    """The address of a PostgreSQL database with every table and no rows."""
    lent = postgresql.lend()
    yield lent
    postgresql.give_back(lent)


@pytest.fixture
def two_stores(url: str) -> Iterator[tuple[Store, Store]]:
    """Two open stores of that database."""
    with ExitStack() as stack:
        stores = [Store(url, keys=KEYS) for _ in range(2)]
        for store in stores:
            stack.callback(store.close)
        yield stores[0], stores[1]
