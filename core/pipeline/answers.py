"""Responses to webhook requests, independent of the HTTP server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core import messages

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BODY_BYTES = 1024 * 1024
"""Zoom's events are a few kilobytes; beyond this, the body of a request is dropped."""
_RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """A response. `body` is sent as JSON; `retry_after` is in seconds."""

    status: int
    body: Mapping[str, Any] | None = None
    retry_after: int | None = None


ACCEPTED = WebhookResponse(204)


def refusal(status: int, code: str, message: str, *, retry_after: int | None = None) -> WebhookResponse:
    """Return an error response in the format of WordPress's REST errors."""
    return WebhookResponse(status, {"code": code, "message": message}, retry_after)


TOO_LARGE = refusal(413, "zoombridge_too_large", messages.TOO_LARGE)


def unavailable(message: str, code: str = "zoombridge_unavailable") -> WebhookResponse:
    """Return the response (503) that makes Zoom send the event again."""
    return refusal(503, code, message, retry_after=_RETRY_AFTER_SECONDS)
