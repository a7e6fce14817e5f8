"""What a site has that its rules can choose from: users who may be authors, and categories of meetings."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import SiteFaultError
from core.wordpress.client import WordPressClient
from core.wordpress.responses import Choice

if TYPE_CHECKING:
    from collections.abc import Callable

    from core.store.sites.sites import Site

_TIMEOUT = (2.0, 4.0)  # to connect, and for the answer: somebody waits before the page
_TRUST_SECONDS = 60.0
_TRUST_FAULT_SECONDS = 15.0
_MOST_SITES = 500

__all__ = ["Choice", "Choices", "Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """What there is. `problem` says why it is not known, and what to do; then there is nothing in the lists."""

    authors: tuple[Choice, ...] = ()
    categories: tuple[Choice, ...] = ()
    problem: str = ""


def _connect(site: Site) -> WordPressClient:
    return WordPressClient(site.rest_root, site.username, site.password, timeout=_TIMEOUT)


@dataclass(slots=True)
class Choices:
    """Asks sites what there is, and remembers it for a moment."""

    connect: Callable[[Site], WordPressClient] = _connect
    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[str, tuple[float, Found]] = field(default_factory=OrderedDict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def of(self, site: Site) -> Found:
        """Return what a site has. Never raises for what is wrong with the site."""
        with self._guard:
            known = self._known.get(site.id)
        if known is not None and self.clock() < known[0]:
            return known[1]
        found = self._ask(site)
        with self._guard:
            self._known[site.id] = (
                self.clock() + (_TRUST_FAULT_SECONDS if found.problem else _TRUST_SECONDS),
                found,
            )
            self._known.move_to_end(site.id)
            while len(self._known) > _MOST_SITES:
                self._known.popitem(last=False)
        return found

    def forget(self, site_id: str) -> None:
        """Ask a site anew when it is needed next."""
        with self._guard:
            self._known.pop(site_id, None)

    def _ask(self, site: Site) -> Found:
        try:
            with self.connect(site) as client:
                return Found(tuple(client.authors()), tuple(client.categories()))
        except SiteFaultError as error:
            return Found(problem=str(error))
