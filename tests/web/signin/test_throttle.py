"""How long somebody waits who tries passwords."""

import pytest

from web.signin.throttle import Throttle

HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def tries(throttle: Throttle, clock: Clock, names: list[str], addresses: list[str]) -> list[float]:
    """Try once for each, waiting as long as asked; return the waits."""
    waits = []
    for name, address in zip(names, addresses, strict=True):
        wait = throttle.enter(name, address)
        waits.append(wait)
        clock.now += wait
        if wait:
            assert throttle.enter(name, address) == 0.0
    return waits


class TestByName:
    def test_the_wait_grows_up_to_five_minutes(self, throttle: Throttle, clock: Clock) -> None:
        addresses = [f"192.0.2.{number}" for number in range(14)]
        waits = tries(throttle, clock, ["anna"] * 14, addresses)
        assert waits == [0, 0, 0, 0, 0, 4, 8, 16, 32, 64, 128, 256, 300, 300]

    def test_others_do_not_wait(self, throttle: Throttle) -> None:
        for number in range(5):
            throttle.enter("anna", f"192.0.2.{number}")
        assert throttle.enter("anna", "192.0.2.99") > 0
        assert throttle.enter("bert", "192.0.2.99") == 0

    def test_success_begins_anew(self, throttle: Throttle) -> None:
        for number in range(5):
            throttle.enter("anna", f"192.0.2.{number}")
        throttle.succeeded("anna", "192.0.2.4")
        assert throttle.enter("anna", "192.0.2.9") == 0


class TestByAddress:
    def test_the_wait_grows_up_to_a_quarter_of_an_hour(self, throttle: Throttle, clock: Clock) -> None:
        names = [f"name{number}" for number in range(20)]
        waits = tries(throttle, clock, names, [HERE] * 20)
        assert waits[:13] == [0] * 10 + [4, 8, 16]
        assert max(waits) == 900

    def test_one_who_may_sign_in_does_not_make_the_others_free(self, throttle: Throttle) -> None:
        for number in range(9):
            throttle.enter(f"name{number}", HERE)
            throttle.enter("mine", HERE)
            throttle.succeeded("mine", HERE)
        throttle.enter("another", HERE)
        assert throttle.enter("one more", HERE) > 0

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            ("::ffff:192.0.2.1", HERE, True),
            (HERE, THERE, False),
            ("", "", True),
        ],
    )
    def test_of_ipv6_the_network_counts(self, throttle: Throttle, one: str, other: str, same: bool) -> None:
        for number in range(10):
            throttle.enter(f"name{number}", one)
        assert (throttle.enter("another", other) > 0) == same


class TestCount:
    def test_is_of_tries_under_way_too(self, throttle: Throttle) -> None:
        """Many at once do not get by before the first of them has failed."""
        assert [throttle.enter("anna", HERE) > 0 for _ in range(7)] == [False] * 5 + [True] * 2

    def test_is_of_no_try_that_was_refused(self, throttle: Throttle, clock: Clock) -> None:
        for _ in range(5):
            throttle.enter("anna", HERE)
        for _ in range(100):
            assert throttle.enter("anna", HERE) == 4
        clock.now += 4
        assert throttle.enter("anna", HERE) == 0

    def test_is_of_no_try_that_came_to_nothing(self, throttle: Throttle) -> None:
        for _ in range(50):
            assert throttle.enter("anna", HERE) == 0
            throttle.undo("anna", HERE)
        assert throttle._known == {}

    def test_is_forgotten_after_a_day(self, throttle: Throttle, clock: Clock) -> None:
        for _ in range(5):
            throttle.enter("anna", HERE)
        clock.now += 24 * 3600 + 1
        assert [throttle.enter("anna", HERE) for _ in range(5)] == [0] * 5


class TestMemory:
    def test_is_bounded_and_keeps_those_who_tried_most(self, clock: Clock) -> None:
        throttle = Throttle(clock, max_entries=100)
        for number in range(8):
            clock.now += throttle.enter("anna", f"198.51.100.{number}")
            throttle.enter("anna", f"198.51.100.{number}")
        for number in range(2000):
            throttle.enter(f"crowd{number}", f"10.0.{number // 250}.{number % 250}")
        assert len(throttle._known) <= 101
        assert throttle.enter("anna", "203.0.113.1") > 0

    def test_is_not_filled_by_long_names(self, throttle: Throttle) -> None:
        throttle.enter("x" * 1_000_000, "y" * 1_000_000)
        assert sum(len(part) for key in throttle._known for part in key) < 1000
