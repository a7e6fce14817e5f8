"""Look at the alerts from time to time, and queue messages about what has become critical, and what has ended."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from core.jobs.worker import WorkerThread
from core.monitoring import throughput
from core.monitoring.alerts import Severity
from core.monitoring.notify import texts
from core.monitoring.notify.changes import Changes, compare, of
from core.monitoring.overview import current_alerts, gather
from core.monitoring.throughput import Throughput
from core.store.alerts import channels, deliveries, open_alerts
from core.store.alerts.deliveries import MessageKind
from core.store.db import clock as store_clock
from core.store.events import stalled
from core.store.sites import health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

    from core.monitoring.overview import Overview
    from core.monitoring.throughput import WeekStats
    from core.store.alerts.channels import Channel
    from core.store.alerts.deliveries import Delivery
    from core.store.alerts.open_alerts import OpenAlert
    from core.store.db.engine import Store

LOOK_SECONDS = 30.0
_COUNT_SECONDS = 10.0  # of counting events for a digest
_DAY = 24 * 3600 * 1000
WEEK = 7 * _DAY
_MONDAY = 4 * _DAY + 8 * 3600 * 1000  # 8:00 UTC on the first Monday after 1970-01-01, a Thursday

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class AlertWatcher:
    """Look at the alerts in a thread of its own; `on_queued` is called after messages were queued.

    Of several processes on one database each looks, and one queues what has changed. Without a `clock` the store's own is
    used. What all pages tell of events that stay pending comes from these looks, too: see `core.store.events.stalled`.
    """

    store: Store
    throughput: Throughput
    on_queued: Callable[[], None] = lambda: None
    clock: Callable[[], float] | None = None
    thread: WorkerThread = field(init=False)

    def __post_init__(self) -> None:
        """Create the thread that looks."""
        self.thread = WorkerThread(
            "alerts", self._step, retry_seconds=LOOK_SECONDS, initial_wait=LOOK_SECONDS
        )

    def start(self) -> None:
        """Start: the first look is half a minute later, when checks of sites have run."""
        self.thread.start()

    def stop(self) -> None:
        """Stop. Blocks."""
        self.thread.stop()

    def look(self) -> int:
        """Look once; return the number of messages that were queued. Raises: StoreUnavailableError."""
        week = self.throughput.latest()
        with self.store.reading() as connection:
            changes = self._changes(connection, week)
            digest_at = channels.first_digest(connection)
            now = self._now(connection)
            is_to_note = stalled.is_to_note(connection)
        if is_to_note:
            self.store.write(lambda connection: stalled.note(connection, now=self._now(connection)))
        queued = 0
        if not changes.are_none:
            queued += self.store.write(partial(self._save, week=week))
        if digest_at is not None and digest_at <= now:
            overview = gather(self.store, Throughput(self.store, look_seconds=_COUNT_SECONDS))
            queued += self.store.write(partial(self._queue_digests, overview=overview))
        if queued:
            self.on_queued()
        return queued

    def _step(self) -> float:
        self.look()
        return LOOK_SECONDS

    def _changes(self, connection: Connection, week: WeekStats) -> Changes:
        now = self._now(connection)
        alerts, sites = current_alerts(connection, self.store, week, now=now)
        return compare(alerts, sites, open_alerts.list_all(connection), now=now)

    def _save(self, connection: Connection, week: WeekStats) -> int:
        """Save what has changed, as it is now, and queue the messages about it: both or neither."""
        open_alerts.hold(connection)
        changes = self._changes(connection, week)
        now = self._now(connection)
        open_alerts.remove(connection, changes.removed)
        for alert in changes.saved:
            open_alerts.save(connection, alert)
        for alert in changes.began:
            logger.warning("alert_critical", alert=alert.id, kind=alert.kind, site=alert.site_id)
        for alert in changes.ended:
            logger.info("alert_ended", alert=alert.id, kind=alert.kind, site=alert.site_id)
        # With its next check, each of these sites is told for its notice in wp-admin.
        for site_id in {alert.site_id for alert in (*changes.began, *changes.ended) if alert.site_id}:
            health.request_check(connection, site_id)
        queued = 0
        for channel in channels.list_all(connection, self.store.sealer):
            if channel.is_paused:
                continue
            # Of what was told before there was this channel, its end is not told either.
            ended = [one for one in changes.ended if (one.sent_at or 0) >= channel.created_at]
            for kind, some in ((MessageKind.CRITICAL, changes.began), (MessageKind.ENDED, ended)):
                groups = texts.group(_of_channel(channel, some))
                if groups:
                    queue(connection, channel, kind, texts.payload(groups), now=now)
                    queued += 1
        return queued

    def _queue_digests(self, connection: Connection, *, overview: Overview) -> int:
        now = self._now(connection)
        queued = 0
        for channel in channels.list_all(connection, self.store.sealer):
            if channel.digest_at is None or channel.is_paused or channel.digest_at > now:
                continue
            queue(connection, channel, MessageKind.DIGEST, _digest(channel, overview), now=now)
            channels.save_digest_at(connection, channel.id, next_digest(now))
            queued += 1
        return queued

    def _now(self, connection: Connection) -> int:
        return store_clock.now(connection, self.clock)


def queue(
    connection: Connection,
    channel: Channel,
    kind: MessageKind,
    payload: dict[str, Any],
    *,
    now: int,
    due_at: int | None = None,
) -> Delivery:
    """Queue a message for a channel, due now unless `due_at` is given."""
    message_id = f"msg_{secrets.token_hex(16)}"
    return deliveries.add(
        connection, channel.id, kind, payload, message_id=message_id, now=now, due_at=due_at
    )


def next_digest(now: int) -> int:
    """Return the next Monday, 8:00 UTC, after `now` (Unix milliseconds)."""
    return _MONDAY + ((now - _MONDAY) // WEEK + 1) * WEEK


def _of_channel(channel: Channel, alerts: Iterable[OpenAlert]) -> Sequence[OpenAlert]:
    return [one for one in alerts if channel.site_id in (None, one.site_id)]


def _digest(channel: Channel, overview: Overview) -> dict[str, Any]:
    alerts = [one for one in overview.alerts if channel.site_id in (None, one.site_id)]
    critical = sum(one.severity is Severity.CRITICAL for one in alerts)
    sites = [site for site in overview.sites if channel.site_id in (None, site.id)]
    return texts.payload(
        texts.group(of(one) for one in alerts),
        sites=len(sites),
        events=sum(throughput.outcomes(overview.week.hours).values()),
        critical=critical,
        warnings=len(alerts) - critical,
    )
