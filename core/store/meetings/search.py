"""Search meetings: filtered, in the order of their dates, paged by key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, or_, select, tuple_, update

from core.model.meeting import RECURRING_FIXED, MeetingKind, MeetingState
from core.model.post_status import PostStatus
from core.render.search_fields import search_fields_of, search_text
from core.store.db.keys import of_meetings
from core.store.db.schema import meetings, posts
from core.store.db.schema import zoom_users as table
from core.store.meetings import shown
from core.store.meetings.meetings import from_row
from core.store.posts import status as post_status
from core.store.sites.grants import accounts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer

LONGEST_SEARCH = 100
MOST_HOSTS = 50
_MOST_WORDS = 6
_NUMBER = re.compile(r"[0-9]{6,15}")


class Period(StrEnum):
    """Filter of meetings by their dates."""

    UPCOMING = "upcoming"  # a date is under way or yet to come
    PAST = "past"
    UNDATED = "undated"  # no fixed time
    SERIES = "series"  # with dates of its own, past or not
    ALL = "all"


@dataclass(frozen=True, slots=True)
class MeetingFilter:
    """The meetings to search for. `words` occur in the topic, or are the meeting's number.

    `site_id` is the site that shows the meetings, and whose posts have the status `status`; None: any.
    """

    words: str = ""
    when: Period = Period.UPCOMING
    state: MeetingState | None = None
    kind: MeetingKind | None = None
    host_id: str = ""
    status: PostStatus | None = None
    site_id: str | None = None


@dataclass(frozen=True, slots=True, order=True)
class MeetingKey:
    """The position of a meeting in the list."""

    starts_at: int
    number: int
    account_id: str


@dataclass(frozen=True, slots=True)
class MeetingPage:
    """One page of the list, in its order, and whether there are meetings before and after it."""

    keys: list[MeetingKey]
    more_before: bool
    more_after: bool


def page(
    connection: Connection,
    wanted: MeetingFilter,
    *,
    now: int,
    limit: int,
    after: MeetingKey | None = None,
    before: MeetingKey | None = None,
) -> MeetingPage:
    """Return up to `limit` meetings: the first ones, or those after or before a key. `now`: Unix milliseconds (UTC).

    Upcoming meetings, and those without a fixed time, are sorted by their start, all others the latest first.
    """
    ascending = wanted.when in (Period.UPCOMING, Period.UNDATED)
    backwards = before is not None
    query = query_of(wanted, now=now, limit=limit + 1, beside=before or after, rising=ascending != backwards)
    found = [MeetingKey(*row) for row in connection.execute(query)]
    is_more = len(found) > limit
    found = found[:limit]
    if backwards:
        return MeetingPage(found[::-1], more_before=is_more, more_after=True)
    return MeetingPage(found, more_before=after is not None, more_after=is_more)


def query_of(
    wanted: MeetingFilter, *, now: int, limit: int, beside: MeetingKey | None, rising: bool
) -> Select[Any]:
    """Return the query for the keys of one page, from the key `beside` on, in ascending or descending order."""
    columns = (meetings.c.starts_at, meetings.c.number, meetings.c.account_id)
    query = select(*columns).where(*_conditions(wanted, now)).limit(limit)
    if beside is not None:
        place = (beside.starts_at, beside.number, beside.account_id)
        query = query.where(tuple_(*columns) > place if rising else tuple_(*columns) < place)
    return query.order_by(*(column if rising else column.desc() for column in columns))


@dataclass(frozen=True, slots=True)
class MeetingSummary:
    """A meeting in the list, with its sort keys (Unix milliseconds, UTC)."""

    meeting: Meeting
    starts_at: int
    ends_at: int
    over_at: int


def lines(
    connection: Connection, sealer: Sealer, keys: Sequence[MeetingKey], *, site_id: str | None = None
) -> list[MeetingSummary]:
    """Return the meetings with these keys, in the same order. Those deleted since are left out.

    A meeting that moved from another account is completed with that account's data: see `core.model.identity`. With a
    `site_id`, only with what the accounts granted to that site told.
    """
    named = [(key.account_id, key.number) for key in keys]
    rows = connection.execute(select(meetings).where(of_meetings(meetings, named)))
    found = {(row.account_id, row.number): row for row in rows}
    return [
        MeetingSummary(
            _listed(connection, sealer, row, site_id),
            row.starts_at,
            row.ends_at,
            row.over_at,
        )
        for name in named
        if (row := found.get(name)) is not None
    ]


def _listed(connection: Connection, sealer: Sealer, row: Any, site_id: str | None) -> Meeting:
    meeting = from_row(row, sealer)
    return meeting if meeting.created else shown.of_owner(connection, sealer, meeting, site_id=site_id)


@dataclass(frozen=True, slots=True)
class HostSummary:
    """A host and the number of their meetings. `email` and `name` are empty where Zoom did not send them."""

    id: str
    email: str
    meetings: int
    name: str = ""

    @property
    def label(self) -> str:
        """The display name: name, e-mail address or Zoom id, the first that is known."""
        return self.name or self.email or self.id


def hosts(connection: Connection, sealer: Sealer, *, site_id: str | None = None) -> list[HostSummary]:
    """Return the hosts with the most meetings, up to `MOST_HOSTS`."""
    count = func.count().label("of_host")
    query = (
        select(meetings.c.host_id, count, func.max(meetings.c.starts_at))
        .where(meetings.c.host_id != "")
        .group_by(meetings.c.host_id)
        .order_by(count.desc(), meetings.c.host_id)
        .limit(MOST_HOSTS)
    )
    if site_id is not None:
        same = and_(posts.c.account_id == meetings.c.account_id, posts.c.number == meetings.c.number)
        query = query.join(posts, same).where(_is_shown_to(site_id))
    rows = connection.execute(query).all()
    known = names_of_hosts(connection, sealer, [row[0] for row in rows], site_id=site_id)
    found = []
    for host_id, number, latest in rows:
        name, email = known.get(host_id) or (
            "",
            _email_of(connection, sealer, host_id, latest, site_id=site_id),
        )
        found.append(HostSummary(host_id, email, number, name))
    return found


def names_of_hosts(
    connection: Connection, sealer: Sealer, host_ids: Sequence[str], *, site_id: str | None = None
) -> dict[str, tuple[str, str]]:
    """Return name and e-mail address of hosts, by host id, as stored with their Zoom account.

    For a site, only those of its accounts: an event of any other account could name a host of theirs.
    """
    query = select(table.c.host_id, table.c.name, table.c.sealed_email).where(table.c.host_id.in_(host_ids))
    if site_id is not None:
        query = query.where(table.c.account_id.in_(accounts_of(site_id)))
    return {host_id: (name, sealer.open_text(sealed)) for host_id, name, sealed in connection.execute(query)}


def _email_of(
    connection: Connection, sealer: Sealer, host_id: str, starts_at: int, *, site_id: str | None
) -> str:
    """Return a host's e-mail address as one of their meetings has it, or an empty text."""
    is_hosts = meetings.c.starts_at == starts_at, meetings.c.host_id == host_id
    row = connection.execute(select(meetings).where(*is_hosts, *_scope(site_id)).limit(1)).first()
    email = None if row is None else from_row(row, sealer).object.get("host_email")
    return email if isinstance(email, str) else ""


