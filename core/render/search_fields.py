"""What lists of meetings are searched and sorted by: a few plain values, made from a meeting. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.render.schedule import Phase, end_of, schedule
from core.render.text import clean

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.meeting import Meeting

LONGEST_WORDS = 200
_LONGEST_ID = 100
_LARGEST_TYPE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Listed:
    """What a meeting is found by. Times are in milliseconds since 1970, UTC.

    `words` is the topic as `folded` makes it. `starts_at` and `ends_at` are of the date that leads: the one
    under way, else the next, else the last; both are 0 without a fixed time. `over_at` is when the last date
    ends. Between `ends_at` and `over_at` another date leads, so these are to be made anew.
    """

    words: str
    host_id: str
    type: int | None
    starts_at: int = 0
    ends_at: int = 0
    over_at: int = 0


def listed(meeting: Meeting, now: datetime) -> Listed:
    """Return what `meeting` is found by at `now` (any zone)."""
    zoom_type = meeting.type
    found = Listed(
        words=folded(meeting.topic),
        host_id=host_of(meeting),
        type=zoom_type if zoom_type is not None and 0 <= zoom_type <= _LARGEST_TYPE else None,
    )
    standing = schedule(meeting, now)
    leading = standing.leading
    if leading is None:
        return found
    ends = end_of(leading)
    over = ends if standing.phase is Phase.CANCELLED or standing.over is None else standing.over
    return Listed(
        found.words,
        found.host_id,
        found.type,
        starts_at=_milliseconds(leading.start_time),
        ends_at=_milliseconds(ends),
        over_at=_milliseconds(over),
    )


def host_of(meeting: Meeting) -> str:
    """Return Zoom's id of a meeting's host, as it is searched."""
    return clean(meeting.host_id)[:_LONGEST_ID]


def folded(text: str) -> str:
    """Return a text as it is searched: without case and accents, its words one space apart, bounded."""
    apart = unicodedata.normalize("NFKD", clean(text))
    bare = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return " ".join(bare.casefold().split())[:LONGEST_WORDS]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
