"""Migrate the database to the schema of this version.

Alembic is loaded only where there is something to migrate: a bridge that starts has nothing, nearly always, and would
keep Alembic's 11 MB of modules for as long as it runs.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import column, inspect, select, table
from sqlalchemy.exc import DatabaseError, OperationalError

from core import __version__
from core.errors import StoreError, StoreUnavailableError
from core.store.db import postgresql, settings, sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from core.store.db.encryption import Sealer

logger = structlog.get_logger(__name__)

_MIGRATIONS = files("core.store") / "migrations"
_REVISION = table("alembic_version", column("version_num"))  # Alembic's own table, of one row


def upgrade(engine: Engine, sealer: Sealer) -> tuple[str | None, str | None]:
    """Run the migrations that are missing; return the revision before and after.

    `sealer` encrypts what earlier versions stored in the clear. Processes that start at the same time on one PostgreSQL
    take turns. Raises: StoreError if a newer version migrated the database, if the data were moved to another one,
    if the file is no database, or if the key is another one; StoreUnavailableError if the database cannot be reached.
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
    except engine.dialect.loaded_dbapi.Error as error:
        logger.warning("rewrite_failed", reason=" ".join(str(error).split())[:300])
        return
    with engine.begin() as connection:
        settings.note_tables_rewritten(connection)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database; None without one."""
    if not inspect(connection).has_table(_REVISION.name):
        return None
    found: str | None = connection.scalar(select(_REVISION.c.version_num))
    return found


def newest_revision() -> str:
    """Return the revision of this version's schema. Each migration's file is named by its revision and a word or two."""
    return max(_revisions())


def is_known(revision: str) -> bool:
    """Whether this version has a revision, so that it can migrate from it."""
    return revision in _revisions()


def create_tables(connection: Connection, sealer: Sealer, *, revision: str = "head") -> None:
    """Create the tables of a revision in an empty database, or migrate one to it, in the caller's transaction.

    Raises: StoreError for a revision that this version does not know.
    """
    if revision != "head" and not is_known(revision):
        raise StoreError(_unknown(revision))
    _migrate(connection, sealer, revision)


def _upgrade(connection: Connection, sealer: Sealer) -> tuple[str | None, str | None]:
    before, newest = revision_of(connection), newest_revision()
    if before is not None:
        if not is_known(before):
            raise StoreError(_unknown(before))
        _refuse_moved(connection)
    if before != newest:
        _migrate(connection, sealer, "head")
    return before, newest


def _revisions() -> set[str]:
    names = (one.name for one in (_MIGRATIONS / "versions").iterdir())
    return {name.split("_")[0] for name in names if name.endswith(".py")}


def _migrate(connection: Connection, sealer: Sealer, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    with as_file(_MIGRATIONS) as folder:
        config = Config(attributes={"connection": connection, "sealer": sealer})
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, revision)


def _refuse_moved(connection: Connection) -> None:
    """Raise StoreError if the data are now in another database: two of them would drift apart."""
    if moved_to := settings.moved_to(connection):
        raise StoreError(
            f"This database was moved to {moved_to}; it is only a copy of the state at that time, so it is not used. Set "
            "ZOOMBRIDGE_DATABASE_URL to the address of the new database. Nothing was changed, and nothing is lost."
        )


def _unknown(revision: str) -> str:
    return (
        f"The database is at revision {revision}, which this version of the bridge ({__version__}) does not know: a "
        "newer one made it. Nothing was changed, and nothing is lost. Install that version again, or restore the "
        "backup that was made before the update: docs/keeping.md."
    )
