"""From a fault that a check finds to a message, and to the word that it has ended."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from core.errors import AlertChannelError, AlertError, DeliveryError
from core.monitoring.alerts import Alert
from core.monitoring.notify import handling
from core.monitoring.notify.deliverer import DELAYS, AlertDeliverer
from core.monitoring.notify.watcher import WEEK, next_digest
from core.monitoring.overview import gather
from core.monitoring.throughput import Throughput
from core.pipeline.fold_worker import FoldWorker
from core.sites import health_check
from core.store import audit
from core.store.alerts import channels, deliveries, open_alerts
from core.store.alerts.channels import Channel
from core.store.alerts.deliveries import MOST_ENDED, MOST_PENDING, Delivery, DeliveryState, MessageKind
from core.store.alerts.open_alerts import Handling
from core.store.audit import Action, AuditFilter
from core.store.db import schema
from core.store.db.engine import Store
from core.store.events import log
from core.store.sites import health, sites
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import event
from tests.core.monitoring.notify.faults import (
    MINUTE,
    NOTHING_COUNTED,
    WAYS,
    Bench,
    set_plugin,
    well_site,
)
from tests.core.store.entries import entry


@pytest.fixture
def bench(store: Store, site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The site s1, at which all is well, and a channel for all sites."""
    yield from well_site(store, site, monkeypatch)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_in_which_doctor_finds_a_fault_is_told_once_and_so_is_its_end(
    bench: Bench, way: str
) -> None:
    change, kind = WAYS[way]
    bench.check()
    assert bench.look() == [], "all is well"
    change(bench, True)
    if way not in ("pages", "copies"):
        bench.check()
    bench.clock.now += MINUTE
    with bench.store.reading() as connection:
        found = list(health.facts(connection, "s1").values())
    if way != "pages":  # a look whose site answers has the next write show whether that is over
        found = health_check.diagnose(bench.store, "s1", clock=bench.clock)
    assert {fact.name for fact in found if not fact.well} >= {way.partition(",")[0]}
    assert bench.look() == [("ops", "alerts.critical", [kind])]
    bench.clock.now += 3600
    assert bench.look() == [], "not again while it lasts, nor after a restart"
    change(bench, False)
    if way != "pages":
        bench.check()
    assert bench.look() == [("ops", "alerts.ended", [kind])]
    assert bench.look() == []


def test_an_untried_version_of_vczapi_is_found_and_told_to_nobody(bench: Bench) -> None:
    """It is a warning: nothing fails for it."""
    set_plugin(bench, True, name="vczapi", wrong="4.7.0", right="4.6.7")
    bench.check()
    found = health_check.diagnose(bench.store, "s1", clock=bench.clock)

    assert "VCZAPI" in {fact.name for fact in found if not fact.well}
    assert bench.look() == []


def test_events_that_are_not_folded_are_told_once_and_so_is_their_end(bench: Bench) -> None:
    bench.check()
    bench.store.write(lambda connection: log.append(connection, [entry(bench.store, event())]))
    told = []
    for _ in range(6):
        told += bench.look()
        bench.clock.now += 4 * MINUTE
    assert told == [("ops", "alerts.critical", ["pending-events"])]
    FoldWorker(bench.store, clock=bench.clock).fold_pending()
    assert bench.look() == [("ops", "alerts.ended", ["pending-events"])]


def kinds_of(alerts: Sequence[Alert]) -> list[str]:
    return [one.kind.value for one in alerts]


class TestGrouping:
    def test_the_site_is_told_how_many_there_are(self, bench: Bench) -> None:
        def told() -> int:
            bench.check()
            assert bench.wordpress.plugin.alerts is not None
            count: int = bench.wordpress.plugin.alerts["count"]
            return count

        assert told() == 0
        bench.wordpress.plugin.nonces_are_unique = False
        bench.check()
        with bench.store.reading() as connection:
            before = health.next_check(connection, silent=False, underway=[])
        bench.look()
        with bench.store.reading() as connection:
            after = health.next_check(connection, silent=False, underway=[])
        assert (after or 0) < (before or 0), "at once, not with the next check"
        assert told() == 1
        bench.handle(Handling.ACKNOWLEDGED)
        assert told() == 0

    def test_one_message_for_all_of_one_look(self, bench: Bench) -> None:
        for number in (2, 3, 4):
            connected(bench.store, f"s{number}")
        only = bench.add("of s3", site="s3")
        assert only.site_id == "s3"
        bench.wordpress.plugin.nonces_are_unique = False
        bench.check()
        (to_ops, to_s3) = sorted(self.looked(bench), key=lambda one: one[0], reverse=True)
        kinds = [(one["kind"], len(one["sites"])) for one in to_ops[2]["groups"]]
        assert sorted(kinds) == [("check", 1), ("no-secret", 3)]
        assert to_s3[0] == "of s3"
        assert [one["sites"] for one in to_s3[2]["groups"]] == [[["s3", "Site s3"]]]

    def looked(self, bench: Bench) -> list[tuple[str, MessageKind, dict[str, Any]]]:
        bench.watcher.look()
        bench.deliverer.deliver_due()
        return list(bench.sent.messages)


