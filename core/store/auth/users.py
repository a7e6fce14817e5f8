"""Users who may sign in to the bridge's own pages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, exists, func, select, update

from core.store.db import locks, upsert
from core.store.db.schema import users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


NO_PASSWORD = "!"  # noqa: S105 - no password at all
"""The value in place of a hash while a user has no password; it matches no password."""


class Role(StrEnum):
    """A user's rights."""

    ADMINISTRATOR = "administrator"  # may change everything
    VIEWER = "viewer"  # may read everything except secrets


@dataclass(frozen=True, slots=True)
class User:
    """A user. Times are in Unix milliseconds (UTC); `password` is its hash."""

    name: str
    role: Role
    password: str
    created_at: int
    last_seen_at: int | None

    @property
    def has_password(self) -> bool:
        """Whether the user can sign in with a password; otherwise only by a one-time link."""
        return self.password != NO_PASSWORD


_COLUMNS = [users.c[name] for name in User.__dataclass_fields__]


def list_all(connection: Connection) -> list[User]:
    """Return all users, by name."""
    return [_user(row) for row in connection.execute(select(*_COLUMNS).order_by(users.c.name))]


def find(connection: Connection, name: str) -> User | None:
    """Return a user by name; None if there is none."""
    row = connection.execute(select(*_COLUMNS).where(users.c.name == name)).one_or_none()
    return None if row is None else _user(row)


def any_user(connection: Connection) -> bool:
    """Whether at least one user exists."""
    return bool(connection.scalar(select(exists().select_from(users))))


def lock(connection: Connection) -> None:
    """Lock the users against other writers until this transaction ends."""
    locks.acquire(connection, "users")


def add(connection: Connection, name: str, role: Role, password: str, *, now: int) -> bool:
    """Add a user. Returns whether the name was free."""
    new = upsert.insert(connection, users).values(name=name, role=role, password=password, created_at=now)
    return connection.execute(new.on_conflict_do_nothing()).rowcount == 1


def set_password(connection: Connection, name: str, password: str, *, instead_of: str | None = None) -> bool:
    """Replace the password hash, if given only where it is still `instead_of`. Returns whether it was replaced."""
    return _change(connection, name, {"password": password}, had=instead_of)


def set_role(connection: Connection, name: str, role: Role) -> bool:
    """Change the role. Returns whether the user exists."""
    return _change(connection, name, {"role": role})


def record_seen(connection: Connection, name: str, *, now: int, password: str | None = None) -> bool:
    """Save the time of the last request. Returns whether the user exists, with the hash `password` if given."""
    return _change(connection, name, {"last_seen_at": now}, had=password)


def remove(connection: Connection, name: str) -> bool:
    """Remove a user. Returns whether it existed."""
    return connection.execute(delete(users).where(users.c.name == name)).rowcount == 1


def other_administrators(connection: Connection, name: str) -> int:
    """Return the number of other administrators who have a password."""
    query = select(func.count()).where(
        users.c.role == Role.ADMINISTRATOR, users.c.name != name, users.c.password != NO_PASSWORD
    )
    return connection.scalar(query) or 0


def _change(
    connection: Connection, name: str, values: Mapping[str, object], *, had: str | None = None
) -> bool:
    meant: list[ColumnElement[bool]] = [users.c.name == name]
    if had is not None:
        meant.append(users.c.password == had)
    return connection.execute(update(users).where(*meant).values(**values)).rowcount == 1


def _user(row: object) -> User:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # noqa: SLF001 - SQLAlchemy's public name for it
    return User(**values | {"role": Role(values["role"])})
