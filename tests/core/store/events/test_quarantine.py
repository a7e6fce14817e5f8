"""The quarantine holds what was refused, once and bounded; strangers displace nothing that may be Zoom's."""

from functools import partial

import pytest
from sqlalchemy import Connection, update

from core.pipeline.ingest import Ingest
from core.store.db.engine import Store
from core.store.db.schema import quarantine as table
from core.store.events import quarantine, senders
from core.store.events.dismissal import Dismissible, dismiss
from core.store.events.quarantine import QuarantineLimits
from core.store.events.request import Request
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, event, raw, signed
from tests.core.store.grants import granted

ZOOM, ANOTHER_OF_ZOOM = "192.0.2.1", "192.0.2.2"
KIB = 1024
FOUR_EACH = QuarantineLimits(
    of_zoom_senders=4 * KIB, of_known_accounts=4 * KIB, of_others=4 * KIB, at_least=KIB
)
"""Room for four small requests of each kind."""
LARGEST = 63 * KIB


def request(number: int = 0, size: int = 0, account_id: str | None = None) -> Request:
    body = raw(event(at=number, account_id=account_id, padding="x" * size))
    return Request(signed(body, secret="wrong"), body)


def keep(
    store: Store,
    kept: Request,
    site_id: str = "s1",
    *,
    now: int = 1,
    sender: str = "",
    limits: QuarantineLimits = quarantine.DEFAULT_LIMITS,
) -> int:
    return store.write(
        lambda connection: quarantine.add(
            connection, site_id, kept, store.sealer, reason="why", now=now, sender=sender, limits=limits
        )
    )


def keep_all(
    store: Store,
    requests: list[tuple[Request, str]],
    limits: QuarantineLimits = quarantine.DEFAULT_LIMITS,
) -> None:
    """Keep requests, each with its sender, in one transaction."""

    def write(connection: Connection) -> None:
        for one, sender in requests:
            quarantine.add(
                connection, "s1", one, store.sealer, reason="", now=1, sender=sender, limits=limits
            )

    store.write(write)


def held(store: Store, site_id: str = "s1") -> list[quarantine.QuarantinedRequest]:
    with store.reading() as connection:
        found = quarantine.list_all(connection, site_id, store.sealer)
        assert quarantine.count(connection, site_id) == len(found)
        return found


def grant(store: Store, account_id: str = ACCOUNT, site_id: str = "s1") -> None:
    granted(store, account_id, site_id)


def prove(store: Store, sender: str, site_id: str = "s1") -> None:
    store.write(partial(senders.record, site_id=site_id, sender=sender, now=1))


