"""E-mail addresses of users, to which links for a new password are sent. They are sealed, as they name people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from core.store.db.schema import users

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer


def list_all(connection: Connection, sealer: Sealer) -> dict[str, str]:
    """Return the address of each user who has one, by the user's name."""
    rows = connection.execute(select(users.c.name, users.c.email_address).order_by(users.c.name))
    return {name: sealer.open_text(sealed) for name, sealed in rows if sealed is not None}


def find(connection: Connection, sealer: Sealer, name: str) -> str:
    """Return the address of a user; empty where there is none."""
    sealed = connection.scalar(select(users.c.email_address).where(users.c.name == name))
    return "" if sealed is None else sealer.open_text(sealed)


def save(connection: Connection, sealer: Sealer, name: str, address: str) -> bool:
    """Save the address of a user, or remove it where it is empty. Returns whether there is such a user."""
    sealed = sealer.seal_text(address) if address else None
    return (
        connection.execute(update(users).where(users.c.name == name).values(email_address=sealed)).rowcount
        == 1
    )
