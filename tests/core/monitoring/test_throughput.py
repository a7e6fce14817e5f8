"""The week hour by hour: counted from the log, kept at hand, and measured by samples."""

from dataclasses import dataclass, field

import pytest
from sqlalchemy import update

from core.monitoring.throughput import (
    WEEK_HOURS,
    HourStats,
    Latency,
    Throughput,
    WeekStats,
    busy_hours,
    days,
    latency,
    longest_gap,
    outcomes,
)
from core.store.db.engine import Store
from core.store.db.schema import events as events_table
from core.store.events import log, search
from core.store.events import stats as event_stats
from core.store.events.log import Outcome
from core.store.events.stats import HOUR, HourlyCount, LatencySample
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, NUMBER, event
from tests.core.store.entries import entry
from tests.core.store.grants import granted

NOW = 500_000 * HOUR + HOUR // 2
SECOND = 1000


@pytest.fixture
def two_sites(store: Store) -> Store:
    """Two sites that mirror an account."""
    for site_id in ("s1", "s2"):
        connected(store, site_id)
    granted(store, ACCOUNT, "s1", "s2")
    return store


@dataclass
class LoggedEvents:
    """Puts events into the log, which came so many hours ago."""

    store: Store
    _count: int = field(default=0)

    def __call__(
        self,
        hours_ago: float,
        outcome: Outcome = Outcome.APPLIED,
        *,
        account_id: str = ACCOUNT,
        name: str = "meeting.updated",
        folded_after: int | None = 100,
        number: int = NUMBER,
    ) -> int:
        """Return when it came."""
        self._count += 1
        at = NOW - int(hours_ago * HOUR)
        told = event(name, self._count, account_id=account_id, id=number)
        line = entry(self.store, told, site_id=None, received_at=at, outcome=outcome)
        self.store.write(lambda connection: log.append(connection, [line]))
        if outcome is Outcome.APPLIED and folded_after is not None:
            change = update(events_table).where(events_table.c.digest == line.digest)
            self.store.write(
                lambda connection: connection.execute(change.values(applied_at=at + folded_after))
            )
        return at


@pytest.fixture
def logged(two_sites: Store) -> LoggedEvents:
    return LoggedEvents(two_sites)


def tried(
    store: Store, at: int, site_id: str = "s1", action: str | None = "updated", number: int = NUMBER
) -> None:
    made = Attempt(site_id, number, at, SECOND, action=action)
    store.write(lambda connection: attempts.add(connection, [made]))


def patient(store: Store) -> Throughput:
    """Looks that are whole, however slow the machine is."""
    return Throughput(store, look_seconds=60)


