"""Meetings to posts: what is due is written, once; faults wait with their site or by themselves."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from core.errors import Fault, SiteFaultError, StoreUnavailableError
from core.model.meeting import Meeting
from core.model.rules import Rules
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.mirror_worker import _WORKERS, PER_SITE, MirrorWorker, retry_delay
from core.render import Post, render
from core.store.db.engine import Store
from core.store.db.schema import posts as table
from core.store.events import log
from core.store.posts import attempts, queue
from core.store.posts.queue import Claim
from core.store.sites import health, rules, sites
from core.store.sites.sites import Site
from core.wordpress.addresses import Endpoint
from core.wordpress.post_operations import CreatePost, PostOperation
from core.wordpress.sync_client import MOST_AT_ONCE, SiteInfo, SyncClient
from core.wordpress.sync_operations import PostReport
from tests.core.clock import Clock
from tests.core.conftest import connected, with_password
from tests.core.events import ACCOUNT, event
from tests.core.site_double import SiteDouble, fault
from tests.core.store.entries import entry
from tests.core.store.grants import granted

OBJECT: dict[str, Any] = {
    "topic": "Choir",
    "type": 2,
    "start_time": "2036-03-24T18:00:00Z",
    "duration": 60,
    "join_url": "https://example.zoom.us/j/1",
}


class Bench:
    """A store, a mirror and a site double for each of two sites, moved by hand."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        self.doubles: dict[str, SiteDouble] = {}
        self.folding = FoldWorker(store, clock=self.clock)
        self.mirror = self.another_mirror()
        self.at = 0

    def another_mirror(self) -> MirrorWorker:
        return MirrorWorker(
            self.store,
            clock=self.clock,
            connect=lambda site: self.doubles.setdefault(site.id, SiteDouble()),
            chance=lambda: 1.0,
        )

    def happens(
        self, number: int, name: str = "meeting.created", site_id: str = "s1", **object_: Any
    ) -> None:
        """Let something happen at Zoom, and fold it."""
        self.at += 1
        told = event(name, self.at, payload={"operation": "all"}, id=number, **{**OBJECT, **object_})
        line = entry(self.store, told, site_id=site_id)
        self.store.write(lambda connection: log.append(connection, [line]))
        self.folding.fold_pending()

    def claim(self, **given: Any) -> list[Claim]:
        now = self.clock.ms
        arguments: dict[str, Any] = {
            "owner": "me", "lease_until": now + 300_000, "room": 8, "busy": [], "at_once": 25, **given,
        }  # fmt: skip
        return self.store.write(
            lambda connection: queue.claim(connection, self.store.sealer, now=now, **arguments)
        )

    def work(self) -> int:
        """Do once what is due; return how many posts that were."""
        taken = self.claim()
        for site_id in dict.fromkeys(one.site_id for one in taken):
            self.mirror.mirror([one for one in taken if one.site_id == site_id])
        return len(taken)

    def row(self, number: int, site_id: str = "s1") -> Any:
        with self.store.reading() as connection:
            return connection.execute(
                select(table).where(table.c.number == number, table.c.site_id == site_id)
            ).one()

    def claimed(self) -> int:
        with self.store.reading() as connection:
            return connection.scalar(select(func.count()).where(table.c.lease_until > 0)) or 0

    def site(self, site_id: str = "s1") -> Site:
        with self.store.reading() as connection:
            return sites.load(connection, site_id, self.store.sealer)

    def fail_with(
        self, kind: Fault | None, only: Callable[[PostOperation], bool] = lambda _: True, **more: Any
    ) -> None:
        """Answer operations on the first site with a fault; None ends that."""
        double = self.doubles.setdefault("s1", SiteDouble())
        double.on_operation = lambda operation: (
            fault(kind, **more) if kind is not None and only(operation) else None
        )

    def titles(self, site_id: str = "s1") -> list[str]:
        return sorted(post["title"] for post in self.doubles[site_id].posts.values())


@pytest.fixture
def bench(store: Store, site: Site) -> Bench:
    return Bench(store)


