"""Snapshots: meetings read over REST, compared with the known state and logged as events. Pure.

A snapshot is appended to the log only where it differs from the known state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core import messages
from core.model.fold import GONE, SNAPSHOT, Change, apply, position
from core.model.instances import end_of, is_personal_number
from core.model.meeting import RECURRING_FIXED, WITHOUT_FIXED_TIME, Doubt, Meeting, MeetingState
from core.model.shared_number import every
from core.zoom import envelope as zoom_envelope
from core.zoom.join_link import without_links

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.model.meeting import Position
    from core.zoom.envelope import Envelope
    from core.zoom.readings import Reading

_KEPT = timedelta(days=30)
# An event further ahead of Zoom's clock has a wrong clock: retrying would not help.
_SOON_MILLISECONDS = 10_000
# Fields of the state that differ from one answer to the next without a change by a person.
_PASSING = frozenset({"uuid", "created_at", "host_email"})
# Fields that visitors can see.
_SEEN = (
    "kind", "state", "topic", "agenda", "type", "start_time", "duration", "timezone", "join_url", "password",
    "occurrences", "host_id",
)  # fmt: skip


class Drift(StrEnum):
    """The result of comparing a known meeting with Zoom's answer."""

    SAME = "same"
    NEW = "new"  # unknown to the bridge until now
    CHANGED = "changed"  # a field that visitors see differed
    COMPLETED = "completed"  # only fields that visitors do not see were missing or different
    GONE = "gone"  # deleted at Zoom
    UNSURE = "unsure"  # it could not be read, or is absent, which does not prove its deletion
    LATER = "later"  # changed at this very moment: read it again


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The comparison of one meeting, `before` and `after` it.

    `raw` is the event to append, or None where nothing differs; `position` its position. `listed_topic` is the title in
    Zoom's list, where nothing else is known.
    """

    number: int
    drift: Drift
    after: Meeting | None
    detail: str = ""
    raw: bytes | None = None
    position: Position | None = None
    before: Meeting | None = None
    listed_topic: str = ""

    @property
    def topic(self) -> str:
        """The meeting's title for a report, without links; empty while unknown."""
        return self.after.listed_topic if self.after is not None else without_links(self.listed_topic)


def of_reading(
    account_id: str,
    number: int,
    known: Meeting | None,
    reading: Reading,
    *,
    host_ids: Mapping[str, str] | None = None,
) -> Snapshot:
    """Compare Zoom's answer with the known meeting. `host_ids` as in `core.model.fold.Change`."""
    given = {key: value for key, value in reading.document.items() if key != "start_url"}
    given.setdefault("agenda", "")
    raw = _raw(account_id, {**given, "id": number}, at=reading.at)
    envelope, position = _read(raw, at=reading.at)
    if known is not None and not known.last < position:
        return _overtaken(known, reading.at)
    before = known or Meeting(account_id, number)
    after = apply(before, Change(position, envelope, host_ids or {}))
    if known is None:
        return Snapshot(number, Drift.NEW, after, raw=raw, position=position)
    if _lasting(known) == _lasting(after):
        return Snapshot(number, Drift.SAME, known)
    differing = [name for name in _SEEN if getattr(known, name) != getattr(after, name)]
    drift = Drift.CHANGED if differing and known.is_complete else Drift.COMPLETED
    return Snapshot(
        number, drift, after, detail=", ".join(differing), raw=raw, position=position, before=known
    )


def of_absence(account_id: str, known: Meeting, *, at: int, now: datetime) -> Snapshot:
    """Decide about a meeting of which Zoom says that it does not exist.

    A number may expire 30 days after its last use, so this proves a deletion only before that time. Of meetings known
    under a personal meeting ID it proves none: Zoom has them under numbers of their own. `at` is the time of the answer
    (Unix milliseconds, UTC).
    """
    is_deleted = known.state is not MeetingState.SCHEDULED
    if is_deleted and known.doubt is Doubt.NONE:
        return Snapshot(known.number, Drift.SAME, known)
    if not is_deleted and is_personal_number(known):
        return Snapshot(known.number, Drift.UNSURE, known, detail=messages.NUMBER_IS_PERSONAL)
    if not is_deleted and not must_exist_at_zoom(known, now):
        return Snapshot(known.number, Drift.UNSURE, known, detail=messages.NUMBER_MAY_HAVE_EXPIRED)
    raw = _raw(account_id, {"id": known.number}, at=at, operation=GONE)
    envelope, position = _read(raw, at=at)
    if not known.last < position:
        return _overtaken(known, at)
    drift = Drift.SAME if is_deleted else Drift.GONE
    after = apply(known, Change(position, envelope))
    return Snapshot(known.number, drift, after, raw=raw, position=position, before=known)


def of_room(number: int, room: Meeting, reading: Reading) -> Snapshot | None:
    """Return the result for an unknown meeting that is known under its personal meeting ID; None where it is not.

    Events may carry that ID as the number, and Zoom's lists another one. It is one meeting, which has its page already.
    """
    given = Meeting(room.account_id, number, object=reading.document)
    for one in every(room):
        if (one.topic, one.start_time, one.type) == (given.topic, given.start_time, given.type):
            return Snapshot(number, Drift.SAME, one)
    return None


def of_unclear(number: int, known: Meeting | None, reason: str, *, topic: str = "") -> Snapshot:
    """Return the result for a meeting that could not be read: nothing changes. `topic` is the title in Zoom's list."""
    return Snapshot(number, Drift.UNSURE, known, detail=reason, listed_topic=topic)


def _overtaken(known: Meeting, at: int) -> Snapshot:
    """Handle an event newer than the answer, which may or may not hold it: read again if the two are close."""
    near = known.last.at - at < _SOON_MILLISECONDS
    return Snapshot(known.number, Drift.LATER if near else Drift.SAME, known)


def must_exist_at_zoom(meeting: Meeting, now: datetime) -> bool:
    """Tell whether Zoom must still have the meeting, unless it was deleted: its last use is under 30 days ago or ahead.

    Zoom keeps a single meeting's number for 30 days after its date, and one without a fixed time for longer after
    its last use or change: https://support.zoom.com/hc/en/article?id=zm_kb&sysparm_article=KB0065568
    A series keeps its number for longer than that, so cancelled occurrences count like the others.
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
    """Tell whether an item of Zoom's lists is upcoming, running or has no end; past meetings are not imported."""
    listed = Meeting("", 0, object=item)
    if listed.type in RECURRING_FIXED or listed.type in WITHOUT_FIXED_TIME or listed.start_time is None:
        return True
    return any(now < end_of(date) for date in listed.dates)


def _lasting(meeting: Meeting) -> tuple[Any, ...]:
    kept = {key: value for key, value in meeting.object.items() if key not in _PASSING}
    running = any("ended" not in entry for entry in meeting.instances.values())
    return meeting.kind, meeting.state, meeting.doubt, running, kept


def _raw(account_id: str, object_: Mapping[str, Any], *, at: int, operation: str | None = None) -> bytes:
    payload: dict[str, Any] = {"account_id": account_id, "object": dict(object_)}
    if operation is not None:
        payload["operation"] = operation
    return json.dumps({"event": SNAPSHOT, "event_ts": at, "payload": payload}).encode("ascii")


def _read(raw: bytes, *, at: int) -> tuple[Envelope, Position]:
    envelope = zoom_envelope.parse(raw)
    return envelope, position(envelope, zoom_envelope.digest(envelope), received_at=at)
