"""Stored meetings: the state folded from their events, with a revision that counts the changes.

Zoom's data about a meeting is encrypted as a whole, because it holds join links and passcodes. The columns that lists
are searched and sorted by are in the clear and hold neither: see `core.render.search_fields`. Functions run in the
caller's transaction and raise StoreError where a state cannot be decrypted.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, select, update

from core.model.instances import from_stored
from core.model.meeting import Doubt, Meeting, MeetingKind, MeetingState, Position
from core.render.search_fields import SearchFields, search_fields_of
from core.store.db.keys import of_meetings
from core.store.db.schema import meeting_baselines, meetings
from core.store.db.statements import Prepared
from core.store.db.upsert import insert, insert_for

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer


def load(connection: Connection, sealer: Sealer, account_id: str, number: int) -> tuple[Meeting, int] | None:
    """Return a meeting and its revision; None if it is unknown."""
    row = connection.execute(_LOADING, {"of_account": account_id, "of_number": number}).one_or_none()
    if row is None:
        return None
    return from_row(row, sealer), row.revision


def load_all(
    connection: Connection, sealer: Sealer, account_ids: Collection[str], numbers: Collection[int]
) -> list[tuple[Meeting, int]]:
    """Return the meetings with these numbers in these accounts, with their revisions, in order of number and account."""
    rows = connection.execute(_LOADING_ALL, {"of_accounts": list(account_ids), "of_numbers": list(numbers)})
    return [(from_row(row, sealer), row.revision) for row in rows]


def lock_revision(connection: Connection, account_id: str, number: int) -> int:
    """Return a meeting's revision (0: unknown) and lock it until the transaction ends."""
    query = select(meetings.c.revision).where(
        meetings.c.account_id == account_id, meetings.c.number == number
    )
    found: int | None = connection.scalar(query.with_for_update())
    return found or 0


def save(connection: Connection, sealer: Sealer, meeting: Meeting, *, seen: int, now: int = 0) -> bool:
    """Save a meeting as the revision after `seen` (0: a new one). Returns False if the stored revision is another.

    `now` (Unix milliseconds, UTC) selects the date by which lists sort a series; with 0 they find it themselves.
    """
    looked = search_fields_of(meeting, datetime.fromtimestamp(now / 1000, UTC))
    found = {name: getattr(looked, name) for name in SearchFields.__dataclass_fields__}
    if seen == 0:
        named = {"account_id": meeting.account_id, "number": meeting.number, "revision": 1}
        return _ADDING(connection, named | _state(meeting, sealer) | found).rowcount == 1
    named = {"of_account": meeting.account_id, "of_number": meeting.number, "seen": seen}
    given = named | {"revision": seen + 1} | _state(meeting, sealer) | found
    return _CHANGING(connection, given).rowcount == 1


def topics(
    connection: Connection, sealer: Sealer, named: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], str]:
    """Return the topics of meetings for lists, by account and number: without web addresses and passcodes.

    Unknown meetings and empty topics are left out.
    """
    rows = connection.execute(select(meetings).where(of_meetings(meetings, named)))
    told = {(row.account_id, row.number): from_row(row, sealer).listed_topic for row in rows}
    return {name: topic for name, topic in told.items() if topic}


def load_base(connection: Connection, sealer: Sealer, account_id: str, number: int) -> Meeting | None:
    """Return the state folded from the events that the log no longer holds; None if it holds them all."""
    given = {"of_account": account_id, "of_number": number}
    row = connection.execute(_LOADING_BASE, given).one_or_none()
    return None if row is None else from_row(row, sealer)


def save_base(connection: Connection, sealer: Sealer, meeting: Meeting) -> None:
    """Save a state from which a meeting is folded, before its events up to there are deleted from the log."""
    state = _state(meeting, sealer)
    statement = insert(connection, meeting_baselines).values(
        account_id=meeting.account_id, number=meeting.number, **state
    )
    connection.execute(statement.on_conflict_do_update(index_elements=["account_id", "number"], set_=state))


_SEALED = (
    "object", "deleted_at", "instances", "recordings", "registrants", "others", "told_at", "owned_at",
)  # fmt: skip
_ENCODER = json.JSONEncoder(separators=(",", ":"))

# Made once: SQLAlchemy takes longer to build a statement than SQLite to run it.
_THIS = and_(meetings.c.account_id == bindparam("of_account"), meetings.c.number == bindparam("of_number"))
_LOADING = select(meetings).where(_THIS)
_LOADING_ALL = (
    select(meetings)
    .where(
        meetings.c.account_id.in_(bindparam("of_accounts", expanding=True)),
        meetings.c.number.in_(bindparam("of_numbers", expanding=True)),
    )
    .order_by(meetings.c.number, meetings.c.account_id)
)
_LOADING_BASE = select(meeting_baselines).where(
    meeting_baselines.c.account_id == bindparam("of_account"),
    meeting_baselines.c.number == bindparam("of_number"),
)
_CHANGED = [column.name for column in meetings.columns if not column.primary_key]
_CHANGING = Prepared(
    lambda _: (
        update(meetings)
        .where(_THIS, meetings.c.revision == bindparam("seen"))
        .values({name: bindparam(name) for name in _CHANGED})
    )
)
_ADDING = Prepared(
    lambda dialect: (
        insert_for(dialect, meetings)
        .values({column.name: bindparam(column.name) for column in meetings.columns})
        .on_conflict_do_nothing()
    )
)


def from_row(row: Any, sealer: Sealer) -> Meeting:
    """Return the meeting in a row of `meetings` or `meeting_baselines`."""
    told = json.loads(sealer.open(row.sealed))
    return Meeting(
        account_id=row.account_id,
        number=row.number,
        kind=MeetingKind(row.kind),
        state=MeetingState(row.state),
        object=told.get("object", {}),
        last=Position(row.last_at, row.last_rank, row.last_digest),
        created=row.created,
        recovered=row.recovered,
        deleted_at=told.get("deleted_at", 0),
        instances=from_stored(told.get("instances", {})),
        recordings=told.get("recordings", {}),
        registrants=told.get("registrants", {}),
        doubt=Doubt(row.doubt),
        others=told.get("others", {}),
        told_at=told.get("told_at", 0),
        owned_at=told.get("owned_at", 0),
    )


def sealed_state(meeting: Meeting, sealer: Sealer) -> bytes:
    """Return the encrypted part of a meeting's state."""
    told = {name: value for name in _SEALED if (value := getattr(meeting, name))}
    return sealer.seal(_ENCODER.encode(told).encode())


def _state(meeting: Meeting, sealer: Sealer) -> dict[str, Any]:
    return {
        "kind": meeting.kind,
        "state": meeting.state,
        "last_at": meeting.last.at,
        "last_rank": meeting.last.rank,
        "last_digest": meeting.last.digest,
        "created": meeting.created,
        "recovered": meeting.recovered,
        "doubt": meeting.doubt,
        "sealed": sealed_state(meeting, sealer),
    }
