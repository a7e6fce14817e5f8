"""Cache hourly statistics of the last week, for the charts and the alerts.

An hour that is over changes little: its outcomes, where events are folded or replayed later, and its latencies, where
a site was down. So the younger an hour is, the sooner it is counted again. One call counts for less than a second:
after a start with a log of a million events, the week is complete some calls later.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.store.db import clock as store_clock
from core.store.events import stats as event_stats
from core.store.events.log import Outcome
from core.store.events.stats import HOUR, HourlyCount, LatencySample

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from core.store.db.engine import Store

DAY_HOURS = 24
WEEK_HOURS = 7 * DAY_HOURS
COUNT_SECONDS = 10.0
"""For so long a command waits at most until the week is counted."""
_LOOK_SECONDS = 0.4
_CHUNK_SECONDS = 0.1
_FRESH_MILLISECONDS = 5_000
_OLDEST_MILLISECONDS = 15 * 60_000  # of what is said of any hour


@dataclass(frozen=True, slots=True)
class HourStats:
    """Statistics of the hour that begins at `begins` (Unix milliseconds, UTC)."""

    begins: int
    counts: tuple[HourlyCount, ...] = ()
    samples: tuple[LatencySample, ...] = ()
    counted_at: int = 0

    def is_due(self, now: int) -> bool:
        """Return whether to count it again."""
        age = max(now - self.begins - HOUR, 0)
        is_moving = any(count.outcome is Outcome.PENDING for count in self.counts)
        good_for = (
            _FRESH_MILLISECONDS if is_moving else min(_FRESH_MILLISECONDS + age // 4, _OLDEST_MILLISECONDS)
        )
        return now - self.counted_at >= good_for


@dataclass(frozen=True, slots=True)
class WeekStats:
    """The hours of a week, oldest first; the last one is the current. `is_whole`: every one was counted."""

    hours: tuple[HourStats, ...]
    is_whole: bool


@dataclass(slots=True)
class Throughput:
    """The statistics of the last week, cached by one process. Thread-safe; calls wait for each other."""

    store: Store
    look_seconds: float = _LOOK_SECONDS
    clock: Callable[[], float] = time.monotonic
    _known: dict[int, HourStats] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def week(self, now: int) -> WeekStats:
        """Return the week that ends with the hour of `now` (Unix milliseconds, UTC)."""
        last = now // HOUR * HOUR
        begins = [
            last - place * HOUR for place in range(WEEK_HOURS)
        ]  # the newest are the first to be counted
        with self._guard:
            self._known = {at: self._known[at] for at in begins if at in self._known}
            self._count([at for at in begins if at not in self._known or self._known[at].is_due(now)], now)
            return WeekStats(
                tuple(self._known.get(at, HourStats(at)) for at in reversed(begins)),
                is_whole=len(self._known) == len(begins),
            )

    def latest(self, *, within: float = 0.0) -> WeekStats:
        """Return the week until now. Until it is whole, count for up to `within` seconds more."""
        until = self.clock() + within
        while True:
            with self.store.reading() as connection:
                now = store_clock.now(connection)
            week = self.week(now)
            if week.is_whole or self.clock() >= until:
                return week

    def _count(self, due: Sequence[int], now: int) -> None:
        """Count hours, for a while; more at once while that is quick, and always some."""
        began = self.clock()
        at_once = 2
        while due:
            started = self.clock()
            some = _neighbours(due[:at_once])
            self._known |= _counted(self.store, some, now)
            due = due[len(some) :]
            took = self.clock() - started
            at_once = min(2 * at_once, WEEK_HOURS) if took < _CHUNK_SECONDS / 2 else max(at_once // 2, 1)
            if self.clock() - began >= self.look_seconds:
                return


def _neighbours(due: Sequence[int]) -> list[int]:
    """Return those of the first hours that follow one another without a gap, so that one range holds them."""
    some = [due[0]]
    for at in due[1:]:
        if at != some[-1] - HOUR:
            break
        some.append(at)
    return some


def _counted(store: Store, begins: Sequence[int], now: int) -> dict[int, HourStats]:
    since, until = min(begins), max(begins) + HOUR
    with store.reading() as connection:
        counts = event_stats.hourly_counts(connection, since=since, until=until)
        samples = event_stats.latency_samples(connection, counts)
    of_hour: dict[int, tuple[list[HourlyCount], list[LatencySample]]] = {at: ([], []) for at in begins}
    for count in counts:
        of_hour[count.hour][0].append(count)
    for sample in samples:
        if sample.hour in of_hour:
            of_hour[sample.hour][1].append(sample)
    return {at: HourStats(at, tuple(made), tuple(took), now) for at, (made, took) in of_hour.items()}


# --- What they say ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Latency:
    """The time from receipt to delivery: median and 95th percentile, in milliseconds.

    `events` is the number of measurements; without any, the other two are None.
    """

    events: int = 0
    median: int | None = None
    most: int | None = None


def days(week: WeekStats) -> list[Sequence[HourStats]]:
    """Return the hours of each day; the last day ends with the last hour."""
    return [week.hours[start : start + DAY_HOURS] for start in range(0, len(week.hours), DAY_HOURS)]


def outcomes(hours: Iterable[HourStats], accounts: Collection[str] | None = None) -> Counter[Outcome]:
    """Return the number of events by outcome: those of some accounts, or of all."""
    found: Counter[Outcome] = Counter()
    for hour in hours:
        for count in hour.counts:
            if accounts is None or count.account_id in accounts:
                found[count.outcome] += count.number
    return found


def latency(hours: Iterable[HourStats], site_id: str | None = None) -> Latency:
    """Return the latency of events on one site, or on all of them.

    Of an hour with many events only a sample is measured, so each measurement is weighted.
    """
    weighed: list[tuple[int, float]] = []
    for hour in hours:
        folded = Counter[str]()
        for count in hour.counts:
            if count.outcome is Outcome.APPLIED:
                folded[count.account_id] += count.number
        measured: dict[tuple[str, str], list[int | None]] = defaultdict(list)
        for sample in hour.samples:
            if site_id in (None, sample.site_id):
                measured[sample.account_id, sample.site_id].append(sample.milliseconds)
        for (account_id, _), found in measured.items():
            weight = max(folded[account_id], 1) / len(found)
            weighed += [(milliseconds, weight) for milliseconds in found if milliseconds is not None]
    weighed.sort()
    return Latency(len(weighed), _quantile(weighed, 0.5), _quantile(weighed, 0.95))


def busy_hours(week: WeekStats) -> dict[str, set[int]]:
    """Return the hours of the week with events, by account: their places, 0 for the oldest."""
    found: dict[str, set[int]] = {}
    for place, hour in enumerate(week.hours):
        for count in hour.counts:
            if count.number:
                found.setdefault(count.account_id, set()).add(place)
    return found


def longest_gap(busy: Mapping[str, Collection[int]], accounts: Iterable[str]) -> int | None:
    """Return the longest time without an event of these accounts between two hours that had some, in hours.

    `busy` are the hours with events, by account. None where fewer than two hours had any: then nothing is usual.
    """
    hours = sorted({hour for account_id in accounts for hour in busy.get(account_id, ())})
    return max((later - earlier - 1 for earlier, later in itertools.pairwise(hours)), default=None)


def _quantile(weighed: Sequence[tuple[int, float]], part: float) -> int | None:
    """Return the first value at which this part of the whole weight is reached. `weighed` is sorted."""
    left = part * sum(weight for _, weight in weighed)
    for value, weight in weighed:
        left -= weight
        if left <= 1e-9:  # noqa: PLR2004 - weights are fractions
            return value
    return None
