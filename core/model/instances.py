"""Instances of a meeting: which scheduled date they belong to, and which one is running. Pure.

Zoom sends `started`, `ended` and recordings for one instance, identified by its uuid. The number is the meeting's, so
an instance need not belong to a scheduled date: hosts try the sound an hour before, and a personal meeting room (PMI)
is used for other conversations under the same number.
https://developers.zoom.us/docs/api/meetings/events/#tag/meeting/postmeeting.started
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.model.meeting import (
    INSTANT,
    LONGEST,
    PERSONAL_ROOM,
    WITHOUT_FIXED_TIME,
    MeetingKind,
    parse_time,
)
from core.zoom.numbers import meeting_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from core.model.meeting import Meeting, Occurrence

EARLY = timedelta(hours=1)
"""How long before the scheduled start an instance may begin and still belong to it."""
LATE = timedelta(hours=1)
"""How long after the scheduled end an instance may begin and still belong to it. Not for a personal meeting room."""
INTO_THE_DATE = timedelta(minutes=2)
"""How long after the scheduled start a rehearsal may end. Zoom also rounds the durations of recordings to minutes."""
LIVE_AFTER_END = timedelta(minutes=30)
"""How long after the scheduled end an instance counts as live without an `ended` event."""
LONGEST_UNCONFIRMED = timedelta(hours=24)
"""How long after its actual start an instance may be taken for running without an `ended` event."""
ASSUMED_DURATION = timedelta(hours=1)
"""The duration of a date of which Zoom named none."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance. Times are in UTC; `ended` is None while it runs, or where Zoom's event was lost.

    `is_practice`: a webinar's practice session, without attendees.
    """

    uuid: str
    started: datetime
    ended: datetime | None
    is_practice: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """An instance without an `ended` event, as visitors are told of it at a given time.

    `is_confirmed`: it is live; otherwise its scheduled end has passed and it may still be running. `until` (UTC) is the
    time at which this changes.
    """

    instance: Instance
    is_confirmed: bool
    until: datetime


def instances_of(meeting: Meeting) -> list[Instance]:
    """Return the known instances in order of their start; those without a readable start are left out."""
    found = []
    for uuid, entry in meeting.instances.items():
        started = parse_time(entry.get("started"), meeting.timezone)
        if started is not None:
            ended = parse_time(entry.get("ended"), meeting.timezone)
            if ended is None and "ended" in entry:
                ended = started
            found.append(Instance(uuid, started, ended, "practice" in entry))
    return sorted(found, key=lambda instance: (instance.started, instance.uuid))


def is_room(meeting: Meeting) -> bool:
    """Tell whether a meeting shares its number with a personal meeting room, and so with other conversations."""
    return meeting.settings.get("use_pmi") is True or is_personal_number(meeting)


def is_personal_number(meeting: Meeting) -> bool:
    """Tell whether a meeting's number is a personal meeting ID: Zoom answers for it with the room, not the meeting."""
    own = meeting_number(meeting.object.get("pmi")) == meeting.number
    return own or meeting.type == PERSONAL_ROOM or bool(meeting.others)


def end_of(date: Occurrence) -> datetime:
    """Return the scheduled end of a date; where its duration is unknown, an assumed one."""
    return date.end_time if date.duration else date.start_time + ASSUMED_DURATION


def date_of(meeting: Meeting, started: datetime, ended: datetime | None) -> Occurrence | None:
    """Return the date whose scheduled time an instance overlaps, with margins; None where there is none.

    Of an instance without an end only the start is known, so it belongs to the date that begins nearest to it. The
    number of a meeting without a room belongs to it alone, so there a late start counts as well.
    """
    late = timedelta(0) if is_room(meeting) else LATE
    last = max(ended or started, started)
    fitting = [
        date
        for date in meeting.dates
        if date.available and date.start_time - EARLY <= last and started < end_of(date) + late
    ]
    if ended is None:
        return min(fitting, key=lambda date: (abs(date.start_time - started), date.start_time), default=None)
    return max(fitting, key=lambda date: _fit(date, started, last), default=None)


def was_rehearsal(instance: Instance, date: Occurrence) -> bool:
    """Tell whether an instance was one before the date, or a practice session: it does not end the date."""
    is_over = instance.ended is not None and _was_before(date, instance.started, instance.ended)
    return instance.is_practice or is_over


def _was_before(date: Occurrence, started: datetime, ended: datetime) -> bool:
    """Tell whether an instance ended before the scheduled start, or soon after it and was mostly before."""
    into = ended - date.start_time
    return into <= timedelta(0) or (into <= INTO_THE_DATE and into < date.start_time - started)


