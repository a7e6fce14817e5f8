"""The quarantine holds what was refused, once and bounded."""

from core.store.db.engine import Store
from core.store.events import quarantine
from core.store.events.request import Request
from core.store.sites.sites import Site
from tests.core.conftest import connected
from tests.core.events import raw, signed


def request(number: int = 0, size: int = 0) -> Request:
    body = raw({"event": "meeting.created", "payload": {"n": number, "padding": "x" * size}})
    return Request(signed(body), body)


def keep(store: Store, kept: Request, site_id: str = "s1", now: int = 1, **limits: int) -> None:
    store.write(
        lambda connection: quarantine.add(
            connection, site_id, kept, store.sealer, reason="why", now=now, **limits
        )
    )


def held(store: Store, site_id: str = "s1") -> list[quarantine.QuarantinedRequest]:
    with store.reading() as connection:
        found = quarantine.list_all(connection, site_id, store.sealer)
        assert quarantine.count(connection, site_id) == len(found)
        return found


class TestKeep:
    def test_keeps_bytes_headers_time_and_reason(self, store: Store, site: Site) -> None:
        keep(store, request(), now=7)
        (item,) = held(store)
        assert (item.received_at, item.reason) == (7, "why")
        assert item.request == request()

    def test_keeps_the_same_once(self, store: Store, site: Site) -> None:
        keep(store, request(), now=1)
        keep(store, request(), now=2)
        assert [item.received_at for item in held(store)] == [1]

    def test_keeps_sites_apart(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        keep(store, request())
        keep(store, request(), "s2")
        assert len(held(store)) == len(held(store, "s2")) == 1

    def test_lets_the_oldest_go_where_there_are_too_many(self, store: Store, site: Site) -> None:
        connected(store, "s2")
        keep(store, request(99), "s2", most_requests=3)
        for number in range(5):
            keep(store, request(number), most_requests=3)
        assert [item.request for item in held(store)] == [request(number) for number in (2, 3, 4)]
        assert len(held(store, "s2")) == 1

    def test_lets_the_oldest_go_where_they_are_too_large(self, store: Store, site: Site) -> None:
        for number in range(5):
            keep(store, request(number, 5000), most_bytes=12_500)
        assert [item.request for item in held(store)] == [request(number, 5000) for number in (3, 4)]


class TestRelease:
    def test_forgets_one(self, store: Store, site: Site) -> None:
        keep(store, request(1))
        keep(store, request(2))
        first = held(store)[0].id
        store.write(lambda connection: quarantine.release(connection, first))
        assert [item.request for item in held(store)] == [request(2)]
