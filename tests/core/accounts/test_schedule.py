"""Enqueue the jobs that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.accounts import reconcile_job
from core.accounts.schedule import JobScheduler
from core.errors import UnknownJobError
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials

if TYPE_CHECKING:
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