class TestCounts:
    def test_are_by_hour_account_and_outcome(self, two_sites: Store, logged: LoggedEvents) -> None:
        for hours_ago in (0, 0.4, 0.6, 1.4):
            logged(hours_ago)
        logged(0, Outcome.IGNORED, name="meeting.started")
        logged(0, Outcome.IGNORED, name="user.updated")
        logged(0, account_id="another")
        hours = patient(two_sites).week(NOW).hours
        assert outcomes(hours[-1:]) == {Outcome.APPLIED: 3, Outcome.IGNORED: 2}
        assert outcomes(hours[-2:-1]) == {Outcome.APPLIED: 2}
        assert outcomes(hours[-1:], {ACCOUNT}) == {Outcome.APPLIED: 2, Outcome.IGNORED: 2}
        assert outcomes(hours, set()) == {}

    def test_are_the_same_where_each_account_is_looked_up_and_where_all_are_read(
        self, two_sites: Store, logged: LoggedEvents, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(30):  # more than the list of events looks up one by one
            logged(0, account_id=f"account{number:02}")
        logged(30, Outcome.FAILED, account_id="account07")
        since, until = NOW // HOUR * HOUR - 2 * HOUR, NOW // HOUR * HOUR + HOUR
        with two_sites.reading() as connection:
            counted = event_stats.hourly_counts(connection, since=since, until=until)
            monkeypatch.setattr(search, "few_account_ids", lambda *_, **__: None)
            assert event_stats.hourly_counts(connection, since=since, until=until) == counted
        assert len(counted) == 30
        assert {one.number for one in counted} == {1}

    def test_reach_back_a_week(self, two_sites: Store, logged: LoggedEvents) -> None:
        logged(WEEK_HOURS - 1)
        logged(WEEK_HOURS)
        week = patient(two_sites).week(NOW)
        assert week.is_whole
        assert len(week.hours) == WEEK_HOURS
        assert outcomes(week.hours) == {Outcome.APPLIED: 1}
        assert [sum(outcomes(day).values()) for day in days(week)] == [1, 0, 0, 0, 0, 0, 0]


class TestSamples:
    def measured(self, store: Store, site_id: str | None = None) -> Latency:
        return latency(patient(store).week(NOW).hours, site_id)

    def test_are_from_the_arrival_to_the_end_of_the_first_attempt_that_shows_it(
        self, two_sites: Store, logged: LoggedEvents
    ) -> None:
        at = logged(1)
        tried(two_sites, at + 50)  # began before the event was folded
        tried(two_sites, at + 200, action=None)
        tried(two_sites, at + 250, action="withheld")
        tried(two_sites, at + 3 * SECOND)
        tried(two_sites, at + 300 * SECOND)
        tried(two_sites, at + 9 * SECOND, "s2", action="unchanged")
        assert self.measured(two_sites, "s1") == Latency(1, 4 * SECOND, 4 * SECOND)
        assert self.measured(two_sites, "s2") == Latency(1, 10 * SECOND, 10 * SECOND)
        assert self.measured(two_sites).events == 2

    def test_of_what_has_not_arrived_are_none(self, two_sites: Store, logged: LoggedEvents) -> None:
        logged(1)
        logged(1, Outcome.IGNORED)
        logged(1, folded_after=None)
        assert self.measured(two_sites) == Latency()

    def test_are_bounded_and_spread_over_the_hour(self, two_sites: Store, logged: LoggedEvents) -> None:
        for place in range(250):
            logged(1 - place / 1000)
        tried(two_sites, NOW)
        with two_sites.reading() as connection:
            since = NOW // HOUR * HOUR - HOUR
            counted = event_stats.hourly_counts(connection, since=since, until=since + 2 * HOUR)
            found = event_stats.latency_samples(connection, counted)
        of_one = sorted(sample.milliseconds or 0 for sample in found if sample.site_id == "s1")
        assert sum(count.number for count in counted) == 250
        assert 90 <= len(of_one) <= 200
        assert of_one[-1] - of_one[0] > 240 / 1000 * HOUR

    def test_do_not_mind_attempts_that_were_noted_later_than_younger_ones(
        self, two_sites: Store, logged: LoggedEvents
    ) -> None:
        at = logged(1)
        tried(two_sites, at + 200_000, number=5)
        tried(two_sites, at + 2 * SECOND)
        assert self.measured(two_sites, "s1").median == 3 * SECOND


class TestKeeping:
    def test_what_is_known_is_not_asked_again_at_once(self, two_sites: Store, logged: LoggedEvents) -> None:
        hours = patient(two_sites)
        logged(0.1)
        logged(30)
        assert sum(outcomes(hours.week(NOW).hours).values()) == 2
        logged(0.1)
        logged(30)
        assert sum(outcomes(hours.week(NOW + SECOND).hours).values()) == 2
        assert sum(outcomes(hours.week(NOW + 6 * SECOND).hours).values()) == 3
        assert sum(outcomes(hours.week(NOW + 16 * 60 * SECOND).hours).values()) == 4

    def test_an_hour_with_events_that_wait_is_asked_again_soon(
        self, two_sites: Store, logged: LoggedEvents
    ) -> None:
        hours = patient(two_sites)
        logged(30, Outcome.PENDING)
        assert outcomes(hours.week(NOW).hours) == {Outcome.PENDING: 1}
        change = update(events_table).values(outcome=Outcome.APPLIED)
        two_sites.write(lambda connection: connection.execute(change))
        assert outcomes(hours.week(NOW + 6 * SECOND).hours) == {Outcome.APPLIED: 1}

    def test_the_week_moves_on(self, two_sites: Store, logged: LoggedEvents) -> None:
        hours = patient(two_sites)
        logged(WEEK_HOURS - 1)
        hours.week(NOW)
        week = hours.week(NOW + HOUR)
        assert week.is_whole
        assert outcomes(week.hours) == {}
        assert len(hours._known) == WEEK_HOURS

    def test_a_look_takes_no_longer_than_it_may(self, two_sites: Store, logged: LoggedEvents) -> None:
        """The newest hours come first; the others at the next looks."""
        logged(0)
        logged(100)
        now = iter(range(10_000))
        hours = Throughput(two_sites, look_seconds=3, clock=lambda: float(next(now)))
        first = hours.week(NOW)
        assert not first.is_whole
        assert len(first.hours) == WEEK_HOURS
        assert outcomes(first.hours) == {Outcome.APPLIED: 1}
        looks = 1
        while not hours.week(NOW).is_whole:
            looks += 1
        assert looks > 5
        assert outcomes(hours.week(NOW).hours) == {Outcome.APPLIED: 2}


def week(*events: int) -> WeekStats:
    """A week with so many events in each of its last hours."""
    made = [
        HourStats(
            place * HOUR,
            (HourlyCount(place * HOUR, ACCOUNT, Outcome.APPLIED, number, 1, number),) if number else (),
        )
        for place, number in enumerate(events)
    ]
    return WeekStats(tuple(made), is_whole=True)


class TestGap:
    @pytest.mark.parametrize(
        ("events", "gap"),
        [((), None), ((0, 0, 3, 0), None), ((0, 3, 3, 0), 0), ((1, 0, 0, 1, 0, 1, 0, 0, 0), 2)],
    )
    def test_is_the_longest_between_two_hours_with_events(self, events: tuple[int, ...], gap: int) -> None:
        assert longest_gap(busy_hours(week(*events)), {ACCOUNT}) == gap

    def test_is_of_the_accounts_that_matter(self) -> None:
        assert longest_gap(busy_hours(week(1, 0, 1)), {"another"}) is None


class TestTimes:
    def hour(self, folded: int, *milliseconds: int | None) -> HourStats:
        counts = (HourlyCount(0, ACCOUNT, Outcome.APPLIED, folded, 1, folded),)
        return HourStats(0, counts, tuple(LatencySample(0, ACCOUNT, "s1", one) for one in milliseconds))

    def test_are_the_middle_and_what_95_of_100_stay_below(self) -> None:
        assert latency([self.hour(100, *range(1, 101))]) == Latency(100, 50, 95)
        assert latency([self.hour(1, 7)]) == Latency(1, 7, 7)
        assert latency([]) == Latency()

    def test_a_sample_stands_for_all_of_its_hour(self) -> None:
        quiet, busy = self.hour(2, 9000, 9000), self.hour(1000, 1, 2, 3, 4)
        assert latency([quiet, busy]) == Latency(6, 3, 4)

    def test_what_has_not_arrived_is_left_out(self) -> None:
        assert latency([self.hour(3, None, 5, None)]) == Latency(1, 5, 5)
