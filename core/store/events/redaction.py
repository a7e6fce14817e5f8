"""Names and addresses in the log: after a while they go, and the events stay. See `core.model.redaction`.

Events are looked at once, in the order in which they came into the log; how far that is, is kept.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from core.model.redaction import names_people, redact
from core.store.db import settings
from core.store.db.schema import events
from core.store.events.log import Outcome
from core.store.events.request import Request

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer

REMOVED_HEADER = "zoombridge-names-removed"
"""Stands with a request whose body is not what Zoom sent any more; the value is when that was (ms since 1970, UTC)."""


def remove_before(connection: Connection, sealer: Sealer, moment: int, *, limit: int, now: int) -> int:
    """Look at up to `limit` of the next events; take the names out of those that came before `moment`.

    Return how many were looked at: 0 where all have been that are so old.
    """
    reached = settings.names_removed_to(connection)
    columns = (events.c.id, events.c.event, events.c.received_at, events.c.outcome)
    following = select(*columns).where(events.c.id > reached)
    rows = connection.execute(following.order_by(events.c.id).limit(limit)).all()
    old = list(takewhile(lambda row: row.received_at < moment, rows))
    for row in old:
        is_unreadable = row.outcome == Outcome.UNREADABLE  # so whether it names people cannot be told
        if is_unreadable or names_people(row.event):
            _remove(connection, sealer, row.id, now=now, whole=is_unreadable)
    if old:
        settings.save_names_removed_to(connection, old[-1].id)
    return len(old)


def rewind(connection: Connection) -> None:
    """Set the position of redaction back to the newest event, as SQLite reuses the ids of dropped ones."""
    newest = connection.scalar(select(func.max(events.c.id))) or 0
    if newest < settings.names_removed_to(connection):
        settings.save_names_removed_to(connection, newest)


def _remove(connection: Connection, sealer: Sealer, event_id: int, *, now: int, whole: bool) -> None:
    sealed = connection.scalar(select(events.c.request).where(events.c.id == event_id))
    if sealed is None:
        return
    request = Request.opened(sealed, sealer)
    headers = {**request.headers, REMOVED_HEADER: str(now)}
    kept = Request(headers, b"" if whole else redact(request.body)).sealed(sealer)
    connection.execute(update(events).where(events.c.id == event_id).values(request=kept))
