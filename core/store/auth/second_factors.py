"""The second factor of users: the sealed secret of their authenticator app, and recovery codes as digests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, insert, select, update

from core.store.auth import tokens
from core.store.db.schema import recovery_codes, second_factors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The second factor of a user, since `created_at` (Unix milliseconds, UTC), with so many unused recovery codes."""

    created_at: int
    codes_left: int


def find(connection: Connection, name: str) -> SecondFactor | None:
    """Return the second factor of a user; None if they have none."""
    codes = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.name == name)
    query = select(second_factors.c.created_at, codes.scalar_subquery().label("codes_left")).where(
        second_factors.c.name == name
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else SecondFactor(row.created_at, row.codes_left)


def is_on(connection: Connection, name: str) -> bool:
    """Whether a user has a second factor."""
    return bool(connection.scalar(select(exists().where(second_factors.c.name == name))))


def names(connection: Connection) -> frozenset[str]:
    """Return the names of the users who have a second factor."""
    return frozenset(connection.scalars(select(second_factors.c.name)))


def secret_of(connection: Connection, sealer: Sealer, name: str) -> str | None:
    """Return the secret of a user's authenticator app; None if they have none."""
    sealed = connection.scalar(select(second_factors.c.secret).where(second_factors.c.name == name))
    return None if sealed is None else sealer.open_text(sealed)


def save(connection: Connection, sealer: Sealer, name: str, secret: str, *, step: int, now: int) -> None:
    """Save the second factor of a user who has none; `step` is that of the code which confirmed it."""
    connection.execute(
        insert(second_factors).values(
            name=name, secret=sealer.seal_text(secret), last_step=step, created_at=now
        )
    )


def remove(connection: Connection, name: str) -> bool:
    """Remove the second factor of a user, with recovery codes and pending sign-ins. Returns whether there was one."""
    return connection.execute(delete(second_factors).where(second_factors.c.name == name)).rowcount == 1


def use_step(connection: Connection, name: str, step: int) -> bool:
    """Use up a step and all before it. Returns whether it was not used yet: of two at the same moment, one was late."""
    used = update(second_factors).where(second_factors.c.name == name, second_factors.c.last_step < step)
    return connection.execute(used.values(last_step=step)).rowcount == 1


def save_codes(connection: Connection, name: str, codes: Iterable[str]) -> None:
    """Replace the recovery codes of a user. They are random enough that a plain digest cannot be reversed by search."""
    connection.execute(delete(recovery_codes).where(recovery_codes.c.name == name))
    connection.execute(
        insert(recovery_codes), [{"name": name, "digest": tokens.digest(code)} for code in codes]
    )


def use_code(connection: Connection, name: str, code: str) -> bool:
    """Use up a recovery code. Returns whether it was a code of this user that was not used yet."""
    used = delete(recovery_codes).where(
        recovery_codes.c.name == name, recovery_codes.c.digest == tokens.digest(code)
    )
    return connection.execute(used).rowcount == 1
