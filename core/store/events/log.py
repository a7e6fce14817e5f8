"""The event log: every authentic event, stored once, as received. After that only its outcome changes.

Functions run in the caller's transaction; times are Unix milliseconds (UTC). Personal names are removed after the
retention time: see `core.store.events.name_removal`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, false, func, literal, literal_column, select, text, update

from core import messages
from core.model.fold import Change
from core.model.health_facts import FactName
from core.model.meeting import Position
from core.model.state_fields import named_hosts
from core.store.accounts import users as zoom_users
from core.store.db import clock, locks, notify
from core.store.db.schema import events, health_facts, sites
from core.store.db.statements import Prepared
from core.store.events.request import Request
from core.store.events.waiting_limits import DEFAULT_LIMITS, WaitingLimits, digest_prefix, enforce
from core.store.posts import queue
from core.store.sites import grants, health
from core.zoom import envelope as zoom_envelope
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.zoom.envelope import Envelope


_PASSED_OVER = 10  # times as many meetings are looked at as are taken, for what other processes have
_FAR_ENOUGH = 10_000  # events that are looked through for those of one site


class Outcome(StrEnum):
    """The outcome of an event."""

    PENDING = "pending"  # durable, not folded yet
    APPLIED = "applied"  # part of its meeting's state
    IGNORED = "ignored"  # kept, but changes nothing on a site
    UNREADABLE = "unreadable"  # authentic, but this version cannot parse it; kept for one that can
    FAILED = "failed"  # not folded because of a bug in the bridge; kept for a corrected version
    WAITING = "waiting"  # authentic, but its account has no grant for the site that received it


_MADE_NOTHING = (Outcome.IGNORED, Outcome.UNREADABLE, Outcome.FAILED, Outcome.WAITING)


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to append. `request` is the encrypted request, `digest` identifies the event.

    `site_id` is the site that received it, `number` the meeting number; either is None where the event has none.
    """

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

    @property
    def trace_id(self) -> str:
        """The id by which the bridge's log lines name the event."""
        return trace_id(self.digest)


@dataclass(frozen=True, slots=True)
class Logged:
    """An event in the log, without its body. `at` is Zoom's time of the event."""

    id: int
    event: str
    account_id: str
    number: int | None
    at: int
    received_at: int
    site_id: str | None
    outcome: str
    reason: str | None


def trace_id(digest: str) -> str:
    """Return the id by which log lines name an event: 32 hexadecimal digits, the same for each delivery of it. Pure.

    What stands before it in a digest tells where the event belongs: see `_waiting` and `core.pipeline.ingest`.
    """
    return digest.rpartition(":")[2]


def append(
    connection: Connection,
    entries: Sequence[Entry],
    *,
    waiting_limits: WaitingLimits = DEFAULT_LIMITS,
) -> list[bool]:
    """Append events. Returns for each whether it is new; a duplicate leaves the stored event unchanged.

    An event whose account has no grant for the receiving site is stored as `waiting` under a digest of its own, so
    that the same event still counts as new at a site that its account is granted to; there are `waiting_limits` for
    these. The commit notifies the fold workers of other processes.
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
    held = [entry for entry in entries if entry.outcome is Outcome.WAITING and entry.digest in new]
    if held:
        now = max(entry.received_at for entry in held)
        site_ids = {entry.site_id for entry in held if entry.site_id is not None}
        enforce(connection, site_ids, now=now, limits=waiting_limits)
    if any(entry.digest in new and entry.outcome is Outcome.PENDING for entry in entries):
        notify.notify(connection, notify.EVENTS)
    result = []
    for entry in entries:
        result.append(entry.digest in new)
        new.discard(entry.digest)
    return result


def pending_meetings(connection: Connection, limit: int) -> list[tuple[str, int | None]]:
    """Return account and number of up to `limit` meetings with pending events, the longest waiting first.

    The number is None for events that name only instances of meetings: see `core.model.recording_batches`. The
    meetings are locked until the transaction ends; other processes skip them.
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
    """Return the changes of a meeting (pending ones only, or applied ones as well) and the ids of its pending events.

    The changes are not sorted. Raises: StoreError if an event cannot be decrypted.
    """
    meeting = {"of_account": account_id, "of_number": number}
    rows = connection.execute(_PENDING_OF if pending_only else _ACTED_ON_OF, meeting).all()
    changes = with_host_ids(connection, sealer, account_id, [_opened(row, sealer) for row in rows])
    return changes, [row.id for row in rows if row.outcome == Outcome.PENDING]


