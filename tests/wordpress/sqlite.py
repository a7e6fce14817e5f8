"""WordPress's database as one SQLite file, by way of WordPress's own integration plugin."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path


class SQLite:
    """The file, and the copy of it that is kept."""

    def __init__(self, directory: Path) -> None:
        """Keep both in `directory`."""
        self.directory = directory.absolute()
        self.directory.mkdir(parents=True, mode=0o700)
        self.file = self.directory / "wordpress.sqlite"
        self._copy = self.directory / "snapshot.sqlite"

    def constants(self) -> dict[str, str | bool | int]:
        """What wp-config.php says about the database."""
        return {"DB_NAME": "wordpress", "DB_DIR": str(self.directory), "DB_FILE": self.file.name}

    def snapshot(self) -> None:
        """Keep a copy of the file."""
        shutil.copyfile(self.file, self._copy)

    def reset(self) -> None:
        """Put back what the copy holds, in one transaction: a request that a browser has left behind may still write.

        Another file in its place would fail such a request, whose database has been moved.
        """
        with closing(sqlite3.connect(self._copy)) as copy, closing(sqlite3.connect(self.file)) as file:
            # No test is about a power cut.
            file.execute("PRAGMA synchronous = OFF")
            copy.backup(file)

    def log_tail(self) -> str:
        """Return nothing: it is a file, and has no log."""
        return ""

    def stop(self) -> None:
        """Take the files away."""
        shutil.rmtree(self.directory, ignore_errors=True)
