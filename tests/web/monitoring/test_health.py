"""Health checks: the process, and the database."""

import asyncio
import json
from collections.abc import Callable

import pytest
from tornado.ioloop import IOLoop

from core.store.db import settings
from core.store.db.engine import Store
from tests.web.conftest import Http
from web.monitoring.health import LEAST_FREE_BYTES, Readiness


class TestHealthz:
    def test_says_that_the_process_answers(self, http: Http, store: Store) -> None:
        store.close()
        answer = http("GET", "/healthz")
        assert (answer.code, json.loads(answer.body)) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_monitors_may_ask_for_the_headers_alone(http: Http, path: str) -> None:
    asked = http("HEAD", path)
    assert (asked.code, asked.body) == (200, b"")
    assert asked.headers["Cache-Control"] == "no-store"
    assert asked.headers["Content-Length"] == str(len(http("GET", path).body))


class TestReadyz:
    def test_says_that_events_can_be_taken(self, http: Http) -> None:
        answer = http("GET", "/readyz")
        assert (answer.code, json.loads(answer.body)) == (200, {"status": "ready"})

    def test_says_so_where_they_cannot(self, http: Http, store: Store) -> None:
        store.close()
        answer = http("GET", "/readyz")
        assert answer.code == 503
        assert json.loads(answer.body)["status"] == "not ready"

    @pytest.mark.parametrize(
        ("free", "is_ready"), [(LEAST_FREE_BYTES, True), (LEAST_FREE_BYTES - 1, False), (None, True)]
    )
    def test_says_so_before_the_disk_is_full(
        self, io_loop: IOLoop, store: Store, free: int | None, is_ready: bool
    ) -> None:
        problem = io_loop.run_sync(Readiness(store, free_bytes=lambda: free).problem)
        assert (problem == "") is is_ready
        assert is_ready or problem == (
            "The disk that holds the database is full but for 63 MiB. Free up disk space."
        )

    def test_asks_once_for_all_who_ask(self, io_loop: IOLoop, store: Store) -> None:
        asked: list[int] = []
        readiness = Readiness(store, free_bytes=_counted(asked))

        async def several() -> list[str]:
            first = await asyncio.gather(*(readiness.problem() for _ in range(20)))
            return [*first, await readiness.problem()]

        assert set(io_loop.run_sync(several)) == {""}
        assert asked == [1]
        again = Readiness(store, free_bytes=_counted(asked), cache_seconds=-1)
        io_loop.run_sync(again.problem)
        io_loop.run_sync(again.problem)
        assert asked == [1, 1, 1]

    def test_writes_to_the_database(self, io_loop: IOLoop, store: Store) -> None:
        """That it can be locked does not mean that it can grow."""
        with store.reading() as connection:
            before = settings.readiness_checked_at(connection)
        io_loop.run_sync(Readiness(store).problem)
        with store.reading() as connection:
            assert settings.readiness_checked_at(connection) > before == 0


def _counted(asked: list[int]) -> Callable[[], None]:
    return lambda: asked.append(1)
