"""Events as Zoom sends them under load: distinct, about some hundred meetings, signed in advance."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.zoom import envelope
from core.zoom.scenarios import lifecycle
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECRET = "Secret-Token-Of-The-Benchmarks"
ACCOUNT = "DemoAccount-000000000A"
MEETINGS = 500
FIRST_NUMBER = 86_000_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """One event: the meeting that it is about, when it happened (ms), and Zoom's bytes."""

    number: int
    at: int
    body: bytes

    @property
    def topic(self) -> str:
        """The meeting's topic from then on."""
        return str(json.loads(self.body)["payload"]["object"]["topic"])

    @property
    def digest(self) -> str:
        """What the log knows it by."""
        return envelope.digest(envelope.parse(self.body))


def story(
    *,
    meetings: int = MEETINGS,
    first_at: int | None = None,
    start: int = 0,
    first_number: int = FIRST_NUMBER,
    accounts: Sequence[str] = (ACCOUNT,),
) -> Iterator[Event]:
    """Yield events without end: each meeting is made, then changed again and again, all in turn.

    No two are alike; they happened a millisecond after one another, from `first_at` on (default: now).
    `start` skips as many, so that a later round goes on where an earlier one ended. The meetings are of the `accounts`
    in turn.
    """
    now = datetime.now(UTC)
    first_at = int(now.timestamp() * 1000) if first_at is None else first_at
    pattern = lifecycle("meeting", first_number, now=now)
    made, changed = pattern[0], pattern[1]
    index = start
    while True:
        turn, which = divmod(index, meetings)
        number, at = first_number + which, first_at + index
        document = made if turn == 0 else changed
        told = _about(document, number, at, turn)
        told["payload"]["account_id"] = accounts[which % len(accounts)]
        yield Event(number, at, json.dumps(told, ensure_ascii=False).encode())
        index += 1


def headers(body: bytes, timestamp: int, request_id: str) -> dict[str, str]:
    """Return Zoom's headers for a body."""
    return {
        "User-Agent": "Zoom Marketplace/1.0a",
        "Content-Type": "application/json; charset=utf-8",
        "x-zm-request-id": request_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: sign(SECRET, timestamp, body),
    }


def raw_request(event: Event, path: str, timestamp: int | None = None) -> bytes:
    """Return the whole request as it goes over the line, signed now, which is good for five minutes."""
    given = headers(event.body, int(time.time()) if timestamp is None else timestamp, f"bench-{event.at}")
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(event.body)}"]
    lines += [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([*lines, "", ""]).encode() + event.body


def _about(document: dict[str, Any], number: int, at: int, turn: int) -> dict[str, Any]:
    payload = document["payload"]
    topic = f"Rehearsal {number % 1000}, edition {turn}"
    told = {**payload, "object": {**payload["object"], "id": number, "topic": topic}}
    if "join_url" in told["object"]:
        told["object"]["join_url"] = f"https://example.zoom.us/j/{number}?pwd=demo"
    if "old_object" in told:
        told["old_object"] = {**told["old_object"], "id": number}
        told["time_stamp"] = at
    return {"event": document["event"], "event_ts": at, "payload": told}
