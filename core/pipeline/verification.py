"""Verify requests of Zoom: the signature over the raw bytes, the envelope, and the account it speaks for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import messages
from core.errors import BadRequestError, SignatureError, WrongSignatureError
from core.zoom import envelope as zoom_envelope
from core.zoom import signature, validation
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from core.zoom.envelope import Envelope
    from core.zoom.signature import Secret


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of verifying one request: the envelope and the secret that signed it, or the error that refuses it."""

    envelope: Envelope | None = None
    secret: Secret | None = None
    error: SignatureError | BadRequestError | None = None

    @property
    def event(self) -> Envelope | None:
        """The envelope of an authentic event; None for a refused request and for a validation of the endpoint."""
        return None if self.envelope is None or self.envelope.event == validation.EVENT else self.envelope


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], *, now: float) -> Verification:
    """Verify a request with the secrets of its site, as of `now` (Unix seconds). Header names are in lower case."""
    try:
        secret = signature.verify(headers, body, secrets, now=now)
        envelope = zoom_envelope.parse(body)
    except (SignatureError, BadRequestError) as error:
        return Verification(error=error)
    if not _speaks_for(secret, secrets, envelope.payload.account_id):
        return Verification(
            error=WrongSignatureError(messages.OTHER_ACCOUNT % {"account": envelope.payload.account_id})
        )
    return Verification(envelope, secret)


def _speaks_for(secret: Secret, secrets: Sequence[Secret], account_id: str | None) -> bool:
    """Whether a secret may speak for an account. A validation names no account, and a self-test has one of its own.

    An app has one secret, even where several accounts have installed it, so it may be saved for each of them.
    """
    return (
        account_id is None
        or is_probe(account_id)
        or any(
            (saved.value, saved.is_verification_token) == (secret.value, secret.is_verification_token)
            and saved.account_id in (None, account_id)
            for saved in secrets
        )
    )
