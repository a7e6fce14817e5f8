"""Reconcile an account: what differs, what is missing, and what a dry run leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.accounts import import_job, reconcile_job
from core.model.meeting import MeetingState
from tests.zoom import faults
from tests.zoom.faults import Place

if TYPE_CHECKING:
    import pytest

    from tests.core.accounts.world import World


class TestReconcile:
    def test_finds_what_was_missed(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        kept, moved, gone = (world.zoom.account.make(anna, name) for name in ("Kept", "Moved", "Gone"))
        world.run_steps(world.enqueue(import_job.KIND))
        world.jobs.stop_job(1)
        world.zoom.account.change(moved, topic="Moved away")
        world.zoom.account.delete(gone)
        added = world.zoom.account.make(anna, "Added")

        job = world.run_steps(world.enqueue(reconcile_job.KIND))

        assert world.found(job) == {moved: "changed", gone: "gone", added: "new"}
        assert job.counts["same"] == 1
        assert (found := world.meeting(gone)) is not None
        assert found.state is MeetingState.DELETED
        assert (found := world.meeting(kept)) is not None
        assert found.state is MeetingState.SCHEDULED

    def test_silence_deletes_nothing(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        number = world.zoom.account.make(anna, "Choir")
        world.run_steps(world.enqueue(import_job.KIND))
        world.jobs.stop_job(1)
        world.zoom.behaviour.failing = 10_000
        world.run_steps(world.enqueue(reconcile_job.KIND))
        found = world.meeting(number)
        assert found is not None
        assert found.state is MeetingState.SCHEDULED

    def test_a_step_reads_few_where_a_list_cannot_be_read(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or one that takes longer than the lease of the job would be repeated for ever."""
        monkeypatch.setattr("core.accounts.scan_phases.KNOWN_BATCH_SIZE", 2)
        anna, bert = world.zoom.account.add_user("Anna"), world.zoom.account.add_user("Bert")
        numbers = [world.zoom.account.make(anna, "Choir") for _ in range(5)]
        other = world.zoom.account.make(bert, "Board")
        world.run_steps(world.enqueue(import_job.KIND))
        world.jobs.stop_job(1)
        world.zoom.refuse(Place.MEETINGS.path(user=anna.id), faults.NO_MEETINGS_LICENCE)
        for number in (numbers[0], numbers[4]):
            world.zoom.account.delete(number)
        world.ahead(10)
        asked = world.enqueue(reconcile_job.KIND)
        reads: list[list[int]] = []
        for _ in range(6):  # fold, users, three times Anna, Bert
            before = len(world.zoom.behaviour.requests)
            job = world.run_steps(asked, most=1)
            paths = {path.partition("?")[0] for path in world.zoom.behaviour.requests[before:]}
            reads.append([number for number in numbers if f"/v2/meetings/{number}" in paths])
            world.ahead(10)  # not in the moment of a change
        assert reads == [[], [], numbers[:2], numbers[2:4], numbers[4:], []]
        assert job.cursor == {"phase": "hosts", "after": bert.id, "from": 0}
        job = world.run_steps(asked)
        assert (job.counts["same"], job.counts["gone"]) == (4, 2)
        assert (job.done, world.meeting(other) is not None) == (2, True)

    def test_a_host_who_left_takes_the_meetings_along(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        number = world.zoom.account.make(anna, "Choir")
        world.run_steps(world.enqueue(import_job.KIND))
        world.jobs.stop_job(1)
        del world.zoom.account.users[anna.id]
        del world.zoom.account.held[number]
        job = world.run_steps(world.enqueue(reconcile_job.KIND))
        assert world.found(job) == {number: "gone"}

    def test_a_dry_run_says_what_differs_and_mends_nothing(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        number = world.zoom.account.make(anna, "Choir")
        world.run_steps(world.enqueue(import_job.KIND))
        world.jobs.stop_job(1)
        world.zoom.account.delete(number)
        job = world.run_steps(world.enqueue(reconcile_job.KIND, dry_run=True))
        assert job.counts.get("gone") == 1
        found = world.meeting(number)
        assert found is not None
        assert found.state is MeetingState.SCHEDULED
