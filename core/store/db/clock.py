"""What time it is for leases and due times: by one clock for all processes that share a database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import extract, func, select

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection


def now(connection: Connection, clock: Callable[[], float] | None = None) -> int:
    """Return milliseconds since 1970, UTC: by the database's clock, or with SQLite by this process's.

    Machines that share a PostgreSQL do not agree on the time, and a lease must not end early for that. A
    `clock` that is given counts instead, on both.
    """
    if clock is None and connection.dialect.name == "postgresql":
        seconds = extract("epoch", func.clock_timestamp())
        return int(connection.scalar(select(seconds * 1000)))  # type: ignore[arg-type]
    return int((clock or time.time)() * 1000)
