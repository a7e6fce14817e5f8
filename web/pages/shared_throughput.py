"""The statistics of the week's events, which pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.monitoring.throughput import Throughput

if TYPE_CHECKING:
    from tornado.web import Application

    from core.store.db.engine import Store

COUNT_SECONDS = 0.4


def shared_throughput(application: Application, store: Store, seconds: float = COUNT_SECONDS) -> Throughput:
    """Return the statistics. A request counts for some seconds at most; the next one continues."""
    default = Throughput(store, look_seconds=seconds)
    shared: Throughput = application.settings.setdefault("throughput", default)
    return shared
