"""The hosts that a site's rules can name."""

from typing import Any

from cryptography.fernet import Fernet

from core.model.meeting import Meeting
from core.store.accounts import users as zoom_users
from core.store.accounts.users import KnownHost, ZoomUser
from core.store.db.encryption import Sealer
from core.store.db.engine import Store
from core.store.events import log
from core.store.meetings import meetings
from core.store.posts import queue
from core.store.sites.sites import Site
from tests.core.conftest import KEYS, connected
from tests.core.events import ACCOUNT, event
from tests.core.pipeline.test_kept_fields import columns
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
    store.write(lambda connection: zoom_users.save(connection, named, store.sealer))
    assert of_site(store) == [
        KnownHost("h2", "", "h2@seen.example", 2),
        KnownHost("h1", "Anna", "anna@example.org", 1),
        KnownHost("h3", "Cleo", "cleo@example.org", 0),
    ]
    assert of_site(store, "s2") == [KnownHost("h9", "", "", 1), KnownHost("h8", "X", "x@example.org", 0)]


def test_may_be_named_twice(store: Store, site: Site) -> None:
    """As by two pages of Zoom's list, between which somebody was added."""
    named = [ZoomUser(ACCOUNT, "h1", "", name, 1) for name in ("Anna", "Anna Host")]
    store.write(lambda connection: zoom_users.save(connection, named, store.sealer))
    with store.reading() as connection:
        (found,) = zoom_users.of_account(connection, store.sealer, ACCOUNT, limit=9)
    assert found.name == "Anna Host"


def test_are_none_where_there_is_nothing(store: Store, site: Site) -> None:
    assert of_site(store) == []


class TestAddresses:
    USER = ZoomUser(ACCOUNT, "h1", "Anna@Example.org", "Anna", 1)

    def test_are_in_no_column_that_is_readable(self, store: Store) -> None:
        store.write(lambda connection: zoom_users.save(connection, [self.USER], store.sealer))
        assert [
            name for name, held in columns(store).items() if b"example.org" in b"".join(held).lower()
        ] == []

    def test_find_their_users_however_they_are_written_and_after_a_new_key(self, store: Store) -> None:
        store.write(lambda connection: zoom_users.save(connection, [self.USER], store.sealer))
        for sealer in (store.sealer, Sealer(f"{Fernet.generate_key().decode()} {KEYS}")):
            with store.reading() as connection:
                found = zoom_users.ids_by_name(
                    connection, sealer, ACCOUNT, ["ANNA@example.org", "bert@example.org"]
                )
            assert found == {"h1": "h1", "anna@example.org": "h1"}

    def test_are_found_in_no_other_account(self, store: Store) -> None:
        store.write(lambda connection: zoom_users.save(connection, [self.USER], store.sealer))
        with store.reading() as connection:
            assert zoom_users.ids_by_name(connection, store.sealer, "another", ["Anna@Example.org"]) == {}
