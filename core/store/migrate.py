"""Bring the database to the shape that this version expects."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Engine


def upgrade(engine: Engine) -> tuple[str | None, str | None]:
    """Run the migrations that are missing; return the revision before and after.

    Raises `StoreError` where the database was made by a newer version.
    """
    with as_file(files("core.store") / "migrations") as folder, engine.begin() as connection:
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
