"""Copy and compare all tables of a database, row by row, in a form that SQLite and PostgreSQL share.

Tables and columns are those of the database itself, not of `core.store.db.schema`, so that a database of any revision can
be read. JSON travels as its text. Functions run in the caller's transaction and block.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import SAWarning

from core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    Progress = Callable[[int], None]
    """Called with the number of rows that are done since the last call."""

REVISION_TABLE = "alembic_version"
_ROWS = 200  # in memory at a time; a request in quarantine or log may have a megabyte


@dataclass(frozen=True, slots=True)
class TableSummary:
    """Rows of a table: their number, and the hex SHA-256 of all in the order of the primary key."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """A table as it stands in a database. `columns` are its columns in alphabetical order, and `json` those with JSON."""

    name: str
    table: Table
    columns: tuple[str, ...]
    json: frozenset[str]


def tables_of(connection: Connection) -> list[DatabaseTable]:
    """Return the tables of a database, each after those that its foreign keys refer to, without the one of the revision.

    Raises: StoreError for a table without a primary key.
    """
    inspector = inspect(connection)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # indexes on expressions, which are not of interest here
        names = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name is not None]
    return [_table(inspector, name) for name in names if name != REVISION_TABLE]


def is_empty(connection: Connection) -> bool:
    """Whether a database holds no tables at all."""
    return not inspect(connection).get_table_names()


def count_rows(connection: Connection, tables: Sequence[DatabaseTable]) -> int:
    """Return how many rows all tables have."""
    return sum(connection.scalar(select(func.count()).select_from(one.table)) or 0 for one in tables)


def summarize(
    connection: Connection, tables: Sequence[DatabaseTable], progress: Progress | None = None
) -> dict[str, TableSummary]:
    """Return the summary of each table, by its name."""
    return {one.name: _read(connection, one, _ignore, progress) for one in tables}


def empty(connection: Connection, tables: Sequence[DatabaseTable]) -> None:
    """Delete all rows: what migrations have stored."""
    for one in reversed(tables):
        connection.execute(one.table.delete())


def copy(
    source: Connection,
    target: Connection,
    of: Sequence[DatabaseTable],
    progress: Progress | None = None,
) -> dict[str, TableSummary]:
    """Copy the rows of tables into the empty ones of a database of the same revision; return what was read of each.

    Raises: StoreError if the two differ in tables or columns.
    """
    by_name = {one.name: one for one in of}
    places = tables_of(target)
    if {one.name: one.columns for one in of} != {one.name: one.columns for one in places}:
        raise StoreError(
            "The tables of the two databases differ, although both have the same revision. Nothing was copied: "
            "something else has changed one of them."
        )
    return {  # in the order of the target's foreign keys
        one.name: _read(source, by_name[one.name], partial(_write, target, one), progress) for one in places
    }


def start_counters(connection: Connection, tables: Sequence[DatabaseTable]) -> None:
    """Have PostgreSQL number new rows after those that were copied; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for one in tables:
        for column in one.table.primary_key:
            counter = connection.scalar(
                text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": one.name, "column": column.name},
            )
            highest = connection.scalar(select(func.max(column))) if counter else None
            if highest is not None:
                connection.execute(
                    text("SELECT setval(CAST(:counter AS regclass), :highest)"),
                    {"counter": counter, "highest": highest},
                )


def different(expected: Mapping[str, TableSummary], found: Mapping[str, TableSummary]) -> list[str]:
    """Return the names of tables whose rows are not the expected ones."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def _table(inspector: Any, name: str) -> DatabaseTable:
    columns, json = [], set()
    keys = inspector.get_pk_constraint(name)["constrained_columns"]
    if not keys:
        raise StoreError(f"The table {name} has no primary key, so it is none of the bridge's.")
    for column in sorted(inspector.get_columns(name), key=lambda one: str(one["name"])):
        kind = _kind(column["type"])
        if isinstance(column["type"], JSON):
            json.add(column["name"])
        columns.append(Column(column["name"], kind, primary_key=column["name"] in keys, autoincrement=False))
    table = Table(name, MetaData(), *columns)
    return DatabaseTable(name, table, tuple(column.name for column in columns), frozenset(json))


def _kind(found: Any) -> Any:
    for kind in (Boolean, LargeBinary, BigInteger):
        if isinstance(found, kind) or (kind is BigInteger and "INT" in type(found).__name__.upper()):
            return kind()
    return Text()


def _read(
    connection: Connection,
    one: DatabaseTable,
    take: Callable[[list[tuple[Any, ...]]], None],
    progress: Progress | None,
) -> TableSummary:
    """Read all rows in the order of the primary key, hand them over in pieces, and summarize them."""
    columns = [cast(column, Text) if column.name in one.json else column for column in one.table.columns]
    statement = select(*columns).order_by(*(_in_bytes(connection, key) for key in one.table.primary_key))
    digest = hashlib.sha256()
    rows = 0
    result = connection.execute(statement.execution_options(stream_results=True, yield_per=_ROWS))
    for part in result.partitions(_ROWS):
        given = [tuple(row) for row in part]
        for row in given:
            digest.update(_encoded(row))
        take(given)
        rows += len(given)
        if progress is not None:
            progress(len(given))
    return TableSummary(rows, digest.hexdigest())


def _write(connection: Connection, one: DatabaseTable, rows: list[tuple[Any, ...]]) -> None:
    values: dict[str, Any] = {name: bindparam(name) for name in one.columns}
    if connection.dialect.name == "postgresql":
        values |= {name: cast(bindparam(name, type_=Text), JSON) for name in one.json}
    connection.execute(
        one.table.insert().values(values), [dict(zip(one.columns, row, strict=True)) for row in rows]
    )


def _ignore(_rows: list[tuple[Any, ...]]) -> None:
    pass


def _in_bytes(connection: Connection, column: Column[Any]) -> Any:
    """Return what sorts text by its bytes, as SQLite does, whatever the database's language is."""
    is_text = isinstance(column.type, Text) and connection.dialect.name == "postgresql"
    return column.collate("C") if is_text else column


def _encoded(row: tuple[Any, ...]) -> bytes:
    """Encode a row so that no two have the same bytes. U+0000, which PostgreSQL stores as U+FFFD, counts as that."""
    parts = []
    for value in row:
        if value is None:
            parts.append(b"-")
        elif isinstance(value, bytes):
            parts.append(b"b%d:%b" % (len(value), value))
        elif isinstance(value, str):
            encoded = value.replace("\0", "\ufffd").encode()
            parts.append(b"t%d:%b" % (len(encoded), encoded))
        elif isinstance(value, int):
            parts.append(b"i%d;" % value)
        else:
            parts.append(repr(value).encode() + b";")
    parts.append(b"\n")
    return b"".join(parts)
