"""Back up a database into one file while the bridge runs, and check such a file.

The file is an SQLite database with the same tables, whatever the bridge's own database is, and one more with a manifest:
version, revision, rows and digests, signed with the key that encrypts the data. So it is restored into either database.
What is encrypted stays so; the key is not in it, or encrypted with a passphrase.

A running bridge is not asked: SQLite is read by a connection that can neither write nor checkpoint, in one transaction,
which does not hold up the writer (https://www.sqlite.org/isolation.html, https://www.sqlite.org/backup.html), and
PostgreSQL in one REPEATABLE READ transaction.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.exc import DatabaseError

from core import __version__
from core.errors import BackupError, StoreError, StoreUnavailableError
from core.maintenance import tables
from core.maintenance.key_sealing import SealedKey, seal_key
from core.maintenance.tables import TableSummary
from core.store.db import migrate, postgresql, sqlite
from core.store.db.encryption import Sealer, new_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL, Connection

    from core.maintenance.tables import DatabaseTable

    Report = Callable[[str, int, int], None]
    """Called with what is being done, how much of it is done, and how much there is to do."""

FORMAT = 1
_APPLICATION_ID = 0x7A6D6272  # "zmbr": https://www.sqlite.org/pragma.html#pragma_application_id
_APPLICATION_ID_AT = 68  # https://www.sqlite.org/fileformat.html#the_database_header
_MANIFEST = "backup_manifest"
_PAGES = 2000  # copied at a time
_SIGNED = b"zoombridge: manifest of a backup\n"
_MILLISECONDS = 1000
_SEALED = {"sites": "key", "events": "request"}  # columns that were always encrypted, by their tables


class TableEntry(BaseModel):
    """A table in a manifest: see `core.maintenance.tables.TableSummary`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    digest: str


class Manifest(BaseModel):
    """What a backup holds. `made_at` is in Unix milliseconds (UTC); `key` is None where the key is kept apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    version: str
    revision: str
    database: str
    made_at: int
    tables: dict[str, TableEntry]
    key: SealedKey | None = None

    @property
    def rows(self) -> int:
        """How many rows all tables have."""
        return sum(one.rows for one in self.tables.values())

    @property
    def summaries(self) -> dict[str, TableSummary]:
        """The summaries of the tables, by their names."""
        return {name: TableSummary(one.rows, one.digest) for name, one in self.tables.items()}


@dataclass(frozen=True, slots=True)
class CheckedBackup:
    """A backup that is whole: its manifest, and the text of it that is signed."""

    manifest: Manifest
    document: str
    signature: bytes

    def fits(self, sealer: Sealer) -> bool:
        """Whether its data are encrypted with one of these keys, and its manifest is as it was written."""
        return sealer.is_signed(_signed(self.document), self.signature)


def write_backup(
    source: URL,
    keys: str,
    path: Path,
    *,
    now: float,
    passphrase: str | None = None,
    report: Report | None = None,
) -> Manifest:
    """Write a backup with mode 0600, under another name until it is complete; then it replaces an older backup.

    `keys` are those of the bridge, which is checked; with `passphrase` they are included. Blocks.
    Raises: BackupError, StoreError, OSError.
    """
    if path.exists() and not is_backup(path):
        raise BackupError(f"{path} exists and is no backup, so it is not replaced. Nothing was changed.")
    sealed_key = None if passphrase is None else seal_key(keys, passphrase)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    try:
        with _readable(source):
            if source.get_backend_name() == "sqlite":
                _copy_file(source, draft, report)
            else:
                _copy_rows(source, draft, report)
            manifest = _finish(draft, source, keys, sealed_key, now=now, report=report)
        sync(draft)
        draft.replace(path)
        sync(path.parent)
    finally:
        for suffix in ("", "-journal"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    return manifest


def check_backup(path: Path, report: Report | None = None) -> CheckedBackup:
    """Read a backup whole, and compare it with its manifest. Blocks. Raises: BackupError, OSError."""
    with opened(path) as connection:
        return checked(connection, path, report)


def checked(connection: Connection, path: Path, report: Report | None = None) -> CheckedBackup:
    """Check an opened backup. Raises: BackupError."""
    try:
        found = manifest_of(connection, path)
        manifest = found.manifest
        if connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar() != "ok":
            raise BackupError(_damaged(path))
        extra = connection.exec_driver_sql(
            "SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'view')"
        ).scalar()
        if extra is not None:
            raise BackupError(f"{path} holds {extra}, which no backup of the bridge does. Do not use it.")
        summaries = tables.summarize(
            connection, data_tables(connection), counting(report, "Checking", manifest.rows)
        )
        if (
            tables.different(manifest.summaries, summaries)
            or migrate.revision_of(connection) != manifest.revision
        ):
            raise BackupError(_damaged(path))
    except (DatabaseError, sqlite3.Error, ValueError) as error:
        raise BackupError(_damaged(path)) from error
    return found


def data_tables(connection: Connection) -> list[DatabaseTable]:
    """Return the tables of a backup but its manifest."""
    return [one for one in tables.tables_of(connection) if one.name != _MANIFEST]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """Return a context manager with a backup, read-only. Raises: BackupError if the file is none."""
    if not path.exists():
        raise BackupError(f"There is no file {path}.")
    if not is_backup(path):
        raise BackupError(f"{path} is no backup of the bridge, or it is damaged at its beginning.")
    engine = sqlite.read_only(path)
    with engine.connect() as connection:
        yield connection


def is_backup(path: Path) -> bool:
    """Whether a file begins as a backup does."""
    with path.open("rb") as file:
        header = file.read(100)
    return header.startswith(b"SQLite format 3\0") and header[
        _APPLICATION_ID_AT : _APPLICATION_ID_AT + 4
    ] == _APPLICATION_ID.to_bytes(4)


@contextlib.contextmanager
def _readable(source: URL) -> Iterator[None]:
    """Raise what the database says as an error of ours."""
    try:
        yield
    except (DatabaseError, sqlite3.Error) as error:
        said = " ".join(str(getattr(error, "orig", error)).split())[:300]
        raise StoreUnavailableError(
            f"The backup could not be written: {said}. No file was left behind, and the database is unchanged. Check "
            f"{'the file and the free space' if source.get_backend_name() == 'sqlite' else 'the database and the free space'}."
        ) from error


def _copy_file(source: URL, draft: Path, report: Report | None) -> None:
    """Copy an SQLite database page by page, as it is at one moment."""
    name = source.database or ""
    if not Path(name).is_file():
        raise BackupError(f"There is no database {name}. Nothing was written.")

    def tell(_status: int, remaining: int, total: int) -> None:
        if report is not None:
            report("Copying", total - remaining, total)

    with (
        contextlib.closing(sqlite.connect_read_only(Path(name))) as live,
        contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy,
    ):
        live.execute("BEGIN")
        live.execute("SELECT 1 FROM sqlite_schema").fetchall()  # from now on it sees this state
        live.backup(copy, pages=_PAGES, progress=tell)
        live.execute("COMMIT")
        copy.execute("PRAGMA journal_mode = DELETE")  # so that the file is all there is


def _copy_rows(source: URL, draft: Path, report: Report | None) -> None:
    """Copy a PostgreSQL database row by row into new tables of the same revision."""
    engine, place = postgresql.reading(source), sqlite.draft(draft)
    try:
        with engine.connect() as live, place.begin() as copy:
            postgresql.allow_idle(live)
            revision = migrate.revision_of(live)
            if revision is None:
                raise BackupError("The database has no tables of the bridge. Nothing was written.")
            migrate.create_tables(copy, Sealer(new_key()), revision=revision)
            tables.empty(copy, tables.tables_of(copy))
            total = tables.count_rows(live, tables.tables_of(live))
            tables.copy(live, copy, tables.tables_of(live), counting(report, "Copying", total))
    finally:
        place.dispose()
        engine.dispose()


def sync(path: Path) -> None:
    """Have a file or folder written to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def counting(report: Report | None, phase: str, total: int) -> Callable[[int], None] | None:
    """Return what adds up rows and reports their number."""
    if report is None:
        return None
    count = 0

    def add(rows: int) -> None:
        nonlocal count
        count += rows
        report(phase, count, total)

    return add


