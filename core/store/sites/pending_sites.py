"""Pending sites: connections in progress, from the entered address until the plugin is paired.

They expire. The credential that WordPress returns is encrypted, and so is the `state`, which proves that the response
belongs to the request. Functions run in the caller's transaction; times are Unix milliseconds (UTC).
"""

from __future__ import annotations

import hmac
import secrets as randomness
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from core.store.auth import tokens
from core.store.db.schema import pending_sites

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer

_MINUTE = 60 * 1000
STATE_LIFETIME = 60 * _MINUTE  # to sign in at WordPress, read, and approve
CREDENTIAL_LIFETIME = 24 * 60 * _MINUTE  # to install the plugin
MOST = 50  # of one person


@dataclass(frozen=True, slots=True)
class PendingSite:
    """A connection in progress. `state` is empty once the credential is stored.

    `problem` is the code of what prevents pairing, `message` the same in words; both are empty where nothing does.
    """

    id: str
    requested_by: str
    url: str
    name: str
    rest_root: str
    authorization_url: str
    bridge_url: str
    expires_at: int
    state: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    problem: str = ""
    message: str = ""


def new_id() -> str:
    """Return a new random id, safe in a URL."""
    return randomness.token_hex(8)


def add(connection: Connection, candidate: PendingSite, sealer: Sealer, *, now: int) -> None:
    """Save a new pending site. Expired ones are deleted, and the oldest of a user with too many."""
    connection.execute(delete(pending_sites).where(pending_sites.c.expires_at <= now))
    surplus = (
        select(pending_sites.c.id)
        .where(pending_sites.c.requested_by == candidate.requested_by)
        .order_by(pending_sites.c.expires_at.desc())
        .offset(MOST - 1)
    )
    connection.execute(delete(pending_sites).where(pending_sites.c.id.in_(surplus.scalar_subquery())))
    connection.execute(
        insert(pending_sites).values(
            id=candidate.id,
            requested_by=candidate.requested_by,
            url=candidate.url,
            name=candidate.name,
            rest_root=candidate.rest_root,
            authorization_url=candidate.authorization_url,
            bridge_url=candidate.bridge_url,
            state=sealer.seal_text(tokens.new()),
            expires_at=now + STATE_LIFETIME,
        )
    )


def load(
    connection: Connection, candidate_id: str, requested_by: str, sealer: Sealer, *, now: int
) -> PendingSite | None:
    """Return a pending site of the user `requested_by`; None if it is unknown, another user's, or expired."""
    row = connection.execute(
        select(pending_sites).where(
            pending_sites.c.id == candidate_id,
            pending_sites.c.requested_by == requested_by,
            pending_sites.c.expires_at > now,
        )
    ).one_or_none()
    if row is None:
        return None
    return PendingSite(
        id=row.id,
        requested_by=row.requested_by,
        url=row.url,
        name=row.name,
        rest_root=row.rest_root,
        authorization_url=row.authorization_url,
        bridge_url=row.bridge_url,
        expires_at=row.expires_at,
        state=sealer.open_text(row.state) if row.state is not None else "",
        username=row.username or "",
        password=sealer.open_text(row.password) if row.password is not None else "",
        problem=row.problem or "",
        message=row.message or "",
    )


def brings(candidate: PendingSite, state: str) -> bool:
    """Whether `state` is the expected one. Compares in constant time."""
    return bool(candidate.state) and hmac.compare_digest(candidate.state.encode(), state.encode())


def save_credential(
    connection: Connection, candidate: PendingSite, username: str, password: str, sealer: Sealer, *, now: int
) -> bool:
    """Save the credential that WordPress returned, and clear the state. Returns whether it was still expected."""
    changed = connection.execute(
        update(pending_sites)
        .where(
            pending_sites.c.id == candidate.id,
            pending_sites.c.state.is_not(None),
            pending_sites.c.expires_at > now,
        )
        .values(
            state=None,
            username=username,
            password=sealer.seal_text(password),
            problem=None,
            message=None,
            expires_at=now + CREDENTIAL_LIFETIME,
        )
    )
    return changed.rowcount == 1


def drop_credential(
    connection: Connection, candidate_id: str, sealer: Sealer, *, problem: str, message: str, now: int
) -> None:
    """Delete a credential that does not work, record why, and expect another one."""
    connection.execute(
        update(pending_sites)
        .where(pending_sites.c.id == candidate_id)
        .values(
            state=sealer.seal_text(tokens.new()),
            username=None,
            password=None,
            problem=problem,
            message=message,
            expires_at=now + STATE_LIFETIME,
        )
    )


def record_problem(connection: Connection, candidate_id: str, *, problem: str, message: str) -> None:
    """Record what prevents pairing; empty texts where nothing does."""
    connection.execute(
        update(pending_sites)
        .where(pending_sites.c.id == candidate_id)
        .values(problem=problem or None, message=message or None)
    )


def remove(connection: Connection, candidate_id: str) -> None:
    """Delete a pending site after it was connected or cancelled."""
    connection.execute(delete(pending_sites).where(pending_sites.c.id == candidate_id))
