"""Retention: the log grows shorter, and every meeting stays exactly what all of its events have made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.model.fold import Change, fold, position
from core.model.meeting import BEFORE_ALL, Meeting, Position
from core.pipeline.retention import Retention
from core.store.db.schema import events as events_table
from core.store.meetings import meetings
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from core.zoom import envelope as zoom_envelope
from tests.convergence.ground import SITE
from tests.convergence.world import World
from tests.convergence.zoom_double import ACCOUNT, OPERATIONS, SHAPES, number_of
from tests.core.events import raw
from tests.examples import FIXED_SEED, RETENTION, SOAK, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.convergence.ground import Ground

DAY = 24 * 3600.0
DAYS = 30
SETTINGS = settings(
    deadline=None,
    derandomize=FIXED_SEED,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

# What happens, how many days later, and which of the meetings made so far it happens to.
HISTORIES = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(SHAPES), st.sampled_from(OPERATIONS), st.sampled_from(OPERATIONS)),
        st.sampled_from([0.0, 0.0, 1.0, 9.0, 25.0]),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=25,
)


def happens(world: World, history: list[tuple[Any, float, int]]) -> list[dict[str, Any]]:
    """Let a history happen in the account; return its events in their order."""
    for what, days, which in history:
        world.clock.forward(days * DAY)
        if what in SHAPES:
            world.zoom.make(what, in_hours=5)
        elif world.zoom.held:
            numbers = sorted(world.zoom.held)
            world.zoom.do(what, numbers[which % len(numbers)])
    told, world.zoom.untold = world.zoom.untold, []
    return told


def changes(told: list[dict[str, Any]]) -> list[Change]:
    found = []
    for event in told:
        envelope = zoom_envelope.parse(raw(event))
        found.append(Change(position(envelope, zoom_envelope.digest(envelope), received_at=0), envelope))
    return found


def meeting(world: World, number: int) -> Meeting:
    with world.store.reading() as connection:
        found = meetings.load(connection, world.store.sealer, ACCOUNT, number)
    assert found is not None
    return found[0]


def base(world: World, number: int) -> Meeting | None:
    with world.store.reading() as connection:
        return meetings.load_base(connection, world.store.sealer, ACCOUNT, number)


def logged(world: World) -> list[int]:
    """Return when the events that the log holds happened."""
    with world.store.reading() as connection:
        return list(connection.scalars(select(events_table.c.at).order_by(events_table.c.at)))


def fold_all(world: World) -> None:
    while world.fold():
        pass


def retention(world: World, *, days: int = DAYS, events: int = 10**9) -> Retention:
    return Retention(world.store, clock=world.clock, days=days, events=events)


class Reference:
    """What must come of it: every event counts that comes before what it follows on has been dropped."""

    def __init__(self) -> None:
        self.counted: dict[int, list[Change]] = {}
        self.dropped: dict[int, Position] = {}
        self.folded: set[str] = set()

    def delivered(self, event: dict[str, Any]) -> None:
        number, (change,) = number_of(event), changes([event])
        mine = self.counted.setdefault(number, [])
        if number not in self.dropped or self.dropped[number] < change.position:
            mine.append(change)

    def all_folded(self) -> None:
        self.folded = {change.position.digest for mine in self.counted.values() for change in mine}

    def shortened(self, moment: float) -> None:
        for number, mine in self.counted.items():
            old = [change.position for change in mine if change.position.at < moment]
            folded = [at for at in old if at.digest in self.folded]
            left = self.dropped.get(number, BEFORE_ALL)
            if any(left < at for at in folded):
                self.dropped[number] = max(folded, key=lambda at: (at.at, at.rank, at.digest))


class TestProperty:
    @pytest.mark.timeout(0 if SOAK else 900)  # as with the machine
    def test_fold_stays_exact(self, ground: Ground, database_kind: str) -> None:
        """Some events come before the log is shortened, some after; those from before the base are ignored."""

        progress = Progress(f"shortened histories on {database_kind}", RETENTION[database_kind].now)

        @settings(SETTINGS, max_examples=RETENTION[database_kind].now)
        @given(
            before=HISTORIES,
            between=HISTORIES,
            late=st.lists(st.integers(0, 49), max_size=5, unique=True),
            chance=st.randoms(use_true_random=False),
        )
        def stays_exact(before: Any, between: Any, late: list[int], chance: Random) -> None:
            progress.one_more()
            self._stays_exact(World(ground), before, between, late, chance)

        stays_exact()
        progress.over()

    @staticmethod
    def _stays_exact(world: World, before: Any, between: Any, late: list[int], chance: Random) -> None:
        reference = Reference()

        def deliver(event: dict[str, Any]) -> None:
            world.deliver(event)
            reference.delivered(event)

        def fold_everything() -> None:
            fold_all(world)
            reference.all_folded()

        def shorten() -> None:
            moment = world.clock.milliseconds - DAYS * DAY * 1000
            retention(world).drop()
            reference.shortened(moment)
            pending = sum(log_of(world, "pending").values())
            assert sum(1 for at in logged(world) if at < moment) <= pending

        try:
            told = happens(world, before)
            first = [event for index, event in enumerate(told) if index not in late]
            chance.shuffle(first)
            for event in first:
                deliver(event)
            fold_everything()
            shorten()
            for number, mine in reference.counted.items():
                assert meeting(world, number) == fold(ACCOUNT, number, mine), "It changed by being shortened."

            after = [event for event in told if event not in first] + happens(world, between)
            chance.shuffle(after)
            for event in after:
                deliver(event)
                if chance.random() < 0.5:
                    fold_everything()
                if chance.random() < 0.3:
                    shorten()
            fold_everything()
            shorten()

            for number, mine in reference.counted.items():
                assert meeting(world, number) == fold(ACCOUNT, number, mine)
        finally:
            world.close()


@pytest.fixture
def world(ground: Ground) -> Iterator[World]:
    made = World(ground)
    yield made
    made.close()


def log_of(world: World, outcome: str) -> dict[int, int]:
    """Return how many events of an outcome the log holds of each number."""
    counted = (
        select(events_table.c.number, func.count())
        .where(events_table.c.outcome == outcome)
        .group_by(events_table.c.number)
    )
    with world.store.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(counted)}


class TestByAge:
    def test_old_events_go_and_the_meeting_stays(self, world: World) -> None:
        number = world.zoom.make("single", in_hours=5)
        for event in happens(world, [("rename", 0.0, 0), ("describe", 1.0, 0), ("move", 40.0, 0)]):
            world.deliver(event)
        fold_all(world)
        before = meeting(world, number)

        assert retention(world).drop() == 3

        assert len(logged(world)) == 1
        assert meeting(world, number) == before
        kept = base(world, number)
        assert kept is not None
        assert (kept.topic, kept.agenda) == (before.topic, before.agenda)

    def test_late_event_from_before_the_base_is_ignored(self, world: World) -> None:
        number = world.zoom.make("single", in_hours=5)
        told = happens(
            world, [("rename", 0.0, 0), ("rename", 1.0, 0), ("describe", 1.0, 0), ("move", 40.0, 0)]
        )
        late = told.pop(1)
        for event in told:
            world.deliver(event)
        fold_all(world)
        retention(world).drop()
        before = meeting(world, number)

        world.deliver(late)
        fold_all(world)

        assert meeting(world, number) == before
        assert log_of(world, "pending") == {}
        assert retention(world).drop() == 1

    def test_late_event_counts_beside_one_that_was_not_folded_yet(self, world: World) -> None:
        number = world.zoom.make("single", in_hours=5)
        created, renamed, described, moved = happens(
            world, [("rename", 0.0, 0), ("describe", 0.0, 0), ("move", 40.0, 0)]
        )
        world.deliver(created)
        fold_all(world)
        world.deliver(described)
        retention(world).drop()
        world.deliver(renamed)
        fold_all(world)
        kept = base(world, number)
        assert kept is not None
        assert kept.agenda == "", "what is not folded is no part of it"

        retention(world).drop()
        world.deliver(moved)
        fold_all(world)

        assert not world.zoom.differs_from(number, meeting(world, number))

    def test_late_event_from_after_the_base_counts(self, world: World) -> None:
        number = world.zoom.make("single", in_hours=5)
        told = happens(world, [("rename", 0.0, 0), ("describe", 40.0, 0), ("move", 1.0, 0)])
        late = told.pop(2)
        for event in told:
            world.deliver(event)
        fold_all(world)
        assert retention(world).drop() == 2
        assert meeting(world, number).agenda == ""

        world.deliver(late)
        fold_all(world)

        assert meeting(world, number).agenda == late["payload"]["object"]["agenda"]
        assert not world.zoom.differs_from(number, meeting(world, number))

    def test_events_that_made_nothing_go_too(self, world: World) -> None:
        joined = {"event": "meeting.participant_joined", "event_ts": world.clock.milliseconds, "payload": {}}
        joined["payload"] = {"account_id": ACCOUNT, "object": {"id": 5}}
        world.deliver(joined)
        world.clock.forward((DAYS + 1) * DAY)

        assert retention(world).drop() == 1
        assert logged(world) == []

    def test_attempts_go_with_them(self, world: World) -> None:
        now = world.clock.milliseconds
        made = [Attempt(SITE, 5, at, 20, action="created") for at in (now - int(2 * DAYS * DAY * 1000), now)]
        world.store.write(lambda connection: attempts.add(connection, made))

        retention(world).drop()

        with world.store.reading() as connection:
            assert attempts.of_post(connection, SITE, 5, limit=9) == made[1:]


class TestByNumber:
    def test_oldest_surplus_goes(self, world: World) -> None:
        number = world.zoom.make("single", in_hours=5)
        for event in happens(world, [("rename", 1.0, 0)] * 9):
            world.deliver(event)
        world.clock.forward(2 * DAY)
        fold_all(world)
        before = meeting(world, number)

        assert retention(world, days=10_000, events=4).drop() == 6

        assert len(logged(world)) == 4
        assert meeting(world, number) == before

    def test_what_may_yet_have_older_ones_to_come_stays(self, world: World) -> None:
        """Zoom tries for 85 minutes, so the last day stays, however much it is."""
        number = world.zoom.make("single", in_hours=5)
        told = happens(world, [("rename", 0.01, 0)] * 9)
        late = told.pop(4)
        for event in told:
            world.deliver(event)
        fold_all(world)

        assert retention(world, events=2).drop() == 0

        world.deliver(late)
        fold_all(world)
        assert not world.zoom.differs_from(number, meeting(world, number))
