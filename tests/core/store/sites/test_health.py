"""Facts about the health of sites, and whose check is due."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select, update

from core import messages
from core.model.health_facts import CHECKED, FactName, HealthFact, HealthFinding
from core.store.db.engine import Store
from core.store.db.schema import health_facts
from core.store.db.schema import sites as sites_table
from core.store.events import log
from core.store.sites import health, sites
from tests.core.conftest import KEYS, connected
from tests.core.store.entries import entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.store.sites.sites import Site

WELL = [HealthFinding(name, True, "") for name in CHECKED]
SILENT = HealthFinding(FactName.WORDPRESS, False, "No answer.")
UNREACHED = HealthFinding(FactName.BRIDGE, False, "Refused.")


def facts(store: Store, site_id: str = "s1") -> dict[FactName, HealthFact]:
    with store.reading() as connection:
        return health.facts(connection, site_id)


def record(store: Store, *findings: HealthFinding, now: int, site_id: str = "s1") -> None:
    store.write(lambda connection: health.record(connection, site_id, findings, now=now))


def checked(store: Store, findings: Iterable[HealthFinding], *, now: int, next_at: int = 10**9) -> None:
    """Record a check of s1 that ended then."""

    def write(connection: Connection) -> None:
        assert health.end_check(connection, "s1", epoch=1, claimed=due_at(store), now=now, next_at=next_at)
        health.replace_checked(connection, "s1", list(findings), now=now)

    store.write(write)


def due_at(store: Store, site_id: str = "s1") -> int:
    with store.reading() as connection:
        return sites.load(connection, site_id, store.sealer).check_due_at


def claim(
    store: Store, *, silent: bool = False, now: int = 100, until: int = 200, limit: int = 10
) -> list[str]:
    return store.write(
        lambda connection: health.claim_checks(connection, silent=silent, now=now, until=until, limit=limit)
    )


class TestRecord:
    def test_keeps_since_when_while_the_state_lasts(self, store: Store, site: Site) -> None:
        record(store, SILENT, now=5)
        record(store, replace(SILENT, message="Still none."), now=9)
        assert facts(store)[SILENT.name] == HealthFact(SILENT.name, False, "Still none.", 5, 9)

    def test_begins_anew_where_the_state_changes(self, store: Store, site: Site) -> None:
        record(store, SILENT, now=5)
        record(store, replace(SILENT, well=True), now=9)
        assert facts(store)[SILENT.name].since == 9
        record(store, SILENT, now=12)
        assert facts(store)[SILENT.name] == HealthFact(SILENT.name, False, SILENT.message, 12, 12)

    def test_is_in_the_order_of_causes(self, store: Store, site: Site) -> None:
        record(store, *reversed(WELL), now=5)
        assert list(facts(store)) == list(CHECKED)

    def test_ends_with_the_site(self, store: Store, site: Site) -> None:
        record(store, SILENT, now=5)
        store.write(lambda connection: sites.remove(connection, "s1"))
        assert facts(store) == {}

    def test_ends_when_the_site_is_paired_anew(self, store: Store, site: Site) -> None:
        record(store, SILENT, now=5)
        store.write(lambda connection: sites.save(connection, site, store.sealer))
        assert facts(store) == {}


class TestReplaceChecked:
    def test_forgets_what_the_check_did_not_find(self, store: Store, site: Site) -> None:
        checked(store, WELL, now=5)
        checked(store, [SILENT], now=9)
        assert list(facts(store)) == [FactName.WORDPRESS]

    def test_leaves_what_writes_have_shown(self, store: Store, site: Site) -> None:
        store.write(lambda connection: sites.record_success(connection, "s1", now=3))
        checked(store, [SILENT], now=9)
        assert facts(store)[FactName.PAGES].well


class TestWrites:
    def fail(self, store: Store, now: int, fault: str = "network") -> None:
        store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault=fault, message="Away.", blocked_until=0, now=now
            )
        )

    def test_a_fault_is_a_fact_until_a_write_succeeds(self, store: Store, site: Site) -> None:
        self.fail(store, now=5)
        self.fail(store, now=7)
        assert facts(store) == {FactName.PAGES: HealthFact(FactName.PAGES, False, "Away.", 5, 7)}
        store.write(lambda connection: sites.record_success(connection, "s1", now=9))
        assert facts(store) == {
            FactName.PAGES: HealthFact(FactName.PAGES, True, messages.PAGES_WRITTEN, 9, 9)
        }

    def test_a_lifted_block_ends_it_until_the_next_write(self, store: Store, site: Site) -> None:
        self.fail(store, now=5)
        store.write(lambda connection: sites.record_check(connection, site))
        assert facts(store) == {}

    def test_a_success_ends_what_it_disproves_and_has_the_site_checked(
        self, store: Store, site: Site
    ) -> None:
        checked(store, [SILENT, UNREACHED], now=5)
        store.write(lambda connection: sites.record_success(connection, "s1", now=9))
        assert set(facts(store)) == {FactName.PAGES, FactName.BRIDGE}
        assert due_at(store) == 5 + 10_000

    def test_a_success_leaves_what_is_well(self, store: Store, site: Site) -> None:
        checked(store, WELL, now=5, next_at=50_000)
        store.write(lambda connection: sites.record_success(connection, "s1", now=9))
        assert {fact.since for fact in facts(store).values()} == {5, 9}
        assert due_at(store) == 50_000

    def test_a_new_fault_has_the_site_checked_and_the_same_again_does_not(
        self, store: Store, site: Site
    ) -> None:
        checked(store, WELL, now=5, next_at=50_000)
        self.fail(store, now=6)
        assert due_at(store) == 5 + 10_000
        checked(store, [SILENT], now=10_005, next_at=70_000)
        self.fail(store, now=10_006)
        assert due_at(store) == 70_000
        self.fail(store, now=10_007, fault="tls")
        assert due_at(store) == 20_005

    def test_of_a_site_that_was_removed_is_none(self, store: Store) -> None:
        self.fail(store, now=5)
        store.write(lambda connection: sites.record_success(connection, "s1", now=9))
        assert facts(store) == {}


class TestGoodbye:
    def test_has_the_site_checked_and_so_has_its_end(self, store: Store, site: Site) -> None:
        left = HealthFinding(FactName.PLUGIN, False, "Gone.")
        checked(store, WELL, now=5, next_at=50_000)
        store.write(lambda connection: sites.record_goodbye(connection, "s1", "deactivated", now=6))
        assert due_at(store) == 5 + 10_000
        checked(store, [left], now=10_005, next_at=3_000_000)
        assert store.write(lambda connection: sites.end_goodbye(connection, "s1"))
        assert (facts(store), due_at(store)) == ({}, 20_005)


class TestEvents:
    def test_an_event_ends_that_the_bridge_is_not_reached(self, store: Store, site: Site) -> None:
        checked(store, [replace(SILENT, well=True), UNREACHED], now=5)
        store.write(lambda connection: log.append(connection, [entry(store)]))
        assert list(facts(store)) == [FactName.WORDPRESS]
        assert due_at(store) == 5 + 10_000

    def test_an_event_leaves_what_is_well(self, store: Store, site: Site) -> None:
        checked(store, WELL, now=5, next_at=50_000)
        store.write(lambda connection: log.append(connection, [entry(store)]))
        assert set(facts(store)) == set(CHECKED)
        assert due_at(store) == 50_000


class TestClaim:
    def test_takes_the_longest_due_first_and_no_more_than_wanted(self, store: Store) -> None:
        for site_id, due in (("s1", 30), ("s2", 20), ("s3", 10), ("s4", 101)):
            connected(store, site_id)
            moment = update(sites_table).where(sites_table.c.id == site_id).values(check_due_at=due)
            store.write(partial(Connection.execute, statement=moment))
        assert claim(store, limit=2) == ["s3", "s2"]
        assert claim(store, limit=2) == ["s1"]
        assert claim(store, limit=2) == []

    def test_is_due_again_where_the_check_never_ended(self, store: Store, site: Site) -> None:
        assert claim(store, until=200) == ["s1"]
        assert claim(store, now=199) == []
        assert claim(store, now=200) == ["s1"]

    def test_tells_the_silent_from_the_others(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        record(store, SILENT, now=5)
        assert claim(store, silent=True) == ["s1"]
        assert claim(store, silent=False) == ["s2"]
        with store.reading() as connection:
            assert health.next_check(connection, silent=True) == 200

    def test_next_is_none_without_a_site(self, store: Store) -> None:
        with store.reading() as connection:
            assert health.next_check(connection, silent=False) is None

    def test_two_processes_never_take_the_same(self, store: Store, migrated_url: str) -> None:
        for number in range(40):
            connected(store, f"s{number}")
        other = Store(migrated_url, keys=KEYS) if store.is_shared else store  # SQLite has one process
        try:
            together, taken = threading.Barrier(2), list[list[str]]()

            def take(one: Store) -> None:
                together.wait(600)
                while found := claim(one, limit=3):
                    taken.append(found)

            threads = [threading.Thread(target=take, args=(one,)) for one in (store, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(600)
        finally:
            if other is not store:
                other.close()
        every = [site_id for some in [*taken, claim(store, limit=40)] for site_id in some]
        assert sorted(every) == sorted(f"s{number}" for number in range(40))


class TestEndCheck:
    def test_sets_the_next(self, store: Store, site: Site) -> None:
        claim(store, until=200)
        checked(store, WELL, now=150, next_at=900)
        assert due_at(store) == 900

    def test_leaves_a_check_due_that_was_requested_meanwhile(self, store: Store, site: Site) -> None:
        checked(store, WELL, now=1, next_at=90)
        claim(store, until=200_000)
        store.write(lambda connection: health.request_check(connection, "s1"))
        ended = store.write(
            lambda connection: health.end_check(
                connection, "s1", epoch=1, claimed=200_000, now=150, next_at=900_000
            )
        )
        assert ended
        assert due_at(store) == 1 + 10_000

    def test_says_nothing_of_a_site_that_was_paired_anew_or_removed(self, store: Store, site: Site) -> None:
        store.write(lambda connection: sites.save(connection, replace(site, epoch=2), store.sealer))
        for site_id in ("s1", "s9"):
            end = partial(health.end_check, site_id=site_id, epoch=1, claimed=0, now=150, next_at=900)
            assert not store.write(end)
        assert due_at(store) == 0


class TestManySites:
    def test_are_claimed_a_few_at_a_time(self, store: Store, site: Site) -> None:
        """10,000 due sites, a tenth of them silent."""
        with store.reading() as connection:
            row = dict(connection.execute(select(sites_table)).mappings().one())
        rows = [
            row | {"id": f"n{number}", "url": f"https://n{number}.example.org"} for number in range(10_000)
        ]
        silent = [
            {
                "site_id": f"n{number}",
                "name": "WordPress",
                "well": False,
                "message": "",
                "since": 1,
                "seen_at": 1,
            }
            for number in range(0, 10_000, 10)
        ]

        def fill(connection: Connection) -> None:
            connection.execute(insert(sites_table), rows)
            connection.execute(insert(health_facts), silent)

        store.write(fill)
        first, second = claim(store, limit=8), claim(store, limit=8)
        assert (len(first), len(set(first + second))) == (8, 16)
        silent_ones = claim(store, silent=True, limit=8)
        assert len(silent_ones) == 8
        assert not {site_id for site_id in first + second if site_id.endswith("0")}
