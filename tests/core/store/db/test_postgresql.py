"""What several processes on one PostgreSQL need. Two stores stand for two processes."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text

from core.bridge import Bridge
from core.errors import StoreError
from core.model.meeting import Meeting
from core.pipeline.fold_worker import FoldWorker
from core.store.db import clock, locks
from core.store.db.engine import Store, address
from core.store.db.notify import EVENTS, POSTS, SECRETS, Listener
from core.store.events import log
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.sites import grants, sites, zoom_secrets
from core.store.sites.grants import GrantSource
from core.zoom.signature import Secret
from tests.core.conftest import KEYS, connected
from tests.core.events import ACCOUNT, NUMBER, event
from tests.core.store.entries import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from tests.postgresql import PostgreSQL

WITHIN_SECONDS = 600.0


@pytest.fixture
def two_stores(two_stores: tuple[Store, Store]) -> tuple[Store, Store]:
    """Two stores that know one site."""
    connected(two_stores[0], "s1")
    return two_stores


@pytest.fixture
def raw(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody else's connection."""
    with psycopg.connect(url) as connection:
        yield connection


def append(store: Store, *numbers: int, site_id: str = "s1") -> None:
    entries = [entry(store, event(id=number), site_id=site_id) for number in numbers]
    store.write(lambda connection: log.append(connection, entries))


def wanted(store: Store, *numbers: int) -> None:
    """Make meetings that a post is wanted of."""
    for number in numbers:  # one by one, which is no burst that would be waited for
        append(store, number)
        assert FoldWorker(store).fold_pending() == 1


def claim(store: Store, owner: str, *, now: int | None = None, seconds: int = 60) -> list[queue.Claim]:
    def take(connection: Connection) -> list[queue.Claim]:
        moment = clock.now(connection) if now is None else now
        until = moment + seconds * 1000
        return queue.claim(
            connection, store.sealer, owner=owner, now=moment, lease_until=until, room=8, busy=[], at_once=100
        )

    return store.write(take)


class Held:
    """A write that has done its work and is not committed yet, until the block ends."""

    def __init__(self, store: Store, work: object) -> None:
        self._done, self._go = threading.Event(), threading.Event()

        def write(connection: Connection) -> None:
            work(connection)  # type: ignore[operator]
            self._done.set()
            assert self._go.wait(WITHIN_SECONDS)

        self._future = store.submit(write)
        assert self._done.wait(WITHIN_SECONDS)

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        self._go.set()
        self._future.result(WITHIN_SECONDS)


class TestClaims:
    def test_what_another_is_taking_is_passed_over_without_waiting(
        self, two_stores: tuple[Store, Store]
    ) -> None:
        one, other = two_stores
        wanted(one, 1, 2, 3)
        first = "SELECT 1 FROM posts WHERE number = 1 FOR UPDATE"
        with Held(one, lambda connection: connection.execute(text(first))):
            assert [taken.number for taken in claim(other, "other")] == [2, 3]
        assert [taken.number for taken in claim(one, "one")] == [1]

    def test_many_at_once_share_and_none_is_taken_twice(self, two_stores: tuple[Store, Store]) -> None:
        numbers = list(range(1, 31))
        wanted(two_stores[0], *numbers)
        taken: list[int] = []
        both = threading.Barrier(2)

        def take(store: Store) -> None:
            both.wait(WITHIN_SECONDS)
            while claims := store.write(
                lambda connection: queue.claim(
                    connection,
                    store.sealer,
                    owner=str(id(store)),
                    now=clock.now(connection),
                    lease_until=clock.now(connection) + 60_000,
                    room=1,
                    busy=[],
                    at_once=1,
                )
            ):
                taken.extend(one.number for one in claims)

        threads = [threading.Thread(target=take, args=(store,)) for store in two_stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WITHIN_SECONDS)
        taken += [one.number for one in claim(two_stores[0], "rest")]
        assert sorted(taken) == numbers

    def test_one_whose_lease_ran_out_counts_for_nothing(self, two_stores: tuple[Store, Store]) -> None:
        """Its process was stopped for long and goes on while another works on the same post."""
        one, other = two_stores
        wanted(one, 1)
        (stale,) = claim(one, "one", seconds=0)
        (fresh,) = claim(other, "other")
        assert fresh.epoch > stale.epoch
        written = queue.Written(queue.PostState.SYNCED, 7, "https://s1.example.org/7")
        finish = partial(queue.finish, sealer=one.sealer, revision=1, due_at=None, now=5)
        assert not one.write(partial(finish, taken=stale, written=queue.Written()))
        assert other.write(partial(finish, taken=fresh, written=written))
        assert not one.write(partial(finish, taken=stale, written=queue.Written()))
        with one.reading() as connection:
            assert connection.execute(text("SELECT post_id, written FROM posts")).all() == [(7, 1)]