def _finish(
    draft: Path, source: URL, keys: str, sealed_key: SealedKey | None, *, now: float, report: Report | None
) -> Manifest:
    """Add the manifest to a copy."""
    engine = sqlite.draft(draft)
    with engine.begin() as connection:
        revision = migrate.revision_of(connection)
        if revision is None:
            raise BackupError("The database has no tables of the bridge. Nothing was written.")
        found = tables.tables_of(connection)
        _require_fitting(connection, found, Sealer(keys))
        total = tables.count_rows(connection, found)
        summaries = tables.summarize(connection, found, counting(report, "Checking", total))
        manifest = Manifest(
            version=__version__,
            revision=revision,
            database=source.get_backend_name(),
            made_at=int(now * _MILLISECONDS),
            tables={name: TableEntry(rows=one.rows, digest=one.digest) for name, one in summaries.items()},
            key=sealed_key,
        )
        connection.exec_driver_sql(
            f"CREATE TABLE {_MANIFEST} (id INTEGER PRIMARY KEY, document TEXT NOT NULL, signature BLOB NOT NULL)"
        )
        document = manifest.model_dump_json()
        connection.exec_driver_sql(
            f"INSERT INTO {_MANIFEST} VALUES (1, ?, ?)",  # noqa: S608 - a constant
            (document, Sealer(keys).sign(_signed(document))),
        )
        connection.exec_driver_sql(f"PRAGMA application_id = {_APPLICATION_ID}")
    engine.dispose()
    return manifest


def _require_fitting(connection: Connection, found: list[DatabaseTable], sealer: Sealer) -> None:
    """Check that keys open what was encrypted last. Raises: BackupError."""
    columns = [
        (one.table, one.table.c[_SEALED[one.name]]) for one in found if _SEALED.get(one.name) in one.columns
    ]
    for table, column in columns:
        newest = select(column).order_by(*(key.desc() for key in table.primary_key)).limit(1)
        sealed = connection.scalar(newest)
        try:
            if sealed is not None:
                sealer.open(sealed)
        except StoreError as error:
            raise BackupError(
                "The key does not open this database, so nobody could restore the backup with it. No file was left behind. "
                "Use the key with which the bridge runs: ZOOMBRIDGE_KEY, or the file zoombridge.key beside the database."
            ) from error


def manifest_of(connection: Connection, path: Path) -> CheckedBackup:
    """Return the manifest of an opened backup, without checking the rest. Raises: BackupError."""
    row = connection.exec_driver_sql(
        f"SELECT document, signature FROM {_MANIFEST} WHERE id = 1"  # noqa: S608 - a constant
    ).one_or_none()
    if row is None:
        raise BackupError(_damaged(path))
    document, signature = row
    try:
        made_for = json.loads(document)["format"]
        if made_for == FORMAT:
            return CheckedBackup(Manifest.model_validate_json(document), document, signature)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(_damaged(path)) from error
    raise BackupError(
        f"{path} was made by a newer version of the bridge. Install that version to check or restore it."
    )


def _signed(document: str) -> bytes:
    return _SIGNED + document.encode()


def _damaged(path: Path) -> str:
    return (
        f"{path} is damaged: it does not hold what was written into it. Do not rely on it; make another backup, or use "
        "an older one."
    )
