"""Acknowledge alerts, snooze them, or take that back. Functions run in the caller's transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from core import messages
from core.errors import AlertError
from core.monitoring.notify.changes import of
from core.monitoring.overview import current_alerts
from core.store import audit
from core.store.alerts import open_alerts
from core.store.alerts.open_alerts import Handling
from core.store.audit import Action
from core.store.db import clock as store_clock

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.monitoring.alerts import Alert
    from core.monitoring.throughput import WeekStats
    from core.store.db.engine import Store

LONGEST_REASON = 200
MOST_SNOOZE_DAYS = 90
_HOUR = 3_600_000


def handle(
    connection: Connection,
    store: Store,
    week: WeekStats,
    alert_id: str,
    handling: Handling,
    *,
    reason: str,
    by: str,
    hours: int = 0,
    of_site: str | None = None,
) -> Alert:
    """Acknowledge an open alert until it ends, or snooze it for some hours. Returns it.

    `of_site`: only alerts of that site may be handled. Raises: AlertError.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise AlertError(messages.ALERT_REASON_MISSING % {"most": LONGEST_REASON})
    if handling is Handling.SNOOZED and not 0 < hours <= MOST_SNOOZE_DAYS * 24:
        raise AlertError(messages.ALERT_HOURS_INVALID % {"most": MOST_SNOOZE_DAYS})
    open_alerts.hold(connection)
    now = store_clock.now(connection)
    alert = _open(connection, store, week, alert_id, of_site, now=now)
    known = open_alerts.list_all(connection).get(alert.id, of(alert))
    until = now + hours * _HOUR if handling is Handling.SNOOZED else None
    open_alerts.save(
        connection,
        replace(known, handling=handling, until=until, reason=reason, handled_by=by, handled_at=now),
    )
    is_snooze = handling is Handling.SNOOZED
    audit.record(
        connection,
        Action.ALERT_SNOOZED if is_snooze else Action.ALERT_ACKNOWLEDGED,
        alert.kind.value,
        site_id=alert.site_id,
        reason=reason,
        hours=hours if is_snooze else None,
    )
    return alert


def reopen(
    connection: Connection, store: Store, week: WeekStats, alert_id: str, *, of_site: str | None = None
) -> Alert:
    """Take back that an alert was acknowledged or snoozed. Raises: AlertError."""
    open_alerts.hold(connection)
    alert = _open(connection, store, week, alert_id, of_site, now=store_clock.now(connection))
    known = open_alerts.list_all(connection).get(alert.id)
    if known is None or known.handling is Handling.NONE:
        raise AlertError(messages.ALERT_NOT_OPEN)
    handled = replace(known, handling=Handling.NONE, until=None, reason="", handled_by="", handled_at=None)
    open_alerts.save(connection, handled)
    audit.record(connection, Action.ALERT_REOPENED, alert.kind.value, site_id=alert.site_id)
    return alert


def _open(
    connection: Connection, store: Store, week: WeekStats, alert_id: str, of_site: str | None, *, now: int
) -> Alert:
    alerts, _ = current_alerts(connection, store, week, now=now)
    found = next((one for one in alerts if one.id == alert_id), None)
    if found is None or (of_site is not None and found.site_id != of_site):
        raise AlertError(messages.ALERT_NOT_OPEN)
    return found