class TestChannels:
    def test_that_fails_stops_no_other_and_is_tried_again_until_it_ends(self, bench: Bench) -> None:
        bench.add("second")
        bench.sent.fails["ops"] = DeliveryError("It is down.")
        bench.wordpress.plugin.paired = False
        bench.check()
        assert bench.look() == [("second", "alerts.critical", ["site"])]
        for attempt, delay in enumerate(DELAYS, 1):
            (one,) = self.of(bench, "ops")
            assert (one.attempts, one.state, one.outcome) == (attempt, DeliveryState.PENDING, "It is down.")
            assert delay * 1000 <= one.due_at - int(bench.clock() * 1000) <= delay * 1100
            bench.clock.now = one.due_at / 1000
            assert bench.look() == []
        (given_up,) = self.of(bench, "ops")
        assert (given_up.attempts, given_up.state) == (len(DELAYS) + 1, DeliveryState.FAILED)

    def test_that_works_again_gets_what_waited(self, bench: Bench) -> None:
        bench.sent.fails["ops"] = DeliveryError("It is down.")
        bench.wordpress.plugin.paired = False
        bench.check()
        assert bench.look() == []
        bench.sent.fails.clear()
        bench.clock.now += 1.2 * DELAYS[0]
        assert bench.look() == [("ops", "alerts.critical", ["site"])]

    def test_whose_fault_lasts_is_not_tried_again(self, bench: Bench) -> None:
        bench.sent.fails["ops"] = DeliveryError("Gone.", is_final=True)
        bench.wordpress.plugin.paired = False
        bench.check()
        bench.look()
        assert [one.state for one in self.of(bench, "ops")] == [DeliveryState.FAILED]

    def test_that_is_paused_gets_nothing(self, bench: Bench) -> None:
        (ops,) = self.channels(bench)
        bench.store.write(partial(channels.pause, channel=ops, paused=True))
        bench.wordpress.plugin.paired = False
        bench.check()
        assert bench.look() == []
        bench.store.write(partial(channels.pause, channel=ops, paused=False))
        assert bench.look() == [], "what happened meanwhile is over"

    def test_that_is_new_hears_of_no_end_whose_beginning_it_did_not_hear(self, bench: Bench) -> None:
        bench.wordpress.plugin.paired = False
        bench.check()
        bench.look()
        with bench.store.reading() as connection:
            (known,) = open_alerts.list_all(connection).values()
        late = bench.add("late")
        bench.store.write(
            lambda connection: connection.execute(
                schema.alert_channels.update()
                .where(schema.alert_channels.c.id == late.id)
                .values(created_at=(known.sent_at or 0) + 1)
            )
        )
        bench.wordpress.plugin.paired = True
        bench.check()
        assert bench.look() == [("ops", "alerts.ended", ["site"])]

    def test_are_tested_once(self, bench: Bench) -> None:
        done = bench.deliverer.test("OPS")
        assert (done.state, done.outcome, done.attempts) == (DeliveryState.DELIVERED, "accepted", 1)
        bench.sent.fails["ops"] = DeliveryError("It is down.")
        assert bench.deliverer.test("ops").state is DeliveryState.FAILED
        with pytest.raises(AlertChannelError):
            bench.deliverer.test("nobody")

    def test_are_sealed_and_named_in_the_audit_log(self, bench: Bench) -> None:
        with bench.store.reading() as connection:
            rows = repr(connection.execute(select(schema.alert_channels)).all())
            entries = audit.page(connection, AuditFilter("alert"), limit=9).entries
        assert "hooks.example.org" not in rows
        assert [(entry.action, entry.subject) for entry in entries] == [(Action.ALERT_CHANNEL_ADDED, "ops")]
        assert "hooks.example.org" not in repr(entries)

    def test_have_names_of_their_own_and_sites_that_are_there(self, bench: Bench) -> None:
        for name, site, wrong in (("Ops", "", "name"), (" ", "", "name"), ("new", "nowhere", "site")):
            with pytest.raises(AlertChannelError) as caught:
                bench.add(name, site=site)
            assert caught.value.field == wrong

    def test_are_bounded_in_what_waits_and_what_is_kept(self, bench: Bench) -> None:
        (ops,) = self.channels(bench)

        def fill(connection: Any) -> None:
            for number in range(MOST_PENDING + 5):
                deliveries.add(connection, ops.id, MessageKind.TEST, {}, message_id=str(number), now=1)

        bench.store.write(fill)
        assert len(self.of(bench, "ops")) == MOST_PENDING
        bench.look()
        assert len(self.of(bench, "ops")) == MOST_ENDED

    def test_of_a_site_go_with_it(self, bench: Bench) -> None:
        bench.add("of s1", site="s1")
        bench.wordpress.plugin.paired = False
        bench.check()
        bench.look()
        bench.store.write(partial(sites.remove, site_id="s1"))
        assert [one.name for one in self.channels(bench)] == ["ops"]
        assert bench.look() == []

    def test_deliver_in_the_background(self, bench: Bench) -> None:
        done = threading.Event()
        deliverer = AlertDeliverer(bench.store)
        deliverer.start()
        try:
            deliverer.queue_test("ops")
            while not bench.sent.messages and not done.wait(0.02):
                pass
        finally:
            deliverer.stop()
        assert bench.sent.take() == [("ops", "alerts.test", [])]

    def of(self, bench: Bench, name: str) -> list[Delivery]:
        with bench.store.reading() as connection:
            channel = channels.load(connection, name, bench.store.sealer)
            return [one for one in deliveries.latest(connection, 1000) if one.channel_id == channel.id]

    def channels(self, bench: Bench) -> list[Channel]:
        with bench.store.reading() as connection:
            return channels.list_all(connection, bench.store.sealer)


