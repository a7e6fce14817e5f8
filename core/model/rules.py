"""A site's publishing rules: which meetings get a post, of which status, and what visitors see. Pure.

The rules are stored as JSON. Reading accepts everything, since another version of the bridge may have written them:
unknown keys are kept, and an invalid value counts as the default or, where it controls access, as the strictest.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from core import messages
from core.model.meeting import INSTANT, PERSONAL_ROOM, MeetingKind

if TYPE_CHECKING:
    from core.model.meeting import Meeting

Choice = TypeVar("Choice", bound=StrEnum)

MOST_PATTERNS = 50
LONGEST_PATTERN = 200
MOST_HOSTS = 500
LONGEST_HOST = 254
"""Maximum characters of an e-mail address (RFC 5321); Zoom's ids have 22."""
MOST_CANCELLED_DAYS = 90
LONGEST_NAME = 250
"""Maximum characters of a display name in WordPress."""

_LONGEST_TOPIC = 1000  # compared characters; Zoom allows 200
_LARGEST_ID = 2**53  # the largest integer that JSON carries exactly


class NewPostStatus(StrEnum):
    """The WordPress status of new posts."""

    PUBLISH = "publish"
    DRAFT = "draft"
    PENDING = "pending"
    PRIVATE = "private"


class JoinLink(StrEnum):
    """Visitors who see the join link."""

    EVERYBODY = "everybody"
    SIGNED_IN = "signed_in"  # visitors signed in to the WordPress site
    NOBODY = "nobody"


class Passcode(StrEnum):
    """How the passcode is published."""

    SHOWN = "shown"  # beside the join link
    IN_LINK = "in_link"  # only inside the link, which then opens the meeting without asking for it
    HIDDEN = "hidden"  # not at all: the link asks for it


class Recordings(StrEnum):
    """Visitors who see links to recordings."""

    EVERYBODY = "everybody"
    SIGNED_IN = "signed_in"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Author:
    """The author of a host's posts.

    `host` is the host's Zoom user id or e-mail address; `user` is the author's WordPress user id, and `name` the
    display name at the time of the choice.
    """

    host: str
    user: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one site, with the defaults of a new one.

    `hosts` are the Zoom user ids or e-mail addresses whose meetings are published; None means all. `only` and `never`
    are topic patterns (see `matches`); an empty `only` accepts every topic. `status`, `authors` and the categories
    (WordPress term ids) apply when a post is created; afterwards editors decide. `cancelled_days` is for how
    many days the page of a cancelled meeting stays before it is moved to the trash. `unknown` holds keys of other
    versions of the bridge.
    """

    kinds: frozenset[MeetingKind] = frozenset(MeetingKind)
    instant: bool = False
    personal_rooms: bool = False
    hosts: tuple[str, ...] | None = None
    only: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    status: NewPostStatus = NewPostStatus.PUBLISH
    authors: tuple[Author, ...] = ()
    meeting_category: int | None = None
    webinar_category: int | None = None
    passcode: Passcode = Passcode.SHOWN
    join_link: JoinLink = JoinLink.EVERYBODY
    show_host: bool = False
    recordings: Recordings = Recordings.NOBODY
    recording_passcode: bool = False
    registrations: bool = False
    cancelled_days: int = 0
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def why_not(self, meeting: Meeting) -> str:
        """Return why a meeting is not published, as a message; empty where it is.

        What is not known of it yet speaks neither for it nor against it, but for its host: where only some hosts
        are published, an unknown one is none of them.
        """
        if meeting.kind not in self.kinds:
            is_webinar = meeting.kind is MeetingKind.WEBINAR
            return messages.RULE_NO_WEBINARS if is_webinar else messages.RULE_NO_MEETINGS
        if meeting.type == INSTANT and not self.instant:
            return messages.RULE_INSTANT
        if meeting.type == PERSONAL_ROOM and not self.personal_rooms:
            return messages.RULE_PERSONAL_ROOM
        if self.hosts is not None and not _is_of(meeting, self.hosts):
            return messages.RULE_HOST
        return self._why_not_topic(meeting.topic) if meeting.topic or meeting.created else ""

    def _why_not_topic(self, topic: str) -> str:
        for pattern in self.never:
            if matches(pattern, topic):
                return messages.RULE_TOPIC_EXCLUDED % {"pattern": pattern}
        if self.only and not any(matches(pattern, topic) for pattern in self.only):
            return messages.RULE_TOPIC_UNMATCHED
        return ""

    def author_of(self, meeting: Meeting) -> Author | None:
        """Return the author of a meeting's post, or None where no rule names one."""
        return next((author for author in self.authors if _is_of(meeting, (author.host,))), None)

    def category_of(self, kind: MeetingKind) -> int | None:
        """Return the term id of the category of new posts of this kind, or None."""
        return self.webinar_category if kind is MeetingKind.WEBINAR else self.meeting_category

    def written(self) -> dict[str, Any]:
        """Return the rules as a JSON document."""
        return {
            **self.unknown,
            "kinds": sorted(self.kinds),
            "instant": self.instant,
            "personal_rooms": self.personal_rooms,
            "hosts": None if self.hosts is None else list(self.hosts),
            "only": list(self.only),
            "never": list(self.never),
            "status": str(self.status),
            "authors": [{"host": one.host, "user": one.user, "name": one.name} for one in self.authors],
            "meeting_category": self.meeting_category,
            "webinar_category": self.webinar_category,
            "passcode": str(self.passcode),
            "join_link": str(self.join_link),
            "show_host": self.show_host,
            "recordings": str(self.recordings),
            "recording_passcode": self.recording_passcode,
            "registrations": self.registrations,
            "cancelled_days": self.cancelled_days,
        }


