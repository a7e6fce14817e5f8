"""Cache results that are expensive to compute and may be some seconds old."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tornado.web import Application

T = TypeVar("T")

_MAX_ENTRIES = 200


@dataclass(slots=True)
class Cache:
    """Results by key, valid for `seconds`. Thread-safe: threads that need the same key wait for one of them.

    Beyond `max_entries` it starts empty.
    """

    seconds: float
    clock: Callable[[], float] = time.monotonic
    max_entries: int = _MAX_ENTRIES
    _entries: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)
    _locks: dict[Hashable, threading.Lock] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the cached result of `compute`, or compute it now. Exceptions are not cached."""
        with self._guard:
            if len(self._locks) >= self.max_entries and key not in self._locks:
                self._locks.clear()
                self._entries.clear()
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            entry = self._entries.get(key)
            if entry is not None and self.clock() - entry[0] < self.seconds:
                cached: T = entry[1]
                return cached
            computed = compute()
            self._entries[key] = (self.clock(), computed)
            return computed

    def clear(self) -> None:
        """Drop all results."""
        with self._guard:
            self._entries.clear()


_creation = threading.Lock()


def application_cache(application: Application, name: str, seconds: float) -> Cache:
    """Return the cache of this name, which lives as long as the application."""
    with _creation:
        cache = application.settings.setdefault(f"cache_{name}", Cache(seconds))
    assert isinstance(cache, Cache)  # noqa: S101 - no other setting has such a name
    return cache
