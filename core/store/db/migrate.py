"""Bring the database to the shape that this version expects."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DatabaseError, OperationalError

from core.errors import StoreError, StoreUnavailableError
from core.store.db import postgresql

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


def upgrade(engine: Engine) -> tuple[str | None, str | None]:
    """Run the migrations that are missing; return the revision before and after.

    Processes that start at the same time on one PostgreSQL do it one after the other. Raises `StoreError`
    where the database was made by a newer version or is none, and `StoreUnavailableError` where it cannot be reached.
    """
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                postgresql.wait_for_migrations(connection)
            return _upgrade(connection)
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


def _upgrade(connection: Connection) -> tuple[str | None, str | None]:
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
        command.upgrade(config, "head")
        return before, script.get_current_head()
