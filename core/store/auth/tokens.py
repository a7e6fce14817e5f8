"""Random bearer tokens. The database holds only their digests."""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 32
_LONGEST = 200


def new() -> str:
    """Return a token of 256 random bits, safe in URLs and cookies."""
    return secrets.token_urlsafe(_BYTES)


def digest(token: str) -> str:
    """Return the digest to store. Tokens are random enough that a plain SHA-256 cannot be reversed by search."""
    return hashlib.sha256(token[:_LONGEST].encode(errors="replace")).hexdigest()
