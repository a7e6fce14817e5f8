"""Events that stay pending are noticed by the looks at them; those that were received long ago are not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from core.store.events import log, stalled
from core.store.events.log import Outcome
from tests.core.events import event
from tests.core.store.accounts.test_plans import explained
from tests.core.store.entries import entry

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.store.db.engine import Store

MINUTE = 60_000
PATIENCE = 15 * MINUTE


def append(store: Store, name: str = "meeting.updated", outcome: Outcome = Outcome.PENDING) -> int:
    """Log an event that was received long ago; return its id."""

    def write(connection: Connection) -> int:
        log.append(connection, [entry(store, event(name), outcome=outcome)])
        return log.latest(connection, 1)[0].id

    return store.write(write)


def look(store: Store, *minutes: int) -> list[int | None]:
    """Look at these times; return what each has found."""

    def write(connection: Connection, now: int) -> int | None:
        if stalled.is_to_note(connection):
            stalled.note(connection, now=now)
        return stalled.since(connection, at_least=PATIENCE)

    return [store.write(partial(write, now=one * MINUTE)) for one in minutes]


def test_one_that_stays_the_first_is_told_once_that_was_seen_for_long(store: Store) -> None:
    first = append(store)
    assert look(store, 100, 105, 110, 115) == [None] * 4, "received long ago, as from quarantine"
    append(store, "meeting.deleted")
    assert look(store, 116) == [100 * MINUTE]
    store.write(lambda connection: log.mark_folded(connection, [first], now=1))
    with store.reading() as connection:
        assert stalled.since(connection, at_least=PATIENCE) is None, "at once, not with the next look"
    assert look(store, 117, 122, 127, 132, 133) == [None, None, None, None, 117 * MINUTE]


@pytest.mark.parametrize("database_kind", ["sqlite"])
class TestNothingIsSaid:
    def test_while_the_first_is_another_each_time(self, store: Store) -> None:
        for minute in range(0, 60, 5):
            number = append(store, f"meeting.x{minute}")
            assert look(store, minute) == [None]
            store.write(partial(log.mark_folded, ids=[number], now=1))

    def test_of_the_time_in_which_nobody_looked(self, store: Store) -> None:
        """The bridge did not run, or the clock was put forward."""
        append(store)
        assert look(store, 0, 5, 60, 65, 70, 75) == [None] * 6
        assert look(store, 76) == [60 * MINUTE]

    def test_of_one_that_failed_and_is_replayed(self, store: Store) -> None:
        number = append(store)
        look(store, 0, 5, 10)
        store.write(lambda connection: log.mark_failed(connection, [number], reason=""))
        assert look(store, 12) == [None]
        store.write(lambda connection: log.reopen(connection, [number]))
        assert look(store, 14, 16) == [None, None]

    def test_and_nothing_is_written_where_nothing_is_pending(self, store: Store) -> None:
        append(store, outcome=Outcome.APPLIED)
        with store.reading() as connection:
            assert not stalled.is_to_note(connection)

    def test_and_only_pending_events_are_looked_through(self, store: Store) -> None:
        with store.reading() as connection, explained(connection) as plan:
            stalled.is_to_note(connection)
            stalled.since(connection, at_least=PATIENCE)
        (step,) = (step for step in plan if "events" in step)
        assert "ix_events_pending" in step
