"""Meetings as they are kept: the state that their events make, with a revision that counts the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from core.meeting import Kind, Meeting, Position, State
from core.store.dialect import insert
from core.store.schema import bases, meetings

if TYPE_CHECKING:
    from sqlalchemy import Connection


def load(connection: Connection, account_id: str, number: int) -> tuple[Meeting, int] | None:
    """Return a meeting and its revision; None for one never seen."""
    row = connection.execute(
        select(meetings).where(meetings.c.account_id == account_id, meetings.c.number == number)
    ).one_or_none()
    if row is None:
        return None
    return _meeting(row), row.revision


def save(connection: Connection, meeting: Meeting, *, seen: int) -> bool:
    """Keep a meeting as the revision after `seen` (0: it was new). Tell whether nobody else was quicker."""
    if seen == 0:
        statement = insert(connection, meetings).values(
            account_id=meeting.account_id, number=meeting.number, revision=1, **_state(meeting)
        )
        return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1
    result = connection.execute(
        update(meetings)
        .where(
            meetings.c.account_id == meeting.account_id,
            meetings.c.number == meeting.number,
            meetings.c.revision == seen,
        )
        .values(revision=seen + 1, **_state(meeting))
    )
    return result.rowcount == 1


def load_base(connection: Connection, account_id: str, number: int) -> Meeting | None:
    """Return what the events made that the log has dropped; None where it holds them all."""
    row = connection.execute(
        select(bases).where(bases.c.account_id == account_id, bases.c.number == number)
    ).one_or_none()
    return None if row is None else _meeting(row)


def save_base(connection: Connection, meeting: Meeting) -> None:
    """Keep a meeting as what it is folded from, before the events that made it are dropped."""
    state = _state(meeting)
    statement = insert(connection, bases).values(
        account_id=meeting.account_id, number=meeting.number, **state
    )
    connection.execute(statement.on_conflict_do_update(index_elements=["account_id", "number"], set_=state))


def _meeting(row: Any) -> Meeting:
    return Meeting(
        account_id=row.account_id,
        number=row.number,
        kind=Kind(row.kind),
        state=State(row.state),
        object=row.object,
        last=Position(row.last_at, row.last_rank, row.last_digest),
        created=row.created,
        recovered=row.recovered,
    )


def _state(meeting: Meeting) -> dict[str, Any]:
    return {
        "kind": meeting.kind,
        "state": meeting.state,
        "object": dict(meeting.object),
        "last_at": meeting.last.at,
        "last_rank": meeting.last.rank,
        "last_digest": meeting.last.digest,
        "created": meeting.created,
        "recovered": meeting.recovered,
    }
