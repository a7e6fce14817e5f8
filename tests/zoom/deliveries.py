"""How Zoom delivers events: signed, within three seconds, and again after 5, 20 and 60 minutes.

https://developers.zoom.us/docs/api/webhooks/#notification-delivery
"""

from __future__ import annotations

import heapq
import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.zoom.scenarios import validation
from core.zoom.sender import send

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

AGAIN_SECONDS = (5 * 60, 20 * 60, 60 * 60)


@dataclass
class Deliveries:
    """What one subscription has to deliver to its endpoint. Nothing is sent but by `run`, on a clock that tests turn."""

    endpoint: str
    secret_token: str
    clock: Callable[[], float]
    delivered: int = 0
    given_up: int = 0  # after a 3xx or 4xx at once, after 5xx and silence with the last try
    _due: list[tuple[float, int, int, bytes]] = field(default_factory=list)
    _serial: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, event: dict[str, Any]) -> None:
        """Take an event, which is due at once."""
        body = json.dumps(event, ensure_ascii=False).encode()
        heapq.heappush(self._due, (self.clock(), next(self._serial), 0, body))

    @property
    def next_at(self) -> float | None:
        """When the next one is due, in seconds since 1970; None where nothing is."""
        return self._due[0][0] if self._due else None

    def run(self) -> int:
        """Send what is due now; return how many requests that were."""
        sent = 0
        while self._due and self._due[0][0] <= self.clock():
            _, serial, tries, body = heapq.heappop(self._due)
            sent += 1
            # A retry has the same bytes, with a new timestamp and signature.
            reply = send(self.endpoint, body, self.secret_token, timestamp=int(self.clock()))
            if reply.is_success:
                self.delivered += 1
            elif reply.would_be_sent_again and tries < len(AGAIN_SECONDS):
                heapq.heappush(self._due, (self.clock() + AGAIN_SECONDS[tries], serial, tries + 1, body))
            else:
                self.given_up += 1
        return sent

    def validate(self, plain_token: str, *, now: datetime) -> bool:
        """Ask the endpoint to show that it knows the secret token, as Zoom does before it sends anything."""
        body = json.dumps(validation(plain_token, now=now)).encode()
        reply = send(self.endpoint, body, self.secret_token, timestamp=int(self.clock()))
        return reply.status == 200 and plain_token in reply.text
