"""Split events about a user into events of the user's meetings in the log: see `core.model.host_events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, select, update

from core.model import host_events
from core.model.meeting import MeetingState
from core.store.db.schema import events, meetings, zoom_accounts
from core.store.events import log
from core.store.events.log import Outcome
from core.store.events.recordings import entry_of_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.store.events.log import Entry
    from core.store.events.recordings import Batch


def meetings_of_hosts(connection: Connection, found: Sequence[Batch]) -> dict[int, list[int]]:
    """Return for the events about users among some of an account, by id, the numbers of the users' scheduled meetings.

    Those that were not over when the event was received. In one query.
    """
    hosts = {
        event.id: set(host_events.hosts_of(event.envelope))
        for event in found
        if event.envelope.event in host_events.HOST_EVENTS
    }
    if not hosts:
        return {}
    query = select(meetings.c.number, meetings.c.host_id, meetings.c.starts_at, meetings.c.over_at).where(
        meetings.c.account_id == found[0].account_id,
        meetings.c.host_id.in_(sorted(set().union(*hosts.values()))),
        meetings.c.state == MeetingState.SCHEDULED,
    )
    # Sorted here: by the order of its keys, SQLite would look through all meetings of the account.
    rows = sorted(connection.execute(query).all())
    return {
        event.id: [
            row.number
            for row in rows
            if row.host_id in hosts[event.id] and (row.starts_at == 0 or row.over_at > event.received_at)
        ]
        for event in found
        if event.id in hosts
    }


def split_host_event(
    connection: Connection, sealer: Sealer, event: Batch, numbers: Sequence[int]
) -> list[Entry]:
    """Log an event for each of the user's meetings, as `meetings_of_hosts` finds them, and note the outcome of the event.

    Returns the log entries.

    A changed user is no reason for doubt where Zoom cannot be asked: then only the outcome says so.
    """
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


def _is_connected(connection: Connection, account_id: str) -> bool:
    return bool(connection.scalar(select(exists().where(zoom_accounts.c.account_id == account_id))))


def _part(sealer: Sealer, event: Batch, number: int) -> Entry:
    """Return the log entry of one meeting."""
    raw = host_events.event_of_meeting(event.envelope, event.digest, number=number, at=event.at)
    return entry_of_part(sealer, event, number, raw)
