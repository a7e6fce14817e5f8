"""Several meetings under one number: those that a host schedules with a personal meeting ID (PMI). Pure.

Zoom's REST API gives such a meeting a number of its own, while events may carry the PMI; then a creation, update or
deletion under that number is about one of several meetings. The `uuid` tells which, until an instance gives the
meeting a new one; then its topic and start do. Link and passcode are the room's, the same for all.
https://devforum.zoom.us/t/undocumented-meeting-type-4/6463 and https://github.com/zoom/api/issues/41
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.model.instances import end_of, is_of_meeting, is_room
from core.model.meeting import Doubt, MeetingState, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.model.meeting import Meeting

MOST_OTHERS = 20  # per number; those that began longest ago are dropped
_OF_THE_ROOM = frozenset({"join_url", "password", "pmi"})
_TELLING = ("topic", "start_time")


def uuid_of(object_: Mapping[str, Any]) -> str:
    """Return the uuid of a meeting's next instance, as last told; empty while unknown."""
    uuid = object_.get("uuid")
    return uuid if isinstance(uuid, str) else ""


def of_room(object_: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all meetings of a personal meeting room have in common."""
    return {key: value for key, value in object_.items() if key in _OF_THE_ROOM}


def is_another(meeting: Meeting, given: Mapping[str, Any]) -> bool:
    """Tell whether a creation under the number of a known meeting is of another meeting."""
    own, uuid = uuid_of(meeting.object), uuid_of(given)
    return bool(own and uuid) and own != uuid


def set_aside(meeting: Meeting) -> dict[str, Any]:
    """Return the other meetings of the number with the current one among them."""
    own = {key: value for key, value in meeting.object.items() if key not in _OF_THE_ROOM}
    others = {**meeting.others, uuid_of(own): {"object": own, "state": str(meeting.state)}}
    newest = sorted(others, key=lambda uuid: (str(others[uuid]["object"].get("start_time", "")), uuid))
    return {uuid: others[uuid] for uuid in newest[-MOST_OTHERS:]}


def switch_to(meeting: Meeting, uuid: str) -> Meeting:
    """Return the number with another one of its meetings as the current one."""
    if uuid not in meeting.others:
        return meeting
    other = meeting.others[uuid]
    rest = {name: one for name, one in meeting.others.items() if name != uuid}
    return replace(
        meeting,
        object={**other["object"], **of_room(meeting.object)},
        state=MeetingState(other["state"]),
        recovered=False,
        others=set_aside(replace(meeting, others=rest)),
    )


def without_deleted(meeting: Meeting) -> Meeting:
    """Return the number with a scheduled meeting as the current one, where there is any."""
    if meeting.state is MeetingState.SCHEDULED:
        return meeting
    scheduled = [uuid for uuid in meeting.others if _is_scheduled(meeting, uuid)]
    if not scheduled:
        return meeting
    newest = max(
        scheduled, key=lambda uuid: (str(meeting.others[uuid]["object"].get("start_time", "")), uuid)
    )
    return replace(switch_to(meeting, newest), doubt=Doubt.NONE)


def named(
    meeting: Meeting, given: Mapping[str, Any], before: Mapping[str, Any], *, is_deleted: bool
) -> str | None:
    """Return the uuid of the meeting that an event is about; None where it is none of the known ones.

    `given` is the event's object, `before` holds the values before an update, or the same as `given`. `is_deleted`: the
    event can only be about a deleted meeting; all others are about one that is scheduled.
    """
    own, uuid = uuid_of(meeting.object), uuid_of(given)
    if uuid and (uuid == own or uuid in meeting.others):
        return uuid
    told = {key: before[key] for key in _TELLING if isinstance(before.get(key), str)}
    candidates = {own: meeting.object, **{name: one["object"] for name, one in meeting.others.items()}}
    states = {own: str(meeting.state), **{name: one["state"] for name, one in meeting.others.items()}}
    fitting = [
        name
        for name, known in candidates.items()
        if _fits(meeting, known, told) and is_deleted is (states[name] != MeetingState.SCHEDULED)
    ]
    if not meeting.others:
        is_elsewhere = (
            is_room(meeting) and is_another(meeting, given) and not _fits(meeting, meeting.object, told)
        )
        return None if is_elsewhere else own
    return fitting[0] if told and len(fitting) == 1 else None


def every(meeting: Meeting) -> list[Meeting]:
    """Return the number with each of its scheduled meetings as the current one; a deleted meeting alone as it is."""
    if meeting.state is not MeetingState.SCHEDULED:
        return [meeting]
    others = [uuid for uuid in sorted(meeting.others) if _is_scheduled(meeting, uuid)]
    return [meeting, *(switch_to(meeting, uuid) for uuid in others)]


def leading(meeting: Meeting, now: datetime) -> Meeting:
    """Return the number with the meeting as the current one that a page shows: the one running or next at `now`.

    Where all are over that is the last one. A meeting without dates is shown only where it is the current one.
    """
    found = every(meeting)
    if len(found) == 1:
        return meeting
    ahead = [
        (date.start_time, place)
        for place, one in enumerate(found)
        for date in one.dates
        if date.available and now < end_of(date)
    ]
    if ahead:
        return found[min(ahead)[1]]
    over = [(date.start_time, -place) for place, one in enumerate(found) for date in one.dates]
    return found[-max(over)[1]] if over and meeting.dates else meeting


def is_recording_of(meeting: Meeting, uuid: str, recording: Mapping[str, Any]) -> bool:
    """Tell whether a recording shows the current meeting, by its dates or by those that it had at the time."""
    matched = recording.get("matched")
    if matched and (not meeting.others or matched == uuid_of(meeting.object)):
        return True
    return not matched and is_of_meeting(meeting, uuid, recording)


def _is_scheduled(meeting: Meeting, uuid: str) -> bool:
    return bool(meeting.others[uuid]["state"] == MeetingState.SCHEDULED)


def _fits(meeting: Meeting, known: Mapping[str, Any], told: Mapping[str, str]) -> bool:
    """Tell whether a meeting has all told values, as far as it has any; a series is told by its topic."""
    for key, value in told.items():
        if key not in known or (key == "start_time" and "occurrences" in known):
            continue
        if key == "start_time":
            if parse_time(value, meeting.timezone) != parse_time(known[key], meeting.timezone):
                return False
        elif " ".join(value.split()) != " ".join(str(known[key]).split()):
            return False
    return True
