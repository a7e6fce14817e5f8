"""The hosts that a site's rules can name."""

from typing import Any

from core.model.meeting import Meeting
from core.store.accounts import users as zoom_users
from core.store.accounts.users import KnownHost, ZoomUser
from core.store.db.engine import Store
from core.store.events import log
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event
from tests.core.store.entries import entry


def of_site(store: Store, site_id: str = "s1") -> list[KnownHost]:
    with store.reading() as connection:
        return zoom_users.known_hosts(connection, store.sealer, site_id)


def happens(store: Store, number: int, account_id: str = ACCOUNT, **object_: Any) -> None:
    def keep(connection: Any) -> None:
        meetings.save(connection, store.sealer, Meeting(account_id, number, object=object_), seen=0)
        queue.schedule_write(connection, account_id, number, 1, now=1)

    store.write(keep)


def mirrors(store: Store, site_id: str, account_id: str) -> None:
    """An event of the account comes to the site's endpoint."""
    told = event("meeting.ended", account_id=account_id, topic=site_id)
    line = entry(store, told, site_id=site_id)
    store.write(lambda connection: log.append(connection, [line]))


def test_are_those_with_meetings_and_those_of_the_account(store: Store, site: Site) -> None:
    connected(store, "s2")
    mirrors(store, "s1", ACCOUNT)
    mirrors(store, "s2", "another")
    for number, host_id in ((1, "h1"), (2, "h2"), (3, "h2")):
        happens(store, number, host_id=host_id, host_email=f"{host_id}@seen.example")
    happens(store, 9, "another", host_id="h9")
    named = [
        ZoomUser(ACCOUNT, "h1", "anna@example.org", "Anna", 1),
        ZoomUser(ACCOUNT, "h3", "cleo@example.org", "Cleo", 1),
        ZoomUser("another", "h8", "x@example.org", "X", 1),
    ]
    store.write(lambda connection: zoom_users.save(connection, named))
    assert of_site(store) == [
        KnownHost("h2", "", "h2@seen.example", 2),
        KnownHost("h1", "Anna", "anna@example.org", 1),
        KnownHost("h3", "Cleo", "cleo@example.org", 0),
    ]
    assert of_site(store, "s2") == [KnownHost("h9", "", "", 1), KnownHost("h8", "X", "x@example.org", 0)]


def test_are_none_where_there_is_nothing(store: Store, site: Site) -> None:
    assert of_site(store) == []
