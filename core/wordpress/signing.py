"""Signatures by which plugin and bridge authenticate to each other, as specified in docs/stub.md."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from core import messages
from core.errors import StaleSignatureError, WrongSignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW_SECONDS = 300

SITE_HEADER = "x-zoombridge-site"
TIMESTAMP_HEADER = "x-zoombridge-timestamp"
CONTEXT_HEADER = "x-zoombridge-context"
SIGNATURE_HEADER = "x-zoombridge-signature"
ANSWER_HEADER = "x-zoombridge-answer"


def sign_request(
    key: str, *, timestamp: int | str, method: str, target: str, context: str, body: bytes
) -> str:
    """Return the value of `X-Zoombridge-Signature`; `target` is the path with its query."""
    lines = ("v1", str(timestamp), method.upper(), target, _hash(context.encode("latin-1")), _hash(body))
    return _mac(key, lines)


def sign_answer(key: str, *, request_signature: str, status: int, location: str, body: bytes) -> str:
    """Return the value of `X-Zoombridge-Answer`."""
    return _mac(key, ("v1-answer", request_signature, str(status), location, _hash(body)))


def verify_request(
    key: str, headers: Mapping[str, str], *, method: str, target: str, body: bytes, now: float | None
) -> None:
    """Verify that a request comes from the plugin of a site.

    `now` is in seconds since 1970; None leaves the age out of account. Raises `WrongSignatureError` or
    `StaleSignatureError`.
    """
    timestamp = headers.get(TIMESTAMP_HEADER, "")
    try:
        expected = sign_request(
            key,
            timestamp=timestamp,
            method=method,
            target=target,
            context=headers.get(CONTEXT_HEADER, ""),
            body=body,
        )
    except UnicodeEncodeError as error:  # of letters without an upper case in Latin-1, which no plugin sends
        raise WrongSignatureError(messages.PLUGIN_KEY_WRONG) from error
    given = headers.get(SIGNATURE_HEADER, "")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise WrongSignatureError(messages.PLUGIN_KEY_WRONG)
    if now is not None:
        if not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise WrongSignatureError(messages.PLUGIN_TIME_MISSING)
        seconds = round(now - int(timestamp))
        if abs(seconds) > WINDOW_SECONDS:
            raise StaleSignatureError(
                messages.PLUGIN_CLOCKS_APART % {"seconds": abs(seconds), "allowed": WINDOW_SECONDS},
                seconds=seconds,
            )


def _mac(key: str, lines: tuple[str, ...]) -> str:
    message = "\n".join(lines).encode("latin-1")
    return "v1=" + hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
