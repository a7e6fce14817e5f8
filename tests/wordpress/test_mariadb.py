"""A MariaDB of our own, beside others on the same machine."""

from pathlib import Path

from tests.wordpress.mariadb import MariaDB


def test_its_temporary_tables_are_out_of_the_way_of_others(tmp_path: Path) -> None:
    database = MariaDB(tmp_path / "database", tmp_path / "mariadb.log")
    try:
        assert Path(database.run("SELECT @@tmpdir").strip()) == tmp_path / "database" / "tmp"
    finally:
        database.stop()
