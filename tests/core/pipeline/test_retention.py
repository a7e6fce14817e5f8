"""For how long events are kept: as is set, unless that is fixed from outside; see also tests/convergence."""

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from core.model.fold import Change, fold
from core.model.meeting import Meeting
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.retention import Retention
from core.store.db import settings
from core.store.db.engine import Store
from core.store.db.schema import events
from core.store.db.schema import quarantine as held
from core.store.db.settings import RetentionSettings
from core.store.events import log, quarantine
from core.store.events.log import Outcome
from core.store.events.name_removal import REMOVED_HEADER
from core.store.events.request import Request
from core.store.meetings import meetings
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.store.sites.sites import Site
from tests.core.clock import Clock
from tests.core.events import ACCOUNT, NUMBER, event, raw, signed
from tests.core.store.entries import entry

DAY = 24 * 3600


@pytest.fixture
def clock(store: Store, site: Site) -> Clock:
    """Now, with an event of each of the last twenty days, as the bridge acts on none of them."""
    clock = Clock()
    told = [
        entry(store, event("phone.rang", at=int((clock() - days * DAY - 60) * 1000)), outcome=Outcome.IGNORED)
        for days in range(20)
    ]
    store.write(lambda connection: log.append(connection, told))
    return clock


def kept(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(events)) or 0


def put(store: Store, days: int) -> None:
    store.write(lambda connection: settings.save_retention(connection, RetentionSettings(days=days)))


class TestKeeping:
    def test_is_what_is_set_from_one_round_to_the_next(self, store: Store, clock: Clock) -> None:
        retention = Retention(store, clock=clock)
        assert retention.drop() == 0
        put(store, 10)
        assert retention.drop() == 10
        assert kept(store) == 10

    def test_is_what_is_fixed_from_outside(self, store: Store, clock: Clock) -> None:
        put(store, 10)
        retention = Retention(store, days=15, clock=clock)
        assert retention.settings() == RetentionSettings(days=15)
        assert retention.drop() == 5

    def test_counts_as_soon_as_it_was_set(self, store: Store, clock: Clock) -> None:
        rounds = threading.Semaphore(0)

        class Counting(Retention):
            def drop(self) -> int:
                dropped = super().drop()
                rounds.release()
                return dropped

        retention = Counting(store, clock=clock)
        retention.start()
        try:
            assert rounds.acquire(timeout=600)
            put(store, 10)
            retention.wake()
            assert rounds.acquire(timeout=600)
            assert kept(store) == 10
        finally:
            retention.stop()


class TestWhatCannotBeRead:
    """An event that no key opens, as after a key was taken away too early."""

    @pytest.fixture
    def clock(self, store: Store, site: Site) -> Clock:
        """Now, with two events of each of five meetings, of which those of three cannot be read any more."""
        clock = Clock()
        told = [
            entry(
                store,
                registration(clock, days) | {"payload": about(number)},
                received_at=clock.ms - days * DAY * 1000,
            )
            for number in range(NUMBER, NUMBER + 5)
            for days in (40, 35)
        ]
        store.write(lambda connection: log.append(connection, told))
        while FoldWorker(store, clock=clock).fold_pending():
            pass
        broken = update(events).where(events.c.number < NUMBER + 3).values(request=b"of another key")
        store.write(lambda connection: connection.execute(broken))
        return clock

    def test_keeps_no_other_event(self, store: Store, clock: Clock) -> None:
        assert Retention(store, days=30, clock=clock, batch_size=2).drop() == 4
        assert kept(store) == 6

    def test_keeps_no_other_name(self, store: Store, clock: Clock) -> None:
        Retention(store, names_days=30, clock=clock).drop()
        with store.reading() as connection:
            rows = connection.scalars(select(events.c.request).where(events.c.number >= NUMBER + 3))
            assert not any(b"Jill" in Request.opened(row, store.sealer).body for row in rows)

    def test_keeps_no_quarantined_name(self, store: Store, clock: Clock) -> None:
        now = clock.ms - 40 * DAY * 1000
        for days in (40, 39):
            told = raw(registration(clock, days))
            request = Request(signed(told, at=now / 1000), told)
            store.write(
                lambda connection, request=request: quarantine.add(  # type: ignore[misc]
                    connection, "s1", request, store.sealer, reason="why", now=now
                )
            )
        broken = update(held).where(held.c.id == 1).values(request=b"of another key")
        store.write(lambda connection: connection.execute(broken))
        Retention(store, names_days=30, clock=clock).drop()
        with store.reading() as connection:
            assert connection.scalars(select(held.c.id)).all() == [1]


