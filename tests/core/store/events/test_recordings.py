"""Which instance is of which meeting: two processes that look at once; see also tests/convergence/test_batches.py."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest

from core.store.db.engine import Store
from core.store.events import log
from core.store.events import recordings as recording_files
from tests.core.conftest import KEYS
from tests.core.events import ACCOUNT, NUMBER
from tests.core.store.entries import entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from tests.postgresql import PostgreSQL

WITHIN_SECONDS = 90.0


@pytest.fixture
def url(postgresql: PostgreSQL) -> Iterator[str]:
    made = postgresql.lend()
    yield made
    postgresql.give_back(made)


@pytest.fixture
def two_stores(url: str) -> Iterator[tuple[Store, Store]]:
    with ExitStack() as stack:
        stores = []
        for _ in range(2):
            stores.append(Store(url, keys=KEYS))
            stack.callback(stores[-1].close)
        batch = {
            "event": "recording.batch_trashed",
            "event_ts": 5,
            "payload": {"account_id": ACCOUNT, "object": {"meeting_uuids": ["u"]}},
        }
        line = entry(stores[0], batch, site_id=None)
        stores[0].write(lambda connection: log.append(connection, [line]))
        yield stores[0], stores[1]


def takes_apart(store: Store) -> Callable[[Connection], None]:
    def take(connection: Connection) -> None:
        recording_files.lock_accounts(connection, [ACCOUNT])
        for batch in recording_files.pending_batches(connection, store.sealer, ACCOUNT):
            recording_files.split_batch(connection, store.sealer, batch)

    return take


def introduces(store: Store) -> Callable[[Connection], None]:
    def introduce(connection: Connection) -> None:
        recording_files.lock_accounts(connection, [ACCOUNT])
        recording_files.add_instances(connection, store.sealer, ACCOUNT, NUMBER, {"u"})

    return introduce


def is_waiting(url: str) -> bool:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone()
    return found is not None


@pytest.mark.parametrize("order", [(takes_apart, introduces), (introduces, takes_apart)])
def test_who_looks_second_finds_what_the_first_noted(
    url: str,
    two_stores: tuple[Store, Store],
    order: tuple[Callable[[Store], Callable[[Connection], None]], ...],
) -> None:
    """Also where both began before either was done: else each would miss what the other is about to note."""
    first, second = (make(store) for make, store in zip(order, two_stores, strict=True))
    has_looked, may_end = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> None:
        first(connection)
        has_looked.set()
        assert may_end.wait(WITHIN_SECONDS)

    threads = [
        threading.Thread(target=two_stores[0].write, args=(slowly,)),
        threading.Thread(target=two_stores[1].write, args=(second,)),
    ]
    threads[0].start()
    assert has_looked.wait(WITHIN_SECONDS)
    threads[1].start()
    deadline = time.monotonic() + WITHIN_SECONDS
    while not is_waiting(url) and threads[1].is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    may_end.set()
    for thread in threads:
        thread.join(WITHIN_SECONDS)

    with two_stores[0].reading() as connection:
        lines = {line.number: line for line in log.latest(connection, 9)}
    assert set(lines) == {None, NUMBER}
    assert lines[NUMBER].outcome == "pending"
    assert "1 has an event of its own" in (lines[None].reason or "")
