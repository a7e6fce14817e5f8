"""What takes a while to find out and may be some seconds old: found out once for all who look."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tornado.web import Application

T = TypeVar("T")

_MOST = 200


@dataclass(slots=True)
class Cache:
    """Results by key, good for so many seconds. Threads that ask for the same wait for one of them."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _known: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)
    _locks: dict[Hashable, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return what `find` returned a moment ago, or returns now. What it raises is not remembered."""
        with self._guard:
            if len(self._locks) >= _MOST and key not in self._locks:
                self._locks.clear()
                self._known.clear()
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            known = self._known.get(key)
            if known is not None and self.clock() - known[0] < self.seconds:
                found: T = known[1]
                return found
            found = find()
            self._known[key] = (self.clock(), found)
            return found

    def forget(self) -> None:
        """Find everything out again."""
        with self._guard:
            self._known.clear()


_together = threading.Lock()


def remembered(application: Application, name: str, seconds: float) -> Cache:
    """Return what this application remembers under a name; it is forgotten with the application."""
    with _together:
        found = application.settings.setdefault(f"remembered_{name}", Cache(seconds))
    assert isinstance(found, Cache)  # noqa: S101 - nobody else takes such names
    return found
