"""The users of a Zoom account: whose meetings there are, and what they are called."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from core.store.db.schema import hosts
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_ROWS = 100  # in one statement


@dataclass(frozen=True, slots=True)
class ZoomUser:
    """One user. `seen_at` is when Zoom last named them (ms since 1970, UTC)."""

    account_id: str
    host_id: str
    email: str
    name: str
    seen_at: int


def keep(connection: Connection, found: Sequence[ZoomUser]) -> None:
    """Keep users, or what they are called now."""
    for start in range(0, len(found), _ROWS):
        rows = [asdict(host) for host in found[start : start + _ROWS]]
        statement = insert(connection, hosts).values(rows)
        given = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["account_id", "host_id"],
                set_={"email": given.email, "name": given.name, "seen_at": given.seen_at},
            )
        )


def drop_unseen(connection: Connection, account_id: str, since: int) -> None:
    """Forget users whom Zoom has not named since a moment (ms since 1970, UTC): they are no longer in the account."""
    connection.execute(delete(hosts).where(hosts.c.account_id == account_id, hosts.c.seen_at < since))


def after(connection: Connection, account_id: str, host_id: str, *, limit: int) -> list[ZoomUser]:
    """Return the next users in the order of their ids."""
    columns = [hosts.c[name] for name in ZoomUser.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(hosts.c.account_id == account_id, hosts.c.host_id > host_id)
        .order_by(hosts.c.host_id)
        .limit(limit)
    )
    return [ZoomUser(*row) for row in rows]


def count(connection: Connection, account_id: str) -> int:
    """Return how many users are known."""
    return connection.scalar(select(func.count()).where(hosts.c.account_id == account_id)) or 0


def of_account(connection: Connection, account_id: str, *, limit: int) -> list[ZoomUser]:
    """Return users by name."""
    columns = [hosts.c[name] for name in ZoomUser.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(hosts.c.account_id == account_id)
        .order_by(hosts.c.name, hosts.c.host_id)
        .limit(limit)
    )
    return [ZoomUser(*row) for row in rows]