class TestOthersThatWrite:
    """While a meeting is folded, which takes seconds where a webinar has thousands of registrations."""

    @pytest.mark.parametrize("is_late", [True, False])
    def test_do_not_wait(
        self, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, is_late: bool
    ) -> None:
        """Of an event that is older, the base would know nothing; newer ones may come as long as it is folded."""

        def folds(account_id: str, number: int, changes: list[Change], **more: Any) -> Meeting | None:
            at = 1 if is_late else clock.ms
            late = entry(store, event("meeting.updated", at, topic="Late"), received_at=clock.ms)
            store.write(lambda connection: log.append(connection, [late]), within=60)
            return fold(account_id, number, changes, **more)

        told = entry(
            store, event("meeting.created", 2, topic="Choir"), received_at=clock.ms - 40 * DAY * 1000
        )
        store.write(lambda connection: log.append(connection, [told]))
        FoldWorker(store, clock=clock).fold_pending()
        monkeypatch.setattr("core.pipeline.retention.fold", folds)
        assert Retention(store, days=30, clock=clock).drop() == (0 if is_late else 1)
        monkeypatch.undo()
        FoldWorker(store, clock=clock).fold_pending()
        assert Retention(store, days=30, clock=clock).drop() == (2 if is_late else 0)
        with store.reading() as connection:
            found = meetings.load(connection, store.sealer, ACCOUNT, NUMBER)
        assert found is not None
        assert found[0].topic == "Late"


