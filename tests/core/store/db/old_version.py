"""Databases as version 0.1.0 left them."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg

_DUMPS = Path(__file__).parent / "old_versions"


def load_old_version(url: str) -> None:
    """Fill an empty database with what version 0.1.0 left."""
    kind = url.partition(":")[0]
    dump = gzip.decompress((_DUMPS / f"0.1.0-{kind}.sql.gz").read_bytes()).decode()
    if kind == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(dump)
    else:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(dump.encode())
