"""What stands in posts on their sites: recorded as the sites tell it, with who made it so and since when."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from core.model.meeting import Meeting
from core.store.db.engine import Store
from core.store.db.schema import posts as table
from core.store.meetings import meetings
from core.store.posts import attempts, queue, requeue, standing
from core.store.posts.attempts import Attempt
from core.store.posts.queue import PostState
from core.store.posts.requeue import RequeueResult
from core.store.sites import grants
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site
from core.wordpress.sync_operations import PostReport
from tests.core.events import ACCOUNT

OURS = PostReport(17, 1, "publish", "https://s1.example.org/17", digest="a", ours=True, by="bridge")


def report(status: str, by: str | None = "user", at: int | None = None, **given: Any) -> PostReport:
    values: dict[str, Any] = {"post": 17, "number": 1, "digest": "b"} | given
    return PostReport(status=status, by=by, at=at, version="v", **values)


@pytest.fixture
def kept(store: Store, site: Site) -> Store:
    """A meeting whose post 17 the site shows, as the bridge wrote it at 100."""

    def keep(connection: Connection) -> None:
        grants.add(connection, ACCOUNT, "s1", GrantSource.ADMINISTRATOR, now=1)
        meetings.save(connection, store.sealer, Meeting(ACCOUNT, 1), seen=0)
        queue.schedule_write(connection, ACCOUNT, 1, 1, now=50)
        connection.execute(
            update(table).values(
                state=PostState.SYNCED, post_id=17, written=1, due_at=None, behind_since=None, written_at=100
            )
        )
        standing.record(connection, "s1", [OURS], now=100)

    store.write(keep)
    return store


def row(store: Store) -> Any:
    with store.reading() as connection:
        return connection.execute(select(table)).one()


def stands(store: Store) -> tuple[str | None, str | None, int | None, str | None]:
    found = row(store)
    return found.stands, found.stands_by, found.stands_since, found.stood


class TestTitle:
    def test_is_an_editors_until_it_is_given_back_and_written(self, kept: Store) -> None:
        for told, title in (
            (None, None),
            (True, "editors"),
            (None, "editors"),
            (False, None),
            (True, "editors"),
        ):
            change(kept, report("publish", editors_title=told))
            assert row(kept).title == title
        result = kept.write(lambda connection: requeue.return_title(connection, "s1", 1, now=10_000))
        assert result is RequeueResult.REQUEUED
        change(kept, report("publish", editors_title=True))
        assert row(kept).title == "returning", "what was asked for is still to be done"
        claims = kept.write(
            lambda connection: queue.claim(
                connection, kept.sealer, owner="me", now=10_000, lease_until=20_000, room=1, busy=[]
            )
        )
        assert [claim.returns_title for claim in claims] == [True]
        kept.write(
            lambda connection: standing.record(connection, "s1", [replace(OURS, editors_title=False)], now=9)
        )
        assert row(kept).title is None
        result = kept.write(lambda connection: requeue.return_title(connection, "s1", 1, now=10_000))
        assert result is RequeueResult.NOT_FOUND


def change(store: Store, *changes: PostReport, now: int = 10_000) -> None:
    store.write(lambda connection: standing.record_changes(connection, "s1", changes, now=now))


def sweep(
    store: Store, *reports: PostReport, is_restored: bool = False, since: int = 5000, now: int = 6000
) -> None:
    def record(connection: Connection) -> None:
        standing.record_sweep(connection, "s1", reports, is_restored=is_restored, now=now)
        seen = [one.post for one in reports]
        standing.record_missing(connection, "s1", seen, since=since, is_restored=is_restored, now=now)

    store.write(record)


def attempts_of(store: Store) -> list[Attempt]:
    with store.reading() as connection:
        return attempts.of_post(connection, "s1", 1, limit=9)


def become(store: Store, **values: Any) -> None:
    store.write(lambda connection: connection.execute(update(table).values(**values)))


class TestRecord:
    def test_what_the_bridge_wrote(self, kept: Store) -> None:
        assert stands(kept) == ("published", "bridge", 100, None)
        assert (row(kept).digest, row(kept).link) == ("a", "https://s1.example.org/17")

    @pytest.mark.parametrize(
        ("status", "password", "expected"),
        [
            ("publish", True, "protected"),
            ("draft", False, "draft"),
            ("pending", True, "draft"),
            ("private", False, "private"),
            ("future", False, "scheduled"),
            ("trash", False, "trashed"),
            ("deleted", False, "gone"),
            ("archived", False, "other"),
        ],
    )
    def test_what_others_made_of_it(self, kept: Store, status: str, password: bool, expected: str) -> None:
        change(kept, report(status, at=7, password=password))
        assert stands(kept) == (expected, "user", 7000, "published")

    def test_who_and_when_stay_while_the_status_does(self, kept: Store) -> None:
        change(kept, report("trash", at=7))
        change(kept, report("trash", "cron", at=9))
        kept.write(
            lambda connection: standing.record(connection, "s1", [report("trash", "bridge")], now=9000)
        )
        assert stands(kept) == ("trashed", "user", 7000, "published")

    def test_a_site_whose_clock_is_ahead(self, kept: Store) -> None:
        change(kept, report("trash", at=99), now=10_000)
        assert row(kept).stands_since == 10_000

    def test_another_post_or_number_does_not_count(self, kept: Store) -> None:
        change(kept, report("trash", post=18), report("trash", number=2), report("trash", number=None))
        assert stands(kept)[0] == "published"

    def test_a_post_that_the_bridge_deleted(self, kept: Store) -> None:
        become(kept, state=PostState.DELETED, post_id=None)
        kept.write(lambda connection: standing.record(connection, "s1", [report("draft")], now=200))
        assert stands(kept)[0] == "published", "A late report of the post that was there."
        gone = report("deleted", "bridge", digest="")
        kept.write(lambda connection: standing.record(connection, "s1", [gone], now=200))
        assert stands(kept) == ("gone", "bridge", 200, "published")


class TestCount:
    def test_pages_that_the_site_should_show_by_status(self, kept: Store) -> None:
        def counted() -> dict[Any, int]:
            with kept.reading() as connection:
                return dict(standing.count(connection, "s1"))

        assert counted() == {"published": 1}
        become(kept, stands=None)
        assert counted() == {None: 1}
        become(kept, state=PostState.DETACHED, post_id=None)
        assert counted() == {"gone": 1}
        become(kept, state=PostState.TRASHED)
        assert counted() == {}


class TestComparedAgain:
    """Posts that others have changed, where the bridge may have to write them again."""

    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            (report("publish"), True),  # a form may have overwritten details
            (report("publish", ours=True), False),
            (report("publish", "plugin"), False),  # two plugins must not write against each other
            (report("publish", "cron"), False),
            (report("trash"), False),
            (report("draft"), False),
            (report("publish", altered=()), False),  # by an editor: the text is theirs
            (report("publish", altered=("details",)), True),
            (report("draft", altered=("details",)), True),
            (report("trash", altered=("details",)), False),
            (report("publish", "plugin", altered=("details",)), True),
            (report("publish", "cron", altered=("details",)), True),
            (report("deleted"), True),  # there may be another post of the number
            (report("deleted", "cron"), True),
            (report("publish", post=18), False),
        ],
    )
    def test_a_shown_post(self, kept: Store, told: PostReport, expected: bool) -> None:
        change(kept, told)
        assert (row(kept).in_doubt, row(kept).due_at is not None) == (expected, expected)

    def test_by_another_plugin_once_for_each_wanted_revision(self, kept: Store) -> None:
        """Then what stands is accepted and named, so that the two do not write against each other for ever."""
        told = report("publish", "plugin", altered=("details", "join_url"))
        become(kept, digest="a", due_at=None, in_doubt=False)

        def is_compared() -> bool:
            change(kept, told)
            due = row(kept).due_at is not None
            become(kept, due_at=None, in_doubt=False)
            return due

        assert [is_compared() for _ in range(3)] == [True, False, False]
        [attempt] = attempts_of(kept)
        assert attempt.action == "accepted"
        assert "(details, join_url)" in (attempt.message or "")
        become(kept, wanted=2)
        assert [is_compared() for _ in range(2)] == [True, False]
        assert len(attempts_of(kept)) == 1, "It says the same."

    def test_by_another_plugin_told_again_before_the_post_is_written(self, kept: Store) -> None:
        """Over another connection, before the first was told that it is stored: nothing is accepted that is undone."""
        told = report("publish", "plugin", altered=("details",))
        change(kept, told)
        change(kept, told)
        assert (row(kept).in_doubt, row(kept).due_at is not None) == (True, True)
        assert attempts_of(kept) == []

        [taken] = kept.write(
            lambda connection: queue.claim(
                connection, kept.sealer, owner="me", now=10_000, lease_until=90_000, room=1, busy=[]
            )
        )
        kept.write(
            lambda connection: queue.finish(
                connection, kept.sealer, taken, revision=1, written=taken.written, due_at=None, now=10_000
            )
        )
        change(kept, told)
        assert row(kept).due_at is None
        assert [attempt.action for attempt in attempts_of(kept)] == ["accepted"]

    def test_by_people_each_time(self, kept: Store) -> None:
        for _ in range(3):
            become(kept, due_at=None)
            change(kept, report("publish", altered=("details",)))
            assert row(kept).due_at is not None

    def test_while_a_worker_is_writing_it(self, kept: Store) -> None:
        """Its result says nothing of what came after: the post is claimed again, and the result is fenced off."""
        become(kept, due_at=50)
        [taken] = kept.write(
            lambda connection: queue.claim(
                connection, kept.sealer, owner="me", now=100, lease_until=90_000, room=1, busy=[]
            )
        )
        change(kept, report("publish", altered=("details",)))

        is_recorded = kept.write(
            lambda connection: queue.finish(
                connection, kept.sealer, taken, revision=1, written=taken.written, due_at=None, now=10_000
            )
        )

        assert not is_recorded
        [again] = kept.write(
            lambda connection: queue.claim(
                connection, kept.sealer, owner="me", now=10_000, lease_until=90_000, room=1, busy=[]
            )
        )
        assert again.in_doubt

    @pytest.mark.parametrize("told", [report("publish"), report("deleted", "cron")])
    def test_a_post_that_the_bridge_trashed_is_left_alone(self, kept: Store, told: PostReport) -> None:
        become(kept, state=PostState.TRASHED, stands="trashed")
        change(kept, told)
        assert row(kept).due_at is None


class TestSweep:
    def test_what_is_as_it_was_stays(self, kept: Store) -> None:
        sweep(kept, OURS)
        assert (stands(kept), row(kept).due_at) == (("published", "bridge", 100, None), None)

    def test_a_change_without_notice(self, kept: Store) -> None:
        sweep(kept, report("draft", None))
        assert stands(kept) == ("draft", None, 6000, "published")
        assert (row(kept).due_at, row(kept).in_doubt) == (6000, True)
        become(kept, due_at=None)
        sweep(kept, report("draft", None))
        assert row(kept).due_at is None, "It is compared once."

    def test_a_change_that_was_told_is_not_compared(self, kept: Store) -> None:
        change(kept, report("draft", at=2))
        sweep(kept, report("draft", None))
        assert (stands(kept), row(kept).due_at) == (("draft", "user", 2000, "published"), None)

    def test_before_the_first_one_nothing_is_known(self, kept: Store) -> None:
        become(kept, stands=None, digest=None)
        sweep(kept, report("publish", None))
        assert (stands(kept)[0], row(kept).due_at) == ("published", None)

    def test_a_post_that_is_missing(self, kept: Store) -> None:
        sweep(kept)
        assert stands(kept) == ("gone", None, 6000, "published")
        assert (row(kept).due_at, row(kept).in_doubt, row(kept).state) == (6000, True, "synced")

    def test_a_post_that_was_written_since_is_not_missing(self, kept: Store) -> None:
        sweep(kept, since=100)
        assert stands(kept)[0] == "published"

    def test_a_post_in_the_trash_that_is_missing_is_left_alone(self, kept: Store) -> None:
        become(kept, state=PostState.TRASHED, stands="trashed")
        sweep(kept)
        assert (stands(kept)[0], row(kept).due_at) == ("gone", None)

    def test_a_person_may_take_a_post_out_of_the_trash(self, kept: Store) -> None:
        become(kept, state=PostState.TRASHED, stands="trashed")
        sweep(kept, report("publish", None))
        assert (stands(kept)[0], row(kept).due_at) == ("published", None)

    def test_a_restored_database_is_brought_up_to_date(self, kept: Store) -> None:
        become(kept, state=PostState.TRASHED, stands="trashed")
        sweep(kept, report("publish", None), is_restored=True)
        assert (row(kept).due_at, row(kept).in_doubt, row(kept).state) == (6000, True, "trashed")

    def test_what_a_restored_database_lacks_is_made_again(self, kept: Store) -> None:
        sweep(kept, is_restored=True)
        found = row(kept)
        assert (found.state, found.post_id, found.written, found.due_at) == ("none", None, 0, 6000)
        assert found.behind_since == 6000
