"""Browsers that are signed in. They outlive the process, and every process that shares the database knows them."""

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
# Whoever came from wp-admin may have lost their rights there since, and WordPress does not tell: they come again.
FROM_WORDPRESS = _DAY // 2

_PROLONG = 60 * _MINUTE  # not with every page: that would be a write for each
_MOST = 20  # browsers of one person: with another one, the oldest is signed out


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. Times are in milliseconds since 1970, UTC.

    `site_id` is the only site that it sees, with the name `site_name`; None: every site.
    """

    name: str
    role: Role
    site_id: str | None
    site_name: str | None
    created_at: int
    expires_at: int

    def is_to_be_prolonged(self, now: int) -> bool:
        """Whether it was used long enough after it was prolonged last."""
        return _expiry(self.site_id, self.created_at, now) - self.expires_at >= _PROLONG


def begin(connection: Connection, name: str, role: Role, site_id: str | None = None, *, now: int) -> str:
    """Sign a browser in; return the word that it has to bring from now on."""
    connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
    theirs = [sessions.c.name == name, sessions.c.site_id.is_not_distinct_from(site_id)]
    oldest = select(sessions.c.digest).where(*theirs).order_by(sessions.c.created_at.desc()).offset(_MOST - 1)
    connection.execute(delete(sessions).where(sessions.c.digest.in_(connection.scalars(oldest).all())))
    word = tokens.new()
    connection.execute(
        insert(sessions).values(
            digest=tokens.digest(word),
            name=name,
            role=role,
            site_id=site_id,
            created_at=now,
            expires_at=_expiry(site_id, now, now),
        )
    )
    return word


def look(connection: Connection, word: str, *, now: int) -> Session | None:
    """Return whose word this is; None where it is nobody's any more.

    What a user may do is looked up anew each time, and so is whether they or the site are still there.
    """
    row = connection.execute(
        select(sessions, users.c.role.label("users_role"), sites.c.name.label("site_name"))
        .outerjoin(users, and_(sessions.c.site_id.is_(None), users.c.name == sessions.c.name))
        .outerjoin(sites, sites.c.id == sessions.c.site_id)
        .where(sessions.c.digest == tokens.digest(word), sessions.c.expires_at > now)
    ).one_or_none()
    if row is None or (row.users_role if row.site_id is None else row.site_name) is None:
        return None
    role = Role(row.users_role if row.site_id is None else row.role)
    return Session(row.name, role, row.site_id, row.site_name, row.created_at, row.expires_at)


def prolong(connection: Connection, word: str, session: Session, *, now: int) -> None:
    """Let it last longer, since it is used."""
    expiry = _expiry(session.site_id, session.created_at, now)
    connection.execute(
        update(sessions).where(sessions.c.digest == tokens.digest(word)).values(expires_at=expiry)
    )


def end(connection: Connection, word: str) -> None:
    """Sign a browser out."""
    connection.execute(delete(sessions).where(sessions.c.digest == tokens.digest(word)))


def end_all(connection: Connection, name: str) -> None:
    """Sign a user out everywhere. A WordPress user of the same name is somebody else."""
    connection.execute(delete(sessions).where(sessions.c.name == name, sessions.c.site_id.is_(None)))


def _expiry(site_id: str | None, created_at: int, now: int) -> int:
    return created_at + FROM_WORDPRESS if site_id is not None else min(now + IDLE, created_at + LONGEST)
