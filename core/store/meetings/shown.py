"""Resolve what a site shows of a meeting number: of the records of all accounts that are granted to it.

See `core.model.identity`. Nearly always one account tells of a number, and its record is what is shown.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.model.identity import Record, fold_records
from core.store.db.schema import meetings as table
from core.store.events import log
from core.store.meetings import meetings
from core.store.sites.grants import accounts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer

Stored = tuple["Meeting", int]
"""A meeting and its revision."""


def of_site(
    connection: Connection, sealer: Sealer, site_id: str, numbers: Collection[int]
) -> dict[int, Stored]:
    """Return the meetings that a site shows of these numbers, each with the highest revision of its records.

    The owner of the number is the `account_id` of the meeting. Numbers of which no granted account tells are missing.
    """
    granted = connection.scalars(accounts_of(site_id)).all()
    return resolve(connection, sealer, granted, numbers)


def resolve(
    connection: Connection, sealer: Sealer, account_ids: Collection[str], numbers: Collection[int]
) -> dict[int, Stored]:
    """Return what these accounts together tell of these numbers: see `of_site`."""
    rows = meetings.load_all(connection, account_ids, numbers)
    of_number: defaultdict[int, list[Stored]] = defaultdict(list)
    for meeting, revision in rows:
        of_number[meeting.number].append((meeting, revision))
    return {number: _shown(connection, sealer, stored) for number, stored in of_number.items()}


def records(
    connection: Connection, sealer: Sealer, account_ids: Collection[str], number: int
) -> list[Record]:
    """Return what these accounts told of a number, each account by itself."""
    known = [meeting for meeting, _ in meetings.load_all(connection, account_ids, [number])]
    return [_record(connection, sealer, meeting) for meeting in known]


def accounts_of_number(connection: Connection, site_ids: Sequence[str], number: int) -> list[str]:
    """Return the accounts that tell of a number and are granted to one of these sites."""
    granted = {one for site_id in site_ids for one in connection.scalars(accounts_of(site_id))}
    query = select(table.c.account_id).where(table.c.account_id.in_(granted), table.c.number == number)
    return sorted(connection.scalars(query))


def _shown(connection: Connection, sealer: Sealer, stored: Sequence[Stored]) -> Stored:
    if len(stored) == 1:
        return stored[0]
    number = stored[0][0].number
    folded = fold_records(number, [_record(connection, sealer, meeting) for meeting, _ in stored])
    latest = max((meeting for meeting, _ in stored), key=lambda meeting: meeting.last)
    return folded or latest, max(revision for _, revision in stored)


def _record(connection: Connection, sealer: Sealer, meeting: Meeting) -> Record:
    base = meetings.load_base(connection, meeting.account_id, meeting.number)
    changes = log.applied_changes(connection, sealer, meeting.account_id, meeting.number)
    if base is None and not changes:
        base = meeting  # the log does not hold what made it
    return Record(meeting.account_id, base, changes)
