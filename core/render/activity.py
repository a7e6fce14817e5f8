"""What a page shows of a meeting's activity: the running instance, recordings, registrations. Pure."""

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

MOST_RECORDINGS = 20  # listed on a page, the newest first
_EARLY = timedelta(hours=1)  # an earlier start before the scheduled time is a rehearsal


@dataclass(frozen=True, slots=True)
class Recording:
    """An available recording. `started` is the start of the recorded instance, in UTC."""

    url: str
    started: datetime | None
    passcode: str


@dataclass(frozen=True, slots=True)
class Activity:
    """A meeting's activity. `live_since` is None where no instance runs; `registered` where the site hides it.

    `signed_in`: recordings are for signed-in visitors only. Valid until `until` (UTC).
    """

    live_since: datetime | None = None
    has_ended: bool = False
    recordings: tuple[Recording, ...] = ()
    signed_in: bool = False
    registered: int | None = None
    until: datetime | None = None


NOTHING = Activity()


def activity_of(meeting: Meeting, rules: Rules, now: datetime) -> Activity:
    """Return the activity of `meeting` at `now` (any time zone)."""
    if meeting.state is not MeetingState.SCHEDULED:
        return NOTHING
    ends = meeting.runs_until
    is_live = ends is not None and now < ends
    registered = None
    if rules.registrations and meeting.registrants:
        registered = sum(status == "approved" for status in meeting.registrants.values())
    return Activity(
        live_since=meeting.started_at if is_live else None,
        has_ended=has_ended(meeting),
        recordings=_recordings(meeting, rules) if rules.recordings is not Recordings.NOBODY else (),
        signed_in=rules.recordings is Recordings.SIGNED_IN,
        registered=registered,
        until=ends.astimezone(UTC) if is_live and ends is not None else None,
    )


def has_ended(meeting: Meeting) -> bool:
    """Tell whether a single meeting was held and has ended. A series or a room never ends."""
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
