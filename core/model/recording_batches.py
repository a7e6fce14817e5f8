"""Batches: Zoom tells of many recordings at once, and names their instances, but no meeting. Pure.

Such an event is taken apart: of each instance that is known to be of a meeting, the log gets an event of that
meeting, which says the same of this instance alone. So a meeting stays a function of its own events. What is made
here depends on the batch, the instance and the meeting only: however often, and in whatever order, it is one event.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.model.activity import named

if TYPE_CHECKING:
    from core.zoom.envelope import Envelope

NO_INSTANCE = "The event names no recording."


def part(batch: Envelope, digest: str, *, uuid: str, number: int, at: int) -> bytes:
    """Return what a batch says of one instance, as an event of that instance's meeting.

    `digest` is the batch's own, and `at` when it happened (ms since 1970, UTC).
    """
    about: dict[str, Any] = {"meeting_uuid": uuid}
    if files := named(batch).get(uuid):
        about["recording_file_ids"] = files
    payload: dict[str, Any] = {"object": {"id": number, "meetings": [about]}}
    if batch.payload.account_id is not None:
        payload["account_id"] = batch.payload.account_id
    document = {"event": batch.event, "event_ts": at, "payload": payload, "part_of": digest}
    return json.dumps(document).encode("ascii")


def reason(every: int, known: int) -> str:
    """Return what became of a batch that names so many recordings, of which some are known to be of a meeting."""
    told = [f"It names {every} {'recording' if every == 1 else 'recordings'}."]
    if known == 1:
        told.append("1 has an event of its own, at its meeting.")
    elif known:
        told.append(f"{known} have events of their own, at their meetings.")
    waiting = every - known
    if waiting == 1:
        told.append("1 is of no meeting that is known so far, and waits until Zoom tells of it.")
    elif waiting:
        told.append(f"{waiting} are of no meeting that is known so far, and wait until Zoom tells of them.")
    return " ".join(told)
