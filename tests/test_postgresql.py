"""The private PostgreSQL: nothing of it is left behind, also when nobody was there to say stop."""

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.postgresql import PostgreSQL
from tests.wordpress.test_lifetime import ROOT, processes_that_mention, wait_for_the_end_of


def test_stopped() -> None:
    with PostgreSQL() as server:
        folder = server.folder
        connection = psycopg.connect(server.url())
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    assert not folder.exists()
    assert processes_that_mention(str(folder)) == []
    connection.close()


def test_killed_parent() -> None:
    code = (
        "import time, psycopg; from tests.postgresql import PostgreSQL;"
        "server = PostgreSQL().start(); connection = psycopg.connect(server.url());"
        "print(server.folder, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout
        folder = Path(parent.stdout.readline().strip())
        assert processes_that_mention(str(folder))
        parent.send_signal(signal.SIGKILL)

    wait_for_the_end_of(folder)

    assert processes_that_mention(str(folder)) == []
    assert not folder.exists()


def test_restarted_with_what_it_held() -> None:
    with PostgreSQL() as server:
        url = server.url()
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept (id int)")
        server.shut_down()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        server.start_again()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


class TestLend:
    def test_gives_an_empty_database_again(self, postgresql: PostgreSQL) -> None:
        url = _new(postgresql)
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO settings VALUES ('name', '1')")
        with psycopg.connect(url) as left_open:
            postgresql.give_back(url)

            _lend_until(postgresql, url)

            with pytest.raises(psycopg.OperationalError):
                left_open.execute("SELECT 1")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM settings").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)

    def test_gives_another_before_the_same(self, postgresql: PostgreSQL) -> None:
        url = postgresql.lend()
        postgresql.give_back(url)

        again = postgresql.lend()

        postgresql.give_back(again)
        assert again != url

    @pytest.mark.parametrize(
        "change",
        [
            "DROP INDEX ix_events_event",
            "ALTER TABLE settings ADD COLUMN more int",
            "DROP TABLE settings",
            "DELETE FROM alembic_version",
            "ANALYZE alembic_version",
            "CREATE TABLE long AS SELECT generate_series(1, 100000)",
            "INSERT INTO settings SELECT n, to_json(repeat('x', 900)) FROM generate_series(1, 10000) AS n",
        ],
    )
    def test_drops_what_more_than_a_few_rows_changed_in(self, postgresql: PostgreSQL, change: str) -> None:
        url = postgresql.lend()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(change.encode())
        postgresql.give_back(url)

        _lend_until(postgresql, url)

        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(url)


def _new(server: PostgreSQL) -> str:
    """Lend a database that no test has used: with those that wait for their turn lent, the next is a copy."""
    waiting = [server.lend() for _ in range(len(server._returned))]
    url = server.lend()
    for other in waiting:
        server.give_back(other)
    return url


def _lend_until(server: PostgreSQL, url: str) -> None:
    """Lend until the turn of a database was."""
    while url in server._returned:
        server.give_back(lent := server.lend())
        if lent == url:
            return
