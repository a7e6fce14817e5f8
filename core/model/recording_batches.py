"""Split `recording.batch_*` events, which name instances but no meeting, into events per meeting. Pure.

For each instance whose meeting is known, the log gets an event of that meeting about this instance alone, so that a
meeting stays a function of its own events. The split event depends only on batch, instance and meeting: repeating it,
in any order, gives the same event.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core.model.activity import named_instances

if TYPE_CHECKING:
    from core.zoom.envelope import Envelope

NO_INSTANCE = "The event names no recording."


def event_of_instance(batch: Envelope, digest: str, *, uuid: str, number: int, at: int) -> bytes:
    """Return the part of a batch about one instance, as a raw event of that instance's meeting.

    `digest` identifies the batch; `at` is its time (Unix milliseconds, UTC).
    """
    about: dict[str, Any] = {"meeting_uuid": uuid}
    if files := named_instances(batch).get(uuid):
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
