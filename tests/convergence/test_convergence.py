"""Stateful: events in any order, twice, late or never; crashes, faults and editors in between; one site in the end.

The bridge's parts are the real ones on a real database of each kind: one process on SQLite, two that take turns
on PostgreSQL. The site is a double; tests/faults has the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.model.meeting import Position
from tests.convergence.site_double import FAILURES
from tests.convergence.world import World
from tests.convergence.zoom_double import OPERATIONS, SHAPES
from tests.examples import FIXED_SEED, MACHINE, SOAK, STEPS, Progress

if TYPE_CHECKING:
    from core.zoom.envelope import Envelope
    from tests.convergence.ground import Ground

MOST_MEETINGS = 3

SETTINGS = settings(
    stateful_step_count=STEPS.now,
    derandomize=FIXED_SEED,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
# The first counterexample is enough, as it comes: it shows that there is one.
ONCE = settings(
    SETTINGS,
    max_examples=400,
    database=None,
    phases=[Phase.generate],
    print_blob=False,
    report_multiple_bugs=False,
)

picked = st.integers(0, 999)


class Convergence(RuleBasedStateMachine):
    """Any history of an account, told in any way, through any failure."""

    ground: ClassVar[Ground]
    progress: ClassVar[Progress]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.ground)

    # --- Zoom ---------------------------------------------------------------------------------------------

    @initialize(shape=st.sampled_from(SHAPES), in_hours=st.integers(1, 60))
    def begin(self, shape: Any, in_hours: int) -> None:
        self.world.zoom.make(shape, in_hours=in_hours)

    @precondition(lambda self: len(self.world.zoom.held) < MOST_MEETINGS)
    @rule(shape=st.sampled_from(SHAPES), in_hours=st.integers(1, 60), by_hand=st.booleans())
    def make(self, shape: Any, in_hours: int, by_hand: bool) -> None:
        number = self.world.zoom.make(shape, in_hours=in_hours)
        if by_hand:
            self.world.site.make_by_hand(number, self.world.zoom.held[number].object["topic"])

    @rule(operation=st.sampled_from(OPERATIONS), pick=picked)
    def change(self, operation: Any, pick: int) -> None:
        held = sorted(self.world.zoom.held)
        self.world.zoom.do(operation, held[pick % len(held)])

    @rule(operation=st.sampled_from(OPERATIONS), pick=picked)
    def change_and_tell(self, operation: Any, pick: int) -> None:
        self.change(operation, pick)
        while self.world.zoom.untold:
            self.world.deliver(self.world.zoom.untold.pop(0))

    @precondition(lambda self: self.world.zoom.untold)
    @rule(pick=picked)
    def deliver(self, pick: int) -> None:
        untold = self.world.zoom.untold
        self.world.deliver(untold.pop(pick % len(untold)))

    @precondition(lambda self: any(event["event"] != "snapshot" for event in self.world.delivered))
    @rule(pick=picked)
    def deliver_again(self, pick: int) -> None:
        told = [event for event in self.world.delivered if event["event"] != "snapshot"]
        self.world.deliver(told[pick % len(told)])

    @precondition(lambda self: self.world.zoom.untold)
    @rule(pick=picked)
    def lose(self, pick: int) -> None:
        untold = self.world.zoom.untold
        event = untold.pop(pick % len(untold))
        self.world.zoom.held[int(event["payload"]["object"]["id"])].losses += 1

    @rule(pick=picked)
    def heal(self, pick: int) -> None:
        held = sorted(self.world.zoom.held)
        self.world.heal(held[pick % len(held)])

    # --- The bridge ---------------------------------------------------------------------------------------

    @rule()
    def fold(self) -> None:
        self.world.fold()

    @rule()
    def claim(self) -> None:
        self.world.claim()

    @rule()
    def work(self) -> None:
        self.world.work()

    @rule()
    def fold_and_mirror(self) -> None:
        self.world.fold()
        self.world.claim()
        self.world.work()

    @precondition(lambda self: self.world.is_shared)
    @rule()
    def turn(self) -> None:
        self.world.turn()

    @rule()
    def crash(self) -> None:
        self.world.crash()

    # --- The site, its editors, and time ------------------------------------------------------------------

    @rule(failure=st.sampled_from(FAILURES), later=st.integers(0, 2))
    def failure(self, failure: Any, later: int) -> None:
        self.world.site.failures.extend([*[None] * later, failure])

    @precondition(lambda self: any(post.status != "gone" for post in self.world.site.posts.values()))
    @rule(
        what=st.sampled_from(["title", "content", "draft", "private", "publish", "trash", "delete"]),
        pick=picked,
    )
    def edit(self, what: str, pick: int) -> None:
        site = self.world.site
        there = [post for post in site.posts.values() if post.status != "gone"]
        post = there[pick % len(there)]
        match what:
            case "title":
                site.retitle(post, f"An editor's title {pick}")
            case "content":
                site.rewrite(post, f"An editor's words {pick}")
            case "trash":
                site.trash(post)
            case "delete":
                number = int(post.field["number"])
                if self.world.post_known(number) == post.id:
                    self.world.never_again.add(number)
                site.delete_by_hand(post)
            case _:
                site.show_as(post, what)

    @rule(hours=st.sampled_from([0.001, 0.1, 1, 2, 30, 200]))
    def time_passes(self, hours: float) -> None:
        self.world.time_passes(hours * 3600)

    def teardown(self) -> None:
        world = self.world
        try:
            world.site.failures.clear()
            while world.zoom.untold:
                world.deliver(world.zoom.untold.pop())
            for number, held in world.zoom.held.items():
                if held.losses:
                    world.heal(number)
            world.run_until_quiet()
            world.check()
        finally:
            world.close()
            self.progress.one_more()


@pytest.fixture(autouse=True)
def _ground(ground: Ground, database_kind: str) -> None:
    Convergence.ground = ground
    Convergence.progress = Progress(f"histories on {database_kind}", MACHINE[database_kind].now)


@pytest.mark.timeout(0 if SOAK else 900)  # a counterexample takes up to five minutes to make small
def test_site_ends_up_right(database_kind: str) -> None:
    run_state_machine_as_test(
        Convergence, settings=settings(SETTINGS, max_examples=MACHINE[database_kind].now)
    )
    Convergence.progress.over()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # the order is the same code on both
class TestTheTestCanFail:
    def test_when_events_are_folded_as_they_arrive(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Position, "__lt__", lambda *_: True)  # each is taken for newer than all before
        with pytest.raises(AssertionError):
            run_state_machine_as_test(Convergence, settings=ONCE)

    def test_when_the_log_orders_events_by_their_arrival(self, monkeypatch: pytest.MonkeyPatch) -> None:
        arrivals = iter(range(10**9))

        def by_arrival(envelope: Envelope, digest: str, *, received_at: int) -> Position:
            return Position(next(arrivals), 0, digest)

        monkeypatch.setattr("core.pipeline.ingest.position", by_arrival)
        with pytest.raises(AssertionError):
            run_state_machine_as_test(Convergence, settings=ONCE)
