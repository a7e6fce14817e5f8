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
    """Return the same for a database by its name: for statements that are made once and used often.

    Its result's `rowcount` tells how many rows were new, which SQLAlchemy says of an INSERT only when asked.
    """
    # Both classes have the same methods, with the same meaning.
    made = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    return made.execution_options(preserve_rowcount=True)  # type: ignore[return-value]
