"""The mirror's threads: one writer for a post, a cap for each site, and sites that take turns."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from core.model.meeting import Meeting
from core.pipeline.mirror_worker import LEASE_SECONDS, MirrorWorker
from core.store.db.schema import posts as posts_table
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.wordpress.post_operations import CreatePost, UpdatePost
from core.wordpress.sync_client import MOST_AT_ONCE
from tests.convergence.clock import Clock
from tests.convergence.site_double import SiteDouble
from tests.convergence.world import START
from tests.core.conftest import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from core.wordpress.post_operations import PostOperation
    from core.wordpress.sync_posts import Mark

WITHIN = 600.0  # seconds; only a test that fails waits as long


class Watched:
    """Sites that can be held, and who is in them at one time."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.doubles: dict[str, SiteDouble] = {}
        self.inside: dict[str, list[list[int]]] = {}
        self.most_inside: dict[str, int] = {}
        self.held: set[str] = set()
        self.let_through: set[str] = set()  # held sites of which one goes on all the same
        self.written: list[tuple[str, int, int]] = []
        self.twice_at_once: list[tuple[str, int]] = []

    def connect(self, site: Site) -> SiteDouble:
        """Return a client of a site for a thread."""
        with self.changed:
            kept = self.doubles.setdefault(site.id, SiteDouble())
        return _Client(self, site.id, kept)

    def release(self, site_id: str) -> None:
        """Let those go on who are in a site."""
        with self.changed:
            self.held.discard(site_id)
            self.changed.notify_all()

    def answer_once(self, site_id: str) -> None:
        """Let one go on who is in a site that is held."""
        with self.changed:
            self.let_through.add(site_id)
            self.changed.notify_all()

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Wait until something has happened."""
        with self.changed:
            assert self.changed.wait_for(happened, WITHIN), (self.inside, len(self.written))

    def posts_of(self, site_id: str) -> int:
        """Return how many posts were made on a site."""
        return len(self.doubles[site_id].posts) if site_id in self.doubles else 0


class _Client(SiteDouble):
    """What a thread of the mirror speaks to."""

    def __init__(self, watched: Watched, site_id: str, kept: SiteDouble) -> None:
        super().__init__()
        self.posts = kept.posts
        self._watched = watched
        self._site_id = site_id

    def perform(
        self, operations: Sequence[PostOperation], marks: Sequence[Mark], *, quiet: bool = False
    ) -> list[Any]:
        watched, site_id = self._watched, self._site_id
        numbers = [
            _number(operation) for operation in operations if isinstance(operation, CreatePost | UpdatePost)
        ]
        with watched.changed:
            inside = watched.inside.setdefault(site_id, [])
            watched.twice_at_once += [(site_id, n) for n in numbers for others in inside if n in others]
            inside.append(numbers)
            watched.most_inside[site_id] = max(watched.most_inside.get(site_id, 0), len(inside))
            watched.changed.notify_all()
            assert watched.changed.wait_for(
                lambda: site_id not in watched.held or site_id in watched.let_through, WITHIN
            )
            watched.let_through.discard(site_id)
            answers = super().perform(operations, marks, quiet=quiet)
            inside.remove(numbers)
            for operation in operations:
                if isinstance(operation, CreatePost | UpdatePost):
                    watched.written.append(
                        (site_id, _number(operation), operation.fields["zoombridge"]["revision"])
                    )
            watched.changed.notify_all()
        return answers


def _number(operation: CreatePost | UpdatePost) -> int:
    return int(operation.fields["zoombridge"]["number"])


def wanted(store: Store, site_id: str, count: int) -> list[int]:
    """Connect a site for an account of its own, with so many meetings to show."""
    connected(store, site_id)
    numbers = [1_000_000 + index for index in range(count)]

    def make(connection: Connection) -> None:
        grants.add(connection, f"of {site_id}", site_id, GrantSource.ADMINISTRATOR, now=1)
        for number in numbers:
            meetings.save(connection, store.sealer, meeting(site_id, number), seen=0)
            queue.schedule_write(connection, f"of {site_id}", number, 1, now=1)

    store.write(make)
    return numbers


def meeting(site_id: str, number: int, topic: str = "Choir") -> Meeting:
    told = {
        "topic": topic,
        "type": 2,
        "join_url": "https://example.zoom.us/j/1",
        "start_time": "2099-01-01T00:00:00Z",
    }
    return Meeting(f"of {site_id}", number, object=told)


def changed(store: Store, site_id: str, number: int, *, seen: int) -> None:
    """Let a meeting get another title."""

    def change(connection: Connection) -> None:
        meetings.save(connection, store.sealer, meeting(site_id, number, f"Choir {seen}"), seen=seen)
        queue.schedule_write(connection, f"of {site_id}", number, seen + 1, now=1)

    store.write(change)


def row(store: Store, number: int) -> Any:
    with store.reading() as connection:
        return connection.execute(posts_table.select().where(posts_table.c.number == number)).one()


@contextmanager
def running(mirror: MirrorWorker, watched: Watched) -> Iterator[None]:
    mirror.start()
    try:
        yield
    finally:
        for site_id in list(watched.held):
            watched.release(site_id)
        mirror.stop()


def test_site_with_much_to_do_has_two_writers_at_most_and_starves_no_other(store: Store) -> None:
    wanted(store, "large", 1000)
    wanted(store, "small", 1)
    watched = Watched()
    watched.held.add("large")
    mirror = MirrorWorker(store, connect=watched.connect)
    with running(mirror, watched):
        watched.wait_for(lambda: len(watched.inside.get("large", [])) == 1)
        watched.answer_once("large")  # until then it has one
        watched.wait_for(lambda: len(watched.inside["large"]) == 2)
        watched.wait_for(lambda: watched.posts_of("small") == 1)
        assert watched.posts_of("large") == MOST_AT_ONCE, (
            "the small site had its post while the large one was at work"
        )
        wanted(store, "late", 1)
        mirror.wake()
        watched.wait_for(lambda: watched.posts_of("late") == 1)
        assert [len(numbers) for numbers in watched.inside["large"]] == [MOST_AT_ONCE] * 2

        watched.release("large")
        watched.wait_for(lambda: watched.posts_of("large") == 1000)
    assert watched.most_inside["large"] == 2
    assert watched.twice_at_once == []
    assert len(watched.written) == 1002, "nothing was written twice"


def test_post_has_one_writer_however_often_it_changes(store: Store) -> None:
    (number,) = wanted(store, "s1", 1)
    watched = Watched()
    watched.held.add("s1")
    mirror = MirrorWorker(store, connect=watched.connect)
    with running(mirror, watched):
        watched.wait_for(lambda: len(watched.inside.get("s1", [])) == 1)
        for seen in (1, 2, 3):
            changed(store, "s1", number, seen=seen)
            mirror.wake()
        with store.reading() as connection:
            assert queue.next_due(connection, busy=[]) == row(store, number).lease_until, "nobody else may"

        watched.release("s1")
        watched.wait_for(lambda: len(watched.written) == 2)
    assert [revision for _, _, revision in watched.written] == [1, 4], "what changed meanwhile is one write"
    assert watched.most_inside["s1"] == 1
    assert row(store, number).written == 4


def test_result_of_who_lost_the_lease_does_not_count(store: Store) -> None:
    (number,) = wanted(store, "s1", 1)
    watched, clock = Watched(), Clock(START)
    watched.held.add("s1")
    slow = MirrorWorker(store, connect=watched.connect, clock=clock)
    # Without its loop, which could otherwise take the post again as soon as the lease is over.
    (first,) = store.write(lambda connection: slow._claim(connection, limit=1, busy=[]))
    working = threading.Thread(target=slow.mirror, args=([first],))
    working.start()
    try:
        watched.wait_for(lambda: len(watched.inside.get("s1", [])) == 1)
        clock.forward(LEASE_SECONDS + 1)
        changed(store, "s1", number, seen=1)
        other = SiteDouble(posts=watched.doubles["s1"].posts)
        quick = MirrorWorker(store, connect=lambda _: other, clock=clock)
        claims = store.write(lambda connection: quick._claim(connection, limit=1, busy=[]))
        assert [claim.epoch for claim in claims] == [first.epoch + 1]
        assert claims[0].in_doubt
        quick.mirror(claims)
        settled = row(store, number)
        assert (settled.written, settled.lease_until) == (2, 0)
    finally:
        watched.release("s1")
        working.join(WITHIN)
    assert not working.is_alive()
    assert row(store, number) == settled
    assert len(other.of(number)) == 1


def test_probe_is_one_for_all_writers(store: Store) -> None:
    """A site that failed last is tried with one post by one writer; then all come."""
    wanted(store, "s1", 60)
    watched, clock = Watched(), Clock(START)
    watched.held.add("s1")
    store.write(
        lambda connection: sites.record_fault(
            connection, "s1", fault="network", message="", blocked_until=0, now=1
        )
    )
    mirror = MirrorWorker(store, connect=watched.connect, clock=clock)
    with running(mirror, watched):
        watched.wait_for(lambda: len(watched.inside.get("s1", [])) == 1)
        mirror.wake()
        assert [len(numbers) for numbers in watched.inside["s1"]] == [1]
        claimed = store.write(lambda connection: mirror._claim(connection, limit=8, busy=[]))
        assert claimed == [], "while it is probed, nobody else may"
        watched.release("s1")
        watched.wait_for(lambda: watched.posts_of("s1") == 60)
    assert watched.most_inside["s1"] <= 2
