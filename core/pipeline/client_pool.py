"""Keep the clients of sites between two requests, so that their connections are used again."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SyncClient


@dataclass(slots=True)
class ClientPool:
    """Clients that no thread uses at the moment. Thread-safe.

    A site has as many as were used at once: web servers hold a worker for each open connection.
    """

    _free: dict[str, list[tuple[Site, SyncClient]]] = field(default_factory=dict)
    _guard: Lock = field(default_factory=Lock)

    def take(self, site: Site, connect: Callable[[Site], SyncClient]) -> SyncClient:
        """Return a client of a site, for the caller alone; a new one by `connect` where the way to the site has changed."""
        with self._guard:
            free = self._free.get(site.id)
            known = free.pop() if free else None
        if known is None:
            return connect(site)
        connected_to, client = known
        if _access(connected_to) == _access(site):
            return client
        client.close()
        self.drop(site.id)
        return connect(site)

    def give_back(self, site: Site, client: SyncClient) -> None:
        """Keep a client for the next caller. `site` is as it was when the client was taken."""
        with self._guard:
            self._free.setdefault(site.id, []).append((site, client))

    def drop(self, site_id: str) -> None:
        """Close the clients of a site that are not in use."""
        with self._guard:
            dropped = self._free.pop(site_id, [])
        for _, client in dropped:
            client.close()


def _access(site: Site) -> tuple[object, ...]:
    """Return what a client is made of, as in `site_client.connect`: it knows no later change of it.

    Only the doorway is not part of it: a client that finds one closed tries the other by itself.
    """
    addresses = site.url, site.rest_root, site.home
    return *addresses, site.key, site.next_key, site.epoch, site.server_login, site.addresses
