"""The log: every authentic event, once, as it came. Appended to, never changed but for its outcome.

Names of people are taken out after a while: see `core.store.events.redaction`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, func, literal_column, select, text, update

from core import messages
from core.model.fold import Change
from core.model.meeting import Position
from core.model.state_fields import named_hosts
from core.store.accounts import users as zoom_users
from core.store.db import clock, locks, notify
from core.store.db.schema import events, sites
from core.store.db.statements import Prepared
from core.store.events.request import Request
from core.store.posts import queue
from core.store.sites import grants
from core.zoom import envelope as zoom_envelope
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.zoom.envelope import Envelope


_PASSED_OVER = 10  # times as many meetings are looked at as are taken, for what other processes have
_FAR_ENOUGH = 10_000  # events that are looked through for those of one site
MOST_WAITING = 1000
"""Events of one account that wait for a grant to one site; the oldest beyond are dropped."""
MOST_WAITING_OF_SITE = 5000


class Outcome(StrEnum):
    """What became of an event."""

    PENDING = "pending"  # durable, not folded yet
    APPLIED = "applied"
    IGNORED = "ignored"  # kept, but nothing on a site follows from it
    UNREADABLE = "unreadable"  # authentic, but not an event that this version can read; kept for one that can
    FAILED = "failed"  # the bridge could not fold it, which is a fault of the bridge; kept for a mended one
    WAITING = "waiting"  # authentic, but its account is not granted to the site that it came to


_MADE_NOTHING = (Outcome.IGNORED, Outcome.UNREADABLE, Outcome.FAILED, Outcome.WAITING)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as it enters the log. `received_at` is in milliseconds since 1970, UTC."""

    digest: str
    account_id: str
    number: int | None
    event: str
    position: Position
    received_at: int
    site_id: str | None
    request_id: str | None
    request: bytes
    outcome: Outcome
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of the log, without its body."""

    id: int
    event: str
    account_id: str
    number: int | None
    at: int
    received_at: int
    site_id: str | None
    outcome: str
    reason: str | None


def append(
    connection: Connection,
    entries: Sequence[Entry],
    *,
    most_waiting: int = MOST_WAITING,
    most_waiting_of_site: int = MOST_WAITING_OF_SITE,
) -> list[bool]:
    """Append events; tell for each whether it is new. One that was seen before is left as it was.

    An event whose account is not granted to the site that it came to waits for the grant: apart from the others, so
    that the same event is new where it comes to a site that its account is granted to.
    """
    entries = _hold_ungranted(connection, entries)
    unseen = {entry.digest: entry for entry in reversed(entries)}
    rows = [_row(entry) for entry in reversed(unseen.values())]
    if connection.dialect.name == "postgresql":
        rows = _in_common_order(connection, rows)
    new = {
        digest
        for start in range(0, len(rows), _ROWS)
        for digest in _insert(connection, rows[start : start + _ROWS])
    }
    _note_activity(connection, entries)
    waiting = {
        (entry.account_id, entry.site_id)
        for entry in entries
        if entry.outcome is Outcome.WAITING and entry.site_id is not None and entry.digest in new
    }
    _drop_surplus(connection, waiting, most=most_waiting, most_of_site=most_waiting_of_site)
    if any(entry.digest in new and entry.outcome is Outcome.PENDING for entry in entries):
        notify.notify(connection, notify.EVENTS)
    result = []
    for entry in entries:
        result.append(entry.digest in new)
        new.discard(entry.digest)
    return result


def pending_meetings(connection: Connection, limit: int) -> list[tuple[str, int | None]]:
    """Return accounts and numbers of meetings that have events not folded yet, the longest waiting first.

    Without a number: the events of an account that name instances of meetings alone, see `core.model.recording_batches`. Until the transaction ends they are this process's: others get the next ones.
    """
    pending = (
        select(events.c.account_id, events.c.number)
        .where(_IS_PENDING)
        .group_by(events.c.account_id, events.c.number)
        .order_by(func.min(events.c.id))
    )
    if connection.dialect.name == "postgresql":
        some = pending.limit(limit * _PASSED_OVER).subquery()
        is_ours = locks.try_acquire("meeting", some.c.account_id, some.c.number)
        rows = connection.execute(select(some).where(is_ours).limit(limit))
    else:
        rows = connection.execute(pending.limit(limit))
    return [(account_id, number) for account_id, number in rows]


def changes_of(
    connection: Connection, sealer: Sealer, account_id: str, number: int, *, pending_only: bool
) -> tuple[list[Change], list[int]]:
    """Return what happened to a meeting, and the ids of those of its events that are pending."""
    meeting = {"of_account": account_id, "of_number": number}
    rows = connection.execute(_PENDING_OF if pending_only else _ACTED_ON_OF, meeting).all()
    changes = with_host_ids(connection, account_id, [_opened(row, sealer) for row in rows])
    return changes, [row.id for row in rows if row.outcome == Outcome.PENDING]


def _opened(row: Any, sealer: Sealer) -> tuple[Position, Envelope]:
    envelope = zoom_envelope.parse(Request.opened(row.request, sealer).body)
    return Position(row.at, row.rank, row.digest), envelope


def with_host_ids(
    connection: Connection, account_id: str, opened: Sequence[tuple[Position, Envelope]]
) -> list[Change]:
    """Return events as changes, with the ids of the account's users whom they name as alternative hosts."""
    names = {name for _, envelope in opened for name in named_hosts(envelope.payload.object or {})}
    host_ids = zoom_users.ids_by_name(connection, account_id, names) if names else {}
    return [Change(position, envelope, host_ids) for position, envelope in opened]


