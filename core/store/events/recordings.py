"""Which recorded instance is of which meeting, and which events name instances alone: see `core.model.recording_batches`.

Both sides are noted, and whichever comes second finds the first: a batch those instances that are known, a recording
those batches that have named it. What is found enters the log as an event of the meeting. Ordinary events have no part
in this.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, literal_column, select, tuple_, update

from core.model import recording_batches
from core.model.activity import named_instances
from core.model.fold import position
from core.store.db import locks
from core.store.db.schema import events, recording_batch_items, recording_instances
from core.store.db.upsert import insert
from core.store.events import log
from core.store.events.log import Entry, Outcome
from core.store.events.request import Request
from core.zoom import envelope as zoom_envelope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sqlalchemy import Connection

    from core.store.db.encryption import Sealer
    from core.zoom.envelope import Envelope

_BATCHES_AT_ONCE = 10  # each may be a megabyte
_AT_ONCE = 400  # values in one statement


@dataclass(frozen=True, slots=True)
class Batch:
    """A line of the log that names instances and no meeting. Times are in milliseconds since 1970, UTC."""

    id: int
    digest: str
    account_id: str
    at: int
    received_at: int
    envelope: Envelope


def hold(connection: Connection, account_ids: Iterable[str]) -> None:
    """Wait for who looks at the instances of these accounts, in one order for all processes."""
    for account_id in sorted(set(account_ids)):
        locks.acquire(connection, "instances", account_id)


def pending_batches(connection: Connection, sealer: Sealer, account_id: str) -> list[Batch]:
    """Return the first batches of an account that were not taken apart yet."""
    # As text: only then does SQLite see that its index of pending events serves.
    is_pending = events.c.outcome == literal_column(f"'{Outcome.PENDING}'")
    found = select(*_COLUMNS).where(is_pending, events.c.account_id == account_id, events.c.number.is_(None))
    rows = connection.execute(found.order_by(events.c.id).limit(_BATCHES_AT_ONCE))
    return [_batch(row, sealer) for row in rows]


def take_apart(connection: Connection, sealer: Sealer, batch: Batch) -> None:
    """Note what a batch names, and put what it says of known instances into the log. `hold` comes before."""
    uuids = list(named_instances(batch.envelope))
    noted = {"event_id": batch.id, "account_id": batch.account_id, "at": batch.at}
    for some in _chunks(uuids):
        rows = [noted | {"uuid": uuid} for uuid in some]
        connection.execute(insert(connection, recording_batch_items).values(rows).on_conflict_do_nothing())
    known = [
        (row.uuid, row.number)
        for some in _chunks(uuids)
        for row in connection.execute(
            select(recording_instances.c.uuid, recording_instances.c.number).where(
                recording_instances.c.account_id == batch.account_id, recording_instances.c.uuid.in_(some)
            )
        )
    ]
    log.append(connection, [_part(sealer, batch, uuid, number) for uuid, number in known])
    _tell(connection, batch.id)


def introduce(
    connection: Connection, sealer: Sealer, account_id: str, number: int, uuids: Collection[str]
) -> bool:
    """Note which instances of a meeting were recorded; tell whether its log has grown by what batches say of them.

    `hold` comes before.
    """
    mine = and_(recording_instances.c.account_id == account_id, recording_instances.c.number == number)
    seen = {
        uuid
        for some in _chunks(uuids)
        for uuid in connection.scalars(
            select(recording_instances.c.uuid).where(mine, recording_instances.c.uuid.in_(some))
        )
    }
    new = sorted(set(uuids) - seen)
    if not new:
        return False
    grown = False
    for some in _chunks(new):
        rows = [{"account_id": account_id, "uuid": uuid, "number": number} for uuid in some]
        connection.execute(recording_instances.insert(), rows)
        waiting = connection.execute(
            select(recording_batch_items.c.uuid, *_COLUMNS)
            .join(events, events.c.id == recording_batch_items.c.event_id)
            .where(recording_batch_items.c.account_id == account_id, recording_batch_items.c.uuid.in_(some))
            .order_by(events.c.id)
        ).all()
        parts = [_part(sealer, _batch(row, sealer), row.uuid, number) for row in waiting]
        grown = any(log.append(connection, parts)) or grown
        for event_id in {row.id for row in waiting}:
            _tell(connection, event_id)
    return grown


def forget_but(connection: Connection, account_id: str, number: int, kept: Collection[str]) -> None:
    """Forget the instances of a meeting that neither the meeting nor its events name any more. `hold` comes before."""
    mine = (recording_instances.c.account_id == account_id, recording_instances.c.number == number)
    gone = set(connection.scalars(select(recording_instances.c.uuid).where(*mine))) - set(kept)
    for some in _chunks(sorted(gone)):
        connection.execute(delete(recording_instances).where(*mine, recording_instances.c.uuid.in_(some)))


def drop_batches_before(connection: Connection, moment: int) -> None:
    """Forget what events named that happened before `moment`: the log drops these events as well."""
    connection.execute(delete(recording_batch_items).where(recording_batch_items.c.at < moment))


_COLUMNS = [events.c[name] for name in ("id", "digest", "account_id", "at", "received_at", "request")]


def _batch(row: Any, sealer: Sealer) -> Batch:
    envelope = zoom_envelope.parse(Request.opened(row.request, sealer).body)
    return Batch(row.id, row.digest, row.account_id, row.at, row.received_at, envelope)


def _part(sealer: Sealer, batch: Batch, uuid: str, number: int) -> Entry:
    """Return what a batch says of an instance as a line of the log of its meeting."""
    raw = recording_batches.event_of_instance(
        batch.envelope, batch.digest, uuid=uuid, number=number, at=batch.at
    )
    envelope = zoom_envelope.parse(raw)
    digest = zoom_envelope.digest(envelope)
    return Entry(
        digest=digest,
        account_id=batch.account_id,
        number=number,
        event=envelope.event,
        position=position(envelope, digest, received_at=batch.received_at),
        received_at=batch.received_at,
        site_id=None,
        request_id=None,
        request=Request({}, raw).sealed(sealer),
        outcome=Outcome.PENDING,
    )


def _tell(connection: Connection, event_id: int) -> None:
    """Say in the log what became of a batch."""
    every = select(func.count()).where(recording_batch_items.c.event_id == event_id)
    place = (recording_batch_items.c.account_id, recording_batch_items.c.uuid)
    is_known = tuple_(*place).in_(select(recording_instances.c.account_id, recording_instances.c.uuid))
    reason = recording_batches.reason(
        connection.scalar(every) or 0, connection.scalar(every.where(is_known)) or 0
    )
    connection.execute(
        update(events).where(events.c.id == event_id).values(outcome=Outcome.IGNORED, reason=reason)
    )


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(values)
    while some := list(islice(iterator, _AT_ONCE)):
        yield some
