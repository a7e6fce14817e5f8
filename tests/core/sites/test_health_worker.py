"""Sites are checked by themselves, a few at once, and each by one process."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import UnknownSiteError
from core.model.health_facts import FactName, HealthFact, HealthFinding
from core.sites import health_check, page_visits
from core.sites.health_worker import LANES, LEASE_SECONDS, HealthWorker, Lane
from core.sites.page_visitor import PageVisitor
from core.store.db.engine import Store
from core.store.sites import health, sites
from tests.core.clock import Clock
from tests.core.conftest import KEYS, connected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.store.sites.sites import Site

NOW = 1_000_000.0
SILENT = HealthFinding(FactName.WORDPRESS, False, "No answer.")


class Checks:
    """Stands for the checks: each begins, and ends when the test lets it, with the next one due later."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.failure: Exception | None = None
        self.facts: list[HealthFact] = []
        self._changed = threading.Condition()
        self._held: set[str] | None = set()

    def check(self, store: Store, site_id: str, *, lift: bool = True, clock: Any = None) -> list[HealthFact]:
        assert not lift, "a block for a failing server may not be lifted by a check in the background"
        with store.reading() as connection:
            site = sites.load(connection, site_id, store.sealer)
        with self._changed:
            self.begun.append(site_id)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._held is None or site_id in self._held, 600)
        if self.failure:
            raise self.failure
        now = int((clock or time.time)() * 1000)
        end = partial(health.end_check, site_id=site_id, epoch=1, claimed=site.check_due_at)
        assert store.write(lambda connection: end(connection, now=now, next_at=now + 600_000))
        return self.facts

    def on_checked(self, site_id: str) -> None:
        with self._changed:
            self.ended.append(site_id)
            self._changed.notify_all()

    def let_end(self, *site_ids: str) -> None:
        """Let these checks end; without any, all from now on."""
        with self._changed:
            self._held = (self._held or set()) | set(site_ids) if site_ids else None
            self._changed.notify_all()

    def wait_begun(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, 600), self.begun
            return list(self.begun)

    def wait_ended(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ended) >= count, 600), self.ended
            return list(self.ended)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Checks]:
    made = Checks()
    monkeypatch.setattr(health_check, "check", made.check)
    yield made
    made.let_end()


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def make(store: Store, checks: Checks, clock: Clock) -> HealthWorker:
    return HealthWorker(store, on_checked=checks.on_checked, clock=clock)


def wait_idle(checker: HealthWorker, *site_ids: str) -> None:
    """Wait until a checker has let go of these sites, which it does after the end of their checks."""
    deadline = time.monotonic() + 600
    while any(checker.is_underway(site_id) for site_id in site_ids):
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def connect_many(store: Store, count: int) -> list[str]:
    names = [f"n{number:02}" for number in range(count)]
    for name in names:
        connected(store, name)
    return names


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_start_checks_every_site_as_nothing_reached_the_bridge_before(
    store: Store, site: Site, checks: Checks, clock: Clock
) -> None:
    checks.let_end()
    before = make(store, checks, clock)
    before.begin_due()
    assert checks.wait_ended(1) == ["s1"]
    wait_idle(before, "s1")
    clock.now += 60
    after = make(store, checks, clock)
    after.begin_due()
    assert not after.is_underway("s1")
    after.start()
    try:
        assert checks.wait_ended(2) == ["s1", "s1"]
    finally:
        after.stop()


