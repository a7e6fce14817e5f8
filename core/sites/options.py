"""Fetch the options for a site's rules: possible authors, and categories of meetings."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import SiteFaultError
from core.pipeline import site_client
from core.wordpress.responses import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.sites.sites import Site
    from core.wordpress.sync_client import SyncClient

_TIMEOUT = (2.0, 4.0)  # connect and read; a page waits for it
_CACHE_SECONDS = 60.0
_CACHE_FAULT_SECONDS = 15.0
_MOST_SITES = 500

__all__ = ["Choice", "OptionsCache", "SiteOptions"]


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """The options of a site. `problem` says why they could not be fetched, and what to do; the lists are empty then."""

    authors: tuple[Choice, ...] = ()
    categories: tuple[Choice, ...] = ()
    problem: str = ""


def _connect(site: Site) -> SyncClient:
    return site_client.connect(site, timeout=_TIMEOUT)


@dataclass(slots=True)
class OptionsCache:
    """Fetch options from sites, and cache them: 60 s, failures 15 s. Thread-safe, blocks."""

    connect: Callable[[Site], SyncClient] = _connect
    clock: Callable[[], float] = time.monotonic
    _cache: OrderedDict[str, tuple[float, SiteOptions]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, site: Site) -> SiteOptions:
        """Return a site's options. Faults of the site are returned as `problem`, not raised."""
        with self._lock:
            known = self._cache.get(site.id)
        if known is not None and self.clock() < known[0]:
            return known[1]
        found = self._fetch(site)
        with self._lock:
            self._cache[site.id] = (
                self.clock() + (_CACHE_FAULT_SECONDS if found.problem else _CACHE_SECONDS),
                found,
            )
            self._cache.move_to_end(site.id)
            while len(self._cache) > _MOST_SITES:
                self._cache.popitem(last=False)
        return found

    def forget(self, site_id: str) -> None:
        """Drop a site's cached options."""
        with self._lock:
            self._cache.pop(site_id, None)

    def _fetch(self, site: Site) -> SiteOptions:
        try:
            with self.connect(site) as client:
                return SiteOptions(tuple(client.authors()), tuple(client.categories()))
        except SiteFaultError as error:
            return SiteOptions(problem=str(error))
