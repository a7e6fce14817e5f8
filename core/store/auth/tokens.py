"""Random words that open something to whoever brings them. The database has only their digests."""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 32
_LONGEST = 200


def new() -> str:
    """Return a word that nobody guesses, safe in an address and in a cookie."""
    return secrets.token_urlsafe(_BYTES)


def digest(word: str) -> str:
    """Return what is kept of a word. It is random enough that a plain digest cannot be searched backwards."""
    return hashlib.sha256(word[:_LONGEST].encode(errors="replace")).hexdigest()