class TestClock:
    def test_is_the_databases_however_wrong_this_machines_is(
        self, two_stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = time.time()
        monkeypatch.setattr("core.store.db.clock.time.time", lambda: now + 86_400)
        with two_stores[0].reading() as connection:
            assert clock.now(connection) < (now + 3600) * 1000
            assert clock.now(connection, lambda: 5.0) == 5000, "a test's own counts"

    def test_goes_on_within_a_transaction(self, two_stores: tuple[Store, Store]) -> None:
        with two_stores[0].reading() as connection:
            before = clock.now(connection)
            connection.execute(text("SELECT pg_sleep(0.01)"))
            assert clock.now(connection) > before

    def test_a_machine_that_is_ahead_does_not_delay_a_post(self, two_stores: tuple[Store, Store]) -> None:
        one, _ = two_stores
        one.write(lambda connection: meetings.save(connection, one.sealer, Meeting(ACCOUNT, 1), seen=0))
        ahead = entry(one, event(at=9), received_at=int((time.time() + 86_400) * 1000))
        one.write(lambda connection: log.append(connection, [ahead]))
        assert [taken.site_id for taken in claim(one, "one")] == ["s1"]


class TestFolding:
    def test_what_another_folds_is_passed_over(self, two_stores: tuple[Store, Store]) -> None:
        one, other = two_stores
        append(one, 1, 2)
        with one.reading() as connection:
            assert log.pending_meetings(connection, 1) == [(ACCOUNT, 1)]
            assert FoldWorker(other).fold_pending() == 1
        assert FoldWorker(other).fold_pending() == 1
        assert FoldWorker(one).fold_pending() == 0
        with one.reading() as connection:
            revisions = connection.execute(text("SELECT number, revision FROM meetings ORDER BY 1")).all()
        assert revisions == [(1, 1), (2, 1)]

    def test_a_new_site_and_a_new_meeting_do_not_miss_each_other(
        self, two_stores: tuple[Store, Store]
    ) -> None:
        """Neither transaction sees what the other has not committed yet."""
        one, other = two_stores
        connected(one, "s2")
        append(one, NUMBER)

        def grant(connection: Connection) -> None:
            grants.add(connection, ACCOUNT, "s2", GrantSource.ADMINISTRATOR, now=1)
            queue.schedule_site(connection, ACCOUNT, "s2", now=1)

        with Held(one, grant):
            folding = threading.Thread(target=FoldWorker(other).fold_pending)
            folding.start()
            with one.reading() as connection:
                waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                while not connection.scalar(waits):
                    assert folding.is_alive()
        folding.join(WITHIN_SECONDS)
        with one.reading() as connection:
            assert set(connection.scalars(text("SELECT site_id FROM posts"))) == {"s1", "s2"}


class TestLog:
    def test_the_same_events_in_another_order_are_kept_once(self, two_stores: tuple[Store, Store]) -> None:
        """Zoom sends them through two subscriptions, to two processes."""
        numbers = list(range(1, 200))
        forwards = [entry(two_stores[0], event(id=number)) for number in numbers]
        both = threading.Barrier(2)
        new: list[bool] = []

        def take(store: Store, entries: list[log.Entry]) -> None:
            both.wait(WITHIN_SECONDS)
            new.extend(store.write(lambda connection: log.append(connection, entries)))

        threads = [
            threading.Thread(target=take, args=(store, entries))
            for store, entries in zip(two_stores, (forwards, forwards[::-1]), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WITHIN_SECONDS)
        assert sum(new) == len(numbers)


class TestTransactions:
    def test_one_that_another_was_in_the_way_of_is_repeated(self, two_stores: tuple[Store, Store]) -> None:
        """Each holds what the other wants; PostgreSQL ends one of them."""
        connected(two_stores[0], "s2")
        both = threading.Barrier(2)
        runs: list[str] = []

        def change(connection: Connection, *, order: tuple[str, str]) -> None:
            runs.append(order[0])
            for site_id in order:
                sites.record_validation(connection, site_id, now=1)
                if len(runs) <= 2 and site_id == order[0]:
                    both.wait(WITHIN_SECONDS)

        futures = [
            two_stores[0].submit(partial(change, order=("s1", "s2"))),
            two_stores[1].submit(partial(change, order=("s2", "s1"))),
        ]
        for future in futures:
            future.result(WITHIN_SECONDS)
        assert len(runs) > 2  # on a busy machine, it may end each of them

    def test_what_is_acknowledged_is_synced_whatever_the_database_says(
        self, url: str, postgresql: PostgreSQL
    ) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
        store = Store(url, keys=KEYS)
        try:
            shown = store.write(lambda connection: connection.scalar(text("SHOW synchronous_commit")))
        finally:
            store.close()
        assert shown == "on"

    def test_text_that_postgresql_cannot_keep_harms_nothing(self, two_stores: tuple[Store, Store]) -> None:
        store = two_stores[0]
        note = partial(
            sites.record_fault, fault="server", message="what \0 came back", blocked_until=0, now=1
        )
        store.write(partial(note, site_id="s1"))
        with store.reading() as connection:
            assert sites.load(connection, "s1", store.sealer).fault_message == "what \ufffd came back"


class TestWakeUp:
    @pytest.fixture
    def heard(self, two_stores: tuple[Store, Store]) -> Iterator[dict[str, threading.Event]]:
        """What the second process hears, besides that it has begun to listen."""
        append(two_stores[0], 99)  # the site's first, which wants every post of the account
        events = {name: threading.Event() for name in (EVENTS, POSTS, "s1", "")}

        def hear(channel: str, payload: str) -> None:
            events[payload if channel == SECRETS else channel].set()

        listener = Listener(
            two_stores[1].url, {name: partial(hear, name) for name in (EVENTS, POSTS, SECRETS)}
        )
        listener.start()
        assert events[""].wait(WITHIN_SECONDS)
        for told in events.values():
            told.clear()
        yield events
        listener.stop()

    def test_tells_of_events_posts_and_secrets(
        self, two_stores: tuple[Store, Store], heard: dict[str, threading.Event]
    ) -> None:
        one, _ = two_stores
        append(one, 1)
        assert heard[EVENTS].wait(WITHIN_SECONDS)
        assert not heard[POSTS].is_set()
        FoldWorker(one).fold_pending()
        assert heard[POSTS].wait(WITHIN_SECONDS)
        assert not heard["s1"].is_set()
        one.write(
            lambda connection: zoom_secrets.save(connection, "s1", Secret("secret-token"), one.sealer, now=1)
        )
        assert heard["s1"].wait(WITHIN_SECONDS)

    def test_says_nothing_of_what_was_undone(
        self, two_stores: tuple[Store, Store], heard: dict[str, threading.Event]
    ) -> None:
        def undone(connection: Connection) -> None:
            log.append(connection, [entry(two_stores[0])])
            raise KeyError("undone")

        with pytest.raises(KeyError):
            two_stores[0].write(undone)
        two_stores[0].write(
            lambda connection: zoom_secrets.save(
                connection, "s1", Secret("secret-token"), two_stores[0].sealer, now=1
            )
        )
        assert heard["s1"].wait(WITHIN_SECONDS), "what was told later is heard"
        assert not heard[EVENTS].is_set()

    def test_listens_again_after_its_connection_was_lost(
        self,
        two_stores: tuple[Store, Store],
        heard: dict[str, threading.Event],
        raw: psycopg.Connection[tuple[object, ...]],
    ) -> None:
        ended = raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        ).fetchall()
        assert ended == [(True,)]
        assert heard[""].wait(WITHIN_SECONDS), "it may have missed something, and says so"
        heard[EVENTS].clear()
        append(two_stores[0], 1)
        assert heard[EVENTS].wait(WITHIN_SECONDS)

    def test_a_secret_that_another_process_removed_is_good_no_longer(
        self, two_stores: tuple[Store, Store]
    ) -> None:
        one, other = two_stores
        one.write(
            lambda connection: zoom_secrets.save(connection, "s1", Secret("secret-token"), one.sealer, now=1)
        )
        bridge = Bridge.create(other)
        forgotten = threading.Event()
        assert bridge.listener is not None
        bridge.ingest._read_secrets("s1")
        assert "s1" in bridge.ingest._cache
        listening = bridge.listener
        tell = listening._heard[SECRETS]

        def hear(site_id: str) -> None:
            tell(site_id)
            forgotten.set()

        listening._heard = {SECRETS: hear}
        listening.start()
        try:
            assert forgotten.wait(WITHIN_SECONDS)
            forgotten.clear()
            bridge.ingest._read_secrets("s1")
            one.write(lambda connection: zoom_secrets.remove(connection, "s1", 1))
            assert forgotten.wait(WITHIN_SECONDS)
            assert "s1" not in bridge.ingest._cache
        finally:
            listening.stop()


class TestAddress:
    @pytest.mark.parametrize(
        "given", ["postgres://u:p@h/d", "postgresql://u:p@h/d", "postgresql+psycopg2://u:p@h/d"]
    )
    def test_is_taken_however_it_is_written(self, given: str) -> None:
        taken = address(given)
        assert taken.render_as_string(hide_password=False) == "postgresql+psycopg://u:p@h/d"

    @pytest.mark.parametrize("given", ["", "zoombridge.db", "mysql://h/d", "https://example.org/"])
    def test_says_what_one_looks_like(self, given: str) -> None:
        with pytest.raises(StoreError, match=r"postgresql://user:password@host/zoombridge"):
            address(given)


class TestLocks:
    def test_shared_ones_do_not_wait_for_each_other(self, two_stores: tuple[Store, Store]) -> None:
        hold = partial(locks.acquire, shared=True)
        with Held(two_stores[0], lambda connection: hold(connection, "account", "A")):
            two_stores[1].write(lambda connection: hold(connection, "account", "A"), within=WITHIN_SECONDS)
            two_stores[1].write(
                lambda connection: locks.acquire(connection, "account", "B"), within=WITHIN_SECONDS
            )


def test_revisions_are_guarded_between_processes(two_stores: tuple[Store, Store]) -> None:
    """Should two fold the same meeting after all, one of them is too late, and starts anew."""
    one, other = two_stores
    wanted(one, 1)
    with one.reading() as connection:
        found = meetings.load(connection, one.sealer, ACCOUNT, 1)
    assert found is not None
    meeting, seen = found
    assert one.write(partial(meetings.save, sealer=one.sealer, meeting=meeting, seen=seen))
    assert not other.write(partial(meetings.save, sealer=other.sealer, meeting=meeting, seen=seen))
