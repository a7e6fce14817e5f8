"""The one thread that writes: shared commits, bounded, durable; and readers that cannot write."""

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from core.errors import StoreError, StoreInUseError, StoreUnavailableError
from core.store.db.engine import Store, _words
from tests.core.conftest import KEYS

if TYPE_CHECKING:
    from concurrent.futures import Future


@pytest.fixture
def table(store: Store) -> Store:
    store.write(lambda connection: connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)")))
    return store


def put(number: int) -> Callable[[Connection], int]:
    def insert(connection: Connection) -> int:
        connection.execute(text("INSERT INTO notes VALUES (:id)"), {"id": number})
        return number

    return insert


def put_many(connection: Connection, numbers: Sequence[int]) -> list[str]:
    for number in numbers:
        put(number)(connection)
    return [f"{len(numbers)} together: {number}" for number in numbers]


def notes(store: Store) -> list[int]:
    with store.reading() as connection:
        return list(connection.scalars(text("SELECT id FROM notes ORDER BY id")))


class Held:
    """Holds the writing thread, so that what is submitted meanwhile waits in the queue together."""

    def __init__(self, store: Store) -> None:
        self._go = threading.Event()
        began = threading.Event()

        def hold(_: Connection) -> None:
            began.set()
            assert self._go.wait(600)

        self._future = store.submit(hold)
        assert began.wait(600)

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        self._go.set()
        self._future.result(600)


class TestWrite:
    def test_returns_what_the_function_returns(self, table: Store) -> None:
        assert table.write(put(5)) == 5
        assert notes(table) == [5]

    def test_raises_what_the_function_raises_and_undoes_its_change(self, table: Store) -> None:
        def fail(connection: Connection) -> None:
            put(1)(connection)
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            table.write(fail)
        assert notes(table) == []


class TestGroupCommit:
    def test_what_waits_shares_a_commit(self, table: Store) -> None:
        commits: list[object] = []
        event.listen(table.engine, "commit", commits.append)
        with Held(table):
            futures = [table.submit(put(number)) for number in range(20)]
        assert [future.result(600) for future in futures] == list(range(20))
        # Beside other processes each has its own, so that none holds locks for longer than it must.
        assert len(commits) == (2 if table.is_exclusive else 21)

    def test_items_for_one_function_reach_it_together(self, table: Store) -> None:
        with Held(table):
            futures = [table.submit_to_group(put_many, number) for number in (3, 1, 2)]
        assert [future.result(600) for future in futures] == [
            "3 together: 3",
            "3 together: 1",
            "3 together: 2",
        ]

    def test_items_given_together_are_told_of_together(self, table: Store) -> None:
        table.write(put(2))
        with Held(table):
            several = table.submit_each(put_many, [1, 2, 3])
            one = table.submit_to_group(put_many, 4)
            others = table.submit_each(put_many, [5, 6])
        told = several.result(600)
        assert [told[0], told[2]] == ["1 together: 1", "1 together: 3"]
        assert isinstance(told[1], IntegrityError), "one that fails does not harm the others"
        assert one.result(600) == "1 together: 4"
        assert others.result(600) == ["1 together: 5", "1 together: 6"]
        assert notes(table) == [1, 2, 3, 4, 5, 6]

    def test_a_function_that_tells_too_little_fails_and_the_next_write_does_not(self, table: Store) -> None:
        def tell_nothing(_connection: Connection, _items: Sequence[int]) -> list[str]:
            return []

        told = table.submit_each(tell_nothing, [1, 2]).result(600)
        assert [type(one) for one in told] == [ValueError, ValueError]
        assert table.write(put(1)) == 1

    def test_a_future_is_done_only_after_the_commit(self, table: Store) -> None:
        done: list[bool] = []
        future: Future[int]
        event.listen(table.engine, "commit", lambda _: done.append(future.done()))
        with Held(table):
            future = table.submit(put(1))
        future.result(600)
        assert done == [False, False]

    def test_one_that_fails_does_not_harm_the_others(self, table: Store) -> None:
        with Held(table):
            futures = [table.submit(put(number)) for number in (1, 2, 1, 3)]
        assert [future.exception(30) is None for future in futures] == [True, True, False, True]
        assert notes(table) == [1, 2, 3]

    def test_one_item_that_fails_does_not_harm_the_others(self, table: Store) -> None:
        table.write(put(2))
        with Held(table):
            futures = [table.submit_to_group(put_many, number) for number in (1, 2, 3)]
        assert [future.exception(30) is None for future in futures] == [True, False, True]
        assert notes(table) == [1, 2, 3]

    def test_the_databases_own_trouble_is_told_to_all_that_wait_for_it(self, table: Store) -> None:
        def disk_full(_: Connection) -> None:
            raise OperationalError("INSERT secrets", {}, Exception("database or disk is full"))

        with Held(table):
            before: Future[Any] = table.submit(put(1))
            full: Future[Any] = table.submit(disk_full)
            after: Future[Any] = table.submit(put(2))
        for future in (full, after) if table.is_shared else (before, full, after):
            error = future.exception(30)
            assert isinstance(error, StoreUnavailableError)
            assert "disk is full" in str(error)
            assert "INSERT" not in str(error)
        assert notes(table) == ([1] if before.exception(30) is None else []), "written where it was said so"
        assert table.write(put(3)) == 3, "it goes on by itself"

    def test_one_that_nobody_waits_for_any_more_is_written_all_the_same(self, table: Store) -> None:
        with Held(table):
            given_up = table.submit(put(1))
            assert given_up.cancel()
            after = table.submit(put(2))
        assert after.result(600) == 2
        assert notes(table) == [1, 2]


