"""Two-factor authentication: users who want it enter a code of an authenticator app after their password."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import messages
from core.auth import recovery_codes, totp
from core.errors import StoreError, UserError
from core.store import audit
from core.store.audit import Action
from core.store.auth import second_factors, sessions, users
from core.store.db import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.auth.second_factors import SecondFactor
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store

SETUP_MINUTES = 15

# What a code was, in the audit log.
APP_CODE = "code"
RECOVERY_CODE = "recovery code"

_PURPOSE = "two-factor setup"


@dataclass(frozen=True, slots=True)
class Setup:
    """A secret that its user's app does not confirm yet. The database does not hold it: `token` is it, sealed."""

    secret: str
    token: str


def use_code(connection: Connection, sealer: Sealer, name: str, code: str, *, now: int) -> str | None:
    """Use up a code of a user; return which kind it was: `APP_CODE`, `RECOVERY_CODE`; None for a wrong or used one."""
    secret = second_factors.secret_of(connection, sealer, name)
    if secret is None:
        return None
    step = totp.matching_step(secret, code, now=now)
    if step is not None:
        return APP_CODE if second_factors.use_step(connection, name, step) else None
    if second_factors.use_code(connection, name, recovery_codes.canonical(code)):
        return RECOVERY_CODE
    return None


@dataclass(slots=True)
class TwoFactorService:
    """Set up, use and remove the second factor of users. Blocks; thread-safe. `clock` is in seconds, for tests."""

    store: Store
    clock: Callable[[], float] | None = None

    def find(self, name: str) -> SecondFactor | None:
        """Return the second factor of a user; None if they have none."""
        with self.store.reading() as connection:
            return second_factors.find(connection, name)

    def names(self) -> frozenset[str]:
        """Return the names of the users who have a second factor."""
        with self.store.reading() as connection:
            return second_factors.names(connection)

    def start(self, name: str) -> Setup:
        """Return a new secret, for a user whose password was just verified. Raises: UserError if they have one."""
        with self.store.reading() as connection:
            if second_factors.is_on(connection, name):
                raise UserError(messages.TWO_FACTOR_IS_ON)
            now = clock.now(connection, self.clock)
        secret = totp.new_secret()
        sealed = self.store.sealer.seal_text(json.dumps([_PURPOSE, name, secret, now]))
        return Setup(secret, base64.urlsafe_b64encode(sealed).decode())

    def setup(self, name: str, token: str) -> Setup:
        """Return the setup of a token that `start` gave to this user. Raises: UserError if it has expired."""
        with self.store.reading() as connection:
            now = clock.now(connection, self.clock)
        try:
            sealed = base64.urlsafe_b64decode(token[:2000].encode())
            purpose, whose, secret, began_at = json.loads(self.store.sealer.open_text(sealed))
        except (StoreError, ValueError, TypeError, binascii.Error) as error:
            raise UserError(messages.TWO_FACTOR_SETUP_EXPIRED) from error
        if (purpose, whose) != (_PURPOSE, name) or now - began_at > SETUP_MINUTES * 60 * 1000:
            raise UserError(messages.TWO_FACTOR_SETUP_EXPIRED)
        return Setup(secret, token)

    def confirm(self, name: str, token: str, code: str, *, session_token: str) -> list[str] | None:
        """Save the second factor if the code is that of the setup's secret; return the recovery codes, else None.

        Ends all sessions of the user but that of `session_token`: they began without a code. Raises: UserError.
        """
        setup = self.setup(name, token)
        codes = recovery_codes.new_codes()

        def save(connection: Connection) -> list[str] | None:
            now = clock.now(connection, self.clock)
            step = totp.matching_step(setup.secret, code, now=now)
            if step is None:
                return None
            users.lock(connection)
            if users.find(connection, name) is None:
                raise UserError(messages.USER_UNKNOWN % {"name": name})
            if second_factors.is_on(connection, name):
                raise UserError(messages.TWO_FACTOR_IS_ON)
            second_factors.save(connection, self.store.sealer, name, setup.secret, step=step, now=now)
            second_factors.save_codes(connection, name, codes)
            sessions.end_others(connection, name, session_token)
            audit.record(connection, Action.TWO_FACTOR_ON, name)
            return codes

        return self.store.write(save)

    def renew_codes(self, name: str, code: str) -> list[str] | None:
        """Replace the recovery codes of a user, and return them; None if `code` is wrong or used."""
        codes = recovery_codes.new_codes()

        def renew(connection: Connection) -> list[str] | None:
            now = clock.now(connection, self.clock)
            if use_code(connection, self.store.sealer, name, code, now=now) is None:
                return None
            second_factors.save_codes(connection, name, codes)
            audit.record(connection, Action.RECOVERY_CODES, name)
            return codes

        return self.store.write(renew)

    def turn_off(self, name: str, code: str) -> bool:
        """Remove a user's own second factor. Returns whether `code` was right; if not, nothing is changed."""

        def remove(connection: Connection) -> bool:
            now = clock.now(connection, self.clock)
            if use_code(connection, self.store.sealer, name, code, now=now) is None:
                return False
            second_factors.remove(connection, name)
            audit.record(connection, Action.TWO_FACTOR_OFF, name)
            return True

        return self.store.write(remove)

    def remove(self, name: str) -> None:
        """Remove the second factor of a user who has lost it. Raises: UserError."""

        def remove(connection: Connection) -> None:
            if users.find(connection, name) is None:
                raise UserError(messages.USER_UNKNOWN % {"name": name})
            if not second_factors.remove(connection, name):
                raise UserError(messages.TWO_FACTOR_IS_OFF % {"name": name})
            audit.record(connection, Action.TWO_FACTOR_OFF, name)

        self.store.write(remove)
