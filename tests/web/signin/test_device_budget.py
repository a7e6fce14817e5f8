"""How often a device that is known may fail."""

import pytest

from web.signin.device_budget import DeviceBudget

DAY = 24 * 3600


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(clock: Clock) -> DeviceBudget:
    return DeviceBudget(clock, failures=3)


def spend(budget: DeviceBudget, device: str) -> list[bool]:
    return [budget.enter(device) for _ in range(4)]


class TestEnter:
    def test_allows_few(self, budget: DeviceBudget) -> None:
        assert spend(budget, "one") == [True, True, True, False]
        assert budget.enter("other")

    def test_forgets_after_a_day_without_another(self, budget: DeviceBudget, clock: Clock) -> None:
        budget.enter("one")
        clock.now += DAY - 1
        spend(budget, "one")
        clock.now += DAY - 1
        assert not budget.enter("one"), "a day since the last, not since the first"
        clock.now += 2
        assert spend(budget, "one") == [True, True, True, False]

    def test_counts_no_attempt_that_it_refused(self, budget: DeviceBudget, clock: Clock) -> None:
        spend(budget, "one")
        clock.now += DAY
        assert not budget.enter("one")
        clock.now += 1
        assert budget.enter("one")


class TestSucceeded:
    def test_begins_anew(self, budget: DeviceBudget) -> None:
        spend(budget, "one")
        budget.succeeded("one")
        assert spend(budget, "one") == [True, True, True, False]
        budget.succeeded("nobody")


class TestUndo:
    def test_takes_one_back(self, budget: DeviceBudget) -> None:
        spend(budget, "one")
        budget.undo("one")
        assert spend(budget, "one")[:2] == [True, False]
        budget.undo("nobody")


class TestMemory:
    def test_is_bounded_and_forgets_the_oldest(self, clock: Clock) -> None:
        budget = DeviceBudget(clock, failures=1, max_entries=3)
        for device in ("a", "b", "c"):
            assert budget.enter(device)
        assert not budget.enter("a"), "and is the newest now"
        assert budget.enter("d")
        assert [budget.enter(device) for device in ("a", "c", "d")] == [False] * 3
        assert budget.enter("b")