def running(meeting: Meeting, now: datetime) -> Running | None:
    """Return the instance that is running, or may be, at `now`; None where there is none.

    Only the newest instance can run: a number has one instance at a time. Zoom may lose an `ended` event: half an hour
    after the scheduled end an instance is no longer live, and it may be running until the next date is near, but for
    no longer than `LONGEST_UNCONFIRMED` after its start.

    Before the scheduled start an instance need not be the meeting: a personal meeting room may be in another use, and a
    webinar with practice sessions may be in one. A room without scheduled dates is never live for the same reason.
    """
    known = [one for one in instances_of(meeting) if one.started <= now]
    if not known or known[-1].ended is not None or known[-1].is_practice:
        return None
    newest = known[-1]
    limit = newest.started + LONGEST_UNCONFIRMED
    if meeting.dates and meeting.type != INSTANT:
        date = date_of(meeting, newest.started, None)
        if date is None or (now < date.start_time and _may_be_private(meeting)):
            return None
        live_until = end_of(date) + LIVE_AFTER_END
        following = [
            one.start_time - EARLY
            for one in meeting.dates
            if one.start_time > date.start_time and one.available
        ]
        limit = max(min([limit, *following]), live_until)
    elif is_room(meeting):
        return None
    elif meeting.duration and meeting.type != INSTANT:
        live_until = min(newest.started + timedelta(minutes=meeting.duration) + LIVE_AFTER_END, limit)
    else:
        live_until = limit
    if now < live_until:
        return Running(newest, is_confirmed=True, until=live_until)
    if now < limit:
        return Running(newest, is_confirmed=False, until=limit)
    return None


def next_start(meeting: Meeting, now: datetime) -> datetime | None:
    """Return when the next known instance starts after `now`, as told by an event of a clock that is ahead; else None."""
    return min((one.started for one in instances_of(meeting) if one.started > now), default=None)


def _may_be_private(meeting: Meeting) -> bool:
    """Tell whether an instance before the scheduled start may be without the meeting's visitors."""
    has_practice = meeting.kind is MeetingKind.WEBINAR and meeting.settings.get("practice_session") is True
    return has_practice or is_room(meeting)


def has_ended(meeting: Meeting, date: Occurrence | None) -> bool:
    """Tell whether the newest instance of a date has ended after the scheduled start.

    `date` is None for a meeting without dates: only an instant meeting ends with its instance; all others can be
    joined again at any time.
    """
    known = [one for one in instances_of(meeting) if not one.is_practice]
    if date is None:
        return meeting.type == INSTANT and bool(known) and known[-1].ended is not None
    of_date = [one for one in known if date_of(meeting, one.started, one.ended) == date]
    return bool(of_date) and of_date[-1].ended is not None and not was_rehearsal(of_date[-1], date)


def is_of_meeting(meeting: Meeting, uuid: str, recording: Mapping[str, Any]) -> bool:
    """Tell whether the recording of an instance shows the meeting itself, and not another use of its number.

    Of types without dates (3 and 6, instant meetings) every instance under the meeting's own number is the meeting;
    while type or dates are unknown, none is. A personal meeting room's own page never shows recordings: the room is used
    for private conversations as well.
    """
    instance = meeting.instances.get(uuid, {})
    if meeting.type == PERSONAL_ROOM or "other" in recording or "practice" in instance:
        return False
    if not meeting.dates:
        return meeting.type in (*WITHOUT_FIXED_TIME, INSTANT) and not is_room(meeting)
    started = parse_time(recording.get("started"), meeting.timezone)
    if started is None:
        return False
    ended = parse_time(instance.get("ended"), meeting.timezone)
    minutes = recording.get("minutes")
    if isinstance(minutes, int) and minutes <= LONGEST:
        ended = started + timedelta(minutes=max(minutes, 1))
    return _covers_date(meeting, started, ended)


def _covers_date(meeting: Meeting, started: datetime, ended: datetime | None) -> bool:
    """Tell whether a recorded instance covers a date: more than a rehearsal, and in a room at least half of it."""
    date = date_of(meeting, started, ended)
    last = ended or started + ASSUMED_DURATION
    if date is None or _was_before(date, started, last):
        return False
    if not is_room(meeting):
        return True
    overlap = min(last, end_of(date)) - max(started, date.start_time)
    return 2 * overlap >= min(last - started, end_of(date) - date.start_time)


def _fit(date: Occurrence, started: datetime, last: datetime) -> tuple[timedelta, timedelta]:
    """Rank dates by how much of their scheduled time an instance covers, then by how near they begin."""
    overlap = min(last, end_of(date)) - max(started, date.start_time)
    return overlap, -abs(date.start_time - started)


def end_running(instances: Mapping[str, Any], ended_at: str) -> dict[str, Any]:
    """Return the instances with all running ones ended by `ended_at` (Zoom's notation), as a REST answer tells.

    A number has one instance at a time, so an instance has ended where the next one has started.
    """
    starts = sorted(str(entry.get("started", "")) for entry in instances.values())
    found = {}
    for uuid, entry in instances.items():
        begun = str(entry.get("started", ""))
        later = [start for start in starts if start > begun]
        over = min(later) if later and begun else ended_at or begun
        found[uuid] = entry if "ended" in entry else {**entry, "ended": over}
    return found


def from_stored(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored instances by uuid; version 0.1.0 kept only the newest one, without its uuid as key."""
    if "started" in stored and not isinstance(stored["started"], dict):
        return {
            str(stored.get("uuid", "")): {key: stored[key] for key in ("started", "ended") if key in stored}
        }
    return dict(stored)
