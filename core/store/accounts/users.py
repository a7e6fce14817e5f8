"""The users of a Zoom account, and the hosts of a site's meetings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, or_, select, update

from core.store.db.schema import meetings, zoom_users
from core.store.db.upsert import insert
from core.store.meetings import search as meeting_search
from core.store.sites.grants import accounts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection

    from core.store.db.encryption import Sealer

MOST_KNOWN = 200
_ROWS = 100  # per statement
_MOST_NAMES = 1000  # Zoom accepts far fewer alternative hosts


@dataclass(frozen=True, slots=True)
class ZoomUser:
    """A user of an account. `seen_at` is when Zoom last listed them, in Unix milliseconds (UTC).

    `is_scanned`: Zoom listed them the last time, with a type that permits meetings.
    """

    account_id: str
    host_id: str
    email: str
    name: str
    seen_at: int
    is_scanned: bool = True


def save(connection: Connection, found: Sequence[ZoomUser], sealer: Sealer) -> None:
    """Save users, replacing names and addresses of known ones. Of one who is named twice, the last counts."""
    # A user moves to the next page of Zoom's list while one is added; PostgreSQL changes no row twice in a statement.
    each = list({(user.account_id, user.host_id): user for user in found}.values())
    for start in range(0, len(each), _ROWS):
        rows = [_row(user, sealer) for user in each[start : start + _ROWS]]
        statement = insert(connection, zoom_users).values(rows)
        given = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["account_id", "host_id"],
                set_={
                    "sealed_email": given.sealed_email,
                    "email_digest": given.email_digest,
                    "name": given.name,
                    "seen_at": given.seen_at,
                    "is_scanned": given.is_scanned,
                },
            )
        )


def _row(user: ZoomUser, sealer: Sealer) -> dict[str, Any]:
    return {
        "account_id": user.account_id,
        "host_id": user.host_id,
        "sealed_email": sealer.seal_text(user.email),
        "email_digest": email_digests(user.email, sealer)[0] if user.email else "",
        "name": user.name,
        "seen_at": user.seen_at,
        "is_scanned": user.is_scanned,
    }


def _user(row: Any, sealer: Sealer) -> ZoomUser:
    email = sealer.open_text(row.sealed_email)
    return ZoomUser(row.account_id, row.host_id, email, row.name, row.seen_at, row.is_scanned)


def email_digests(email: str, sealer: Sealer) -> list[str]:
    """Return the digests by which an address is found, however its letters are written: the first is stored."""
    return sealer.digests(email.casefold())


def forget_unseen(connection: Connection, account_id: str, since: int) -> None:
    """Delete users that Zoom has not listed since `since` (Unix milliseconds, UTC).

    Users with meetings stay, but are no longer scanned: rules name hosts by e-mail address, and a user missing from a
    list must not change what they match.
    """
    # Not one query a user, of which there may be very many.
    hosts = select(meetings.c.host_id).where(meetings.c.account_id == account_id)
    is_unseen = and_(zoom_users.c.account_id == account_id, zoom_users.c.seen_at < since)
    connection.execute(delete(zoom_users).where(is_unseen, zoom_users.c.host_id.not_in(hosts)))
    connection.execute(update(zoom_users).where(is_unseen).values(is_scanned=False))


def is_scanned(account_id: str) -> ColumnElement[bool]:
    """Return the condition for users of an account whose meetings Zoom lists."""
    return and_(zoom_users.c.account_id == account_id, zoom_users.c.is_scanned)


def list_after(
    connection: Connection, sealer: Sealer, account_id: str, host_id: str, *, limit: int
) -> list[ZoomUser]:
    """Return the next scanned users after `host_id`, in order of their ids."""
    rows = connection.execute(
        select(zoom_users)
        .where(is_scanned(account_id), zoom_users.c.host_id > host_id)
        .order_by(zoom_users.c.host_id)
        .limit(limit)
    )
    return [_user(row, sealer) for row in rows]


def ids_by_name(
    connection: Connection, sealer: Sealer, account_id: str, names: Collection[str]
) -> dict[str, str]:
    """Return the ids of users named by id or e-mail address, keyed by id and by lower-case address."""
    wanted = sorted({name.casefold() for name in names} | set(names))[:_MOST_NAMES]
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _ROWS):
        some = wanted[start : start + _ROWS]
        digests = [digest for name in some for digest in email_digests(name, sealer)]
        rows = connection.execute(
            select(zoom_users.c.host_id, zoom_users.c.sealed_email).where(
                zoom_users.c.account_id == account_id,
                or_(zoom_users.c.host_id.in_(some), zoom_users.c.email_digest.in_(digests)),
            )
        )
        for host_id, sealed_email in rows:
            found |= {host_id: host_id, sealer.open_text(sealed_email).casefold(): host_id}
    return found


def count(connection: Connection, account_id: str) -> int:
    """Return the number of known users."""
    return connection.scalar(select(func.count()).where(zoom_users.c.account_id == account_id)) or 0


def of_account(connection: Connection, sealer: Sealer, account_id: str, *, limit: int) -> list[ZoomUser]:
    """Return up to `limit` users, in order of their names."""
    rows = connection.execute(
        select(zoom_users)
        .where(zoom_users.c.account_id == account_id)
        .order_by(zoom_users.c.name, zoom_users.c.host_id)
        .limit(limit)
    )
    return [_user(row, sealer) for row in rows]


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A host of a site's meetings. `meetings` is the number of known ones; `name` and `email` may be empty."""

    id: str
    name: str = ""
    email: str = ""
    meetings: int = 0


def known_hosts(connection: Connection, sealer: Sealer, site_id: str) -> list[KnownHost]:
    """Return a site's hosts: those with the most meetings first, then the other users of its Zoom accounts."""
    seen = {host.id: host for host in meeting_search.hosts(connection, sealer, site_id=site_id)}
    mirrored = accounts_of(site_id)
    named = {
        row.host_id: _user(row, sealer)
        for row in connection.execute(
            select(zoom_users).where(
                zoom_users.c.host_id.in_(list(seen)), zoom_users.c.account_id.in_(mirrored)
            )
        )
    }
    found = []
    for host_id, host in seen.items():
        told = named.get(host_id)
        email = (told.email if told else "") or host.email
        found.append(KnownHost(host_id, told.name if told else "", email, host.meetings))
    for account_id in connection.scalars(mirrored).all():
        if len(found) >= MOST_KNOWN:
            break
        found += [
            KnownHost(other.host_id, other.name, other.email)
            for other in of_account(connection, sealer, account_id, limit=MOST_KNOWN)
            if other.host_id not in seen
        ]
    return found[:MOST_KNOWN]