class TestBeginDue:
    def test_checks_a_site_and_again_when_it_is_due(
        self, store: Store, site: Site, checks: Checks, clock: Clock
    ) -> None:
        checks.let_end()
        checker = make(store, checks, clock)
        checker.begin_due()
        assert checks.wait_ended(1) == ["s1"]
        wait_idle(checker, "s1")
        checker.begin_due()
        clock.now += 599
        checker.begin_due()
        assert checks.begun == ["s1"]
        clock.now += 1
        checker.begin_due()
        assert checks.wait_ended(2) == ["s1", "s1"]

    def test_what_is_asked_for_during_a_check_comes_after_it(
        self, store: Store, site: Site, checks: Checks, clock: Clock
    ) -> None:
        checker = make(store, checks, clock)
        checker.begin_due()
        checks.wait_begun(1)
        store.write(partial(health.request_check, site_id="s1"))
        assert checker.begin_due() > 0
        checks.let_end()
        checks.wait_ended(1)
        wait_idle(checker, "s1")
        checker.begin_due()
        assert checks.wait_ended(2) == ["s1", "s1"]

    def test_a_claim_is_given_back_where_somebody_asked_for_the_site_meanwhile(
        self, store: Store, site: Site, checks: Checks, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checker = make(store, checks, clock)
        claim = health.claim_checks

        def claim_late(*given: Any, **named: Any) -> list[str]:
            found = claim(*given, **named)
            checker.begin("s1")
            return found

        monkeypatch.setattr(health, "claim_checks", claim_late)
        checker.begin_due()
        assert checks.wait_begun(1) == ["s1"]
        with store.reading() as connection:
            assert health.next_check(connection, silent=False) == 0

    def test_a_site_that_is_being_checked_does_not_hide_when_the_next_is_due(
        self, store: Store, site: Site, checks: Checks, clock: Clock
    ) -> None:
        connected(store, "s2")
        checker = make(store, checks, clock)
        end = partial(health.end_check, site_id="s2", epoch=1, claimed=0, now=clock.ms)
        store.write(lambda connection: end(connection, next_at=clock.ms + 2000))
        checker.begin_due()
        checks.wait_begun(1)
        store.write(partial(health.request_check, site_id="s1"))
        assert checker.begin_due() == 2.0

    def test_says_when_the_next_is_due(self, store: Store, site: Site, checks: Checks, clock: Clock) -> None:
        checker = make(store, checks, clock)
        end = partial(health.end_check, site_id="s1", epoch=1, claimed=0, now=clock.ms)
        store.write(lambda connection: end(connection, next_at=clock.ms + 2000))
        assert checker.begin_due() == 2.0

    def test_checks_at_once_what_begins_to_fail(
        self, store: Store, site: Site, checks: Checks, clock: Clock
    ) -> None:
        checks.let_end()
        checker = make(store, checks, clock)
        checker.begin_due()
        checks.wait_ended(1)
        wait_idle(checker, "s1")
        clock.now += 60
        store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault="network", message="Away.", blocked_until=0, now=clock.ms
            )
        )
        checker.begin_due()
        assert checks.wait_ended(2) == ["s1", "s1"]

    def test_begins_a_few_of_many_and_the_next_as_each_ends(
        self, store: Store, checks: Checks, clock: Clock
    ) -> None:
        names = connect_many(store, 30)
        checker = make(store, checks, clock)
        for _ in range(3):
            checker.begin_due()
        assert sorted(checks.wait_begun(LANES[Lane.DUE])) == names[: LANES[Lane.DUE]]
        checks.let_end("n03")
        assert checks.wait_ended(1) == ["n03"]
        wait_idle(checker, "n03")
        checker.begin_due()
        assert checks.wait_begun(LANES[Lane.DUE] + 1)[-1] == names[LANES[Lane.DUE]]

    def test_sites_that_do_not_answer_do_not_delay_the_others(
        self, store: Store, checks: Checks, clock: Clock
    ) -> None:
        silent = connect_many(store, 20)
        for name in silent:
            store.write(partial(health.record, site_id=name, findings=[SILENT], now=1))
        connected(store, "zz")
        checker = make(store, checks, clock)
        for _ in range(3):
            checker.begin_due()
        begun = checks.wait_begun(LANES[Lane.SILENT] + 1)
        assert sorted(begun) == [*silent[: LANES[Lane.SILENT]], "zz"]

    def test_two_processes_check_a_site_once(
        self, store: Store, site: Site, checks: Checks, clock: Clock, migrated_url: str
    ) -> None:
        other = Store(migrated_url, keys=KEYS) if store.is_shared else store
        try:
            first, second = make(store, checks, clock), make(other, checks, clock)
            for checker in (first, second, first, second):
                checker.begin_due()
            assert checks.wait_begun(1) == ["s1"]
            checks.let_end()
            checks.wait_ended(1)
            for checker in (first, second):
                wait_idle(checker, "s1")
                checker.begin_due()
            assert checks.begun == ["s1"]
        finally:
            if other is not store:
                other.close()

    def test_another_process_checks_what_a_dead_one_had_taken(
        self, store: Store, site: Site, checks: Checks, clock: Clock
    ) -> None:
        make(store, checks, clock).begin_due()
        checks.wait_begun(1)
        other = make(store, checks, clock)
        clock.now += LEASE_SECONDS - 1
        other.begin_due()
        assert checks.begun == ["s1"]
        clock.now += 1
        other.begin_due()
        assert checks.wait_begun(2) == ["s1", "s1"]


