"""Load the events of one meeting, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.model.meeting import Position
from core.store.db.schema import events
from core.store.events.log import Outcome, with_host_ids
from core.store.events.request import Request
from core.store.meetings import meetings
from core.zoom import envelope

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.model.fold import Change
    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer

MAX_EVENTS = 2000  # of one meeting; a page does not fold more


@dataclass(frozen=True, slots=True)
class MeetingEvent:
    """One event of a meeting. Times are Unix milliseconds (UTC)."""

    id: int
    change: Change
    received_at: int
    site_id: str | None
    applied_at: int | None


@dataclass(frozen=True, slots=True)
class EventHistory:
    """The events of a meeting, and its state before them. `is_whole` is False where there are too many."""

    base: Meeting | None
    events: list[MeetingEvent]
    is_whole: bool = True


def of_meeting(
    connection: Connection,
    sealer: Sealer,
    account_id: str,
    number: int,
    *,
    upto: int | None = None,
    most: int = MAX_EVENTS,
    is_part_wanted: bool = True,
) -> EventHistory:
    """Return the folded and pending events of a meeting: all, or those up to the event with the ID `upto`.

    Of more than `most` the oldest are returned, and the history is not whole; none where no part is wanted.
    """
    places = connection.execute(
        select(events.c.id, events.c.at, events.c.rank, events.c.digest).where(
            events.c.account_id == account_id,
            events.c.number == number,
            events.c.outcome.in_([Outcome.PENDING, Outcome.APPLIED]),
        )
    )
    positions = {row.id: Position(row.at, row.rank, row.digest) for row in places}
    last = positions.get(upto) if upto is not None else None
    chosen = [id_ for id_, position in positions.items() if last is None or not last < position]
    is_whole = len(chosen) <= most
    if not (is_whole or is_part_wanted):
        return EventHistory(None, [], is_whole=False)
    chosen.sort(key=lambda id_: positions[id_])
    columns = [events.c[name] for name in ("id", "request", "received_at", "site_id", "applied_at")]
    rows = connection.execute(select(*columns).where(events.c.id.in_(chosen[:most]))).all()
    opened = [(positions[row.id], envelope.parse(Request.opened(row.request, sealer).body)) for row in rows]
    found = [
        MeetingEvent(
            id=row.id,
            change=change,
            received_at=row.received_at,
            site_id=row.site_id,
            applied_at=row.applied_at,
        )
        for row, change in zip(rows, with_host_ids(connection, sealer, account_id, opened), strict=True)
    ]
    found.sort(key=lambda one: one.change.position)
    base = meetings.load_base(connection, sealer, account_id, number)
    return EventHistory(base, found, is_whole=is_whole)
