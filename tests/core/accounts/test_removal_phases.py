"""What a run would trash: held above the limits of a site, and decided by an administrator."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from core.accounts import backfill_job, held_decisions, import_job, reconcile_job, removal_job
from core.accounts.trash_limits import TrashLimitOptions
from core.errors import TooManyJobsError
from core.model.meeting import MeetingState
from core.model.rules import DEFAULT
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import removals
from core.store.accounts.removals import RemovalState
from core.store.db import settings
from core.store.db.schema import posts
from core.store.db.settings import TrashLimits
from core.store.events import log
from core.store.jobs import JobState
from core.store.posts.queue import Base, PostState, seal_base
from core.store.sites import rules as site_rules
from tests.core.conftest import connected
from tests.core.events import event
from tests.core.store.entries import entry
from tests.core.store.grants import granted
from tests.zoom import faults
from tests.zoom.faults import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.store.jobs import Job
    from core.store.sites.sites import Site
    from tests.core.accounts.world import World

DAY = 24 * 3600


@pytest.fixture
def imported(world: World) -> Callable[[int], list[int]]:
    """Make so many meetings and import them; each has a page on the site. A step reads all of them."""
    world.limit(TrashLimitOptions(), batch_size=50)

    def make(count: int, topic: str = "Choir") -> list[int]:
        anna = world.zoom.account.users.get("anna") or world.zoom.account.add_user("Anna")
        numbers = [
            world.zoom.account.make(anna, f"{topic} {number}", quietly=True) for number in range(count)
        ]
        world.run_steps(world.enqueue(import_job.KIND))
        publish(world)
        world.end_jobs()
        return numbers

    return make


@pytest.fixture
def few(world: World, imported: Callable[[int], list[int]]) -> Callable[[int], list[int]]:
    """The same with a limit of 2 posts, so that as few have to be read."""

    def make(count: int) -> list[int]:
        numbers = imported(count)
        world.limit(TrashLimitOptions(posts=2), batch_size=50)
        return numbers

    return make


def publish(world: World) -> None:
    """Let every post be written, as the mirror would."""
    values = {
        "state": PostState.SYNCED,
        "written": posts.c.wanted,
        "baseline": seal_base(world.store.sealer, Base(made=True)),
    }
    world.store.write(
        lambda connection: connection.execute(
            update(posts).where(posts.c.state == PostState.NONE).values(**values)
        )
    )


def lose(world: World, numbers: Iterable[int]) -> None:
    """Delete meetings at Zoom without an event."""
    for number in numbers:
        world.zoom.account.delete(number)


def reconcile(world: World) -> Job:
    job = world.run_steps(world.enqueue(reconcile_job.KIND), most=100)
    world.end_jobs()
    return job


def gone(world: World, numbers: Iterable[int]) -> list[int]:
    """Return those meetings of which the log says that they are deleted."""
    return [
        number
        for number in numbers
        if (found := world.meeting(number)) and found.state is not MeetingState.SCHEDULED
    ]


def held(world: World) -> list[int]:
    with world.store.reading() as connection:
        return [one.number for one in removals.held(connection)]


def decide(world: World, state: RemovalState, numbers: Iterable[int] | None = None) -> list[int]:
    wanted = None if numbers is None else list(numbers)
    return world.store.write(
        lambda connection: removals.decide(
            connection, world.zoom.account.account_id, wanted, state, by="Ada", now=1
        )
    )


class TestLimits:
    @pytest.mark.parametrize(
        ("posts_", "lost", "is_held"),
        [
            (10, 5, False),
            (20, 6, True),
            (3, 2, True),  # more than half
        ],
    )
    def test_of_a_site(
        self, world: World, imported: Callable[[int], list[int]], posts_: int, lost: int, *, is_held: bool
    ) -> None:
        numbers = imported(posts_)
        lose(world, numbers[:lost])
        job = reconcile(world)
        assert gone(world, numbers) == ([] if is_held else numbers[:lost])
        assert held(world) == (numbers[:lost] if is_held else [])
        assert job.counts.get("held", 0) == (lost if is_held else 0)
        assert job.counts.get("gone", 0) == (0 if is_held else lost)

    def test_are_settings(self, world: World, imported: Callable[[int], list[int]]) -> None:
        wanted = TrashLimits(posts=8, percent=80)
        world.store.write(lambda connection: settings.save_trash_limits(connection, wanted))
        numbers = imported(10)
        lose(world, numbers[:8])
        reconcile(world)
        assert gone(world, numbers) == numbers[:8]

    def test_options_override_the_settings(self, world: World, imported: Callable[[int], list[int]]) -> None:
        numbers = imported(20)
        world.limit(TrashLimitOptions(posts=0))
        lose(world, numbers[:1])
        reconcile(world)
        assert held(world) == numbers[:1]

    def test_everything_else_of_the_run_goes_on(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        world.zoom.account.change(numbers[8], topic="Moved")
        added = world.zoom.account.make(next(iter(world.zoom.account.users.values())), "New", quietly=True)
        job = reconcile(world)
        assert job.counts == {"held": 7, "changed": 1, "new": 1, "same": 2, "requeued": 10}
        assert (found := world.meeting(numbers[8])) is not None
        assert found.topic == "Moved"
        assert world.meeting(added) is not None
        lines = world.lines(job, "held")
        assert [(line.number, line.topic, line.site_id) for line in lines] == [
            (number, f"Choir {index}", "s1") for index, number in enumerate(numbers[:7])
        ]
        assert all(line.detail == "7 of the site's 10 pages would be gone within a day." for line in lines)


class TestSeveralRuns:
    def test_count_together(self, world: World, few: Callable[[int], list[int]]) -> None:
        numbers = few(6)
        lose(world, numbers[:2])
        reconcile(world)
        lose(world, numbers[2:4])
        reconcile(world)
        assert gone(world, numbers) == numbers[:2]
        assert held(world) == numbers[2:4]

    def test_of_different_kinds_count_together(self, world: World, few: Callable[[int], list[int]]) -> None:
        numbers = few(6)
        lose(world, numbers[:2])
        reconcile(world)
        lose(world, numbers[2:3])
        world.doubt(numbers[2])
        world.run_steps(world.enqueue(backfill_job.KIND))
        assert gone(world, numbers) == numbers[:2]
        assert held(world) == numbers[2:3]

    def test_a_day_later_they_do_not(self, world: World, few: Callable[[int], list[int]]) -> None:
        numbers = few(6)
        lose(world, numbers[:2])
        reconcile(world)
        world.ahead(DAY + 60)
        lose(world, numbers[2:4])
        reconcile(world)
        assert gone(world, numbers) == numbers[:4]

    def test_what_is_held_counts(self, world: World, few: Callable[[int], list[int]]) -> None:
        numbers = few(6)
        lose(world, numbers[:3])
        reconcile(world)
        lose(world, numbers[3:4])
        reconcile(world)
        assert gone(world, numbers) == []
        assert held(world) == numbers[:4]

    def test_what_zoom_has_again_is_not_held_any_more(
        self, world: World, few: Callable[[int], list[int]]
    ) -> None:
        numbers = few(6)
        lose(world, numbers[:3])
        reconcile(world)
        for number in numbers[:2]:
            world.zoom.account.recover(number)
        job = reconcile(world)
        assert held(world) == numbers[2:3]
        assert job.counts["held"] == 1
        assert gone(world, numbers) == []

    def test_a_half_finished_run_removes_nothing(self, world: World, few: Callable[[int], list[int]]) -> None:
        numbers = few(6)
        lose(world, numbers[:2])
        enqueued = world.enqueue(reconcile_job.KIND)
        while (job := world.run_steps(enqueued, most=1)).cursor is None or job.cursor["phase"] != "removals":
            pass
        assert gone(world, numbers) == []
        world.end_jobs()
        reconcile(world)
        assert gone(world, numbers) == numbers[:2]

    def test_what_came_back_before_the_end_of_the_run_stays(
        self, world: World, few: Callable[[int], list[int]]
    ) -> None:
        numbers = few(6)
        lose(world, numbers[:2])
        enqueued = world.enqueue(reconcile_job.KIND)
        while (job := world.run_steps(enqueued, most=1)).cursor is None or job.cursor["phase"] != "removals":
            pass
        world.zoom.account.recover(numbers[0])
        zoom_is_unclear = Place.MEETING.path(number=numbers[1])
        world.zoom.refuse(zoom_is_unclear, faults.UNKNOWN_ENDPOINT)
        world.run_steps(enqueued)
        assert gone(world, numbers) == []
        assert held(world) == []

    def test_events_are_no_runs(self, world: World, imported: Callable[[int], list[int]]) -> None:
        numbers = imported(8)
        lose(world, numbers)
        for number in numbers:
            world.deliver_deletion(number)
        job = reconcile(world)
        assert gone(world, numbers) == numbers
        assert "held" not in job.counts


class TestSites:
    def test_the_smaller_one_counts_as_well(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, f"Choir {number}", quietly=True) for number in range(20)]
        world.run_steps(world.enqueue(import_job.KIND))
        publish(world)
        small = connected(world.store, "s2")
        account_id = world.zoom.account.account_id
        granted(world.store, account_id, small.id)
        world.store.write(
            lambda connection: connection.execute(
                update(posts)
                .where(posts.c.site_id == "s2", posts.c.number.not_in(numbers[:3]))
                .values(written=posts.c.wanted)
            )
        )
        publish_only = posts.c.number.in_(numbers[:3])
        values = {
            "state": PostState.SYNCED,
            "written": posts.c.wanted,
            "baseline": seal_base(world.store.sealer, Base(made=True)),
        }
        world.store.write(
            lambda connection: connection.execute(update(posts).where(publish_only).values(**values))
        )
        world.end_jobs()
        lose(world, numbers[:2])
        job = reconcile(world)
        assert gone(world, numbers) == []
        details = {line.site_id: line.detail for line in world.lines(job, "held")}
        assert details["s2"] == "2 of the site's 3 pages would be gone within a day."
        assert "on another site" in details["s1"]

    def test_a_site_that_was_never_written_to_may_have_pages(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, f"Choir {number}", quietly=True) for number in range(8)]
        world.run_steps(world.enqueue(import_job.KIND))
        world.end_jobs()
        lose(world, numbers)
        reconcile(world)
        assert gone(world, numbers) == []
        assert held(world) == numbers

    def test_meetings_without_pages_are_no_removals(self, world: World) -> None:
        anna = world.zoom.account.add_user("Anna")
        numbers = [world.zoom.account.make(anna, f"Choir {number}", quietly=True) for number in range(8)]
        world.run_steps(world.enqueue(import_job.KIND))
        world.store.write(lambda connection: connection.execute(update(posts).values(written=posts.c.wanted)))
        world.end_jobs()
        lose(world, numbers)
        assert reconcile(world).counts["gone"] == 8
        assert gone(world, numbers) == numbers

    def test_what_the_rules_exclude_from_now_on_is_held_as_well(
        self, world: World, site: Site, imported: Callable[[int], list[int]]
    ) -> None:
        numbers = imported(8)
        decided = replace(DEFAULT, never=("Secret*",))
        world.store.write(lambda connection: site_rules.save(connection, site.id, decided))
        for number in numbers:
            world.zoom.account.held[number]["topic"] = "Secret"
        job = world.run_steps(world.enqueue(import_job.KIND))
        assert job.counts["held"] == 8
        assert all((found := world.meeting(number)) and found.topic != "Secret" for number in numbers)


ROOM = 5551112222
DAYS = 24 * 3600 * 1000


def in_room(topic: str, days: int, room: int = ROOM) -> dict[str, Any]:
    """Return the fields of a meeting that is scheduled with a personal meeting ID."""
    return {
        "uuid": f"{topic} {room}==",
        "topic": topic,
        "type": 2,
        "start_time": f"{datetime.now(UTC).replace(microsecond=0) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}",
        "duration": 60,
        "join_url": f"https://example.zoom.us/j/{room}?pwd=abc",
        "pmi": str(room),
        "settings": {"use_pmi": True},
    }


def create_in_room(world: World, *created: dict[str, Any], room: int = ROOM) -> None:
    """Let creations arrive that carry the personal meeting ID as their number."""
    host = next(iter(world.zoom.account.users.values())).id
    at = int(world.clock() * 1000) - DAYS
    entries = [
        entry(
            world.store,
            event(
                "meeting.created",
                at + place,
                account_id=world.zoom.account.account_id,
                **one | {"id": room, "host_id": host},
            ),
        )
        for place, one in enumerate(created)
    ]
    world.store.write(lambda connection: log.append(connection, entries))
    while world.folding.fold_pending():
        pass


class TestSharedNumber:
    """Meetings that a host schedules with a personal meeting ID."""

    def test_each_under_its_own_number_counts_by_itself(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        imported(2)
        anna = next(iter(world.zoom.account.users.values()))
        numbers = [
            world.zoom.account.make(anna, quietly=True, **in_room(f"Lesson {place}", place + 1))
            for place in range(8)
        ]
        world.run_steps(world.enqueue(import_job.KIND))
        publish(world)
        world.end_jobs()
        lose(world, numbers[:6])
        job = reconcile(world)
        assert (gone(world, numbers), held(world)) == ([], numbers[:6])
        assert job.counts["held"] == 6
        details = {line.detail for line in world.lines(job, "held")}
        assert details == {"6 of the site's 10 pages would be gone within a day."}
        assert decide(world, RemovalState.APPROVED, numbers[:2]) == numbers[:2]
        world.run_steps(world.enqueue(removal_job.KIND))
        assert (gone(world, numbers), held(world)) == (numbers[:2], numbers[2:6])

    def test_under_that_of_the_room_is_one_page_which_no_run_removes(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        numbers = imported(7)
        anna = next(iter(world.zoom.account.users.values()))
        lessons = [in_room(f"Lesson {place}", place + 1) for place in range(3)]
        create_in_room(world, *lessons)
        own = [world.zoom.account.make(anna, quietly=True, **one) for one in lessons]
        world.run_steps(world.enqueue(import_job.KIND))
        publish(world)
        world.end_jobs()
        assert not any(world.meeting(number) for number in own), "they have their page"

        lose(world, [*own, *numbers[:5]])
        job = reconcile(world)
        assert gone(world, [ROOM, *numbers]) == [], "5 of 8 are more than half"
        assert held(world) == numbers[:5]
        assert {line.detail for line in world.lines(job, "held")} == {
            "5 of the site's 8 pages would be gone within a day."
        }
        assert [line.number for line in world.lines(job, "unsure")] == [ROOM]
        assert job.counts["unsure"] == 1
        assert decide(world, RemovalState.APPROVED) == numbers[:5]
        world.run_steps(world.enqueue(removal_job.KIND))
        assert gone(world, [ROOM, *numbers]) == numbers[:5]
        room = world.meeting(ROOM)
        assert room is not None
        assert len(room.others) == 2

    def test_of_which_all_but_one_are_deleted_keeps_its_page(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        numbers = imported(3)
        lessons = [in_room(f"Lesson {place}", place + 1) for place in range(7)]
        create_in_room(world, *lessons)
        deleted = [
            event(
                "meeting.deleted",
                int(world.clock() * 1000) - DAYS // 2 + place,
                account_id=world.zoom.account.account_id,
                **{key: one[key] for key in ("uuid", "topic", "type")} | {"id": ROOM},
            )
            for place, one in enumerate(lessons[1:])
        ]
        entries = [entry(world.store, one) for one in deleted]
        world.store.write(lambda connection: log.append(connection, entries))
        world.folding.fold_pending()
        publish(world)
        reconcile(world)
        room = world.meeting(ROOM)
        assert room is not None
        assert (room.state, room.topic) == (MeetingState.SCHEDULED, "Lesson 0")
        assert held(world) == gone(world, numbers) == []

    @pytest.mark.parametrize(
        ("answered", "is_held"),
        [
            (in_room("Lesson", 3) | {"topic": "Secret lesson"}, True),
            (in_room("Board", 9) | {"topic": "Secret board"}, False),  # the page shows the lesson until then
        ],
    )
    @pytest.mark.parametrize("last", ["Board", "Secret board"])
    def test_is_judged_by_the_meeting_that_its_page_shows(
        self, world: World, site: Site, last: str, answered: dict[str, Any], *, is_held: bool
    ) -> None:
        """What Zoom answers for the number may be another of its meetings than the one told of last."""
        anna = world.zoom.account.add_user("Anna")
        decided = replace(DEFAULT, never=("Secret*",))
        world.store.write(lambda connection: site_rules.save(connection, site.id, decided))
        rooms = [ROOM, ROOM + 1]
        for room in rooms:
            create_in_room(
                world, in_room("Lesson", 3, room), in_room("Board", 9, room) | {"topic": last}, room=room
            )
            uuid = answered["uuid"].replace(str(ROOM), str(room))
            given = answered | {
                "id": room,
                "uuid": uuid,
                "host_id": anna.id,
                "agenda": "",
                "status": "waiting",
            }
            world.zoom.account.held[room] = given
        publish(world)
        job = world.run_steps(world.enqueue(import_job.KIND))
        assert held(world) == (rooms if is_held else [])
        assert job.counts.get("held", 0) == (2 if is_held else 0)


class TestDecision:
    def test_approved_ones_are_trashed(self, world: World, imported: Callable[[int], list[int]]) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        reconcile(world)
        assert decide(world, RemovalState.APPROVED) == numbers[:7]
        job = world.run_steps(world.enqueue(removal_job.KIND))
        assert job.total == 7
        assert gone(world, numbers) == numbers[:7]
        assert held(world) == []

    def test_only_chosen_ones_are_trashed(self, world: World, imported: Callable[[int], list[int]]) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        reconcile(world)
        assert decide(world, RemovalState.APPROVED, numbers[2:4]) == numbers[2:4]
        world.run_steps(world.enqueue(removal_job.KIND))
        assert gone(world, numbers) == numbers[2:4]
        assert held(world) == [*numbers[:2], *numbers[4:7]]

    def test_those_approved_while_the_posts_of_others_are_written_are_trashed_by_the_same_job(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        def approve(numbers: list[int]) -> Job:
            account_id = world.zoom.account.account_id
            return held_decisions.approve(world.store, world.jobs, account_id, numbers, by="Ada")

        numbers = imported(10)
        lose(world, numbers[:7])
        reconcile(world)
        job = world.run_steps(approve(numbers[:3]))
        assert (job.cursor or {})["phase"] == "posts"
        assert approve(numbers[3:7]).id == job.id
        trash(world)
        world.finish(job)
        world.finish(job)
        job = world.run_steps(job)
        assert gone(world, numbers) == numbers[:7]
        assert (job.done, job.total) == (7, 7)
        trash(world)
        world.finish(job)
        world.finish(job)
        assert world.load(job).state is JobState.DONE

    def test_approves_nothing_where_too_many_jobs_wait(
        self, world: World, imported: Callable[[int], list[int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        reconcile(world)
        monkeypatch.setattr("core.store.jobs.MOST_UNFINISHED", 0)
        with pytest.raises(TooManyJobsError):
            held_decisions.approve(world.store, world.jobs, world.zoom.account.account_id, numbers, by="Ada")
        assert held(world) == numbers[:7]

    def test_what_zoom_has_again_is_not_trashed(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        reconcile(world)
        decide(world, RemovalState.APPROVED)
        world.zoom.account.recover(numbers[0])
        world.zoom.refuse(Place.MEETING.path(number=numbers[1]), faults.NO_MEETINGS_LICENCE)
        job = world.run_steps(world.enqueue(removal_job.KIND))
        assert gone(world, numbers) == numbers[2:7]
        assert held(world) == [numbers[1]], "It waits for another decision."
        (line,) = world.lines(job, "unsure")
        assert line.number == numbers[1]
        assert "Assign the user a license" in line.detail

    def test_approved_ones_whose_job_was_stopped_are_trashed_by_the_next_reconciliation(
        self, world: World, few: Callable[[int], list[int]]
    ) -> None:
        numbers = few(5)
        lose(world, numbers[:3])
        reconcile(world)
        held_decisions.approve(world.store, world.jobs, world.zoom.account.account_id, None, by="Ada")
        world.end_jobs()
        world.run_steps(world.enqueue(reconcile_job.KIND, dry_run=True), most=100)
        world.end_jobs()
        assert gone(world, numbers) == []
        job = reconcile(world)
        assert (gone(world, numbers), job.done) == (numbers[:3], job.total)

    def test_approved_ones_do_not_count_against_later_runs(
        self, world: World, few: Callable[[int], list[int]]
    ) -> None:
        numbers = few(8)
        lose(world, numbers[:4])
        reconcile(world)
        decide(world, RemovalState.APPROVED)
        world.run_steps(world.enqueue(removal_job.KIND))
        trash(world)
        world.end_jobs()
        lose(world, numbers[4:6])
        reconcile(world)
        assert gone(world, numbers) == numbers[:6]

    def test_dismissed_ones_stay_and_are_not_asked_about_again(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        reconcile(world)
        decide(world, RemovalState.DISMISSED)
        job = reconcile(world)
        assert job.counts["dismissed"] == 7
        assert "held" not in job.counts
        assert held(world) == []
        assert gone(world, numbers) == []

    def test_is_recorded_with_name_and_time(self, world: World, imported: Callable[[int], list[int]]) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        reconcile(world)
        decide(world, RemovalState.DISMISSED, numbers[:1])
        with world.store.reading() as connection:
            (one,) = removals.latest_decisions(connection, limit=9)
        assert (one.number, one.state, one.decided_by, one.decided_at) == (
            numbers[0],
            RemovalState.DISMISSED,
            "Ada",
            1,
        )

    def test_an_account_that_is_removed_has_nothing_to_decide(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        lose(world, imported(10)[:7])
        reconcile(world)
        account_id = world.zoom.account.account_id
        world.store.write(lambda connection: zoom_credentials.remove(connection, account_id))
        assert held(world) == []


class TestResult:
    def test_the_end_says_what_is_held(self, world: World, imported: Callable[[int], list[int]]) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        job = world.run_steps(world.enqueue(reconcile_job.KIND), most=100)
        trash(world)
        world.finish(job)
        job = world.load(job)
        assert job.state is JobState.DONE
        assert "that would be too many at once: 7." in (job.message or "")

    def test_a_dry_run_says_what_would_be_held(
        self, world: World, imported: Callable[[int], list[int]]
    ) -> None:
        numbers = imported(10)
        lose(world, numbers[:7])
        job = world.run_steps(world.enqueue(reconcile_job.KIND, dry_run=True), most=100)
        assert job.counts["trash"] == 7
        assert job.counts["would_hold"] == 7
        with world.store.reading() as connection:
            assert not removals.held(connection)


def trash(world: World) -> None:
    """Let the posts of deleted meetings be moved to the trash, as the mirror would."""
    with world.store.reading() as connection:
        numbers = connection.scalars(select(posts.c.number)).all()
    leaving = gone(world, numbers)
    values: dict[str, Any] = {"written": posts.c.wanted, "due_at": None}
    world.store.write(lambda connection: connection.execute(update(posts).values(**values)))
    world.store.write(
        lambda connection: connection.execute(
            update(posts).where(posts.c.number.in_(leaving)).values(state=PostState.TRASHED)
        )
    )
