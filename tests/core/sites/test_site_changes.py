"""From a site's plugin to the store: changes are fetched and acknowledged, posts are swept, a restored database is seen."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from core.model.meeting import Meeting
from core.pipeline import site_client
from core.sites import health_check, site_changes
from core.store.db.engine import Store
from core.store.db.schema import posts as table
from core.store.db.schema import sites as site_table
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.posts.queue import PostState
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site
from core.wordpress.sync_operations import Standing, Write
from tests.core.clock import Clock
from tests.core.events import ACCOUNT
from tests.core.wordpress.network_double import NetworkDouble
from tests.core.wordpress.plugin_double import PluginDouble

HOME = "https://s1.example.org"
HOUR = 3600


class World:
    """A site with its plugin, and the store."""

    def __init__(self, store: Store, site: Site) -> None:
        self.store = store
        self.swept_before = False
        self.clock = Clock(time.time())
        self.plugin = PluginDouble(site.key, "s1", HOME, time.time)
        self.network = NetworkDouble(self.plugin, f"{HOME}/wp-json/", HOME)

    def make(self, *numbers: int) -> list[int]:
        """The bridge makes posts; return their IDs."""
        with site_client.connect(self.site) as client:
            made = client.run([Write(1, str(number), title="Choir", status="publish") for number in numbers])
        ids = [one.post for one in made if isinstance(one, Standing)]

        def keep(connection: Connection) -> None:
            grants.add(connection, ACCOUNT, "s1", GrantSource.ADMINISTRATOR, now=1)
            for number, post in zip(numbers, ids, strict=True):
                meetings.save(connection, self.store.sealer, Meeting(ACCOUNT, number), seen=0)
                queue.schedule_write(connection, ACCOUNT, number, 1, now=1)
                values = {"state": PostState.SYNCED, "post_id": post, "written": 1, "due_at": None}
                connection.execute(update(table).where(table.c.number == number).values(**values))

        self.store.write(keep)
        return ids

    @property
    def site(self) -> Site:
        with self.store.reading() as connection:
            return sites.load(connection, "s1", self.store.sealer)

    def is_restored(self) -> bool:
        return self.site.restored

    def check(self) -> None:
        health_check.check(self.store, "s1", clock=self.clock)

    def sweep(self) -> None:
        site_changes.sweep_if_due(self.store, "s1", clock=self.clock, chance=lambda: 0.5)

    def stands(self) -> list[Any]:
        with self.store.reading() as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    select(table.c.stands, table.c.stands_by).order_by(table.c.number)
                )
            ]

    def swept(self) -> int:
        """Return how many sweeps there were."""
        return sum(one["op"] == "sweep" for payload in self.plugin.payloads for one in payload["operations"])


@pytest.fixture
def world(store: Store, site: Site) -> Iterator[World]:
    made = World(store, site)
    with made.network:
        yield made


class TestFetch:
    def test_a_check_stores_what_others_changed_and_acknowledges_it(self, world: World) -> None:
        one, two = world.make(1, 2)
        world.plugin.change(one, status="trash")
        world.plugin.delete(two, by="cron")
        world.check()
        assert world.stands() == [("trashed", "user"), ("gone", "cron")]
        assert world.plugin.changes == {}

    def test_many_changes_come_in_one_check(self, world: World) -> None:
        for post in world.make(*range(1, 121)):
            world.plugin.change(post, status="draft")
        world.check()
        assert world.stands() == [("draft", "user")] * 120
        assert world.plugin.changes == {}

    def test_a_site_that_fails_meanwhile_tells_it_again(self, world: World) -> None:
        (post,) = world.make(1)
        world.plugin.change(post, status="private")
        world.network.fates.extend([("well", 0), ("request lost", 0)])
        world.check()
        assert world.stands() == [("private", "user")]
        assert list(world.plugin.changes) == [post]
        world.check()
        assert world.plugin.changes == {}


class TestSweeps:
    def test_once_a_day(self, world: World) -> None:
        (post,) = world.make(1)
        world.sweep()
        world.plugin.posts[post].status = "draft"  # by SQL
        world.clock.now += 23 * HOUR
        world.sweep()
        assert (world.swept(), world.stands()) == (1, [("published", None)])
        world.clock.now += 2 * HOUR
        world.sweep()
        assert (world.swept(), world.stands()) == (2, [("draft", None)])

    def test_of_more_than_a_page(self, world: World) -> None:
        world.make(*range(1, 521))
        world.sweep()
        assert world.swept() == 2
        assert world.stands() == [("published", None)] * 520

    def test_that_fails_is_tried_again_soon(self, world: World) -> None:
        world.make(1)
        world.network.fates.append(("request lost", 0))
        world.sweep()
        world.sweep()
        assert world.swept() == 0
        world.clock.now += HOUR
        world.sweep()
        assert world.stands() == [("published", None)]

    def test_after_the_database_was_restored(self, world: World) -> None:
        one, two = world.make(1, 2)
        for _ in range(3):
            world.check()
        world.sweep()
        # From before the last visit, and before the second post.
        world.plugin.visit -= 1
        del world.plugin.posts[two]
        world.plugin.posts[one].title = "Old"
        world.check()
        assert world.is_restored()
        world.sweep()
        assert not world.is_restored()
        with world.store.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.number)).all()
        assert [(row.state, row.in_doubt, row.due_at is not None) for row in rows] == [
            ("synced", True, True),
            ("none", True, True),
        ]

    def test_a_restored_bridge_takes_the_sites_count(self, world: World) -> None:
        world.plugin.visit = 70
        world.check()
        world.check()
        assert not world.is_restored()

    def test_a_restoration_that_shows_during_a_sweep_has_another_one(self, world: World) -> None:
        world.make(1)

        def restore(_step: str, operation: dict[str, Any]) -> None:
            if operation["op"] == "sweep" and not world.swept_before:
                world.swept_before = True
                world.store.write(
                    lambda connection: connection.execute(
                        update(site_table).values(restored=True, sweep_due_at=0)
                    )
                )

        world.plugin.step = restore
        world.sweep()
        assert world.is_restored()
        world.sweep()
        assert not world.is_restored()
