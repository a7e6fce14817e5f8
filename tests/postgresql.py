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
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import psycopg
from sqlalchemy import create_engine

from core.store.db.migrate import upgrade
from tests.groups import memory
from tests.wordpress.process import Server, ServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

USER = "zoombridge"
_TEMPLATE = "zoombridge_template"


class PostgreSQL:
    """A server that ends with us. `fsync` is on, as it has to be for what is acknowledged to be durable."""

    def __init__(self, *, fsync: bool = True) -> None:
        """Make its files in a folder of their own, which goes when it stops."""
        self.folder = Path(tempfile.mkdtemp(prefix="zoombridge-postgresql-", dir=None if fsync else memory()))
        self._fsync = fsync
        self._owner = _unprivileged()
        self._names = itertools.count(1)
        self._server: Server | None = None
        self.port = _free_port()
        if self._owner is not None:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)

    def start(self) -> Self:
        """Start it, with a database whose tables are there, from which others are copied."""
        self._make_files()
        self._run()
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        engine = create_engine(self._address(_TEMPLATE).replace("postgresql:", "postgresql+psycopg:", 1))
        upgrade(engine)
        engine.dispose()
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

    def empty(self) -> str:
        """Return the address of a fresh database without tables."""
        database = f"test_{next(self._names)}"
        self._execute(f"CREATE DATABASE {database}")
        return self._address(database)

    def drop(self, url: str) -> None:
        """Take a database away again, whoever is still connected with it."""
        self._execute(f"DROP DATABASE {url.partition('?')[0].rpartition('/')[2]} WITH (FORCE)")

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
        if self._server is not None:
            self.resume()
            self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

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
