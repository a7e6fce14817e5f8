"""One event as a person inspects it."""

from dataclasses import replace
from typing import Any

import pytest

from core.errors import UnknownEventError
from core.model.diff import FieldDiff, field_diffs
from core.model.fold import fold
from core.monitoring.event_detail import InspectedEvent, Proof, Verification, inspect, inspect_refusal
from core.store.db.engine import Store
from core.store.events import history, log, quarantine
from core.store.events import search as event_search
from core.store.events.delivery import DeliveryStatus
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.events.search import EventFilter, EventKey
from core.store.meetings import meetings
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.store.sites import zoom_secrets
from core.store.sites.sites import Site
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, NOW, SECRET, event, raw, signed
from tests.core.pipeline.test_mirror_worker import OBJECT, Bench
from tests.core.store.entries import entry
from tests.core.store.grants import granted


@pytest.fixture
def bench(store: Store, site: Site) -> Bench:
    return Bench(store)


def looked(bench: Bench, event_id: int, **more: Any) -> InspectedEvent:
    return inspect(bench.store, event_id, **more)


def diffs(found: InspectedEvent) -> list[FieldDiff]:
    assert found.step is not None
    return field_diffs(found.step.before, found.step.after)


class TestInspect:
    def test_says_what_an_event_changed_whatever_came_after_it(self, bench: Bench) -> None:
        bench.happens(1, agenda="One")
        bench.happens(1, "meeting.updated", agenda="Two")
        bench.happens(1, "meeting.updated", agenda="Three")
        assert diffs(looked(bench, 2)) == [FieldDiff("agenda", "One", "Two")]
        created = {one.field: one.new for one in diffs(looked(bench, 1))}
        assert (created["topic"], created["agenda"]) == ("Choir", "One")

    def test_says_it_by_what_dropped_events_made(self, bench: Bench) -> None:

        bench.happens(1, agenda="One")
        bench.happens(1, "meeting.updated", agenda="Two")
        with bench.store.reading() as connection:
            first = history.of_meeting(connection, bench.store.sealer, ACCOUNT, 1).events[0]
        base = fold(ACCOUNT, 1, [first.change])
        assert base is not None
        bench.store.write(lambda connection: meetings.save_base(connection, bench.store.sealer, base))
        bench.store.write(lambda connection: log.drop_folded(connection, ACCOUNT, 1, base.last))
        assert diffs(looked(bench, 2)) == [FieldDiff("agenda", "One", "Two")]

    def test_says_what_one_that_is_not_folded_yet_will_change(self, bench: Bench) -> None:
        bench.happens(1)
        line = entry(bench.store, event("meeting.updated", 9, id=1, topic="New"))
        bench.store.write(lambda connection: log.append(connection, [line]))
        found = looked(bench, 2)
        assert diffs(found) == [FieldDiff("topic", "Choir", "New")]
        assert [one.status for one in found.deliveries] == [DeliveryStatus.PENDING]

    def test_says_when_it_reached_each_site_and_by_which_attempts(self, bench: Bench) -> None:
        bench.happens(1)
        bench.clock.now += 1
        bench.work()
        bench.happens(1, "meeting.updated", topic="New")
        bench.clock.now += 60
        failed = Attempt("s1", 1, bench.clock.ms - 5, 7, fault="network", message="No answer.")
        bench.store.write(lambda connection: attempts.add(connection, [failed]))
        bench.work()
        found = looked(bench, 2)
        (reached,) = found.deliveries
        assert (reached.status, reached.site_id) == (DeliveryStatus.DELIVERED, "s1")
        assert [(one.fault, one.action) for one in found.attempts["s1"]] == [
            ("network", None),
            (None, "updated"),
        ]
        assert [one.action for one in looked(bench, 1).attempts["s1"]] == ["created"]

    @pytest.mark.parametrize("outcome", [Outcome.IGNORED, Outcome.FAILED])
    def test_of_what_is_no_part_of_a_meeting_says_nothing_of_one(
        self, bench: Bench, outcome: Outcome
    ) -> None:
        bench.happens(1)
        line = replace(entry(bench.store, event("meeting.updated", 9, id=1)), outcome=outcome, reason="why")
        bench.store.write(lambda connection: log.append(connection, [line]))
        found = looked(bench, 2)
        assert (found.step, found.deliveries, found.line.reason) == (None, [], "why")

    def test_says_where_a_meeting_has_too_many_events(self, bench: Bench) -> None:
        bench.happens(1)
        bench.happens(1, "meeting.updated", topic="New")
        assert looked(bench, 1, most_events=1).is_whole
        assert not looked(bench, 2, most_events=1).is_whole

    def test_a_site_sees_what_concerns_it_and_where_it_stands_there(self, bench: Bench) -> None:
        bench.happens(1)
        connected(bench.store, "s2")
        assert len(looked(bench, 1, site_id="s1").deliveries) == 1
        with pytest.raises(UnknownEventError):
            looked(bench, 1, site_id="s2")
        granted(bench.store, ACCOUNT, "s2")
        assert [one.site_id for one in looked(bench, 1, site_id="s2").deliveries] == ["s2"]

    def test_says_what_showed_it_to_be_zooms(self, bench: Bench) -> None:
        def check(headers: dict[str, str]) -> Verification:
            body = raw(event(at=len(headers) + 1))
            line = replace(
                entry(bench.store, event(at=len(headers) + 1)),
                request=Request(headers, body).sealed(bench.store.sealer),
            )
            bench.store.write(lambda connection: log.append(connection, [line]))
            with bench.store.reading() as connection:
                newest = max(one.id for one in event_search.page(connection, EventFilter(), limit=9).events)
            return looked(bench, newest).verification

        assert check(signed(b"{}")) == Verification(Proof.SIGNATURE, NOW * 1000)
        assert check({"authorization": "t"}) == Verification(Proof.TOKEN)
        assert check({}) == Verification(Proof.OWN)
        assert check({"x-zm-signature": "v0=1", "x-zm-request-timestamp": "soon", "a": "b"}).signed_at is None