class TestKeep:
    def test_keeps_bytes_headers_time_sender_and_reason(self, store: Store, site: Site) -> None:
        keep(store, request(), now=7, sender=ZOOM)
        (item,) = held(store)
        assert (item.received_at, item.reason, item.sender) == (7, "why", ZOOM)
        assert item.request == request()

    @pytest.mark.parametrize("database_kind", ["sqlite"])
    def test_what_no_key_opens_any_more_keeps_back_no_other(self, store: Store, site: Site) -> None:
        """Each check of the site reads them, and so does whoever saves a secret token."""
        keep_all(store, [(request(number), "") for number in range(3)])
        broken = update(table).where(table.c.id == 2).values(request=b"of another key")
        store.write(lambda connection: connection.execute(broken))
        with store.reading() as connection:
            for find in (quarantine.suspects, quarantine.latest):
                assert {one.id for one in find(connection, "s1", store.sealer, 9)} == {1, 3}
        assert Ingest(store).recheck("s1").kept == 2

    def test_keeps_the_same_once(self, store: Store, site: Site) -> None:
        keep(store, request(), now=1)
        keep(store, request(), now=2)
        assert [item.received_at for item in held(store)] == [1]

    def test_keeps_sites_apart(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        keep(store, request(99), "s2", limits=FOUR_EACH)
        for number in range(6):
            keep(store, request(number), limits=FOUR_EACH)
        assert (len(held(store)), len(held(store, "s2"))) == (4, 1)

    def test_a_sender_displaces_its_own_oldest(self, store: Store, site: Site) -> None:
        displaced = [keep(store, request(number), limits=FOUR_EACH) for number in range(6)]
        assert [item.request for item in held(store)] == [request(number) for number in (2, 3, 4, 5)]
        assert displaced == [0, 0, 0, 0, 1, 1]

    def test_large_ones_take_the_room_of_several(self, store: Store, site: Site) -> None:
        for number in range(3):
            keep(store, request(number, 1500), limits=FOUR_EACH)
        assert [item.request for item in held(store)] == [request(number, 1500) for number in (1, 2)]

    def test_drops_what_is_old(self, store: Store, site: Site) -> None:
        keep(store, request(1), now=5)
        keep(store, request(2), now=6)
        store.write(lambda connection: quarantine.delete_before(connection, 6))
        assert [item.received_at for item in held(store)] == [6]


class TestShares:
    """An attacker knows the ids of accounts, which are no secret, and may have many addresses."""

    def test_strangers_displace_nothing_of_a_known_account(self, store: Store, site: Site) -> None:
        grant(store)
        authentic = request(0, account_id=ACCOUNT)
        keep(store, authentic, sender=ZOOM, limits=FOUR_EACH)
        for number in range(1, 9):
            keep(store, request(number, 1500), sender=ZOOM, limits=FOUR_EACH)
            keep(store, request(number), limits=FOUR_EACH)
        assert authentic in [item.request for item in held(store)]
        assert len(held(store)) <= 5

    def test_320_of_64_kib_that_name_the_account_displace_nothing(self, store: Store, site: Site) -> None:
        grant(store)
        authentic = [(request(number, account_id=ACCOUNT), ZOOM) for number in range(40)]
        forged = [(request(100 + number, LARGEST, ACCOUNT), "203.0.113.9") for number in range(320)]
        keep_all(store, authentic + forged)
        assert [item.request for item in held(store) if item.sender == ZOOM] == [one for one, _ in authentic]

    def test_nor_does_one_request_of_each_of_many_addresses(self, store: Store, site: Site) -> None:
        grant(store)
        forged = [(request(number, account_id=ACCOUNT), f"203.0.113.{number}") for number in range(1, 51)]
        keep_all(store, [(request(0, account_id=ACCOUNT), ZOOM), *forged], FOUR_EACH)
        assert [item.sender for item in held(store)] == [ZOOM, "203.0.113.1", "203.0.113.2", "203.0.113.3"]

    def test_who_came_first_leaves_room_for_who_comes_later(self, store: Store, site: Site) -> None:
        """A quarantine that is full of junk does not keep Zoom's events out."""
        grant(store)
        for number in range(1, 9):
            keep(
                store, request(number, account_id=ACCOUNT), sender=f"203.0.113.{number % 2}", limits=FOUR_EACH
            )
        keep(store, request(9, account_id=ACCOUNT), sender=ZOOM, limits=FOUR_EACH)
        assert ZOOM in {item.sender for item in held(store)}
        assert len(held(store)) == 4

    def test_from_where_authentic_events_came_has_room_of_its_own(self, store: Store, site: Site) -> None:
        """Otherwise more addresses than there is room for would leave Zoom one request."""
        grant(store)
        prove(store, ZOOM)
        for number in range(1, 9):
            keep(store, request(number, account_id=ACCOUNT), sender=f"203.0.113.{number}", limits=FOUR_EACH)
        for number in range(10, 14):
            keep(store, request(number, account_id=ACCOUNT), sender=ZOOM, limits=FOUR_EACH)
        for number in range(21, 29):
            keep(store, request(number, account_id=ACCOUNT), sender=f"203.0.113.{number}", limits=FOUR_EACH)
        assert [item.sender for item in held(store)].count(ZOOM) == 4

    def test_its_senders_share_it_too(self, store: Store, site: Site) -> None:
        grant(store)
        for sender in (ZOOM, ANOTHER_OF_ZOOM):
            prove(store, sender)
        keep(store, request(0, account_id=ACCOUNT), sender=ZOOM, limits=FOUR_EACH)
        for number in range(1, 9):
            keep(store, request(number, account_id=ACCOUNT), sender=ANOTHER_OF_ZOOM, limits=FOUR_EACH)
        assert [item.sender for item in held(store)].count(ZOOM) == 1

    def test_an_account_is_known_where_it_is_granted(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        grant(store, site_id="s2")
        keep(store, request(account_id=ACCOUNT))
        keep(store, request(account_id=ACCOUNT), "s2")
        assert [item.is_plausible for item in held(store) + held(store, "s2")] == [False, True]
        grant(store)
        assert held(store)[0].is_plausible, "also if that is known only later"
        with store.reading() as connection:
            assert quarantine.knows_account(connection, "s1", ACCOUNT)
            assert not quarantine.knows_account(connection, "s1", "another")


class TestAlerts:
    def test_count_what_names_a_known_account(self, store: Store, site: Site) -> None:
        grant(store)
        keep(store, request(1), now=5)
        keep(store, request(2, account_id="another"), now=6)
        assert alerting(store) == {}
        keep(store, request(3, account_id=ACCOUNT), now=7)
        keep(store, request(4, account_id=ACCOUNT), now=8)
        assert alerting(store) == {"s1": (2, 7)}

    def test_come_back_only_for_what_comes_after_they_were_dismissed(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        for site_id in ("s1", "s2"):
            grant(store, site_id=site_id)
            keep(store, request(1, account_id=ACCOUNT), site_id, now=5)
        dismiss_at = partial(dismiss, requests=Dismissible.QUARANTINED)
        assert store.write(partial(dismiss_at, upto=held(store)[0].id, site_id="s1")) == 1
        assert alerting(store) == {"s2": (1, 5)}
        keep(store, request(1, account_id=ACCOUNT), now=6)
        assert alerting(store) == {"s2": (1, 5)}, "the same once more"
        keep(store, request(2, account_id=ACCOUNT), now=7)
        assert alerting(store) == {"s1": (1, 7), "s2": (1, 5)}
        assert len(held(store)) == 2, "they are kept"
        assert store.write(dismiss_at) == 2
        assert alerting(store) == {}

    def test_suspects_are_all_until_an_account_is_granted(self, store: Store, site: Site) -> None:
        """Whoever saved a wrong secret token first has no account yet."""
        keep(store, request(1, account_id=ACCOUNT), now=5)
        keep(store, request(2, account_id="another"), now=6)
        assert suspects(store) == [6, 5]
        grant(store)
        assert suspects(store) == [5]
        store.write(partial(dismiss, requests=Dismissible.QUARANTINED))
        assert suspects(store) == []


class TestRelease:
    def test_forgets_one(self, store: Store, site: Site) -> None:
        keep(store, request(1))
        keep(store, request(2))
        first = held(store)[0].id
        store.write(lambda connection: quarantine.release(connection, first))
        assert [item.request for item in held(store)] == [request(2)]


class TestSenders:
    def test_the_latest_are_known_and_not_forever(self, store: Store, site: Site) -> None:
        for now, sender in enumerate((ZOOM, ANOTHER_OF_ZOOM, ZOOM, "192.0.2.3")):
            store.write(partial(senders.record, site_id="s1", sender=sender, now=now, most=2))
        assert known(store, ZOOM, ANOTHER_OF_ZOOM, "192.0.2.3") == [True, False, True]
        store.write(lambda connection: senders.forget_before(connection, 3))
        assert known(store, ZOOM, "192.0.2.3") == [False, True]

    def test_any_may_be_zooms_until_one_is_known(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        prove(store, ZOOM, "s2")
        with store.reading() as connection:
            assert senders.may_be_zooms(connection, "s1", "203.0.113.9")
            assert not senders.may_be_zooms(connection, "s2", "203.0.113.9")
            assert senders.may_be_zooms(connection, "s2", ZOOM)


def known(store: Store, *asked: str) -> list[bool]:
    with store.reading() as connection:
        return [senders.is_known(connection, "s1", sender) for sender in asked]


def alerting(store: Store) -> dict[str, tuple[int, int]]:
    with store.reading() as connection:
        return quarantine.alerting(connection)


def suspects(store: Store) -> list[int]:
    with store.reading() as connection:
        found = quarantine.suspects(connection, "s1", store.sealer, 9)
        assert quarantine.count_suspects(connection, "s1") == len(found)
        return [item.received_at for item in found]
