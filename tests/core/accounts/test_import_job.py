"""Import and repair against the account's double: what enters the log, in pieces, through trouble and crashes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from core.accounts import backfill_job, import_job, reconcile_job
from core.accounts.backfill_job import BackfillJob
from core.accounts.clients import AccountClients
from core.accounts.import_job import ImportJob
from core.accounts.reconcile_job import ReconcileJob
from core.accounts.schedule import JobScheduler
from core.errors import UnknownJobError
from core.jobs.runner import JobRunner
from core.model.meeting import MeetingKind, MeetingState
from core.pipeline.fold_worker import FoldWorker
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts import users as zoom_users
from core.store.accounts.credentials import ZoomAccount
from core.store.events import log
from core.store.jobs import JobState
from core.store.meetings import meetings
from core.zoom.oauth import Credentials
from core.zoom.rate_limit import Plan
from core.zoom.readings import Reading
from tests.zoom import Account, ZoomServer
from tests.zoom.server import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.model.meeting import Meeting
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.store.sites.sites import Site


@pytest.fixture
def zoom() -> Iterator[ZoomServer]:
    with ZoomServer(Account()) as server:
        yield server


class World:
    """A bridge with the account's credentials, whose jobs are done when it is told so."""

    def __init__(self, store: Store, site: Site, zoom: ZoomServer) -> None:
        self.store = store
        self.zoom = zoom
        credentials = Credentials(zoom.account.account_id, CLIENT_ID, CLIENT_SECRET, zoom.oauth_url)
        account = ZoomAccount("The choir's", credentials, plan=Plan.BUSINESS, created_at=1)
        store.write(lambda connection: zoom_credentials.save(connection, account, store.sealer))
        store.write(lambda connection: zoom_credentials.link(connection, account.id, site.id, now=1))
        accounts = AccountClients(store)
        self.kinds: dict[str, Any] = {
            import_job.KIND: ImportJob(store, accounts, at_once=3),
            reconcile_job.KIND: ReconcileJob(store, accounts, at_once=3),
            backfill_job.KIND: BackfillJob(store, accounts),
        }
        self.jobs = JobRunner(store, self.kinds)
        self.folding = FoldWorker(store)

    def ask(self, kind: str, **more: Any) -> Job:
        return self.jobs.ask(kind, {"account": self.zoom.account.account_id, **more})

    def pieces(self, asked: Job, most: int = 50) -> Job:
        """Do pieces until what was read is to be written, or the job ends, or waits; return it."""
        for _ in range(most):
            with self.store.reading() as connection:
                job = jobs.load(connection, asked.id)
            if job.has_ended or (job.place or {}).get("phase") == "posts":
                break
            taken = self.jobs.take()
            if not taken:
                break
            self.jobs._step(taken[0])
            self.store.write(lambda connection: jobs.release(connection, taken[0]))  # noqa: B023 - at once
            with self.store.reading() as connection:
                if jobs.load(connection, asked.id).place == job.place:
                    time.sleep(0.05)  # it looks again in the next second of Zoom's clock
        while self.folding.fold_pending():
            pass
        with self.store.reading() as connection:
            return jobs.load(connection, asked.id)

    def meeting(self, number: int) -> Meeting | None:
        with self.store.reading() as connection:
            found = meetings.load(connection, self.zoom.account.account_id, number)
        return found and found[0]

    def found(self, job: Job) -> dict[int, str]:
        with self.store.reading() as connection:
            return {line.number: line.kind for _, line in findings.of_job(connection, job.id)}

    def logged(self) -> int:
        with self.store.reading() as connection:
            return len(log.latest(connection, 1000))


@pytest.fixture
def world(store: Store, site: Site, zoom: ZoomServer) -> World:
    return World(store, site, zoom)


