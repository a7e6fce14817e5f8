"""Posts: for each site and meeting number, the revision wanted, the revision written, and the lease of a worker.

Several accounts may be known to have a meeting of one number: then each change of one of their records makes the one
post due, and the mirror worker resolves what it shows (`core.model.identity`). So `wanted` counts the changes of all
of them, and is at least the revision of the record that changed.

Times are Unix milliseconds (UTC). Functions run in the caller's transaction.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Integer,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from core.errors import StoreError
from core.model.page_status import ChangedBy, PageStatus
from core.store.db import keys, locks, notify
from core.store.db.schema import grants, meetings, posts, sites
from core.store.db.statements import Prepared
from core.store.db.upsert import insert_for
from core.store.sites.grants import accounts_of
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import BindParameter, ColumnElement, Connection

    from core.store.db.encryption import Sealer


class PostState(StrEnum):
    """State of a meeting's post on its site."""

    NONE = "none"  # there is no post
    SYNCED = "synced"
    TRASHED = "trashed"  # by the bridge, because the meeting was deleted
    DELETED = "deleted"  # permanently, because the meeting was deleted
    DETACHED = "detached"  # a person deleted the post permanently; it is not recreated automatically


class TitleState(StrEnum):
    """State of a title that an editor has given to a page that the bridge made."""

    EDITORS = "editors"  # it stays, whatever Zoom's is
    RETURNING = "returning"  # it was given back: Zoom's is to be written


@dataclass(frozen=True, slots=True)
class Base:
    """Baseline of a post: the values last written, compared with the next ones so that only Zoom's changes are written.

    `topic` is Zoom's title at that time. The next three are digests: of the `field`, of the `agenda` as sent, and of
    the `content` that WordPress made of it; an empty `content` means that editors own the content.

    `made`: the bridge created the post and no editor has taken it over since. `left_out`: the site's rules are the
    reason why the post is missing or in the trash. `drafted_from` is the status of a post before the bridge made it a
    draft, as the site has no trash. `ticks` are the site's options that its rules wanted ticked, and
    whether they were ticked before.
    """

    topic: str = ""
    field: str = ""
    agenda: str = ""
    content: str = ""
    made: bool = False
    left_out: bool = False
    drafted_from: str = ""
    ticks: Mapping[str, bool] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """Known state of a post on its site."""

    state: PostState = PostState.NONE
    post_id: int | None = None
    link: str | None = None
    base: Base | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A post leased to one worker. `epoch` is the fencing token: a later claim of the same post has a higher one.

    `account_id` is the record that owned the number when it was claimed.
    `in_doubt`: the result of an earlier write is unknown (no response, or the worker stopped), so the site may hold
    more than `written` says. `deleted_by_user`: the site has told that a person deleted the post permanently.
    `returns_title`: an editor's title was given back, so that Zoom's is to be written.
    """

    site_id: str
    account_id: str
    number: int
    wanted: int
    attempts: int
    epoch: int
    written: Written
    in_doubt: bool = False
    deleted_by_user: bool = False
    returns_title: bool = False


# Limit of settling: further changes do not defer the first one beyond this.
_LONGEST_SETTLING_MILLISECONDS = 15_000


def schedule_write(
    connection: Connection, account_id: str, number: int, revision: int, *, now: int, settle: int = 0
) -> None:
    """Schedule a write of this meeting revision on every site of the account.

    `settle` (ms) defers it to wait for further changes, so that a burst becomes one write.
    """
    schedule_writes(connection, [(account_id, number, revision)], now=now, settle=settle)


def schedule_writes(
    connection: Connection, wanted: Sequence[tuple[str, int, int]], *, now: int, settle: int = 0
) -> None:
    """Schedule writes of many meetings, given as account id, number and revision: see `schedule_write`."""
    if not wanted:
        return
    for account_id in sorted({account_id for account_id, _, _ in wanted}):
        locks.acquire(connection, "account", account_id, shared=True)  # see `schedule_site`
    # In one order for all processes, to avoid deadlocks: a post may be of several records.
    in_order = sorted(wanted, key=lambda one: (one[1], one[0]))
    times = {"moment": now, "due": now + settle, "latest": now + _LONGEST_SETTLING_MILLISECONDS}
    connection.execute(
        _scheduling(connection.dialect.name),
        [
            {"of_account": account_id, "of_number": number, "revision_wanted": revision, **times}
            for account_id, number, revision in in_order
        ],
    )
    notify.notify(connection, notify.POSTS)


def cut_settling_short(connection: Connection, *, due_at: int) -> int:
    """Make settling posts due at `due_at` where they would be later; returns their number.

    Posts in back-off, and posts that are due only when their content expires, are unchanged.
    """
    longer = posts.c.due_at.between(due_at + 1, due_at + _LONGEST_SETTLING_MILLISECONDS)
    key = (posts.c.site_id, posts.c.number)
    # Rows locked by another process are skipped.
    waiting = (
        select(*key)
        .where(longer, posts.c.written < posts.c.wanted, posts.c.attempts == 0)
        .with_for_update(skip_locked=True)
    )
    changed = connection.execute(
        update(posts).where(tuple_(*key).in_(waiting)).values(due_at=due_at)
    ).rowcount
    if changed:
        notify.notify(connection, notify.POSTS)
    return changed


def schedule_site(connection: Connection, account_id: str, site_id: str, *, now: int) -> None:
    """Schedule writes of all meetings of an account on one site."""
    # A concurrent transaction that saves a meeting does not see the new site yet, nor this one that meeting.
    locks.acquire(connection, "account", account_id)
    sources = (
        select(
            sites.c.id,
            meetings.c.account_id,
            meetings.c.number,
            meetings.c.revision,
            literal(0),
            literal(now),
            literal(now),
            literal(str(PostState.NONE)),
            literal(0),
            literal(0),
            literal(0),
        )
        .join(sites, sites.c.id == site_id)
        .where(meetings.c.account_id == account_id)
        .order_by(meetings.c.number)
    )
    _upsert(connection, sources, now=now, due_at=now)


def schedule_account(connection: Connection, account_id: str, site_id: str, *, now: int) -> None:
    """Schedule writes of a site's posts for which an account tells of the number, whichever account owns it."""
    locks.acquire(connection, "account", account_id)  # see `schedule_site`
    told = select(meetings.c.number).where(meetings.c.account_id == account_id)
    connection.execute(
        update(posts)
        .where(posts.c.site_id == site_id, posts.c.number.in_(told))
        .values(
            wanted=posts.c.wanted + 1,
            behind_since=func.coalesce(posts.c.behind_since, now),
            due_at=_earlier(connection.dialect.name, func.coalesce(posts.c.due_at, now), now),
            attempts=0,
        )
    )
    notify.notify(connection, notify.POSTS)


