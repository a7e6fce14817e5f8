"""Fill an empty database, completely or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from core.errors import DatabaseNotEmptyError, StoreInUseError
from core.maintenance import tables
from core.maintenance.backup import sync
from core.store.db import postgresql, private_files, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection

_OTHERS = """
    SELECT pid, application_name, coalesce(host(client_addr), 'its own machine') AS machine, state,
        date_trunc('second', state_change AT TIME ZONE 'UTC') AS since
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
      AND backend_type = 'client backend' AND application_name <> :own
    ORDER BY pid
"""
_MOST_NAMED = 10
# For a person to run, who sees what it ends.
_END_IDLE = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = 'idle' AND pid IN (%s);"
)
_OWN_NAME = "zoombridge maintenance"


@contextmanager
def filling(target: URL) -> Iterator[Connection]:
    """Return a context manager with an empty database, which stays empty unless the block ends well.

    A new SQLite file gets its name when it is complete and on the disk; PostgreSQL is filled in one transaction. Raises:
    DatabaseNotEmptyError if there is something already; StoreInUseError if a bridge has the database open.
    """
    if target.get_backend_name() == "sqlite":
        with _filling_file(Path(target.database or "zoombridge.db")) as connection:
            yield connection
        return
    engine = postgresql.writing(own_address(target))
    try:
        with engine.begin() as connection:
            postgresql.wait_for_migrations(connection)
            refuse_others(connection)
            if not tables.is_empty(connection):
                raise DatabaseNotEmptyError(
                    "The PostgreSQL database is not empty. Nothing was changed. Create a new one, and set "
                    "ZOOMBRIDGE_DATABASE_URL to its address."
                )
            yield connection
    finally:
        engine.dispose()


def refuse_others(connection: Connection) -> None:
    """Check that no bridge is connected to a PostgreSQL database. Raises: StoreInUseError."""
    others = connection.execute(text(_OTHERS), {"own": _OWN_NAME}).all()
    if not others:
        return
    named = "; ".join(
        f"{one.application_name or 'without a name'} from {one.machine} ({one.state}, since {one.since} UTC)"
        for one in others[:_MOST_NAMED]
    )
    pids = ", ".join(str(one.pid) for one in others)
    raise StoreInUseError(
        "A bridge, or another program of its user, is connected to the PostgreSQL database. Nothing was changed. Connected "
        f"are: {named}. Stop every bridge on it first ({postgresql.APPLICATION_NAME}); Zoom repeats events for 85 minutes, so "
        "none is lost meanwhile. Where a pool such as PgBouncer keeps idle connections, stop it, or end them in psql, "
        f"once no bridge runs: {_END_IDLE % pids}"
    )


def own_address(url: URL) -> URL:
    """Return an address whose connections do not count as those of a bridge: see `refuse_others`."""
    is_own = url.get_backend_name() == "postgresql"
    return url.update_query_dict({"application_name": _OWN_NAME}) if is_own else url


@contextmanager
def state_of(target: URL) -> Iterator[Connection]:
    """Return a context manager with a read-only connection to a database that is there."""
    is_file = target.get_backend_name() == "sqlite"
    engine = (
        sqlite.read_only(Path(target.database or "")) if is_file else postgresql.reading(own_address(target))
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _filling_file(path: Path) -> Iterator[Connection]:
    lock = sqlite.lock(path)
    draft = path.with_name(f"{path.name}.restoring")
    try:
        if path.exists() and path.stat().st_size:
            raise DatabaseNotEmptyError(
                f"There is a database already: {path}. Nothing was changed. Restore into another data folder, or move this "
                "one away first, with the files beside it that begin with its name."
            )
        _refuse_left_behind(path)
        draft.unlink(missing_ok=True)  # of an interrupted run
        private_files.make_file(draft)
        engine = sqlite.draft(draft)
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()
        sync(draft)
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        draft.replace(path)
        sync(path.parent)
    finally:
        draft.unlink(missing_ok=True)
        os.close(lock)


def _refuse_left_behind(path: Path) -> None:
    """Check that nothing was left of a database that was moved away. Raises: DatabaseNotEmptyError.

    After a crash, the write-ahead log holds what was committed last: https://www.sqlite.org/wal.html
    """
    for suffix in ("-wal", "-journal"):
        left = path.with_name(path.name + suffix)
        if left.exists() and left.stat().st_size:
            raise DatabaseNotEmptyError(
                f"{left} is part of a database that is not there any more, and may hold its last events. Nothing was "
                "changed. Move it to where that database is now, beside it and named after it, or restore into another "
                "data folder."
            )
