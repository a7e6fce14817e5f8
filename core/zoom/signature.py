"""Zoom's signature over the raw bytes, and the older verification token. Pure.

https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core import messages
from core.errors import NoSecretError, StaleSignatureError, WrongSignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Zoom signs a retry again with a new timestamp, so five minutes cover the slowest delivery.
WINDOW_SECONDS = 300

SIGNATURE_HEADER = "x-zm-signature"
TIMESTAMP_HEADER = "x-zm-request-timestamp"
TOKEN_HEADER = "authorization"  # noqa: S105 - the name of a header

SHORTEST_TOKEN, LONGEST_TOKEN = 8, 200
_TOKEN = re.compile(rf"[!-~]{{{SHORTEST_TOKEN},{LONGEST_TOKEN}}}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A site's secret token or verification token, for one Zoom account or for any (`account_id` None).

    `is_retired`: a verification token that proves nothing any more, because Zoom signs what it sends to the site.
    """

    value: str
    is_verification_token: bool = False
    account_id: str | None = None
    is_retired: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        """Omit the value, so that it cannot end in a log."""
        kind = "verification token" if self.is_verification_token else "secret token"
        return f"<Secret {kind} for account {self.account_id or 'any'}>"


def is_token(text: str) -> bool:
    """Whether a text has the form of a secret token or verification token: visible characters of ASCII."""
    return _TOKEN.fullmatch(text) is not None


def sign(secret_token: str, timestamp: int | str, body: bytes) -> str:
    """Return the value of `x-zm-signature` for a body sent at `timestamp` (Unix seconds)."""
    message = b"v0:" + str(timestamp).encode() + b":" + body
    return "v0=" + hmac.new(secret_token.encode(), message, hashlib.sha256).hexdigest()


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[Secret], *, now: float) -> Secret:
    """Return the secret that authenticates a request as Zoom's.

    `headers` are looked up by lower-case name; `now` is in Unix seconds. Where a signature and a secret token are
    present, they alone decide; the older verification token counts only without, and only until it is retired.

    Raises: NoSecretError, WrongSignatureError or StaleSignatureError.
    """
    if not secrets:
        raise NoSecretError(messages.NO_SECRET)
    tokens = [secret for secret in secrets if secret.is_verification_token]
    signing = [secret for secret in secrets if not secret.is_verification_token]
    signature = headers.get(SIGNATURE_HEADER)
    if signature is not None and signing:
        return _verify_signature(signature, headers.get(TIMESTAMP_HEADER, ""), body, signing, now=now)
    given = headers.get(TOKEN_HEADER)
    if given is None:
        raise WrongSignatureError(messages.NOT_SIGNED if signature is None else messages.NO_SECRET_TO_CHECK)
    match = [token for token in tokens if hmac.compare_digest(token.value.encode(), given.encode())]
    if not match:
        raise WrongSignatureError(messages.WRONG_VERIFICATION_TOKEN)
    if match[0].is_retired:
        raise WrongSignatureError(messages.RETIRED_VERIFICATION_TOKEN)
    return match[0]


def is_signature_of_zoom(headers: Mapping[str, str]) -> bool:
    """Whether a request carries a signature and a timestamp of Zoom's form, whether or not they are right."""
    return bool(
        re.fullmatch(r"v0=[0-9a-f]{64}", headers.get(SIGNATURE_HEADER, ""))
        and re.fullmatch(r"[0-9]{1,12}", headers.get(TIMESTAMP_HEADER, ""))
    )


def is_fresh(headers: Mapping[str, str], *, now: float) -> bool:
    """Whether the timestamp of a request is at most five minutes from `now` (Unix seconds), signed or not."""
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    is_number = re.fullmatch(r"[0-9]{1,12}", timestamp) is not None
    return is_number and abs(round(now - int(timestamp))) <= WINDOW_SECONDS


def _verify_signature(
    signature: str, timestamp: str, body: bytes, secrets: Sequence[Secret], *, now: float
) -> Secret:
    match = None
    if re.fullmatch(r"[0-9]{1,12}", timestamp):
        # Every secret is tried, also after a match, so that the duration reveals nothing.
        for secret in secrets:
            if hmac.compare_digest(sign(secret.value, timestamp, body).encode(), signature.encode()):
                match = secret
    if match is None:
        raise WrongSignatureError(messages.WRONG_SECRET)
    seconds = round(now - int(timestamp))
    if abs(seconds) > WINDOW_SECONDS:
        template = messages.SIGNED_LONG_AGO if seconds > 0 else messages.SIGNED_IN_FUTURE
        raise StaleSignatureError(
            template % {"seconds": abs(seconds), "allowed": WINDOW_SECONDS}, seconds=seconds
        )
    return match
