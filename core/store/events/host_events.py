"""Split events about a user into events of the user's meetings in the log: see `core.model.host_events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, or_, select, update

from core.model import host_events
from core.model.meeting import MeetingState
from core.store.db.schema import events, meetings, zoom_accounts
from core.store.events import log
from core.store.events.log import Outcome
from core.store.events.recordings import entry_of_part

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.store.events.log import Entry
    from core.store.events.recordings import Batch


def split_host_event(connection: Connection, sealer: Sealer, event: Batch) -> list[Entry]:
    """Log an event for each meeting of the user that is not over, and note the outcome of the user's event.

    Returns the log entries.

    A changed user is no reason for doubt where Zoom cannot be asked: then only the outcome says so.
    """
    numbers = _meetings_of_host(connection, event)
    is_connected = _is_connected(connection, event.account_id)
    parts: list[Entry] = []
    if is_connected or event.envelope.event in host_events.REMOVALS:
        parts = [_part(sealer, event, number) for number in numbers]
        log.append(connection, parts)
    reason = host_events.reason(len(numbers), is_connected=is_connected)
    connection.execute(
        update(events).where(events.c.id == event.id).values(outcome=Outcome.IGNORED, reason=reason)
    )
    return parts


def _meetings_of_host(connection: Connection, event: Batch) -> list[int]:
    """Return the numbers of the user's scheduled meetings that were not over when the event was received."""
    is_current = and_(
        meetings.c.state == MeetingState.SCHEDULED,
        or_(meetings.c.starts_at == 0, meetings.c.over_at > event.received_at),
    )
    is_hosted = and_(
        meetings.c.account_id == event.account_id,
        meetings.c.host_id.in_(host_events.hosts_of(event.envelope)),
    )
    query = select(meetings.c.number).where(is_hosted, is_current).order_by(meetings.c.number)
    return list(connection.scalars(query))


def _is_connected(connection: Connection, account_id: str) -> bool:
    return bool(connection.scalar(select(exists().where(zoom_accounts.c.account_id == account_id))))


def _part(sealer: Sealer, event: Batch, number: int) -> Entry:
    """Return the log entry of one meeting."""
    raw = host_events.event_of_meeting(event.envelope, event.digest, number=number, at=event.at)
    return entry_of_part(sealer, event, number, raw)