class TestRefusals:
    @pytest.fixture
    def held(self, bench: Bench) -> Store:
        store = bench.store
        connected(store, "s2")
        store.write(
            lambda connection: zoom_secrets.save(connection, "s1", Secret(SECRET), store.sealer, now=1)
        )
        for at, site_id in enumerate(["s1", "s2", "s1", "s1"]):
            body = raw(event(at=at, **OBJECT))
            held = Request(signed(body, secret=SECRET if at == 3 else "another", at=at), body)
            store.write(
                lambda connection, at=at, held=held, site_id=site_id: quarantine.add(  # type: ignore[misc]
                    connection, site_id, held, store.sealer, reason=f"why {at}", now=at * 1000
                )
            )
        return store

    def reasons(self, store: Store, wanted: EventFilter, **more: Any) -> list[str]:
        with store.reading() as connection:
            page = quarantine.page(connection, wanted, store.sealer, **{"limit": 9, **more})
        return [one.reason for one in page.requests]

    def test_are_listed_newest_first_by_site_and_time(self, held: Store) -> None:
        assert self.reasons(held, EventFilter()) == ["why 3", "why 2", "why 1", "why 0"]
        assert self.reasons(held, EventFilter(site_id="s2")) == ["why 1"]
        assert self.reasons(held, EventFilter(since=1000, until=3000)) == ["why 2", "why 1"]

    def test_are_paged_both_ways(self, held: Store) -> None:
        with held.reading() as connection:
            first = quarantine.page(connection, EventFilter(), held.sealer, limit=3)
            rest = quarantine.page(
                connection, EventFilter(), held.sealer, limit=3, before=first.requests[-1].key
            )
            back = quarantine.page(
                connection, EventFilter(), held.sealer, limit=3, after=rest.requests[0].key
            )
        assert (first.more_newer, first.more_older) == (False, True)
        assert ([one.reason for one in rest.requests], rest.more_older) == (["why 0"], False)
        assert [one.reason for one in back.requests] == [one.reason for one in first.requests]
        assert not back.more_newer
        assert self.reasons(held, EventFilter(), after=EventKey(0, 0), limit=2) == ["why 1", "why 0"]

    def test_tell_what_they_say_of_themselves_and_what_is_wrong_with_them_now(self, held: Store) -> None:
        wrong = inspect_refusal(held, 1)
        assert (wrong.event, wrong.refusal.reason, wrong.refusal.site_name) == (
            "meeting.created",
            "why 0",
            "Site s1",
        )
        assert "different secret token" in wrong.problem
        assert inspect_refusal(held, 4).problem == "", "it would pass now"

    def test_of_another_site_are_unknown(self, held: Store) -> None:
        assert inspect_refusal(held, 2, site_id="s2").refusal.id == 2
        for refusal_id, site_id in ((2, "s1"), (99, None)):
            with pytest.raises(UnknownEventError):
                inspect_refusal(held, refusal_id, site_id=site_id)
