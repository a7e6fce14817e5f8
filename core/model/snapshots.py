"""Snapshots: what was read of an account enters the log as an event does, and goes the same way. Pure.

Nothing is written down that is known already: a snapshot is made only of what differs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.model.fold import GONE, SNAPSHOT, Change, apply, position
from core.model.meeting import RECURRING_FIXED, WITHOUT_FIXED_TIME, Meeting, MeetingState
from core.zoom import envelope as zoom_envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.meeting import Position
    from core.zoom.envelope import Envelope
    from core.zoom.readings import Reading

_KEPT = timedelta(days=30)
# An event further ahead of Zoom's own clock is of a clock that is wrong: waiting would not help.
_SOON_MILLISECONDS = 10_000
# What differs from one look to the next though nobody changed anything.
_PASSING = frozenset(
    {"uuid", "status", "created_at", "start_url", "encrypted_password", "host_email", "assistant_id"}
)
# What visitors can see of a meeting.
_SEEN = (
    "kind", "state", "topic", "agenda", "type", "start_time", "duration", "timezone", "join_url", "password",
    "occurrences", "host_id",
)  # fmt: skip


class Drift(StrEnum):
    """How what the bridge knows of a meeting stands to what Zoom holds."""

    SAME = "same"
    NEW = "new"  # the bridge did not know it
    CHANGED = "changed"  # visitors saw something else
    COMPLETED = "completed"  # only what visitors do not see was missing or different
    GONE = "gone"  # Zoom does not hold it any more
    UNSURE = "unsure"  # Zoom does not show it, which need not mean that it was deleted
    LATER = "later"  # something happened to it at this very moment: look again


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a look at one meeting found. `raw` is the event to append, where there is something to say, and `place` its own."""

    number: int
    drift: Drift
    after: Meeting | None
    detail: str = ""
    raw: bytes | None = None
    place: Position | None = None

    @property
    def topic(self) -> str:
        """The meeting's title, as far as anybody knows."""
        return self.after.topic if self.after is not None else ""


def of_reading(account_id: str, number: int, known: Meeting | None, reading: Reading) -> Snapshot:
    """Compare what Zoom answered with what is known."""
    given = {key: value for key, value in reading.document.items() if key != "start_url"}
    given.setdefault("agenda", "")
    raw = _raw(account_id, {**given, "id": number}, at=reading.at)
    envelope, place = _read(raw, at=reading.at)
    if known is not None and not known.last < place:
        return _overtaken(known, reading.at)
    before = known or Meeting(account_id, number)
    after = apply(before, Change(place, envelope))
    if known is None:
        return Snapshot(number, Drift.NEW, after, raw=raw, place=place)
    if _lasting(known) == _lasting(after):
        return Snapshot(number, Drift.SAME, known)
    differing = [name for name in _SEEN if getattr(known, name) != getattr(after, name)]
    drift = Drift.CHANGED if differing and known.is_complete else Drift.COMPLETED
    return Snapshot(number, drift, after, detail=", ".join(differing), raw=raw, place=place)


def of_absence(account_id: str, known: Meeting, *, at: int, now: datetime) -> Snapshot:
    """Decide about a meeting that Zoom does not show, and knows nothing of when it is asked for.

    A number may expire 30 days after its last use, so that is no proof of deletion; but before that it cannot have
    expired. `at` is the moment of the answer (ms since 1970, UTC).
    """
    if known.state is not MeetingState.SCHEDULED:
        return Snapshot(known.number, Drift.SAME, known)
    if not cannot_have_expired(known, now):
        return Snapshot(known.number, Drift.UNSURE, known)
    raw = _raw(account_id, {"id": known.number}, at=at, operation=GONE)
    envelope, place = _read(raw, at=at)
    if not known.last < place:
        return _overtaken(known, at)
    return Snapshot(known.number, Drift.GONE, apply(known, Change(place, envelope)), raw=raw, place=place)


def _overtaken(known: Meeting, at: int) -> Snapshot:
    """Decide where something happened since the reading, which may be in it or not: look again, if that is near."""
    near = known.last.at - at < _SOON_MILLISECONDS
    return Snapshot(known.number, Drift.LATER if near else Drift.SAME, known)


def cannot_have_expired(meeting: Meeting, now: datetime) -> bool:
    """Whether Zoom must still hold it, unless it was deleted: it was used, or is to be, less than 30 days from now.

    Zoom keeps a single meeting's number for 30 days after its date, and one without a fixed time for longer after
    it was last used or changed: https://support.zoom.com/hc/en/article?id=zm_kb&sysparm_article=KB0065568
    A series keeps its number for longer than that, so a date that was cancelled tells as much as one that is left.
    """
    if meeting.has_fixed_time:
        dates = [one.end_time for one in meeting.occurrences]
        if not dates and meeting.start_time is not None:  # of a series, that of its first date
            dates.append(meeting.start_time)
        used = max(dates, default=None)
    else:
        used = datetime.fromtimestamp(meeting.last.at / 1000, UTC) if meeting.last.at >= 0 else None
    return used is not None and now - used < _KEPT


def is_current(item: Mapping[str, Any], now: datetime) -> bool:
    """Whether an item of Zoom's lists is yet to come, under way, or has no end: what is over is not imported."""
    listed = Meeting("", 0, object=item)
    if listed.type in RECURRING_FIXED or listed.type in WITHOUT_FIXED_TIME or listed.start_time is None:
        return True
    return (now - listed.start_time).total_seconds() < listed.duration * 60


def _lasting(meeting: Meeting) -> tuple[Any, ...]:
    kept = {key: value for key, value in meeting.object.items() if key not in _PASSING}
    running = bool(meeting.instance) and "ended" not in meeting.instance
    return meeting.kind, meeting.state, running, kept


def _raw(account_id: str, object_: Mapping[str, Any], *, at: int, operation: str | None = None) -> bytes:
    payload: dict[str, Any] = {"account_id": account_id, "object": dict(object_)}
    if operation is not None:
        payload["operation"] = operation
    return json.dumps({"event": SNAPSHOT, "event_ts": at, "payload": payload}).encode("ascii")


def _read(raw: bytes, *, at: int) -> tuple[Envelope, Position]:
    envelope = zoom_envelope.parse(raw)
    return envelope, position(envelope, zoom_envelope.digest(envelope), received_at=at)