def _upsert(connection: Connection, sources: Any, *, now: int, due_at: int) -> None:
    latest = now + _LONGEST_SETTLING_MILLISECONDS
    connection.execute(_upserting(connection.dialect.name, sources, now=now, due_at=due_at, latest=latest))
    notify.notify(connection, notify.POSTS)


def _upserting(dialect: str, sources: Any, *, now: Any, due_at: Any, latest: Any) -> Any:
    """Return the statement that inserts posts of `sources`, or raises the wanted revision of existing ones.

    A post that is due already stays so: it waits for a worker, and a later time would put it behind all others.
    """
    names = [
        "site_id", "account_id", "number", "wanted", "written", "behind_since", "due_at", "state", "attempts",
        "lease_until", "epoch",
    ]  # fmt: skip
    statement = insert_for(dialect, posts).from_select(names, sources)
    settled = func.coalesce(posts.c.behind_since + _LONGEST_SETTLING_MILLISECONDS, latest)
    is_waiting = and_(posts.c.due_at <= now, posts.c.lease_until <= now)
    return statement.on_conflict_do_update(
        index_elements=["site_id", "number"],
        set_={
            "account_id": _latest_record(statement.excluded.account_id),
            "wanted": _later(dialect, statement.excluded.wanted, posts.c.wanted + 1),
            "behind_since": func.coalesce(posts.c.behind_since, now),
            "due_at": case((is_waiting, posts.c.due_at), else_=_earlier(dialect, due_at, settled)),
        },
    )


