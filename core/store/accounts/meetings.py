"""Query the meetings of a Zoom account that a scan reads. Times are Unix milliseconds (UTC)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select

from core.model.meeting import MeetingState
from core.store.accounts import users as zoom_user_rows
from core.store.db.schema import meetings, zoom_users
from core.store.meetings import meetings as kept

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy import Connection

    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer

_DAY_MILLISECONDS = 24 * 3600 * 1000
# What is not complete after so long, though it was asked for, will not be.
_TRIED_DAYS = 3


def of_host(
    connection: Connection, sealer: Sealer, account_id: str, host_id: str, *, now: int, after: int, limit: int
) -> list[Meeting]:
    """Return up to `limit` of a user's scheduled meetings that are not over at `now`, after a number."""
    which = and_(_is_current(account_id, now), meetings.c.host_id == host_id, meetings.c.number > after)
    return _found(connection, sealer, which, limit=limit)


def of_unlisted_hosts(
    connection: Connection, sealer: Sealer, account_id: str, *, now: int, after: int, limit: int
) -> list[Meeting]:
    """Return up to `limit` scheduled meetings that are not over and whose host is not a listed user, after a number."""
    known = select(zoom_users.c.host_id).where(zoom_user_rows.is_scanned(account_id))
    which = and_(_is_current(account_id, now), meetings.c.host_id.not_in(known), meetings.c.number > after)
    return _found(connection, sealer, which, limit=limit)


def to_complete(
    connection: Connection, sealer: Sealer, account_id: str, *, now: int, after: int, limit: int
) -> list[Meeting]:
    """Return up to `limit` meetings to read over REST, after a number: incomplete ones, and those in doubt.

    Incomplete are current meetings known from events only, which carry no agenda; see also `core.model.meeting.Doubt`.
    """
    is_known_from_events = or_(meetings.c.agenda_known.is_(False), meetings.c.created.is_(False))
    # Not by the number itself: then SQLite would look through all meetings of the account, not only recent ones.
    number = meetings.c.number + 0
    which = and_(
        meetings.c.account_id == account_id,
        number > after,
        meetings.c.last_at > now - _TRIED_DAYS * _DAY_MILLISECONDS,
        or_(meetings.c.doubt != "", and_(_is_current(account_id, now), is_known_from_events)),
    )
    return _found(connection, sealer, which, limit=limit, order=number)


def changed_since(connection: Connection, account_id: str, moments: Mapping[int, int]) -> list[int]:
    """Return the meetings whose last event is at or after their moment; `moments` is by meeting number."""
    rows = connection.execute(
        select(meetings.c.number, meetings.c.last_at).where(
            meetings.c.account_id == account_id, meetings.c.number.in_(list(moments))
        )
    )
    return [row.number for row in rows if row.last_at >= moments[row.number]]


def _is_current(account_id: str, now: int) -> Any:
    return and_(
        meetings.c.account_id == account_id,
        meetings.c.state == MeetingState.SCHEDULED,
        or_(meetings.c.starts_at == 0, meetings.c.over_at > now),
    )


def _found(
    connection: Connection, sealer: Sealer, which: Any, *, limit: int, order: Any = meetings.c.number
) -> list[Meeting]:
    numbers = connection.execute(
        select(meetings.c.account_id, meetings.c.number).where(which).order_by(order).limit(limit)
    ).all()
    loaded = [kept.load(connection, sealer, account_id, number) for account_id, number in numbers]
    return [found[0] for found in loaded if found is not None]
