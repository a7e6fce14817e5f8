"""Asking for a post again: it is due, in doubt, and nobody's; and never taken out of a worker's hands."""

from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from core.model.meeting import Meeting
from core.store.db.engine import Store
from core.store.db.schema import posts as table
from core.store.meetings import meetings
from core.store.posts import queue, requeue
from core.store.posts.queue import Base, Claim, PostState, Written
from core.store.posts.requeue import RequeueResult
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site
from tests.core.events import ACCOUNT

SHOWN = Written(PostState.SYNCED, 17, "https://s1.example.org/17", Base("Choir", "a", "b", "c"))
DETACHED = Written(PostState.DETACHED)


@pytest.fixture
def kept(store: Store, site: Site) -> Store:
    """A meeting that the site is to show."""

    def keep(connection: Connection) -> None:
        grants.add(connection, ACCOUNT, "s1", GrantSource.ADMINISTRATOR, now=1)
        meetings.save(connection, store.sealer, Meeting(ACCOUNT, 1), seen=0)
        queue.schedule_write(connection, ACCOUNT, 1, 1, now=100)

    store.write(keep)
    return store


def claim(store: Store, now: int) -> list[Claim]:
    return store.write(
        lambda connection: queue.claim(
            connection, store.sealer, owner="me", now=now, lease_until=now + 50, room=9, busy=[], at_once=9
        )
    )


def finish(store: Store, written: Written, now: int = 110, due_at: int | None = None) -> None:
    (taken,) = claim(store, now)
    assert store.write(
        lambda connection: queue.finish(
            connection, store.sealer, taken, revision=1, written=written, due_at=due_at, now=now
        )
    )


def ask(store: Store, what: Any, now: int = 200, site_id: str = "s1", number: int = 1) -> RequeueResult:
    told: RequeueResult = store.write(lambda connection: what(connection, site_id, number, now=now))
    return told


def row(store: Store) -> Any:
    with store.reading() as connection:
        return connection.execute(select(table)).one()


class TestWrite:
    def test_lets_a_post_be_taken_now_and_looked_at(self, kept: Store) -> None:
        finish(kept, SHOWN, due_at=10**12)
        assert claim(kept, 200) == []
        assert ask(kept, requeue.resync) is RequeueResult.REQUEUED
        (taken,) = claim(kept, 200)
        assert (taken.written, taken.in_doubt, taken.attempts) == (SHOWN, True, 0)

    def test_does_so_once(self, kept: Store) -> None:
        finish(kept, SHOWN)
        ask(kept, requeue.resync)
        finish(kept, SHOWN, now=210)
        assert claim(kept, 10**9) == []
        assert row(kept).owner is None

    def test_leaves_a_worker_alone(self, kept: Store) -> None:
        (taken,) = claim(kept, 190)
        before = row(kept)
        assert ask(kept, requeue.resync) is RequeueResult.BUSY
        assert row(kept) == before
        assert kept.write(
            lambda connection: queue.finish(
                connection, kept.sealer, taken, revision=1, written=SHOWN, due_at=None, now=210
            )
        )

    def test_a_worker_that_lost_its_lease_tells_nothing_any_more(self, kept: Store) -> None:
        (lost,) = claim(kept, 100)
        assert ask(kept, requeue.resync, now=200) is RequeueResult.REQUEUED
        assert not kept.write(
            lambda connection: queue.finish(
                connection, kept.sealer, lost, revision=1, written=SHOWN, due_at=None, now=210
            )
        )
        assert row(kept).in_doubt

    def test_keeps_the_place_of_what_is_overdue(self, kept: Store) -> None:
        assert ask(kept, requeue.resync) is RequeueResult.REQUEUED
        assert row(kept).due_at == 100

    def test_ends_that_the_site_is_left_alone(self, kept: Store) -> None:
        kept.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="network", message="down", blocked_until=10**12, now=1
            )
        )
        assert claim(kept, 200) == []
        ask(kept, requeue.resync)
        assert len(claim(kept, 200)) == 1

    def test_a_failure_counts_from_the_start(self, kept: Store) -> None:
        (taken,) = claim(kept, 100)
        kept.write(
            lambda connection: queue.postpone(
                connection, taken, revision=1, due_at=10**12, fault="server", message="broke", counts=True
            )
        )
        ask(kept, requeue.resync)
        found = row(kept)
        assert (found.attempts, found.due_at, found.fault) == (0, 200, "server")

    def test_is_not_for_what_somebody_deleted(self, kept: Store) -> None:
        finish(kept, DETACHED)
        before = row(kept)
        assert ask(kept, requeue.resync) is RequeueResult.NOT_FOUND
        assert row(kept) == before

    @pytest.mark.parametrize("which", [{"site_id": "s2"}, {"number": 2}])
    @pytest.mark.parametrize("what", [requeue.resync, requeue.recreate])
    def test_of_nothing_asks_nothing(self, kept: Store, what: Any, which: dict[str, Any]) -> None:
        assert ask(kept, what, **which) is RequeueResult.NOT_FOUND


class TestFailed:
    def fail(self, store: Store) -> None:
        (taken,) = claim(store, 110)
        store.write(
            lambda connection: queue.postpone(
                connection, taken, revision=1, due_at=9_000, fault="stale", message="Later.", counts=True
            )
        )

    def again(self, store: Store, site_id: str = "s1") -> int:
        return store.write(lambda connection: requeue.requeue_failed_posts(connection, site_id, now=200))

    def test_is_due_at_once_and_looked_at(self, kept: Store) -> None:
        self.fail(kept)
        assert self.again(kept, "s2") == 0
        assert self.again(kept) == 1
        (taken,) = claim(kept, 200)
        assert (taken.in_doubt, taken.attempts) == (True, 0)

    def test_is_none_that_is_well(self, kept: Store) -> None:
        finish(kept, SHOWN, due_at=9_000)
        assert self.again(kept) == 0
        assert row(kept).due_at == 9_000


class TestMake:
    def test_lets_a_detached_post_be_made(self, kept: Store) -> None:
        finish(kept, DETACHED)
        assert ask(kept, requeue.recreate) is RequeueResult.REQUEUED
        found = row(kept)
        assert (found.wanted, found.written, found.behind_since) == (1, 0, 200)
        (taken,) = claim(kept, 200)
        assert (taken.written, taken.in_doubt) == (Written(), False)

    def test_is_only_for_what_is_detached(self, kept: Store) -> None:
        finish(kept, SHOWN)
        before = row(kept)
        assert ask(kept, requeue.recreate) is RequeueResult.NOT_FOUND
        assert row(kept) == before

    def test_leaves_a_worker_alone(self, kept: Store) -> None:
        finish(kept, DETACHED)
        kept.write(lambda connection: connection.execute(update(table).values(due_at=120)))
        claim(kept, 190)
        assert ask(kept, requeue.recreate) is RequeueResult.BUSY
