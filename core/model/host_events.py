"""Split events about a user into events of the meetings that the user hosts. Pure.

With a user the meetings may go, to another user or for good, and Zoom need not send an event for each. So each meeting
gets an event that leaves a question open (`core.model.meeting.Doubt`), which an answer of Zoom's REST API settles. The
split event depends only on the user's event and the meeting: repeating it gives the same event.

https://developers.zoom.us/docs/api/users/events/ (user.deleted and so on); meetings can be transferred to another user:
https://developers.zoom.us/docs/api/users/ (DELETE /users/{userId})
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core import messages

if TYPE_CHECKING:
    from core.zoom.envelope import Envelope

# The user leaves the account, or cannot host meetings any more.
REMOVALS = frozenset({"user.deleted", "user.disassociated", "user.deactivated"})
HOST_EVENTS = REMOVALS | {"user.updated"}


def hosts_of(envelope: Envelope) -> list[str]:
    """Return the ids of the user whom an event is about: the current one, and the replaced one where they differ."""
    payload = envelope.payload
    found = [(given or {}).get("id") for given in (payload.object, payload.old_object)]
    return sorted({host_id for host_id in found if isinstance(host_id, str) and host_id})


def event_of_meeting(envelope: Envelope, digest: str, *, number: int, at: int) -> bytes:
    """Return the raw event of one meeting. It holds nothing about the user.

    `digest` identifies the user's event; `at` is its time (Unix milliseconds, UTC).
    """
    payload: dict[str, Any] = {"object": {"id": number}}
    if envelope.payload.account_id is not None:
        payload["account_id"] = envelope.payload.account_id
    document = {"event": envelope.event, "event_ts": at, "payload": payload, "part_of": digest}
    return json.dumps(document).encode("ascii")


def reason(count: int, *, is_connected: bool) -> str:
    """Return what a user's event led to: the number of the user's meetings, and whether Zoom can be asked about them."""
    if not count:
        return messages.HOST_NO_MEETINGS
    if is_connected:
        return messages.HOST_ONE if count == 1 else messages.HOST_MANY % {"count": count}
    return messages.HOST_ONE_UNCHECKED if count == 1 else messages.HOST_MANY_UNCHECKED % {"count": count}
