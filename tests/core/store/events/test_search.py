"""The log as people look at it: any filter, newest first, paged by key."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Column, select, text
from sqlalchemy.sql import visitors

from core.errors import UnknownEventError
from core.store.db.engine import Store
from core.store.db.schema import events
from core.store.events import log
from core.store.events import search as event_search
from core.store.events.log import Outcome
from core.store.events.search import (
    COLUMNS,
    EventCount,
    EventFilter,
    EventKey,
    EventPage,
    EventSummary,
)
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, NUMBER, event
from tests.core.store.entries import entry
from tests.core.store.grants import granted

NAMES = ("meeting.created", "meeting.updated", "user.updated")
ACCOUNTS = ("A", "B", "")
OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.WAITING]
NUMBERS = (1, 2, None)
SHARES = {Outcome.APPLIED: 80, Outcome.IGNORED: 14}  # in a hundred
MANY = 400


@pytest.fixture
def full(store: Store, site: Site) -> Store:
    """A log with every combination, some of them once, in which several events came at the same moment."""
    chance = random.Random(11)
    entries = []
    for index in range(MANY):
        told = event(chance.choice(NAMES), at=index, account_id=chance.choice(ACCOUNTS[:2]), id=1)
        # What comes to the second site has to wait there: all accounts are granted to the first.
        site_id = chance.choices(("s1", "s2"), [80, 20])[0]
        made = entry(store, told, received_at=1000 + index // 3, site_id=site_id)
        outcome = chance.choices(OUTCOMES, [SHARES.get(one, 2) for one in OUTCOMES])[0]
        number = chance.choices(NUMBERS, [50, 45, 5])[0]
        account_id = chance.choices(ACCOUNTS, [70, 25, 5])[0]
        entries.append(replace(made, outcome=outcome, number=number, account_id=account_id))
    for account_id in ACCOUNTS:
        granted(store, account_id, "s1")
    # Not in the order in which they came: what is let out of quarantine keeps its time.
    chance.shuffle(entries)
    store.write(lambda connection: log.append(connection, entries))
    connected(store, "s2")
    for account_id in ("A", "gone"):
        granted(store, account_id, "s2")
    return store


def every(store: Store) -> list[EventSummary]:
    """All lines, newest first, read in the plainest way."""
    with store.reading() as connection:
        rows = connection.execute(select(*COLUMNS)).all()
    return sorted((EventSummary(*row) for row in rows), key=lambda line: line.key, reverse=True)


def matches(line: EventSummary, wanted: EventFilter) -> bool:
    """What a filter means."""
    of_site = {"s1": {"A", "B", ""}, "s2": {"A"}}
    return (
        wanted.event in ("", line.event)
        and wanted.outcome in (None, line.outcome)
        and wanted.number in (None, line.number)
        and (
            wanted.site_id is None
            or (line.outcome == Outcome.WAITING and line.site_id == wanted.site_id)
            or (line.outcome != Outcome.WAITING and line.account_id in of_site.get(wanted.site_id, ()))
        )
        and (wanted.since is None or line.received_at >= wanted.since)
        and (wanted.until is None or line.received_at < wanted.until)
    )


def filters() -> Iterator[EventFilter]:
    """Every combination of what can be asked."""
    times = ((None, None), (1050, None), (None, 1060), (1040, 1080), (1050, 1050), (9999, None))
    for name, outcome, number, site_id in itertools.product(
        ("", NAMES[0], "none.such"),
        (None, Outcome.APPLIED, Outcome.FAILED, Outcome.WAITING),
        (None, 1, 77),
        (None, "s2", "nowhere"),
    ):
        for since, until in times:
            yield EventFilter(name, outcome, number, site_id, since, until)


def page(store: Store, wanted: EventFilter = EventFilter(), limit: int = 50, **beside: EventKey) -> EventPage:  # noqa: B008 - frozen
    with store.reading() as connection:
        return event_search.page(connection, wanted, limit=limit, **beside)


class TestPage:
    def test_any_filter_gives_what_it_says_newest_first(self, full: Store) -> None:
        lines = every(full)
        for wanted in filters():
            expected = [line for line in lines if matches(line, wanted)]
            found = page(full, wanted, 20)
            assert found.events == expected[:20], wanted
            assert found.more_older == (len(expected) > 20), wanted
            assert not found.more_newer

    def test_is_gone_through_to_the_end_and_back(self, full: Store) -> None:
        lines = every(full)
        for wanted in [
            EventFilter(),
            EventFilter(event=NAMES[1]),
            EventFilter(outcome=Outcome.IGNORED),
            EventFilter(site_id="s2", since=1010, until=1120),
            EventFilter(number=2),
            EventFilter(number=1, event=NAMES[0], outcome=Outcome.APPLIED),
        ]:
            expected = [line for line in lines if matches(line, wanted)]
            forth = [page(full, wanted, 20)]
            while forth[-1].more_older:
                forth.append(page(full, wanted, 20, before=forth[-1].events[-1].key))
            assert [line for one in forth for line in one.events] == expected
            assert all(one.more_newer for one in forth[1:])
            back = [forth[-1]]
            while back[-1].more_newer:
                back.append(page(full, wanted, 20, after=back[-1].events[0].key))
            assert [line for one in reversed(back) for line in one.events] == expected

    def test_stays_the_same_while_new_events_arrive(self, full: Store) -> None:
        first = page(full, limit=5)
        second = page(full, limit=5, before=first.events[-1].key)
        new = [entry(full, event(at=at), received_at=9000 + at) for at in range(7)]
        full.write(lambda connection: log.append(connection, new))
        assert page(full, limit=5, before=first.events[-1].key).events == second.events
        newer = page(full, limit=5, after=first.events[0].key)
        assert [line.received_at for line in newer.events] == [9004, 9003, 9002, 9001, 9000]
        assert newer.more_newer

    def test_of_an_empty_log_is_empty(self, store: Store) -> None:
        assert page(store) == EventPage([], more_newer=False, more_older=False)

    def test_merges_more_combinations_than_fit_on_a_page(self, store: Store, site: Site) -> None:
        made = [
            entry(store, event(f"some.event_{index % 40}", at=index), received_at=index)
            for index in range(120)
        ]
        store.write(lambda connection: log.append(connection, made))
        found = page(store, limit=10)
        assert [line.received_at for line in found.events] == list(range(119, 109, -1))
        found = page(store, limit=10, after=EventKey(29, 10_000))
        assert [line.received_at for line in found.events] == list(range(39, 29, -1))

    def test_of_a_meeting_with_many_events_finds_the_rare_one(self, store: Store, site: Site) -> None:
        names = {3: "meeting.created", **dict.fromkeys(range(4, 16), "meeting.deleted")}
        made = [
            entry(store, event(names.get(at, "meeting.updated"), at=at), received_at=at)
            for at in range(1, 301)
        ]
        store.write(lambda connection: log.append(connection, made))
        for name, found in (
            ("meeting.created", [3]),
            ("meeting.deleted", [*range(15, 3, -1)]),
            ("none.such", []),
        ):
            for beside in ({}, {"after": EventKey(0, 0)}):
                of_it = page(store, EventFilter(number=NUMBER, event=name), 20, **beside)
                assert [summary.received_at for summary in of_it.events] == found
                assert page(store, EventFilter(number=77, event=name), 5, **beside).events == []

    @pytest.mark.parametrize("site_id", ["s1", "s2", "of no account"])
    def test_of_a_meeting_passes_over_others_without_reading_their_rows(
        self, full: Store, site_id: str
    ) -> None:
        """What the index of numbers does not hold is asked only of events that wait for a grant, which are few."""
        (index,) = (one for one in events.indexes if one.name == "ix_events_number")
        with full.reading() as connection:
            ranges = event_search._ranges(connection, EventFilter(number=1, site_id=site_id))
        asked = [
            {
                part.name
                for condition in chosen
                for part in visitors.iterate(condition)
                if isinstance(part, Column) and part.table is events
            }
            for chosen in ranges
        ]
        assert [columns - {column.name for column in index.columns} for columns in asked][-1] == {"site_id"}
        assert all(columns <= {column.name for column in index.columns} for columns in asked[:-1])
        assert len(asked) == (1 if site_id == "of no account" else 2)


class TestCount:
    def test_of_any_filter_is_exact_among_as_many_as_are_looked_at(self, full: Store) -> None:
        lines = every(full)
        with full.reading() as connection:
            for wanted in filters():
                counted = event_search.count(connection, wanted)
                assert (counted.number, counted.is_whole) == (
                    sum(matches(line, wanted) for line in lines),
                    True,
                ), wanted

    def test_stops_where_there_are_many(self, full: Store) -> None:
        with full.reading() as connection:
            counted = event_search.count(connection, EventFilter(), most=100)
            assert (counted.number, counted.is_whole) == (100, False)
            counted = event_search.count(connection, EventFilter(), most=MANY)
            assert (counted.number, counted.is_whole) == (MANY, True)

    def test_of_a_meeting_stops_as_well(self, full: Store) -> None:
        lines = every(full)
        for wanted in (EventFilter(number=1), EventFilter(number=1, outcome=Outcome.APPLIED)):
            exact = sum(matches(line, wanted) for line in lines)
            with full.reading() as connection:
                assert event_search.count(connection, wanted) == EventCount(exact, is_whole=True)
                assert event_search.count(connection, wanted, most=10) == EventCount(10, is_whole=False)


class TestEventNames:
    def test_are_those_in_the_log(self, full: Store) -> None:
        lines = every(full)
        with full.reading() as connection:
            assert event_search.event_names(connection) == sorted({line.event for line in lines})
            of_site = event_search.event_names(connection, "s2")
            seen = {line.event for line in lines if matches(line, EventFilter(site_id="s2"))}
            assert of_site == sorted(seen)
            assert event_search.event_names(connection, "nowhere") == []

    def test_of_an_empty_log_are_none(self, store: Store) -> None:
        with store.reading() as connection:
            assert event_search.event_names(connection) == []
            assert event_search.account_ids(connection) == []


class TestAccountIds:
    def test_are_those_in_the_log_or_those_of_a_site(self, full: Store) -> None:
        with full.reading() as connection:
            assert event_search.account_ids(connection) == ["", "A", "B"]
            assert event_search.account_ids(connection, "s2") == ["A", "gone"]


class TestLoad:
    def test_is_one_event_with_its_request(self, full: Store) -> None:
        expected = every(full)[0]
        with full.reading() as connection:
            assert event_search.load(connection, expected.id) == expected
            assert b"event" in event_search.load_request(connection, expected.id, full.sealer).body

    def test_a_site_sees_the_events_of_its_accounts(self, full: Store) -> None:
        lines = every(full)
        mine, others, waiting = (
            next(line for line in lines if line.account_id == account_id and line.site_id == site_id)
            for account_id, site_id in (("A", "s1"), ("B", "s1"), ("B", "s2"))
        )
        with full.reading() as connection:
            assert event_search.load(connection, mine.id, site_id="s2") == mine
            assert event_search.load(connection, waiting.id, site_id="s2") == waiting
            for event_id, site_id in ((others.id, "s2"), (10**9, "s2"), (waiting.id, "s1")):
                with pytest.raises(UnknownEventError):
                    event_search.load(connection, event_id, site_id=site_id)


class TestFilter:
    def test_goes_through_json(self) -> None:
        for wanted in (
            EventFilter(),
            EventFilter("meeting.created", Outcome.FAILED, 7, "s1", 1, 2),
            EventFilter(number=NUMBER, site_id=ACCOUNT),
        ):
            assert EventFilter.from_json(wanted.to_json()) == wanted


class TestPostgresql:
    def test_compiles_no_query(self, store: Store) -> None:
        """It would take seconds to compile what takes milliseconds to run: its estimates of recursion are high."""
        if not store.is_shared:
            pytest.skip("PostgreSQL only")
        with store.reading() as connection:
            assert connection.scalar(text("SHOW jit")) == "off"
