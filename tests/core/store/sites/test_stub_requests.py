"""Requests of plugins, each of which counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from core.store.db.schema import stub_requests as table
from core.store.sites import stub_requests

if TYPE_CHECKING:
    from core.store.db.engine import Store


def use(store: Store, signature: str, *, site_id: str = "s1", until: int = 100, now: int = 1) -> bool:
    return store.write(
        lambda connection: stub_requests.use(connection, site_id, signature, until=until, now=now)
    )


class TestUse:
    def test_is_possible_once(self, store: Store) -> None:
        assert [use(store, "v1=a"), use(store, "v1=a"), use(store, "v1=b")] == [True, False, True]

    def test_is_each_sites_own(self, store: Store) -> None:
        assert [use(store, "v1=a"), use(store, "v1=a", site_id="s2")] == [True, True]

    def test_is_forgotten_when_the_request_is_too_old_anyway(self, store: Store) -> None:
        use(store, "v1=a", until=100)
        assert not use(store, "v1=a", now=100)
        use(store, "v1=b", until=500, now=101)
        with store.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(table)) == 1
