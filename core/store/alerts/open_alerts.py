"""Alerts that were sent and have not ended, and those that a person acknowledged or snoozed.

They are kept by the id of the alert until it ends, so that nothing is sent twice, also after a restart. Functions run in
the caller's transaction; times are Unix milliseconds (UTC).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from core.store.db import locks
from core.store.db.schema import open_alerts
from core.store.db.upsert import insert

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection


class Handling(StrEnum):
    """What a person decided about an alert."""

    NONE = ""
    ACKNOWLEDGED = "acknowledged"  # until it ends
    SNOOZED = "snoozed"  # until a time


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert that was sent, or that a person handled.

    `site_id` is empty where it is of the whole bridge. `sent_at` is when it was sent as critical; None: it was not.
    `until` is the end of a snooze.
    """

    id: str
    kind: str
    site_id: str | None
    site_name: str
    message: str
    since: int | None
    sent_at: int | None = None
    handling: Handling = Handling.NONE
    until: int | None = None
    reason: str = ""
    handled_by: str = ""
    handled_at: int | None = None

    def is_quiet(self, now: int) -> bool:
        """Whether nothing is sent of it and it does not count as urgent: acknowledged, or snoozed until later."""
        if self.handling is Handling.SNOOZED:
            return self.until is not None and self.until > now
        return self.handling is Handling.ACKNOWLEDGED


def hold(connection: Connection) -> None:
    """Keep other processes from changing open alerts until this transaction ends."""
    locks.acquire(connection, "open-alerts")


def list_all(connection: Connection, *, site_id: str | None = None) -> dict[str, OpenAlert]:
    """Return the open alerts by id: all, or those of one site."""
    query = select(open_alerts)
    if site_id is not None:
        query = query.where(open_alerts.c.site_id == site_id)
    return {
        row["id"]: OpenAlert(**{**row, "handling": Handling(row["handling"])})
        for row in connection.execute(query).mappings()
    }


def told_to_site(connection: Connection, site_id: str, *, now: int) -> tuple[int, str]:
    """Return the number of a site's critical alerts that nobody has handled, and a digest that changes with them."""
    ids = [
        alert.id
        for alert in list_all(connection, site_id=site_id).values()
        if alert.sent_at is not None and not alert.is_quiet(now)
    ]
    return len(ids), hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]


def save(connection: Connection, alert: OpenAlert) -> None:
    """Save an open alert, new or known."""
    values = asdict(alert) | {"handling": alert.handling.value}
    statement = insert(connection, open_alerts).values(**values)
    kept = {name: statement.excluded[name] for name in values if name != "id"}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=kept))


def remove(connection: Connection, ids: Collection[str]) -> None:
    """Remove alerts that have ended."""
    if ids:
        connection.execute(delete(open_alerts).where(open_alerts.c.id.in_(list(ids))))
