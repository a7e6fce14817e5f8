"""Migrate the database to the schema of this version."""

from __future__ import annotations

import sqlite3
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import psycopg
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError, OperationalError

from core.errors import StoreError, StoreUnavailableError
from core.store.db import postgresql, settings, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from core.store.db.encryption import Sealer

logger = structlog.get_logger(__name__)


def upgrade(engine: Engine, sealer: Sealer) -> tuple[str | None, str | None]:
    """Run the migrations that are missing; return the revision before and after.

    `sealer` encrypts what earlier versions stored in the clear. Processes that start at the same time on one PostgreSQL
    take turns. Raises: StoreError if a newer version migrated the database, if the file is no database, or if the key
    is another one; StoreUnavailableError if the database cannot be reached.
    """
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                postgresql.wait_for_migrations(connection)
            revisions = _upgrade(connection, sealer)
            tables = settings.tables_to_rewrite(connection)
    except OperationalError as error:
        said = " ".join(str(error.orig).split())[:300]
        raise StoreUnavailableError(
            f"The database cannot be opened: {said}. Check ZOOMBRIDGE_DATABASE_URL, whether the server runs, "
            "and whether its user may make tables there."
            if engine.dialect.name == "postgresql"
            else f"The database cannot be opened: {said}. Check the disk's free space and who owns the file."
        ) from error
    except DatabaseError as error:
        raise StoreError(
            f"The database cannot be used: {' '.join(str(error.orig).split())[:300]}. Is this the right file?"
        ) from error
    if tables:
        _rewrite(engine, tables)
    return revisions


def _rewrite(engine: Engine, tables: Sequence[str]) -> None:
    """Rewrite tables on disk, so that nothing is left of what a migration encrypted or removed.

    Repeated at the next start where it fails, as on a full disk: the database serves all the same.
    """
    try:
        if engine.dialect.name == "postgresql":
            postgresql.rewrite(engine, tables)
        else:
            sqlite.rewrite(engine)
    except (sqlite3.Error, psycopg.Error) as error:
        logger.warning("rewrite_failed", reason=" ".join(str(error).split())[:300])
        return
    with engine.begin() as connection:
        settings.note_tables_rewritten(connection)


def _upgrade(connection: Connection, sealer: Sealer) -> tuple[str | None, str | None]:
    with as_file(files("core.store") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        before = MigrationContext.configure(connection).get_current_revision()
        script = ScriptDirectory.from_config(config)
        if before is not None and before not in {revision.revision for revision in script.walk_revisions()}:
            raise StoreError(
                f"The database is at revision {before}, which this version of the bridge does not know: a "
                "newer one made it. Install that version again."
            )
        config.attributes["connection"] = connection
        config.attributes["sealer"] = sealer
        command.upgrade(config, "head")
        return before, script.get_current_head()
