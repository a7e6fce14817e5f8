"""Fold a meeting's events into its state, in any order of arrival. Pure.

`fold` sorts the events and reduces them. `apply` adds one event that is newer than all others, which is the usual
case. Both give the same meeting; the tests show it for any order and any duplicates.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.model import instance_events, shared_number
from core.model.host_events import HOST_EVENTS
from core.model.instances import end_running
from core.model.meeting import (
    INSTANT,
    PERSONAL_ROOM,
    RECURRING_FIXED,
    WEBINARS,
    WITHOUT_FIXED_TIME,
    Doubt,
    Meeting,
    MeetingKind,
    MeetingState,
    Position,
    whole_number,
)
from core.model.merging import (
    filled,
    has_new_rule,
    identified,
    lay_over,
    leaves_others,
    merge,
    occurrence_id,
    occurrences_of,
    with_occurrences,
)
from core.model.state_fields import with_host_ids
from core.model.told_fields import told_fields
from core.zoom.join_link import without_passcode
from core.zoom.numbers import meeting_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from core.zoom.envelope import Envelope

SNAPSHOT = "snapshot"  # read by the bridge from Zoom's REST API; Zoom sends no event of this name
GONE = "gone"  # the `operation` of a snapshot of a meeting that no longer exists

# Every meeting has them, so an answer without one does not tell it.
_NEVER_MISSING = frozenset({"topic", "type", "join_url", "host_id"})
_NEVER_MISSING_WITH_DATES = frozenset({"start_time", "duration", "timezone"})
_NEVER_MISSING_IN_SERIES = frozenset({"occurrences", "recurrence"})
# Events of an instance and deletions carry these fields too, but with values that are not the schedule.
_OF_THE_SCHEDULE = frozenset({"start_time", "duration", "occurrences", "recurrence"})
# Further fields that a single occurrence may have of its own, which are not the series':
# https://developers.zoom.us/docs/api/meetings/#tag/meetings/patch/meetings/{meetingId}
_OF_A_DATE = frozenset({"agenda", "settings"})
_ABOUT_DATES = frozenset({Doubt.CHANGED_WITHOUT_DATES, Doubt.DELETED_WITHOUT_DATES})
_AS_WEBINAR = {2: 5, 3: 6, 8: 9}
_AS_MEETING = {webinar: meeting for meeting, webinar in _AS_WEBINAR.items()}
_OF_THE_ROOM = frozenset({"join_url", "password"})
_EXTENTS = frozenset({"single", "all"})  # of `scope` and `operation`; another word tells nothing


@dataclass(frozen=True, slots=True)
class Change:
    """An event with its position in the order of folding.

    `host_ids` maps ids and lower-case addresses of the account's users to ids, as far as the event names them as
    alternative hosts.
    """

    position: Position
    envelope: Envelope
    host_ids: Mapping[str, str] = field(default_factory=dict)


_OF_FIELDS = frozenset({"created", "updated", "converted_to_webinar", "converted_to_meeting"})
# The events after which a meeting exists, or does not, for the account that sent them.
OF_LIFE = _OF_FIELDS | {"recovered", "started"}
OF_DEATH = frozenset({"deleted", "permanently_deleted"})

_OTHER_CLOCK_MILLISECONDS = 3_600_000  # how much earlier than its creation an event of a meeting may seem
_SAME_CREATION_SECONDS = 60  # difference between the creation times of REST and of the event


_RANKS = {
    "created": 0,
    "updated": 2,
    "deleted": 3,
    "converted_to_webinar": 4,
    "converted_to_meeting": 4,
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
    **dict.fromkeys(HOST_EVENTS, 16),
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
    envelope = _with_host_ids(change)
    step = _STEPS[_verb(envelope.event) if envelope.event != SNAPSHOT else SNAPSHOT]
    kind = _kind(envelope, meeting.kind)
    after = _of_its_kind(step(replace(meeting, kind=kind), envelope))
    at = max(change.position.at, 0)
    # A deletion of what is deleted, such as that for good weeks later, says nothing new.
    is_again = _verb(envelope.event) in OF_DEATH and meeting.state is not MeetingState.SCHEDULED
    return replace(
        after,
        last=change.position,
        deleted_at=_deleted_at(meeting, after, change),
        told_at=at if tells_fields(envelope) else meeting.told_at,
        owned_at=at if tells_of_meeting(envelope) and not is_again else meeting.owned_at,
    )


def is_gone(envelope: Envelope) -> bool:
    """Tell whether an answer over REST says that the account does not have the meeting any more."""
    return envelope.event == SNAPSHOT and envelope.payload.operation == GONE


def tells_fields(envelope: Envelope) -> bool:
    """Tell whether an event replaces what is known; all others add what is unknown."""
    return _verb(envelope.event) in _OF_FIELDS or (envelope.event == SNAPSHOT and not is_gone(envelope))


def tells_of_meeting(envelope: Envelope) -> bool:
    """Tell whether an event says that the meeting exists or was deleted, and not what became of it in the past."""
    verb = _verb(envelope.event)
    return verb in OF_LIFE or verb in OF_DEATH or tells_fields(envelope)


def _deleted_at(before: Meeting, after: Meeting, change: Change) -> int:
    """Return when a meeting was deleted: later deletions of a deleted one say nothing new."""
    if after.state is MeetingState.SCHEDULED:
        return 0
    return max(change.position.at, 0) if before.state is MeetingState.SCHEDULED else before.deleted_at


def _of_the_named(step: Callable[[Meeting, Envelope], Meeting]) -> Callable[[Meeting, Envelope], Meeting]:
    """Apply a step to the meeting that the event is about, where several share the number; to none if it is another.

    An update that cannot be assigned is about the current one.
    """

    def apply_to_named(meeting: Meeting, envelope: Envelope) -> Meeting:
        given = told_fields(envelope.payload.object or {})
        is_update = step in (_updated, _converted)
        before = told_fields(_old_object(envelope)) if is_update else given
        is_recovery = step is _recovered
        uuid = shared_number.named(meeting, given, before, is_deleted=is_recovery) if meeting.created else ""
        if uuid is None and not is_update:
            return meeting
        after = step(shared_number.switch_to(meeting, uuid or ""), envelope)
        return shared_number.without_deleted(after)

    return apply_to_named


def _key(position: Position) -> tuple[int, int, str]:
    return position.at, position.rank, position.digest


def _verb(event: str) -> str:
    subject, _, verb = event.partition(".")
    if subject in ("recording", "user"):
        return event
    return verb if subject in ("meeting", "webinar") else ""


def _kind(envelope: Envelope, before: MeetingKind) -> MeetingKind:
    """Return whether it is a meeting or a webinar: by a conversion, else Zoom's type, else the event's name."""
    match envelope.event:
        case "meeting.converted_to_webinar":
            return MeetingKind.WEBINAR
        case "webinar.converted_to_meeting":
            return MeetingKind.MEETING
    if envelope.event.startswith(("recording.", "user.")):
        return before  # `type` has other values in these events
    zoom_type = told_fields(envelope.payload.object or {}).get("type")
    if zoom_type in WEBINARS or envelope.event.startswith("webinar."):
        return MeetingKind.WEBINAR
    # The name of a snapshot does not tell the kind, so without a type it stays as it was.
    return before if envelope.event == SNAPSHOT and zoom_type is None else MeetingKind.MEETING


def _of_its_kind(meeting: Meeting) -> Meeting:
    """Return a meeting with the type of its kind: Zoom need not tell the type, nor send an event of a conversion."""
    as_its_kind = _AS_WEBINAR if meeting.kind is MeetingKind.WEBINAR else _AS_MEETING
    zoom_type = as_its_kind.get(meeting.type or 0)
    return meeting if zoom_type is None else replace(meeting, object={**meeting.object, "type": zoom_type})


def _created(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Create the meeting; values of updates that seem older are kept.

    Nothing can precede the creation: an older update only uses another clock (`time_stamp` is the time of the change,
    `event_ts` the time of sending). A second creation of the same number starts anew, as with a personal meeting room,
    whose other meetings are kept aside.
    """
    given = told_fields(envelope.payload.object or {})
    meeting = shared_number.switch_to(meeting, shared_number.uuid_of(given))
    is_another = shared_number.is_another(meeting, given)
    if not is_another and (
        _is_creation_of(meeting, given, envelope)
        if not meeting.created
        else _tells_of_this_life(meeting, envelope) or _is_same(meeting, given)
    ):
        merged = merge(given, meeting.object) if meeting.created else _with_earlier(given, meeting.object)
        kind = MeetingKind.WEBINAR if merged.get("type") in WEBINARS else meeting.kind
        created = replace(meeting, object=merged, created=True, kind=kind)
        return with_link_of(created, replace(meeting, object=given), meeting.object)
    others = dict(meeting.others)
    object_ = given
    if meeting.created and is_another:
        others = shared_number.set_aside(meeting)
        object_ = {**shared_number.of_room(meeting.object), **given}
    others.pop(shared_number.uuid_of(given), None)
    created = replace(
        meeting,
        object=object_,
        state=MeetingState.SCHEDULED,
        created=True,
        recovered=False,
        doubt=Doubt.NONE,
        others=others,
        recordings=instance_events.of_former(meeting, is_remembered=is_another),
        registrants={},
    )
    return with_link_of(created, meeting, given)


