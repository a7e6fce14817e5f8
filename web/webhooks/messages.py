"""What is handed over between the process that speaks HTTP and the one that decides: a request, and its reply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, Protocol

from core.wordpress import signing

if TYPE_CHECKING:
    from core.pipeline.answers import WebhookResponse

MOST_BYTES = 1024 * 1024  # Zoom's events are a few kilobytes; a megabyte is nobody's event
# Zoom waits three seconds, and the stub two and a half, of which some go by on the way.
ANSWER_SECONDS = 2.0

_ZOOMS_OWN = ("content-type", "authorization", "user-agent", "clientid", "traceparent")
_STUBS_OWN = (signing.SITE_HEADER, signing.TIMESTAMP_HEADER, signing.CONTEXT_HEADER, signing.SIGNATURE_HEADER)


class InboundRequest(NamedTuple):
    """What came to an endpoint: header names in lower case, the bytes as they were sent, the moment (monotonic).

    `site_id` is None where the stub must say, and prove, which site it speaks for.
    """

    site_id: str | None
    target: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def size(self) -> int:
        """About how many bytes it takes to hand it over."""
        return len(self.body) + sum(map(len, self.headers.values()))


class InboundResponse(NamedTuple):
    """What is answered: `body` is JSON, or empty. `signature` is what the stub knows the bridge by."""

    status: int
    body: bytes = b""
    retry_after: int | None = None
    signature: str | None = None

    @classmethod
    def of(cls, answer: WebhookResponse) -> InboundResponse:
        """Write an answer out."""
        body = b"" if answer.body is None else json.dumps(dict(answer.body)).encode()
        return cls(answer.status, body, answer.retry_after)

    def signed(self, key: str, asked: InboundRequest) -> InboundResponse:
        """Show the stub that asked whose reply it is."""
        signature = signing.sign_answer(
            key,
            request_signature=asked.headers.get(signing.SIGNATURE_HEADER, ""),
            status=self.status,
            location="",
            body=self.body,
        )
        return self._replace(signature=signature)


class Answers(Protocol):
    """Whoever knows what to answer: in this process, or behind a line to another."""

    async def answer(self, asked: InboundRequest) -> InboundResponse:
        """Return what to answer, in time."""


def is_handed_over(name: str) -> bool:
    """Whether a header of this name (in lower case) is Zoom's or the stub's; what else comes is nobody's business."""
    return is_zooms(name) or name in _STUBS_OWN


def is_zooms(name: str) -> bool:
    """Whether a header of this name (in lower case) is kept with the event."""
    return name.startswith("x-zm-") or name in _ZOOMS_OWN
