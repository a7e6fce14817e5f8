"""Import an account: what enters the log, step by step, through outages and crashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.accounts import import_job
from core.jobs.runner import JobRunner
from core.model.meeting import MeetingKind
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import users as zoom_users
from core.store.jobs import JobState
from core.store.sites import sites
from tests.zoom import faults
from tests.zoom.faults import Place

if TYPE_CHECKING:
    from core.store.sites.sites import Site
    from tests.core.accounts.world import World


class TestImport:
    def test_brings_every_users_meetings_and_webinars(self, world: World) -> None:
        anna, bert = world.zoom.account.add_user("Anna"), world.zoom.account.add_user("Bert")
        numbers = [world.zoom.account.make(anna, f"Choir {number}") for number in range(5)]
        webinar = world.zoom.account.make(bert, "Lecture", type=5, agenda="Long")

        job = world.run_steps(world.enqueue(import_job.KIND))

        assert job.counts == {"new": 6}
        assert (job.done, job.total) == (2, 2)
        assert all((found := world.meeting(number)) and found.is_complete for number in numbers)
        lecture = world.meeting(webinar)
        assert lecture is not None
        assert (lecture.kind, lecture.agenda) == (MeetingKind.WEBINAR, "Long")
        with world.store.reading() as connection:
            names = [
                host.name
                for host in zoom_users.of_account(
                    connection, world.store.sealer, world.zoom.account.account_id, limit=9
                )
            ]
        assert names == ["Anna Host", "Bert Host"]

    def test_leaves_out_what_is_over(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        old = world.zoom.account.make(anna, "Old", start_time="2020-03-03T18:00:00Z")
        job = world.run_steps(world.enqueue(import_job.KIND))
        assert job.counts == {}
        assert world.meeting(old) is None

    def test_a_second_one_writes_nothing_down(self, world: World) -> None:
        world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        world.run_steps(world.enqueue(import_job.KIND))
        world.jobs.stop_job(1)
        before = world.logged()
        job = world.run_steps(world.enqueue(import_job.KIND))
        assert job.counts == {"same": 1}
        assert world.logged() == before

    def test_a_dry_run_tells_and_keeps_nothing(self, world: World) -> None:
        number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        job = world.run_steps(world.enqueue(import_job.KIND, dry_run=True))
        assert job.state is JobState.DONE
        assert world.found(job) == {number: "make"}
        assert world.logged() == 0
        assert world.meeting(number) is None

    def test_takes_names_that_no_database_can_hold(self, world: World) -> None:
        """As where Zoom has cut one in the midst of an emoji."""
        anna = world.zoom.account.add_user("Anna \ud83d")
        number = world.zoom.account.make(anna, "Choir \ud83d")
        world.zoom.refuse(Place.MEETING.path(number=number), faults.NO_MEETINGS_LICENCE)
        job = world.run_steps(world.enqueue(import_job.KIND))
        (line,) = world.lines(job, "unsure")
        assert (line.number, line.topic) == (number, "Choir \ufffd")

    def test_goes_on_where_it_was(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, f"Choir {number}") for number in range(7)]
        asked = world.enqueue(import_job.KIND)
        world.run_steps(asked, most=4)  # fold, users, and two pieces of three
        world.jobs = JobRunner(world.store, world.kinds)  # as after a crash
        job = world.run_steps(asked)
        assert all(world.meeting(number) for number in numbers)
        assert job.counts == {"new": 7}
        requests = [path for path in world.zoom.behaviour.requests if path.startswith("/v2/meetings/")]
        assert len(requests) == len(set(requests)) == 7

    def test_waits_where_zoom_is_silent(self, world: World) -> None:
        number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        asked = world.enqueue(import_job.KIND)
        world.zoom.behaviour.failing = 1
        job = world.run_steps(asked, most=2)
        assert job.state is JobState.RUNNING
        assert "internal problem" in (job.message or "")
        world.run_steps(asked)
        assert world.meeting(number) is not None

    def test_an_outage_is_a_fault_of_the_account_only_where_it_lasts(self, world: World) -> None:
        """A fault raises an alert at once, and one that passes by itself within a minute is none."""

        def fault() -> str | None:
            with world.store.reading() as connection:
                return zoom_credentials.list_all(connection, world.store.sealer)[0].fault_message

        world.zoom.account.add_user("Anna")
        asked = world.enqueue(import_job.KIND)
        world.zoom.behaviour.failing = 3
        world.run_steps(asked, most=3)
        assert fault() is None
        world.ahead(14 * 60)
        world.run_steps(asked, most=1)
        assert fault() is None
        world.ahead(60)
        world.zoom.behaviour.failing = 1
        world.run_steps(asked, most=1)
        assert "internal problem" in (fault() or "")
        world.run_steps(asked, most=1)
        assert fault() is None
        world.zoom.behaviour.failing = 1
        world.run_steps(asked, most=1)
        assert fault() is None, "it is not the same outage"

    def test_ends_where_the_pages_wait_for_a_paused_site(self, world: World, site: Site) -> None:
        """For as long as it is paused, no other import or reconciliation of the account would begin."""
        world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        job = world.run_steps(world.enqueue(import_job.KIND))
        world.store.write(lambda connection: sites.pause(connection, site.id, now=1))
        world.finish(job)
        job = world.load(job)
        assert (job.state, job.counts) == (JobState.DONE, {"new": 1, "failing": 1})
        assert "Pages that could not be written yet: 1." in (job.message or "")

    def test_says_that_zoom_has_nothing_to_import(self, world: World, site: Site) -> None:
        world.zoom.account.add_user("Anna")
        job = world.run_steps(world.enqueue(import_job.KIND))
        world.finish(job)
        job = world.load(job)
        assert (job.state, "Zoom lists no upcoming meeting" in (job.message or "")) == (JobState.DONE, True)

    def test_no_scope_for_the_users_ends_it_with_its_name(self, world: World) -> None:
        world.zoom.account.add_user("Anna")
        world.zoom.behaviour.scopes.discard("user:read:list_users:admin")
        job = world.run_steps(world.enqueue(import_job.KIND))
        assert job.state is JobState.FAILED
        assert "user:read:list_users:admin" in (job.message or "")
        with world.store.reading() as connection:
            (account,) = zoom_credentials.list_all(connection, world.store.sealer)
        assert "user:read:list_users:admin" in (account.fault_message or "")

    def test_no_scope_for_the_meetings_leaves_the_webinars(self, world: World) -> None:
        users = [world.zoom.account.add_user(f"User {number}") for number in range(40)]
        for user in users:
            world.zoom.account.make(user, "Choir")
        webinar = world.zoom.account.make(users[-1], "Lecture", type=5)
        world.zoom.behaviour.scopes.discard("meeting:read:list_meetings:admin")
        job = world.run_steps(world.enqueue(import_job.KIND), most=100)
        assert world.meeting(webinar) is not None
        assert job.counts == {"new": 1, "skipped": 40}
        lines = world.lines(job, "skipped")
        assert all("meeting:read:list_meetings:admin" in line.detail for line in lines)
        assert [line.topic for line in lines] == [
            f"{user.first_name} {user.last_name}".strip() for user in users
        ]
        refused = [
            path for path in world.zoom.behaviour.requests if "/meetings?" in path and "/users/" in path
        ]
        assert len(refused) < 20, "It does not ask for long for what it may not read."

    def test_an_account_without_webinars_has_its_meetings(self, world: World) -> None:
        number = world.zoom.account.make(world.zoom.account.add_user("Anna"), "Choir")
        world.zoom.behaviour.scopes.discard("webinar:read:list_webinars:admin")
        world.run_steps(world.enqueue(import_job.KIND))
        assert world.meeting(number) is not None