@cache
def _scheduling(dialect: str) -> Any:
    """Return the statement of `schedule_writes`, built once.

    SQLAlchemy needs longer to build it than the database to execute it.
    """
    now, due_at, latest = (bindparam(name, type_=BigInteger) for name in ("moment", "due", "latest"))
    sources = (
        select(
            grants.c.site_id,
            grants.c.account_id,
            bindparam("of_number", type_=BigInteger),
            bindparam("revision_wanted", type_=BigInteger),
            literal(0),
            now,
            due_at,
            literal(str(PostState.NONE)),
            literal(0),
            literal(0),
            literal(0),
        )
        .join(sites, sites.c.id == grants.c.site_id)
        .where(grants.c.account_id == bindparam("of_account"))
        .order_by(grants.c.site_id)
    )
    return _upserting(dialect, sources, now=now, due_at=due_at, latest=latest)


def claim(
    connection: Connection,
    sealer: Sealer,
    *,
    owner: str,
    now: int,
    lease_until: int,
    room: int,
    busy: Collection[str],
    among: Collection[str] | None = None,
    at_once: int = 1,
) -> list[Claim]:
    """Lease due posts of up to `room` sites that are neither blocked, paused nor in `busy`, the longest due first.

    Of the sites in `among`, if that is given.

    Up to `at_once` posts per site, so that sites take turns; a single one of a site whose last request failed, to
    probe whether it works again. A post that failed by itself before is leased alone, too.
    """
    claims: list[Claim] = []
    passed_over = set(busy)
    since = 0
    for _ in range(room):
        chosen = _next_site(connection, since=since, now=now, busy=passed_over, among=among)
        if chosen is None:
            break
        site_id, failures, since = chosen
        passed_over.add(site_id)
        numbers = _longest_due(connection, site_id, now=now, limit=1 if failures else at_once)
        claims += _lease(connection, sealer, site_id, numbers, owner=owner, now=now, until=lease_until)
    return claims


def _next_site(
    connection: Connection, *, since: int, now: int, busy: Collection[str], among: Collection[str] | None
) -> tuple[str, int, int] | None:
    """Return the site whose post has been due longest, of those that take requests, its failures in a row, and the time.

    Only posts that became due at `since` or later are looked at: all before are of sites that a search has passed over.
    """
    values = {
        "since": since,
        "moment": now,
        "named": list(busy) if among is None else sorted({*among} - {*busy}),
    }
    found = connection.execute(_finding_site(is_among=among is not None), values).one_or_none()
    return None if found is None else (found[0], found[1], found[2])


@cache
def _finding_site(*, is_among: bool) -> Any:
    """Return the statement of `_next_site`, made once: SQLAlchemy needs longer to make it than the database to execute it.

    It follows the index of `due_at` up to the first such post, so that its cost does not grow with the number of sites.
    """
    moment = bindparam("moment", type_=BigInteger)
    named: BindParameter[Any] = bindparam("named", expanding=True)
    probed = posts.alias("probed")
    leased = select(probed.c.site_id).where(probed.c.lease_until > 0, probed.c.lease_until > moment)
    takes_requests = _site_where(
        sites.c.paused_at.is_(None),
        sites.c.blocked_until <= moment,
        or_(sites.c.failures == 0, sites.c.id.not_in(leased)),
    )
    failures = select(sites.c.failures).where(sites.c.id == posts.c.site_id).scalar_subquery()
    return (
        select(posts.c.site_id, failures, posts.c.due_at)
        .where(
            posts.c.due_at >= bindparam("since", type_=BigInteger),
            posts.c.due_at <= moment,
            posts.c.lease_until <= moment,
            posts.c.site_id.in_(named) if is_among else posts.c.site_id.not_in(named),
            takes_requests,
        )
        .order_by(posts.c.due_at)
        .limit(1)
    )


def _lease(
    connection: Connection,
    sealer: Sealer,
    site_id: str,
    numbers: Sequence[int],
    *,
    owner: str,
    now: int,
    until: int,
) -> list[Claim]:
    """Lease these posts of a site, but for those that another process has leased or just finished."""
    free = connection.execute(_FREE, {"of_site": site_id, "named": numbers, "moment": now})
    # An owner whose lease has expired died, and may have written.
    doubts = {row.number: bool(row.in_doubt) or row.owner is not None for row in free}
    if not doubts:
        return []
    given = {"of_site": site_id, "named": list(doubts), "owned_by": owner, "until": until}
    claims = [_claim(row, sealer, in_doubt=doubts[row.number]) for row in connection.execute(_LEASING, given)]
    return sorted(claims, key=lambda claim: numbers.index(claim.number))