def has_meetings(connection: Connection, *, site_id: str | None = None) -> bool:
    """Return whether any meeting exists, on a site or at all."""
    return connection.execute(select(meetings.c.number).where(*_scope(site_id)).limit(1)).first() is not None


def is_listed(connection: Connection, account_id: str, number: int, *, site_id: str) -> bool:
    """Return whether a site mirrors a meeting: then the site's viewers may see it."""
    owned = posts.c.account_id == account_id, posts.c.number == number
    query = select(posts.c.number).where(_is_shown_to(site_id), *owned)
    return connection.execute(query).first() is not None


@dataclass(frozen=True, slots=True)
class StaleDates:
    """New list dates of a series whose leading date has passed, and the revision they were computed from."""

    account_id: str
    number: int
    revision: int
    starts_at: int
    ends_at: int
    over_at: int


def find_stale_dates(connection: Connection, sealer: Sealer, *, now: int, limit: int) -> list[StaleDates]:
    """Return up to `limit` series whose stored list dates are out of date at `now` (Unix milliseconds, UTC)."""
    rows = connection.execute(
        select(meetings)
        .where(meetings.c.ends_at <= now, meetings.c.over_at > now)
        .order_by(meetings.c.account_id, meetings.c.number)
        .limit(limit)
    )
    moment = datetime.fromtimestamp(now / 1000, UTC)
    result = []
    for row in rows:
        found = search_fields_of(from_row(row, sealer), moment)
        result.append(
            StaleDates(
                row.account_id, row.number, row.revision, found.starts_at, found.ends_at, found.over_at
            )
        )
    return result


