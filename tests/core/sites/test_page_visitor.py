"""The pages of a few sites are looked at at once, those of one site by one thread, and all sites have their turn."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from core.errors import StoreUnavailableError, UnknownSiteError
from core.sites import page_visits
from core.sites.page_visitor import THREADS, PageVisitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from core.store.db.engine import Store


class Looks:
    """Stands for the rounds of visits: each begins, and ends when the test lets it."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.failure: Exception | None = None
        self.is_ended: Callable[[], bool] = lambda: False
        self._changed = threading.Condition()
        self._held = True

    def look(self, _: Store, site_id: str, *, is_ended: Callable[[], bool], **__: Any) -> None:
        with self._changed:
            self.begun.append(site_id)
            self.is_ended = is_ended
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: not self._held, 600)
        if self.failure:
            raise self.failure

    def let_end(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def wait_begun(self, count: int) -> list[str]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, 600), self.begun
            return list(self.begun)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    made = Looks()
    monkeypatch.setattr(page_visits, "look", made.look)
    yield made
    made.let_end()


@pytest.fixture
def visitor(store: Store) -> PageVisitor:
    return PageVisitor(store)


def wait_idle(visitor: PageVisitor, *site_ids: str) -> None:
    deadline = time.monotonic() + 600
    while any(visitor.is_underway(site_id) for site_id in site_ids):
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


NAMES = [f"n{number:02}" for number in range(20)]


def test_a_few_at_once_and_the_others_in_turn(visitor: PageVisitor, looks: Looks) -> None:
    for name in NAMES:
        visitor.begin(name)
    assert sorted(looks.wait_begun(THREADS)) == NAMES[:THREADS]
    assert all(visitor.is_underway(name) for name in NAMES)
    looks.let_end()
    wait_idle(visitor, *NAMES)
    assert sorted(looks.begun) == NAMES


def test_never_two_at_once_for_one_site(visitor: PageVisitor, looks: Looks) -> None:
    visitor.begin("s1")
    looks.wait_begun(1)
    visitor.begin("s1")
    visitor.begin("s2")
    looks.wait_begun(2)
    looks.let_end()
    wait_idle(visitor, "s1", "s2")
    assert looks.begun == ["s1", "s2"]
    visitor.begin("s1")
    assert looks.wait_begun(3)[-1] == "s1"


@pytest.mark.parametrize(
    "failure", [UnknownSiteError("gone"), StoreUnavailableError("away"), RuntimeError("a bug")]
)
def test_a_failure_leaves_room_for_the_next(visitor: PageVisitor, looks: Looks, failure: Exception) -> None:
    looks.failure = failure
    looks.let_end()
    names = NAMES[: THREADS + 1]
    for name in names:
        visitor.begin(name)
    wait_idle(visitor, *names)
    assert sorted(looks.begun) == names


def test_stop(visitor: PageVisitor, looks: Looks) -> None:
    for name in NAMES:
        visitor.begin(name)
    looks.wait_begun(THREADS)
    assert not looks.is_ended()
    visitor.stop()
    assert looks.is_ended()
    visitor.begin("zz")
    looks.let_end()
    wait_idle(visitor, *NAMES, "zz")
    assert sorted(looks.begun) == NAMES[:THREADS]
