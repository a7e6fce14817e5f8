"""Rotation of secret tokens: which of a site's saved tokens Zoom signs with now.

Nothing is recorded while events arrive. The log stores each request as received, so the latest ones are verified again
with every saved token on demand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import SignatureError
from core.store.events import log
from core.store.sites import zoom_secrets
from core.zoom.signature import verify

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.store.db.engine import Store
    from core.store.events.request import Request
    from core.store.sites.zoom_secrets import SavedToken

EVENTS = 30
"""Number of a site's latest events that are verified again."""


@dataclass(frozen=True, slots=True)
class SecretUsage:
    """A secret, and the latest events signed with it. Times are Unix milliseconds (UTC).

    `events` counts those that it verifies; `last_at` is the arrival of the newest. `since` is set where it verifies
    the newest events without a gap: the arrival of the first of them, within the events verified.
    """

    token: SavedToken
    events: int = 0
    last_at: int | None = None
    since: int | None = None


@dataclass(frozen=True, slots=True)
class SecretRotation:
    """Usage of a site's secrets, the newest secret first, over `events` verified events."""

    uses: Sequence[SecretUsage]
    events: int

    @property
    def current(self) -> SecretUsage | None:
        """The secret that Zoom signs with now; None while unknown."""
        return next((use for use in self.uses if use.since is not None), None)

    @property
    def old(self) -> list[SecretUsage]:
        """Secrets saved before the current one, which replaces them."""
        current = self.current
        if current is None:
            return []
        return [
            use
            for use in self.uses
            if use.token.id < current.token.id
            and use.token.secret.is_verification_token == current.token.secret.is_verification_token
            and use.token.secret.account_id in (None, current.token.secret.account_id)
        ]

    def is_needed(self, token_id: int) -> bool:
        """Whether Zoom signs with this secret now, or it is the only one."""
        current = self.current
        return token_id in (use.token.id for use in self.uses) and (
            len(self.uses) == 1 or (current is not None and current.token.id == token_id)
        )

    @property
    def is_waiting(self) -> bool:
        """Whether a newer secret is saved than the one that Zoom signs with."""
        current = self.current
        return current is not None and any(
            use.token.id > current.token.id and not use.token.secret.is_verification_token
            for use in self.uses
        )


def load_rotation(store: Store, site_id: str) -> SecretRotation:
    """Return the usage of a site's secrets. Raises: StoreUnavailableError."""
    with store.reading() as connection:
        saved = zoom_secrets.of_site(connection, site_id, store.sealer)
        came = log.last_of_site(connection, site_id, store.sealer, limit=EVENTS) if saved else []
    return analyze_rotation(saved, came)


def analyze_rotation(saved: Sequence[SavedToken], came: Sequence[tuple[int, Request]]) -> SecretRotation:
    """Return the usage of secrets in requests; both lists are newest first. Does no I/O."""
    uses = {token.id: SecretUsage(token) for token in saved}
    newest: int | None = None
    is_run = True
    verified = 0
    for at, request in came:
        used = [token.id for token in saved if _verifies(token, request, at)]
        if not used:
            continue
        verified += 1
        newest = used[0] if newest is None else newest
        is_run = is_run and newest in used
        for token_id in used:
            known = uses[token_id]
            runs = is_run and token_id == newest
            uses[token_id] = SecretUsage(
                known.token,
                known.events + 1,
                known.last_at if known.last_at is not None else at,
                at if runs else known.since,
            )
    return SecretRotation(list(uses.values()), verified)


def _verifies(token: SavedToken, request: Request, at: int) -> bool:
    try:
        verify(request.headers, request.body, [token.secret], now=at / 1000)
    except SignatureError:
        return False
    return True
