"""Secrets that take over from one another: with which of them Zoom signs, as the events say themselves.

Nothing is noted while events come in. The log keeps each as it came, so that it can be checked again against one
secret after the other whenever somebody wants to know.
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
"""How many of a site's last events are checked again."""


@dataclass(frozen=True, slots=True)
class Use:
    """A secret, and what the last events say of it. Times are in milliseconds since 1970, UTC.

    `events` counts those that it verifies, `last_at` is when the newest of them came. `since` is set where all of
    the newest events are its own: when the first of them came, so far back as was looked.
    """

    token: SavedToken
    events: int = 0
    last_at: int | None = None
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """How far the change from one secret to another is. `uses` are the newest secret first, of `events` events."""

    uses: Sequence[Use]
    events: int

    @property
    def current(self) -> Use | None:
        """The secret that Zoom signs with now; None while that is not known."""
        return next((use for use in self.uses if use.since is not None), None)

    @property
    def old(self) -> list[Use]:
        """Secrets that were saved before the one that Zoom signs with now, and are of no use any more."""
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

    @property
    def is_waiting(self) -> bool:
        """Whether a newer secret was saved than the one that Zoom signs with."""
        current = self.current
        return current is not None and any(
            use.token.id > current.token.id and not use.token.secret.is_verification_token
            for use in self.uses
        )


def rotation(store: Store, site_id: str) -> Rotation:
    """Return how a site's secrets stand. Raises `StoreUnavailableError`."""
    with store.reading() as connection:
        saved = zoom_secrets.of_site(connection, site_id, store.sealer)
        came = log.last_of_site(connection, site_id, store.sealer, limit=EVENTS) if saved else []
    return judge(saved, came)


def judge(saved: Sequence[SavedToken], came: Sequence[tuple[int, Request]]) -> Rotation:
    """Return what the last events, the newest first, say of the secrets, the newest first. Pure."""
    uses = {token.id: Use(token) for token in saved}
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
            uses[token_id] = Use(
                known.token,
                known.events + 1,
                known.last_at if known.last_at is not None else at,
                at if runs else known.since,
            )
    return Rotation(list(uses.values()), verified)


def _verifies(token: SavedToken, request: Request, at: int) -> bool:
    try:
        verify(request.headers, request.body, [token.secret], now=at / 1000)
    except SignatureError:
        return False
    return True
