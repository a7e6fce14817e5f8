"""Who may sign in at the bridge's own address."""

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
"""Stands in place of a hash where a user has no password yet; it matches no password."""


class Role(StrEnum):
    """What a person may do."""

    ADMINISTRATOR = "administrator"  # may change everything
    VIEWER = "viewer"  # may look at everything that shows no secret


@dataclass(frozen=True, slots=True)
class User:
    """A person. Times are in milliseconds since 1970, UTC; `password` is the hash of it."""

    name: str
    role: Role
    password: str
    created_at: int
    last_seen_at: int | None

    @property
    def has_password(self) -> bool:
        """Whether they can sign in with a password; else only by a link."""
        return self.password != NO_PASSWORD


def every(connection: Connection) -> list[User]:
    """Return all users, by name."""
    return [_user(row) for row in connection.execute(select(users).order_by(users.c.name))]


def find(connection: Connection, name: str) -> User | None:
    """Return a user by the name as it is kept."""
    row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
    return None if row is None else _user(row)


def is_anybody(connection: Connection) -> bool:
    """Whether there is any user."""
    return bool(connection.scalar(select(exists().select_from(users))))


def hold(connection: Connection) -> None:
    """Let nobody else change who there is, until this transaction ends."""
    locks.hold(connection, "users")


def add(connection: Connection, name: str, role: Role, password: str, *, now: int) -> bool:
    """Keep a new user; tell whether the name was free."""
    new = upsert.insert(connection, users).values(name=name, role=role, password=password, created_at=now)
    return connection.execute(new.on_conflict_do_nothing()).rowcount == 1


def set_password(connection: Connection, name: str, password: str, *, instead_of: str | None = None) -> bool:
    """Keep another hash: only where `instead_of` is the one there, if given. Tell whether that was done."""
    return _change(connection, name, {"password": password}, had=instead_of)


def set_role(connection: Connection, name: str, role: Role) -> bool:
    """Keep another role; tell whether there is such a user."""
    return _change(connection, name, {"role": role})


def note_seen(connection: Connection, name: str, *, now: int, password: str | None = None) -> bool:
    """Note that they were here; tell whether they still are who they were, with that hash if one is given."""
    return _change(connection, name, {"last_seen_at": now}, had=password)


def remove(connection: Connection, name: str) -> bool:
    """Forget a user; tell whether there was one."""
    return connection.execute(delete(users).where(users.c.name == name)).rowcount == 1


def other_administrators(connection: Connection, name: str) -> int:
    """Count the administrators beside this one who can sign in."""
    asked = select(func.count()).where(
        users.c.role == Role.ADMINISTRATOR, users.c.name != name, users.c.password != NO_PASSWORD
    )
    return connection.scalar(asked) or 0


def _change(
    connection: Connection, name: str, values: Mapping[str, object], *, had: str | None = None
) -> bool:
    meant: list[ColumnElement[bool]] = [users.c.name == name]
    if had is not None:
        meant.append(users.c.password == had)
    return connection.execute(update(users).where(*meant).values(**values)).rowcount == 1


def _user(row: object) -> User:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # noqa: SLF001 - SQLAlchemy's public name for it
    return User(**values | {"role": Role(values["role"])})  # the table's columns are the fields of a user