def _opened(row: Any, sealer: Sealer) -> tuple[Position, Envelope]:
    envelope = zoom_envelope.parse(Request.opened(row.request, sealer).body)
    return Position(row.at, row.rank, row.digest), envelope


def with_host_ids(
    connection: Connection, sealer: Sealer, account_id: str, opened: Sequence[tuple[Position, Envelope]]
) -> list[Change]:
    """Return parsed events as changes, with the Zoom ids of the account's users that they name as alternative hosts."""
    names = {name for _, envelope in opened for name in named_hosts(envelope.payload.object or {})}
    host_ids = zoom_users.ids_by_name(connection, sealer, account_id, names) if names else {}
    return [Change(position, envelope, host_ids) for position, envelope in opened]


def applied_changes(connection: Connection, sealer: Sealer, account_id: str, number: int) -> list[Change]:
    """Return the applied changes of an account's meeting that the log still holds, not sorted."""
    rows = connection.execute(_APPLIED_OF, {"of_account": account_id, "of_number": number})
    return with_host_ids(connection, sealer, account_id, [_opened(row, sealer) for row in rows])


def mark_folded(connection: Connection, ids: Iterable[int], *, now: int) -> None:
    """Mark events as applied at `now`, by the store's clock."""
    every = list(ids)
    for start in range(0, len(every), _MARKED):
        connection.execute(_MARKING, {"ids": every[start : start + _MARKED], "moment": now})


