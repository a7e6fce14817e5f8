"""Published pages are requested as a visitor does: when, how many at once, and what is recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
import responses
from sqlalchemy import Connection, select, update

from core.model.meeting import Meeting
from core.model.page_visit import PageVisit
from core.sites import page_visits
from core.store.db.schema import posts as table
from core.store.db.schema import sites as site_table
from core.store.meetings import meetings
from core.store.posts import queue, standing, visits
from core.store.posts.queue import PostState
from core.store.sites import grants
from core.store.sites.grants import GrantSource
from core.wordpress.sync_operations import PostReport
from tests.core.clock import Clock
from tests.core.events import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.store.db.engine import Store
    from core.store.sites.sites import Site

HOME = "https://s1.example.org"
HOUR = 3600


class World:
    """A site whose pages answer visitors as a test says."""

    def __init__(self, store: Store, web: responses.RequestsMock) -> None:
        self.store = store
        self.web = web
        self.clock = Clock(time.time())

    def publish(self, *numbers: int, status: str = "publish", link: str = HOME + "/{0}/") -> None:
        """Let the site tell that posts are of this status."""
        now = int(self.clock.now * 1000)
        told = [
            PostReport(number, number, status, link.format(number), digest="a", by="user")
            for number in numbers
        ]
        self.store.write(lambda connection: standing.record(connection, "s1", told, now=now))

    def answer(self, number: int, status: int = 200, **headers: str) -> None:
        self.web.upsert(responses.GET, f"{HOME}/{number}/", status=status, headers=headers)

    def look(self) -> list[str]:
        """Look at what is due, and return which addresses were requested."""
        before = len(self.web.calls)
        page_visits.look(self.store, "s1", clock=self.clock)
        return [str(call.request.url) for call in list(self.web.calls)[before:]]

    def row(self, number: int) -> Any:
        with self.store.reading() as connection:
            return connection.execute(select(table).where(table.c.number == number)).one()

    def count(self) -> dict[PageVisit | None, int]:
        with self.store.reading() as connection:
            return visits.count(connection, "s1")


@pytest.fixture
def world(store: Store, site: Site) -> Iterator[World]:
    numbers = range(1, 61)

    def keep(connection: Connection) -> None:
        grants.add(connection, ACCOUNT, "s1", GrantSource.ADMINISTRATOR, now=1)
        for number in numbers:
            meetings.save(connection, store.sealer, Meeting(ACCOUNT, number), seen=0)
            queue.schedule_write(connection, ACCOUNT, number, 1, now=1)
            values = {"state": PostState.SYNCED, "post_id": number, "written": 1, "due_at": None}
            connection.execute(update(table).where(table.c.number == number).values(**values))

    store.write(keep)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as web:
        made = World(store, web)
        for number in numbers:
            made.answer(number)
        yield made


def test_a_page_is_looked_at_after_it_was_published(world: World) -> None:
    world.publish(1)
    world.publish(2, status="draft")
    assert world.look() == [f"{HOME}/1/"]
    assert world.row(1).visit == "shown"
    assert world.count() == {PageVisit.SHOWN: 1}
    assert world.look() == []


def test_no_login_and_no_cookie_is_sent(world: World) -> None:
    world.publish(1)
    world.look()
    sent = world.web.calls[0].request.headers
    assert "Authorization" not in sent
    assert "Cookie" not in sent


def test_a_page_is_looked_at_again_when_its_status_changes_and_after_a_day(world: World) -> None:
    world.publish(1)
    world.look()
    world.publish(1, status="draft")
    assert (world.row(1).visit, world.row(1).visited_at) == (None, None)
    assert world.look() == []
    world.publish(1)
    assert len(world.look()) == 1
    since = world.row(1).visit_since

    world.publish(1)  # nothing has changed
    world.clock.now += 23 * HOUR
    assert world.look() == []
    world.clock.now += 2 * HOUR
    assert len(world.look()) == 1
    assert world.row(1).visit_since == since
    assert world.row(1).visited_at > since


def test_a_hidden_page(world: World) -> None:
    world.publish(1)
    world.look()
    world.answer(1, 404)
    world.clock.now += 25 * HOUR
    world.look()
    assert world.row(1).visit == "missing"
    assert world.row(1).visit_since == int(world.clock.now * 1000)


def test_redirects(world: World) -> None:
    world.publish(1, 2, 3, 4)
    world.answer(1, 301, Location="/60/")
    world.answer(2, 302, Location=f"{HOME}/wp-login.php?redirect_to=x")
    world.answer(3, 302, Location="https://elsewhere.example.org/login")
    world.answer(4, 301, Location="/4/")
    asked = world.look()
    assert [world.row(number).visit for number in (1, 2, 3, 4)] == [
        "shown",
        "elsewhere",
        "elsewhere",
        "unclear",
    ]
    assert all(url.startswith(HOME) for url in asked), "no other host is asked"
    assert asked.count(f"{HOME}/4/") == 4


@pytest.mark.parametrize(
    "link",
    [
        "https://169.254.169.254/latest/{0}",
        "https://s1.example.org:8443/{0}/",
        "http://s1.example.org:6379/{0}",
        "https://s1.example.org:x/{0}",
        "https://[{0}",
        "{0}",
        "file:///{0}",
    ],
)
def test_what_is_no_address_of_the_site_is_not_requested(world: World, link: str) -> None:
    world.publish(1, link=link)
    assert world.look() == []
    assert world.row(1).visit == "unclear"


def test_a_redirect_to_another_port_is_not_followed(world: World) -> None:
    world.publish(1)
    world.answer(1, 301, Location="https://s1.example.org:8443/1/")
    assert world.look() == [f"{HOME}/1/"]
    assert world.row(1).visit == "elsewhere"


def test_a_site_at_a_port_of_its_own(world: World) -> None:
    home = "http://s1.example.org:8080"
    world.store.write(lambda connection: connection.execute(update(site_table).values(home=home)))
    world.web.upsert(responses.GET, f"{home}/1/", status=200)
    world.publish(1, link=home + "/{0}/")
    assert world.look() == [f"{home}/1/"]
    assert world.row(1).visit == "shown"


def test_what_cannot_be_seen_is_looked_at_again_after_an_hour(world: World) -> None:
    world.publish(1, 2)
    world.answer(1, 401, **{"WWW-Authenticate": "Basic"})
    world.web.upsert(responses.GET, f"{HOME}/2/", body=requests.exceptions.ConnectTimeout())
    world.look()
    assert world.count() == {PageVisit.UNCLEAR: 2}
    world.answer(1)
    world.clock.now += HOUR / 2
    assert world.look() == []
    world.clock.now += HOUR
    assert len(world.look()) == 2
    assert world.row(1).visit == "shown"


def test_a_site_that_cannot_be_seen_is_not_asked_for_every_page(world: World) -> None:
    world.publish(*range(1, 11))
    for number in range(1, 11):
        world.answer(number, 503)
    assert len(world.look()) == 3
    assert world.count() == {PageVisit.UNCLEAR: 3, None: 7}


def test_a_round_is_bounded_and_all_pages_have_their_turn(world: World) -> None:
    world.publish(*range(1, 61))
    rounds = [len(world.look()) for _ in range(4)]
    assert rounds == [page_visits.MOST_NEW] * 3 + [0]
    world.clock.now += 25 * HOUR
    seen: set[str] = set()
    for _ in range(12):
        asked = world.look()
        assert len(asked) == page_visits.MOST_KNOWN
        assert not seen.intersection(asked)
        seen.update(asked)
    assert len(seen) == 60


def test_a_round_ends_where_the_bridge_does(world: World) -> None:
    world.publish(1, 2, 3)
    answers = iter([False, True])
    page_visits.look(world.store, "s1", clock=world.clock, is_ended=lambda: next(answers))
    assert world.count() == {PageVisit.SHOWN: 1, None: 2}


def test_a_slow_round_ends(world: World) -> None:
    world.publish(1, 2, 3)
    times = iter([0.0, 1.0, 61.0])
    page_visits.look(world.store, "s1", clock=world.clock, monotonic=lambda: next(times))
    assert world.count() == {PageVisit.SHOWN: 1, None: 2}
