"""The migrations make exactly the tables that the code uses."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from core.errors import StoreError
from core.store.db.engine import Store
from core.store.db.migrate import newest_revision, upgrade
from core.store.db.schema import metadata
from tests.core.conftest import KEYS


@pytest.fixture
def empty(database_url: str) -> Iterator[Store]:
    store = Store(database_url, keys=KEYS)
    yield store
    store.close()


def test_newest_revision_is_alembics_head() -> None:
    migrations = Path(sys.modules["core.store"].__path__[0]) / "migrations"
    assert newest_revision() == ScriptDirectory(str(migrations)).get_current_head()


class TestUpgrade:
    def test_makes_the_tables_in_an_empty_database(self, empty: Store) -> None:
        before, after = upgrade(empty.engine, empty.sealer)
        assert before is None
        assert after is not None

    def test_does_nothing_a_second_time(self, store: Store) -> None:
        before, after = upgrade(store.engine, store.sealer)
        assert before == after

    def test_leaves_what_the_tables_hold(self, store: Store) -> None:
        store.write(
            lambda connection: connection.execute(
                text("INSERT INTO revoked_grants VALUES ('account', 'site', 1)")
            )
        )
        upgrade(store.engine, store.sealer)
        with store.reading() as connection:
            assert connection.execute(text("SELECT * FROM revoked_grants")).all() == [("account", "site", 1)]

    def test_loads_no_alembic_where_nothing_is_missing(self, migrated_file: Path, tmp_path: Path) -> None:
        assert "alembic.command" in sys.modules, "as it made these tables"
        file = shutil.copyfile(migrated_file, tmp_path / "bridge.db")
        file.chmod(0o600)
        code = """
import sys
from core.store.db.engine import Store
from core.store.db.migrate import upgrade

store = Store(sys.argv[1], keys=sys.argv[2])
upgrade(store.engine, store.sealer)
store.close()
print("alembic.command" in sys.modules)
"""
        command = [sys.executable, "-c", code, f"sqlite:///{file}", KEYS]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "False"

    def test_refuses_what_a_newer_version_made(self, store: Store) -> None:
        store.write(
            lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        )
        with pytest.raises(StoreError, match="9999"):
            upgrade(store.engine, store.sealer)

    def test_makes_what_the_code_describes(self, store: Store) -> None:
        with store.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            assert compare_metadata(context, metadata) == []

    def test_says_so_where_the_file_is_no_database(self, tmp_path: Path) -> None:
        path = tmp_path / "letter.db"
        path.write_bytes(b"this is a letter, not a database. " * 100)
        store = Store(f"sqlite:///{path}", keys=KEYS)
        try:
            with pytest.raises(StoreError, match="not a database"):
                upgrade(store.engine, store.sealer)
        finally:
            store.close()
