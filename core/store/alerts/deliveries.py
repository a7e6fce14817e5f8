"""Deliveries of alerts: one row for each message and channel, with its attempts and outcome.

They are a durable queue: whoever claims one has it until its lease ends. Each has its own attempts, so that neither a
channel nor a message delays others. Functions run in the caller's transaction; times are Unix milliseconds
(UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, insert, select, update

from core.store.db import locks
from core.store.db.schema import alert_deliveries

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection, RowMapping

MOST_PENDING = 100
"""The most that wait at one channel: where there are more, the oldest are dropped."""
MOST_ENDED = 50
"""The most that are kept of one channel after their end."""
_LONGEST = 300


class MessageKind(StrEnum):
    """What a message tells."""

    CRITICAL = "alerts.critical"
    ENDED = "alerts.ended"
    DIGEST = "alerts.digest"
    TEST = "alerts.test"


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"  # for its first or next attempt
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one channel. `message_id` is the same in all attempts; `outcome` says what became of the last."""

    id: int
    channel_id: str
    message_id: str
    kind: MessageKind
    payload: Mapping[str, Any]
    state: DeliveryState
    attempts: int
    due_at: int
    outcome: str
    created_at: int
    ended_at: int | None


def add(
    connection: Connection,
    channel_id: str,
    kind: MessageKind,
    payload: Mapping[str, Any],
    *,
    message_id: str,
    now: int,
    due_at: int | None = None,
) -> Delivery:
    """Queue a message for a channel, due now unless `due_at` is given."""
    delivery_id = connection.execute(
        insert(alert_deliveries)
        .values(
            channel_id=channel_id,
            message_id=message_id,
            kind=kind.value,
            payload=dict(payload),
            state=DeliveryState.PENDING.value,
            attempts=0,
            due_at=now if due_at is None else due_at,
            outcome="",
            created_at=now,
        )
        .returning(alert_deliveries.c.id)
    ).scalar_one()
    _keep(connection, channel_id, DeliveryState.PENDING, MOST_PENDING)
    return load(connection, delivery_id)


def load(connection: Connection, delivery_id: int) -> Delivery:
    """Return a delivery."""
    query = select(alert_deliveries).where(alert_deliveries.c.id == delivery_id)
    return _delivery(connection.execute(query).mappings().one())


def claim(
    connection: Connection, *, now: int, until: int, limit: int, underway: Collection[str] = ()
) -> list[Delivery]:
    """Claim due deliveries, the oldest of each channel. Others leave them alone until `until`.

    Channels that are `underway` are left out.
    """
    locks.acquire(connection, "alert-deliveries")
    oldest = (
        select(func.min(alert_deliveries.c.id))
        .where(
            alert_deliveries.c.state == DeliveryState.PENDING.value,
            alert_deliveries.c.due_at <= now,
            alert_deliveries.c.channel_id.not_in(list(underway)),
        )
        .group_by(alert_deliveries.c.channel_id)
    )
    query = select(alert_deliveries).where(alert_deliveries.c.id.in_(oldest))
    rows = connection.execute(query.order_by(alert_deliveries.c.id).limit(limit)).mappings()
    found = [_delivery(row) for row in rows]
    ids = [one.id for one in found]
    connection.execute(update(alert_deliveries).where(alert_deliveries.c.id.in_(ids)).values(due_at=until))
    return found


def next_due(connection: Connection, *, underway: Collection[str] = ()) -> int | None:
    """Return when the next pending delivery is due, of channels that are not `underway`; None without one."""
    found: int | None = connection.scalar(
        select(func.min(alert_deliveries.c.due_at)).where(
            alert_deliveries.c.state == DeliveryState.PENDING.value,
            alert_deliveries.c.channel_id.not_in(list(underway)),
        )
    )
    return found


def drop_pending(connection: Connection, channel_id: str) -> None:
    """Drop what waits for a channel."""
    is_pending = alert_deliveries.c.state == DeliveryState.PENDING.value
    connection.execute(
        delete(alert_deliveries).where(alert_deliveries.c.channel_id == channel_id, is_pending)
    )


def postpone(connection: Connection, delivery: Delivery, *, until: int, outcome: str) -> None:
    """Record a failed attempt; the next one is at `until`."""
    _save(connection, delivery, due_at=until, outcome=outcome)


def end(connection: Connection, delivery: Delivery, state: DeliveryState, *, outcome: str, now: int) -> None:
    """Record the last attempt, and forget the oldest that have ended."""
    _save(connection, delivery, state=state.value, outcome=outcome, ended_at=now)
    _keep(connection, delivery.channel_id, state, MOST_ENDED)


def latest(connection: Connection, limit: int) -> list[Delivery]:
    """Return the latest deliveries of all channels, newest first."""
    query = select(alert_deliveries).order_by(alert_deliveries.c.id.desc()).limit(limit)
    return [_delivery(row) for row in connection.execute(query).mappings()]


def last_of_channels(connection: Connection) -> dict[str, Delivery]:
    """Return the last delivery of each channel, by the channel's id."""
    last = select(func.max(alert_deliveries.c.id)).group_by(alert_deliveries.c.channel_id)
    query = select(alert_deliveries).where(alert_deliveries.c.id.in_(last))
    return {row["channel_id"]: _delivery(row) for row in connection.execute(query).mappings()}


def _save(connection: Connection, delivery: Delivery, **values: Any) -> None:
    values["outcome"] = values["outcome"][:_LONGEST].replace("\0", "")
    still_pending = and_(
        alert_deliveries.c.id == delivery.id, alert_deliveries.c.state == DeliveryState.PENDING.value
    )
    connection.execute(
        update(alert_deliveries)
        .where(still_pending)
        .values(attempts=alert_deliveries.c.attempts + 1, **values)
    )


def _keep(connection: Connection, channel_id: str, state: DeliveryState, most: int) -> None:
    """Delete the oldest deliveries of a channel in a state beyond `most`."""
    of_state = alert_deliveries.c.channel_id == channel_id, alert_deliveries.c.state == state.value
    surplus = connection.scalar(
        select(alert_deliveries.c.id)
        .where(*of_state)
        .order_by(alert_deliveries.c.id.desc())
        .offset(most)
        .limit(1)
    )
    if surplus is not None:
        connection.execute(delete(alert_deliveries).where(*of_state, alert_deliveries.c.id <= surplus))


def _delivery(row: RowMapping) -> Delivery:
    named = {**row, "kind": MessageKind(row["kind"]), "state": DeliveryState(row["state"])}
    return Delivery(**named)
