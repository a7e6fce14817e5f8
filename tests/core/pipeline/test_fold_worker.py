"""Log to meetings: incrementally or all over again, with failures that stay with their meeting."""

import threading
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

import core.pipeline.fold_worker
from core.errors import StoreUnavailableError
from core.model.fold import Change, apply, fold
from core.model.meeting import Meeting, MeetingState
from core.pipeline.fold_worker import FLOOD_EVENTS, FoldWorker
from core.pipeline.recent_count import RecentCount
from core.store.db.encryption import Sealer
from core.store.db.engine import Store
from core.store.db.schema import events as events_table
from core.store.db.schema import posts as posts_table
from core.store.events import log
from core.store.events.log import Outcome
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.sites.sites import Site
from tests.core.clock import Clock
from tests.core.events import ACCOUNT, NUMBER, event
from tests.core.store.entries import entry

TOPIC: dict[str, Any] = {"topic": "Choir", "type": 2, "settings": {"waiting_room": True}}


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def folding(store: Store, site: Site, woken: list[int]) -> FoldWorker:
    return FoldWorker(store, meetings_changed=lambda: woken.append(1), clock=Clock())


def append(store: Store, *told: dict[str, Any]) -> None:
    entries = [entry(store, one) for one in told]
    store.write(lambda connection: log.append(connection, entries))


def kept(store: Store, number: int = NUMBER) -> tuple[Meeting, int]:
    with store.reading() as connection:
        found = meetings.load(connection, store.sealer, ACCOUNT, number)
    assert found is not None
    return found


def outcomes(store: Store) -> list[tuple[int | None, str]]:
    with store.reading() as connection:
        return sorted(
            ((line.number, line.outcome) for line in log.latest(connection, 100)), key=lambda one: one[0] or 0
        )


def updated(at: int, **object_: Any) -> dict[str, Any]:
    return event("meeting.updated", at, payload={"scope": "all"}, **object_)


