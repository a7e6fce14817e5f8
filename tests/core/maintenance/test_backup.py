"""A backup holds everything of one moment, says when it is damaged, and is restored into either database."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from pydantic import ValidationError
from sqlalchemy import insert, select, text, update

from core.errors import BackupError, DatabaseNotEmptyError, StoreError, StoreInUseError
from core.maintenance import tables
from core.maintenance.backup import Manifest, check_backup, is_backup, write_backup
from core.maintenance.key_sealing import SealedKey, open_key, seal_key
from core.maintenance.move import move
from core.maintenance.restore import restore
from core.maintenance.target import own_address
from core.store import audit
from core.store.audit import AuditFilter
from core.store.db import schema
from core.store.db.encryption import Sealer
from core.store.db.engine import Store, address
from core.store.db.migrate import upgrade
from core.store.sites import sites
from tests.core.conftest import KEYS, connected

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

PASSPHRASE = "correct horse battery staple"


def summaries(store: Store) -> dict[str, tables.TableSummary]:
    with store.reading() as connection:
        return tables.summarize(connection, tables.tables_of(connection))


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def opened(url: URL) -> Store:
    """Open a database as `zoombridge move` does."""
    return Store(own_address(url).render_as_string(hide_password=False), keys=KEYS)


def written(store: Store, tmp_path: Path, **more: Any) -> tuple[Path, Manifest]:
    path = tmp_path / "one.backup"
    return path, write_backup(store.url, KEYS, path, now=time.time(), **more)


class TestEveryWay:
    """From an old version's database of each kind, into the present version's of the other kind."""

    def test_restored_and_moved(self, old: Store, empty_file: str, empty_server: str, tmp_path: Path) -> None:
        path, manifest = written(old, tmp_path)
        assert manifest.summaries == summaries(old)
        assert manifest.rows > 100
        assert check_backup(path).fits(old.sealer)

        before = rows(old, "SELECT id, digest, request FROM events ORDER BY id")
        upgrade(old.engine, old.sealer)
        current = summaries(old)
        assert current["sessions"].rows
        other = empty_file if old.is_shared else empty_server
        restored = restore(path, address(other), old.sealer, now=time.time())
        self.assert_continues(other, restored.revision, before, current)

        moved_to = empty_file.replace("new", "moved")
        old.close()
        source = opened(old.url)
        try:
            moved = move(source, address(moved_to), name="elsewhere")
            assert moved.tables == current
            with pytest.raises(StoreError, match="was moved to elsewhere"):
                upgrade(source.engine, source.sealer)
        finally:
            source.close()
        target = Store(moved_to, keys=KEYS)
        try:
            upgrade(target.engine, target.sealer)
            came = summaries(target)
        finally:
            target.close()
        assert tables.different(current, came) == ["audit_log", "settings"]

    def assert_continues(
        self, url: str, revision: str, before: list[Any], current: dict[str, tables.TableSummary]
    ) -> None:
        store = Store(url, keys=KEYS)
        try:
            assert upgrade(store.engine, store.sealer) == (revision, revision)
            with store.reading() as connection:
                sites.check_key(connection, store.sealer)
                (entry, *_) = audit.page(connection, AuditFilter(action="database"), limit=5).entries
            assert entry.action == "database.restored"
            assert rows(store, "SELECT id, digest, request FROM events ORDER BY id") == before
            # Migrations encrypt with a random nonce, and note the time: there, only the numbers of rows are the same.
            encrypted = {"grants", "meeting_baselines", "meetings", "zoom_users"}
            changed = {"audit_log", "posts", "sites", "jobs", "sessions", "one_time_links", *encrypted}
            found = summaries(store)
            assert set(tables.different(current, found)) <= changed
            assert {name: found[name].rows for name in encrypted} == {
                name: current[name].rows for name in encrypted
            }
            assert rows(store, "SELECT count(*) FROM sessions") == [(0,)]
            assert rows(store, "SELECT count(*) FROM posts WHERE in_doubt") == rows(
                store, "SELECT count(*) FROM posts"
            )
            # New rows get numbers of their own.
            connected(store, "new")
            store.write(lambda connection: audit.record(connection, audit.Action.SITE_BACK))
        finally:
            store.close()


class TestOneMoment:
    def test_of_a_database_that_is_written(self, file_store: Store, tmp_path: Path) -> None:
        """Each transaction adds a row to two tables; the backup has as many of both, and all from before it began."""
        store = file_store
        ended = threading.Event()
        changed = threading.Condition()
        count = 0

        def add(connection: Any) -> None:
            at = int(time.time() * 1000)
            connection.execute(insert(schema.settings).values(name=f"n{count}", value="x" * 2000))
            connection.execute(insert(schema.stub_requests).values(digest=f"n{count}", expires_at=at))

        def work() -> None:
            nonlocal count
            try:
                while not ended.is_set():
                    store.write(add)
                    with changed:
                        count += 1
                        changed.notify_all()
            finally:
                with changed:
                    ended.set()
                    changed.notify_all()

        def go_on(*_: object) -> None:
            """Wait until more has been written, in the middle of the copy."""
            with changed:
                enough = count + 3
                assert changed.wait_for(lambda: count >= enough or ended.is_set(), timeout=600)
                assert count >= enough, "The worker has ended."

        worker = threading.Thread(target=work)
        worker.start()
        try:
            go_on()
            least = count
            path, manifest = written(store, tmp_path, report=go_on)
        finally:
            ended.set()
            worker.join()
        assert manifest.tables["stub_requests"].rows == manifest.tables["settings"].rows >= least
        assert manifest.tables["stub_requests"].rows < count
        assert check_backup(path).manifest == manifest

    def test_leaves_nothing_behind_that_is_not_complete(self, store: Store, tmp_path: Path) -> None:
        connected(store, "s1")

        def fail(*_: object) -> None:
            raise StoreError("no more")

        folder = tmp_path / "backups"
        folder.mkdir()
        path, _ = written(store, folder)
        held = path.read_bytes()
        with pytest.raises(StoreError):
            written(store, folder, report=fail)
        assert (list(folder.iterdir()), path.read_bytes()) == ([path], held)


@pytest.fixture(scope="module")
def backup_of_many(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of 30 sites, of which each test damages a copy."""
    folder = tmp_path_factory.mktemp("many")
    database = folder / "zoombridge.db"
    database.touch(mode=0o600)
    shutil.copyfile(migrated_file, database)
    with closing(Store(f"sqlite:///{database}", keys=KEYS)) as store:
        for number in range(30):
            connected(store, f"s{number}")
        return written(store, folder)[0]


