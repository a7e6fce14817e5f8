"""Device tokens: a browser that has signed in as a user shows by one that it is not a stranger who guesses.

It opens nothing: the password is verified as always, only without the delays that others cause. OWASP calls them device
cookies: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies

Nothing is stored: a token is signed with the key of the database, together with the user's name and password hash. It is
worth nothing after a new password, for a new user of the same name, or after `LIFETIME`.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.store.auth.users import User
    from core.store.db.encryption import Sealer

LIFETIME = 180 * 24 * 60 * 60 * 1000
"""How long a token is valid, in milliseconds."""

_ID_BYTES = 16
_TOKEN = re.compile(
    r"(?P<content>(?P<issued_at>[0-9]{1,15})\.(?P<id>[0-9a-f]{32}))\.(?P<signature>[0-9a-f]{64})"
)


def issue(sealer: Sealer, user: User, *, now: int) -> str:
    """Return a token for a browser in which this user has just signed in. `now` is in Unix milliseconds."""
    content = f"{now}.{secrets.token_hex(_ID_BYTES)}"
    return f"{content}.{sealer.sign(_signed(user, content)).hex()}"


def identify(sealer: Sealer, user: User, token: str, *, now: int) -> str:
    """Return the id of the device whose token for this user it is; empty where it is none, or no longer valid."""
    parts = _TOKEN.fullmatch(token)
    if parts is None or not 0 <= now - int(parts["issued_at"]) < LIFETIME:
        return ""
    if not sealer.is_signed(_signed(user, parts["content"]), bytes.fromhex(parts["signature"])):
        return ""
    return parts["id"]


def _signed(user: User, content: str) -> bytes:
    """Return what the signature covers. No part holds a line break, so that no other parts give the same bytes."""
    return "\n".join(("device", user.name, str(user.created_at), user.password, content)).encode()
