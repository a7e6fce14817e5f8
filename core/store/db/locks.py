"""Advisory locks by name, for rows that do not exist yet.

PostgreSQL holds them until the transaction ends. SQLite has one writer and needs none.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, func, literal, select

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


def acquire(connection: Connection, *name: str | int, shared: bool = False) -> None:
    """Acquire a lock until the transaction ends. Blocks until it is free. Shared locks exclude only exclusive ones."""
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        connection.execute(select(lock(_key(*name))))


def try_acquire(*name: Any) -> ColumnElement[bool]:
    """Return an SQL expression that acquires a lock if it is free and is true if it is held then. PostgreSQL only."""
    taken: ColumnElement[bool] = func.pg_try_advisory_xact_lock(_key(*name))
    return taken


def _key(*name: Any) -> Any:
    words = [cast(part if hasattr(part, "compile") else literal(str(part)), Text) for part in name]
    return func.hashtextextended(func.concat_ws("\n", *words), 0)
