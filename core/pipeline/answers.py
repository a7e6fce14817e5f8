"""What a request is answered with, before anything makes HTTP of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_RETRY_AFTER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class WebhookResponse:
    """What a request is answered with. `body` becomes JSON; `retry_after` is in seconds."""

    status: int
    body: Mapping[str, Any] | None = None
    retry_after: int | None = None


ACCEPTED = WebhookResponse(204)


def refusal(status: int, code: str, message: str, *, retry_after: int | None = None) -> WebhookResponse:
    """Return an answer in the shape of WordPress's own REST errors."""
    return WebhookResponse(status, {"code": code, "message": message}, retry_after)


def unavailable(message: str, code: str = "zoombridge_unavailable") -> WebhookResponse:
    """Return the answer that makes Zoom send the event again."""
    return refusal(503, code, message, retry_after=_RETRY_AFTER_SECONDS)
