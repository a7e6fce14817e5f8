"""What a page tells of what happens around a meeting: it runs, it was recorded, people have registered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from core.model.meeting import MeetingState
from core.model.rules import Recordings
from core.render.text import clean, web_address

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.model.rules import Rules

MOST_RECORDINGS = 20  # that a page lists, the newest first
_EARLY = timedelta(hours=1)  # who starts it sooner than this before its time only tries it


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that can be watched. `started` is when what it shows began, in UTC."""

    url: str
    started: datetime | None
    passcode: str


@dataclass(frozen=True, slots=True)
class Activity:
    """What is told. `live_since` is None where nothing runs; `registered` where the site does not show it.

    `signed_in`: the recordings are only for visitors who are signed in. It is true until `until` (UTC).
    """

    live_since: datetime | None = None
    is_over: bool = False
    recordings: tuple[Recording, ...] = ()
    signed_in: bool = False
    registered: int | None = None
    until: datetime | None = None


NOTHING = Activity()


def activity_of(meeting: Meeting, rules: Rules, now: datetime) -> Activity:
    """Return what is told of `meeting` at `now` (any zone)."""
    if meeting.state is not MeetingState.SCHEDULED:
        return NOTHING
    ends = meeting.runs_until
    is_live = ends is not None and now < ends
    registered = None
    if rules.registrations and meeting.registrants:
        registered = sum(status == "approved" for status in meeting.registrants.values())
    return Activity(
        live_since=meeting.started_at if is_live else None,
        is_over=is_over(meeting),
        recordings=_recordings(meeting, rules) if rules.recordings is not Recordings.NOBODY else (),
        signed_in=rules.recordings is Recordings.SIGNED_IN,
        registered=registered,
        until=ends.astimezone(UTC) if is_live and ends is not None else None,
    )


def is_over(meeting: Meeting) -> bool:
    """Whether the one date of a meeting was held, and has ended. A series and a room go on."""
    start = meeting.start_time
    if meeting.is_series or not meeting.has_fixed_time or start is None:
        return False
    began, ended = meeting.started_at, meeting.ended_at
    return began is not None and ended is not None and began >= start - _EARLY


def _recordings(meeting: Meeting, rules: Rules) -> tuple[Recording, ...]:
    found = []
    for recording in meeting.recordings.values():
        url = web_address(recording.get("share_url", ""))
        if recording.get("state") != "available" or not url:
            continue
        passcode = clean(recording.get("passcode", ""))[:100] if rules.recording_passcode else ""
        found.append(Recording(url, _moment(recording.get("started", "")), passcode))
    found.sort(key=lambda one: (one.started or datetime.min.replace(tzinfo=UTC), one.url), reverse=True)
    return tuple(found[:MOST_RECORDINGS])


def _moment(value: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
