"""Send an event as Zoom does: signed, with its headers, without following redirects.

https://developers.zoom.us/docs/api/webhooks/#notification-delivery
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import requests

from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

ZOOM_WAITS_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """An endpoint's answer; without one, `status` is None and `text` gives the reason."""

    status: int | None
    text: str

    @property
    def would_be_sent_again(self) -> bool:
        """Whether Zoom retries: after 5xx or without an answer in time, never after 3xx and 4xx."""
        return self.status is None or self.status >= 500  # noqa: PLR2004 - server errors

    @property
    def is_success(self) -> bool:
        """Whether Zoom counts the event as delivered."""
        return self.status in (200, 204)


def send(
    url: str, body: bytes, secret_token: str, *, timestamp: int, timeout: float = ZOOM_WAITS_SECONDS
) -> EndpointResponse:
    """Sign and post one event; `timestamp` is in Unix seconds. Never raises for network failures."""
    headers = {
        "user-agent": "Zoom Marketplace/1.0a",
        "content-type": "application/json; charset=utf-8",
        "x-zm-request-id": str(uuid.uuid4()),
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: sign(secret_token, timestamp, body),
    }
    try:
        answer = requests.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
    except requests.RequestException as error:
        return EndpointResponse(
            None, f"{type(error).__name__}: no answer within {timeout:g} s, or no connection at all."
        )
    return EndpointResponse(answer.status_code, answer.text[:1000])
