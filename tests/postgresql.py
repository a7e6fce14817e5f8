"""A PostgreSQL of our own, of Debian's binaries: its own folder, a socket and a port, nothing worth keeping."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import psycopg
from cryptography.fernet import Fernet
from sqlalchemy import create_engine

from core.store.db.encryption import Sealer
from core.store.db.migrate import upgrade
from tests.groups import memory
from tests.wordpress.process import Server, ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

USER = "zoombridge"
_TEMPLATE = "zoombridge_template"
# More than the rows of a usual test. What is emptied leaves dead rows behind, which slow the next tests down.
_REUSED_BYTES = 4 * 1024**2
_TURNS = 4

_END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
_NO_TRIGGERS = "SET session_replication_role = replica"  # foreign keys are triggers
_START_SEQUENCES = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"
# Each change of tables writes or removes rows here; a statement of rows alone does not.
_CATALOGUE = [
    *("pg_attribute", "pg_index", "pg_constraint", "pg_trigger", "pg_proc", "pg_namespace", "pg_statistic"),
    "pg_db_role_setting",
]


class PostgreSQL:
    """A server that ends with us. `fsync` is on, as it has to be for what is acknowledged to be durable."""

    def __init__(self, *, fsync: bool = True) -> None:
        """Make its files in a folder of their own, which goes when it stops."""
        self.folder = Path(tempfile.mkdtemp(prefix="zoombridge-postgresql-", dir=None if fsync else memory()))
        self._fsync = fsync
        self._owner = _unprivileged()
        self._names = itertools.count(1)
        self._server: Server | None = None
        self._returned: deque[str] = deque()  # addresses of databases to lend again
        self._connections: dict[str, psycopg.Connection[tuple[Any, ...]]] = {}  # with each that was ever lent
        self.port = _free_port()
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)

    def start(self) -> Self:
        """Start it, with a database whose tables are there, from which others are copied."""
        self._make_files()
        self._run()
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        engine = create_engine(self._address(_TEMPLATE).replace("postgresql:", "postgresql+psycopg:", 1))
        upgrade(engine, Sealer(Fernet.generate_key().decode()))
        engine.dispose()
        with psycopg.connect(self._address(_TEMPLATE), autocommit=True) as connection:
            tables = [name for (name,) in connection.execute(_TABLES)]
            self._filled = [name for name in tables if _has_rows(connection, name)]
            self._emptied = [name for name in tables if name not in self._filled]
            self._fingerprint = self._fingerprint_of(connection)
            self._bytes = _bytes_of(connection)
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, database: str | None = None, *, tcp: bool = False) -> str:
        """Return the address of a fresh database with every table: over its socket, or over TCP."""
        database = database or f"test_{next(self._names)}"
        self._execute(f"CREATE DATABASE {database} TEMPLATE {_TEMPLATE}")
        return self._address(database, tcp=tcp)

    def lend(self) -> str:
        """Return the address of a database with every table and no rows; `give_back` takes it again.

        To empty one takes a tenth of the CPU time of a copy. Several take turns, and each is emptied only when its
        turn comes: what a test left running cannot get at the database of the next one.
        """
        if len(self._returned) >= _TURNS:
            url = self._returned.popleft()
            if self._is_emptied(url):
                return url
            self._connections.pop(url).close()
            self.drop(url)
        url = self.url()
        self._connections[url] = psycopg.connect(url, autocommit=True)
        return url

    def give_back(self, url: str) -> None:
        """Take back a database that was lent."""
        self._returned.append(url)

    def _is_emptied(self, url: str) -> bool:
        """Empty a database; return whether it is as new: only rows changed, and not too many."""
        connection = self._connections[url]
        # One round trip, and no TRUNCATE: new files for all tables and their indexes would take longer.
        deletes = [f"DELETE FROM {name}" for name in self._emptied]
        with contextlib.suppress(psycopg.errors.UndefinedTable, psycopg.OperationalError):
            connection.execute(_END_OTHERS)
            connection.execute("; ".join([_NO_TRIGGERS, *deletes, _START_SEQUENCES]).encode())
            return (
                self._fingerprint_of(connection) == self._fingerprint
                and _bytes_of(connection) <= self._bytes + _REUSED_BYTES
            )
        return False

    def empty(self) -> str:
        """Return the address of a fresh database without tables."""
        database = f"test_{next(self._names)}"
        self._execute(f"CREATE DATABASE {database}")
        return self._address(database)

    def copy(self, url: str) -> str:
        """Return the address of a copy of a database, with which nobody is connected."""
        database = f"test_{next(self._names)}"
        self._execute(f"CREATE DATABASE {database} TEMPLATE {_name_of(url)}")
        return self._address(database)

    def drop(self, url: str) -> None:
        """Take a database away again, whoever is still connected with it."""
        self._execute(f"DROP DATABASE {_name_of(url)} WITH (FORCE)")

    def pause(self) -> None:
        """Make it hang: it holds its connections and answers nothing."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def restart(self) -> None:
        """Stop it as an administrator does, and start it again."""
        self.shut_down()
        self.start_again()

    def shut_down(self) -> None:
        """Stop it as an administrator does; its data stay."""
        assert self._server is not None
        self._server.stop(keep=True)

    def start_again(self) -> None:
        """Start it with the data that it had."""
        self._run()

    def stop(self) -> None:
        """End it; its files go too."""
        for connection in self._connections.values():
            connection.close()
        if self._server is not None:
            self.resume()
            self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fingerprint_of(self, connection: psycopg.Connection[tuple[Any, ...]]) -> tuple[Any, ...]:
        """Return what a database has in common with the template: its catalogue, and the rows of migrations."""
        catalogue = [f"(SELECT (count(*), max(xmin::text::bigint))::text FROM {name})" for name in _CATALOGUE]
        rows = [f"(SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {name} t)" for name in self._filled]
        row = connection.execute(f"SELECT {', '.join(catalogue + rows)}".encode()).fetchone()
        assert row is not None
        return row

    def _make_files(self) -> None:
        command = [
            _program("initdb"),
            f"--pgdata={self.folder / 'data'}",
            f"--username={USER}",
            "--auth=trust",  # who reaches the folder owns it; over TCP, who is on this machine
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]
        made = subprocess.run(
            self._as_owner(command), capture_output=True, text=True, check=False, cwd=self.folder
        )
        if made.returncode:
            raise ServerError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _run(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "on" if self._fsync else "off",
            "max_connections": "200",
            "shared_buffers": "32MB",
            "deadlock_timeout": "200ms",
            # Statistics that it gathers by itself, at times of its own, would make a database differ from the template.
            "autovacuum": "off",
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._server = Server(
            self._as_owner([_program("postgres"), "-D", str(self.folder / "data"), *settings]),
            log=self.folder / "log",
            remove=self.folder,
            stop_with=signal.SIGINT,  # SIGTERM would wait for whoever is connected
        )
        try:
            self._server.wait_until(self._answers)
        except BaseException:
            self._server.stop()
            raise

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self._address("postgres"), connect_timeout=2).close()
            return True
        return False

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _address(self, database: str, *, tcp: bool = False) -> str:
        if tcp:
            return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"
        return f"postgresql://{USER}@/{database}?host={quote(str(self.folder), safe='')}&port={self.port}"

    def _as_owner(self, command: Sequence[str]) -> list[str]:
        """Run a command as somebody who is not root, whom PostgreSQL refuses to serve."""
        if self._owner is None:
            return list(command)
        ids = [f"--reuid={self._owner.pw_uid}", f"--regid={self._owner.pw_gid}", "--clear-groups"]
        return ["setpriv", *ids, *command]

    def _pids(self) -> list[int]:
        """Return its processes, the one that makes the others first."""
        try:
            master = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return []
        children = Path(f"/proc/{master}/task/{master}/children")
        return [master, *(map(int, children.read_text().split()) if children.exists() else ())]


def _name_of(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _has_rows(connection: psycopg.Connection[tuple[Any, ...]], table: str) -> bool:
    return connection.execute(f"SELECT FROM {table} LIMIT 1".encode()).rowcount > 0


def _bytes_of(connection: psycopg.Connection[tuple[Any, ...]]) -> int:
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def _unprivileged() -> pwd.struct_passwd | None:
    """Return whom to be instead of root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerError("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str) -> str:
    """Return where the newest PostgreSQL's program is; Debian keeps them out of PATH."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True
    )
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    raise ServerError(f"The program `{name}` is missing. Run bin/setup, then try again.")
