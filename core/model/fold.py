"""Fold a meeting's events into its state, in any order of arrival. Pure.

`fold` sorts the events and reduces them. `apply` adds one event that is newer than all others, which is the usual
case. Both give the same meeting; the tests show it for any order and any duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.model import activity
from core.model.instances import end_running
from core.model.meeting import (
    PERSONAL_ROOM,
    RECURRING_FIXED,
    WEBINARS,
    Doubt,
    Meeting,
    MeetingKind,
    MeetingState,
    Position,
)
from core.zoom.join_link import without_passcode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from core.zoom.envelope import Envelope

SNAPSHOT = "snapshot"  # read by the bridge from Zoom's REST API; Zoom sends no event of this name
GONE = "gone"  # the `operation` of a snapshot of a meeting that no longer exists

# `start_url` gives access to the host's account, and the other passwords are not for participants; the number has
# its own attribute; `old_object` holds replaced values.
_NEVER_KEPT = frozenset(
    {"start_url", "h323_password", "encrypted_password", "pstn_password", "id", "old_object"}
)
# Events of an instance and deletions carry these fields too, but with values that are not the schedule.
_OF_THE_SCHEDULE = frozenset({"start_time", "duration", "occurrences", "recurrence"})


@dataclass(frozen=True, slots=True)
class Change:
    """An event with its position in the order of folding."""

    position: Position
    envelope: Envelope


_SAME_CREATION_SECONDS = 60  # difference between the creation times of REST and of the event


_RANKS = {
    "created": 0,
    "converted_to_webinar": 1,
    "converted_to_meeting": 1,
    "updated": 2,
    "deleted": 3,
    "recovered": 4,
    "permanently_deleted": 5,
    "started": 7,
    "ended": 8,
    "registration_created": 9,
    "registration_approved": 10,
    "registration_denied": 10,
    "registration_cancelled": 11,
    "recording.completed": 12,
    "recording.trashed": 13,
    "recording.batch_trashed": 13,
    "recording.recovered": 14,
    "recording.batch_recovered": 14,
    "recording.deleted": 15,
    "recording.batch_deleted": 15,
}


def acts_on(event: str) -> bool:
    """Tell whether events of this name change a meeting."""
    return event == SNAPSHOT or _verb(event) in _RANKS


def position(envelope: Envelope, digest: str, *, received_at: int) -> Position:
    """Return an event's position; `received_at` (Unix milliseconds, UTC) replaces a missing time."""
    at = envelope.happened_at
    return Position(
        at=received_at if at is None else at,
        rank=_RANKS.get(_verb(envelope.event), 6),
        digest=digest,
    )


def fold(
    account_id: str, number: int, changes: Iterable[Change], *, base: Meeting | None = None
) -> Meeting | None:
    """Fold changes into a meeting; None where there are none.

    `base` is the state folded from earlier changes that the log has dropped. Changes before its last position are
    too late and are ignored.
    """
    meeting = base
    last = base.last if base else None
    for change in sorted(changes, key=lambda change: _key(change.position)):
        if last is not None and _key(change.position) <= _key(last):
            continue  # a duplicate, or already part of the baseline
        last = change.position
        meeting = apply(meeting or Meeting(account_id, number), change)
    return meeting


def apply(meeting: Meeting, change: Change) -> Meeting:
    """Return the meeting after one change that is newer than all its earlier ones."""
    envelope = change.envelope
    step = _STEPS[_verb(envelope.event) if envelope.event != SNAPSHOT else SNAPSHOT]
    kind = _kind(envelope, meeting.kind)
    return replace(step(replace(meeting, kind=kind), envelope), last=change.position)


def _key(position: Position) -> tuple[int, int, str]:
    return position.at, position.rank, position.digest


def _verb(event: str) -> str:
    subject, _, verb = event.partition(".")
    if subject == "recording":
        return event
    return verb if subject in ("meeting", "webinar") else ""


def _kind(envelope: Envelope, before: MeetingKind) -> MeetingKind:
    """Return whether it is a meeting or a webinar: by a conversion, else Zoom's type, else the event's name."""
    match envelope.event:
        case "meeting.converted_to_webinar":
            return MeetingKind.WEBINAR
        case "webinar.converted_to_meeting":
            return MeetingKind.MEETING
    if envelope.event.startswith("recording."):
        return before  # `type` has other values in recording events
    zoom_type = _kept(envelope.payload.object or {}).get("type")
    if zoom_type in WEBINARS or envelope.event.startswith("webinar."):
        return MeetingKind.WEBINAR
    # The name of a snapshot does not tell the kind, so without a type it stays as it was.
    return before if envelope.event == SNAPSHOT and zoom_type is None else MeetingKind.MEETING


