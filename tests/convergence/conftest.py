"""What thousands of runs start from."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

from core.store.db.engine import Store
from tests.convergence.ground import PostgreSQLGround, SQLiteGround
from tests.core.conftest import KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.convergence.ground import Ground
    from tests.postgresql import PostgreSQL

_MEMORY = Path("/dev/shm")


@pytest.fixture
def ground(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """What worlds of each kind stand on, in memory where that can be, since thousands are opened; no logs of them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    folder = Path(tempfile.mkdtemp(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else tmp_path))
    made: Ground
    if database_kind == "sqlite":
        made = SQLiteGround(folder)
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.url()
        made = PostgreSQLGround(url)
    yield made
    made.end()
    if database_kind == "postgresql":
        server.drop(url)
    structlog.reset_defaults()
    shutil.rmtree(folder)


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """An open store of each kind whose tables are there."""
    opened = Store(migrated_url, keys=KEYS)
    yield opened
    opened.close()
