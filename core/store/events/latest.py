"""When the last event of an account was received.

Each account and outcome reads the end of one range of the index `ix_events_outcome`, however many events there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, literal, select, union_all

from core.store.db.schema import events
from core.store.events.log import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_AT_ONCE = 50  # accounts in one statement: SQLite allows 500 parts


def received_at(connection: Connection, account_ids: Sequence[str]) -> dict[str, int]:
    """Return when the last event of each account was received (Unix ms, UTC); accounts without one are missing."""
    found: dict[str, int] = {}
    for start in range(0, len(account_ids), _AT_ONCE):
        parts = [
            select(
                literal(account_id).label("account_id"), func.max(events.c.received_at).label("last_at")
            ).where(events.c.account_id == account_id, events.c.outcome == outcome)
            for account_id in account_ids[start : start + _AT_ONCE]
            for outcome in Outcome
        ]
        for row in connection.execute(union_all(*parts)):
            if row.last_at is not None:
                found[row.account_id] = max(row.last_at, found.get(row.account_id, 0))
    return found
