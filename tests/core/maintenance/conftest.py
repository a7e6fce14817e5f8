"""Databases to back up and move, and places to restore into."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from core.store.db.engine import Store
from tests.core.conftest import KEYS
from tests.core.store.db.old_version import load_old_version

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgresql import PostgreSQL


@pytest.fixture
def old(database_url: str) -> Iterator[Store]:
    """An open store on what version 0.1.0 left, of each kind."""
    load_old_version(database_url)
    opened = Store(database_url, keys=KEYS)
    yield opened
    opened.close()


@pytest.fixture
def file_store(migrated_file: Path, tmp_path: Path) -> Iterator[Store]:
    """An open store on SQLite whose tables are there."""
    path = tmp_path / "zoombridge.db"
    path.touch(mode=0o600)
    shutil.copyfile(migrated_file, path)
    opened = Store(f"sqlite:///{path}", keys=KEYS)
    yield opened
    opened.close()


@pytest.fixture
def empty_file(tmp_path: Path) -> str:
    """The address of an SQLite database that does not exist."""
    return f"sqlite:///{tmp_path / 'new' / 'zoombridge.db'}"


@pytest.fixture
def empty_server(postgresql: PostgreSQL) -> Iterator[str]:
    """The address of a PostgreSQL database without tables."""
    url = postgresql.empty()
    yield url
    postgresql.drop(url)
