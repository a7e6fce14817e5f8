"""The state of one meeting or webinar. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.zoom.join_link import without_links
from core.zoom.timezones import zone

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

INSTANT = 1
PERSONAL_ROOM = 4
WITHOUT_FIXED_TIME = frozenset({3, 6})
RECURRING_FIXED = frozenset({8, 9})
WEBINARS = frozenset({5, 6, 9})
# Letters, marks and symbols without a shape, and what replaces characters that cannot be stored.
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffd"
_VARIATION_SELECTORS = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_FIRST_EPOCH_MILLISECOND = 10**11  # smaller numbers are seconds
LONGEST = 30 * 60
"""Maximum duration in minutes: Zoom ends every meeting after 30 hours.

https://support.zoom.com/hc/en/article?id=zm_kb&sysparm_article=KB0067972
"""


class MeetingKind(StrEnum):
    """Zoom's product: a meeting or a webinar."""

    MEETING = "meeting"
    WEBINAR = "webinar"


class MeetingState(StrEnum):
    """The life cycle of a meeting."""

    SCHEDULED = "scheduled"
    DELETED = "deleted"  # recoverable for a week
    PERMANENTLY_DELETED = "permanently_deleted"


class Doubt(StrEnum):
    """A question that an event leaves open and that an answer of Zoom's REST API settles."""

    NONE = ""
    DELETED_WITHOUT_DATES = "deleted_without_dates"  # a series: which occurrence was deleted is not told
    DELETED_UNKNOWN_TYPE = "deleted_unknown_type"  # may have been one occurrence of a series
    CHANGED_WITHOUT_DATES = "changed_without_dates"  # a series: which occurrence was changed is not told
    PASSCODE_WITHOUT_LINK = "passcode_without_link"  # the link's encrypted passcode is outdated
    HOST_CHANGED = "host_changed"  # with its host it may have gone to another user, or for good


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One occurrence of a series. `start_time` is in UTC, `duration` in minutes."""

    occurrence_id: str
    start_time: datetime
    duration: int
    available: bool

    @property
    def end_time(self) -> datetime:
        """The scheduled end, in UTC."""
        return self.start_time + timedelta(minutes=self.duration)


@dataclass(frozen=True, slots=True)
class Position:
    """The position of an event among the events of its meeting; events are folded in this order.

    `at` is the time of the event (Unix milliseconds, UTC). Zoom gives several events of one meeting the same
    millisecond: `rank` puts them in the only possible order (created, updated, deleted, recovered, permanently
    deleted), and `digest` makes the order total.
    """

    at: int
    rank: int
    digest: str

    def __lt__(self, other: Position) -> bool:
        return (self.at, self.rank, self.digest) < (other.at, other.rank, other.digest)


BEFORE_ALL = Position(-1, -1, "")


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting or webinar, folded from its events.

    `object` is Zoom's object, merged from all events, with the fields that `core.model.state_fields` lists. The
    properties read it in typed form.

    `created`: its creation, or a snapshot, was seen. `recovered`: it is scheduled because it was recovered from
    deletion. `deleted_at`: when it was deleted (Unix milliseconds, UTC); 0 while it is scheduled, and where an earlier
    version has not stored it. `instances` and `recordings` are keyed by the uuid of the instance (see
    `core.model.instances`), `registrants` holds the status of each registrant (see `core.model.instance_events`).
    `doubt` asks for a reading over REST. `others` are further meetings under the same number (see
    `core.model.shared_number`). `told_at` is when its fields were told last, and `owned_at` when it was told last that it
    exists or was deleted (Unix milliseconds, UTC; 0: never, or stored by an earlier version): see `core.model.identity`.
    """

    account_id: str
    number: int
    kind: MeetingKind = MeetingKind.MEETING
    state: MeetingState = MeetingState.SCHEDULED
    object: Mapping[str, Any] = field(default_factory=dict)
    last: Position = BEFORE_ALL
    created: bool = False
    recovered: bool = False
    deleted_at: int = 0
    instances: Mapping[str, Any] = field(default_factory=dict)
    recordings: Mapping[str, Any] = field(default_factory=dict)
    registrants: Mapping[str, str] = field(default_factory=dict)
    doubt: Doubt = Doubt.NONE
    others: Mapping[str, Any] = field(default_factory=dict)
    told_at: int = field(default=0, compare=False)
    owned_at: int = field(default=0, compare=False)

    @property
    def topic(self) -> str:
        """The title; empty while unknown."""
        return _text(self.object.get("topic"))

    @property
    def listed_topic(self) -> str:
        """The title for columns that are not encrypted: in one line, without web addresses and the passcode."""
        return without_links(self.topic, self.password)

    @property
    def agenda(self) -> str:
        """The description, as plain text; empty while unknown (`created` does not carry it)."""
        return _text(self.object.get("agenda"))

    @property
    def type(self) -> int | None:
        """Zoom's type: 2 scheduled, 3 and 6 without a fixed time, 8 and 9 series, and so on."""
        return whole_number(self.object.get("type"))

    @property
    def host_id(self) -> str:
        """Zoom's user id of the host."""
        return _text(self.object.get("host_id"))

    @property
    def join_url(self) -> str:
        """The participants' link; it may carry the passcode as `pwd`."""
        return _text(self.object.get("join_url"))

    @property
    def password(self) -> str:
        """The participants' passcode."""
        return _text(self.object.get("password"))

    @property
    def secrets(self) -> list[str]:
        """What opens the meeting and its recordings: links and passcodes."""
        of_recordings = (
            _text(one.get(key)) for one in self.recordings.values() for key in ("share_url", "passcode")
        )
        return [secret for secret in (self.join_url, self.password, *of_recordings) if secret]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Zoom's settings of the meeting, as far as known."""
        settings = self.object.get("settings")
        return settings if isinstance(settings, dict) else {}

    @property
    def recurrence(self) -> Mapping[str, Any]:
        """Zoom's recurrence rule; empty where there is none."""
        recurrence = self.object.get("recurrence")
        return recurrence if isinstance(recurrence, dict) else {}

    @property
    def timezone(self) -> ZoneInfo:
        """The time zone in which its times are shown."""
        return zone(_text(self.object.get("timezone")))

    @property
    def start_time(self) -> datetime | None:
        """The scheduled start in UTC; None without a fixed time. For a series, its first occurrence as Zoom named it."""
        return parse_time(self.object.get("start_time"), self.timezone)

    @property
    def duration(self) -> int:
        """The scheduled duration in minutes; 0 while unknown."""
        return _minutes(self.object.get("duration"))

    @property
    def occurrences(self) -> tuple[Occurrence, ...]:
        """The occurrences by start time, cancelled ones included; empty for a single meeting."""
        found = []
        listed = self.object.get("occurrences")
        for item in listed if isinstance(listed, list | tuple) else ():
            if not isinstance(item, dict):
                continue
            start = parse_time(item.get("start_time"), self.timezone)
            if start is not None:
                found.append(
                    Occurrence(
                        occurrence_id=_text(item.get("occurrence_id")),
                        start_time=start,
                        duration=_minutes(item.get("duration")) or self.duration,
                        available=item.get("status", "available") != "deleted",
                    )
                )
        return tuple(sorted(found, key=lambda occurrence: (occurrence.start_time, occurrence.occurrence_id)))

    @property
    def is_series(self) -> bool:
        """Whether it is a recurring meeting with fixed times (types 8 and 9)."""
        return self.type in RECURRING_FIXED

    @property
    def has_fixed_time(self) -> bool:
        """Whether a scheduled time is known."""
        return self.type not in WITHOUT_FIXED_TIME and (self.start_time is not None or bool(self.occurrences))

    @property
    def dates(self) -> tuple[Occurrence, ...]:
        """All scheduled dates in order; a single meeting has one. `occurrences` count only for types that have them."""
        if self.type in WITHOUT_FIXED_TIME:
            return ()
        if self.is_series and self.occurrences:
            return self.occurrences
        start = self.start_time
        if start is not None:
            return (Occurrence("", start, self.duration, available=True),)
        return self.occurrences

    @property
    def is_complete(self) -> bool:
        """Whether enough is known for a page: the first event of an unknown meeting may lack fields.

        A creation tells the topic, if only that there is none.
        """
        return bool(
            (self.topic or self.created)
            and self.join_url
            and self.type is not None
            and (
                self.type in WITHOUT_FIXED_TIME
                or self.type in (INSTANT, PERSONAL_ROOM)
                or self.has_fixed_time
            )
        )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def whole_number(value: Any) -> int | None:
    """Parse one of Zoom's numbers: some events carry them as text, or with a fraction of zero."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value.strip()):
        return int(value)
    return None


def is_visible(text: str) -> bool:
    """Tell whether a text shows anything: neither white space nor control and formatting characters alone."""
    unseen = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}
    shown = _VARIATION_SELECTORS.sub("", text)
    return any(unicodedata.category(sign) not in unseen and sign not in _FILLERS for sign in shown)


def _minutes(value: Any) -> int:
    return min(max(whole_number(value) or 0, 0), LONGEST)


def parse_time(value: Any, assumed: ZoneInfo) -> datetime | None:
    """Parse one of Zoom's times. They end in `Z`; one without is in the meeting's own time zone.

    A number of 10 to 13 digits, also as text, is a Unix time in seconds or milliseconds. Years that Zoom's calendar
    does not offer count as no time, so that arithmetic cannot overflow. Fractions of a second are dropped: calendars
    have none.
    """
    number = whole_number(value)
    if number is not None and 10**9 <= number < 10**14:
        seconds = number if number < _FIRST_EPOCH_MILLISECOND else number // 1000
        return _within_calendars(datetime.fromtimestamp(seconds, UTC))
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip().upper())
    except ValueError:
        return None
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=assumed)
    try:
        moment = parsed.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return _within_calendars(moment.replace(microsecond=0))


def _within_calendars(moment: datetime) -> datetime | None:
    return moment if 1970 <= moment.year < 3000 else None  # noqa: PLR2004 (years)


def zoom_time(moment: datetime) -> str:
    """Return a time in Zoom's notation: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
