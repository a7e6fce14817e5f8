"""Retention divides the log among sites and accounts, so that a flood of one costs only the one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from core.pipeline.retention import Retention
from core.store.db.schema import events
from core.store.events import log, shares
from core.store.events.log import Outcome
from core.store.posts import attempts
from core.store.posts.attempts import Attempt
from tests.core.clock import Clock
from tests.core.conftest import connected
from tests.core.events import event
from tests.core.store.entries import entry
from tests.core.store.grants import granted

if TYPE_CHECKING:
    from core.store.db.engine import Store
    from core.store.sites.sites import Site

HOUR = 3600 * 1000


@pytest.fixture
def clock(store: Store, site: Site) -> Clock:
    """Now; two sites."""
    connected(store, "s2")
    return Clock()


def came(store: Store, clock: Clock, account_id: str, site_id: str, count: int, *, days: float = 3.0) -> None:
    """Let events come that change no meeting, each a minute after the one before, the first `days` ago."""
    began = clock.ms - int(days * 24 * HOUR)
    lines = [
        entry(
            store,
            event("phone.rang", at=began + place * HOUR // 60, account_id=account_id),
            site_id=site_id,
            outcome=Outcome.IGNORED,
        )
        for place in range(count)
    ]
    store.write(lambda connection: log.append(connection, lines))


def kept(store: Store) -> dict[str, int]:
    with store.reading() as connection:
        rows = connection.execute(select(events.c.account_id, func.count()).group_by(events.c.account_id))
        return {row[0]: row[1] for row in rows}


class TestShares:
    def test_a_flood_of_one_site_costs_the_other_nothing(self, store: Store, clock: Clock) -> None:
        came(store, clock, "ours", "s1", 20, days=9)  # older than all of theirs
        for number in range(10):
            came(store, clock, f"made-up-{number}", "s2", 10)
        assert Retention(store, days=30, events=60, clock=clock).drop() == 60
        assert kept(store) == {"ours": 20} | {f"made-up-{number}": 4 for number in range(10)}

    def test_a_flood_of_one_account_costs_the_others_of_its_site_nothing(
        self, store: Store, clock: Clock
    ) -> None:
        came(store, clock, "small", "s1", 5, days=9)
        came(store, clock, "large", "s1", 50)
        Retention(store, days=30, events=25, clock=clock).drop()
        assert kept(store) == {"small": 5, "large": 20}

    def test_an_account_of_several_sites_counts_where_it_was_granted_first(
        self, store: Store, clock: Clock
    ) -> None:
        granted(store, "shared", "s2", now=1)
        granted(store, "shared", "s1", now=2)
        came(store, clock, "ours", "s1", 20, days=9)
        came(store, clock, "shared", "s2", 40)
        Retention(store, days=30, events=40, clock=clock).drop()
        assert kept(store) == {"ours": 20, "shared": 20}

    def test_nothing_is_dropped_where_there_is_room(self, store: Store, clock: Clock) -> None:
        came(store, clock, "ours", "s1", 20)
        with store.reading() as connection:
            assert shares.cutoffs(connection, 20) == {}
            assert list(shares.cutoffs(connection, 19)) == ["ours"]

    def test_attempts_go_with_the_events_of_their_site(self, store: Store, clock: Clock) -> None:
        came(store, clock, "ours", "s1", 10, days=9)
        came(store, clock, "theirs", "s2", 40, days=5)
        made = [
            Attempt(site_id, 1, clock.ms - 8 * 24 * HOUR, 1, action="updated") for site_id in ("s1", "s2")
        ]
        store.write(lambda connection: attempts.add(connection, made))
        Retention(store, days=30, events=30, clock=clock).drop()
        with store.reading() as connection:
            assert len(attempts.of_post(connection, "s1", 1, limit=5)) == 1
            assert attempts.of_post(connection, "s2", 1, limit=5) == []
