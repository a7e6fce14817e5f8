"""Where SQLite and PostgreSQL write the same statement alike, but SQLAlchemy has one for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table


def insert(connection: Connection, table: Table) -> sqlite.Insert:
    """Return an INSERT that knows ON CONFLICT, for the database at hand."""
    return insert_for(connection.dialect.name, table)


def insert_for(dialect: str, table: Table) -> sqlite.Insert:
    """Return the same for a database by its name: for statements that are made once and used often."""
    if dialect == "postgresql":
        # Both classes have the same methods, with the same meaning.
        return postgresql.insert(table)  # type: ignore[return-value]
    return sqlite.insert(table)
