"""Sessions of signed-in browsers. They survive restarts and are shared by all processes of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, insert, select, update

from core.store.auth import tokens
from core.store.auth.users import Role
from core.store.db.schema import sessions, sites, users

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_MINUTE = 60 * 1000
_DAY = 24 * 60 * _MINUTE

IDLE = 7 * _DAY
LONGEST = 30 * _DAY
# WordPress does not report when a user loses rights there, so a session from wp-admin is not prolonged.
FROM_WORDPRESS = _DAY // 2

_RECORD_USE = 10 * _MINUTE  # at most one write in so long
_MOST = 20  # per user: one more ends the oldest
MOST_OF_SITE = 200
"""Sessions that begin in the wp-admin of one site, which tells the names of its users: one more ends the oldest."""
_ID_LENGTH = 16  # of 64 digits: enough to tell a user's sessions apart


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Times are in Unix milliseconds (UTC).

    `site_id` and `site_name` are of the only site that it may see; None: every site.
    """

    name: str
    role: Role
    site_id: str | None
    site_name: str | None
    created_at: int
    expires_at: int
    used_at: int

    def is_use_due(self, now: int) -> bool:
        """Whether its use was last recorded ten minutes ago or more."""
        return now - self.used_at >= _RECORD_USE


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A session in the list of a user's. Times are in Unix milliseconds (UTC).

    `id` names it and opens nothing. `used_at` is right to within ten minutes; `address` is of then. `browser` is short,
    as "Firefox (Windows)". Both are empty where unknown.
    """

    id: str
    created_at: int
    used_at: int
    address: str
    browser: str


def begin(
    connection: Connection,
    name: str,
    role: Role,
    site_id: str | None = None,
    *,
    now: int,
    address: str = "",
    browser: str = "",
) -> str:
    """Create a session; returns its token."""
    connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
    of_site = sessions.c.site_id.is_not_distinct_from(site_id)
    _make_room(connection, _MOST, sessions.c.name == name, of_site)
    if site_id is not None:
        _make_room(connection, MOST_OF_SITE, of_site)
    token = tokens.new()
    connection.execute(
        insert(sessions).values(
            digest=tokens.digest(token),
            name=name,
            role=role,
            site_id=site_id,
            created_at=now,
            expires_at=_expiry(site_id, now, now),
            used_at=now,
            address=address,
            browser=browser,
        )
    )
    return token


def find(connection: Connection, token: str, *, now: int) -> Session | None:
    """Return the session of a token; None if it has ended or its user or site no longer exists.

    The role is read from the user each time.
    """
    row = connection.execute(
        select(sessions, users.c.role.label("users_role"), sites.c.name.label("site_name"))
        .outerjoin(users, and_(sessions.c.site_id.is_(None), users.c.name == sessions.c.name))
        .outerjoin(sites, sites.c.id == sessions.c.site_id)
        .where(sessions.c.digest == tokens.digest(token), sessions.c.expires_at > now)
    ).one_or_none()
    if row is None or (row.users_role if row.site_id is None else row.site_name) is None:
        return None
    role = Role(row.users_role if row.site_id is None else row.role)
    return Session(row.name, role, row.site_id, row.site_name, row.created_at, row.expires_at, row.used_at)


def record_use(connection: Connection, token: str, session: Session, *, now: int, address: str = "") -> None:
    """Record that a session is in use, from `address` if given, and extend it."""
    values: dict[str, object] = {
        "expires_at": _expiry(session.site_id, session.created_at, now),
        "used_at": now,
    }
    if address:
        values["address"] = address
    connection.execute(update(sessions).where(sessions.c.digest == tokens.digest(token)).values(**values))


def list_of(connection: Connection, name: str, *, now: int) -> list[SessionEntry]:
    """Return the sessions of a user, the last used first: 20 at most."""
    query = (
        select(sessions)
        .where(*_of_user(name), sessions.c.expires_at > now)
        .order_by(sessions.c.used_at.desc(), sessions.c.created_at.desc())
    )
    return [
        SessionEntry(row.digest[:_ID_LENGTH], row.created_at, row.used_at, row.address, row.browser)
        for row in connection.execute(query)
    ]


def id_of(token: str) -> str:
    """Return the id of a token's session in the list."""
    return tokens.digest(token)[:_ID_LENGTH]


def end(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.digest == tokens.digest(token)))


def end_one(connection: Connection, name: str, session_id: str) -> bool:
    """End the session of a user that has this id in the list. Returns whether there was one."""
    is_it = func.substr(sessions.c.digest, 1, _ID_LENGTH) == session_id
    return connection.execute(delete(sessions).where(*_of_user(name), is_it)).rowcount > 0


def end_others(connection: Connection, name: str, token: str) -> int:
    """End all sessions of a user but that of the token. Returns their number."""
    is_other = sessions.c.digest != tokens.digest(token)
    return connection.execute(delete(sessions).where(*_of_user(name), is_other)).rowcount


def end_of_site(connection: Connection, site_id: str, *, but: str = "") -> None:
    """End the sessions that see one site only, except that of the token `but`."""
    is_other = sessions.c.digest != tokens.digest(but)
    connection.execute(delete(sessions).where(sessions.c.site_id == site_id, is_other))


def end_all(connection: Connection, name: str) -> None:
    """End all sessions of a user."""
    connection.execute(delete(sessions).where(*_of_user(name)))


def _make_room(connection: Connection, most: int, *theirs: ColumnElement[bool]) -> None:
    """End the oldest of some sessions where one more would be too many."""
    oldest = select(sessions.c.digest).where(*theirs).order_by(sessions.c.created_at.desc()).offset(most - 1)
    connection.execute(delete(sessions).where(sessions.c.digest.in_(connection.scalars(oldest).all())))


def _of_user(name: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of a user's sessions. A WordPress user of the same name is another person."""
    return (sessions.c.name == name, sessions.c.site_id.is_(None))


def _expiry(site_id: str | None, created_at: int, now: int) -> int:
    return created_at + FROM_WORDPRESS if site_id is not None else min(now + IDLE, created_at + LONGEST)
