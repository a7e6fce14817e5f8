"""The loop of every background worker: steps, wake-ups, failures and the end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from core.errors import StoreUnavailableError
from core.jobs.worker import WorkerThread

LONG = 3600.0  # nothing but a wake-up ends it within a test
WITHIN = 600


class Steps:
    """A step that returns, or raises, what the test puts into it."""

    def __init__(self, *results: float | Exception) -> None:
        self.results = iter(results)
        self.taken: SimpleQueue[int] = SimpleQueue()
        self.count = 0

    def __call__(self) -> float:
        self.count += 1
        result = next(self.results, LONG)
        self.taken.put(self.count)
        if isinstance(result, Exception):
            raise result
        return result

    def wait_for(self, count: int) -> None:
        while self.taken.get(timeout=WITHIN) < count:
            pass


@contextmanager
def running(step: Callable[[], float], *, initial_wait: float = 0.0) -> Iterator[WorkerThread]:
    worker = WorkerThread("test", step, retry_seconds=0.0, initial_wait=initial_wait)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def test_steps_follow_until_nothing_is_due() -> None:
    steps = Steps(0.0, 0.0, LONG)
    with running(steps):
        steps.wait_for(3)
    assert steps.count == 3


def test_a_wake_up_ends_the_wait() -> None:
    steps = Steps()
    with running(steps) as worker:
        steps.wait_for(1)
        worker.wake()
        steps.wait_for(2)


def test_a_wake_up_during_a_step_leads_to_another() -> None:
    inside, go = threading.Event(), threading.Event()
    steps = Steps()

    def step() -> float:
        inside.set()
        assert go.wait(WITHIN)
        return steps()

    with running(step) as worker:
        assert inside.wait(WITHIN)
        worker.wake()
        assert worker.is_woken
        go.set()
        steps.wait_for(2)


@pytest.mark.parametrize("error", [StoreUnavailableError("full"), ZeroDivisionError("a mistake")])
def test_a_step_that_fails_is_repeated(error: Exception) -> None:
    steps = Steps(error, error)
    with running(steps):
        steps.wait_for(3)


def test_the_first_step_can_wait_for_a_wake_up() -> None:
    steps = Steps()
    with running(steps, initial_wait=LONG) as worker:
        assert steps.count == 0
        worker.wake()
        steps.wait_for(1)


def test_an_event_that_exists_before_the_worker_wakes_it() -> None:
    steps, event = Steps(), threading.Event()
    worker = WorkerThread("test", steps, retry_seconds=0.0, initial_wait=LONG, wake_event=event)
    worker.start()
    event.set()
    steps.wait_for(1)
    worker.stop()


def test_a_stopped_worker_does_no_further_step() -> None:
    steps = Steps()
    with running(steps) as worker:
        steps.wait_for(1)
        worker.stop()
        worker.wake()
    assert steps.count == 1
    assert worker.stopping.is_set()


def test_one_that_never_started_can_be_stopped() -> None:
    WorkerThread("test", Steps(), retry_seconds=0.0).stop()