def _with_earlier(given: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return a creation with what changes told that seem older: they may be about some dates of a series, or about all."""
    merged = lay_over(given, earlier)
    if occurrences_of(given) and not occurrences_of(earlier):
        merged["occurrences"] = _with_duration(occurrences_of(given), given, earlier)
    return merged


def _is_same(meeting: Meeting, given: Mapping[str, Any]) -> bool:
    """Tell whether a second creation repeats the first one."""
    own = shared_number.uuid_of(meeting.object)
    return bool(own) and own == shared_number.uuid_of(given)


def _is_creation_of(meeting: Meeting, given: Mapping[str, Any], envelope: Envelope) -> bool:
    """Tell whether a creation is of the meeting that earlier events told of.

    Those of a personal meeting room are of other uses of the number, and so is what happened long before.
    """
    known = meeting.object.get("type")
    if known == PERSONAL_ROOM and given.get("type", known) != PERSONAL_ROOM:
        return False
    at = envelope.happened_at
    return meeting.last.at < 0 or at is None or at - meeting.last.at < _OTHER_CLOCK_MILLISECONDS


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
    known_zone = meeting.timezone.key if "timezone" in meeting.object else ""
    given = told_fields(envelope.payload.object or {}, known_zone=known_zone)
    if _is_of_room(meeting, given):
        meeting = _with_room(meeting, given)
        given = {key: given[key] for key in _OF_THE_ROOM & given.keys()}
    before = dict(meeting.object)
    if occurrences_of(given):
        given = {**given, "occurrences": identified(occurrences_of(given), before)}
    doubt = meeting.doubt
    if _stops_being_a_series(given, before):
        before.pop("occurrences", None)
        before.pop("recurrence", None)
    elif _names_one_occurrence(envelope, given, meeting):
        # One occurrence was moved or changed: the series keeps its start and duration.
        changed = {
            "occurrences": with_occurrences({"occurrences": _remaining(envelope, given, before)}, given)
        }
        if not occurrences_of(given) and _OF_THE_SCHEDULE & given.keys():
            doubt = Doubt.CHANGED_WITHOUT_DATES
        of_the_date = _OF_THE_SCHEDULE | (
            _OF_A_DATE if envelope.payload.scope and occurrences_of(given) else set()
        )
        given = {key: value for key, value in given.items() if key not in of_the_date} | changed
    elif occurrences_of(before):
        before["occurrences"] = _with_duration(_remaining(envelope, given, before), before, given)
        if occurrences_of(given):
            given = {**given, "occurrences": filled(occurrences_of(given), before)}
            doubt = Doubt.NONE if doubt in _ABOUT_DATES else doubt
        elif _moves_dates(meeting, given):
            doubt = Doubt.CHANGED_WITHOUT_DATES
    elif _becomes_series(meeting, given) and not occurrences_of(given):
        doubt = Doubt.CHANGED_WITHOUT_DATES
    return with_link_of(replace(meeting, object=merge(before, given), doubt=doubt), meeting, given)


def _with_duration(
    occurrences: list[dict[str, Any]], before: Mapping[str, Any], given: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the occurrences with a new duration of the series, except those that have one of their own."""
    if "duration" not in given:
        return occurrences
    usual = {whole_number(before.get("duration")), None}
    return [
        {**item, "duration": given["duration"]} if whole_number(item.get("duration")) in usual else item
        for item in occurrences
    ]


def _moves_dates(meeting: Meeting, given: Mapping[str, Any]) -> bool:
    """Tell whether an update without occurrences changes the start or the rule of a series."""
    if not meeting.is_series:
        return False
    start = meeting.object.get("start_time")
    return has_new_rule(meeting.object, given) or given.get("start_time", start) != start


def _becomes_series(meeting: Meeting, given: Mapping[str, Any]) -> bool:
    """Tell whether an update turns a meeting of another type into a series, which has dates."""
    return meeting.type is not None and not meeting.is_series and given.get("type") in RECURRING_FIXED


def _converted(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Merge what a conversion tells. It keeps the number, so a deletion of what was converted does not end the other."""
    was_deleted = meeting.state is not MeetingState.SCHEDULED
    return replace(
        _updated(meeting, envelope),
        state=MeetingState.SCHEDULED,
        recovered=meeting.recovered or was_deleted,
    )


def _remaining(
    envelope: Envelope, given: Mapping[str, Any], before: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the known occurrences without those that vanished: named among the replaced values only."""
    gone = _vanished(envelope, given)
    return [item for item in occurrences_of(before) if occurrence_id(item) not in gone]


def _vanished(envelope: Envelope, given: Mapping[str, Any]) -> set[str]:
    return {occurrence_id(item) for item in occurrences_of(told_fields(_old_object(envelope)))} - {
        occurrence_id(item) for item in occurrences_of(given)
    }


def with_link_of(updated: Meeting, before: Meeting, given: Mapping[str, Any]) -> Meeting:
    """Remove an outdated encrypted passcode from the join link: a new passcode may come without a new link."""
    if "join_url" in given:
        is_settled = updated.doubt is Doubt.PASSCODE_WITHOUT_LINK
        return replace(updated, doubt=Doubt.NONE) if is_settled else updated
    if "password" not in given or updated.password == before.password or not updated.join_url:
        return updated
    link = without_passcode(updated.join_url, before.password)
    if link == updated.join_url:
        return updated  # it asks for the passcode as it is
    return replace(updated, object={**updated.object, "join_url": link}, doubt=Doubt.PASSCODE_WITHOUT_LINK)


def _names_one_occurrence(envelope: Envelope, given: Mapping[str, Any], known: Meeting) -> bool:
    """Tell whether an update changes single occurrences of a known series.

    Zoom sends `scope` with ordinary meetings as well. Without it, an update that leaves some known occurrences unnamed,
    both in the new and in the replaced values, is about the others alone, unless it changes the series' rule.
    """
    is_series = known.is_series or known.type is None  # only series have occurrences
    if not is_series or not occurrences_of(known.object):
        return False
    if envelope.payload.scope in _EXTENTS:
        return envelope.payload.scope == "single" and bool(
            occurrences_of(given) or _OF_THE_SCHEDULE & given.keys()
        )
    return leaves_others(known.object, given, _vanished(envelope, given))


def _old_object(envelope: Envelope) -> Mapping[str, Any]:
    """Return the replaced values: a sibling of `object` in real traffic, nested in it in Zoom's own example."""
    inside = (envelope.payload.object or {}).get("old_object")
    return envelope.payload.old_object or (inside if isinstance(inside, dict) else {})


def _deleted(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Delete the meeting or the named occurrences.

    `single` without occurrences of a series deletes an occurrence that is not named: the series stays until an answer
    over REST tells which. Where the type is unknown the meeting is deleted until an answer tells otherwise.
    """
    if names_single_occurrences(meeting, envelope):
        return _mark(meeting, envelope, "deleted")
    if _leaves_the_date_open(meeting, envelope):
        return replace(_fill(meeting, envelope), doubt=Doubt.DELETED_WITHOUT_DATES)
    zoom_type = told_fields(envelope.payload.object or {}).get("type", meeting.type)
    is_unsure = envelope.payload.operation == "single" and zoom_type is None
    doubt = Doubt.DELETED_UNKNOWN_TYPE if is_unsure else Doubt.NONE
    is_final = meeting.state is MeetingState.PERMANENTLY_DELETED
    state = meeting.state if is_final else MeetingState.DELETED
    return replace(_fill(meeting, envelope), state=state, recovered=False, doubt=doubt)


def _recovered(meeting: Meeting, envelope: Envelope) -> Meeting:
    if names_single_occurrences(meeting, envelope):
        return _mark(meeting, envelope, "available")
    if (
        meeting.created
        and meeting.state is MeetingState.SCHEDULED
        and _leaves_the_date_open(meeting, envelope)
    ):
        return replace(_fill(meeting, envelope), doubt=Doubt.CHANGED_WITHOUT_DATES)
    doubt = Doubt.NONE
    if meeting.is_series:
        meeting, doubt = _with_recovered_dates(meeting, envelope)
    return replace(_fill(meeting, envelope), state=MeetingState.SCHEDULED, recovered=True, doubt=doubt)


def _with_recovered_dates(meeting: Meeting, envelope: Envelope) -> tuple[Meeting, Doubt]:
    """Recover the known occurrences that the recovery of a whole series names.

    Where it names none, those stay deleted that were so before the series. If the series was not deleted as a whole but all
    of its dates, one by one, they come back; an answer over REST tells whether that is right.
    """
    known = occurrences_of(meeting.object)
    if not known:
        return meeting, Doubt.NONE  # of an unknown series, the dates stay unknown
    back, doubt = occurrences_of(told_fields(envelope.payload.object or {})), Doubt.NONE
    if not back and meeting.state is MeetingState.SCHEDULED and not any(map(_is_held, known)):
        back, doubt = known, Doubt.CHANGED_WITHOUT_DATES
    marked = {"occurrences": [{**item, "status": "available"} for item in back]}
    ids = {occurrence_id(item) for item in known}
    dates = [item for item in with_occurrences(meeting.object, marked) if occurrence_id(item) in ids]
    return replace(meeting, object={**meeting.object, "occurrences": dates}), doubt


def _is_held(occurrence: Mapping[str, Any]) -> bool:
    return bool(occurrence.get("status", "available") != "deleted")


def _permanently_deleted(meeting: Meeting, envelope: Envelope) -> Meeting:
    if names_single_occurrences(meeting, envelope):
        return _mark(meeting, envelope, "deleted")
    if meeting.state is MeetingState.SCHEDULED and _leaves_the_date_open(meeting, envelope):
        return replace(_fill(meeting, envelope), doubt=Doubt.DELETED_WITHOUT_DATES)
    return replace(
        _fill(meeting, envelope), state=MeetingState.PERMANENTLY_DELETED, recovered=False, doubt=Doubt.NONE
    )


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
        instances = end_running(instances, instance_events.sent_at(envelope))
    given = told_fields(envelope.payload.object or {})
    if _is_of_room(meeting, given):
        of_room: dict[str, Any] = {key: given[key] for key in _OF_THE_ROOM & given.keys()}
        with_room = replace(meeting, object={**meeting.object, **of_room}, instances=instances)
        return replace(with_link_of(with_room, meeting, of_room), doubt=meeting.doubt)
    meeting = shared_number.switch_to(meeting, shared_number.uuid_of(given))
    known = {key: meeting.object[key] for key in never_missing(meeting, given) & meeting.object.keys()}
    answered = replace(
        meeting,
        object={**known, **given},
        state=MeetingState.SCHEDULED,
        created=True,
        recovered=meeting.recovered or meeting.state is MeetingState.DELETED,
        instances=instances,
    )
    return replace(with_link_of(answered, meeting, given), doubt=Doubt.NONE)


def _is_of_room(meeting: Meeting, given: Mapping[str, Any]) -> bool:
    """Tell whether an object is a personal meeting room, under the number of a meeting scheduled in it.

    Both have link and passcode in common; all else of the room says nothing of the meeting.
    """
    is_of_meeting = meeting.created and meeting.type not in (None, PERSONAL_ROOM)
    return is_of_meeting and given.get("type") == PERSONAL_ROOM


def never_missing(meeting: Meeting, given: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields that an answer over REST always has, so that one that lacks them does not tell them."""
    zoom_type = given.get("type", meeting.type)
    if zoom_type != meeting.type or zoom_type in (*WITHOUT_FIXED_TIME, INSTANT, PERSONAL_ROOM):
        return _NEVER_MISSING
    with_dates = _NEVER_MISSING | _NEVER_MISSING_WITH_DATES
    return with_dates | _NEVER_MISSING_IN_SERIES if zoom_type in RECURRING_FIXED else with_dates


def _started(meeting: Meeting, envelope: Envelope) -> Meeting:
    return replace(_introduce(meeting, envelope), instances=instance_events.started(meeting, envelope))


def _ended(meeting: Meeting, envelope: Envelope) -> Meeting:
    return replace(_introduce(meeting, envelope), instances=instance_events.ended(meeting, envelope))


def _introduce(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Add unknown identifying fields from an event of one instance."""
    given = told_fields(envelope.payload.object or {})
    # An event of the personal meeting room names the room, not a meeting scheduled in it.
    is_of_room = meeting.created and given.get("type") == PERSONAL_ROOM != meeting.type
    names: dict[str, Any] = {
        key: given[key]
        for key in (() if is_of_room else ("topic", "type", "host_id", "timezone"))
        if isinstance(given.get(key), str | int | float)  # as `core.model.redaction` keeps them
    }
    return _with_room(replace(meeting, object={**names, **meeting.object}), given)


def _with_room(meeting: Meeting, given: Mapping[str, Any]) -> Meeting:
    """Keep that the number is a personal meeting ID, where a change or an instance of the room (type 4) shows it.

    The settings that tell it may be unknown: the room is used for other conversations as well.
    """
    is_known = meeting_number(meeting.object.get("pmi")) == meeting.number
    if given.get("type") != PERSONAL_ROOM or is_known:
        return meeting
    return replace(meeting, object={**meeting.object, "pmi": meeting.number})


def _registration(status: str | None) -> Callable[[Meeting, Envelope], Meeting]:
    def step(meeting: Meeting, envelope: Envelope) -> Meeting:
        registrants = instance_events.registered(meeting.registrants, envelope, status)
        return replace(_introduce(meeting, envelope), registrants=registrants)

    return step


def _recording(
    change: Callable[[Meeting, Envelope], Mapping[str, Any]],
) -> Callable[[Meeting, Envelope], Meeting]:
    def step(meeting: Meeting, envelope: Envelope) -> Meeting:
        meeting = _with_room(meeting, told_fields(envelope.payload.object or {}))
        return replace(meeting, recordings=change(meeting, envelope))

    return step


def _host_changed(meeting: Meeting, _envelope: Envelope) -> Meeting:
    """Leave open whether the meeting still exists, and who hosts it; another open question stays."""
    if meeting.state is not MeetingState.SCHEDULED or meeting.doubt is not Doubt.NONE:
        return meeting
    return replace(meeting, doubt=Doubt.HOST_CHANGED)


_STEPS: dict[str, Callable[[Meeting, Envelope], Meeting]] = {
    "created": _created,
    "updated": _of_the_named(_updated),
    "converted_to_webinar": _of_the_named(_converted),
    "converted_to_meeting": _of_the_named(_converted),
    "deleted": _of_the_named(_deleted),
    "recovered": _of_the_named(_recovered),
    "permanently_deleted": _of_the_named(_permanently_deleted),
    SNAPSHOT: _snapshot,
    "started": _started,
    "ended": _ended,
    "registration_created": _registration(None),
    "registration_approved": _registration("approved"),
    "registration_denied": _registration("denied"),
    "registration_cancelled": _registration("cancelled"),
    "recording.completed": _recording(instance_events.recorded),
    "recording.recovered": _recording(instance_events.recorded),
    "recording.trashed": _recording(instance_events.trashed),
    "recording.deleted": _recording(instance_events.deleted),
    **dict.fromkeys(instance_events.BATCHES, _recording(instance_events.apply_batch)),
    **dict.fromkeys(HOST_EVENTS, _host_changed),
}


def names_single_occurrences(meeting: Meeting, envelope: Envelope) -> bool:
    """Tell whether only the named occurrences are meant.

    `operation` is `single` for an ordinary meeting too, and `occurrences` may come with a whole series, so
    all three must agree: https://developers.zoom.us/docs/api/meetings/events/#tag/meeting/postmeeting.deleted
    Events without `operation` exist as well; of a series, they mean the named occurrences where others are left.
    """
    given = told_fields(envelope.payload.object or {})
    if not _is_series(meeting, given) or not occurrences_of(given):
        return False
    if envelope.payload.operation in _EXTENTS:
        return envelope.payload.operation == "single"
    named = {occurrence_id(item) for item in identified(occurrences_of(given), meeting.object)}
    return bool({occurrence_id(item) for item in occurrences_of(meeting.object)} - named)


def _leaves_the_date_open(meeting: Meeting, envelope: Envelope) -> bool:
    """Tell whether an event is about one occurrence of a series, without naming it."""
    given = told_fields(envelope.payload.object or {})
    return envelope.payload.operation == "single" and _is_series(meeting, given) and not occurrences_of(given)


def _is_series(meeting: Meeting, given: Mapping[str, Any]) -> bool:
    """Tell whether a meeting is a series, by what is known or by an event: one of them may be outdated.

    Where neither tells the type, it is one where the event names occurrences.
    """
    told = given.get("type", meeting.type)
    return meeting.is_series or told in RECURRING_FIXED or (told is None and bool(occurrences_of(given)))


def _mark(meeting: Meeting, envelope: Envelope, status: str) -> Meeting:
    """Set the status of the named occurrences, adding unknown ones."""
    given = {
        "occurrences": [
            {**item, "status": status} for item in occurrences_of(told_fields(envelope.payload.object or {}))
        ]
    }
    filled = _fill(meeting, envelope).object
    return replace(meeting, object=merge(filled, {"occurrences": with_occurrences(meeting.object, given)}))


def _fill(meeting: Meeting, envelope: Envelope) -> Meeting:
    """Add unknown fields from a deletion or recovery, except the schedule of a series."""
    given = told_fields(envelope.payload.object or {})
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


def _with_host_ids(change: Change) -> Envelope:
    """Return the event with ids in place of the addresses of alternative hosts."""
    envelope = change.envelope
    given = envelope.payload.object or {}
    changed = with_host_ids(given, change.host_ids)
    if changed is given:
        return envelope
    return envelope.model_copy(update={"payload": envelope.payload.model_copy(update={"object": changed})})