class TestQueue:
    def test_refuses_at_once_when_it_is_full(self, database_url: str) -> None:
        store = Store(database_url, keys=KEYS, queue_size=2)
        try:
            with Held(store):
                futures = [store.submit(lambda _: 1) for _ in range(2)]
                with pytest.raises(StoreUnavailableError, match="too many"):
                    store.submit(lambda _: 1)
                with pytest.raises(StoreUnavailableError, match="too many"):
                    store.submit_to_group(put_many, 1)
                with pytest.raises(StoreUnavailableError, match="too many"):
                    store.submit_each(put_many, [1, 2])
            assert [future.result(600) for future in futures] == [1, 1]
            assert store.write(lambda _: "room again") == "room again"
        finally:
            store.close()


class TestReading:
    def test_cannot_write(self, table: Store) -> None:
        with pytest.raises(StoreError), table.reading() as connection:
            connection.execute(text("INSERT INTO notes VALUES (1)"))
        assert notes(table) == []

    def test_sees_one_consistent_state(self, table: Store) -> None:
        count = text("SELECT count(*) FROM notes")
        with table.reading() as connection:
            assert connection.scalar(count) == 0
            table.write(put(1))
            assert connection.scalar(count) == 0
        assert notes(table) == [1]

    def test_goes_on_while_something_is_written(self, table: Store) -> None:
        with Held(table):
            assert notes(table) == []