def _site_where(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a post's site is such. A join would let the database begin with all sites."""
    return select(sites.c.id).where(sites.c.id == posts.c.site_id, *conditions).correlate(posts).exists()


def _longest_due(connection: Connection, site_id: str, *, now: int, limit: int) -> list[int]:
    """Return the numbers of the posts of a site that are to be leased together, the longest due first."""
    rows = connection.execute(_LONGEST_DUE, {"of_site": site_id, "moment": now, "most": limit}).all()
    # A post that failed by itself may fail the others in its request, so it goes alone.
    return [
        number
        for place, (number, attempts) in enumerate(rows)
        if not place or not rows[0].attempts + attempts
    ]


def finish(
    connection: Connection,
    sealer: Sealer,
    taken: Claim,
    *,
    revision: int,
    written: Written,
    due_at: int | None,
    now: int,
    reason: str | None = None,
    account_id: str | None = None,
) -> bool:
    """Record a write and end the lease; returns whether the claim was still valid, else nothing is recorded.

    `account_id` is the record that owns the number, where it is not the claim's any more. `due_at` is when the
    written content expires; a revision wanted meanwhile is due at once. `reason` is why a post is withheld.
    """
    given = {
        "of_site": taken.site_id,
        "of_number": taken.number,
        "of_epoch": taken.epoch,
        "owned_by": account_id or taken.account_id,
        "revision": revision,
        "became": written.state,
        "post": written.post_id,
        "leads_to": written.link,
        "why_none": reason,
        "wrote": None if written.base is None else seal_base(sealer, written.base),
        "moment": now,
        "next_due": due_at,
    }
    return _FINISHING(connection, given).rowcount == 1


def unfinished(connection: Connection, taken: Sequence[Claim]) -> list[Claim]:
    """Return those claims of one site, at least one, whose result is not recorded yet."""
    leased = select(posts.c.number, posts.c.epoch).where(
        posts.c.site_id == taken[0].site_id,
        posts.c.number.in_([claim.number for claim in taken]),
        posts.c.lease_until > 0,
    )
    held = {(row.number, row.epoch) for row in connection.execute(leased)}
    return [claim for claim in taken if (claim.number, claim.epoch) in held]


def mark_trashed(connection: Connection, taken: Claim) -> None:
    """Mark a post as trashed by the bridge, before the request: its result may stay unknown."""
    connection.execute(update(posts).where(_held(taken)).values(state=PostState.TRASHED))


def postpone(
    connection: Connection,
    taken: Claim,
    *,
    revision: int,
    due_at: int,
    fault: str,
    message: str,
    counts: bool,
    unsure: bool = False,
) -> None:
    """Note that a revision was not written, and end the lease. `counts`: the post's own failure and not its site's.

    `due_at` is when the same is tried again; a revision wanted meanwhile keeps its time. `unsure`: the site may have
    executed the request, so the post is read before the next write.
    """
    is_newer = posts.c.wanted > revision
    settled = {"in_doubt": True} if unsure else {"in_doubt": taken.in_doubt, "state": taken.written.state}
    connection.execute(
        update(posts)
        .where(_held(taken))
        .values(
            attempts=taken.attempts + (1 if counts else 0),
            fault=fault,
            fault_message=message,
            lease_until=0,
            owner=None,
            due_at=case((is_newer, func.coalesce(posts.c.due_at, due_at)), else_=due_at),
            **settled,
        )
    )


def count_withheld(connection: Connection, site_id: str) -> list[tuple[str, int]]:
    """Return the reasons why a site's posts are withheld, with their number of posts, the most frequent first."""
    count = func.count()
    rows = connection.execute(
        select(posts.c.reason, count)
        .where(posts.c.site_id == site_id, posts.c.reason.is_not(None))
        .group_by(posts.c.reason)
        .order_by(count.desc(), posts.c.reason)
    )
    return [(reason, number) for reason, number in rows]


def list_recent(
    connection: Connection, sealer: Sealer, site_id: str, *, limit: int
) -> list[tuple[str, int, Written]]:
    """Return the posts of the meetings with the most recent events: account id, number and known state.

    Self-test meetings are left out.
    """
    mirrored = accounts_of(site_id)
    last: list[tuple[int, int, str]] = []
    for account_id in connection.scalars(mirrored).all():
        if not is_probe(account_id):
            newest = (meetings.c.last_at.desc(), meetings.c.number.desc())
            rows = connection.execute(
                select(meetings.c.last_at, meetings.c.number, meetings.c.account_id)
                .where(meetings.c.account_id == account_id)
                .order_by(*newest)
                .limit(limit)
            )
            last += [(row.last_at, row.number, row.account_id) for row in rows]
    keys = [(account_id, number) for _, number, account_id in sorted(last, reverse=True)[:limit]]
    found = connection.execute(select(posts).where(has_key(site_id, keys)))
    known = {(row.account_id, row.number): _written(row, sealer) for row in found}
    return [(*named, known[named]) for named in keys if named in known]


def has_key(site_id: str, named: Collection[tuple[str, int]]) -> ColumnElement[bool]:
    """Return the condition for these posts of a site (accounts and numbers)."""
    return keys.of_meetings(posts, named, posts.c.site_id == site_id)


def next_due(
    connection: Connection, *, busy: Collection[str], among: Collection[str] | None = None
) -> int | None:
    """Return when the next post is due on a site that is not `busy` (ms since 1970, UTC); None for never.

    On a site in `among`, if that is given.
    """
    values = {"named": list(busy) if among is None else sorted({*among} - {*busy})}
    statements = _next_due(connection.dialect.name, is_among=among is not None)
    found = [connection.scalar(statement, values) for statement in statements]
    return min((moment for moment in found if moment is not None), default=None)


@cache
def _next_due(dialect: str, *, is_among: bool) -> tuple[Any, Any, Any]:
    """Return the statements of `next_due`, made once: of sites that are not blocked, of blocked ones, of leased posts.

    Each finds few rows by an index, however many sites and posts there are.
    """
    latest = func.max if dialect == "sqlite" else func.greatest
    named: BindParameter[Any] = bindparam("named", expanding=True)
    is_others = posts.c.site_id.in_(named) if is_among else posts.c.site_id.not_in(named)
    is_free = and_(posts.c.due_at >= 0, posts.c.lease_until == 0)
    is_paused = sites.c.paused_at.is_not(None)
    of_open = (
        select(posts.c.due_at)
        .where(is_free, is_others, _site_where(~is_paused, sites.c.blocked_until == 0))
        .order_by(posts.c.due_at)
        .limit(1)
    )
    first = (
        select(posts.c.due_at)
        .where(posts.c.site_id == sites.c.id, is_free, is_others)
        .order_by(posts.c.due_at)
        .limit(1)
        .correlate(sites)
        .scalar_subquery()
    )
    blocked = (
        select(sites.c.blocked_until, first.label("first"))
        .where(sites.c.blocked_until > 0, ~is_paused)
        .subquery()
    )
    of_blocked = select(func.min(latest(blocked.c.first, blocked.c.blocked_until))).where(
        blocked.c.first.is_not(None)
    )
    until = select(sites.c.blocked_until).where(sites.c.id == posts.c.site_id).scalar_subquery()
    leased = (
        select(latest(posts.c.due_at, posts.c.lease_until, until).label("moment"))
        .where(posts.c.lease_until > 0, posts.c.due_at >= 0, is_others, _site_where(~is_paused))
        .subquery()
    )
    return of_open, of_blocked, select(func.min(leased.c.moment))


def expire_leases(connection: Connection, owner: str) -> None:
    """Expire all leases of a worker that stops. Posts whose result it has not recorded stay in doubt."""
    connection.execute(update(posts).where(posts.c.owner == owner).values(lease_until=0))


def expire_all_leases(connection: Connection) -> None:
    """Expire every lease; their posts stay in doubt. Only valid while no other process can hold one."""
    connection.execute(update(posts).where(posts.c.lease_until > 0).values(lease_until=0))


def _earlier(dialect: str, one: Any, other: Any) -> Any:
    return (func.min if dialect == "sqlite" else func.least)(one, other)


def _later(dialect: str, one: Any, other: Any) -> Any:
    return (func.max if dialect == "sqlite" else func.greatest)(one, other)


def _latest_record(changed: Any) -> Any:
    """Return the account whose record of a post's number changed last: the `changed` one, or the owner so far.

    A first guess for the pages: the mirror worker decides by the events themselves.
    """

    def last_at(account_id: str) -> Any:
        record = meetings.alias()
        # As text: outside a SELECT SQLAlchemy would read from the posts in this query, too, those of every site.
        is_record = and_(
            record.c.account_id == literal_column(account_id),
            record.c.number == literal_column("posts.number"),
        )
        return select(record.c.last_at).where(is_record).scalar_subquery()

    is_later = last_at("excluded.account_id") >= last_at("posts.account_id")
    return case((changed == posts.c.account_id, changed), (is_later, changed), else_=posts.c.account_id)


def _held(taken: Claim) -> Any:
    return and_(
        posts.c.site_id == taken.site_id, posts.c.number == taken.number, posts.c.epoch == taken.epoch
    )


_IS_CURRENT = posts.c.wanted <= bindparam("revision", type_=BigInteger)
_FINISHING = Prepared(
    lambda _: (
        update(posts)
        .where(
            posts.c.site_id == bindparam("of_site"),
            posts.c.number == bindparam("of_number"),
            posts.c.epoch == bindparam("of_epoch"),
        )
        .values(
            account_id=bindparam("owned_by"),
            written=bindparam("revision"),
            state=bindparam("became"),
            post_id=bindparam("post"),
            link=bindparam("leads_to"),
            reason=bindparam("why_none"),
            baseline=bindparam("wrote"),
            attempts=0,
            fault=None,
            fault_message=None,
            written_at=bindparam("moment"),
            lease_until=0,
            owner=None,
            in_doubt=False,
            behind_since=case((_IS_CURRENT, None), else_=posts.c.behind_since),
            due_at=case(
                (_IS_CURRENT, bindparam("next_due", type_=BigInteger)),
                else_=func.coalesce(posts.c.due_at, bindparam("moment", type_=BigInteger)),
            ),
        )
    )
)


_OF_CLAIM = posts.c.site_id == bindparam("of_site"), posts.c.number.in_(bindparam("named", expanding=True))
_MOMENT = bindparam("moment", type_=BigInteger)
_LONGEST_DUE = (
    select(posts.c.number, posts.c.attempts)
    .where(posts.c.site_id == bindparam("of_site"), posts.c.due_at <= _MOMENT, posts.c.lease_until <= _MOMENT)
    .order_by(posts.c.due_at, posts.c.number)
    .limit(bindparam("most", type_=Integer))
)
_FREE = (
    select(posts.c.number, posts.c.in_doubt, posts.c.owner)
    .where(*_OF_CLAIM, posts.c.due_at <= _MOMENT, posts.c.lease_until <= _MOMENT)
    .with_for_update(skip_locked=True)
)
_LEASING = (
    update(posts)
    .where(*_OF_CLAIM)
    .values(
        owner=bindparam("owned_by"),
        lease_until=bindparam("until", type_=BigInteger),
        epoch=posts.c.epoch + 1,
    )
    .returning(posts)
)


def seal_base(sealer: Sealer, base: Base) -> bytes:
    """Encrypt a base: its digests would tell short passcodes to those who try them all."""
    values = {name: getattr(base, name) for name in Base.__dataclass_fields__}
    return sealer.seal(json.dumps(values).encode())


def open_base(sealer: Sealer, sealed: bytes | None) -> Base | None:
    """Decrypt the result of `seal_base`."""
    return None if sealed is None else Base(**json.loads(sealer.open(sealed)))


def _written(row: Any, sealer: Sealer) -> Written:
    base = open_base(sealer, row.baseline)
    return Written(PostState(row.state), row.post_id, row.link, base)


def _claim(row: Any, sealer: Sealer, *, in_doubt: bool) -> Claim:
    try:
        written = _written(row, sealer)
    except StoreError:  # no key opens it: the post itself tells what was written
        written, in_doubt = Written(PostState(row.state), row.post_id, row.link), True
    return Claim(
        site_id=row.site_id,
        account_id=row.account_id,
        number=row.number,
        wanted=row.wanted,
        attempts=row.attempts,
        epoch=row.epoch,
        written=written,
        in_doubt=in_doubt,
        deleted_by_user=row.stands == PageStatus.GONE and row.stands_by == ChangedBy.USER,
        returns_title=row.title == TitleState.RETURNING,
    )