class TestAPartThatFails:
    def test_stops_no_other(self, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        def mistake(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("a mistake of ours")

        monkeypatch.setattr(log, "drop_others", mistake)
        attempt = Attempt("s1", NUMBER, at=clock.ms - 40 * DAY * 1000, milliseconds=1)
        store.write(lambda connection: attempts.add(connection, [attempt] * 3))
        assert Retention(store, days=30, clock=clock, batch_rows=2).drop() == 0
        with store.reading() as connection:
            assert attempts.of_post(connection, "s1", NUMBER, limit=3) == []


def about(number: int) -> dict[str, Any]:
    return {"account_id": ACCOUNT, "object": {"id": number, "type": 2, "topic": "Choir", "registrant": JILL}}


JILL = {"id": "r1", "email": "jill@example.com", "first_name": "Jill", "status": "pending"}


def registration(clock: Clock, days: float, verb: str = "created", **more: Any) -> dict[str, Any]:
    at = clock.ms - int(days * DAY * 1000)
    return event(f"meeting.registration_{verb}", at, topic="Choir", type=2, registrant={**JILL, **more})


def requests_of(store: Store, name: str) -> list[Request]:
    with store.reading() as connection:
        rows = connection.scalars(
            select(events.c.request).where(events.c.event == name).order_by(events.c.id)
        )
        return [Request.opened(sealed, store.sealer) for sealed in rows]


class TestNames:
    """They go after a time of their own; the events stay, and make the same meetings."""

    @pytest.fixture
    def clock(self, store: Store, site: Site) -> Clock:
        return Clock()

    def came(self, store: Store, clock: Clock, *told: dict[str, Any], **more: Any) -> None:
        entries = [entry(store, one, received_at=one["event_ts"], **more) for one in told]
        store.write(lambda connection: log.append(connection, entries))
        while FoldWorker(store, clock=clock).fold_pending():
            pass

    def meeting(self, store: Store) -> tuple[Meeting, Meeting | None]:
        """Return the meeting as it is kept, and as all of its events make it."""
        with store.reading() as connection:
            known = meetings.load(connection, store.sealer, ACCOUNT, NUMBER)
            changes, _ = log.changes_of(connection, store.sealer, ACCOUNT, NUMBER, pending_only=False)
        assert known is not None
        return known[0], fold(ACCOUNT, NUMBER, changes)

    def test_go_and_the_meeting_stays_exactly_what_it_was(self, store: Store, clock: Clock) -> None:
        self.came(
            store, clock, registration(clock, 40), registration(clock, 35, "approved"), registration(clock, 2)
        )
        before = self.meeting(store)
        assert before[0] == before[1]
        retention = Retention(store, clock=clock)
        assert retention.drop() == 0

        assert self.meeting(store) == before
        assert list(before[0].registrants.values()) == ["pending"]
        first, second = requests_of(store, "meeting.registration_created")
        assert b"jill" not in first.body
        assert b"Jill" not in first.body
        assert json.loads(first.body)["payload"]["object"]["registrant"] == {"id": "r1", "status": "pending"}
        assert first.headers == {"x-zm-request-id": "r", REMOVED_HEADER: str(clock.ms)}
        assert b"jill" in second.body
        assert REMOVED_HEADER not in second.headers

        clock.now += 40 * DAY
        retention.drop()
        assert not any(b"jill" in one.body for one in requests_of(store, "meeting.registration_created"))
        first_again, _ = requests_of(store, "meeting.registration_created")
        assert first_again.headers == first.headers, "it was not touched again"

    def test_go_with_the_body_of_what_cannot_be_read(self, store: Store, clock: Clock) -> None:
        """Whether it names people cannot be told; the event stays, with its reason."""
        bodies = [b'{"event":"meeting.registration_created","jill":', b"jill", b"\xffjill"]
        for days, body in zip((40, 35, 2), bodies, strict=True):
            line = replace(
                entry(store, registration(clock, days), received_at=clock.ms - days * DAY * 1000),
                request=Request({"x-zm-request-id": "r"}, body).sealed(store.sealer),
                outcome=Outcome.UNREADABLE,
                reason="why",
            )
            store.write(lambda connection, line=line: log.append(connection, [line]))  # type: ignore[misc]
        Retention(store, clock=clock).drop()
        found = requests_of(store, "meeting.registration_created")
        assert [one.body for one in found] == [b"", b"", bodies[2]]
        assert [REMOVED_HEADER in one.headers for one in found] == [True, True, False]
        assert kept(store) == 3

    def test_go_after_as_many_days_as_are_set(self, store: Store, clock: Clock) -> None:
        self.came(store, clock, registration(clock, 9), registration(clock, 11))
        store.write(lambda connection: settings.save_retention(connection, RetentionSettings(names_days=10)))
        Retention(store, clock=clock).drop()
        assert [b"jill" in one.body for one in requests_of(store, "meeting.registration_created")] == [
            True,
            True,
        ]
        clock.now += 2 * DAY
        Retention(store, clock=clock).drop()
        assert not any(b"jill" in one.body for one in requests_of(store, "meeting.registration_created"))

    def test_go_after_as_many_days_as_are_fixed_from_outside(self, store: Store, clock: Clock) -> None:
        self.came(store, clock, registration(clock, 6), registration(clock, 4))
        Retention(store, names_days=5, clock=clock).drop()
        older, newer = requests_of(store, "meeting.registration_created")
        assert (b"jill" in older.body, b"jill" in newer.body) == (False, True)

    @pytest.mark.parametrize(
        ("name", "stays"),
        [
            ("meeting.participant_joined", False),
            ("webinar.participant_left", False),
            ("recording.registration_created", False),
            ("meeting.updated", True),
            ("user.updated", False),
        ],
    )
    def test_go_from_what_is_about_people(
        self, store: Store, clock: Clock, name: str, *, stays: bool
    ) -> None:
        told = event(name, clock.ms - 40 * DAY * 1000, participant={"user_name": "Jill"}, agenda="Jill")
        self.came(store, clock, told, outcome=Outcome.IGNORED)
        Retention(store, clock=clock).drop()
        (kept,) = requests_of(store, name)
        assert (b"Jill" in kept.body) is stays

    @pytest.mark.parametrize("odd", ["\ud800", "a\ud83d@example.org", "\x00;anna@example.org"])
    def test_go_where_a_host_is_named_by_what_no_database_can_hold(
        self, store: Store, clock: Clock, odd: str
    ) -> None:
        at = clock.ms - 40 * DAY * 1000
        told = event("meeting.updated", at, settings={"alternative_hosts": odd})
        request = Request({}, json.dumps(told).encode("ascii")).sealed(store.sealer)
        line = replace(entry(store, event("meeting.updated", at), received_at=at), request=request)
        store.write(lambda connection: log.append(connection, [line]))
        self.came(store, clock, registration(clock, 39))
        Retention(store, clock=clock).drop()
        (named,), (after,) = (
            requests_of(store, f"meeting.{verb}") for verb in ("updated", "registration_created")
        )
        assert json.loads(named.body)["payload"]["object"]["settings"] == {"alternative_hosts": "removed"}
        assert b"jill" not in after.body

    def test_go_from_many_more_than_are_taken_at_once(self, store: Store, clock: Clock) -> None:
        told = [registration(clock, 40, id=f"r{number}") for number in range(2500)]
        entries = [entry(store, one, received_at=one["event_ts"], outcome=Outcome.IGNORED) for one in told]
        store.write(lambda connection: log.append(connection, entries))
        Retention(store, clock=clock).drop()
        assert not any(b"jill" in one.body for one in requests_of(store, "meeting.registration_created"))

    def test_go_where_the_log_was_emptied_between(self, store: Store, clock: Clock) -> None:
        """SQLite counts from the beginning then."""
        self.came(store, clock, *(registration(clock, 40 + number) for number in range(5)))
        retention = Retention(store, clock=clock)
        retention.drop()
        store.write(lambda connection: connection.execute(delete(events)))
        retention.drop()
        self.came(store, clock, registration(clock, 45, id="r2"))
        retention.drop()
        (kept,) = requests_of(store, "meeting.registration_created")
        assert b"jill" not in kept.body

    def test_go_with_what_was_refused_and_is_not_accepted_until_then(
        self, store: Store, clock: Clock
    ) -> None:
        def refused(days: float, told: dict[str, Any]) -> None:
            now = clock.ms - int(days * DAY * 1000)
            request = Request(signed(raw(told), at=now / 1000), raw(told))
            store.write(
                lambda connection: quarantine.add(
                    connection, "s1", request, store.sealer, reason="why", now=now
                )
            )

        refused(31, registration(clock, 31))
        refused(31, event("meeting.created", clock.ms))
        refused(29, registration(clock, 29))
        refused(9999, event("meeting.created", clock.ms - 1))
        Retention(store, clock=clock).drop()
        with store.reading() as connection:
            left = quarantine.list_all(connection, "s1", store.sealer)
        assert [b"registration" in one.request.body for one in left] == [False, True]