class TestDamage:
    @pytest.fixture
    def path(self, backup_of_many: Path, tmp_path: Path) -> Path:
        return Path(shutil.copy(backup_of_many, tmp_path / "one.backup"))

    def test_anywhere_is_noticed(self, path: Path) -> None:
        whole = path.read_bytes()
        assert is_backup(path)
        for share in (0.0, 0.2, 0.4, 0.6, 0.8, 0.99):
            at = int(len(whole) * share)
            for damaged in (whole[:at], whole[:at] + bytes(4096) + whole[at + 4096 :]):
                path.write_bytes(damaged)
                if damaged != whole and not self._is_unused(path, whole):
                    with pytest.raises(BackupError):
                        check_backup(path)

    def _is_unused(self, path: Path, whole: bytes) -> bool:
        """Whether nothing that a backup holds has changed."""
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as one:
                dump = list(one.iterdump())
                sound = one.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        except sqlite3.DatabaseError:
            return False
        other = path.with_name("whole")
        other.write_bytes(whole)
        with closing(sqlite3.connect(other)) as connection:
            return sound and dump == list(connection.iterdump())

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE sites SET name = 'x' WHERE id = 's7'",
            "DELETE FROM sites WHERE id = 's7'",
            "UPDATE alembic_version SET version_num = '0025'",
            "CREATE TABLE more (id INTEGER PRIMARY KEY)",
            "CREATE TRIGGER t AFTER INSERT ON sites BEGIN DELETE FROM users; END",
            "UPDATE backup_manifest SET document = replace(document, '\"format\":1', '\"format\":2')",
            "DELETE FROM backup_manifest",
        ],
    )
    def test_by_hand_is_noticed(self, path: Path, change: str) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(change)
        with pytest.raises(BackupError):
            check_backup(path)

    def test_with_a_matching_list_is_noticed_with_the_key(self, path: Path, empty_file: str) -> None:
        found = check_backup(path)
        document = found.document.replace('"version":"', '"version":"9.')
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE backup_manifest SET document = ?", (document,))
        changed = check_backup(path)
        assert not changed.fits(Sealer(KEYS))
        with pytest.raises(BackupError, match="another key, or its list of contents was changed"):
            restore(path, address(empty_file), Sealer(KEYS), now=0)


class TestFile:
    def test_is_readable_by_its_owner_only(self, file_store: Store, tmp_path: Path) -> None:
        path, _ = written(file_store, tmp_path)
        assert path.stat().st_mode & 0o777 == 0o600


