"""The operations on alerts and their channels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.monitoring.notify import handling, setup
from core.monitoring.notify.setup import NewChannel
from core.monitoring.notify.texts import describe
from core.monitoring.overview import current_alerts
from core.monitoring.throughput import COUNT_SECONDS
from core.store.alerts import channels, deliveries, open_alerts
from core.store.alerts.deliveries import DeliveryState
from core.store.alerts.open_alerts import Handling
from core.store.audit import current_actor
from core.store.db import clock as store_clock
from core.store.sites import sites
from web.rpc import api
from web.rpc.registry import Implementation

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.bridge import Bridge
    from core.monitoring.alerts import Alert
    from core.store.alerts.channels import Channel
    from core.store.alerts.open_alerts import OpenAlert


def list_channels(bridge: Bridge, _request: api.NoArguments) -> list[api.AlertChannelStatus]:
    """Return all channels, the oldest first."""
    sealer = bridge.store.sealer
    with bridge.store.reading() as connection:
        found = channels.list_all(connection, sealer)
        urls = {site.id: site.url for site in sites.list_all(connection, sealer)}
        last = deliveries.last_of_channels(connection)
    return [
        api.AlertChannelStatus(
            name=one.name,
            kind=one.kind,
            target=setup.target(one),
            site_url=urls.get(one.site_id or "", ""),
            is_paused=one.is_paused,
            digest_at=one.digest_at,
            state=last[one.id].state.value if one.id in last else "",
            outcome=last[one.id].outcome if one.id in last else "",
            at=last[one.id].created_at if one.id in last else None,
        )
        for one in found
    ]


def add_channel(bridge: Bridge, request: api.AddAlertChannel) -> api.AddedAlertChannel:
    """Add a channel. Raises: AlertChannelError."""
    channel, secret = setup.add(bridge.store, NewChannel(**request.model_dump()))
    return api.AddedAlertChannel(name=channel.name, secret=secret)


def test_channel(bridge: Bridge, request: api.AlertChannelRequest) -> api.AlertTested:
    """Send a test message, and wait for its outcome. Raises: AlertChannelError."""
    channel = _load(bridge, request.name)
    delivery = bridge.alert_deliverer.test(channel.id)
    return api.AlertTested(
        name=channel.name,
        delivered=delivery.state is DeliveryState.DELIVERED,
        outcome=delivery.outcome,
    )


def pause_channel(bridge: Bridge, request: api.PauseAlertChannel) -> api.AlertChannelRequest:
    """Pause a channel, or resume it. Raises: AlertChannelError."""

    def change(connection: Connection) -> str:
        channel = channels.load(connection, request.name, bridge.store.sealer)
        return channels.pause(connection, channel, paused=request.paused).name

    return api.AlertChannelRequest(name=bridge.store.write(change))


def remove_channel(bridge: Bridge, request: api.AlertChannelRequest) -> api.AlertChannelRequest:
    """Remove a channel. Raises: AlertChannelError."""
    channel = _load(bridge, request.name)
    bridge.store.write(partial(channels.remove, channel=channel))
    return api.AlertChannelRequest(name=channel.name)


def list_open(bridge: Bridge, _request: api.NoArguments) -> list[api.AlertStatus]:
    """Return the open alerts, critical ones first."""
    week = bridge.throughput.latest(within=COUNT_SECONDS)
    with bridge.store.reading() as connection:
        now = store_clock.now(connection)
        alerts, _ = current_alerts(connection, bridge.store, week, now=now)
        known = open_alerts.list_all(connection)
    return [_status(alert, known.get(alert.id), now=now) for alert in alerts]


def handle_alert(bridge: Bridge, request: api.HandleAlert) -> api.AlertStatus:
    """Acknowledge or snooze an alert, or take that back. Raises: AlertError."""
    store, week = bridge.store, bridge.throughput.latest(within=COUNT_SECONDS)

    def change(connection: Connection) -> api.AlertStatus:
        if request.handling is Handling.NONE:
            alert = handling.reopen(connection, store, week, request.id)
        else:
            alert = handling.handle(
                connection,
                store,
                week,
                request.id,
                request.handling,
                reason=request.reason,
                by=current_actor().name,
                hours=request.hours,
            )
        known = open_alerts.list_all(connection).get(alert.id)
        return _status(alert, known, now=store_clock.now(connection))

    return store.write(change)


def _status(alert: Alert, known: OpenAlert | None, *, now: int) -> api.AlertStatus:
    handled = known if known is not None and known.is_quiet(now) else None
    return api.AlertStatus(
        id=alert.id,
        severity=alert.severity,
        site=alert.site_name if alert.site_id else "",
        message=describe(alert),
        since=alert.since,
        handling=handled.handling.value if handled else "",
        until=handled.until if handled else None,
        reason=handled.reason if handled else "",
    )


def _load(bridge: Bridge, name: str) -> Channel:
    with bridge.store.reading() as connection:
        return channels.load(connection, name, bridge.store.sealer)


IMPLEMENTATIONS = (
    Implementation(api.ALERT_CHANNELS, list_channels),
    Implementation(api.ALERT_ADD, add_channel),
    Implementation(api.ALERT_TEST, test_channel),
    Implementation(api.ALERT_PAUSE, pause_channel),
    Implementation(api.ALERT_REMOVE, remove_channel),
    Implementation(api.ALERT_OPEN, list_open),
    Implementation(api.ALERT_HANDLE, handle_alert),
)
