"""Sign-ins of users with a second factor, between the password and the code: no session yet.

The browser holds a token, the database only its digest. It is valid for five minutes, for five wrong codes at most, and
ends with the sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from core.store.auth import tokens
from core.store.db.schema import pending_sign_ins

if TYPE_CHECKING:
    from sqlalchemy import Connection

LIFETIME = 5 * 60 * 1000
MOST_FAILURES = 5
_MOST = 20  # per user: one more ends the oldest


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in of a user who still has to enter a code. `means` is what came first: the password, or a link."""

    name: str
    means: str


def begin(connection: Connection, name: str, means: str, *, now: int) -> str:
    """Create a pending sign-in of a user with a second factor; returns its token."""
    connection.execute(delete(pending_sign_ins).where(pending_sign_ins.c.expires_at <= now))
    oldest = (
        select(pending_sign_ins.c.digest)
        .where(pending_sign_ins.c.name == name)
        .order_by(pending_sign_ins.c.expires_at.desc())
        .offset(_MOST - 1)
    )
    connection.execute(
        delete(pending_sign_ins).where(pending_sign_ins.c.digest.in_(connection.scalars(oldest).all()))
    )
    token = tokens.new()
    values = {"name": name, "means": means, "failures": 0, "expires_at": now + LIFETIME}
    connection.execute(insert(pending_sign_ins).values(digest=tokens.digest(token), **values))
    return token


def find(connection: Connection, token: str, *, now: int) -> PendingSignIn | None:
    """Return the pending sign-in of a token; None if it is unknown, used or expired."""
    row = connection.execute(
        select(pending_sign_ins).where(
            pending_sign_ins.c.digest == tokens.digest(token), pending_sign_ins.c.expires_at > now
        )
    ).one_or_none()
    return None if row is None else PendingSignIn(row.name, row.means)


def record_failure(connection: Connection, token: str) -> None:
    """Count a wrong code; the fifth ends the pending sign-in."""
    is_it = pending_sign_ins.c.digest == tokens.digest(token)
    connection.execute(update(pending_sign_ins).where(is_it).values(failures=pending_sign_ins.c.failures + 1))
    connection.execute(delete(pending_sign_ins).where(is_it, pending_sign_ins.c.failures >= MOST_FAILURES))


def end(connection: Connection, token: str) -> bool:
    """End a pending sign-in. Returns whether there was one: of two at the same moment, one finds it gone."""
    is_it = pending_sign_ins.c.digest == tokens.digest(token)
    return connection.execute(delete(pending_sign_ins).where(is_it)).rowcount == 1


def end_all(connection: Connection, name: str) -> None:
    """End all pending sign-ins of a user."""
    connection.execute(delete(pending_sign_ins).where(pending_sign_ins.c.name == name))