class TestKey:
    def test_is_not_in_it(self, store: Store, tmp_path: Path) -> None:
        path, manifest = written(store, tmp_path)
        assert manifest.key is None
        assert KEYS.encode() not in path.read_bytes()

    def test_is_the_one_that_opens_the_data(self, file_store: Store, tmp_path: Path) -> None:
        """Not one of another shell or folder, with which the backup could be checked and never be restored."""
        path, another = tmp_path / "one.backup", Fernet.generate_key().decode()
        connected(file_store, "s1")
        with pytest.raises(BackupError, match="does not open this database"):
            write_backup(file_store.url, another, path, now=0)
        assert not list(tmp_path.glob("*one.backup*"))
        write_backup(file_store.url, f"{another} {KEYS}", path, now=0)

    def test_is_encrypted_with_a_passphrase(self, store: Store, tmp_path: Path) -> None:
        path, manifest = written(store, tmp_path, passphrase=PASSPHRASE)
        assert KEYS.encode() not in path.read_bytes()
        found = check_backup(path).manifest
        assert found == manifest
        assert found.key is not None
        assert open_key(found.key, PASSPHRASE) == KEYS
        with pytest.raises(BackupError, match="passphrase"):
            open_key(found.key, PASSPHRASE + "x")

    @pytest.mark.parametrize("costs", [{"n": 2**19}, {"r": 9}, {"p": 5}])
    def test_costs_a_bounded_amount_whatever_a_file_says(self, costs: dict[str, int]) -> None:
        made = {"salt": "", "nonce": "", "sealed": ""}
        assert SealedKey.model_validate(made).n == 2**17
        with pytest.raises(ValidationError):
            SealedKey.model_validate(made | costs)

    def test_needs_a_long_passphrase(self) -> None:
        with pytest.raises(BackupError, match="at least 12"):
            seal_key(KEYS, "too short")


class TestRefusals:
    def test_never_replaces_what_is_no_backup(self, store: Store, tmp_path: Path) -> None:
        (tmp_path / "one.backup").write_text("mine")
        with pytest.raises(BackupError, match="no backup"):
            written(store, tmp_path)
        assert (tmp_path / "one.backup").read_text() == "mine"

    def test_restores_into_empty_places_only(self, store: Store, tmp_path: Path, empty_file: str) -> None:
        connected(store, "s1")
        path, _ = written(store, tmp_path)
        url = address(empty_file)
        with pytest.raises(BackupError, match="another key"):
            restore(path, url, Sealer(Fernet.generate_key().decode()), now=0)
        restore(path, url, store.sealer, now=0)
        with pytest.raises(DatabaseNotEmptyError, match="Nothing was changed"):
            restore(path, url, store.sealer, now=time.time())
        if store.is_shared:
            with pytest.raises((DatabaseNotEmptyError, StoreInUseError)):
                restore(path, store.url, store.sealer, now=time.time())
        assert rows(store, "SELECT id FROM sites") == [("s1",)]
        assert self._epochs(empty_file) == [2], "one more than there was, where the clock says less"

    def test_keeps_what_was_left_of_a_database(
        self, file_store: Store, tmp_path: Path, empty_file: str
    ) -> None:
        """After a crash, the last events are in the log beside the file, which alone was moved away."""
        path, _ = written(file_store, tmp_path)
        Path(str(address(empty_file).database)).parent.mkdir(mode=0o700)
        for suffix in ("-wal", "-journal"):
            left = Path(str(address(empty_file).database) + suffix)
            left.write_bytes(b"the last events")
            with pytest.raises(DatabaseNotEmptyError, match="its last events"):
                restore(path, address(empty_file), file_store.sealer, now=0)
            assert left.read_bytes() == b"the last events"
            left.write_bytes(b"")
        restore(path, address(empty_file), file_store.sealer, now=0)

    def test_restored_bridge_is_the_newest_at_each_site(
        self, store: Store, tmp_path: Path, empty_file: str
    ) -> None:
        connected(store, "s1")
        path, _ = written(store, tmp_path)
        restore(path, address(empty_file), store.sealer, now=30_000_000 * 60)
        assert self._epochs(empty_file) == [30_000_000]

    def _epochs(self, url: str) -> list[int]:
        with closing(Store(url, keys=KEYS)) as restored:
            return [row[0] for row in rows(restored, "SELECT epoch FROM sites")]

    def test_names_the_version_that_is_needed(self, store: Store, tmp_path: Path, empty_file: str) -> None:
        store.write(
            lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        )
        if store.is_shared:
            with pytest.raises(StoreError, match="9999"):
                written(store, tmp_path)
            return
        path, _ = written(store, tmp_path)
        with pytest.raises(BackupError, match="at revision 9999, which this version does not know"):
            restore(path, address(empty_file), store.sealer, now=0)


