"""Resolve the meeting that a site shows for a number, from the records of all accounts granted to the site.

See `core.model.identity`. Nearly always a single account has a record of a number, and that is shown.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from core.model.identity import Record, fold_records
from core.store.db.schema import meetings as table
from core.store.db.schema import posts
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
    """Return the meetings that a site shows for these numbers, each with the highest revision of its records.

    The `account_id` of a meeting is the owner of its number. Numbers without a record in a granted account are
    missing.
    """
    granted = connection.scalars(accounts_of(site_id)).all()
    return resolve(connection, sealer, granted, numbers)


def resolve(
    connection: Connection, sealer: Sealer, account_ids: Collection[str], numbers: Collection[int]
) -> dict[int, Stored]:
    """Return the meetings with these numbers, from the records of these accounts: see `of_site`."""
    rows = meetings.load_all(connection, sealer, account_ids, numbers)
    of_number: defaultdict[int, list[Stored]] = defaultdict(list)
    for meeting, revision in rows:
        of_number[meeting.number].append((meeting, revision))
    return {number: _shown(connection, sealer, stored) for number, stored in of_number.items()}


def of_owner(
    connection: Connection, sealer: Sealer, meeting: Meeting, *, site_id: str | None = None
) -> Meeting:
    """Return a meeting as the sites show it where it owns its number; unchanged if it owns the number nowhere.

    With a `site_id`, as that site shows it.
    """
    account_ids = accounts_of_owner(connection, meeting.account_id, meeting.number, site_id=site_id)
    if len(account_ids) == 1:
        return meeting
    found = resolve(connection, sealer, account_ids, [meeting.number])
    return found[meeting.number][0] if meeting.number in found else meeting


def accounts_of_owner(
    connection: Connection, account_id: str, number: int, *, site_id: str | None = None
) -> list[str]:
    """Return the accounts whose records of a number are merged with that of `account_id`, itself included, sorted.

    `site_id` limits them to one site; None: all sites on which the account owns the number.
    """
    site_ids = [site_id] if site_id is not None else _owned_on(connection, account_id, number)
    granted = {one for owned in site_ids for one in connection.scalars(accounts_of(owned))}
    query = select(table.c.account_id).where(table.c.account_id.in_(granted), table.c.number == number)
    return sorted({account_id, *connection.scalars(query)})


def successor(
    connection: Connection, account_id: str, number: int, *, site_id: str | None = None
) -> str | None:
    """Return the account that now owns a number that this account had, on a site or anywhere.

    None if this account still owns it, or has no record of it. For a site, both accounts are granted to it.
    """
    known = select(table.c.number).where(table.c.account_id == account_id, table.c.number == number)
    if site_id is not None:
        known = known.where(table.c.account_id.in_(accounts_of(site_id)))
    if connection.execute(known).first() is None:
        return None
    query = select(posts.c.account_id).where(posts.c.number == number)
    if site_id is not None:
        query = query.where(posts.c.site_id == site_id, posts.c.account_id.in_(accounts_of(site_id)))
    owners = set(connection.scalars(query))
    return None if account_id in owners else min(owners, default=None)


def _owned_on(connection: Connection, account_id: str, number: int) -> Sequence[str]:
    query = select(posts.c.site_id).where(posts.c.account_id == account_id, posts.c.number == number)
    return connection.scalars(query).all()


def _shown(connection: Connection, sealer: Sealer, stored: Sequence[Stored]) -> Stored:
    if len(stored) == 1:
        return stored[0]
    number = stored[0][0].number
    folded = fold_records(number, [_record(connection, sealer, meeting) for meeting, _ in stored])
    latest = max((meeting for meeting, _ in stored), key=lambda meeting: meeting.last)
    return folded or latest, max(revision for _, revision in stored)


def _record(connection: Connection, sealer: Sealer, meeting: Meeting) -> Record:
    base = meetings.load_base(connection, sealer, meeting.account_id, meeting.number)
    changes = log.applied_changes(connection, sealer, meeting.account_id, meeting.number)
    if base is None and not changes:
        base = meeting  # the log does not hold what made it
    return Record(meeting.account_id, base, changes)
