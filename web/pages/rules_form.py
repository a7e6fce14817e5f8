"""The form of a site's rules: its values, validation and errors."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.model.meeting import MeetingKind
from core.model.rules import (
    LONGEST_HOST,
    LONGEST_PATTERN,
    MOST_CANCELLED_DAYS,
    MOST_HOSTS,
    MOST_PATTERNS,
    Author,
    JoinLink,
    NewPostStatus,
    Passcode,
    Recordings,
    Rules,
    single_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from enum import StrEnum

    from babel.support import NullTranslations

    from core.sites.options import SiteOptions
    from core.store.accounts.users import KnownHost

OFFERED_AUTHORS = 12
"""Rows for hosts without an author: those with the most meetings. An empty row is for any other."""

_LONGEST_TEXT = 200_000
_ID = re.compile(r"[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class AuthorRow:
    """A host and the author of their meetings. `is_new`: the host is yet to be entered."""

    host: str
    user: str
    label: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class FormValues:
    """The values of the form, as submitted or as saved."""

    kinds: frozenset[str] = frozenset()
    instant: bool = False
    personal_rooms: bool = False
    whose: str = "all"
    hosts: frozenset[str] = frozenset()
    other_hosts: str = ""
    only: str = ""
    never: str = ""
    status: str = ""
    authors: tuple[tuple[str, str], ...] = ()
    meeting_category: str = ""
    webinar_category: str = ""
    passcode: str = ""
    join_link: str = ""
    show_host: bool = False
    recordings: str = ""
    recording_passcode: bool = False
    registrations: bool = False
    cancelled_days: str = "0"


def of_rules(rules: Rules, known: Sequence[KnownHost]) -> FormValues:
    """Return the values of the form for saved rules."""
    ids = {host.id for host in known}
    listed = rules.hosts or ()
    return FormValues(
        kinds=frozenset(map(str, rules.kinds)),
        instant=rules.instant,
        personal_rooms=rules.personal_rooms,
        whose="all" if rules.hosts is None else "these",
        hosts=frozenset(host for host in listed if host in ids),
        other_hosts="\n".join(host for host in listed if host not in ids),
        only="\n".join(rules.only),
        never="\n".join(rules.never),
        status=str(rules.status),
        authors=tuple((author.host, str(author.user)) for author in rules.authors),
        meeting_category=str(rules.meeting_category or ""),
        webinar_category=str(rules.webinar_category or ""),
        passcode=str(rules.passcode),
        join_link=str(rules.join_link),
        show_host=rules.show_host,
        recordings=str(rules.recordings),
        recording_passcode=rules.recording_passcode,
        registrations=rules.registrations,
        cancelled_days=str(rules.cancelled_days),
    )


def submitted(values: Callable[[str], list[str]]) -> FormValues:
    """Return the submitted values; `values` returns those of one field."""

    def one(name: str) -> str:
        found = values(name)
        return found[0][:_LONGEST_TEXT] if found else ""

    rows = zip(values("author_host"), values("author_user"), strict=False)
    return FormValues(
        kinds=frozenset(values("kinds")),
        instant=bool(one("instant")),
        personal_rooms=bool(one("personal_rooms")),
        whose=one("whose"),
        hosts=frozenset(values("host")),
        other_hosts=one("other_hosts"),
        only=one("only"),
        never=one("never"),
        status=one("status"),
        authors=tuple((host.strip(), user) for host, user in rows if host.strip() or user),
        meeting_category=one("meeting_category"),
        webinar_category=one("webinar_category"),
        passcode=one("passcode"),
        join_link=one("join_link"),
        show_host=bool(one("show_host")),
        recordings=one("recordings"),
        recording_passcode=bool(one("recording_passcode")),
        registrations=bool(one("registrations")),
        cancelled_days=one("cancelled_days").strip() or "0",
    )


@dataclass(slots=True)
class Reading:
    """Validate a form against the saved rules; `errors` are by field."""

    values: FormValues
    saved: Rules
    found: SiteOptions
    words: NullTranslations
    errors: dict[str, str] = field(default_factory=dict)

    def rules(self) -> Rules | None:
        """Return the rules of the form; None if it is invalid."""
        values = self.values
        read = {
            "kinds": frozenset(kind for kind in MeetingKind if str(kind) in values.kinds),
            "instant": values.instant,
            "personal_rooms": values.personal_rooms,
            "hosts": self._hosts(),
            "only": self._patterns("only", values.only),
            "never": self._patterns("never", values.never),
            "status": self._one_of("status", NewPostStatus, values.status),
            "authors": self._authors(),
            "meeting_category": self._category("meeting_category", values.meeting_category),
            "webinar_category": self._category("webinar_category", values.webinar_category),
            "passcode": self._one_of("passcode", Passcode, values.passcode),
            "join_link": self._one_of("join_link", JoinLink, values.join_link),
            "show_host": values.show_host,
            "recordings": self._one_of("recordings", Recordings, values.recordings),
            "recording_passcode": values.recording_passcode,
            "registrations": values.registrations,
            "cancelled_days": self._days("cancelled_days", values.cancelled_days, MOST_CANCELLED_DAYS),
            "unknown": self.saved.unknown,
        }
        return None if self.errors else Rules(**read)

    def _hosts(self) -> tuple[str, ...] | None:
        if self.values.whose == "all":
            return None
        lines = _lines(self.values.other_hosts)
        hosts = tuple(dict.fromkeys([*sorted(self.values.hosts), *lines]))
        if not hosts:
            self._wrong(
                "hosts",
                self.words.gettext(
                    "Select or enter at least one host. To publish nothing at all, select no kind of meeting above."
                ),
            )
        elif len(hosts) > MOST_HOSTS:
            self._wrong("hosts", self._too_many(MOST_HOSTS))
        elif any(len(host) > LONGEST_HOST or " " in host for host in hosts):
            self._wrong(
                "hosts",
                self.words.gettext("Enter one e-mail address or Zoom user ID per line."),
            )
        return hosts

    def _patterns(self, name: str, text: str) -> tuple[str, ...]:
        patterns = _lines(text)
        if len(patterns) > MOST_PATTERNS:
            self._wrong(name, self._too_many(MOST_PATTERNS))
        elif any(len(pattern) > LONGEST_PATTERN for pattern in patterns):
            self._wrong(
                name,
                self.words.gettext("One of the lines is longer than %(most)s characters.")
                % {"most": LONGEST_PATTERN},
            )
        return patterns

    def _authors(self) -> tuple[Author, ...]:
        names = {str(one.id): one.name for one in self.found.authors}
        before = {(one.host, str(one.user)): one.name for one in self.saved.authors}
        chosen: dict[str, Author] = {}
        for host_text, user in self.values.authors:
            host = single_line(host_text)
            if not user:
                continue
            if not host or len(host) > LONGEST_HOST or " " in host:
                self._wrong(
                    "authors",
                    self.words.gettext("Enter one e-mail address or Zoom user ID."),
                )
            elif host in chosen:
                self._wrong(
                    "authors",
                    self.words.gettext("“%(host)s” is listed twice: a host has one author.") % {"host": host},
                )
            elif not _ID.fullmatch(user) or (user not in names and (host, user) not in before):
                self._wrong(
                    "authors",
                    self.words.gettext("This user no longer exists. Choose another one."),
                )
            else:
                chosen[host] = Author(host, int(user), names.get(user) or before.get((host, user), ""))
        if len(chosen) > MOST_HOSTS:
            self._wrong("authors", self._too_many(MOST_HOSTS))
        return tuple(chosen.values())

    def _category(self, name: str, value: str) -> int | None:
        if not value:
            return None
        is_known = value in {str(one.id) for one in self.found.categories}
        if not _ID.fullmatch(value) or not (is_known or int(value) == getattr(self.saved, name)):
            self._wrong(name, self.words.gettext("This category no longer exists. Choose another one."))
            return None
        return int(value)

    def _days(self, name: str, value: str, most: int) -> int:
        if re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) and int(value) <= most:
            return int(value)
        self._wrong(
            name,
            self.words.gettext("Enter a whole number from %(least)s to %(most)s.")
            % {"least": 0, "most": most},
        )
        return 0

    def _one_of(self, name: str, kind: type[StrEnum], value: str) -> Any:
        try:
            return kind(value)
        except ValueError:
            self._wrong(name, self.words.gettext("Choose one of these."))
            return None

    def _too_many(self, most: int) -> str:
        return self.words.gettext("Too many entries: at most %(most)s, one per line.") % {"most": most}

    def _wrong(self, name: str, problem: str) -> None:
        self.errors.setdefault(name, problem)


def author_rows(values: FormValues, known: Sequence[KnownHost]) -> list[AuthorRow]:
    """Return the rows of hosts and authors: those selected, hosts without an author, and an empty row."""
    labels = {host.id: label(host) for host in known}
    rows = [AuthorRow(host, user, labels.get(host, host), is_new=not host) for host, user in values.authors]
    there = {row.host for row in rows}
    emails = {host.casefold() for host in there}
    more = [
        AuthorRow(host.id, "", labels[host.id])
        for host in known
        if host.meetings and host.id not in there and host.email.casefold() not in emails
    ]
    rows += more[:OFFERED_AUTHORS]
    return [
        *(row for row in rows if not row.is_new),
        *(row for row in rows if row.is_new),
        AuthorRow("", "", "", is_new=True),
    ]


def label(host: KnownHost) -> str:
    """Return a host's name and e-mail address, as far as they are known, or the ID."""
    if host.name and host.email:
        return f"{host.name} ({host.email})"
    return host.name or host.email or host.id


def unknown_addresses(rules: Rules, known: Sequence[KnownHost]) -> list[str]:
    """Return the e-mail addresses in the rules that belong to no known host."""
    emails = {host.email.casefold() for host in known if host.email}
    named = [*(rules.hosts or ()), *(author.host for author in rules.authors)]
    return list(dict.fromkeys(host for host in named if "@" in host and host.casefold() not in emails))


def mark(saved: Rules) -> str:
    """Return a digest of the saved rules that a form was filled with."""
    return digest(saved, {})


def digest(rules: Rules, saved: Mapping[str, Any]) -> str:
    """Return a digest of what was previewed: new rules in place of the saved ones."""
    text = json.dumps([rules.written(), saved], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for line in map(single_line, re.split(r"\r\n|\r|\n", text)) if line))