def eventually(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 600
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_about(number: int) -> Callable[[PostOperation], bool]:
    return lambda operation: (
        isinstance(operation, CreatePost) and operation.fields["zoombridge"]["number"] == str(number)
    )


class TestWork:
    def test_writes_a_post_once(self, bench: Bench) -> None:
        bench.happens(1)
        assert bench.work() == 1
        assert bench.titles() == ["Choir"]
        row = bench.row(1)
        assert (row.state, row.written, row.lease_until, row.owner) == ("synced", 1, 0, None)
        assert bench.site().last_write_at == bench.clock.ms
        assert bench.work() == 0

    def test_keeps_what_the_site_tells_of_its_posts(self, bench: Bench) -> None:
        bench.happens(1)
        bench.work()
        double, post = bench.doubles["s1"], bench.row(1).post_id
        double.written = [PostReport(post, 1, "publish", digest="a", ours=True, by="bridge")]
        bench.happens(1, "meeting.updated", topic="Orchestra")
        bench.work()
        assert (bench.row(1).stands, bench.row(1).stands_by) == ("published", "bridge")
        trashed = PostReport(post, 1, "trash", digest="b", by="user", at=1, version="v")
        double.told = [trashed]
        bench.happens(1, "meeting.updated", topic="Choir")
        bench.work()
        assert (bench.row(1).stands, bench.row(1).stands_by) == ("trashed", "user")
        assert double.acknowledged == [trashed]

    def test_a_post_that_a_person_deleted_is_not_made_again(self, bench: Bench) -> None:
        bench.happens(1)
        bench.work()
        double, post = bench.doubles["s1"], bench.row(1).post_id
        bench.happens(1, "meeting.deleted")
        bench.work()
        bench.happens(2)
        double.told = [PostReport(post, 1, "deleted", by="user", at=1, version="v")]
        bench.work()
        del double.posts[post]
        bench.happens(1, "meeting.recovered")
        bench.work()
        assert (bench.row(1).state, bench.row(1).stands) == ("detached", "gone")

    def test_a_burst_is_one_write(self, bench: Bench) -> None:
        bench.happens(1)
        for number in range(15):
            bench.happens(1, "meeting.updated", topic=f"T{number}")
        bench.clock.now += 60
        assert bench.work() == 1
        assert len(bench.doubles["s1"].writes) == 1
        assert bench.titles() == ["T14"]

    def test_posts_of_one_site_go_together(self, bench: Bench) -> None:
        for number in range(1, 11):
            bench.happens(number)
        bench.clock.now += 60
        assert bench.work() == 10
        assert bench.doubles["s1"].rounds == 1

    def test_each_site_gets_its_own(self, bench: Bench, store: Store) -> None:
        connected(store, "s2")
        granted(store, ACCOUNT, "s1", "s2")
        bench.happens(1, site_id="s1")
        bench.happens(1, "meeting.updated", site_id="s2")
        bench.work()
        assert bench.titles("s1") == bench.titles("s2") == ["Choir"]

    def test_follows_a_whole_life(self, bench: Bench) -> None:
        bench.happens(1)
        bench.work()
        for name, status in (("deleted", "trash"), ("recovered", "publish"), ("deleted", "trash")):
            bench.happens(1, f"meeting.{name}")
            bench.clock.now += 5
            bench.work()
            assert bench.doubles["s1"].only["status"] == status
        bench.happens(1, "meeting.permanently_deleted")
        bench.work()
        assert bench.doubles["s1"].posts == {}

    def test_keeps_a_cancelled_page_for_as_long_as_the_site_wants(self, bench: Bench) -> None:
        bench.store.write(lambda connection: rules.save(connection, "s1", Rules(cancelled_days=7)))
        bench.happens(1)
        bench.work()
        bench.at = bench.clock.ms
        bench.happens(1, "meeting.deleted")
        bench.work()
        assert bench.doubles["s1"].only["status"] == "publish"
        assert "Cancelled" in bench.doubles["s1"].only["html"]
        assert bench.row(1).due_at == bench.at + 7 * 24 * 3600 * 1000
        bench.mirror = bench.another_mirror()  # as after a restart
        bench.clock.now += 7 * 24 * 3600
        assert bench.work() == 0
        bench.clock.now += 1
        assert bench.work() == 1
        assert (bench.row(1).state, bench.doubles["s1"].only["status"]) == ("trashed", "trash")

    def test_tells_of_what_needs_no_write_too(self, bench: Bench) -> None:
        """So that it is known since when the page shows what has come."""
        bench.happens(1)
        bench.work()
        bench.happens(1, "meeting.updated")
        bench.clock.now += 60
        bench.work()
        with bench.store.reading() as connection:
            told = attempts.of_post(connection, "s1", 1, limit=9)
        assert [attempt.action for attempt in told] == ["unchanged", "created"]
        assert len(bench.doubles["s1"].writes) == 1

    def test_looks_again_when_what_was_written_stops_being_true(self, bench: Bench) -> None:
        bench.happens(1)
        bench.work()
        due_at = bench.row(1).due_at
        assert due_at is not None
        before = bench.doubles["s1"].only["html"]
        bench.clock.now = due_at / 1000
        assert bench.work() == 1
        assert bench.doubles["s1"].only["html"] != before
        assert bench.row(1).due_at > due_at

    def test_passes_over_a_site_that_was_removed(self, bench: Bench, store: Store) -> None:
        bench.happens(1)
        taken = bench.claim()
        store.write(lambda connection: sites.remove(connection, "s1"))
        bench.mirror.mirror(taken)
        assert bench.doubles == {}


class TestMeanwhile:
    def test_a_revision_wanted_during_a_write_is_due_at_once(self, bench: Bench) -> None:
        bench.happens(1)
        double = bench.doubles.setdefault("s1", SiteDouble())

        def change(_: PostOperation) -> None:
            double.on_operation = lambda _: None
            bench.happens(1, "meeting.updated", topic="Meanwhile")

        double.on_operation = change
        bench.work()
        assert bench.titles() == ["Choir"]
        assert bench.row(1).due_at <= bench.clock.ms
        assert bench.work() == 1
        assert bench.titles() == ["Meanwhile"]

    def test_a_result_counts_only_while_the_lease_holds(self, bench: Bench) -> None:
        bench.happens(1)
        late = bench.claim()
        bench.clock.now += 301
        (again,) = bench.claim(owner="another")
        assert again.in_doubt
        bench.mirror.mirror(late)
        row = bench.row(1)
        assert (row.owner, row.epoch, row.post_id, row.written) == ("another", again.epoch, None, 0)
        bench.mirror.mirror([again])
        assert bench.row(1).post_id is not None
        assert len(bench.doubles["s1"].posts) == 1

    def test_an_earlier_process_that_died_leaves_one_post(self, bench: Bench) -> None:
        """It was killed after WordPress had done what it asked, and before it noted that."""
        bench.happens(1)
        taken = bench.claim(owner="dead")
        other = Bench(bench.store)
        other.doubles = bench.doubles
        bench.store.write(queue.expire_all_leases)
        bench.doubles["s1"] = SiteDouble()
        bench.doubles["s1"].made_by_hand(1, title="Choir", revision=1, details={"topic": "Choir"})
        assert taken
        assert bench.work() == 1
        assert len(bench.doubles["s1"].posts) == 1
        assert bench.row(1).state == "synced"


class TestDatabaseUnavailable:
    """As many threads read as there are connections for, on a busy machine."""

    @pytest.fixture
    def fail_reads(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[bool]], None]:
        """Let some of the next reads fail, by their order, and none after them."""

        def fail(fails: Sequence[bool]) -> None:
            waiting, read = iter(fails), store.reading

            @contextmanager
            def reading() -> Iterator[Connection]:
                if next(waiting, False):
                    raise StoreUnavailableError("No connection is free.")
                with read() as connection:
                    yield connection

            monkeypatch.setattr(store, "reading", reading)

        return fail

    def test_a_post_is_read_again_in_place_of_waiting_for_its_lease(
        self, bench: Bench, fail_reads: Callable[[Sequence[bool]], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[float | None] = []
        monkeypatch.setattr(bench.mirror.thread.stopping, "wait", waited.append)
        bench.happens(1)
        claims = bench.claim()
        fail_reads([True, True])
        bench.mirror.mirror(claims)
        assert (bench.titles(), len(waited)) == (["Choir"], 2)
        assert (bench.row(1).written, bench.row(1).lease_until) == (1, 0)

    def test_the_log_costs_no_result(
        self, bench: Bench, fail_reads: Callable[[Sequence[bool]], None]
    ) -> None:
        bench.happens(1)
        claims = bench.claim()
        fail_reads([False, True])  # the second is for the log
        bench.fail_with(Fault.REFUSED)
        bench.mirror.mirror(claims)
        assert (bench.row(1).fault, bench.row(1).lease_until) == (Fault.REFUSED, 0)


class TestFaultOfTheSite:
    @pytest.mark.parametrize("kind", [Fault.NETWORK, Fault.TLS, Fault.NOT_JSON, Fault.STUB_MISSING])
    def test_blocks_it_with_growing_delay(self, bench: Bench, kind: Fault) -> None:
        bench.happens(1)
        bench.fail_with(kind)
        waits = []
        for _ in range(5):
            assert bench.work() == 1
            blocked = bench.site()
            assert (blocked.fault, blocked.fault_message) == (kind, f"{kind} happened")
            waits.append(blocked.blocked_until - bench.clock.ms)
            bench.clock.now = blocked.blocked_until / 1000 - 0.001
            assert bench.work() == 0
            bench.clock.now += 0.002
        assert waits == sorted(set(waits))
        bench.fail_with(None)
        assert bench.work() == 1
        assert bench.titles() == ["Choir"]
        well = bench.site()
        assert (well.failures, well.fault, well.blocked_until) == (0, None, 0)

    def test_does_not_concern_other_sites(self, bench: Bench, store: Store) -> None:
        connected(store, "s2")
        granted(store, ACCOUNT, "s1", "s2")
        bench.happens(1, site_id="s1")
        bench.happens(1, "meeting.updated", site_id="s2")
        bench.fail_with(Fault.NETWORK)
        bench.work()
        assert bench.titles("s2") == ["Choir"]
        assert bench.site("s2").failures == 0

    def test_is_probed_with_one_post_before_the_others(self, bench: Bench) -> None:
        for number in (1, 2, 3):
            bench.happens(number)
        bench.fail_with(Fault.NETWORK)
        assert bench.work() == 3
        bench.clock.now += 60
        bench.fail_with(None)
        assert bench.work() == 1
        assert bench.work() == 2

    def test_that_a_person_must_mend_waits_an_hour(self, bench: Bench) -> None:
        bench.happens(1)
        bench.fail_with(Fault.CREDENTIALS)
        bench.work()
        assert bench.site().blocked_until - bench.clock.ms == 3_600_000

    def test_retry_after_is_obeyed(self, bench: Bench) -> None:
        bench.happens(1)
        bench.fail_with(Fault.THROTTLED, retry_after=900.0)
        bench.work()
        assert bench.site().blocked_until - bench.clock.ms == 900_000
        assert bench.row(1).attempts == 0

    def test_posts_that_break_it_one_after_the_other_tell_of_the_site(self, bench: Bench) -> None:
        for number in range(1, 8):
            bench.happens(number)
        bench.fail_with(Fault.SERVER)
        bench.clock.now += 60
        bench.work()
        assert bench.site().failures == 1

    def test_of_the_pairing_before_does_not_count(self, bench: Bench, store: Store) -> None:
        """The site was paired anew while the request was under way."""
        bench.happens(1)
        before = bench.site()

        def pair_anew(_: PostOperation) -> SiteFaultError:
            again = replace(before, key="a1" * 32, epoch=before.epoch + 1)
            store.write(lambda connection: sites.save(connection, again, store.sealer))
            return fault(Fault.CREDENTIALS)

        bench.doubles.setdefault("s1", SiteDouble()).on_operation = pair_anew
        bench.work()
        assert (bench.site().fault, bench.site().blocked_until) == (None, 0)

    def test_is_told_once_it_is_stored_and_the_site_is_due_for_a_check(self, bench: Bench) -> None:
        told: list[tuple[str | None, int]] = []
        checked_at, next_at = 5, 10**15
        end = partial(health.end_check, site_id="s1", epoch=1, claimed=0, now=checked_at, next_at=next_at)
        assert bench.store.write(end)
        bench.mirror.on_fault = lambda: told.append((bench.site().fault, bench.site().check_due_at))
        bench.happens(1)
        bench.work()
        assert told == []
        bench.fail_with(Fault.NETWORK)
        bench.happens(2)
        bench.work()
        [(fault, due_at)] = told
        assert fault == Fault.NETWORK
        assert due_at < next_at


class TestPlugins:
    def test_that_are_others_than_the_last_check_found_make_the_site_due_for_a_check(
        self, bench: Bench
    ) -> None:
        next_at = 10**15
        end = partial(health.end_check, site_id="s1", epoch=1, claimed=0, now=5, next_at=next_at)
        assert bench.store.write(end)
        double = bench.doubles["s1"] = SiteDouble()
        for number, version, is_due in ((1, None, False), (2, "4.6.7", True)):
            double.info = SiteInfo("0.2.0", version, False, True, None)
            bench.happens(number)
            bench.work()
            assert (bench.site().check_due_at < next_at) is is_due

    def test_are_not_those_that_an_earlier_answer_told_of(self, bench: Bench) -> None:
        """A client that waited since is used where nothing has to be written, and a check has found others meanwhile."""
        bench.happens(1)
        bench.work()
        bench.doubles["s1"].info = SiteInfo("0.2.0", None, False, True, None)
        found = replace(bench.site(), vczapi=True)
        bench.store.write(lambda connection: sites.record_check(connection, found))
        next_at = 10**15
        bench.store.write(partial(health.end_check, site_id="s1", epoch=1, claimed=0, now=5, next_at=next_at))
        sent = bench.doubles["s1"].rounds
        bench.happens(1, "meeting.updated")
        bench.work()
        assert bench.doubles["s1"].rounds == sent
        assert bench.site().check_due_at == next_at


class TestClient:
    def test_that_cannot_be_made_leaves_the_site_to_the_next_worker(self, bench: Bench) -> None:
        """The number of concurrent requests to a site is limited: none of them may be lost."""
        bench.happens(1)
        connect = bench.mirror.connect
        for _ in range(PER_SITE + 1):

            def mistake(_: Site) -> SiteDouble:
                raise ZeroDivisionError("a mistake of ours")

            bench.mirror.connect = mistake
            with pytest.raises(ZeroDivisionError):
                bench.work()
            bench.clock.now += 301
        bench.mirror.connect = connect
        assert bench.work() == 1
        assert bench.titles() == ["Choir"]

    def test_is_used_by_one_thread_after_the_other(self, bench: Bench) -> None:
        """Each client has connections of its own, which a site with few workers has to hold open."""
        bench.happens(1)
        made = self.note_connections(bench)
        [first] = bench.claim()
        for claim in (first, *self.next_claims(bench, 3)):
            thread = threading.Thread(target=bench.mirror.mirror, args=([claim],))
            thread.start()
            thread.join(600)
        assert [site.id for site in made] == ["s1"]
        assert bench.titles() == ["Choir"] * 4

    def test_is_a_new_one_after_the_password_of_the_web_server_or_the_addresses_were_changed(
        self, bench: Bench, store: Store
    ) -> None:
        made = self.note_connections(bench)
        bench.happens(1)
        bench.work()
        store.write(lambda connection: sites.save_server_login(connection, "s1", "u", "p", store.sealer))
        bench.happens(2)
        bench.work()
        inside = Endpoint("s1.example.org", 0, "192.168.0.7")
        store.write(partial(sites.save_addresses, site_id="s1", addresses=[inside]))
        for number in (3, 4):
            bench.happens(number)
            bench.work()
        assert [site.server_login for site in made] == [None, ("u", "p"), ("u", "p")]
        assert [site.addresses for site in made] == [None, None, (inside,)]

    def note_connections(self, bench: Bench) -> list[Site]:
        """Return the list of the sites, as they are known, to which a client is made."""
        made: list[Site] = []
        connect = bench.mirror.connect

        def note(site: Site) -> SyncClient:
            made.append(site)
            return connect(site)

        bench.mirror.connect = note
        return made

    def next_claims(self, bench: Bench, count: int) -> Iterator[Claim]:
        for number in range(2, 2 + count):
            bench.happens(number)
            yield from bench.claim()

    def test_of_a_site_that_answered_is_told_once_the_results_are_stored(self, bench: Bench) -> None:
        stored: list[int] = []
        bench.mirror.on_success = lambda site: stored.append(bench.row(1, site.id).written)
        bench.happens(1)
        bench.work()
        assert stored == [bench.row(1).wanted]


class TestHome:
    def test_is_learned_from_a_site_that_an_earlier_version_connected(
        self, bench: Bench, store: Store
    ) -> None:
        with_password(store, bench.site())
        bench.doubles["s1"] = SiteDouble(home="https://s1.example.org/blog")
        bench.happens(1)
        bench.work()
        assert bench.site().home == "https://s1.example.org/blog"

    def test_is_not_taken_for_known_before_the_site_has_answered(self, bench: Bench, store: Store) -> None:
        """Until then the client guesses it, and a wrong guess would count as a move."""
        with_password(store, bench.site())
        bench.fail_with(Fault.STUB_OUTDATED)
        bench.happens(1)
        bench.work()
        assert bench.site().home == ""

    def test_that_is_known_stays(self, bench: Bench) -> None:
        bench.doubles["s1"] = SiteDouble(home="https://elsewhere.example.org")
        bench.happens(1)
        bench.work()
        assert bench.site().home == "https://s1.example.org"


class TestSuccess:
    @pytest.fixture
    def told(self, bench: Bench) -> list[str]:
        """The homes of the sites that answered, as they are stored then."""
        homes: list[str] = []
        bench.mirror.on_success = lambda site: homes.append(bench.site(site.id).home)
        return homes

    def test_is_told_once_the_home_is_known(self, bench: Bench, store: Store, told: list[str]) -> None:
        with_password(store, bench.site())
        bench.happens(1)
        bench.work()
        assert told == ["https://s1.example.org"]

    def test_is_not_told_of_a_site_that_fails(self, bench: Bench, told: list[str]) -> None:
        bench.fail_with(Fault.STUB_OUTDATED)
        bench.happens(1)
        bench.work()
        assert told == []


class TestQuiet:
    @pytest.mark.parametrize(
        ("created_at", "quiet"),
        [("2020-01-01T00:00:00Z", [1]), (None, []), ("{now}", []), ("no time", []), ("2020-01-01", [])],
    )
    def test_pages_of_meetings_that_were_created_long_ago_are_no_news(
        self, bench: Bench, created_at: str | None, quiet: list[int]
    ) -> None:
        now = datetime.fromtimestamp(bench.clock.ms / 1000, UTC).isoformat()
        told = {} if created_at is None else {"created_at": created_at.format(now=now)}
        bench.happens(1, **told)
        bench.work()
        assert bench.doubles["s1"].quiet == quiet


class TestFaultOfOnePost:
    @pytest.mark.parametrize("kind", [Fault.SERVER, Fault.REFUSED])
    def test_does_not_harm_the_others(self, bench: Bench, kind: Fault) -> None:
        for number in (1, 2, 3):
            bench.happens(number, topic=f"T{number}")
        bench.fail_with(kind, is_about(2))
        assert bench.work() == 3
        assert bench.titles() == ["T1", "T3"]
        assert bench.site().failures == 0
        row = bench.row(2)
        assert (row.fault, row.fault_message, row.attempts) == (kind, f"{kind} happened", 1)
        assert row.due_at > bench.clock.ms
        assert row.written == 0

    def test_is_tried_again_with_growing_delay(self, bench: Bench) -> None:
        bench.happens(1)
        bench.fail_with(Fault.SERVER)
        waits = []
        for _ in range(4):
            assert bench.work() == 1
            waits.append(bench.row(1).due_at - bench.clock.ms)
            bench.clock.now = bench.row(1).due_at / 1000
        assert waits == [2000, 4000, 8000, 16000]
        bench.fail_with(None)
        bench.clock.now += 10_000
        assert bench.work() == 1
        row = bench.row(1)
        assert (row.attempts, row.fault) == (0, None)


class TestRetryDelay:
    def test_doubles_and_is_bounded(self) -> None:
        error = fault(Fault.NETWORK)
        delays = [retry_delay(failures, error, chance=1.0) for failures in (0, 1, 2, 3, 30, 10**6)]
        assert delays == [2000, 4000, 8000, 16000, 3_600_000, 3_600_000]

    def test_is_spread_out(self) -> None:
        assert retry_delay(3, fault(Fault.NETWORK), chance=0.0) == 8000

    def test_is_never_shorter_than_the_site_asks_for(self) -> None:
        assert retry_delay(0, fault(Fault.THROTTLED, retry_after=90.0), chance=0.0) == 90_000
        assert retry_delay(9, fault(Fault.THROTTLED, retry_after=1.0), chance=1.0) == 1_024_000


class TestThreads:
    def test_write_what_is_due_and_go_on_after_a_mistake(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Woken by the fold, without polling."""
        written = threading.Semaphore(0)
        double = bench.doubles.setdefault("s1", SiteDouble())

        def tell(_: PostOperation) -> SiteFaultError | None:
            written.release()
            return None

        double.on_operation = tell
        bench.happens(1)
        bench.mirror.start()
        try:
            assert written.acquire(timeout=600)
            looked = threading.Event()
            next_due = queue.next_due

            def mistake(*arguments: Any, **named: Any) -> Any:
                if not looked.is_set():
                    looked.set()
                    raise ZeroDivisionError("a mistake of ours")
                return next_due(*arguments, **named)

            monkeypatch.setattr(queue, "next_due", mistake)
            bench.mirror.wake()
            assert looked.wait(600)
            bench.happens(2)
            bench.mirror.wake()
            assert written.acquire(timeout=600)
        finally:
            bench.mirror.stop()
        assert len(double.posts) == 2
        assert (bench.row(1).lease_until, bench.row(2).lease_until) == (0, 0)

    def test_that_cannot_be_started_leave_the_site_to_the_next(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A site of which nothing is known yet is written by one at a time."""

        def full(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        bench.happens(1)
        bench.mirror._pool = ThreadPoolExecutor(1)
        monkeypatch.setattr(threading.Thread, "start", full)
        with pytest.raises(RuntimeError, match="new thread"):
            bench.mirror._submit_due()
        monkeypatch.undo()
        bench.clock.now += bench.mirror.lease_seconds + 1
        bench.mirror._submit_due()
        bench.mirror._pool.shutdown(wait=True)
        assert bench.titles() == ["Choir"]

    def test_write_the_others_of_a_batch_in_which_one_cannot_be_rendered(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Otherwise they would wait with it for ever: they are due together again, too."""

        def mistake(meeting: Meeting, *given: Any) -> Post:
            if meeting.number == 2:
                raise ZeroDivisionError("a mistake of ours")
            return render(meeting, *given)

        monkeypatch.setattr("core.pipeline.mirror_worker.render", mistake)
        for number in (1, 2, 3):
            bench.happens(number)
        bench.mirror.start()
        try:
            eventually(lambda: len(bench.doubles.get("s1", SiteDouble()).posts) == 2)
        finally:
            bench.mirror.stop()
        assert [bench.row(number).written for number in (1, 2, 3)] == [1, 0, 1]

    def test_make_the_next_ready_while_as_many_requests_as_may_be_are_under_way(self, bench: Bench) -> None:
        double = bench.doubles.setdefault("s1", SiteDouble())
        asking: set[int] = set()
        entered, answered = threading.Semaphore(0), threading.Event()

        def hold(_: PostOperation) -> SiteFaultError | None:
            if threading.get_ident() not in asking:
                asking.add(threading.get_ident())
                entered.release()
            answered.wait(600)
            return None

        more = 2  # than may be under way or made ready
        bench.happens(1)
        assert bench.work() == 1  # the site answers
        double.on_operation = hold
        for number in range(2, (PER_SITE + 1) * MOST_AT_ONCE + more + 2):
            bench.happens(number)
        bench.clock.now += 60
        bench.mirror.start()  # not before all are due: it would take some of them in a request of their own
        try:
            for _ in range(PER_SITE):
                assert entered.acquire(timeout=600)
            eventually(lambda: bench.claimed() == (PER_SITE + 1) * MOST_AT_ONCE)
            assert len(asking) == PER_SITE
            answered.set()
            eventually(lambda: len(double.posts) > (PER_SITE + 1) * MOST_AT_ONCE)
        finally:
            answered.set()
            bench.mirror.stop()

    def test_of_sites_that_answer_late_delay_no_other(self, bench: Bench, store: Store) -> None:
        slow = [f"slow{index}" for index in range(_WORKERS)]
        answered, entered = threading.Event(), threading.Semaphore(0)

        def hold(_: PostOperation) -> SiteFaultError | None:
            entered.release()
            answered.wait(600)
            return None

        for place, site_id in enumerate(slow):
            connected(store, site_id)
            granted(store, f"Account{place}", site_id)
            bench.doubles[site_id] = SiteDouble(on_operation=hold)
            bench.happens(place + 1, site_id=site_id, account_id=f"Account{place}")
        bench.mirror.start()
        try:
            for _ in slow:
                assert entered.acquire(timeout=600)
            bench.happens(100)
            bench.mirror.wake()
            eventually(lambda: "s1" in bench.doubles and bool(bench.doubles["s1"].posts))
            assert all(not bench.doubles[site_id].posts for site_id in slow), "they have not answered yet"
        finally:
            answered.set()
            bench.mirror.stop()

    def test_of_a_site_that_has_not_answered_yet_are_made_one_at_a_time(
        self, bench: Bench, store: Store
    ) -> None:
        answered, entered = threading.Event(), threading.Event()

        def hold(_: PostOperation) -> SiteFaultError | None:
            entered.set()
            answered.wait(600)
            return None

        silent = bench.doubles.setdefault("s1", SiteDouble(on_operation=hold))
        connected(store, "s2")
        granted(store, "Account2", "s2")
        bench.happens(1)
        bench.mirror.start()
        try:
            assert entered.wait(600)
            bench.happens(2)
            bench.happens(3, site_id="s2", account_id="Account2")
            bench.mirror.wake()
            eventually(lambda: "s2" in bench.doubles and bool(bench.doubles["s2"].posts))
            assert bench.row(2).lease_until == 0, "it was due earlier, and not claimed"
            answered.set()
            eventually(lambda: len(silent.posts) == 2)
        finally:
            answered.set()
            bench.mirror.stop()

    def test_take_up_what_an_earlier_process_left(self, bench: Bench) -> None:
        bench.happens(1)
        bench.claim(owner="dead")
        if not bench.store.is_exclusive:
            bench.clock.now += 301  # another process may be alive: its lease counts
        written = threading.Event()
        double = bench.doubles.setdefault("s1", SiteDouble())
        double.on_operation = lambda operation: written.set() if isinstance(operation, CreatePost) else None
        bench.mirror.start()
        try:
            assert written.wait(600)
        finally:
            bench.mirror.stop()
        assert bench.row(1).state == "synced"
        assert bench.row(1).account_id == ACCOUNT
