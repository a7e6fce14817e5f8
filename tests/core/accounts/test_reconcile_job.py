"""Reconcile an account: what differs, what is missing, and what a dry run leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.accounts import import_job, reconcile_job
from core.model.meeting import MeetingState

if TYPE_CHECKING:
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
