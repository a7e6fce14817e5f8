"""SQLite: a file that a single process opens, with a single connection that writes.

Two connections that write or checkpoint can corrupt the file before SQLite 3.51.3
(https://www.sqlite.org/wal.html#walresetbug). Its write-ahead log is synced at every commit. Reads have
connections of their own, which cannot write.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from core.errors import StoreInUseError
from core.store.db import private_files

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import URL, Connection, Engine

READERS = 12  # as many as threads that answer requests: for pages, events, and what is unverified
_READER_WAIT_SECONDS = 2.0


def writing(url: URL) -> Engine:
    """Return the engine with the single connection that writes."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,  # values belong into no log
    )
    _on_connect(engine, "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON")
    event.listen(engine, "begin", _begin_immediate)
    return engine


def reading(url: URL) -> Engine:
    """Return an engine whose connections are read-only and see one consistent state per transaction."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=READERS,
        max_overflow=0,
        pool_timeout=_READER_WAIT_SECONDS,
        hide_parameters=True,
    )
    _on_connect(engine, "PRAGMA query_only=ON")
    event.listen(engine, "begin", _begin)
    return engine


def draft(path: Path) -> Engine:
    """Return an engine for a new file that is thrown away unless it gets complete: it does not survive a power cut."""
    engine = create_engine(f"sqlite:///{path.absolute()}", poolclass=NullPool, hide_parameters=True)
    _on_connect(engine, "PRAGMA journal_mode=MEMORY", "PRAGMA synchronous=OFF")
    event.listen(engine, "begin", _begin)
    return engine


def read_only(path: Path) -> Engine:
    """Return an engine whose connections can neither write nor checkpoint, and see one consistent state per transaction.

    So it may be used beside the process that has the file open.
    """
    engine = create_engine(
        "sqlite://", creator=lambda: connect_read_only(path), poolclass=NullPool, hide_parameters=True
    )
    event.listen(engine, "begin", _begin)
    return engine


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Return such a connection outside a pool, in autocommit mode.

    https://www.sqlite.org/uri.html
    """
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    return sqlite3.connect(address, uri=True, isolation_level=None)


def rewrite(engine: Engine) -> None:
    """Rewrite the file (VACUUM) and truncate the write-ahead log: until then, both hold deleted values."""
    connection = engine.raw_connection()
    try:
        for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.cursor().execute(statement)
    finally:
        connection.close()


def lock(path: Path) -> int:
    """Lock the database for this process, by a file beside it; returns its descriptor.

    The kernel releases the lock when the process ends. A missing folder is created. Raises: StoreInUseError if another
    process holds the lock; ExposedFileError.
    """
    if not path.parent.exists():
        private_files.make_folder(path.parent)
    lock_path = path.with_name(path.name + ".lock")
    private_files.make_file(lock_path)
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreInUseError(
            f"Another process has {path} open. SQLite is for one process; for several, set "
            "ZOOMBRIDGE_DATABASE_URL to a PostgreSQL database."
        ) from None
    return descriptor


def make_private(path: Path) -> None:
    """Let only the bridge's user read the database's files, which are created where there are none yet.

    SQLite gives its write-ahead log, shared memory and journal the mode of the database:
    https://www.sqlite.org/src/file?name=src/os_unix.c (findCreateFileMode). Raises: ExposedFileError.
    """
    private_files.make_file(path)
    for suffix in ("-wal", "-shm", "-journal"):
        private_files.tighten(path.with_name(path.name + suffix))


def _on_connect(engine: Engine, *pragmas: str) -> None:
    def prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says BEGIN, not the driver
        for pragma in pragmas:
            connection.execute(pragma)

    event.listen(engine, "connect", prepare)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