class TestFoldPending:
    def test_makes_a_meeting_and_wants_its_post(
        self, store: Store, folding: FoldWorker, woken: list[int]
    ) -> None:
        append(store, event(at=1, **TOPIC))
        assert folding.fold_pending() == 1
        meeting, revision = kept(store)
        assert (meeting.topic, revision) == ("Choir", 1)
        assert woken == [1]
        with store.reading() as connection:
            (row,) = connection.execute(select(posts_table)).all()
        assert (row.site_id, row.number, row.wanted, row.written) == ("s1", NUMBER, 1, 0)
        assert outcomes(store) == [(NUMBER, Outcome.APPLIED)]

    def test_wakes_who_writes_posts_also_where_the_log_cannot_name_the_events(
        self, store: Store, folding: FoldWorker, woken: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It reads them once all is stored, and the connection may be lost by then."""

        def lose_connection(*_: object) -> dict[int, str]:
            raise OperationalError("SELECT", None, Exception("The connection is lost."))

        monkeypatch.setattr(log, "trace_ids", lose_connection)
        append(store, event(at=1, **TOPIC))
        assert folding.fold_pending() == 1
        assert (kept(store)[1], woken) == (1, [1])

    def test_notes_since_when_an_event_is_in_its_meeting(self, store: Store, folding: FoldWorker) -> None:
        append(store, event(at=1, **TOPIC))
        folding.fold_pending()
        append(store, updated(2, topic="Later"))
        with store.reading() as connection:
            noted = connection.scalars(select(events_table.c.applied_at).order_by(events_table.c.id)).all()
        assert noted == [Clock().ms, None]

    def test_does_nothing_where_nothing_is_pending(
        self, store: Store, folding: FoldWorker, woken: list[int]
    ) -> None:
        assert folding.fold_pending() == 0
        append(store, event(at=1))
        folding.fold_pending()
        assert folding.fold_pending() == 0
        assert woken == [1]

    def test_takes_many_events_of_one_meeting_in_one_step(self, store: Store, folding: FoldWorker) -> None:
        append(store, event(at=1, **TOPIC), *(updated(at, topic=f"T{at}") for at in range(2, 12)))
        assert folding.fold_pending() == 1
        meeting, revision = kept(store)
        assert (meeting.topic, revision) == ("T11", 1)

    def test_lays_newer_events_over_what_is_kept(
        self, store: Store, folding: FoldWorker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append(store, event(at=1, **TOPIC))
        folding.fold_pending()

        def not_all_over_again(*_: object, **__: object) -> None:
            raise AssertionError("every event was folded again for one that is newer")

        monkeypatch.setattr(core.pipeline.fold_worker, "fold", not_all_over_again)
        append(
            store, updated(3, topic="Third"), updated(2, topic="Second", settings={"mute_upon_entry": False})
        )
        folding.fold_pending()
        meeting, revision = kept(store)
        assert (meeting.topic, revision) == ("Third", 2)
        assert dict(meeting.settings) == {"waiting_room": True, "mute_upon_entry": False}

    def test_folds_all_over_again_where_an_older_one_came_late(
        self, store: Store, folding: FoldWorker
    ) -> None:
        append(store, event(at=1, **TOPIC))
        folding.fold_pending()
        append(store, updated(30, topic="Late"))
        folding.fold_pending()
        append(store, updated(20, topic="Early", agenda="Kept"))
        folding.fold_pending()
        meeting, revision = kept(store)
        assert (meeting.topic, meeting.agenda, revision) == ("Late", "Kept", 3)

    def test_and_also_where_a_newer_one_came_with_it(self, store: Store, folding: FoldWorker) -> None:
        append(store, event(at=1, **TOPIC))
        folding.fold_pending()
        append(store, updated(30, topic="Late"))
        folding.fold_pending()
        append(store, updated(20, topic="Early"), updated(40, agenda="Newest"))
        folding.fold_pending()
        meeting, _ = kept(store)
        assert (meeting.topic, meeting.agenda) == ("Late", "Newest")

    def test_gives_the_same_in_any_order_of_arrival(self, store: Store, folding: FoldWorker) -> None:
        told = [
            event(at=1, **TOPIC),
            updated(2, topic="Second"),
            event("meeting.deleted", 3, payload={"operation": "all"}),
            event("meeting.recovered", 4, payload={"operation": "all"}),
            updated(4, agenda="At once"),
        ]
        for number, order in enumerate(([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]), start=1):
            for index in order:
                one = told[index]
                about = {**one["payload"]["object"], "id": number}
                append(store, {**one, "payload": {**one["payload"], "object": about}})
                folding.fold_pending()
        made = [kept(store, number)[0] for number in (1, 2, 3)]
        assert made[0].state is MeetingState.SCHEDULED
        assert made[0].recovered
        assert [one.object for one in made] == [made[0].object] * 3
        assert [(one.state, one.recovered) for one in made] == [(made[0].state, True)] * 3

    def test_goes_on_where_an_earlier_process_died(self, store: Store, site: Site) -> None:
        append(store, event(at=1, **TOPIC))
        assert FoldWorker(store).fold_pending() == 1, "pending is what the log says, not what is in memory"
        assert kept(store)[0].topic == "Choir"

    def test_keeps_nothing_by_halves(
        self, store: Store, folding: FoldWorker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A database that fails between two steps leaves all as it was."""
        append(store, event(at=1, **TOPIC))
        monkeypatch.setattr(queue, "schedule_write", fails)
        monkeypatch.setattr(queue, "schedule_writes", fails)
        with pytest.raises(StoreUnavailableError):
            folding.fold_pending()
        with store.reading() as connection:
            assert meetings.load(connection, store.sealer, ACCOUNT, NUMBER) is None
        assert outcomes(store) == [(NUMBER, Outcome.PENDING)]
        monkeypatch.undo()
        assert folding.fold_pending() == 1
        assert kept(store)[1] == 1


def fails(*_: object, **__: object) -> None:
    raise StoreUnavailableError("The disk is full.")


class TestFailures:
    def test_one_meeting_that_cannot_be_folded_does_not_stop_others(
        self, store: Store, folding: FoldWorker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fold_but_two(account_id: str, number: int, changes: list[Change], **more: Any) -> Meeting | None:
            if number == 2:
                raise ZeroDivisionError("a mistake of ours")
            return fold(account_id, number, changes, **more)

        monkeypatch.setattr(core.pipeline.fold_worker, "fold", fold_but_two)
        append(store, *(event(id=number, **TOPIC) for number in (1, 2, 3)))
        assert folding.fold_pending() == 3
        assert outcomes(store) == [(1, Outcome.APPLIED), (2, Outcome.FAILED), (3, Outcome.APPLIED)]
        with store.reading() as connection:
            reasons = [line.reason for line in log.latest(connection, 9) if line.reason]
        assert reasons == ["ZeroDivisionError: a mistake of ours"]
        assert folding.fold_pending() == 0

    def test_an_event_that_comes_meanwhile_does_not_fail_with_it(
        self, store: Store, folding: FoldWorker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fold_later(*_: Any, **__: Any) -> Meeting | None:
            append(store, event(at=2, topic="Later", type=2))
            monkeypatch.undo()
            raise ZeroDivisionError("a mistake of ours")

        monkeypatch.setattr(core.pipeline.fold_worker, "fold", fold_later)
        append(store, event(at=1, **TOPIC))
        folding.fold_pending()
        folding.fold_pending()
        assert outcomes(store) == [(NUMBER, Outcome.APPLIED), (NUMBER, Outcome.FAILED)], "the newest first"

    def test_one_that_cannot_be_kept_does_not_stop_others(
        self, store: Store, folding: FoldWorker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save = meetings.save

        def save_but_two(connection: Connection, sealer: Sealer, meeting: Meeting, **more: int) -> bool:
            if meeting.number == 2:
                raise ValueError("a mistake of ours")
            return save(connection, sealer, meeting, **more)

        monkeypatch.setattr(meetings, "save", save_but_two)
        append(store, *(event(id=number, **TOPIC) for number in (1, 2, 3)))
        folding.fold_pending()
        assert outcomes(store) == [(1, Outcome.APPLIED), (2, Outcome.FAILED), (3, Outcome.APPLIED)]


class TestThread:
    def test_folds_when_it_is_woken_and_goes_on_after_trouble(
        self, store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folded = threading.Event()
        tried = threading.Semaphore(0)
        troubles: list[Exception] = [StoreUnavailableError("down"), ZeroDivisionError("a mistake of ours")]
        pending = log.pending_meetings

        def look(connection: Connection, *arguments: Any, **more: Any) -> Any:
            found = pending(connection, *arguments, **more)
            if found and troubles:
                tried.release()
                raise troubles.pop()
            return found

        monkeypatch.setattr(log, "pending_meetings", look)
        folding = FoldWorker(store, meetings_changed=folded.set)
        folding.start()
        try:
            append(store, event(at=1, **TOPIC))
            for _ in range(2):
                folding.wake()
                assert tried.acquire(timeout=600)
            folding.wake()
            assert folded.wait(600)
        finally:
            folding.stop()
        assert kept(store)[0].topic == "Choir"


class TestApplyIsUsedAsFoldWould:
    def test_stepwise(self, store: Store, folding: FoldWorker) -> None:
        told = [event(at=1, **TOPIC), updated(2, topic="Two"), updated(3, settings={"host_video": False})]
        for one in told:
            append(store, one)
            folding.fold_pending()
        with store.reading() as connection:
            changes, _ = log.changes_of(connection, store.sealer, ACCOUNT, NUMBER, pending_only=False)
        assert kept(store)[0] == fold(ACCOUNT, NUMBER, changes)
        meeting = Meeting(ACCOUNT, NUMBER)
        for change in sorted(changes, key=lambda change: change.position):
            meeting = apply(meeting, change)
        assert kept(store)[0] == meeting


class TestFlood:
    @pytest.fixture
    def five(self, store: Store, folding: FoldWorker) -> None:
        folding.batch_size = folding.flood_batch_size = 2
        append(store, *(event(id=NUMBER + number) for number in range(5)))

    def pending(self, store: Store) -> int:
        return [outcome for _, outcome in outcomes(store)].count(Outcome.PENDING)

    @pytest.mark.usefixtures("five")
    def test_is_folded_bite_by_bite(self, folding: FoldWorker, store: Store) -> None:
        folding._flooded = True
        left = []
        while folding.fold_round():
            left.append(self.pending(store))
        assert left == [3, 1, 0]
        assert not folding._flooded, "nothing is left of it"

    @pytest.mark.usefixtures("five")
    def test_sites_wait_for_it_and_no_longer(self, folding: FoldWorker, store: Store) -> None:
        folding.burst_events = 0
        folding.clock = lambda: 1.0
        folding._flooded = True
        waits = []
        while took := folding.fold_round():
            waits.append(self.due(store))
        assert waits[-1] == [12_000] * 5, "more may come of each"
        assert took == 0
        assert self.due(store) == [2000] * 5
        folding._flooded = True
        assert not folding.fold_round()
        assert self.due(store) == [2000] * 5

    @pytest.mark.usefixtures("five")
    def test_that_is_over_delays_no_site_while_events_go_on(self, folding: FoldWorker, store: Store) -> None:
        folding.burst_events = 0
        folding.clock = lambda: 1.0
        folding._flooded = True
        assert folding.fold_round()
        assert self.due(store) == [12_000] * 2
        folding._flooded = False
        folding.batch_size = 9
        assert folding.fold_round()
        assert self.due(store) == [2000] * 5

    @pytest.mark.parametrize(("received", "is_flood"), [(200 // 4, False), (FLOOD_EVENTS, True)])
    def test_is_more_than_the_events_of_a_hundred_busy_sites(
        self, folding: FoldWorker, received: int, is_flood: bool
    ) -> None:
        folding._received = RecentCount(clock=lambda: 0.0)
        folding.wake(received)
        folding._pause(0.0)
        assert folding._flooded is is_flood

    def due(self, store: Store) -> list[int | None]:
        with store.reading() as connection:
            return list(connection.scalars(select(posts_table.c.due_at)))

    @pytest.mark.usefixtures("five")
    def test_without_one_all_is_folded_at_once(self, folding: FoldWorker, store: Store) -> None:
        assert folding.fold_round()
        assert self.pending(store) == 0