class TestClose:
    def test_finishes_what_is_queued(self, database_url: str) -> None:
        store = Store(database_url, keys=KEYS)
        store.write(
            lambda connection: connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
        )
        futures = [store.submit(put(number)) for number in range(100)]
        store.close()
        assert [future.result(0) for future in futures] == list(range(100))
        again = Store(database_url, keys=KEYS)
        try:
            assert notes(again) == list(range(100))
        finally:
            again.close()

    def test_takes_nothing_more(self, store: Store) -> None:
        store.close()
        with pytest.raises(StoreUnavailableError, match="stopping"):
            store.submit(lambda _: None)
        store.close()

    def test_closes_a_connection_in_use_once_its_reader_ends(self, store: Store) -> None:
        with store.reading() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            store.close()
            assert connection.scalar(text("SELECT 1")) == 1
        with pytest.raises(Exception, match="closed"):
            raw.cursor().execute("SELECT 1")

    def test_writes_what_slips_in_while_it_closes(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look whether it closes and the queue, another thread may close it."""

        class Slow(queue.SimpleQueue[Any]):
            def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
                if item is not None:
                    closing.start()
                    closing.join(0.5)
                super().put(item)

        monkeypatch.setattr(queue, "SimpleQueue", Slow)
        store = Store(database_url, keys=KEYS)
        closing = threading.Thread(target=store.close)
        future = store.submit(lambda _: "written")
        closing.join(600)
        assert future.result(0) == "written"


class TestSQLite:
    """What only SQLite needs."""

    def test_refuses_a_second_process(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'zoombridge.db'}"
        store = Store(url, keys=KEYS)
        try:
            with pytest.raises(StoreInUseError, match="PostgreSQL"):
                Store(url, keys=KEYS)
        finally:
            store.close()
        Store(url, keys=KEYS).close()

    def test_lets_go_where_it_could_not_be_opened(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'zoombridge.db'}"
        with pytest.raises(StoreError, match="ZOOMBRIDGE_KEY"):
            Store(url, keys="not a key")
        Store(url, keys=KEYS).close()

    def test_syncs_every_commit(self, tmp_path: Path) -> None:
        store = Store(f"sqlite:///{tmp_path / 'zoombridge.db'}", keys=KEYS)
        try:
            modes = store.write(
                lambda connection: [
                    connection.scalar(text(f"PRAGMA {name}"))
                    for name in ("journal_mode", "synchronous", "foreign_keys")
                ]
            )
        finally:
            store.close()
        assert modes == ["wal", 2, 1]

    def test_keeps_its_key_beside_it_for_its_owner_only(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'new' / 'zoombridge.db'}"
        store = Store(url)
        sealed = store.sealer.seal(b"secret")
        store.close()
        key = tmp_path / "new" / "zoombridge.key"
        assert key.stat().st_mode & 0o777 == 0o600
        again = Store(url)
        try:
            assert again.sealer.open(sealed) == b"secret"
        finally:
            again.close()

    def test_what_was_written_survives_without_a_close(self, tmp_path: Path) -> None:
        """A copy of the files after an acknowledged write is what a power cut leaves."""
        store = Store(f"sqlite:///{tmp_path / 'zoombridge.db'}", keys=KEYS)
        (tmp_path / "copy").mkdir()
        try:
            store.write(lambda connection: connection.execute(text("CREATE TABLE notes (id INTEGER)")))
            store.write(put(7))
            for name in ("zoombridge.db", "zoombridge.db-wal"):
                (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
        finally:
            store.close()
        copied = Store(f"sqlite:///{tmp_path / 'copy' / 'zoombridge.db'}", keys=KEYS)
        try:
            assert notes(copied) == [7]
        finally:
            copied.close()

    def test_leaves_no_file_open(self, tmp_path: Path) -> None:
        before = set(Path("/proc/self/fd").iterdir())
        store = Store(f"sqlite:///{tmp_path / 'zoombridge.db'}", keys=KEYS)
        store.write(lambda connection: connection.scalar(text("SELECT 1")))
        store.close()
        assert set(Path("/proc/self/fd").iterdir()) == before


class TestReason:
    @pytest.mark.parametrize("host", ["127.0.0.1:1", "db.inside.invalid"])
    def test_names_no_host_user_or_database(self, host: str) -> None:
        """Strangers read it in the answers of /readyz and of the endpoints."""
        store = Store(f"postgresql://bridgeuser:word@{host}/ourdata", keys=KEYS)
        with pytest.raises(StoreUnavailableError, match="failed") as caught, store.reading():
            pass
        for name in ("127.0.0.1", "port", "inside", "bridgeuser", "word", "ourdata"):
            assert name not in str(caught.value)
        store.close()

    def test_keeps_what_is_no_name(self) -> None:
        said = 'FATAL: database "our data" isn\'t there for user "anna" (10.0.0.1), port 5432: don\'t'
        assert _words(OperationalError("", None, Exception(said))) == (
            "FATAL: database … isn't there for user …: don't"
        )


def test_sqlite_loads_no_driver_of_postgresql(tmp_path: Path) -> None:
    """Nothing that a serving bridge imports does, either: the driver takes 9 MB."""
    code = """
import sys
import core.bridge, web.app, web.cli.serve
from core.store.db.engine import Store

Store(sys.argv[1], keys=sys.argv[2]).close()
print([name for name in ("psycopg", "psycopg_binary") if name in sys.modules])
"""
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path / 'bridge.db'}", KEYS]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
