"""Sessions of signed-in browsers. They survive restarts and are shared by all processes of the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, insert, select, update

from core.store.auth import tokens
from core.store.auth.users import Role
from core.store.db.schema import sessions, sites, users

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MINUTE = 60 * 1000
_DAY = 24 * 60 * _MINUTE

IDLE = 7 * _DAY
LONGEST = 30 * _DAY
# WordPress does not report when a user loses rights there, so a session from wp-admin is not prolonged.
FROM_WORDPRESS = _DAY // 2

_PROLONG = 60 * _MINUTE  # at most one write per hour
_MOST = 20  # per user: one more ends the oldest


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

    def is_to_be_prolonged(self, now: int) -> bool:
        """Whether the last prolongation was an hour or more ago."""
        return _expiry(self.site_id, self.created_at, now) - self.expires_at >= _PROLONG


def begin(connection: Connection, name: str, role: Role, site_id: str | None = None, *, now: int) -> str:
    """Create a session; returns its token."""
    connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
    theirs = [sessions.c.name == name, sessions.c.site_id.is_not_distinct_from(site_id)]
    oldest = select(sessions.c.digest).where(*theirs).order_by(sessions.c.created_at.desc()).offset(_MOST - 1)
    connection.execute(delete(sessions).where(sessions.c.digest.in_(connection.scalars(oldest).all())))
    token = tokens.new()
    connection.execute(
        insert(sessions).values(
            digest=tokens.digest(token),
            name=name,
            role=role,
            site_id=site_id,
            created_at=now,
            expires_at=_expiry(site_id, now, now),
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
    return Session(row.name, role, row.site_id, row.site_name, row.created_at, row.expires_at)


def prolong(connection: Connection, token: str, session: Session, *, now: int) -> None:
    """Extend a session that is in use."""
    expiry = _expiry(session.site_id, session.created_at, now)
    connection.execute(
        update(sessions).where(sessions.c.digest == tokens.digest(token)).values(expires_at=expiry)
    )


def end(connection: Connection, token: str) -> None:
    """End a session."""
    connection.execute(delete(sessions).where(sessions.c.digest == tokens.digest(token)))


def end_all(connection: Connection, name: str) -> None:
    """End all sessions of a user. A WordPress user of the same name is another person."""
    connection.execute(delete(sessions).where(sessions.c.name == name, sessions.c.site_id.is_(None)))


def _expiry(site_id: str | None, created_at: int, now: int) -> int:
    return created_at + FROM_WORDPRESS if site_id is not None else min(now + IDLE, created_at + LONGEST)
