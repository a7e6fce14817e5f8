"""Alert channels: where alerts are sent. Functions run in the caller's transaction; times are Unix milliseconds (UTC).

All that a channel is set to is encrypted as one: addresses of hooks are secrets, too.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from core import messages
from core.errors import AlertChannelError
from core.store import audit
from core.store.alerts import deliveries
from core.store.audit import Action
from core.store.db.schema import alert_channels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, RowMapping

    from core.store.db.encryption import Sealer

MOST_CHANNELS = 50
LONGEST_NAME = 60


class ChannelKind(StrEnum):
    """How a channel sends."""

    EMAIL = "email"
    WEBHOOK = "webhook"  # signed as Standard Webhooks
    SLACK = "slack"  # an incoming webhook of Slack, or of what takes the same


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel. `settings` are those of its kind: see `core.monitoring.notify.settings`.

    `site_id`: only alerts of that site; None: all. `digest_at` is when the next weekly digest is due; None: without.
    """

    id: str
    name: str
    kind: ChannelKind
    settings: Mapping[str, Any]
    site_id: str | None = None
    language: str = "en"
    is_paused: bool = False
    digest_at: int | None = None
    created_at: int = 0


def new_id() -> str:
    """Return an id for a new channel."""
    return secrets.token_hex(8)


def add(connection: Connection, channel: Channel, sealer: Sealer) -> None:
    """Add a channel. Raises: AlertChannelError where the name is taken, or there are too many."""
    if connection.scalar(select(func.count()).select_from(alert_channels)) >= MOST_CHANNELS:  # type: ignore[operator]
        raise AlertChannelError(messages.ALERT_TOO_MANY_CHANNELS % {"count": MOST_CHANNELS}, field="name")
    named = select(alert_channels.c.id).where(func.lower(alert_channels.c.name) == channel.name.lower())
    if connection.execute(named).first() is not None:
        raise AlertChannelError(messages.ALERT_NAME_TAKEN % {"name": channel.name}, field="name")
    connection.execute(
        insert(alert_channels).values(
            id=channel.id,
            name=channel.name,
            kind=channel.kind.value,
            settings=sealer.seal_text(json.dumps(dict(channel.settings))),
            site_id=channel.site_id,
            language=channel.language,
            is_paused=channel.is_paused,
            digest_at=channel.digest_at,
            created_at=channel.created_at,
        )
    )
    audit.record(
        connection, Action.ALERT_CHANNEL_ADDED, channel.name, site_id=channel.site_id, kind=channel.kind.value
    )


def list_all(connection: Connection, sealer: Sealer) -> list[Channel]:
    """Return all channels, the oldest first."""
    query = select(alert_channels).order_by(alert_channels.c.created_at, alert_channels.c.id)
    return [_channel(row, sealer) for row in connection.execute(query).mappings()]


def load(connection: Connection, name: str, sealer: Sealer) -> Channel:
    """Return the channel of an id or a name. Raises: AlertChannelError."""
    is_meant = (alert_channels.c.id == name) | (func.lower(alert_channels.c.name) == name.lower())
    row = connection.execute(select(alert_channels).where(is_meant)).mappings().first()
    if row is None:
        raise AlertChannelError(messages.ALERT_NO_CHANNEL % {"name": name}, field="name")
    return _channel(row, sealer)


def pause(connection: Connection, channel: Channel, *, paused: bool) -> Channel:
    """Pause a channel, or resume it. What waits to be delivered is dropped."""
    deliveries.drop_pending(connection, channel.id)
    connection.execute(
        update(alert_channels).where(alert_channels.c.id == channel.id).values(is_paused=paused)
    )
    action = Action.ALERT_CHANNEL_PAUSED if paused else Action.ALERT_CHANNEL_RESUMED
    audit.record(connection, action, channel.name, site_id=channel.site_id)
    return replace(channel, is_paused=paused)


def remove(connection: Connection, channel: Channel) -> None:
    """Remove a channel, with what was or is to be delivered by it."""
    connection.execute(delete(alert_channels).where(alert_channels.c.id == channel.id))
    audit.record(connection, Action.ALERT_CHANNEL_REMOVED, channel.name, site_id=channel.site_id)


def save_digest_at(connection: Connection, channel_id: str, moment: int) -> None:
    """Save when the next digest is due."""
    connection.execute(
        update(alert_channels).where(alert_channels.c.id == channel_id).values(digest_at=moment)
    )


def first_digest(connection: Connection) -> int | None:
    """Return when the next digest of any channel is due; None without one."""
    found: int | None = connection.scalar(
        select(func.min(alert_channels.c.digest_at)).where(alert_channels.c.is_paused.is_(False))
    )
    return found


def _channel(row: RowMapping, sealer: Sealer) -> Channel:
    return Channel(
        id=row["id"],
        name=row["name"],
        kind=ChannelKind(row["kind"]),
        settings=json.loads(sealer.open_text(row["settings"])),
        site_id=row["site_id"],
        language=row["language"],
        is_paused=row["is_paused"],
        digest_at=row["digest_at"],
        created_at=row["created_at"],
    )
