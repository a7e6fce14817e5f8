"""Passwords: what one must be, and how it is kept. Nobody can read it again, and trying costs time.

Argon2id, with the parameters that its library recommends: https://www.rfc-editor.org/rfc/rfc9106
"""

from __future__ import annotations

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.store.auth.users import NO_PASSWORD

SHORTEST = 12
LONGEST = 500


def problem(name: str, password: str) -> str | None:
    """Say what is wrong with a password that this user wants to have; None: it will do.

    Length is what counts. Rules about signs and numbers only make people write passwords down.
    """
    if len(password) < SHORTEST:
        return f"This has fewer than {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"This has more than {LONGEST} characters."
    if _same(password) == _same(name):
        return "The password must not be the name."
    if len(set(password)) == 1:
        return "The password must not be one character again and again."
    return None


class Passwords:
    """Makes hashes and compares with them. Each takes a moment and some 64 MiB: see to it that few run at once."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """Take what hashes; by default as the library recommends."""
        self._hasher = hasher or PasswordHasher()
        self._decoy: str | None = None

    def hashed(self, password: str) -> str:
        """Return the hash of a password, to be kept."""
        return self._hasher.hash(_same(password))

    def matches(self, kept: str | None, password: str) -> bool:
        """Tell whether this is the password. It takes as long where there is none, so that no name is found out."""
        if self._decoy is None:
            self._decoy = self._hasher.hash(secrets.token_urlsafe())
        there_is_one = kept is not None and kept != NO_PASSWORD
        try:
            self._hasher.verify(kept if there_is_one and kept else self._decoy, _same(password))
        except (VerificationError, InvalidHashError):
            return False
        return there_is_one

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _same(text: str) -> str:
    """Return one form for what looks the same: keyboards differ in how they send `é`."""
    return unicodedata.normalize("NFKC", text)
