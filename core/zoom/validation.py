"""Zoom's endpoint validation: a challenge, answered with the secret token. Pure.

Zoom sends it when an endpoint is saved and every 72 hours, and disables a subscription after six failures in a row:
https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from core.errors import BadRequestError

if TYPE_CHECKING:
    from core.zoom.envelope import Envelope

EVENT = "endpoint.url_validation"
_LONGEST_TOKEN = 1000


def answer(envelope: Envelope, secret_token: str) -> dict[str, str]:
    """Return the body that Zoom expects within three seconds.

    Raises: BadRequestError where the event has no `plainToken`.
    """
    plain = (envelope.payload.model_extra or {}).get("plainToken")
    if not isinstance(plain, str) or not 0 < len(plain) <= _LONGEST_TOKEN:
        raise BadRequestError("The validation request carries no “plainToken”.")
    encrypted = hmac.new(secret_token.encode(), plain.encode(), hashlib.sha256).hexdigest()
    return {"plainToken": plain, "encryptedToken": encrypted}
