"""What an account with very many meetings costs: none of these looks through all of them, or not once for each user."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from core.store.accounts import meetings as account_meetings
from core.store.accounts import users as zoom_users
from core.store.events import host_events, recordings
from core.store.meetings import meetings, search
from core.store.meetings.search import MeetingKey
from core.store.posts import status
from core.zoom import envelope as zoom_envelope
from tests.core.events import ACCOUNT, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from core.store.db.engine import Store

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])


@contextmanager
def explained(connection: Connection) -> Iterator[list[str]]:
    """Collect how SQLite carries out the statements of a connection."""
    plan: list[str] = []

    def explain(_: Connection, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        plan.extend(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall())

    event.listen(connection, "before_cursor_execute", explain)
    yield plan
    event.remove(connection, "before_cursor_execute", explain)


def test_meetings_to_complete_are_looked_for_among_recent_ones(store: Store) -> None:
    """With each event that changes a meeting."""
    with store.reading() as connection, explained(connection) as plan:
        account_meetings.to_complete(connection, store.sealer, ACCOUNT, now=10**12, after=7, limit=1)
    assert any("ix_meetings_account_id_last_at" in step or "last_at>?" in step for step in plan), plan


def test_meetings_of_a_user_are_looked_for_among_theirs(store: Store) -> None:
    """Once for each user that an import or a reconciliation reads, and with each event about users."""
    users = {"object": {"id": "anna"}, "old_object": {"id": "ben"}}
    told = zoom_envelope.parse(raw({"event": "user.updated", "payload": {"account_id": ACCOUNT} | users}))
    with store.reading() as connection, explained(connection) as plan:
        account_meetings.of_host(connection, store.sealer, ACCOUNT, "anna", now=10**12, after=7, limit=1)
        host_events.meetings_of_hosts(connection, [recordings.Batch(1, "d", ACCOUNT, 1, 1, told)])
    used = "ix_meetings_account_id_host_id_number (account_id=? AND host_id=?"
    assert len(plan) >= 2
    assert all(used in step for step in plan if "SEARCH" in step or "SCAN" in step), plan


def test_users_who_left_are_looked_for_at_once(store: Store) -> None:
    """With one query for each, nobody else could write for more than a minute."""

    def forget(connection: Connection) -> list[str]:
        with explained(connection) as plan:
            zoom_users.forget_unseen(connection, ACCOUNT, 1)
        return plan

    assert not any("CORRELATED" in step for step in store.write(forget))


def test_recorded_instances_are_looked_for_one_by_one(store: Store) -> None:
    """Of those that an event names."""

    def update(connection: Connection) -> list[str]:
        with explained(connection) as plan:
            recordings._update_outcome(connection, 7)
        return plan

    steps = [step for step in store.write(update) if "recording_instances" in step]
    assert steps
    assert not any("SCAN" in step for step in steps)


@pytest.mark.parametrize("of", ["meetings", "posts"])
def test_the_meetings_and_posts_of_a_list_are_read_by_their_keys(store: Store, of: str) -> None:
    """Beside very many others: each page of the lists of meetings and events does so."""
    named = [(ACCOUNT, 1), (ACCOUNT, 2), ("another", 1)]
    with store.reading() as connection, explained(connection) as plan:
        if of == "posts":
            status.of_meetings(connection, named, now=1)
            status.of_meetings(connection, named, now=1, site_id="s1")
        else:
            meetings.topics(connection, store.sealer, named)
            search.lines(connection, store.sealer, [MeetingKey(1, number, one) for one, number in named])
    assert [step for step in plan if f"SCAN {of}" in step] == []
    searched = [step for step in plan if f"SEARCH {of}" in step]
    assert searched
    assert all("number=?" in step for step in searched), searched
