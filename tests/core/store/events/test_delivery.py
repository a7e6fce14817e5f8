"""When an event reached each site."""

from typing import Any

import pytest
from sqlalchemy import Connection, update

from core.model.fold import fold
from core.store.db.engine import Store
from core.store.db.schema import posts as table
from core.store.events import delivery
from core.store.events.delivery import DeliveryStatus, SiteDelivery
from core.store.meetings import meetings
from core.store.posts import attempts, queue
from core.store.posts.attempts import Attempt
from core.store.posts.queue import PostState, Written
from core.store.sites import grants, sites
from core.store.sites.grants import GrantSource
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, NUMBER, event
from tests.core.model.test_diff import change

FOLDED = 1000


@pytest.fixture
def wanted(store: Store, site: Site) -> Store:
    """A meeting that two sites should show."""
    connected(store, "s2")
    made = fold(ACCOUNT, NUMBER, [change(event(at=1, topic="Choir"))])
    assert made is not None
    store.write(lambda connection: meetings.save(connection, store.sealer, made, seen=0))
    for site_id in ("s1", "s2"):
        store.write(lambda connection, id_=site_id: link(connection, id_))  # type: ignore[misc]
    store.write(lambda connection: queue.schedule_write(connection, ACCOUNT, NUMBER, 1, now=FOLDED))
    return store


def link(connection: Connection, site_id: str) -> None:
    grants.add(connection, ACCOUNT, site_id, GrantSource.ADMINISTRATOR, now=1)


def tried(store: Store, at: int, site_id: str = "s1", **more: Any) -> None:
    made = Attempt(site_id, NUMBER, at, 20, **more)
    store.write(lambda connection: attempts.add(connection, [made]))


def finish(store: Store, reason: str | None = None) -> None:
    """Every site shows what is wanted."""

    def write(connection: Connection) -> None:
        for claim in queue.claim(
            connection, store.sealer, owner="o", now=FOLDED, lease_until=FOLDED + 1, room=9, busy=[]
        ):
            written = Written(PostState.NONE if reason else PostState.SYNCED)
            queue.finish(
                connection,
                store.sealer,
                claim,
                revision=1,
                written=written,
                due_at=None,
                now=FOLDED,
                reason=reason,
            )

    store.write(write)


def of(store: Store, applied_at: int | None = FOLDED, site_id: str | None = None) -> dict[str, SiteDelivery]:
    with store.reading() as connection:
        found = delivery.deliveries_of_event(connection, ACCOUNT, NUMBER, applied_at, site_id=site_id)
    return {one.site_id: one for one in found}


def test_by_the_first_attempt_that_went_well_after_it_was_folded(wanted: Store) -> None:
    tried(wanted, FOLDED - 5, action="created")
    tried(wanted, FOLDED, action="updated")
    tried(wanted, FOLDED + 10, fault="network", message="No answer.")
    tried(wanted, FOLDED + 40, action="updated")
    tried(wanted, FOLDED + 90, action="updated again")
    tried(wanted, FOLDED + 15, "s2", action="created")
    first, second = of(wanted)["s1"], of(wanted)["s2"]
    assert (first.status, first.at, first.action) == (DeliveryStatus.DELIVERED, FOLDED + 60, "updated")
    assert (second.status, second.at, second.action) == (DeliveryStatus.DELIVERED, FOLDED + 35, "created")
    assert (first.site_name, first.site_url) == ("Site s1", "https://s1.example.org")


def test_an_attempt_that_found_nothing_to_write_tells_when(wanted: Store) -> None:
    tried(wanted, FOLDED + 40, action="unchanged")
    tried(wanted, FOLDED + 900, action="updated")
    first = of(wanted)["s1"]
    assert (first.status, first.at) == (DeliveryStatus.UNNEEDED, FOLDED + 60)


def test_does_not_reach_a_post_that_somebody_deleted(wanted: Store) -> None:
    tried(wanted, FOLDED + 40, action="detached")
    change = update(table).where(table.c.site_id == "s1").values(state=PostState.DETACHED, written=1)
    wanted.write(lambda connection: connection.execute(change))
    first = of(wanted)["s1"]
    assert (first.status, first.at) == (DeliveryStatus.WITHHELD, None)
    assert "permanently deleted on the site" in (first.message or "")


def test_is_not_reached_by_an_attempt_that_made_no_post(wanted: Store) -> None:
    tried(wanted, FOLDED + 40, action="withheld")
    finish(wanted, reason="Left out.")
    assert of(wanted)["s1"].status is DeliveryStatus.WITHHELD


def test_waits_until_then(wanted: Store) -> None:
    tried(wanted, FOLDED - 5, action="created")
    assert {one.status for one in of(wanted).values()} == {DeliveryStatus.PENDING}


def test_waits_while_it_is_not_folded(wanted: Store) -> None:
    finish(wanted)
    tried(wanted, FOLDED + 5, action="created")
    assert {one.status for one in of(wanted, None).values()} == {DeliveryStatus.PENDING}


def test_says_what_is_wrong_where_it_is_stuck(wanted: Store) -> None:
    message = "The site does not answer."
    wanted.write(
        lambda connection: sites.record_fault(
            connection, "s1", fault="network", message=message, blocked_until=FOLDED, now=1
        )
    )
    assert (of(wanted)["s1"].status, of(wanted)["s1"].message) == (DeliveryStatus.FAILING, message)
    assert of(wanted)["s2"].status is DeliveryStatus.PENDING


def test_needs_no_write_where_nothing_of_it_shows(wanted: Store) -> None:
    finish(wanted)
    assert {one.status for one in of(wanted).values()} == {DeliveryStatus.UNNEEDED}


def test_says_why_there_is_no_post(wanted: Store) -> None:
    finish(wanted, "It is an instant meeting.")
    assert (of(wanted)["s1"].status, of(wanted)["s1"].message) == (
        DeliveryStatus.WITHHELD,
        "It is an instant meeting.",
    )


def test_of_one_site_alone(wanted: Store) -> None:
    assert list(of(wanted, site_id="s2")) == ["s2"]


def test_of_a_meeting_that_no_site_shows_is_nothing(store: Store) -> None:
    assert of(store) == {}
