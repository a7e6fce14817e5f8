"""Enqueue the jobs that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, update

from core.accounts import backfill_job, import_job, reconcile_job
from core.accounts.job_schedule import JobScheduler
from core.errors import UnknownJobError
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.db.schema import jobs as jobs_table
from core.store.db.schema import meetings
from core.store.jobs import JobState
from tests.zoom import faults
from tests.zoom.faults import Place

if TYPE_CHECKING:
    from core.store.jobs import Job
    from tests.core.accounts.world import World


class TestSchedule:
    def test_asks_for_what_is_due_once(self, world: World) -> None:
        scheduler = JobScheduler(world.store, world.jobs)
        scheduler.enqueue_due()
        scheduler.enqueue_due()
        with world.store.reading() as connection:
            assert jobs.load(connection, 1).kind == reconcile_job.KIND
            (account,) = zoom_credentials.list_all(connection, world.store.sealer)
        assert account.reconcile_at > 0
        world.jobs.stop_job(1)
        scheduler.enqueue_due()
        with world.store.reading() as connection, pytest.raises(UnknownJobError):
            jobs.load(connection, 2)

    def test_leaves_due_what_too_many_jobs_are_before(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or the last of many accounts would never be reconciled."""
        monkeypatch.setattr(jobs, "MOST_UNFINISHED", 0)
        JobScheduler(world.store, world.jobs, world.clock).enqueue_due()
        with world.store.reading() as connection:
            assert zoom_credentials.due(connection, int(world.clock() * 1000)) == [
                world.zoom.account.account_id
            ]

    def test_goes_on_where_a_meeting_of_an_account_cannot_be_read(self, world: World) -> None:
        """As where no key opens it any more: the same account, and others, are reconciled all the same."""
        doubted(world)
        broken = update(meetings).values(sealed=b"of another key")
        world.store.write(lambda connection: connection.execute(broken))
        scheduler = JobScheduler(world.store, world.jobs, world.clock)
        assert backfills(scheduler, world) == 0
        with world.store.reading() as connection:
            assert jobs.latest(connection, 1)[0].kind == reconcile_job.KIND

    def test_does_not_ask_again_at_once_about_what_is_unclear(self, world: World) -> None:
        number = doubted(world)
        world.zoom.refuse(Place.MEETING.path(number=number), faults.NO_MEETINGS_LICENCE)
        scheduler = JobScheduler(world.store, world.jobs, world.clock)

        assert backfills(scheduler, world) == 1
        world.run_steps(newest(world))
        assert backfills(scheduler, world) == 1
        world.ahead(3700)
        assert backfills(scheduler, world) == 2

    def test_does_not_ask_again_at_once_where_too_much_is_unclear(self, world: World) -> None:
        """As where the app lacks a scope: thousands of refused requests a minute, without an end."""
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, "Choir", quietly=True) for _ in range(3)]
        world.run_steps(world.enqueue(import_job.KIND))
        world.end_jobs()
        for number in numbers:
            world.doubt(number)
            world.zoom.refuse(Place.MEETING.path(number=number), faults.NO_MEETINGS_LICENCE)
        scheduler = JobScheduler(world.store, world.jobs, world.clock, most_unsettled=2)
        assert backfills(scheduler, world) == 1
        world.run_steps(newest(world))
        assert backfills(scheduler, world) == 1
        world.ahead(3700)
        assert backfills(scheduler, world) == 2

    @pytest.mark.parametrize("database_kind", ["sqlite"])
    def test_does_not_ask_again_at_once_where_the_account_cannot_be_read(self, world: World) -> None:
        """As with a secret that was replaced in Zoom: a failed job a minute, or with each event, for as long as it lasts."""
        doubted(world)
        world.refuse_credentials()
        scheduler = JobScheduler(world.store, world.jobs, world.clock)
        assert backfills(scheduler, world) == 1
        assert world.run_steps(newest(world)).state is JobState.FAILED
        assert backfills(scheduler, world) == 1
        world.ahead(3700)
        assert backfills(scheduler, world) == 2

    @pytest.mark.parametrize("database_kind", ["sqlite"])
    def test_tells_the_jobs_of_an_account_from_those_of_many_others(self, world: World) -> None:
        number = doubted(world)
        world.zoom.refuse(Place.MEETING.path(number=number), faults.NO_MEETINGS_LICENCE)
        scheduler = JobScheduler(world.store, world.jobs, world.clock)
        backfills(scheduler, world)
        world.run_steps(newest(world))
        others = [
            {"kind": backfill_job.KIND, "requested_by": "", "arguments": {"account": f"another {place}"}}
            | {"state": JobState.DONE, "created_at": int(world.clock() * 1000)}
            for place in range(60)
        ]
        world.store.write(lambda connection: connection.execute(insert(jobs_table), others))
        assert backfills(scheduler, world, most=100) == 61

    def test_asks_at_once_about_what_changes(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, "Choir", quietly=True) for _ in range(2)]
        world.run_steps(world.enqueue(import_job.KIND))
        world.end_jobs()
        world.doubt(numbers[0])
        world.zoom.refuse(Place.MEETING.path(number=numbers[0]), faults.NO_MEETINGS_LICENCE)
        scheduler = JobScheduler(world.store, world.jobs, world.clock)
        backfills(scheduler, world)
        world.run_steps(newest(world))
        world.doubt(numbers[1])
        assert backfills(scheduler, world) == 2


def doubted(world: World) -> int:
    """Import a meeting that Zoom's events then leave unclear, and return its number."""
    number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir", quietly=True)
    world.run_steps(world.enqueue(import_job.KIND))
    world.end_jobs()
    world.doubt(number)
    return number


def newest(world: World) -> Job:
    with world.store.reading() as connection:
        return jobs.latest(connection, 1, kind=backfill_job.KIND)[0]


def backfills(scheduler: JobScheduler, world: World, *, most: int = 20) -> int:
    """Enqueue what is due, and return how many backfills there have been."""
    scheduler.enqueue_due()
    with world.store.reading() as connection:
        return len(jobs.latest(connection, most, kind=backfill_job.KIND))
