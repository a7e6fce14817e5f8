"""Threads for what blocks: few, and only so many calls before them."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import wait

import pytest

from core.errors import StoreUnavailableError
from core.store.audit import BRIDGE, Actor, ActorKind, acting, current_actor
from web.http.executor import BlockingExecutor


def names() -> int:
    return sum(thread.name == "blocking" for thread in threading.enumerate())


class TestBlocking:
    def test_returns_and_raises_what_the_call_does(self) -> None:
        executor = BlockingExecutor()
        assert executor.submit(int, "7").result(600) == 7
        with pytest.raises(ValueError, match="seven"):
            executor.submit(int, "seven").result(600)

    def test_sees_the_context_of_its_caller_alone(self) -> None:
        executor = BlockingExecutor(threads=1)
        with acting(Actor(ActorKind.USER, "anna")):
            called = executor.submit(current_actor)
        assert called.result(600).name == "anna"
        assert executor.submit(current_actor).result(600) is BRIDGE

    def test_refuses_at_once_what_would_have_to_wait_long(self) -> None:
        executor = BlockingExecutor(threads=2, queue_size=3)
        go = threading.Event()
        began = threading.Barrier(3)

        def hang() -> bool:
            began.wait(600)
            return go.wait(600)

        running = [executor.submit(hang) for _ in range(2)]
        began.wait(600)
        waiting = [executor.submit(go.wait, 30) for _ in range(3)]

        with pytest.raises(StoreUnavailableError, match="Too many"):
            executor.submit(int)

        go.set()
        assert all(future.result(600) for future in running + waiting)
        assert executor.submit(int).result(600) == 0

    def test_a_call_that_was_given_up_keeps_its_place_and_is_not_made(self) -> None:
        executor = BlockingExecutor(threads=1, queue_size=1)
        go, made, began = threading.Event(), threading.Event(), threading.Event()

        def hang() -> bool:
            began.set()
            return go.wait(600)

        running = executor.submit(hang)
        assert began.wait(600)
        given_up = executor.submit(made.set)
        assert given_up.cancel()

        with pytest.raises(StoreUnavailableError):
            executor.submit(int)

        go.set()
        assert running.result(600)
        wait([given_up], 30)
        assert executor.submit(int).result(600) == 0
        assert not made.is_set()

    def test_its_threads_end_with_it(self) -> None:
        before = names()
        executor = BlockingExecutor(threads=3)
        threads = [executor.submit(threading.current_thread).result(600) for _ in range(3)]
        assert names() > before
        del executor
        gc.collect()
        for thread in threads:
            thread.join(600)
            assert not thread.is_alive()
