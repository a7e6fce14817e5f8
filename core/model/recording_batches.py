"""Split `recording.batch_*` events, which name instances but no meeting, into events per meeting. Pure.

For each instance whose meeting is known, the log gets an event of that meeting about this instance alone, so that a
meeting stays a function of its own events. The split event depends only on batch, instance and meeting: repeating it,
in any order, gives the same event.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from core import messages
from core.model.instance_events import named_instances

if TYPE_CHECKING:
    from core.zoom.envelope import Envelope


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
    counted = (
        (every, messages.BATCH_ONE, messages.BATCH_MANY),
        (known, messages.BATCH_ONE_KNOWN, messages.BATCH_MANY_KNOWN),
        (every - known, messages.BATCH_ONE_PENDING, messages.BATCH_MANY_PENDING),
    )
    return " ".join(one if count == 1 else many % {"count": count} for count, one, many in counted if count)