class TestStart:
    def test_checks_what_is_due_until_it_stops(self, store: Store, checks: Checks, clock: Clock) -> None:
        names = connect_many(store, 20)
        checks.let_end()
        checker = make(store, checks, clock)
        checker.start()
        try:
            assert sorted(checks.wait_ended(20)) == names
        finally:
            checker.stop()


class TestBegin:
    def test_checks_a_site_once_at_a_time(
        self, store: Store, site: Site, checks: Checks, clock: Clock
    ) -> None:
        connected(store, "s2")
        checker = make(store, checks, clock)
        for site_id in ("s1", "s1", "s2"):
            checker.begin(site_id)
        checks.wait_begun(2)
        assert checker.is_underway("s1")
        checks.let_end()
        assert sorted(checks.wait_ended(2)) == ["s1", "s2"]

    def test_has_room_of_its_own(self, store: Store, checks: Checks, clock: Clock) -> None:
        """Who looks at a page does not wait for sites that are due."""
        connect_many(store, LANES[Lane.DUE])
        connected(store, "zz")
        checker = make(store, checks, clock)
        checker.begin_due()
        checks.wait_begun(LANES[Lane.DUE])
        checker.begin("zz")
        assert checks.wait_begun(LANES[Lane.DUE] + 1)[-1] == "zz"

    @pytest.mark.parametrize("failure", [UnknownSiteError("gone"), RuntimeError("a bug")])
    def test_a_failed_check_leaves_room_for_the_next(
        self, store: Store, site: Site, checks: Checks, clock: Clock, failure: Exception
    ) -> None:
        checks.failure = failure
        checks.let_end()
        checker = make(store, checks, clock)
        for count in range(1, 4):
            checker.begin("s1")
            checks.wait_begun(count)
            wait_idle(checker, "s1")
        assert checks.ended == []


class TestVisits:
    def test_do_not_delay_the_next_check_of_the_site(
        self, store: Store, site: Site, checks: Checks, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked, begun, end = [], threading.Event(), threading.Event()

        def look(_: Store, site_id: str, **__: Any) -> None:
            looked.append(site_id)
            begun.set()
            assert end.wait(600)

        monkeypatch.setattr(page_visits, "look", look)
        checks.facts = [HealthFact(FactName.WORDPRESS, True, "", since=1)]
        checks.let_end()
        checker = make(store, checks, clock)
        try:
            for count in (1, 2):
                checker.begin("s1")
                checks.wait_ended(count)
                wait_idle(checker, "s1")
                assert begun.wait(600)
            assert looked == ["s1"]
        finally:
            end.set()

    @pytest.mark.usefixtures("site")
    @pytest.mark.parametrize("well", [True, False])
    def test_are_made_where_wordpress_answers(
        self, store: Store, checks: Checks, clock: Clock, monkeypatch: pytest.MonkeyPatch, well: bool
    ) -> None:
        begun: list[str] = []
        monkeypatch.setattr(PageVisitor, "begin", lambda _, site_id: begun.append(site_id))
        checks.facts = [
            HealthFact(FactName.WORDPRESS, well, "", since=1),
            HealthFact(FactName.TRASH, True, "", since=1),
        ]
        checks.let_end()
        checker = make(store, checks, clock)
        checker.begin("s1")
        checks.wait_ended(1)
        wait_idle(checker, "s1")
        assert begun == (["s1"] if well else [])

    def test_end_with_the_checker(
        self, store: Store, site: Site, checks: Checks, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looked: list[str] = []
        monkeypatch.setattr(page_visits, "look", lambda _, site_id, **__: looked.append(site_id))
        checker = make(store, checks, clock)
        checker.stop()
        checker.visitor.begin("s1")
        assert not checker.visitor.is_underway("s1")
        assert looked == []
