"""For how long events are kept: as is set, unless that is fixed from outside; see also tests/convergence."""

import threading

import pytest
from sqlalchemy import func, select

from core.retention import Retention
from core.store import log, settings
from core.store.engine import Store
from core.store.log import Outcome
from core.store.schema import events
from core.store.settings import Keeping
from core.store.sites import Site
from tests.core.clock import Clock
from tests.core.events import event
from tests.core.store.entries import entry

DAY = 24 * 3600


@pytest.fixture
def clock(store: Store, site: Site) -> Clock:
    """Now, with an event of each of the last twenty days, as the bridge acts on none of them."""
    clock = Clock()
    told = [
        entry(store, event("phone.rang", at=int((clock() - days * DAY - 60) * 1000)), outcome=Outcome.IGNORED)
        for days in range(20)
    ]
    store.write(lambda connection: log.append(connection, told))
    return clock


def kept(store: Store) -> int:
    with store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(events)) or 0


def put(store: Store, days: int) -> None:
    store.write(lambda connection: settings.keep(connection, Keeping(days=days)))


class TestKeeping:
    def test_is_what_is_set_from_one_round_to_the_next(self, store: Store, clock: Clock) -> None:
        retention = Retention(store, clock=clock)
        assert retention.drop() == 0
        put(store, 10)
        assert retention.drop() == 10
        assert kept(store) == 10

    def test_is_what_is_fixed_from_outside(self, store: Store, clock: Clock) -> None:
        put(store, 10)
        retention = Retention(store, days=15, clock=clock)
        assert retention.keeping() == Keeping(days=15)
        assert retention.drop() == 5

    def test_counts_as_soon_as_it_was_set(self, store: Store, clock: Clock) -> None:
        rounds = threading.Semaphore(0)

        class Counting(Retention):
            def drop(self) -> int:
                dropped = super().drop()
                rounds.release()
                return dropped

        retention = Counting(store, clock=clock)
        retention.start()
        try:
            assert rounds.acquire(timeout=30)
            put(store, 10)
            retention.wake()
            assert rounds.acquire(timeout=30)
            assert kept(store) == 10
        finally:
            retention.stop()
