"""Map recorded instances to meetings, and split events that name instances only: see `core.model.recording_batches`.

Both sides are stored, and whichever comes second finds the first: a batch finds the known instances, a recording the
batches that named it. Each match enters the log as an event of the meeting. Ordinary events are not affected.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import and_, delete, exists, func, literal_column, select, update

from core.model import recording_batches
from core.model.fold import position
from core.model.instance_events import named_instances
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

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """An event that names no meeting, but instances or a host. Times are Unix milliseconds (UTC)."""

    id: int
    digest: str
    account_id: str
    at: int
    received_at: int
    envelope: Envelope


def entry_of_part(sealer: Sealer, batch: Batch, number: int, raw: bytes) -> Entry:
    """Return the pending log entry of one meeting of a batch, from its event `raw` (JSON)."""
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


def lock_accounts(connection: Connection, account_ids: Iterable[str]) -> None:
    """Lock the instances of accounts until the transaction ends; blocks. Sorted, so that processes do not deadlock."""
    for account_id in sorted(set(account_ids)):
        locks.acquire(connection, "instances", account_id)


def pending_batches(
    connection: Connection, sealer: Sealer, account_id: str
) -> tuple[list[Batch], dict[int, Exception]]:
    """Return an account's first events that name no meeting and are not split yet; by id why others cannot be read."""
    # As text: only then does SQLite use its partial index of pending events.
    is_pending = events.c.outcome == literal_column(f"'{Outcome.PENDING}'")
    found = select(*_COLUMNS).where(is_pending, events.c.account_id == account_id, events.c.number.is_(None))
    batches, errors = [], {}
    for row in connection.execute(found.order_by(events.c.id).limit(_BATCHES_AT_ONCE)).all():
        try:
            batches.append(_batch(row, sealer))
        except Exception as error:
            logger.exception("fold_failed", account_id=account_id, event_id=row.id)
            errors[row.id] = error
    return batches, errors


def split_batch(connection: Connection, sealer: Sealer, batch: Batch) -> list[Entry]:
    """Store the instances that a batch names, and log an event for each known one. Call `lock_accounts` first.

    Returns the log entries.
    """
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
    parts = [_part(sealer, batch, uuid, number) for uuid, number in known]
    log.append(connection, parts)
    _update_outcome(connection, batch.id)
    return parts


def add_instances(
    connection: Connection, sealer: Sealer, account_id: str, number: int, uuids: Collection[str]
) -> bool:
    """Store recorded instances of a meeting; returns whether earlier batches added events of them to the log.

    Call `lock_accounts` first.
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
            _update_outcome(connection, event_id)
    return grown


def delete_instances_except(
    connection: Connection, account_id: str, number: int, kept: Collection[str]
) -> None:
    """Delete a meeting's instances except those still named by it or its events. Call `lock_accounts` first."""
    mine = (recording_instances.c.account_id == account_id, recording_instances.c.number == number)
    gone = set(connection.scalars(select(recording_instances.c.uuid).where(*mine))) - set(kept)
    for some in _chunks(sorted(gone)):
        connection.execute(delete(recording_instances).where(*mine, recording_instances.c.uuid.in_(some)))


def delete_batch_items_before(connection: Connection, moment: int, *, account_id: str | None = None) -> None:
    """Delete the items of batches from before `moment` (Unix ms, UTC), of all accounts or of one.

    Retention deletes these events, too.
    """
    items = recording_batch_items.c
    of_account = [] if account_id is None else [items.account_id == account_id]
    connection.execute(delete(recording_batch_items).where(items.at < moment, *of_account))


_COLUMNS = [events.c[name] for name in ("id", "digest", "account_id", "at", "received_at", "request")]


def _batch(row: Any, sealer: Sealer) -> Batch:
    envelope = zoom_envelope.parse(Request.opened(row.request, sealer).body)
    return Batch(row.id, row.digest, row.account_id, row.at, row.received_at, envelope)


def _part(sealer: Sealer, batch: Batch, uuid: str, number: int) -> Entry:
    """Return the log entry of the meeting for one instance of a batch."""
    raw = recording_batches.event_of_instance(
        batch.envelope, batch.digest, uuid=uuid, number=number, at=batch.at
    )
    return entry_of_part(sealer, batch, number, raw)


def _update_outcome(connection: Connection, event_id: int) -> None:
    """Update outcome and reason of a batch in the log."""
    items, instances = recording_batch_items.c, recording_instances.c
    every = select(func.count()).where(items.event_id == event_id)
    # Not "in": then SQLite would look through all instances.
    is_known = exists().where(instances.account_id == items.account_id, instances.uuid == items.uuid)
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
