"""Requests that were too large to keep: bounded, once each, until they are dismissed."""

from functools import partial

from core.store.db.engine import Store
from core.store.events import large_requests
from core.store.events.large_requests import LargeRequestCause, LargeRequestCount
from core.store.sites.sites import Site
from tests.core.conftest import connected

TOO_LARGE, UNVERIFIED = LargeRequestCause.TOO_LARGE, LargeRequestCause.UNVERIFIED


def add(
    store: Store,
    request_id: str,
    *,
    site_id: str = "s1",
    cause: LargeRequestCause = TOO_LARGE,
    now: int = 5,
    most: int = 100,
    is_plausible: bool = False,
) -> None:
    headers = {"x-zm-request-id": request_id, "x-zm-signature": "v0=secret-of-zoom"}
    store.write(
        partial(
            large_requests.add,
            site_id=site_id,
            headers=headers,
            sealer=store.sealer,
            cause=cause,
            size=2_000_000,
            now=now,
            most=most,
            is_plausible=is_plausible,
        )
    )


def kept(store: Store, site_id: str | None = None) -> list[str]:
    with store.reading() as connection:
        found = large_requests.list_all(connection, store.sealer, site_id=site_id)
    return [one.headers["x-zm-request-id"] for one in found]


def test_are_stored_once_however_often_zoom_sends_them(store: Store, site: Site) -> None:
    for now in (5, 6):
        add(store, "a", now=now)
        add(store, "a", now=now, cause=UNVERIFIED)
    with store.reading() as connection:
        counts = large_requests.counts(connection)
        (one, _) = large_requests.list_all(connection, store.sealer)
    assert counts == {
        ("s1", TOO_LARGE): LargeRequestCount(1, 5),
        ("s1", UNVERIFIED): LargeRequestCount(1, 5),
    }
    assert (one.site_name, one.size, one.received_at) == (site.name, 2_000_000, 5)


def test_strangers_displace_none_that_may_be_zooms(store: Store, site: Site) -> None:
    add(store, "zoom's", is_plausible=True)
    for number in range(3):
        add(store, f"{number}", now=10 + number, most=2)
    assert set(kept(store)) == {"zoom's", "1", "2"}
    with store.reading() as connection:
        assert large_requests.counts(connection)["s1", TOO_LARGE] == LargeRequestCount(3, 5, True)


def test_are_the_newest_of_each_site_and_cause(store: Store, site: Site) -> None:
    connected(store, "s2")
    add(store, "other site", site_id="s2")
    add(store, "other cause", cause=UNVERIFIED)
    for number in range(7):
        add(store, f"{number}", now=10 + number, most=3)
    assert kept(store, "s1") == ["6", "5", "4", "other cause"]
    assert kept(store, "s2") == ["other site"]


def test_go_when_they_are_dismissed_and_with_their_site(store: Store, site: Site) -> None:
    connected(store, "s2")
    add(store, "a")
    add(store, "b", site_id="s2")
    with store.reading() as connection:
        upto = max(one.id for one in large_requests.list_all(connection, store.sealer))
    add(store, "came since")
    assert store.write(partial(large_requests.dismiss, upto=upto, site_id="s1")) == 1
    assert sorted(kept(store)) == ["b", "came since"]
    assert store.write(partial(large_requests.dismiss, upto=upto)) == 1
    store.write(lambda connection: large_requests.delete_before(connection, 6))
    assert kept(store) == []


def test_hold_no_header_in_the_clear(store: Store, site: Site) -> None:
    add(store, "a")
    with store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM large_requests").all()
    assert "secret-of-zoom" not in str(rows)
