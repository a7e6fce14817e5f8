"""Zoom's secret tokens and verification tokens, stored encrypted. A site may have several valid ones at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from core import messages
from core.errors import TooManyTokensError
from core.store import audit
from core.store.audit import Action
from core.store.db import notify
from core.store.db.schema import sites, zoom_secrets
from core.zoom.signature import Secret

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer


MOST_TOKENS = 50
"""Tokens of one site: each event is compared with every one, for as long as other sites wait."""


@dataclass(frozen=True, slots=True)
class SavedToken:
    """A token with its id and the time at which it was saved (Unix milliseconds, UTC)."""

    id: int
    secret: Secret
    created_at: int


def of_site(connection: Connection, site_id: str, sealer: Sealer) -> list[SavedToken]:
    """Return a site's tokens, decrypted, the newest first. Verification tokens are retired once Zoom's events are signed."""
    rows = connection.execute(
        select(zoom_secrets, sites.c.signed_at)
        .join(sites, sites.c.id == zoom_secrets.c.site_id)
        .where(zoom_secrets.c.site_id == site_id)
        .order_by(zoom_secrets.c.id.desc())
    )
    return [
        SavedToken(
            id=row.id,
            secret=Secret(
                sealer.open_text(row.value),
                row.is_verification_token,
                row.account_id,
                is_retired=row.is_verification_token and row.signed_at is not None,
            ),
            created_at=row.created_at,
        )
        for row in rows
    ]


def save(connection: Connection, site_id: str, secret: Secret, sealer: Sealer, *, now: int) -> None:
    """Save another token of a site; without effect if it is stored already. `now` is in Unix milliseconds (UTC).

    Raises: TooManyTokensError.
    """
    known = of_site(connection, site_id, sealer)
    if any(saved.secret == secret for saved in known):
        return
    if len(known) >= MOST_TOKENS:
        raise TooManyTokensError(messages.TOO_MANY_TOKENS % {"count": MOST_TOKENS})
    connection.execute(
        insert(zoom_secrets).values(
            site_id=site_id,
            account_id=secret.account_id,
            is_verification_token=secret.is_verification_token,
            value=sealer.seal_text(secret.value),
            created_at=now,
        )
    )
    audit.record(connection, Action.SECRET_ADDED, _kind(secret), site_id=site_id, account=secret.account_id)
    notify.notify(connection, notify.SECRETS, site_id)


def record_signed(connection: Connection, site_id: str, *, now: int) -> None:
    """Record that a secret token has verified a request of Zoom's to this site, so that Zoom signs what it sends there.

    From then on verification tokens are retired, also where the secret token is removed. `now`: Unix milliseconds (UTC).
    """
    changed = connection.execute(
        update(sites).where(sites.c.id == site_id, sites.c.signed_at.is_(None)).values(signed_at=now)
    )
    if changed.rowcount:
        notify.notify(connection, notify.SECRETS, site_id)


def remove(connection: Connection, site_id: str, token_id: int) -> None:
    """Delete a token: requests signed with it are refused from now on."""
    this = zoom_secrets.c.site_id == site_id, zoom_secrets.c.id == token_id
    removed = connection.execute(delete(zoom_secrets).where(*this).returning(zoom_secrets)).one_or_none()
    if removed is not None:
        kind = _kind(Secret("", removed.is_verification_token))
        audit.record(connection, Action.SECRET_REMOVED, kind, site_id=site_id, account=removed.account_id)
    notify.notify(connection, notify.SECRETS, site_id)


def _kind(secret: Secret) -> str:
    return "verification token" if secret.is_verification_token else "secret token"