def applied_changes(connection: Connection, sealer: Sealer, account_id: str, number: int) -> list[Change]:
    """Return what an account told of a number, as far as it is folded and the log still holds it."""
    rows = connection.execute(_APPLIED_OF, {"of_account": account_id, "of_number": number})
    return with_host_ids(connection, account_id, [_opened(row, sealer) for row in rows])


def mark_folded(connection: Connection, ids: Iterable[int], *, now: int) -> None:
    """Note that these events are part of their meetings since `now` (ms since 1970, UTC, by the store's clock)."""
    every = list(ids)
    for start in range(0, len(every), _MARKED):
        connection.execute(_MARKING, {"ids": every[start : start + _MARKED], "moment": now})


def mark_failed(connection: Connection, account_id: str, number: int | None, *, reason: str) -> None:
    """Note that a meeting's pending events could not be folded, so that other meetings go on."""
    connection.execute(
        update(events)
        .where(
            events.c.account_id == account_id, events.c.number == number, events.c.outcome == Outcome.PENDING
        )
        .values(outcome=Outcome.FAILED, reason=reason)
    )


def cutoff_for(connection: Connection, most: int) -> int | None:
    """Return the moment (ms since 1970, UTC) before which events must go for `most` to be left; None if none."""
    newest_surplus = select(events.c.at).order_by(events.c.at.desc()).offset(most).limit(1)
    at: int | None = connection.scalar(newest_surplus)
    return None if at is None else at + 1


def meetings_before(connection: Connection, moment: int, limit: int) -> list[tuple[str, int]]:
    """Return accounts and numbers of meetings with folded events that happened before `moment`."""
    rows = connection.execute(
        select(events.c.account_id, events.c.number)
        .where(events.c.at < moment, events.c.outcome == Outcome.APPLIED)
        .distinct()
        .limit(limit)
    )
    return [(account_id, number) for account_id, number in rows]


def drop_folded(connection: Connection, account_id: str, number: int, last: Position) -> int:
    """Drop a meeting's folded events up to a place in their order; return how many that were."""
    rows = connection.execute(
        select(events.c.id, events.c.at, events.c.rank, events.c.digest).where(
            events.c.account_id == account_id,
            events.c.number == number,
            events.c.at <= last.at,
            events.c.outcome == Outcome.APPLIED,
        )
    )
    ids = [row.id for row in rows if not last < Position(row.at, row.rank, row.digest)]
    if ids:
        connection.execute(
            delete(events).where(events.c.id == bindparam("event_id")), [{"event_id": id_} for id_ in ids]
        )
    return len(ids)


def drop_others(connection: Connection, moment: int, limit: int) -> int:
    """Drop events that happened before `moment` and made nothing; return how many that were."""
    chosen = select(events.c.id).where(events.c.at < moment, events.c.outcome.in_(_MADE_NOTHING)).limit(limit)
    return connection.execute(delete(events).where(events.c.id.in_(chosen))).rowcount


def latest(connection: Connection, limit: int, *, site_id: str | None = None) -> list[Logged]:
    """Return the newest lines of the log, newest first."""
    columns = [events.c[name] for name in Logged.__dataclass_fields__]
    query = select(*columns).order_by(events.c.id.desc()).limit(limit)
    if site_id is not None:
        query = query.where(events.c.site_id == site_id)
    return [Logged(*row) for row in connection.execute(query)]