def _created(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Create the meeting; values of updates that seem older are kept.

    Nothing can precede the creation: an older update only uses another clock (`time_stamp` is the time of the change,
    `event_ts` the time of sending). A second creation of the same number starts anew, as with a personal meeting room.
    """
    given = _kept(envelope.payload.object or {})
    if meeting.created and not _tells_of_this_life(meeting, envelope):
        return replace(meeting, object=given, state=MeetingState.SCHEDULED, recovered=False)
    merged = _merge(given, meeting.object)
    return replace(meeting, object=merged, created=True)


def _tells_of_this_life(meeting: Meeting, envelope: Envelope) -> bool:
    """Tell whether a snapshot already holds this creation: REST gives the time of creation as `created_at`."""
    told = meeting.object.get("created_at")
    if not isinstance(told, str) or envelope.happened_at is None:
        return False
    try:
        made = datetime.fromisoformat(told)
    except ValueError:
        return False
    if made.tzinfo is None:
        return False
    return abs(made.timestamp() - envelope.happened_at / 1000) < _SAME_CREATION_SECONDS


def _updated(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Merge the changed fields: an update holds `id` for certain and otherwise only what changed."""
    given = _kept(envelope.payload.object or {})
    vanished = {_id(item) for item in _items(_kept(_old_object(envelope)))}
    vanished -= {_id(item) for item in _items(given)}
    before = dict(meeting.object)
    if _items(before):
        before["occurrences"] = [item for item in _items(before) if _id(item) not in vanished]
    if _items(given) and _items(before) and _names_one_occurrence(envelope, given, meeting.object, before):
        # One occurrence was moved or changed: the series keeps its start and duration.
        changed = {"occurrences": _with_occurrences(before, given)}
        given = {key: value for key, value in given.items() if key not in _OF_THE_SCHEDULE} | changed
    elif _stops_being_a_series(given, before):
        before.pop("occurrences", None)
        before.pop("recurrence", None)
    return _with_link_of(replace(meeting, object=_merge(before, given)), meeting, given)


def _with_link_of(updated: Meeting, before: Meeting, given: Mapping[str, Any]) -> Meeting:
    """Remove an outdated encrypted passcode from the join link: a new passcode may come without a new link."""
    if "join_url" in given:
        is_settled = updated.doubt is Doubt.PASSCODE_WITHOUT_LINK
        return replace(updated, doubt=Doubt.NONE) if is_settled else updated
    if not before.join_url or "password" not in given or updated.password == before.password:
        return updated
    link = without_passcode(before.join_url, before.password)
    return replace(updated, object={**updated.object, "join_url": link}, doubt=Doubt.PASSCODE_WITHOUT_LINK)


def _names_one_occurrence(
    envelope: Envelope, given: Mapping[str, Any], known: Mapping[str, Any], left: Mapping[str, Any]
) -> bool:
    """Tell whether an update changes single occurrences of a series; without `scope` by the occurrences in it.

    Then an update about a part of the `known` occurrences, none of which vanished (`left`), is about these alone.
    """
    if envelope.payload.scope is not None:
        return envelope.payload.scope == "single"
    named = {_id(item) for item in _items(given)}
    return len(_items(left)) == len(_items(known)) and named < {_id(item) for item in _items(known)}


def _old_object(envelope: Envelope) -> Mapping[str, Any]:
    """Return the replaced values: a sibling of `object` in real traffic, nested in it in Zoom's own example."""
    inside = (envelope.payload.object or {}).get("old_object")
    return envelope.payload.old_object or (inside if isinstance(inside, dict) else {})


def _deleted(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Delete the meeting or the named occurrences.

    `single` without occurrences of a series deletes an occurrence that is not named: the series stays until an answer
    over REST tells which. Where the type is unknown the meeting is deleted until an answer tells otherwise.
    """
    if _names_single_occurrences(meeting, envelope):
        return _mark(meeting, envelope, "deleted")
    zoom_type = _kept(envelope.payload.object or {}).get("type", meeting.type)
    if envelope.payload.operation == "single" and zoom_type in RECURRING_FIXED:
        return replace(_fill(meeting, envelope), doubt=Doubt.DELETED_WITHOUT_DATES)
    is_unsure = envelope.payload.operation == "single" and zoom_type is None
    doubt = Doubt.DELETED_UNKNOWN_TYPE if is_unsure else Doubt.NONE
    return replace(_fill(meeting, envelope), state=MeetingState.DELETED, recovered=False, doubt=doubt)


def _recovered(meeting: Meeting, envelope: Envelope) -> Meeting:
    if _names_single_occurrences(meeting, envelope):
        return _mark(meeting, envelope, "available")
    return replace(_fill(meeting, envelope), state=MeetingState.SCHEDULED, recovered=True, doubt=Doubt.NONE)


def _permanently_deleted(meeting: Meeting, envelope: Envelope) -> Meeting:
    if _names_single_occurrences(meeting, envelope):
        return _mark(meeting, envelope, "deleted")
    return replace(_fill(meeting, envelope), state=MeetingState.PERMANENTLY_DELETED, recovered=False)


def _snapshot(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Replace the state by a REST answer, which is complete for its moment.

    A deleted meeting that REST returns was recovered, one that is gone was deleted, and a running instance has ended
    where Zoom's status is `waiting`, even where the event of it was lost.
    """
    if envelope.payload.operation == GONE:
        state = MeetingState.DELETED if meeting.state is MeetingState.SCHEDULED else meeting.state
        return replace(meeting, state=state, recovered=False, doubt=Doubt.NONE)
    instances = meeting.instances
    if (envelope.payload.object or {}).get("status") == "waiting":
        instances = end_running(instances, _written(envelope.event_ts))
    return replace(
        meeting,
        object=_kept(envelope.payload.object or {}),
        state=MeetingState.SCHEDULED,
        created=True,
        recovered=meeting.recovered or meeting.state is MeetingState.DELETED,
        doubt=Doubt.NONE,
        instances=instances,
    )


def _written(milliseconds: int | None) -> str:
    """Return a time in Zoom's notation."""
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _started(meeting: Meeting, envelope: Envelope) -> Meeting:
    return replace(_introduce(meeting, envelope), instances=activity.started(meeting, envelope))


def _ended(meeting: Meeting, envelope: Envelope) -> Meeting:
    return replace(_introduce(meeting, envelope), instances=activity.ended(meeting, envelope))


def _introduce(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Add unknown identifying fields from an event of one instance."""
    given = _kept(envelope.payload.object or {})
    # An event of the personal meeting room names the room, not a meeting scheduled in it.
    is_of_room = meeting.created and given.get("type") == PERSONAL_ROOM != meeting.type
    names: dict[str, Any] = {
        key: given[key]
        for key in (() if is_of_room else ("topic", "type", "host_id", "timezone"))
        if isinstance(given.get(key), str | int | float)  # as `core.model.redaction` keeps them
    }
    return replace(meeting, object={**names, **meeting.object})


def _registration(status: str | None) -> Callable[[Meeting, Envelope], Meeting]:
    def step(meeting: Meeting, envelope: Envelope) -> Meeting:
        registrants = activity.registered(meeting.registrants, envelope, status)
        return replace(_introduce(meeting, envelope), registrants=registrants)

    return step


def _recording(
    change: Callable[[Meeting, Envelope], Mapping[str, Any]],
) -> Callable[[Meeting, Envelope], Meeting]:
    def step(meeting: Meeting, envelope: Envelope) -> Meeting:
        return replace(meeting, recordings=change(meeting, envelope))

    return step


_STEPS: dict[str, Callable[[Meeting, Envelope], Meeting]] = {
    "created": _created,
    "updated": _updated,
    "converted_to_webinar": _updated,
    "converted_to_meeting": _updated,
    "deleted": _deleted,
    "recovered": _recovered,
    "permanently_deleted": _permanently_deleted,
    SNAPSHOT: _snapshot,
    "started": _started,
    "ended": _ended,
    "registration_created": _registration(None),
    "registration_approved": _registration("approved"),
    "registration_denied": _registration("denied"),
    "registration_cancelled": _registration("cancelled"),
    "recording.completed": _recording(activity.recorded),
    "recording.recovered": _recording(activity.recorded),
    "recording.trashed": _recording(activity.trashed),
    "recording.deleted": _recording(activity.deleted),
    **dict.fromkeys(activity.BATCHES, _recording(activity.apply_batch)),
}


def _names_single_occurrences(meeting: Meeting, envelope: Envelope) -> bool:
    """Tell whether only the named occurrences are meant.

    `operation` is `single` for an ordinary meeting too, and `occurrences` may come with a whole series, so
    all three must agree: https://developers.zoom.us/docs/api/meetings/events/#tag/meeting/postmeeting.deleted
    """
    given = _kept(envelope.payload.object or {})
    zoom_type = given.get("type", meeting.type)
    return zoom_type in RECURRING_FIXED and envelope.payload.operation == "single" and bool(_items(given))


def _mark(meeting: Meeting, envelope: Envelope, status: str) -> Meeting:
    """Set the status of the named occurrences, adding unknown ones."""
    given = {
        "occurrences": [{**item, "status": status} for item in _items(_kept(envelope.payload.object or {}))]
    }
    filled = _fill(meeting, envelope).object
    return replace(meeting, object=_merge(filled, {"occurrences": _with_occurrences(meeting.object, given)}))


def _fill(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Add unknown fields from a deletion or recovery, except the schedule of a series."""
    given = _kept(envelope.payload.object or {})
    if given.get("type", meeting.type) in RECURRING_FIXED:
        given = {key: value for key, value in given.items() if key not in _OF_THE_SCHEDULE}
    return replace(meeting, object={**given, **meeting.object})


def _stops_being_a_series(given: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Tell whether an update turns a series (type 8) into a single meeting (type 2), which has no occurrences."""
    return (
        "type" in given
        and given["type"] not in RECURRING_FIXED
        and before.get("type") in RECURRING_FIXED
        and "occurrences" not in given
    )


def _with_occurrences(before: Mapping[str, Any], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Merge occurrences by `occurrence_id`."""
    known = {_id(item): item for item in _items(before)}
    for item in _items(given):
        known[_id(item)] = {**known.get(_id(item), {}), **item}
    return sorted(known.values(), key=lambda item: (str(item.get("start_time", "")), _id(item)))


def _id(occurrence: Mapping[str, Any]) -> str:
    return str(occurrence.get("occurrence_id", ""))


def _items(object_: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = object_.get("occurrences", [])
    return found


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two objects: `settings` and `recurrence` field by field, as updates hold only changes; others whole."""
    merged = {**below, **above}
    if isinstance(below.get("settings"), dict) and isinstance(above.get("settings"), dict):
        merged["settings"] = {**below["settings"], **above["settings"]}
    if isinstance(below.get("recurrence"), dict) and isinstance(above.get("recurrence"), dict):
        merged["recurrence"] = _merge_recurrence(below["recurrence"], above["recurrence"])
    return merged


def _merge_recurrence(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two rules; values that the new one excludes are dropped: days of another frequency, the other end."""
    excluded: set[str] = set()
    if "type" in above and above["type"] != below.get("type"):
        excluded |= {"weekly_days", "monthly_day", "monthly_week", "monthly_week_day"}
    if "monthly_day" in above:
        excluded |= {"monthly_week", "monthly_week_day"}
    if "monthly_week" in above or "monthly_week_day" in above:
        excluded |= {"monthly_day"}
    if "end_times" in above:
        excluded |= {"end_date_time"}
    if "end_date_time" in above:
        excluded |= {"end_times"}
    return {key: value for key, value in below.items() if key not in excluded} | dict(above)


def _kept(given: Mapping[str, Any]) -> dict[str, Any]:
    """Drop fields that must not be stored, nulls and values of the wrong type; keep all others, known or unknown.

    A null tells nothing: Zoom's updates contain nulls for fields that did not change. Neither does a blank topic.
    """
    kept = {
        key: _without_start_url(value)
        for key, value in given.items()
        if key not in _NEVER_KEPT and value is not None
    }
    if isinstance(kept.get("topic"), str) and not kept["topic"].strip():
        del kept["topic"]
    for key in ("settings", "recurrence"):
        if isinstance(kept.get(key), dict):
            kept[key] = {inner: value for inner, value in kept[key].items() if value is not None}
    for key, shape in (("type", int), ("settings", dict), ("recurrence", dict), ("occurrences", list)):
        if key in kept and not isinstance(kept[key], shape):
            del kept[key]
    if "occurrences" in kept:
        kept["occurrences"] = [item for item in kept["occurrences"] if isinstance(item, dict)]
    return kept


def _without_start_url(value: Any) -> Any:
    """Drop `start_url` at any depth, in fields that Zoom adds later as well."""
    if isinstance(value, dict):
        return {key: _without_start_url(item) for key, item in value.items() if key != "start_url"}
    return [_without_start_url(item) for item in value] if isinstance(value, list) else value
