"""Where worlds stand: a database for each, of either kind, and what is left of it when a process is killed.

Thousands of worlds come and go, so neither kind makes its tables more than once: SQLite copies a file, and
PostgreSQL empties one database.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.engine import make_url

from core.store.db import postgresql
from core.store.db.engine import Store
from core.store.db.migrate import upgrade
from core.store.db.schema import metadata
from core.store.sites import zoom_secrets
from core.zoom.signature import Secret
from tests.core.conftest import KEYS, connected
from tests.core.events import SECRET

if TYPE_CHECKING:
    from collections.abc import Sequence

SITE = "s1"
_DATABASE = "zoombridge.db"
_statements: dict[str, Any] = {}


class Ground(Protocol):
    """What worlds of one kind stand on, one after the other."""

    def open(self) -> list[Store]:
        """Return the stores of the processes of a new world, whose database holds a site and its secret."""

    def killed(self, store: Store) -> Store:
        """Kill the process that has a store; return that of the process which comes after it."""

    def close(self, stores: Sequence[Store]) -> None:
        """End a world in order."""

    def end(self) -> None:
        """Let no more worlds come."""


class SQLiteGround:
    """A file for each world, and one process that has it."""

    def __init__(self, folder: Path) -> None:
        """Make the file that is copied."""
        self._folder = folder
        self._prepared = folder / _DATABASE
        store = Store(f"sqlite:///{self._prepared}", keys=KEYS)
        try:
            upgrade(store.engine, store.sealer)
            _prepare(store)
        finally:
            store.close()

    def open(self) -> list[Store]:
        """Copy the file."""
        path = Path(tempfile.mkdtemp(dir=self._folder)) / "0" / _DATABASE
        path.parent.mkdir()
        shutil.copy(self._prepared, path)
        return [_store(f"sqlite:///{path}")]

    def killed(self, store: Store) -> Store:
        """Go on with what stands on the disk at this moment; closing it in order would tidy up."""
        before = _path(store)
        path = before.parent.with_name(str(int(before.parent.name) + 1)) / _DATABASE
        path.parent.mkdir()
        for end in ("", "-wal"):
            file = before.with_name(_DATABASE + end)
            if file.exists():
                shutil.copy(file, path.with_name(_DATABASE + end))
        store.close()
        return _store(f"sqlite:///{path}")

    def close(self, stores: Sequence[Store]) -> None:
        """Remove the file."""
        for store in stores:
            store.close()
            shutil.rmtree(_path(store).parent.parent, ignore_errors=True)

    def end(self) -> None:
        """Leave the folder to who made it."""


class PostgreSQLGround:
    """One database, which two processes share, and which is emptied for each world."""

    def __init__(self, url: str) -> None:
        """Keep aside what each world begins with."""
        self._url = url
        self._stores = [_store(url), _store(url)]
        _prepare(self._stores[0])
        self._connection = postgresql.connect(make_url(url))
        self._connection.execute("CREATE SCHEMA prepared")
        tables = [table.name for table in metadata.sorted_tables]
        filled = [
            name for name in tables if self._connection.execute(f"SELECT 1 FROM {name}".encode()).fetchone()
        ]
        for name in filled:
            self._connection.execute(f"CREATE TABLE prepared.{name} AS TABLE public.{name}".encode())
        # One round trip, and no TRUNCATE: with a few rows in each table, new files for all of them and for their
        # indexes would take longer.
        emptied = [f"DELETE FROM {name}" for name in reversed(tables)]
        refilled = [f"INSERT INTO {name} TABLE prepared.{name}" for name in filled]
        self._reset = "; ".join(emptied + refilled).encode()

    def open(self) -> list[Store]:
        """Empty the database. The connections with it stay."""
        self._connection.execute(self._reset)
        return self._stores

    def killed(self, store: Store) -> Store:
        """Go on with new connections; whatever the process had claimed stays claimed until its lease ends."""
        store.close()
        index = self._stores.index(store)
        self._stores[index] = _store(self._url)
        return self._stores[index]

    def close(self, stores: Sequence[Store]) -> None:
        """Leave it to the next world."""

    def end(self) -> None:
        """Close the connections."""
        self._connection.close()
        for store in self._stores:
            store.close()


def _prepare(store: Store) -> None:
    connected(store, SITE)
    store.write(lambda connection: zoom_secrets.save(connection, SITE, Secret(SECRET), store.sealer, now=1))


def _store(url: str) -> Store:
    """Open a store. Thousands are: what SQLAlchemy has made of a statement once serves them all."""
    store = Store(url, keys=KEYS)
    kept = _statements.setdefault(store.url.get_backend_name(), {})
    for engine in (store._writing, store._reading):
        engine.dialect = kept.setdefault("dialect", engine.dialect)
        engine._compiled_cache = kept.setdefault("cache", engine._compiled_cache)
    return store


def _path(store: Store) -> Path:
    assert store.url.database is not None
    return Path(store.url.database)
