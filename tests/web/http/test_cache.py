"""What may be some seconds old is found out once for all who look."""

import threading

import pytest
from tornado.web import Application

from web.http.cache import Cache, application_cache


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def known(now: list[float]) -> Cache:
    return Cache(5, clock=lambda: now[0])


def test_is_found_out_again_when_it_is_old(known: Cache, now: list[float]) -> None:
    found = iter(range(9))
    assert [known.get("a", lambda: next(found)) for _ in range(3)] == [0, 0, 0]
    now[0] += 4.9
    assert known.get("a", lambda: next(found)) == 0
    now[0] += 0.1
    assert known.get("a", lambda: next(found)) == 1


def test_is_kept_apart_by_key(known: Cache) -> None:
    assert [known.get(key, lambda key=key: key) for key in ("s1", None, "s1")] == ["s1", None, "s1"]  # type: ignore[misc]


def test_mistakes_are_not_remembered(known: Cache) -> None:
    def fail() -> int:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        known.get("a", fail)
    assert known.get("a", lambda: 1) == 1


def test_is_bounded(known: Cache) -> None:
    for number in range(3 * known.max_entries):
        known.get(number, lambda: 0)
    assert len(known._entries) <= known.max_entries
    assert len(known._locks) <= known.max_entries


def test_threads_that_ask_for_the_same_wait_for_one_of_them(known: Cache) -> None:
    asked = threading.Semaphore(0)
    go_on = threading.Event()
    calls = []

    def find() -> int:
        calls.append(1)
        asked.release()
        assert go_on.wait(600)
        return 7

    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(known.get("a", find))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert asked.acquire(timeout=600)
    assert known.get("b", lambda: 8) == 8, "who asks for something else does not wait"
    go_on.set()
    for thread in threads:
        thread.join(600)
    assert (results, len(calls)) == ([7, 7, 7], 1)


def test_each_application_remembers_for_itself() -> None:
    one, other = Application(), Application()
    assert application_cache(one, "hosts", 5) is application_cache(one, "hosts", 5)
    assert application_cache(one, "hosts", 5) is not application_cache(one, "overview", 5)
    assert application_cache(one, "hosts", 5) is not application_cache(other, "hosts", 5)
