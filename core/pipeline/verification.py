"""Verify requests of Zoom: the signature over the raw bytes, then the envelope and the account it speaks for. Pure."""

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
    """The result of verifying one request: the secret that signed it, or the error that refuses it.

    An authentic request holds an envelope, or cannot be read: `unreadable` is the reason. It is kept anyway,
    since Zoom never repeats what was refused with a status below 500.
    """

    envelope: Envelope | None = None
    secret: Secret | None = None
    error: SignatureError | None = None
    unreadable: str = ""

    @property
    def event(self) -> Envelope | None:
        """The envelope of an authentic event; None for other requests, and for a validation of the endpoint."""
        return None if self.envelope is None or self.envelope.event == validation.EVENT else self.envelope

    @property
    def is_logged(self) -> bool:
        """Whether the request belongs in the log: it is authentic, and no validation of the endpoint."""
        return self.event is not None or bool(self.unreadable)


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], *, now: float) -> Verification:
    """Verify a request with the secrets of its site, as of `now` (Unix seconds). Header names are in lower case."""
    try:
        secret = signature.verify(headers, body, secrets, now=now)
    except SignatureError as error:
        return Verification(error=error)
    return _read(body, secret, secrets)


def read_again(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], *, now: float
) -> Verification:
    """Read a request that was authentic when it came, at `now` (Unix seconds); its secret may be gone since."""
    try:
        secret = signature.verify(headers, body, secrets, now=now)
    except SignatureError:
        secret = None
    return _read(body, secret, secrets)


def fault(error: Exception) -> str:
    """Return the reason for a request that the bridge cannot read because of a fault of its own."""
    return messages.UNREADABLE_FAULT % {"error": type(error).__name__}


def _read(body: bytes, secret: Secret | None, secrets: Sequence[Secret]) -> Verification:
    try:
        envelope = zoom_envelope.parse(body)
        if envelope.event == validation.EVENT:
            validation.plain_token(envelope)
    except BadRequestError as error:
        return Verification(secret=secret, unreadable=str(error))
    except Exception as error:  # noqa: BLE001 - an authentic event must not be lost for a fault of the bridge
        return Verification(secret=secret, unreadable=fault(error))
    if secret is not None and not _speaks_for(secret, secrets, envelope.payload.account_id):
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
