"""The columns by which lists of meetings are searched and sorted, computed from a meeting. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.model.instances import end_of
from core.model.shared_number import every, leading
from core.render.schedule import Phase, schedule_at
from core.render.text import clean

if TYPE_CHECKING:
    from datetime import datetime

    from core.model.meeting import Meeting

LONGEST_WORDS = 200
_LONGEST_ID = 100
_LARGEST_TYPE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SearchFields:
    """The search columns of a meeting. Times are Unix milliseconds (UTC).

    `words` is the topic normalised by `search_text`, without links and without the passcode. `starts_at` and
    `ends_at` belong to the leading date: the running one, else the next, else the last; both are 0 without a fixed
    time. `over_at` is the end of the last date. Between `ends_at` and `over_at` another date leads, so the columns
    must be computed again.
    """

    words: str
    host_id: str
    type: int | None
    starts_at: int = 0
    ends_at: int = 0
    over_at: int = 0
    agenda_known: bool = False


def search_fields_of(meeting: Meeting, now: datetime) -> SearchFields:
    """Return the search columns of `meeting` at `now` (any time zone)."""
    agenda_known = isinstance(meeting.object.get("agenda"), str)
    lasting = [schedule_at(one, now).over for one in every(meeting)]
    meeting = leading(meeting, now)
    zoom_type = meeting.type
    found = SearchFields(
        words=search_text(meeting.listed_topic),
        host_id=search_host_id(meeting),
        type=zoom_type if zoom_type is not None and 0 <= zoom_type <= _LARGEST_TYPE else None,
        agenda_known=agenda_known,
    )
    schedule = schedule_at(meeting, now)
    date = schedule.leading
    if date is None:
        return found
    ends = end_of(date)
    over = (
        ends if schedule.phase is Phase.CANCELLED else max(ends, *(one for one in lasting if one is not None))
    )
    return replace(
        found,
        starts_at=_milliseconds(date.start_time),
        ends_at=_milliseconds(ends),
        over_at=_milliseconds(over),
    )


def search_host_id(meeting: Meeting) -> str:
    """Return the Zoom user id of a meeting's host, cleaned and bounded."""
    return clean(meeting.host_id)[:_LONGEST_ID]


def search_text(text: str) -> str:
    """Return a text normalised for search: without case, accents and repeated spaces, and bounded."""
    apart = unicodedata.normalize("NFKD", clean(text))
    bare = "".join(sign for sign in apart if not unicodedata.combining(sign))
    return " ".join(bare.casefold().split())[:LONGEST_WORDS]


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
