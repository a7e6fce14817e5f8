"""Claims: one worker for a post, sites that take turns, and results that count only while the claim holds."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from core.model.meeting import Meeting, Position
from core.store.db.engine import Store
from core.store.db.schema import posts as table
from core.store.events import log
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.posts.queue import Base, Claim, PostState, Written
from core.store.sites import sites
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event
from tests.core.store.entries import entry
from tests.core.store.grants import granted

WRITTEN = Written(PostState.SYNCED, 17, "https://s1.example.org/17", Base("Choir", "a", "b", "c"))


@pytest.fixture
def two_sites(store: Store, site: Site) -> Store:
    """Two sites that mirror one account, with meetings 1 to 3 wanted since the moment 100."""
    connected(store, "s2")
    granted(store, ACCOUNT, "s1", "s2")
    for number in (1, 2, 3):
        want(store, number)
    return store


def want(store: Store, number: int, revision: int = 1, now: int = 100) -> None:
    def change(connection: Connection) -> None:
        meetings.save(connection, store.sealer, Meeting(ACCOUNT, number), seen=revision - 1)
        queue.schedule_write(connection, ACCOUNT, number, revision, now=now)

    store.write(change)


def claim(store: Store, now: int = 100, **given: Any) -> list[Claim]:
    arguments: dict[str, Any] = {"owner": "me", "lease_until": now + 50, "room": 9, "busy": [], **given}
    return store.write(lambda connection: queue.claim(connection, store.sealer, now=now, **arguments))


def finish(store: Store, taken: Claim, revision: int = 1, due_at: int | None = None, now: int = 110) -> bool:
    return store.write(
        lambda connection: queue.finish(
            connection, store.sealer, taken, revision=revision, written=WRITTEN, due_at=due_at, now=now
        )
    )


def row(store: Store, taken: Claim) -> Any:
    with store.reading() as connection:
        return connection.execute(
            select(table).where(table.c.site_id == taken.site_id, table.c.number == taken.number)
        ).one()


def next_due(store: Store, *busy: str) -> int | None:
    with store.reading() as connection:
        return queue.next_due(connection, busy=busy)


def named(claims: list[Claim]) -> list[tuple[str, int]]:
    return sorted((taken.site_id, taken.number) for taken in claims)


class TestWant:
    def test_asks_every_site_of_the_account(self, two_sites: Store) -> None:
        with two_sites.reading() as connection:
            found = connection.execute(select(table.c.site_id, table.c.number, table.c.wanted)).all()
        assert sorted(tuple(one) for one in found) == [
            (site_id, number, 1) for site_id in ("s1", "s2") for number in (1, 2, 3)
        ]

    def test_leaves_a_post_its_place_that_is_due_already(self, two_sites: Store) -> None:
        [leased] = claim(two_sites, now=120, busy=["s2"])
        two_sites.write(
            lambda connection: queue.schedule_write(connection, ACCOUNT, 1, 2, now=120, settle=1000)
        )
        with two_sites.reading() as connection:
            rows = connection.execute(select(table).where(table.c.number == 1)).all()
        assert {one.site_id: (one.wanted, one.due_at) for one in rows} == {"s1": (2, 1120), "s2": (2, 100)}
        assert leased.site_id == "s1", "what is being written has its turn: the next change may settle"

    def test_asks_no_site_of_another_account(self, two_sites: Store) -> None:
        def other(connection: Connection) -> None:
            meetings.save(connection, two_sites.sealer, Meeting("another", 9), seen=0)
            queue.schedule_write(connection, "another", 9, 1, now=100)

        two_sites.write(other)
        with two_sites.reading() as connection:
            assert connection.scalar(select(table.c.number).where(table.c.number == 9)) is None

    def test_keeps_what_is_known_of_the_post(self, two_sites: Store) -> None:
        taken = claim(two_sites)[0]
        finish(two_sites, taken)
        want(two_sites, taken.number, 2, now=200)
        found = row(two_sites, taken)
        assert (found.wanted, found.written, found.post_id, found.state) == (2, 1, 17, "synced")
        assert found.due_at is not None

    def test_all_asks_a_new_site_for_every_meeting(self, two_sites: Store) -> None:
        connected(two_sites, "s3")
        two_sites.write(lambda connection: queue.schedule_site(connection, ACCOUNT, "s3", now=5))
        with two_sites.reading() as connection:
            found = connection.scalars(select(table.c.number).where(table.c.site_id == "s1")).all()
        assert sorted(found) == [1, 2, 3]

    def test_all_comes_with_the_first_event_of_an_account(self, store: Store, site: Site) -> None:
        for number in (1, 2, 3):
            want(store, number)
        told = entry(store, event("meeting.started"), site_id=site.id)
        store.write(lambda connection: log.append(connection, [told]))
        with store.reading() as connection:
            assert len(connection.scalars(select(table.c.number).where(table.c.site_id == "s1")).all()) == 3


class TestHasten:
    def due(self, store: Store) -> dict[tuple[str, int], int]:
        with store.reading() as connection:
            return {(one.site_id, one.number): one.due_at for one in connection.execute(select(table)).all()}

    def cut_short(self, store: Store, due_at: int) -> int:
        return store.write(lambda connection: queue.cut_settling_short(connection, due_at=due_at))

    def test_what_waits_for_further_changes_waits_no_longer(self, two_sites: Store) -> None:
        for taken in claim(two_sites, at_once=3):
            finish(two_sites, taken)
        two_sites.write(
            lambda connection: queue.schedule_write(connection, ACCOUNT, 1, 2, now=1000, settle=500)
        )
        two_sites.write(
            lambda connection: queue.schedule_write(connection, ACCOUNT, 2, 2, now=1000, settle=9000)
        )
        before = self.due(two_sites)
        assert {before["s1", 2], before["s2", 2]} == {10_000}
        assert self.cut_short(two_sites, 2000) == 2
        assert self.due(two_sites) == before | {("s1", 2): 2000, ("s2", 2): 2000}
        assert self.cut_short(two_sites, 2000) == 0, "once is enough"

    def test_what_failed_or_is_true_for_now_is_left_alone(self, two_sites: Store) -> None:
        failed, right, *_ = claim(two_sites, room=2)
        two_sites.write(
            lambda connection: queue.postpone(
                connection, failed, revision=1, due_at=5000, fault="server", message="broke", counts=True
            )
        )
        finish(two_sites, right, due_at=5000)
        before = self.due(two_sites)
        assert [before[one.site_id, one.number] for one in (failed, right)] == [5000, 5000]
        assert self.cut_short(two_sites, 2000) == 0
        assert self.due(two_sites) == before


class TestClaim:
    def test_takes_one_of_each_site(self, two_sites: Store) -> None:
        assert named(claim(two_sites)) == [("s1", 1), ("s2", 1)]
        assert named(claim(two_sites)) == [("s1", 2), ("s2", 2)]

    def test_takes_the_longest_due_first(self, two_sites: Store) -> None:
        want(two_sites, 4, now=1)
        assert named(claim(two_sites)) == [("s1", 4), ("s2", 4)]

    def test_takes_no_more_than_there_is_room_for(self, two_sites: Store) -> None:
        assert len(claim(two_sites, room=1)) == 1
        assert len(claim(two_sites, room=0)) == 0

    def test_takes_the_site_that_waits_longest(self, two_sites: Store) -> None:
        longest = update(table).where(table.c.site_id == "s2", table.c.number == 3).values(due_at=1)
        two_sites.write(lambda connection: connection.execute(longest))
        assert named(claim(two_sites, room=1)) == [("s2", 3)]

    def test_leaves_busy_sites_alone(self, two_sites: Store) -> None:
        assert named(claim(two_sites, busy=["s1"])) == [("s2", 1)]

    def test_leaves_blocked_sites_alone(self, two_sites: Store) -> None:
        two_sites.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="network", message="", blocked_until=101, now=1
            )
        )
        assert named(claim(two_sites)) == [("s2", 1)]
        assert ("s1", 1) in named(claim(two_sites, now=101))

    def test_leaves_alone_what_is_not_due(self, two_sites: Store) -> None:
        assert claim(two_sites, now=99) == []

    def test_takes_nothing_twice_until_its_lease_ends(self, two_sites: Store) -> None:
        taken = [one for _ in range(4) for one in claim(two_sites)]
        assert len(taken) == 6
        assert claim(two_sites, now=149) == []
        assert len(claim(two_sites, now=150)) == 2

    def test_tells_what_is_known_of_the_post(self, two_sites: Store) -> None:
        finish(two_sites, claim(two_sites, busy=["s2"])[0])
        want(two_sites, 1, 2, now=1)
        (taken,) = claim(two_sites, now=10**6, busy=["s2"])
        assert (taken.number, taken.wanted, taken.written) == (1, 2, WRITTEN)

    @pytest.mark.parametrize("database_kind", ["sqlite"])
    def test_takes_a_post_of_which_no_key_opens_what_was_written(self, two_sites: Store) -> None:
        """Or it would keep those of all sites from being written."""
        finish(two_sites, claim(two_sites, busy=["s2"])[0], due_at=120)
        broken = update(table).where(table.c.baseline.is_not(None)).values(baseline=b"of another key")
        two_sites.write(lambda connection: connection.execute(broken))
        found = {taken.number: taken for taken in claim(two_sites, now=130, busy=["s2"], at_once=9)}
        assert found[1].written == Written(PostState.SYNCED, 17, "https://s1.example.org/17")
        assert [(number, found[number].in_doubt) for number in (1, 2, 3)] == [
            (1, True),
            (2, False),
            (3, False),
        ]


class TestFinish:
    def test_notes_what_was_written_and_lets_go(self, two_sites: Store) -> None:
        taken = claim(two_sites)[0]
        assert finish(two_sites, taken, due_at=500)
        found = row(two_sites, taken)
        assert (found.written, found.due_at, found.lease_until, found.owner) == (1, 500, 0, None)

    def test_counts_for_nothing_once_the_claim_is_lost(self, two_sites: Store) -> None:
        first = claim(two_sites, busy=["s2"])[0]
        second = claim(two_sites, now=1000, busy=["s2"])[0]
        assert (first.site_id, first.number) == (second.site_id, second.number)
        assert second.epoch > first.epoch
        assert not finish(two_sites, first)
        assert row(two_sites, first).post_id is None
        assert row(two_sites, first).lease_until == 1050
        assert finish(two_sites, second)

    def test_a_revision_wanted_meanwhile_is_due_at_once(self, two_sites: Store) -> None:
        taken = claim(two_sites)[0]
        want(two_sites, taken.number, 2, now=105)
        finish(two_sites, taken, revision=1, due_at=10**9)
        assert row(two_sites, taken).due_at <= 110

    def test_one_that_was_written_already_is_not(self, two_sites: Store) -> None:
        taken = claim(two_sites)[0]
        want(two_sites, taken.number, 2, now=105)
        finish(two_sites, taken, revision=2, due_at=10**9)
        assert row(two_sites, taken).due_at == 10**9


class TestPostpone:
    def postpone(self, store: Store, taken: Claim, counts: bool) -> None:
        store.write(
            lambda connection: queue.postpone(
                connection, taken, revision=1, due_at=700, fault="server", message="broke", counts=counts
            )
        )

    @pytest.mark.parametrize(("counts", "attempts"), [(True, 1), (False, 0)])
    def test_lets_go_until_later(self, two_sites: Store, counts: bool, attempts: int) -> None:
        taken = claim(two_sites)[0]
        self.postpone(two_sites, taken, counts)
        found = row(two_sites, taken)
        assert (found.due_at, found.lease_until, found.attempts) == (700, 0, attempts)
        assert (found.fault, found.fault_message) == ("server", "broke")

    def test_a_revision_wanted_meanwhile_does_not_wait_for_it(self, two_sites: Store) -> None:
        """What one revision failed for need not be true of the next: an event a moment later would not wait, either."""
        taken = claim(two_sites)[0]
        want(two_sites, taken.number, 2, now=105)
        self.postpone(two_sites, taken, True)
        assert row(two_sites, taken).due_at <= 105

    def test_counts_for_nothing_once_the_claim_is_lost(self, two_sites: Store) -> None:
        first = claim(two_sites, busy=["s2"])[0]
        claim(two_sites, now=1000, busy=["s2"])
        self.postpone(two_sites, first, True)
        assert row(two_sites, first).fault is None

    def test_a_success_clears_what_went_wrong(self, two_sites: Store) -> None:
        taken = claim(two_sites, busy=["s2"])[0]
        self.postpone(two_sites, taken, True)
        again = next(one for one in claim_all(two_sites, 700) if one.number == taken.number)
        assert again.attempts == 1
        finish(two_sites, again)
        found = row(two_sites, taken)
        assert (found.attempts, found.fault, found.fault_message) == (0, None, None)


def claim_all(store: Store, now: int) -> list[Claim]:
    taken: list[Claim] = []
    while more := claim(store, now=now, busy=["s2"]):
        taken += more
    return taken


class TestNextDue:
    def test_is_never_where_there_is_nothing(self, store: Store) -> None:
        assert next_due(store) is None

    def test_is_when_the_earliest_is_due(self, two_sites: Store) -> None:
        assert next_due(two_sites) == 100
        want(two_sites, 4, now=40)
        assert next_due(two_sites) == 40

    def test_waits_for_leases_and_blocks(self, two_sites: Store) -> None:
        claim_all(two_sites, 100)
        assert next_due(two_sites, "s2") == 150
        two_sites.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="network", message="", blocked_until=900, now=1
            )
        )
        assert next_due(two_sites, "s2") == 900

    def test_leaves_busy_sites_out(self, two_sites: Store) -> None:
        assert next_due(two_sites, "s1", "s2") is None

    def test_is_of_some_sites_only(self, two_sites: Store) -> None:
        want(two_sites, 4, now=40)
        two_sites.write(
            lambda connection: connection.execute(
                update(table).where(table.c.site_id == "s2").values(due_at=70)
            )
        )
        with two_sites.reading() as connection:
            assert queue.next_due(connection, busy=[], among=["s2"]) == 70
            assert queue.next_due(connection, busy=["s2"], among=["s2"]) is None
        assert {taken.site_id for taken in claim(two_sites, among=["s2"])} == {"s2"}
        assert claim(two_sites, among=["s2"], busy=["s2"]) == []


class TestRelease:
    @pytest.mark.parametrize(
        ("let_go", "left"),
        [
            (lambda connection: queue.expire_leases(connection, "me"), 1),
            (queue.expire_all_leases, 0),
        ],
    )
    def test_lets_go_of_what_is_held(
        self, two_sites: Store, let_go: Callable[[Connection], None], left: int
    ) -> None:
        claim(two_sites, busy=["s2"])
        claim(two_sites, busy=["s1"], owner="another")
        two_sites.write(let_go)
        with two_sites.reading() as connection:
            assert len(connection.execute(select(table).where(table.c.lease_until > 0)).all()) == left


class TestWithheld:
    def test_tells_for_what_reasons_there_is_no_post(self, two_sites: Store) -> None:
        for taken in claim(two_sites, at_once=2, room=1):
            two_sites.write(
                lambda connection, taken=taken: queue.finish(  # type: ignore[misc]
                    connection,
                    two_sites.sealer,
                    taken,
                    revision=1,
                    written=Written(),
                    due_at=None,
                    now=110,
                    reason="Too little.",
                )
            )
        with two_sites.reading() as connection:
            assert queue.count_withheld(connection, "s1") == [("Too little.", 2)]
            assert queue.count_withheld(connection, "s2") == []

    def test_forgets_it_once_there_is_one(self, two_sites: Store) -> None:
        taken = claim(two_sites, room=1)[0]
        two_sites.write(
            lambda connection: queue.finish(
                connection,
                two_sites.sealer,
                taken,
                revision=1,
                written=Written(),
                due_at=100,
                now=110,
                reason="Too little.",
            )
        )
        finish(two_sites, claim(two_sites, room=1, busy=["s2"])[0])
        with two_sites.reading() as connection:
            assert queue.count_withheld(connection, "s1") == []


class TestOwner:
    """The owner of a post is judged by the records of its own number, whatever other posts there are."""

    def record(self, store: Store, account_id: str, number: int, at: int) -> None:
        meeting = Meeting(account_id, number, last=Position(at, 0, f"{account_id}{at}"))

        def change(connection: Connection) -> None:
            meetings.save(connection, store.sealer, meeting, seen=0)
            queue.schedule_write(connection, account_id, number, 1, now=100)

        store.write(change)

    @pytest.mark.parametrize(("at", "owner"), [(500, "B"), (50, "A")])
    def test_is_whose_record_of_this_number_changed_last(
        self, store: Store, site: Site, at: int, owner: str
    ) -> None:
        connected(store, "s2")
        for account_id in ("A", "B"):
            granted(store, account_id, "s1", "s2")
        for number, changed_at in ((1, 900), (2, 100), (3, 10)):
            self.record(store, "A", number, changed_at)
        self.record(store, "B", 2, at)
        with store.reading() as connection:
            found = connection.execute(
                select(table.c.site_id, table.c.number, table.c.account_id).order_by(
                    table.c.site_id, table.c.number
                )
            ).all()
        assert [tuple(one) for one in found] == [
            (site_id, number, owner if number == 2 else "A")
            for site_id in ("s1", "s2")
            for number in (1, 2, 3)
        ]