class TestImport:
    def test_brings_every_users_meetings_and_webinars(self, world: World) -> None:
        anna, bert = world.zoom.account.add_user("Anna"), world.zoom.account.add_user("Bert")
        numbers = [world.zoom.account.make(anna, f"Choir {number}") for number in range(5)]
        webinar = world.zoom.account.make(bert, "Lecture", type=5, agenda="Long")

        job = world.pieces(world.ask(import_job.KIND))

        assert job.counts == {"new": 6}
        assert (job.done, job.total) == (2, 2)
        assert all((found := world.meeting(number)) and found.is_complete for number in numbers)
        lecture = world.meeting(webinar)
        assert lecture is not None
        assert (lecture.kind, lecture.agenda) == (MeetingKind.WEBINAR, "Long")
        with world.store.reading() as connection:
            names = [
                host.name
                for host in zoom_users.of_account(connection, world.zoom.account.account_id, limit=9)
            ]
        assert names == ["Anna Host", "Bert Host"]

    def test_leaves_out_what_is_over(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        old = world.zoom.account.make(anna, "Old", start_time="2020-03-03T18:00:00Z")
        job = world.pieces(world.ask(import_job.KIND))
        assert job.counts == {}
        assert world.meeting(old) is None

    def test_a_second_one_writes_nothing_down(self, world: World) -> None:
        world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        world.pieces(world.ask(import_job.KIND))
        world.jobs.stop_job(1)
        before = world.logged()
        job = world.pieces(world.ask(import_job.KIND))
        assert job.counts == {"same": 1}
        assert world.logged() == before

    def test_a_dry_run_tells_and_keeps_nothing(self, world: World) -> None:
        number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        job = world.pieces(world.ask(import_job.KIND, dry_run=True))
        assert job.state is JobState.DONE
        assert world.found(job) == {number: "make"}
        assert world.logged() == 0
        assert world.meeting(number) is None

    def test_goes_on_where_it_was(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, f"Choir {number}") for number in range(7)]
        asked = world.ask(import_job.KIND)
        world.pieces(asked, most=4)  # fold, users, and two pieces of three
        world.jobs = JobRunner(world.store, world.kinds)  # as after a crash
        job = world.pieces(asked)
        assert all(world.meeting(number) for number in numbers)
        assert job.counts == {"new": 7}
        asked_for = [path for path in world.zoom.behaviour.asked if path.startswith("/v2/meetings/")]
        assert len(asked_for) == len(set(asked_for)) == 7

    def test_reads_again_what_changed_since_it_was_read_ahead(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        items: dict[int, dict[str, Any]] = {
            world.zoom.account.make(anna, topic): {"type": 2} for topic in ("Moved", "Kept")
        }
        world.pieces(world.ask(import_job.KIND))
        moved, kept = items
        known = world.meeting(moved)
        assert known is not None
        world.zoom.behaviour.asked.clear()
        before = {
            moved: Reading({"id": moved}, at=known.last.at),
            kept: Reading({"id": kept}, at=known.last.at + 10_000),
        }

        after = world.kinds[import_job.KIND]._newest(world.zoom.account.account_id, before, items)

        (asked,) = world.zoom.behaviour.asked
        assert asked.startswith(f"/v2/meetings/{moved}?")
        assert after[moved].document["topic"] == "Moved"
        assert after[kept] is before[kept]

    def test_waits_where_zoom_is_silent(self, world: World) -> None:
        number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        asked = world.ask(import_job.KIND)
        world.zoom.behaviour.failing = 1
        job = world.pieces(asked, most=2)
        assert job.state is JobState.RUNNING
        assert "trouble of its own" in (job.message or "")
        world.pieces(asked)
        assert world.meeting(number) is not None

    def test_a_missing_scope_ends_it_with_its_name(self, world: World) -> None:
        world.zoom.account.add_user("Anna")
        world.zoom.behaviour.scopes.discard("meeting:read:list_meetings:admin")
        job = world.pieces(world.ask(import_job.KIND))
        assert job.state is JobState.FAILED
        assert "meeting:read:list_meetings:admin" in (job.message or "")
        with world.store.reading() as connection:
            (account,) = zoom_credentials.every(connection, world.store.sealer)
        assert "meeting:read:list_meetings:admin" in (account.fault_message or "")

    def test_an_account_without_webinars_has_its_meetings(self, world: World) -> None:
        number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        world.zoom.behaviour.scopes.discard("webinar:read:list_webinars:admin")
        world.pieces(world.ask(import_job.KIND))
        assert world.meeting(number) is not None


class TestRepair:
    def test_finds_what_was_missed(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        kept, moved, gone = (world.zoom.account.make(anna, name) for name in ("Kept", "Moved", "Gone"))
        world.pieces(world.ask(import_job.KIND))
        world.jobs.stop_job(1)
        world.zoom.account.change(moved, topic="Moved away")
        world.zoom.account.delete(gone)
        added = world.zoom.account.make(anna, "Added")

        job = world.pieces(world.ask(reconcile_job.KIND))

        assert world.found(job) == {moved: "changed", gone: "gone", added: "new"}
        assert job.counts["same"] == 1
        assert (found := world.meeting(gone)) is not None
        assert found.state is MeetingState.DELETED
        assert (found := world.meeting(kept)) is not None
        assert found.state is MeetingState.SCHEDULED

    def test_silence_deletes_nothing(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        number = world.zoom.account.make(anna, "Choir")
        world.pieces(world.ask(import_job.KIND))
        world.jobs.stop_job(1)
        world.zoom.behaviour.failing = 10_000
        world.pieces(world.ask(reconcile_job.KIND))
        found = world.meeting(number)
        assert found is not None
        assert found.state is MeetingState.SCHEDULED

    def test_a_host_who_left_takes_the_meetings_along(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        number = world.zoom.account.make(anna, "Choir")
        world.pieces(world.ask(import_job.KIND))
        world.jobs.stop_job(1)
        del world.zoom.account.users[anna.id]
        del world.zoom.account.held[number]
        job = world.pieces(world.ask(reconcile_job.KIND))
        assert world.found(job) == {number: "gone"}

    def test_a_dry_run_says_what_differs_and_mends_nothing(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        number = world.zoom.account.make(anna, "Choir")
        world.pieces(world.ask(import_job.KIND))
        world.jobs.stop_job(1)
        world.zoom.account.delete(number)
        job = world.pieces(world.ask(reconcile_job.KIND, dry_run=True))
        assert job.counts.get("gone") == 1
        found = world.meeting(number)
        assert found is not None
        assert found.state is MeetingState.SCHEDULED


class TestScheduling:
    def test_asks_for_what_is_due_once(self, world: World) -> None:
        scheduling = JobScheduler(world.store, world.jobs)
        scheduling.ask_for_due()
        scheduling.ask_for_due()
        with world.store.reading() as connection:
            assert jobs.load(connection, 1).kind == reconcile_job.KIND
            (account,) = zoom_credentials.every(connection, world.store.sealer)
        assert account.repair_at > 0
        world.jobs.stop_job(1)
        scheduling.ask_for_due()
        with world.store.reading() as connection, pytest.raises(UnknownJobError):
            jobs.load(connection, 2)
