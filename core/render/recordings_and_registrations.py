"""What a page shows of a meeting's recordings and registrations. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from core.model.meeting import MeetingState
from core.model.rules import Recordings
from core.model.shared_number import is_recording_of
from core.render.text import clean, web_address
from core.zoom.join_link import without_passcode

if TYPE_CHECKING:
    from core.model.meeting import Meeting
    from core.model.rules import Rules

MOST_RECORDINGS = 20  # listed on a page, the newest first


@dataclass(frozen=True, slots=True)
class Recording:
    """An available recording. `started` is the start of the recorded instance, in UTC."""

    url: str
    started: datetime | None
    passcode: str


@dataclass(frozen=True, slots=True)
class Activity:
    """Recordings and registrations of a meeting; `registered` is None where the site hides it.

    `signed_in`: recordings are for signed-in visitors only.
    """

    recordings: tuple[Recording, ...] = ()
    signed_in: bool = False
    registered: int | None = None


NOTHING = Activity()


def activity_of(meeting: Meeting, rules: Rules) -> Activity:
    """Return the recordings and registrations of `meeting` that a site's rules show."""
    if meeting.state is not MeetingState.SCHEDULED:
        return NOTHING
    registered = None
    if rules.registrations and meeting.registrants:
        registered = sum(status == "approved" for status in meeting.registrants.values())
    return Activity(
        recordings=_recordings(meeting, rules) if rules.recordings is not Recordings.NOBODY else (),
        signed_in=rules.recordings is Recordings.SIGNED_IN,
        registered=registered,
    )


def _recordings(meeting: Meeting, rules: Rules) -> tuple[Recording, ...]:
    found = []
    for uuid, recording in meeting.recordings.items():
        if not is_recording_of(meeting, uuid, recording):
            continue
        url = web_address(recording.get("share_url", ""))
        if recording.get("state") != "available" or not url:
            continue
        passcode = clean(recording.get("passcode", ""))[:100]
        if not rules.recording_passcode:
            url, passcode = without_passcode(url, passcode), ""
        found.append(Recording(url, _moment(recording.get("started", "")), passcode))
    found.sort(key=lambda one: (one.started or datetime.min.replace(tzinfo=UTC), one.url), reverse=True)
    return tuple(found[:MOST_RECORDINGS])


def _moment(value: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