def last_of_site(
    connection: Connection, site_id: str, sealer: Sealer, *, limit: int
) -> list[tuple[int, Request]]:
    """Return the last requests that came to a site's endpoint, the newest first, and when (ms since 1970, UTC).

    Tests are not among them. Looked for among the last events of all sites, so that a quiet one costs no more.
    """
    recent = select(func.max(events.c.id) - _FAR_ENOUGH).scalar_subquery()
    rows = connection.execute(
        select(events.c.received_at, events.c.request, events.c.account_id)
        .where(events.c.id > recent, events.c.site_id == site_id)
        .order_by(events.c.id.desc())
        .limit(2 * limit)
    )
    found = [
        (row.received_at, Request.opened(row.request, sealer)) for row in rows if not is_probe(row.account_id)
    ]
    return found[:limit]


# Statements of the busiest paths are made once: SQLAlchemy takes longer to build one than SQLite to run it.

# As text: only then does SQLite see that its index of pending events serves.
_IS_PENDING = events.c.outcome == literal_column(f"'{Outcome.PENDING}'")
IS_WAITING = events.c.outcome == literal_column(f"'{Outcome.WAITING}'")
_OF_MEETING = select(
    events.c.id, events.c.at, events.c.rank, events.c.digest, events.c.request, events.c.outcome
).where(events.c.account_id == bindparam("of_account"), events.c.number == bindparam("of_number"))
_PENDING_OF = _OF_MEETING.where(_IS_PENDING)
_APPLIED_OF = _OF_MEETING.where(events.c.outcome == Outcome.APPLIED)
_ACTED_ON_OF = _OF_MEETING.where(events.c.outcome.in_([Outcome.PENDING, Outcome.APPLIED]))


_ROWS = 64  # in one statement


def _insert(connection: Connection, rows: list[dict[str, Any]]) -> Iterable[str]:
    """Insert rows that have the same columns; return the digests of those that were not there.

    By hand, since this is done for every event: what SQLAlchemy does for each row takes several times as long
    as SQLite's own work.
    """
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql(
            _inserting("%s", tuple(rows[0]), len(rows)), _values(rows)
        ).scalars()
    # Nobody else writes, so what is not there now is new. Each row of an answer would hand the interpreter over
    # and back, which takes long while another thread computes; and there is seldom one.
    digests = tuple(row["digest"] for row in rows)
    seen = set(connection.exec_driver_sql(_looking_for(len(rows)), digests).scalars())
    new = [row for row in rows if row["digest"] not in seen] if seen else rows
    if new:
        connection.exec_driver_sql(_inserting("?", tuple(new[0]), len(new)), _values(new))
    return [row["digest"] for row in new]


