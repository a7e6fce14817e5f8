"""Each way in which a check finds a fault of a site, and the parts that tell of it, on one clock."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from core.errors import DeliveryError, Fault
from core.monitoring import overview
from core.monitoring.alerts import Disk
from core.monitoring.notify import handling, senders, setup
from core.monitoring.notify.deliverer import AlertDeliverer
from core.monitoring.notify.setup import NewChannel
from core.monitoring.notify.watcher import AlertWatcher
from core.monitoring.overview import current_alerts
from core.monitoring.throughput import Throughput, WeekStats
from core.sites import health_check
from core.store.alerts.channels import Channel, ChannelKind
from core.store.alerts.deliveries import Delivery, MessageKind
from core.store.alerts.open_alerts import Handling
from core.store.db import schema
from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.dismissal import Dismissible, dismiss
from core.store.events.request import Request
from core.store.sites import grants, sites, zoom_secrets
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.clock import Clock
from tests.core.events import ACCOUNT, SECRET, event, raw, signed
from tests.core.wordpress.network_double import NetworkDouble, Reply
from tests.core.wordpress.plugin_double import PluginDouble

NOTHING_COUNTED = WeekStats((), is_whole=True)

HOME = "https://s1.example.org"
ROOT = f"{HOME}/wp-json/"
NO_ROUTE: Reply = (404, {}, b'{"code": "rest_no_route", "message": ""}')
PAGE: Reply = (200, {}, b"<title>Choir</title>")
MINUTE = 60


@dataclass
class Sent:
    """What was sent by which channel. `fails` are channels by name, with the error that each raises."""

    messages: list[tuple[str, MessageKind, dict[str, Any]]] = field(default_factory=list)
    fails: dict[str, DeliveryError] = field(default_factory=dict)

    def send(self, channel: Channel, delivery: Delivery, **_: Any) -> str:
        if channel.name in self.fails:
            raise self.fails[channel.name]
        self.messages.append((channel.name, delivery.kind, dict(delivery.payload)))
        return "accepted"

    def take(self) -> list[tuple[str, str, list[str]]]:
        """Return what was sent since the last time: to whom, what, and the kinds of alerts."""
        taken = [
            (name, kind.value, [one["kind"] for one in told.get("groups", [])])
            for name, kind, told in self.messages
        ]
        self.messages.clear()
        return taken


@dataclass
class Bench:
    """The parts that send, on one clock."""

    store: Store
    sent: Sent
    clock: Clock
    wordpress: NetworkDouble

    @property
    def watcher(self) -> AlertWatcher:
        """A new one each time: as after a restart."""
        return AlertWatcher(self.store, Throughput(self.store), clock=self.clock)

    @property
    def deliverer(self) -> AlertDeliverer:
        return AlertDeliverer(self.store, clock=self.clock)

    def add(self, name: str = "ops", **more: Any) -> Channel:
        made, _ = setup.add(
            self.store, NewChannel(name, ChannelKind.SLACK, url="https://hooks.example.org/x", **more)
        )
        return made

    def check(self) -> None:
        """Check the site as often as it takes to know for certain, some minutes apart."""
        for _ in range(3):
            self.clock.now += 2 * MINUTE
            health_check.check(self.store, "s1", clock=self.clock)

    def look(self) -> list[tuple[str, str, list[str]]]:
        self.watcher.look()
        while self.deliverer.deliver_due():
            pass
        return self.sent.take()

    def alert_id(self) -> str:
        with self.store.reading() as connection:
            alerts, _ = current_alerts(connection, self.store, NOTHING_COUNTED, now=int(self.clock() * 1000))
        return alerts[0].id

    def handle(self, how: Handling, **more: Any) -> None:
        values = {"reason": "known", "by": "anna", **more}
        self.store.write(
            partial(
                handling.handle,
                store=self.store,
                week=NOTHING_COUNTED,
                alert_id=self.alert_id(),
                handling=how,
                **values,
            )
        )


def well_site(store: Store, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Yield the site s1, at which all is well, and a channel for all sites."""
    monkeypatch.setattr(overview, "disk", lambda _store: Disk(10**12, 10**13))
    sent = Sent()
    monkeypatch.setattr(senders, "send", sent.send)

    def prepare(connection: Any) -> None:
        zoom_secrets.save(connection, "s1", Secret(SECRET), store.sealer, now=1)
        sites.record_validation(connection, "s1", now=int(time.time() * 1000))
        grants.add(connection, ACCOUNT, "s1", GrantSource.ADMINISTRATOR, now=1)

    store.write(prepare)
    clock = Clock(time.time())
    plugin = PluginDouble(site.key, "s1", HOME, time.time)
    with NetworkDouble(plugin, ROOT, HOME) as network:
        made = Bench(store, sent, clock, network)
        made.add()
        clock.now = time.time()  # channels are dated by the store's own clock
        yield made


