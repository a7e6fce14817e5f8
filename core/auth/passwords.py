"""Password rules and hashes. Hashes are not reversible, and slow to compute by design.

Argon2id, with the parameters that its library recommends: https://www.rfc-editor.org/rfc/rfc9106
"""

from __future__ import annotations

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core import messages
from core.store.auth.users import NO_PASSWORD

SHORTEST = 12
LONGEST = 500


def problem(name: str, password: str) -> str | None:
    """Return why a password is not acceptable for a user; None if it is.

    Length is what counts: rules about special characters and digits make people write passwords down.
    """
    if len(password) < SHORTEST:
        return messages.PASSWORD_TOO_SHORT % {"count": SHORTEST}
    if len(password) > LONGEST:
        return messages.PASSWORD_TOO_LONG % {"count": LONGEST}
    if _normalized(password) == _normalized(name):
        return messages.PASSWORD_IS_NAME
    if len(set(password)) == 1:
        return messages.PASSWORD_REPEATS
    return None


class Passwords:
    """Create and verify password hashes. Each call blocks and takes about 64 MiB: limit how many run at once."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """Use `hasher`; by default one with the parameters that the library recommends."""
        self._hasher = hasher or PasswordHasher()
        self._decoy: str | None = None

    def hashed(self, password: str) -> str:
        """Return the hash of a password, to be stored."""
        return self._hasher.hash(_normalized(password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Verify a password. Takes as long without a stored hash, so that timing reveals no user names."""
        if self._decoy is None:
            self._decoy = self._hasher.hash(secrets.token_urlsafe())
        has_password = stored is not None and stored != NO_PASSWORD
        try:
            self._hasher.verify(stored if has_password and stored else self._decoy, _normalized(password))
        except (VerificationError, InvalidHashError):
            return False
        return has_password

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was created with weaker parameters than the current ones."""
        return self._hasher.check_needs_rehash(stored)


def _normalized(text: str) -> str:
    """Normalize text: keyboards differ in how they encode `é`."""
    return unicodedata.normalize("NFKC", text)
