"""Attempts to write posts: time, duration and result of each. Times are Unix milliseconds (UTC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from core.store.db.schema import attempts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `at` is its start; `action` is None where it failed with `fault`. `status` is the HTTP status."""

    site_id: str
    number: int
    at: int
    milliseconds: int
    action: str | None = None
    fault: str | None = None
    status: int | None = None
    message: str | None = None


def add(connection: Connection, made: Sequence[Attempt]) -> None:
    """Insert attempts."""
    if made:
        rows = [{name: getattr(attempt, name) for name in Attempt.__dataclass_fields__} for attempt in made]
        connection.execute(_ADDING, rows)


_ADDING = insert(attempts)


def of_post(connection: Connection, site_id: str, number: int, *, limit: int) -> list[Attempt]:
    """Return the latest attempts for a post, newest first."""
    columns = [attempts.c[name] for name in Attempt.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(attempts.c.site_id == site_id, attempts.c.number == number)
        .order_by(attempts.c.id.desc())
        .limit(limit)
    )
    return [Attempt(*row) for row in rows]


def list_after(
    connection: Connection, site_id: str, number: int, *, moment: int, limit: int
) -> list[Attempt]:
    """Return the first attempts for a post that began after `moment`, oldest first."""
    columns = [attempts.c[name] for name in Attempt.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(
            attempts.c.site_id == site_id,
            attempts.c.number == number,
            attempts.c.at > moment,
        )
        .order_by(attempts.c.id)
        .limit(limit)
    )
    return [Attempt(*row) for row in rows]


def delete_before(connection: Connection, moment: int, *, limit: int, site_id: str | None = None) -> int:
    """Delete up to `limit` attempts older than `moment`, on all sites or on one; returns their number."""
    of_site = [] if site_id is None else [attempts.c.site_id == site_id]
    chosen = select(attempts.c.id).where(attempts.c.at < moment, *of_site).limit(limit)
    return connection.execute(delete(attempts).where(attempts.c.id.in_(chosen))).rowcount