def trace_ids(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """Return the trace ids of events by their ids."""
    every = list(ids)
    return {
        event_id: trace_id(digest)
        for start in range(0, len(every), _MARKED)
        for event_id, digest in connection.execute(
            select(events.c.id, events.c.digest).where(events.c.id.in_(every[start : start + _MARKED]))
        )
    }


def pending_ids(connection: Connection, account_id: str, number: int) -> list[int]:
    """Return the ids of a meeting's pending events."""
    meeting = and_(_is_pending(account_id), events.c.number == number)
    return list(connection.scalars(select(events.c.id).where(meeting)))


def outcomes_of(connection: Connection, account_id: str, number: int) -> dict[int, tuple[int, str]]:
    """Return times and outcomes of the pending and applied events of a meeting, by id."""
    meeting = events.c.account_id == account_id, events.c.number == number
    is_acted_on = events.c.outcome.in_([Outcome.PENDING, Outcome.APPLIED])
    rows = connection.execute(select(events.c.id, events.c.at, events.c.outcome).where(*meeting, is_acted_on))
    return {row.id: (row.at, row.outcome) for row in rows}


def mark_failed(connection: Connection, ids: Iterable[int], *, reason: str) -> None:
    """Mark pending events as failed, so that they do not block others."""
    every = list(ids)
    for start in range(0, len(every), _MARKED):
        named = events.c.id.in_(every[start : start + _MARKED])
        connection.execute(
            update(events)
            .where(named, events.c.outcome == Outcome.PENDING)
            .values(outcome=Outcome.FAILED, reason=reason)
        )


def meetings_before(
    connection: Connection, moment: int, limit: int, *, account_id: str | None = None
) -> list[tuple[str, int]]:
    """Return account and number of up to `limit` meetings with applied events from before `moment`.

    Of all accounts, or of one.
    """
    of_account = [] if account_id is None else [events.c.account_id == account_id]
    rows = connection.execute(
        select(events.c.account_id, events.c.number)
        .where(events.c.at < moment, events.c.outcome == Outcome.APPLIED, *of_account)
        .distinct()
        .limit(limit)
    )
    return [(account, number) for account, number in rows]


def drop_folded(connection: Connection, account_id: str, number: int, last: Position) -> int:
    """Delete a meeting's applied events up to and including the position `last`. Returns their number."""
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


def drop_others(connection: Connection, moment: int, limit: int, *, account_id: str | None = None) -> int:
    """Delete up to `limit` events from before `moment` that changed no meeting, of all accounts or of one.

    Returns their number.
    """
    of_account = [] if account_id is None else [events.c.account_id == account_id]
    is_old = events.c.at < moment, events.c.outcome.in_(_MADE_NOTHING)
    chosen = select(events.c.id).where(*is_old, *of_account).limit(limit)
    return connection.execute(delete(events).where(events.c.id.in_(chosen))).rowcount


def latest(connection: Connection, limit: int, *, site_id: str | None = None) -> list[Logged]:
    """Return the events appended last, to all sites or to one, newest first."""
    columns = [events.c[name] for name in Logged.__dataclass_fields__]
    query = select(*columns).order_by(events.c.id.desc()).limit(limit)
    if site_id is not None:
        query = query.where(events.c.site_id == site_id)
    return [Logged(*row) for row in connection.execute(query)]


def last_of_site(
    connection: Connection, site_id: str, sealer: Sealer, *, limit: int
) -> list[tuple[int, Request]]:
    """Return the time and the decrypted request of the last events that a site's endpoint received, newest first.

    Self-tests are left out. Only the last 10,000 events of all sites are searched, so that a site with few events
    costs no more.
    """
    recent = select(func.max(events.c.id) - _FAR_ENOUGH).scalar_subquery()
    rows = connection.execute(
        select(events.c.received_at, events.c.request, events.c.account_id)
        .where(events.c.id > recent, events.c.site_id == site_id)
        .order_by(events.c.id.desc())
        .limit(2 * limit)
    )
    found = [
        (row.received_at, request)
        for row in rows
        if not is_probe(row.account_id)
        and (request := Request.opened_or_none(row.request, sealer)) is not None
    ]
    return found[:limit]


# Statements of the busiest paths are made once: SQLAlchemy takes longer to build one than SQLite to run it.

# As text: only then does SQLite see that its index of pending events serves.
_IS_PENDING = events.c.outcome == literal_column(f"'{Outcome.PENDING}'")
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
_ENDING_UNREACHED = Prepared(
    lambda _: delete(health_facts).where(
        health_facts.c.site_id == bindparam("of_site"),
        health_facts.c.name == literal(str(FactName.BRIDGE)),
        health_facts.c.well == false(),
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
    """Note when a site's endpoint was last used. A test says nothing of Zoom.

    WordPress passed the events on: that it cannot reach the bridge is not true any more.
    """
    of_zoom = [entry for entry in entries if not is_probe(entry.account_id)]
    seen = {entry.site_id: entry for entry in of_zoom if entry.site_id is not None}
    for site_id, entry in sorted(seen.items()):
        said = {"of_site": site_id, "event": entry.event, "at": entry.received_at}
        _NOTING_LAST(connection, said)
        if _ENDING_UNREACHED(connection, {"of_site": site_id}).rowcount > 0:
            health.request_check(connection, site_id)


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
    digest = digest_prefix(entry.site_id or "") + entry.digest
    return replace(entry, digest=digest, outcome=Outcome.WAITING, reason=messages.WAITING_FOR_GRANT)


def reopen(connection: Connection, ids: Sequence[int]) -> int:
    """Make failed and ignored events pending again, so that they are folded again. Returns their number."""
    changed = connection.execute(
        update(events)
        .where(events.c.id.in_(list(ids)), events.c.outcome.in_([Outcome.FAILED, Outcome.IGNORED]))
        .values(outcome=Outcome.PENDING, reason=None, applied_at=None)
    )
    if changed.rowcount:
        notify.notify(connection, notify.EVENTS)
    return changed.rowcount


def replace_unreadable(connection: Connection, event_id: int, entry: Entry) -> bool:
    """Replace an unreadable event by the entry parsed from it, under the same id. Returns whether it existed.

    If the log already holds the parsed event, from another delivery, the unreadable one is only deleted.
    """
    is_it = (events.c.id == event_id, events.c.outcome == Outcome.UNREADABLE)
    if not connection.execute(delete(events).where(*is_it)).rowcount:
        return False
    (is_new,) = append(connection, [entry])
    if is_new:
        connection.execute(update(events).where(events.c.digest == entry.digest).values(id=event_id))
    return True


def first_pending(connection: Connection) -> int | None:
    """Return the id of the event that is to be folded next; None if nothing is pending."""
    # Not by the id itself: then the database would look through all events for the first that is pending.
    first: int | None = connection.scalar(select(func.min(events.c.id + 0)).where(_IS_PENDING))
    return first


def is_pending(connection: Connection, event_id: int) -> bool:
    """Return whether an event is pending."""
    query = select(events.c.id).where(events.c.id == event_id, events.c.outcome == Outcome.PENDING)
    return connection.execute(query).first() is not None


def newest_pending(connection: Connection, account_id: str) -> int | None:
    """Return the id of an account's newest pending event; None if there is none."""
    newest: int | None = connection.scalar(select(func.max(events.c.id)).where(_is_pending(account_id)))
    return newest


def is_pending_up_to(connection: Connection, account_id: str, event_id: int) -> bool:
    """Return whether an event of the account is pending, among those with ids up to `event_id`."""
    query = select(events.c.id).where(_is_pending(account_id), events.c.id <= event_id).limit(1)
    return connection.execute(query).first() is not None


def _is_pending(account_id: str) -> Any:
    # As text: only then does SQLite use its partial index of pending events.
    return and_(events.c.account_id == account_id, events.c.outcome == literal_column("'pending'"))
