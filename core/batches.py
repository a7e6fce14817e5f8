"""Batches: Zoom tells of many recordings at once, and names their instances, but no meeting. Pure.

Such an event is taken apart: of each instance that is known to be of a meeting, the log gets an event of that
meeting, which says the same of this instance alone. So a meeting stays a function of its own events. What is made
here depends on the batch, the instance and the meeting only: however often, and in whatever order, it is one event.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.happenings import named

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
    """Return what became of a batch that names so many instances, of which some are known to be of a meeting."""
    waiting = every - known
    names = f"It names {every} recorded {'meeting' if every == 1 else 'meetings'}."
    told = (
        f"{known} noted as {'an event of its own' if known == 1 else 'events of their own'}." if known else ""
    )
    waits = (
        f"{waiting} not known so far: nothing of it can be shown, and this event waits for the event that tells of it."
        if waiting
        else ""
    )
    return " ".join(part for part in (names, told, waits) if part)
