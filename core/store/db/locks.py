"""Locks by name, for what is no row yet. PostgreSQL's, until the transaction ends; SQLite's one writer needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, func, literal, select

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


def hold(connection: Connection, *name: str | int, shared: bool = False) -> None:
    """Wait for a lock. Any number may hold a shared one, while nobody holds it alone."""
    if connection.dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        connection.execute(select(lock(_key(*name))))


def got(*name: Any) -> ColumnElement[bool]:
    """Return an expression that takes a lock if it is free, and tells whether it is held now. PostgreSQL only."""
    taken: ColumnElement[bool] = func.pg_try_advisory_xact_lock(_key(*name))
    return taken


def _key(*name: Any) -> Any:
    words = [cast(part if hasattr(part, "compile") else literal(str(part)), Text) for part in name]
    return func.hashtextextended(func.concat_ws("\n", *words), 0)