def copied(source: Rules, onto: Rules) -> Rules:
    """Return the rules of one site as another may have them: authors and categories are of one WordPress alone, and stay."""
    return replace(
        source,
        authors=onto.authors,
        meeting_category=onto.meeting_category,
        webinar_category=onto.webinar_category,
        unknown=onto.unknown,
    )


def digest(rules: Rules) -> str:
    """Return a digest of rules, by which it is known whether they have changed."""
    written = json.dumps(rules.written(), sort_keys=True)
    return hashlib.sha256(written.encode(errors="replace")).hexdigest()[:32]


DEFAULT = Rules()
_KEYS = frozenset(DEFAULT.written())


@dataclass(frozen=True, slots=True)
class ReadRules:
    """Rules read from JSON, with notes about values that were invalid."""

    rules: Rules
    notes: tuple[str, ...] = ()


def read(kept: Any) -> ReadRules:
    """Read rules from stored JSON. Never raises."""
    if kept is None or kept == {}:
        return ReadRules(DEFAULT)
    if not isinstance(kept, Mapping):
        return ReadRules(DEFAULT, (messages.RULES_INVALID,))
    reader = _Reader(kept)
    rules = Rules(
        kinds=reader.kinds(),
        instant=reader.switch("instant"),
        personal_rooms=reader.switch("personal_rooms"),
        hosts=reader.hosts(),
        only=reader.texts("only", MOST_PATTERNS, LONGEST_PATTERN),
        never=reader.texts("never", MOST_PATTERNS, LONGEST_PATTERN),
        status=reader.choice("status", NewPostStatus, default=DEFAULT.status, strictest=NewPostStatus.DRAFT),
        authors=reader.authors(),
        meeting_category=reader.id("meeting_category"),
        webinar_category=reader.id("webinar_category"),
        passcode=reader.choice("passcode", Passcode, default=DEFAULT.passcode, strictest=Passcode.HIDDEN),
        join_link=reader.choice("join_link", JoinLink, default=DEFAULT.join_link, strictest=JoinLink.NOBODY),
        show_host=reader.switch("show_host"),
        recordings=reader.choice(
            "recordings", Recordings, default=DEFAULT.recordings, strictest=Recordings.NOBODY
        ),
        recording_passcode=reader.switch("recording_passcode"),
        registrations=reader.switch("registrations"),
        cancelled_days=reader.days("cancelled_days", MOST_CANCELLED_DAYS),
        unknown={str(key): value for key, value in kept.items() if key not in _KEYS},
    )
    return ReadRules(rules, tuple(reader.notes))