class TestHandling:
    def broken(self, bench: Bench) -> None:
        bench.wordpress.plugin.paired = False
        bench.check()

    def test_what_is_acknowledged_is_told_again_only_when_it_returns(self, bench: Bench) -> None:
        self.broken(bench)
        bench.handle(Handling.ACKNOWLEDGED)
        assert bench.look() == []
        shown = gather(bench.store, Throughput(bench.store))
        assert (kinds_of(shown.alerts), shown.critical) == (["no-event"], 0)
        (one,) = shown.handled
        assert (one.handling.reason, one.handling.handled_by) == ("known", "anna")
        bench.wordpress.plugin.paired = True
        bench.check()
        assert bench.look() == [], "nobody was told of its beginning"
        self.broken(bench)
        assert bench.look() == [("ops", "alerts.critical", ["site"])]

    def test_what_is_snoozed_is_told_when_it_lasts_longer(self, bench: Bench) -> None:
        self.broken(bench)
        bench.handle(Handling.SNOOZED, hours=8)
        bench.clock.now += 7 * 3600
        assert bench.look() == []
        bench.clock.now += 2 * 3600
        assert bench.look() == [("ops", "alerts.critical", ["site"])]
        assert bench.look() == []

    def test_what_is_reopened_is_told(self, bench: Bench) -> None:
        self.broken(bench)
        bench.handle(Handling.ACKNOWLEDGED)
        assert bench.look() == []
        bench.store.write(
            partial(handling.reopen, store=bench.store, week=NOTHING_COUNTED, alert_id=bench.alert_id())
        )
        assert bench.look() == [("ops", "alerts.critical", ["site"])]
        with bench.store.reading() as connection:
            entries = audit.page(connection, AuditFilter("alert"), limit=9).entries
        assert [(entry.action, entry.detail.get("reason")) for entry in entries[:2]] == [
            (Action.ALERT_REOPENED, None),
            (Action.ALERT_ACKNOWLEDGED, "known"),
        ]

    @pytest.mark.parametrize(
        "wrong",
        [{"reason": " "}, {"reason": "x" * 201}, {"hours": 0}, {"hours": 91 * 24}, {"of_site": "s2"}],
    )
    def test_needs_a_reason_a_time_and_the_right_site(self, bench: Bench, wrong: dict[str, Any]) -> None:
        self.broken(bench)
        with pytest.raises(AlertError):
            bench.handle(Handling.SNOOZED, **{"hours": 8, **wrong})
        assert bench.look() == [("ops", "alerts.critical", ["site"])]

    def test_of_what_is_not_open_is_refused(self, bench: Bench) -> None:
        with pytest.raises(AlertError):
            bench.store.write(
                partial(handling.reopen, store=bench.store, week=NOTHING_COUNTED, alert_id="0" * 16)
            )


class TestDigest:
    def test_comes_on_mondays_where_it_is_wanted(self, bench: Bench) -> None:
        made = bench.add("weekly", digest=True)
        assert made.digest_at is not None
        assert time.gmtime(made.digest_at / 1000)[3:7] == (8, 0, 0, 0)
        bench.clock.now = made.digest_at / 1000
        ((name, kind, told),) = self.digests(bench)
        assert (name, kind) == ("weekly", MessageKind.DIGEST)
        assert {"sites": 1, "events": 0}.items() <= told.items()
        assert json.dumps(told)
        assert self.digests(bench) == []
        bench.clock.now += 3 * WEEK / 1000
        assert len(self.digests(bench)) == 1, "those that were missed are not made up for"

    def digests(self, bench: Bench) -> list[tuple[str, MessageKind, dict[str, Any]]]:
        bench.sent.messages.clear()
        bench.watcher.look()
        while bench.deliverer.deliver_due():
            pass
        return [one for one in bench.sent.messages if one[1] is MessageKind.DIGEST]

    def test_is_always_later(self) -> None:
        for now in (0, 10**12, next_digest(10**12)):
            assert 0 < next_digest(now) - now <= WEEK
