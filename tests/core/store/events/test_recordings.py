"""Which instance is of which meeting: two processes that look at once; see also tests/convergence/test_batches.py."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from core.store.events import log
from core.store.events import recordings as recording_files
from tests.core.events import ACCOUNT, NUMBER
from tests.core.store.entries import entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.store.db.engine import Store


WITHIN_SECONDS = 600.0


@pytest.fixture
def two_stores(two_stores: tuple[Store, Store]) -> tuple[Store, Store]:
    """Two stores whose log holds one batch."""
    batch = {
        "event": "recording.batch_trashed",
        "event_ts": 5,
        "payload": {"account_id": ACCOUNT, "object": {"meeting_uuids": ["u"]}},
    }
    first = two_stores[0]
    line = entry(first, batch, site_id=None)
    first.write(lambda connection: log.append(connection, [line]))
    return two_stores


def takes_apart(store: Store) -> Callable[[Connection], None]:
    def take(connection: Connection) -> None:
        recording_files.lock_accounts(connection, [ACCOUNT])
        for batch in recording_files.pending_batches(connection, store.sealer, ACCOUNT)[0]:
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
