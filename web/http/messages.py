"""An HTTP request and its response, each read whole, as one process of the bridge hands them to another."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from core.pipeline.answers import WebhookResponse

LARGE_BODY_BYTES = 64 * 1024
"""Zoom's events are a few kilobytes. A request with a larger body shares no room, thread or batch with others."""


class InboundRequest(NamedTuple):
    """One request. `headers` and `body` are as they were sent; `target` is the path with its query.

    `remote_ip` and `protocol` are what the HTTP server found out, so that no header can claim to be them.
    `received_at` is on the monotonic clock, which all processes of one machine share. `dropped_bytes` is the length of
    a body that was too large to keep, and `body` is empty then.
    """

    method: str
    target: str
    version: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    remote_ip: str
    protocol: str
    received_at: float
    dropped_bytes: int = 0

    @property
    def size(self) -> int:
        """Return about how many bytes the request occupies."""
        return len(self.body) + sum(len(name) + len(value) for name, value in self.headers)


class InboundResponse(NamedTuple):
    """The response to an `InboundRequest`."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    @classmethod
    def of(cls, answer: WebhookResponse) -> InboundResponse:
        """Write out an answer of the pipeline as JSON, or without a body where it has none."""
        headers = [("Cache-Control", "no-store")]
        if answer.retry_after is not None:
            headers.append(("Retry-After", str(answer.retry_after)))
        if answer.body is None:
            return cls(answer.status, headers)
        headers.append(("Content-Type", "application/json; charset=utf-8"))
        return cls(answer.status, headers, json.dumps(dict(answer.body)).encode())


class Responder(Protocol):
    """Answers requests: in this process, or over a channel in another."""

    def respond(self, request: InboundRequest) -> Awaitable[InboundResponse]:
        """Return the response, in time: 503 where nothing else is known until then."""