class TestMove:
    def test_can_be_run_again(self, file_store: Store, empty_file: str) -> None:
        """Interrupted while it copies, and between the copy and the mark."""
        connected(file_store, "s1")

        def stop(phase: str, *_: object) -> None:
            if phase == "Comparing":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            move(file_store, address(empty_file), name="there", report=stop)
        assert not move(file_store, address(empty_file), name="there").was_complete
        self._forget_mark(file_store)
        assert move(file_store, address(empty_file), name="there").was_complete
        self._forget_mark(file_store)
        file_store.write(
            lambda connection: connection.execute(update(schema.sites).values(name="changed since"))
        )
        with pytest.raises(DatabaseNotEmptyError, match="other data"):
            move(file_store, address(empty_file), name="there")
        assert rows(file_store, "SELECT count(*) FROM settings WHERE name = 'moved_to'") == [(0,)]

    def test_lets_the_server_wait_while_the_copy_is_compared(
        self, empty_server: str, empty_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It ends other transactions that are idle for 20 seconds, and a large copy takes longer."""
        waits: list[str | None] = []

        def copy(source: Connection, *args: Any) -> Any:
            waits.append(source.scalar(text("SHOW idle_in_transaction_session_timeout")))
            return copied(source, *args)

        copied = tables.copy
        monkeypatch.setattr(tables, "copy", copy)
        source = opened(address(empty_server))
        try:
            upgrade(source.engine, source.sealer)
            written(source, tmp_path)
            move(source, address(empty_file), name="elsewhere")
        finally:
            source.close()
        assert waits == ["0", "0"]

    def test_refuses_while_a_bridge_is_connected(self, file_store: Store, empty_server: str) -> None:
        connected(file_store, "s1")
        bridge = Store(empty_server, keys=KEYS)
        try:
            with bridge.reading() as connection:
                connection.execute(select(1))
                with pytest.raises(StoreInUseError, match="85 minutes") as refused:
                    move(file_store, address(empty_server), name="there")
                assert "zoombridge from " in str(refused.value)
        finally:
            bridge.close()

    def test_names_the_idle_connections_of_a_pool(self, file_store: Store, empty_server: str) -> None:
        connected(file_store, "s1")
        with closing(psycopg.connect(empty_server, application_name="some pool")) as idle:
            with pytest.raises(StoreInUseError) as refused:
                move(file_store, address(empty_server), name="there")
            said = str(refused.value)
            assert "some pool from " in said
            assert "(idle, since 2" in said
            # What it says to do helps.
            command = said.partition("in psql, once no bridge runs: ")[2]
            assert f"({idle.info.backend_pid});" in command
            with closing(psycopg.connect(empty_server, autocommit=True)) as other:
                assert other.execute(command.encode()).fetchall() == [(True,)]
        move(file_store, address(empty_server), name="there")

    def _forget_mark(self, file_store: Store) -> None:
        file_store.write(
            lambda connection: connection.execute(text("DELETE FROM settings WHERE name = 'moved_to'"))
        )


class TestContents:
    def test_every_kind_of_value_is_the_same_in_both(self, store: Store, empty_server: str) -> None:
        """JSON with a null and without, numbers as JSON, text beyond ASCII, and what PostgreSQL stores otherwise."""
        values = [1, "1", None, [], {"b": 1, "a": "é"}, "nul\0 and 日本", 2**40, True]
        store.write(
            lambda connection: connection.execute(
                insert(schema.settings),
                [{"name": f"né\0{number}" if not store.is_shared else f"né{number}", "value": value}
                 for number, value in enumerate(values)],
            )
        )  # fmt: skip
        connected(store, "é")
        connected(store, "Z")
        if store.is_shared:
            assert summaries(store)["settings"].rows == len(values)
            return
        moved = move(store, address(empty_server), name="there")
        target = Store(empty_server, keys=KEYS)
        try:
            with target.reading() as connection:
                found = connection.execute(select(schema.settings.c.value)).scalars().all()
            assert [value for value in values if value not in found] == []
            assert tables.different(moved.tables, summaries(target)) == ["audit_log", "settings"]
        finally:
            target.close()