def matches(pattern: str, topic: str) -> bool:
    """Tell whether the whole topic matches a pattern: `*` is any text, `?` one character.

    Case, Unicode composition and repeated spaces are ignored. All other characters are literal, brackets included,
    which people write into topics. Time is bounded by the product of both lengths: no pattern backtracks forever.
    """
    wanted, text = _plain(pattern), _plain(topic[:_LONGEST_TOPIC])
    at = place = 0
    star = taken = -1
    while at < len(text):
        if place < len(wanted) and wanted[place] == "*":
            star, taken = place, at
            place += 1
        elif place < len(wanted) and wanted[place] in ("?", text[at]):
            place += 1
            at += 1
        elif star >= 0:  # let the last star match one more character
            taken += 1
            place, at = star + 1, taken
        else:
            return False
    return not wanted[place:].strip("*")


def single_line(text: str) -> str:
    """Return typed text as a single line without control characters."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    seen = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in whole)
    return " ".join(seen.split())


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _is_of(meeting: Meeting, hosts: tuple[str, ...]) -> bool:
    """Tell whether one of `hosts` is the host. E-mail addresses are compared case-insensitively, ids exactly."""
    email = meeting.object.get("host_email")
    known = email.strip().casefold() if isinstance(email, str) else ""
    return any(
        (bool(meeting.host_id) and host == meeting.host_id) or (bool(known) and host.casefold() == known)
        for host in hosts
    )


class _Reader:
    """Reads typed values from a JSON document and collects notes about invalid ones."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self._kept = kept
        self.notes: list[str] = []

    def switch(self, name: str) -> bool:
        value = self._kept.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.notes.append(messages.RULE_OFF % {"name": name})
        return False

    def choice(self, name: str, kind: type[Choice], *, default: Choice, strictest: Choice) -> Choice:
        value = self._kept.get(name)
        try:
            return default if value is None else kind(value)
        except (ValueError, TypeError):
            self.notes.append(messages.RULE_STRICTEST % {"name": name, "value": strictest})
            return strictest

    def kinds(self) -> frozenset[MeetingKind]:
        value = self._kept.get("kinds")
        if value is None:
            return DEFAULT.kinds
        if not isinstance(value, list):
            self.notes.append(messages.RULE_DEFAULT % {"name": "kinds"})
            return DEFAULT.kinds
        known = frozenset(kind for kind in MeetingKind if str(kind) in value)
        if len(known) < len(value):
            self.notes.append(messages.RULE_PARTIAL % {"name": "kinds"})
        return known

    def hosts(self) -> tuple[str, ...] | None:
        value = self._kept.get("hosts")
        if value is not None and not isinstance(value, list):
            self.notes.append(messages.RULE_DEFAULT % {"name": "hosts"})
            return None
        return None if value is None else self.texts("hosts", MOST_HOSTS, LONGEST_HOST)

    def texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        value = self._kept.get(name)
        if value is None:
            return ()
        listed = value if isinstance(value, list) else []
        found = [single_line(text) for text in listed[:most] if isinstance(text, str)]
        right = tuple(dict.fromkeys(text for text in found if 0 < len(text) <= longest))
        if not isinstance(value, list) or len(right) < len(value):
            self.notes.append(messages.RULE_PARTIAL % {"name": name})
        return right

    def authors(self) -> tuple[Author, ...]:
        value = self._kept.get("authors")
        if value is None:
            return ()
        listed = value if isinstance(value, list) else []
        found = [author for author in map(_author, listed[:MOST_HOSTS]) if author is not None]
        if not isinstance(value, list) or len(found) < len(value):
            self.notes.append(messages.RULE_PARTIAL % {"name": "authors"})
        first: dict[str, Author] = {}
        for author in found:
            first.setdefault(author.host, author)
        return tuple(first.values())

    def days(self, name: str, most: int) -> int:
        value = self._kept.get(name)
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most:
            return value
        self.notes.append(messages.RULE_DEFAULT % {"name": name})
        return 0

    def id(self, name: str) -> int | None:
        value = self._kept.get(name)
        if isinstance(value, int) and _is_id(value):
            return value
        if value is not None:
            self.notes.append(messages.RULE_EMPTY % {"name": name})
        return None


def _author(value: Any) -> Author | None:
    if (
        not isinstance(value, Mapping)
        or not isinstance(value.get("host"), str)
        or not _is_id(value.get("user"))
    ):
        return None
    host = single_line(value["host"])
    name = value.get("name")
    if not 0 < len(host) <= LONGEST_HOST:
        return None
    return Author(
        host, value["user"], single_line(name)[:LONGEST_NAME].strip() if isinstance(name, str) else ""
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LARGEST_ID
