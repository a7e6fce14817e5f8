"""A MariaDB of our own, beside others on the same machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wordpress.mariadb import MariaDB
from tests.wordpress.process import ServerError


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    folder = tmp_path_factory.mktemp("mariadb")
    database = MariaDB(folder / "database", folder / "mariadb.log")
    yield database
    database.stop()


def test_its_temporary_tables_are_out_of_the_way_of_others(database: MariaDB) -> None:
    assert Path(database.run("SELECT @@tmpdir").strip()) == database.directory / "tmp"


def test_rows_of_all_statements_come_back(database: MariaDB) -> None:
    assert database.run("SELECT 1, 'two'; SELECT NULL WHERE 0; SELECT 'x\\ny';") == "1\ttwo\nx\\ny\n"
    assert database.run("SET @unseen = 1") == ""


def test_refusal_is_raised_and_the_next_runs_again(database: MariaDB) -> None:
    for _ in range(2):
        with pytest.raises(ServerError, match=r"ERROR 1146(.|\n)*SELECT 2;"):
            database.run("SELECT 1; SELECT * FROM nowhere.at_all; SELECT 2;")
        assert database.run("SELECT 3") == "3\n"
