"""What waits for a grant is bounded, and neither account nor site displaces the events of another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.store.db.schema import events
from core.store.events import log, waiting, waiting_limits
from core.store.events.waiting_limits import IS_WAITING, OTHERS, WaitingLimits, fair_share
from core.store.sites import grants
from core.store.sites.grants import GrantSource
from tests.core.conftest import connected
from tests.core.events import event
from tests.core.store.entries import entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.db.engine import Store
    from core.store.sites.sites import Site

SMALL = WaitingLimits(of_account=4, of_site=8, of_all=12, accounts=3, refused=2)
Arrive = "Callable[..., None]"


@pytest.fixture
def three_sites(store: Store, site: Site) -> Store:
    """Three sites; the accounts a to g are granted to a fourth."""
    for site_id in ("s2", "s3"):
        connected(store, site_id)

    def grant(connection: Connection) -> None:
        for account_id in "abcdefg":
            grants.add(connection, account_id, "elsewhere", GrantSource.ADMINISTRATOR, now=1)

    store.write(grant)
    return store


@pytest.fixture
def arrive(three_sites: Store) -> Callable[..., None]:
    """Let events of an account arrive at a site, one after the other."""
    clock = iter(range(1, 10**6))

    def append(account_id: str, site_id: str = "s1", times: int = 1, limits: WaitingLimits = SMALL) -> None:
        for _ in range(times):
            at = next(clock)
            line = entry(three_sites, event(at=at, account_id=account_id), site_id=site_id, received_at=at)
            three_sites.write(
                lambda connection, line=line: log.append(connection, [line], waiting_limits=limits)  # type: ignore[misc]
            )

    return append


def held(store: Store) -> Counter[tuple[str, str]]:
    """How many events wait, by site and account."""
    query = select(events.c.site_id, events.c.account_id).where(IS_WAITING)
    with store.reading() as connection:
        return Counter((row.site_id, row.account_id) for row in connection.execute(query))


def times(store: Store, account_id: str, site_id: str = "s1") -> list[int]:
    query = select(events.c.at).where(
        IS_WAITING, events.c.site_id == site_id, events.c.account_id == account_id
    )
    with store.reading() as connection:
        return list(connection.scalars(query.order_by(events.c.at)))


def dropped(store: Store) -> dict[tuple[str, str], int]:
    with store.reading() as connection:
        return {(one.site_id, one.account_id): one.count for one in waiting_limits.dropped(connection)}


class TestFairShare:
    @given(st.lists(st.integers(0, 50), min_size=1), st.integers(0, 300))
    def test_gives_all_that_there_is_and_no_more(self, counts: list[int], most: int) -> None:
        share = fair_share(counts, most)
        assert sum(min(count, share) for count in counts) <= most or share == 0
        if sum(counts) > most:
            assert sum(min(count, share + 1) for count in counts) > most
        else:
            assert all(count <= share for count in counts)

    def test_of_nothing_is_nothing(self) -> None:
        assert fair_share([], 5) == 0


class TestLimits:
    def test_an_account_loses_its_own_oldest(self, three_sites: Store, arrive: Callable[..., None]) -> None:
        arrive("a", times=2)
        arrive("b", times=6)
        assert held(three_sites) == {("s1", "a"): 2, ("s1", "b"): 4}
        assert times(three_sites, "b") == [5, 6, 7, 8]
        assert dropped(three_sites) == {("s1", "b"): 2}

    def test_of_a_full_site_those_with_most_lose(
        self, three_sites: Store, arrive: Callable[..., None]
    ) -> None:
        arrive("a", times=2)
        arrive("b", times=4)
        arrive("c", times=4)
        assert held(three_sites) == {("s1", "a"): 2, ("s1", "b"): 3, ("s1", "c"): 3}
        assert dropped(three_sites) == {("s1", "b"): 1, ("s1", "c"): 1}

    def test_made_up_names_push_out_nobody(self, three_sites: Store, arrive: Callable[..., None]) -> None:
        arrive("a", times=2)
        for name in "bcdefg":
            arrive(name, times=4)
        assert held(three_sites).keys() == {("s1", "a"), ("s1", "b"), ("s1", "c")}
        assert held(three_sites)["s1", "a"] == 2
        assert dropped(three_sites)["s1", OTHERS] == 16

    def test_a_site_pushes_out_nothing_of_another(
        self, three_sites: Store, arrive: Callable[..., None]
    ) -> None:
        arrive("a", "s2", times=3)
        arrive("a", "s3", times=2)
        for name in "abc":
            arrive(name, "s1", times=20)
        assert held(three_sites)["s2", "a"] == 3
        assert held(three_sites)["s3", "a"] == 2
        assert held(three_sites).total() <= SMALL.of_all
        assert not [site_id for site_id, _ in dropped(three_sites) if site_id != "s1"]

    def test_one_batch_is_bounded_too(self, three_sites: Store) -> None:
        lines = [
            entry(three_sites, event(at=at, account_id="a"), site_id=f"s{at % 3 + 1}") for at in range(30)
        ]
        three_sites.write(lambda connection: log.append(connection, lines, waiting_limits=SMALL))
        assert held(three_sites) == {(f"s{number}", "a"): 4 for number in (1, 2, 3)}

    def test_refused_accounts_share_a_small_room(
        self, three_sites: Store, arrive: Callable[..., None]
    ) -> None:
        def refuse(connection: Connection) -> None:
            for account_id in "bcdef":
                grants.refuse(connection, account_id, "s1", now=1)

        three_sites.write(refuse)
        arrive("a", times=4)
        for name in "bcdef":
            arrive(name, times=3)
        assert held(three_sites)["s1", "a"] == 4
        assert held(three_sites).total() <= 4 + SMALL.refused
        arrive("g", times=4)
        assert held(three_sites)["s1", "g"] == 4, "they take no account's place"

    def test_a_granted_account_is_not_limited(self, three_sites: Store, arrive: Callable[..., None]) -> None:
        arrive("a", "elsewhere", times=20)
        assert not held(three_sites)
        assert not dropped(three_sites)


class TestDropped:
    def test_is_said_with_what_waits(self, three_sites: Store, arrive: Callable[..., None]) -> None:
        arrive("a", times=6)
        for name in "bcd":
            arrive(name)
        with three_sites.reading() as connection:
            (first, *_) = waiting.accounts(connection, site_id="s1")
            summary = waiting.summaries(connection)["s1"]
        assert (first.account_id, first.count, first.dropped, first.since, first.last_at) == ("a", 4, 2, 3, 6)
        assert (summary.count, summary.since, summary.dropped) == (6, 3, 3)

    def test_is_forgotten_with_a_decision_and_after_a_while(
        self, three_sites: Store, arrive: Callable[..., None]
    ) -> None:
        arrive("a", times=6)
        arrive("a", "s2", times=6)
        assert three_sites.write(lambda connection: waiting_limits.forget(connection, "a", "s1")) == 2
        assert dropped(three_sites) == {("s2", "a"): 2}
        three_sites.write(lambda connection: waiting_limits.forget_before(connection, 12))
        assert dropped(three_sites) == {("s2", "a"): 2}, "the last one was dropped then"
        three_sites.write(lambda connection: waiting_limits.forget_before(connection, 13))
        assert dropped(three_sites) == {}

    def test_ids_that_are_no_accounts_ask_for_nothing(
        self, three_sites: Store, arrive: Callable[..., None]
    ) -> None:
        arrive("site:s2", times=2)
        assert held(three_sites).total() == 2
        with three_sites.reading() as connection:
            assert waiting.accounts(connection) == []
            assert waiting.summaries(connection) == {}


def test_limits_are_those_that_the_documentation_says() -> None:
    limits = waiting_limits.DEFAULT_LIMITS
    assert replace(limits) == WaitingLimits(1_000, 5_000, 50_000, 25, 200)
