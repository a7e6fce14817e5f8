"""Names and addresses in the log: after a while they go, and the events stay. See `core.model.redaction`.

Events are looked at once, in the order in which they came into the log; how far that is, is kept.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from core.model.redaction import alternative_hosts, names_people, redact, redact_fields
from core.store.accounts import users
from core.store.db import settings
from core.store.db.schema import events
from core.store.events.log import Outcome
from core.store.events.request import Request

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer

logger = structlog.get_logger(__name__)

REMOVED_HEADER = "zoombridge-names-removed"
"""Stands with a request whose body is not what Zoom sent any more; the value is when that was (ms since 1970, UTC)."""


def remove_before(connection: Connection, sealer: Sealer, moment: int, *, limit: int, now: int) -> int:
    """Look at up to `limit` of the next events; take the names out of those that came before `moment`.

    Return how many were looked at: 0 where all have been that are so old. One that fails is logged and left.
    """
    reached = settings.names_removed_to(connection)
    columns = [events.c[name] for name in ("id", "account_id", "event", "received_at", "outcome", "request")]
    following = select(*columns).where(events.c.id > reached)
    rows = connection.execute(following.order_by(events.c.id).limit(limit)).all()
    old = list(takewhile(lambda row: row.received_at < moment, rows))
    for row in old:
        try:
            request = Request.opened(row.request, sealer)
            body = _redacted(connection, sealer, row, request.body)
        except SQLAlchemyError:
            raise
        except Exception:
            logger.exception("names_not_removed", event_id=row.id)  # nobody else's names wait for it
            continue
        if body != request.body:
            headers = {**request.headers, REMOVED_HEADER: str(now)}
            kept = Request(headers, body).sealed(sealer)
            connection.execute(update(events).where(events.c.id == row.id).values(request=kept))
    if old:
        settings.save_names_removed_to(connection, old[-1].id)
    return len(old)


def rewind(connection: Connection) -> None:
    """Set the position of redaction back to the newest event, as SQLite reuses the ids of dropped ones."""
    newest = connection.scalar(select(func.max(events.c.id))) or 0
    if newest < settings.names_removed_to(connection):
        settings.save_names_removed_to(connection, newest)


def _redacted(connection: Connection, sealer: Sealer, row: Any, body: bytes) -> bytes:
    """Return the body of an event without people; of an unreadable one nothing, as it may name any."""
    if row.outcome == Outcome.UNREADABLE:
        return b""
    if names_people(row.event):
        return redact(body)
    names = alternative_hosts(body)
    return redact_fields(body, users.ids_by_name(connection, sealer, row.account_id, names) if names else {})