def closed(bench: Bench, is_closed: bool) -> None:
    bench.wordpress.closed = {"rest": NO_ROUTE, "home": PAGE} if is_closed else {}


def outdated(bench: Bench, is_old: bool) -> None:
    closed(bench, is_old)
    old: Reply = (200, {}, b'{"namespace": "zoombridge/v1", "routes": {}}')
    bench.wordpress.index = old if is_old else NO_ROUTE


def lost(bench: Bench, is_lost: bool) -> None:
    bench.wordpress.fates.clear()
    bench.wordpress.fates.extend([("request lost", 0)] * 100 if is_lost else [])


def copies(bench: Bench, are_two: bool) -> None:
    def of_place(place: str) -> None:
        bench.clock.now += MINUTE
        bench.wordpress.plugin.place = place * 64
        health_check.check(bench.store, "s1", clock=bench.clock)

    for place in "aba" if are_two else "bbb":
        of_place(place)
    if not are_two:
        bench.clock.now += 8 * 24 * 3600
        bench.store.write(
            lambda connection: sites.record_validation(connection, "s1", now=int(bench.clock() * 1000))
        )


def set_plugin(bench: Bench, is_wrong: bool, *, name: str, wrong: Any, right: Any) -> None:
    setattr(bench.wordpress.plugin, name, wrong if is_wrong else right)


def unreached(bench: Bench, is_wrong: bool) -> None:
    told = {
        "reached": not is_wrong,
        "status": None if is_wrong else 200,
        "message": "No." if is_wrong else "",
    }
    bench.wordpress.plugin.bridge |= told


def fault(bench: Bench, is_wrong: bool) -> None:
    now = int(bench.clock() * 1000)
    if is_wrong:
        bench.store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault=Fault.MOVED, message="Moved.", blocked_until=0, now=now
            )
        )
    else:
        bench.store.write(lambda connection: sites.record_success(connection, "s1", now=now))


def no_secret(bench: Bench, is_wrong: bool) -> None:
    def change(connection: Any) -> None:
        if is_wrong:
            (token,) = zoom_secrets.of_site(connection, "s1", bench.store.sealer)
            zoom_secrets.remove(connection, "s1", token.id)
        else:
            zoom_secrets.save(connection, "s1", Secret(SECRET), bench.store.sealer, now=1)

    bench.store.write(change)


def not_validated(bench: Bench, is_wrong: bool) -> None:
    def change(connection: Any) -> None:
        connection.execute(
            schema.sites.update().values(validated_at=None if is_wrong else int(bench.clock() * 1000))
        )

    bench.store.write(change)


def refused(bench: Bench, is_wrong: bool) -> None:
    body = raw(event())
    now = int(bench.clock() * 1000)
    held = Request(signed(body, secret="another", at=now / 1000), body)
    if is_wrong:
        bench.store.write(
            lambda connection: quarantine.add(connection, "s1", held, bench.store.sealer, reason="", now=now)
        )
    else:
        bench.store.write(
            lambda connection: dismiss(connection, Dismissible.QUARANTINED, upto=10**15, site_id="s1")
        )


WAYS: dict[str, tuple[Callable[[Bench, bool], None], str]] = {
    "WordPress": (lost, "site"),
    "plugin": (closed, "site"),
    "plugin, outdated": (outdated, "site"),
    "pairing": (partial(set_plugin, name="paired", wrong=False, right=True), "site"),
    "pairing, superseded": (partial(set_plugin, name="epoch", wrong=7, right=1), "site"),
    "copies": (copies, "check"),
    "clock": (
        partial(set_plugin, name="clock", wrong=lambda: time.time() - 1230, right=time.time),
        "check",
    ),
    "nonces": (partial(set_plugin, name="nonces_are_unique", wrong=False, right=True), "check"),
    "bridge": (unreached, "check"),
    "pages": (fault, "site"),
    "secret token": (no_secret, "no-secret"),
    "Zoom": (not_validated, "not-validated"),
    "events": (refused, "quarantine"),
}
