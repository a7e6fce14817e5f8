"""Build an INSERT with ON CONFLICT for SQLite or PostgreSQL: the same SQL, but two classes in SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


def insert(connection: Connection, table: Table) -> sqlite.Insert:
    """Return an INSERT that supports ON CONFLICT, in the dialect of the connection."""
    return insert_for(connection.dialect.name, table)


def insert_for(dialect: str, table: Table) -> sqlite.Insert:
    """Return the same for a dialect by name, for statements that are built once and cached.

    Its result's `rowcount` is the number of new rows, which SQLAlchemy reports for an INSERT only on request.
    """
    # Both classes have the same methods, with the same meaning.
    made = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return made.execution_options(preserve_rowcount=True)  # type: ignore[return-value]
