"""Attempts: what was tried on a site for a post, when, how long it took, and what came back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from core.store.db.schema import attempts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. `at` is in milliseconds since 1970, UTC; `did` is empty where it failed with `fault`."""

    site_id: str
    account_id: str
    number: int
    at: int
    milliseconds: int
    did: str | None = None
    fault: str | None = None
    status: int | None = None
    message: str | None = None


def note(connection: Connection, made: Sequence[Attempt]) -> None:
    """Keep attempts."""
    if made:
        connection.execute(insert(attempts), [asdict(attempt) for attempt in made])


def of_post(
    connection: Connection, site_id: str, account_id: str, number: int, *, limit: int
) -> list[Attempt]:
    """Return the latest attempts for a post, the newest first."""
    columns = [attempts.c[name] for name in Attempt.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(
            attempts.c.site_id == site_id, attempts.c.account_id == account_id, attempts.c.number == number
        )
        .order_by(attempts.c.id.desc())
        .limit(limit)
    )
    return [Attempt(*row) for row in rows]


def after(
    connection: Connection, site_id: str, account_id: str, number: int, *, moment: int, limit: int
) -> list[Attempt]:
    """Return the first attempts for a post that began after a moment (ms since 1970, UTC), oldest first."""
    columns = [attempts.c[name] for name in Attempt.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(
            attempts.c.site_id == site_id,
            attempts.c.account_id == account_id,
            attempts.c.number == number,
            attempts.c.at > moment,
        )
        .order_by(attempts.c.id)
        .limit(limit)
    )
    return [Attempt(*row) for row in rows]


def drop_before(connection: Connection, moment: int) -> int:
    """Forget attempts older than `moment` (ms since 1970, UTC); return how many that were."""
    return connection.execute(delete(attempts).where(attempts.c.at < moment)).rowcount
