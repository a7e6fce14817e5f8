"""The phases of a scan, and the cursors at which stored jobs go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.accounts import backfill_job, import_job, reconcile_job
from core.accounts.clients import AccountClients
from core.accounts.scan import ScanContext
from core.store.jobs import JobState
from core.zoom.readings import Reading

if TYPE_CHECKING:
    from tests.core.accounts.world import World


class TestScanContext:
    def test_reads_again_what_changed_since_it_was_read_ahead(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        items: dict[int, dict[str, Any]] = {
            world.zoom.account.make(anna, topic): {"type": 2} for topic in ("Moved", "Kept")
        }
        world.run_steps(world.enqueue(import_job.KIND))
        moved, kept = items
        known = world.meeting(moved)
        assert known is not None
        world.zoom.behaviour.requests.clear()
        before = {
            moved: Reading({"id": moved}, at=known.last.at),
            kept: Reading({"id": kept}, at=known.last.at + 10_000),
        }

        context = ScanContext(world.store, AccountClients(world.store))
        after = context.reread_changed(world.zoom.account.account_id, before, items)

        (request,) = world.zoom.behaviour.requests
        assert request.startswith(f"/v2/meetings/{moved}?")
        reread = after[moved]
        assert isinstance(reread, Reading)
        assert reread.document["topic"] == "Moved"
        assert after[kept] is before[kept]


class TestAccountScan:
    def test_repeats_a_step_until_the_second_of_a_change_is_over(self, world: World) -> None:
        number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        world.run_steps(world.enqueue(import_job.KIND))
        world.end_jobs()
        job = world.enqueue(reconcile_job.KIND, cursor={"phase": "hosts", "after": "", "from": 0})

        job = world.run_steps(job, most=1, waits=False)
        assert job.counts == {}
        assert job.cursor == {"phase": "hosts", "after": "", "from": 0}

        world.ahead(1)
        world.zoom.behaviour.requests.clear()
        job = world.run_steps(job, most=1, waits=False)
        assert job.counts == {"same": 1}
        assert any(f"/meetings/{number}" in path for path in world.zoom.behaviour.requests)


class TestStoredCursors:
    """Cursors as version 0.1.0 stored them: its jobs go on."""

    @pytest.mark.parametrize(
        "cursor",
        [
            {"phase": "fold", "until": None},
            {"phase": "users"},
            {"phase": "hosts", "after": "", "from": 0},
            {"phase": "unheard-of"},
        ],
    )
    @pytest.mark.parametrize("kind", [import_job.KIND, reconcile_job.KIND])
    def test_lead_to_every_meeting(self, world: World, kind: str, cursor: dict[str, Any]) -> None:
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, f"Choir {number}") for number in range(4)]
        world.know(anna)
        world.run_steps(world.enqueue(kind, cursor=cursor))
        assert all(world.meeting(number) for number in numbers)

    @pytest.mark.parametrize("cursor", [{"phase": "left", "from": 0}, {"phase": "look"}, {"phase": "posts"}])
    def test_lead_to_the_posts_of_a_reconciliation(self, world: World, cursor: dict[str, Any]) -> None:
        job = world.run_steps(world.enqueue(reconcile_job.KIND, cursor=cursor))
        assert job.cursor == {"phase": "posts"}

    @pytest.mark.parametrize("cursor", [{"phase": "fold"}, {"phase": "complete", "from": 0}])
    def test_lead_to_the_end_of_a_backfill(self, world: World, cursor: dict[str, Any]) -> None:
        job = world.run_steps(world.enqueue(backfill_job.KIND, cursor=cursor))
        assert job.state is JobState.DONE
