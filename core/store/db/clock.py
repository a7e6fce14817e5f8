"""The clock of leases and due times, shared by all processes of one database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sqlalchemy import extract, func, select

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection


def now(connection: Connection, clock: Callable[[], float] | None = None) -> int:
    """Return the time in Unix milliseconds (UTC): from the PostgreSQL server, or from this machine with SQLite.

    The clocks of machines that share a PostgreSQL differ, and a lease must not end early because of that. `clock`
    overrides both.
    """
    if clock is None and connection.dialect.name == "postgresql":
        seconds = extract("epoch", func.clock_timestamp())
        return int(connection.scalar(select(seconds * 1000)))  # type: ignore[arg-type]
    return int((clock or time.time)() * 1000)