def _values(rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    return tuple(value for row in rows for value in row.values())


@cache
def _inserting(mark: str, names: tuple[str, ...], count: int) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    row = f"({', '.join([mark] * len(names))})"
    made = f"INSERT INTO {events.name} ({columns}) VALUES {', '.join([row] * count)}"  # noqa: S608 - names of columns
    return made if mark == "?" else made + " ON CONFLICT (digest) DO NOTHING RETURNING digest"


@cache
def _looking_for(count: int) -> str:
    return f"SELECT digest FROM {events.name} WHERE digest IN ({', '.join('?' * count)})"  # noqa: S608 - marks


_NOTING_LAST = Prepared(
    lambda _: (
        update(sites)
        .where(sites.c.id == bindparam("of_site"))
        .values(last_event=bindparam("event"), last_event_at=bindparam("at"))
    )
)
_MARKED = 500  # in one statement
_MARKING = (
    update(events)
    .where(events.c.id.in_(bindparam("ids", expanding=True)))
    .values(outcome=Outcome.APPLIED, applied_at=bindparam("moment"))
)


_RESERVING = text("SELECT nextval(pg_get_serial_sequence('events', 'id')) FROM generate_series(1, :count)")


def _in_common_order(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let processes that got the same events in another order wait for each other, but not in a circle.

    The ids still tell the order of arrival.
    """
    ids = sorted(connection.scalars(_RESERVING, {"count": len(rows)}))
    numbered = [row | {"id": id_} for row, id_ in zip(rows, ids, strict=True)]
    return sorted(numbered, key=lambda row: str(row["digest"]))


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "digest": entry.digest,
        "account_id": entry.account_id,
        "number": entry.number,
        "event": entry.event,
        "at": entry.position.at,
        "rank": entry.position.rank,
        "received_at": entry.received_at,
        "site_id": entry.site_id,
        "request_id": entry.request_id,
        "request": entry.request,
        "outcome": entry.outcome.value,
        "reason": entry.reason,
    }


def _note_activity(connection: Connection, entries: Sequence[Entry]) -> None:
    """Note when a site's endpoint was last used. A test says nothing of Zoom."""
    of_zoom = [entry for entry in entries if not is_probe(entry.account_id)]
    seen = {entry.site_id: entry for entry in of_zoom if entry.site_id is not None}
    for site_id, entry in sorted(seen.items()):
        said = {"of_site": site_id, "event": entry.event, "at": entry.received_at}
        _NOTING_LAST(connection, said)


def _hold_ungranted(connection: Connection, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries, those of accounts that are not granted to their site as waiting.

    An account may be granted by its first event: see `core.store.sites.grants`.
    """
    pairs = {(entry.account_id, entry.site_id) for entry in entries if entry.site_id is not None}
    ungranted = {pair for pair in sorted(pairs) if not grants.is_granted(connection, *pair)}
    for account_id, site_id in sorted(ungranted):
        received_at = max(entry.received_at for entry in entries if entry.site_id == site_id)
        now = min(received_at, clock.now(connection))
        if grants.learn(connection, account_id, site_id, now=now):
            # A site new to this account shows all of its meetings, not only those yet to come.
            queue.schedule_site(connection, account_id, site_id, now=now)
    # Another process may have been quicker.
    ungranted = {pair for pair in sorted(ungranted) if not grants.is_granted(connection, *pair)}
    return [_waiting(entry) if (entry.account_id, entry.site_id) in ungranted else entry for entry in entries]


def _waiting(entry: Entry) -> Entry:
    digest = f"waiting:{entry.site_id}:{entry.digest}"
    return replace(entry, digest=digest, outcome=Outcome.WAITING, reason=messages.WAITING_FOR_GRANT)


def _drop_surplus(
    connection: Connection, waiting: Iterable[tuple[str, str]], *, most: int, most_of_site: int
) -> None:
    """Drop the oldest events that wait for a grant, where there are too many."""
    for account_id, site_id in sorted(waiting):
        of_site = and_(IS_WAITING, events.c.site_id == site_id)
        for chosen, limit in (
            (and_(of_site, events.c.account_id == account_id), most),
            (of_site, most_of_site),
        ):
            surplus = select(events.c.id).where(chosen).order_by(events.c.id.desc()).offset(limit)
            connection.execute(delete(events).where(events.c.id.in_(surplus)))


def reopen(connection: Connection, ids: Sequence[int]) -> int:
    """Make failed and ignored events pending again, so that they are folded again; return their number."""
    changed = connection.execute(
        update(events)
        .where(events.c.id.in_(list(ids)), events.c.outcome.in_([Outcome.FAILED, Outcome.IGNORED]))
        .values(outcome=Outcome.PENDING, reason=None, applied_at=None)
    )
    if changed.rowcount:
        notify.notify(connection, notify.EVENTS)
    return changed.rowcount


def replace_unreadable(connection: Connection, event_id: int, entry: Entry) -> bool:
    """Replace an unreadable event by what it was read as since, under its id; return whether it was there.

    Where the log holds that event already, from another delivery, the unreadable one is dropped.
    """
    is_it = (events.c.id == event_id, events.c.outcome == Outcome.UNREADABLE)
    if not connection.execute(delete(events).where(*is_it)).rowcount:
        return False
    (is_new,) = append(connection, [entry])
    if is_new:
        connection.execute(update(events).where(events.c.digest == entry.digest).values(id=event_id))
    return True


def newest_pending(connection: Connection, account_id: str) -> int | None:
    """Return the id of an account's newest event that is not folded yet, or None."""
    newest: int | None = connection.scalar(select(func.max(events.c.id)).where(_is_pending(account_id)))
    return newest


def is_pending_up_to(connection: Connection, account_id: str, event_id: int) -> bool:
    """Tell whether an event of the account, up to this one, is not folded yet."""
    query = select(events.c.id).where(_is_pending(account_id), events.c.id <= event_id).limit(1)
    return connection.execute(query).first() is not None


def _is_pending(account_id: str) -> Any:
    # As text: only then does SQLite use its partial index of pending events.
    return and_(events.c.account_id == account_id, events.c.outcome == literal_column("'pending'"))
