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
