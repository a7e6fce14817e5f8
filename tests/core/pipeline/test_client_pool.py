"""Clients of sites are used again, by one thread at a time, and not after the way to the site has changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest

from core.pipeline.client_pool import LONGEST_IDLE_SECONDS, ClientPool
from tests.core.clock import Clock

if TYPE_CHECKING:
    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SyncClient


@dataclass(eq=False)
class Client:
    """A client of a site, which only knows whether it was closed."""

    site: Site
    is_closed: bool = False

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Connecting:
    made: list[Client] = field(default_factory=list)

    def __call__(self, site: Site) -> SyncClient:
        self.made.append(Client(site))
        return cast("SyncClient", self.made[-1])


class TestClientPool:
    def test_gives_two_callers_two_clients_and_later_ones_the_same(self, site: Site) -> None:
        pool, connect = ClientPool(), Connecting()
        taken = [pool.take(site, connect) for _ in range(2)]
        assert taken[0] is not taken[1]
        for client in taken:
            pool.give_back(site, client)
        again = [pool.take(site, connect) for _ in range(2)]
        assert {id(client) for client in again} == {id(client) for client in taken}
        assert len(connect.made) == 2

    def test_keeps_the_clients_of_each_site_apart(self, site: Site) -> None:
        pool, connect = ClientPool(), Connecting()
        pool.give_back(site, pool.take(site, connect))
        other = replace(site, id="s2")
        pool.take(other, connect)
        assert [client.site.id for client in connect.made] == ["s1", "s2"]

    @pytest.mark.parametrize(
        "changed",
        [
            {"url": "https://www.example.org"},
            {"home": "https://www.example.org"},
            {"rest_root": "https://s1.example.org/?rest_route=/"},
            {"key": "6f" * 32},
            {"next_key": "6f" * 32},
            {"epoch": 7},
            {"server_username": "anna", "server_password": "another"},
        ],
    )
    def test_closes_all_that_went_another_way(self, site: Site, changed: dict[str, object]) -> None:
        pool, connect = ClientPool(), Connecting()
        for client in [pool.take(site, connect) for _ in range(2)]:
            pool.give_back(site, client)
        pool.take(replace(site, **changed), connect)  # type: ignore[arg-type]
        assert [client.is_closed for client in connect.made] == [True, True, False]

    def test_closes_what_it_drops_but_not_what_is_in_use(self, site: Site) -> None:
        pool, connect = ClientPool(), Connecting()
        first, _ = (pool.take(site, connect) for _ in range(2))
        pool.give_back(site, first)
        pool.drop(site.id)
        assert [client.is_closed for client in connect.made] == [True, False]

    def test_closes_what_nobody_has_used_for_long(self, site: Site) -> None:
        """The site may have been removed: nobody asks for its clients again."""
        clock, connect = Clock(), Connecting()
        pool = ClientPool(clock=clock)
        other = replace(site, id="s2")
        pool.give_back(site, pool.take(site, connect))
        pool.give_back(site, pool.take(site, connect))
        pool.give_back(other, pool.take(other, connect))
        clock.now += LONGEST_IDLE_SECONDS / 2
        pool.give_back(other, pool.take(other, connect))
        clock.now += LONGEST_IDLE_SECONDS / 2 + 1
        pool.give_back(other, pool.take(other, connect))
        assert [client.is_closed for client in connect.made] == [True, False]
        pool.take(site, connect)
        assert len(connect.made) == 3

    def test_closes_the_longest_idle_of_a_site_alone(self, site: Site) -> None:
        clock, connect = Clock(), Connecting()
        pool = ClientPool(clock=clock)
        first, second = (pool.take(site, connect) for _ in range(2))
        pool.give_back(site, first)
        clock.now += LONGEST_IDLE_SECONDS + 1
        pool.give_back(site, second)
        assert [client.is_closed for client in connect.made] == [True, False]
        assert pool.take(site, connect) is second
