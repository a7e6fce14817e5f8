"""The events of one meeting, in the order in which they happened, with what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.model.fold import Change
from core.model.meeting import Position
from core.store.db.schema import events
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.meetings import meetings
from core.zoom import envelope

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer

MOST = 2000  # events of one meeting; more are not laid over each other for a page


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a meeting. Times are in milliseconds since 1970, UTC."""

    id: int
    change: Change
    received_at: int
    site_id: str | None
    folded_at: int | None


@dataclass(frozen=True, slots=True)
class History:
    """The events that made a meeting, and what it was before them. `is_whole` is False where there are too many."""

    base: Meeting | None
    told: list[Told]
    is_whole: bool = True


def of_meeting(
    connection: Connection, sealer: Sealer, account_id: str, number: int, *, upto: int | None = None
) -> History:
    """Return what happened to a meeting: all that is or will be part of it, or no more than up to one event's id.

    Where that is more than `MOST`, the oldest of it is returned, and the history is not whole.
    """
    places = connection.execute(
        select(events.c.id, events.c.at, events.c.rank, events.c.digest).where(
            events.c.account_id == account_id,
            events.c.number == number,
            events.c.outcome.in_([Outcome.PENDING, Outcome.FOLDED]),
        )
    )
    positions = {row.id: Position(row.at, row.rank, row.digest) for row in places}
    last = positions.get(upto) if upto is not None else None
    chosen = [id_ for id_, position in positions.items() if last is None or not last < position]
    chosen.sort(key=lambda id_: positions[id_])
    columns = [events.c[name] for name in ("id", "request", "received_at", "site_id", "folded_at")]
    rows = connection.execute(select(*columns).where(events.c.id.in_(chosen[:MOST])))
    told = [
        Told(
            id=row.id,
            change=Change(
                positions[row.id],
                envelope.parse(Request.opened(row.request, sealer).body),
            ),
            received_at=row.received_at,
            site_id=row.site_id,
            folded_at=row.folded_at,
        )
        for row in rows
    ]
    told.sort(key=lambda one: one.change.position)
    base = meetings.load_base(connection, account_id, number)
    return History(base, told, is_whole=len(chosen) <= MOST)
