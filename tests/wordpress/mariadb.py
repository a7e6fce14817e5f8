"""A MariaDB of our own: its own folder, a socket and no port, nothing that is worth keeping."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.wordpress.process import Server, ServerError

DATABASE = "wordpress"
SNAPSHOT = "snapshot"

# A socket's address is a fixed field in the kernel.
LONGEST_SOCKET_PATH = 107


class Client:
    """MariaDB's own client, which takes one text of statements after the other: to start it takes longer than to run them."""

    _END = "-- all of it has run --"

    def __init__(self, address: Path) -> None:
        """Start it, connected with the server at this socket. It ends with us: its input closes."""
        self._process = subprocess.Popen(
            [
                _program("mariadb"),
                "--no-defaults",
                f"--socket={address}",
                "--batch",
                "--skip-column-names",
                "--unbuffered",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, sql: str) -> str:
        """Run statements and return their rows, as lines. Raises ServerError, and ends, where one is refused."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):  # what it says about it is read below
            stdin.write(f"{sql.rstrip(';')};\nSELECT '{self._END}';\n")
            stdin.flush()
        lines: list[str] = []
        for line in stdout:
            if line == f"{self._END}\n":
                return "".join(lines)
            lines.append(line)
        _, refusal = self._process.communicate()
        raise ServerError(f"MariaDB refused: {refusal}\n{sql[:2000]}")

    def stop(self) -> None:
        """End it."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()


class MariaDB:
    """The server, and the one database in it that WordPress uses."""

    def __init__(self, directory: Path, log: Path) -> None:
        """Make its files in `directory`, which goes when it stops, and start it."""
        self.directory = directory.absolute()
        self.socket = self.directory / "socket"
        if len(str(self.socket)) > LONGEST_SOCKET_PATH:
            raise ServerError(f"{self.socket} is too long a path for a socket. Choose a shorter directory.")
        data = self.directory / "data"
        # As root it refuses to start unless told that this is meant.
        user = [f"--user={getpass.getuser()}"] if os.geteuid() == 0 else []
        temporary = self.directory / "tmp"
        common = [
            "--no-defaults",
            *user,
            f"--datadir={data}",
            # Each server removes all temporary tables of its folder as it starts, also those of others.
            f"--tmpdir={temporary}",
            "--innodb-log-file-size=4M",
        ]
        temporary.mkdir(parents=True, mode=0o700)
        made = subprocess.run(
            [
                _program("mariadb-install-db"),
                *common,
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ServerError(f"mariadb-install-db failed:\n{made.stdout}{made.stderr}")
        self.server = Server(
            [
                _program("mariadbd"),
                *common,
                f"--socket={self.socket}",
                "--skip-networking",
                "--skip-grant-tables",  # who reaches the socket owns the folder
                "--character-set-server=utf8mb4",
                # Nothing here must survive a power cut, so no write waits for the disk.
                "--innodb-flush-method=nosync",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-doublewrite=0",
                "--innodb-fast-shutdown=2",
                "--innodb-buffer-pool-size=64M",
                "--performance-schema=OFF",
            ],
            log=log,
            remove=self.directory,
        )
        self._client: Client | None = None
        try:
            self.server.wait_until(self._answers)
            self.run(f"CREATE DATABASE {DATABASE}")
        except BaseException:
            self.stop()
            raise

    def constants(self) -> dict[str, str | bool | int]:
        """What wp-config.php says about the database."""
        return {
            "DB_NAME": DATABASE,
            "DB_USER": "root",
            "DB_PASSWORD": "",
            "DB_HOST": f"localhost:{self.socket}",
            "DB_CHARSET": "utf8mb4",
            "DB_COLLATE": "",
        }

    def run(self, sql: str) -> str:
        """Run statements; the rows come back as lines, their columns separated by tabs."""
        if self._client is None:
            self._client = Client(self.socket)
        try:
            return self._client.run(sql)
        except ServerError:
            self._client = None  # it ends with the first error
            raise

    def snapshot(self) -> None:
        """Keep a copy of every table in a second database."""
        copies = [
            f"CREATE TABLE {SNAPSHOT}.`{table}` LIKE {DATABASE}.`{table}`;"
            f"INSERT INTO {SNAPSHOT}.`{table}` SELECT * FROM {DATABASE}.`{table}`;"
            for table in self._numbers()[0]
        ]
        self.run(f"DROP DATABASE IF EXISTS {SNAPSHOT}; CREATE DATABASE {SNAPSHOT}; {''.join(copies)}")

    def reset(self) -> None:
        """Make every table what it was at the snapshot.

        Posts, users and terms are numbered as from there again; the numbers of options and metas, which nobody sees, go on.
        """
        numbers, kept = self._numbers()
        statements = [f"DROP TABLE {DATABASE}.`{table}`;" for table in numbers if table not in kept]
        for table, number in kept.items():
            if table not in numbers:
                statements.append(f"CREATE TABLE {DATABASE}.`{table}` LIKE {SNAPSHOT}.`{table}`;")
            # Truncating starts the numbering again, but makes new files: it takes ten times as long as deleting.
            elif number != numbers[table] and not table.endswith(("meta", "options")):
                statements.append(f"TRUNCATE {DATABASE}.`{table}`;")
            else:
                statements.append(f"DELETE FROM {DATABASE}.`{table}`;")
            statements.append(f"INSERT INTO {DATABASE}.`{table}` SELECT * FROM {SNAPSHOT}.`{table}`;")
        self.run("".join(statements))

    def log_tail(self) -> str:
        """Return the last lines of the server's log."""
        return self.server.log_tail()

    def stop(self) -> None:
        """End the server; its files go too."""
        if self._client is not None:
            self._client.stop()
        self.server.stop()

    def _numbers(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the tables, each with the number of its next row: those of the database and those of the snapshot."""
        rows = self.run("SELECT table_schema, table_name, auto_increment FROM information_schema.tables")
        found = [row.split("\t") for row in rows.splitlines()]
        return (
            {table: number for schema, table, number in found if schema == DATABASE},
            {table: number for schema, table, number in found if schema == SNAPSHOT},
        )

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0


def _program(name: str) -> str:
    """Where the program is; Debian keeps servers out of an ordinary user's PATH."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if not found:
        raise ServerError(f"The program `{name}` is missing. Run bin/setup, then try again.")
    return found
