"""Keep the clients of sites between two requests, so that their connections are used again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SyncClient


LONGEST_IDLE_SECONDS = 600.0
"""How long a client is kept that nobody uses: its site may have been removed, and servers close idle connections sooner."""


@dataclass(frozen=True, slots=True)
class _Idle:
    """A client that no thread uses since a time of the pool's clock, and its site as it was when the client was taken."""

    site: Site
    client: SyncClient
    since: float


@dataclass(slots=True)
class ClientPool:
    """Clients that no thread uses at the moment. Thread-safe.

    A site has as many as were used at once: web servers hold a worker for each open connection. `clock` is monotonic.
    """

    clock: Callable[[], float] = time.monotonic
    _free: dict[str, list[_Idle]] = field(default_factory=dict)  # of each site, the longest idle first
    _next_look: float = 0.0
    _guard: Lock = field(default_factory=Lock)

    def take(self, site: Site, connect: Callable[[Site], SyncClient]) -> SyncClient:
        """Return a client of a site, for the caller alone; a new one by `connect` where the way to the site has changed."""
        with self._guard:
            free = self._free.get(site.id)
            known = free.pop() if free else None
        if known is None:
            return connect(site)
        if _access(known.site) == _access(site):
            return known.client
        known.client.close()
        self.drop(site.id)
        return connect(site)

    def give_back(self, site: Site, client: SyncClient) -> None:
        """Keep a client for the next caller. `site` is as it was when the client was taken."""
        now = self.clock()
        with self._guard:
            self._free.setdefault(site.id, []).append(_Idle(site, client, now))
            closed = self._take_idle(now)
        for one in closed:
            one.client.close()

    def drop(self, site_id: str) -> None:
        """Close the clients of a site that are not in use."""
        with self._guard:
            dropped = self._free.pop(site_id, [])
        for one in dropped:
            one.client.close()

    def _take_idle(self, now: float) -> list[_Idle]:
        """Take out the clients of all sites that are idle for too long; look for them once a minute."""
        if now < self._next_look:
            return []
        self._next_look = now + LONGEST_IDLE_SECONDS / 10
        oldest = now - LONGEST_IDLE_SECONDS
        found = []
        for site_id, free in list(self._free.items()):
            found += [one for one in free if one.since < oldest]
            self._free[site_id] = [one for one in free if one.since >= oldest]
            if not self._free[site_id]:
                del self._free[site_id]
        return found


def _access(site: Site) -> tuple[object, ...]:
    """Return what a client is made of, as in `site_client.connect`: it knows no later change of it.

    Only the doorway is not part of it: a client that finds one closed tries the other by itself.
    """
    addresses = site.url, site.rest_root, site.home
    return *addresses, site.key, site.next_key, site.epoch, site.server_login, site.addresses
