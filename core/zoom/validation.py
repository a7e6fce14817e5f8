"""Zoom's endpoint validation: a challenge, answered with the secret token. Pure.

Zoom sends it when an endpoint is saved and every 72 hours, and disables a subscription after six failures in a row:
https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from core import messages
from core.errors import BadRequestError

if TYPE_CHECKING:
    from core.zoom.envelope import Envelope

EVENT = "endpoint.url_validation"
_LONGEST_TOKEN = 1000


def plain_token(envelope: Envelope) -> str:
    """Return the challenge of a validation. Raises: BadRequestError where it has none that can be answered."""
    plain = (envelope.payload.model_extra or {}).get("plainToken")
    if not isinstance(plain, str) or not 0 < len(plain) <= _LONGEST_TOKEN:
        raise BadRequestError(messages.UNREADABLE_VALIDATION)
    return plain


def answer(envelope: Envelope, secret_token: str) -> dict[str, str]:
    """Return the body that Zoom expects within three seconds. Raises: BadRequestError, see `plain_token`."""
    plain = plain_token(envelope)
    encrypted = hmac.new(secret_token.encode(), plain.encode(), hashlib.sha256).hexdigest()
    return {"plainToken": plain, "encryptedToken": encrypted}