def save_dates(connection: Connection, found: Iterable[StaleDates]) -> None:
    """Save list dates, except of meetings whose revision has changed since."""
    given = [
        {
            "of_account": one.account_id,
            "of_number": one.number,
            "seen": one.revision,
            "starts": one.starts_at,
            "ends": one.ends_at,
            "over": one.over_at,
        }
        for one in found
    ]
    if given:
        connection.execute(_MOVING, given)


_MOVING = (
    update(meetings)
    .where(
        meetings.c.account_id == bindparam("of_account"),
        meetings.c.number == bindparam("of_number"),
        meetings.c.revision == bindparam("seen"),
    )
    .values(starts_at=bindparam("starts"), ends_at=bindparam("ends"), over_at=bindparam("over"))
)


def _conditions(wanted: MeetingFilter, now: int) -> Iterable[ColumnElement[bool]]:
    match wanted.when:
        case Period.UPCOMING:
            yield meetings.c.over_at > now
        case Period.PAST:
            yield and_(meetings.c.over_at <= now, meetings.c.starts_at > 0)
        case Period.UNDATED:
            yield meetings.c.starts_at == 0
        case Period.SERIES:
            yield meetings.c.type.in_(sorted(RECURRING_FIXED))
        case Period.ALL:
            pass
    if wanted.words:
        yield _matching(wanted.words)
    if wanted.state is not None:
        yield meetings.c.state == str(wanted.state)
    if wanted.kind is not None:
        yield meetings.c.kind == str(wanted.kind)
    if wanted.host_id:
        yield meetings.c.host_id == wanted.host_id
    yield from _owned(wanted.site_id)
    yield from _scope(wanted.site_id, wanted.status)


def _matching(words: str) -> ColumnElement[bool]:
    """Return the condition for what a person searches: each word somewhere in the topic, or the number."""
    searched = search_text(words[:LONGEST_SEARCH])
    in_topic = and_(
        *(meetings.c.words.contains(word, autoescape=True) for word in searched.split()[:_MOST_WORDS])
    )
    number = re.sub(r"[\s-]", "", searched)  # as Zoom writes it: 853 9384 7045
    if _NUMBER.fullmatch(number):
        return or_(meetings.c.number == int(number), in_topic)
    return in_topic


def _scope(site_id: str | None, wanted: PostStatus | None = None) -> Iterable[ColumnElement[bool]]:
    """Return the conditions for meetings with a post, as far as that is asked for."""
    if wanted is PostStatus.NONE:
        yield ~_exists(site_id, posts.c.post_id.is_not(None))
        wanted = None
    if wanted in (PostStatus.SYNCED, PostStatus.TRASHED, PostStatus.DELETED):
        yield _exists(
            site_id, post_status.has_status(wanted)
        )  # of most meetings: the first ones are found soon
    elif wanted is not None:
        some = select(posts.c.account_id, posts.c.number).where(post_status.has_status(wanted))
        some = some if site_id is None else some.where(_is_shown_to(site_id))
        yield tuple_(meetings.c.account_id, meetings.c.number).in_(some)
    elif site_id is not None:
        yield _exists(site_id)


def _exists(site_id: str | None, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    same = and_(posts.c.account_id == meetings.c.account_id, posts.c.number == meetings.c.number)
    of_site = [] if site_id is None else [_is_shown_to(site_id)]
    return select(posts.c.number).where(same, *of_site, *conditions).correlate(meetings).exists()


def _owned(site_id: str | None) -> Iterable[ColumnElement[bool]]:
    """Return the conditions for meetings that own their number on a site, or whose number no other account owns."""
    if site_id is not None:
        return  # see `_scope`
    owned = posts.alias()
    is_others = and_(owned.c.number == meetings.c.number, owned.c.account_id != meetings.c.account_id)
    others = select(owned.c.number).where(is_others).correlate(meetings).exists()
    yield or_(~others, _exists(None))


def _is_shown_to(site_id: str) -> ColumnElement[bool]:
    """Return the condition for posts of a site whose meetings its viewers may see: those of its accounts."""
    return and_(posts.c.site_id == site_id, posts.c.account_id.in_(accounts_of(site_id)))
