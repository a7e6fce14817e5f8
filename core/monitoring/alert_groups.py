"""Group alerts that say the same of many sites."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.monitoring.notify.texts import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.monitoring.alerts import Alert


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts that say the same: the first of them, and all. A group of one is an alert by itself."""

    first: Alert
    alerts: Sequence[Alert]

    @property
    def count(self) -> int:
        """The number of alerts."""
        return len(self.alerts)

    @property
    def since(self) -> int | None:
        """When the earliest of them began (Unix milliseconds, UTC)."""
        return min((alert.since for alert in self.alerts if alert.since is not None), default=None)

    @property
    def text(self) -> str:
        """What they say, in English of `core.messages`; what each counts is added up."""
        return describe(replace(self.first, count=sum(alert.count for alert in self.alerts)))


def group_alerts(alerts: Iterable[Alert]) -> list[AlertGroup]:
    """Group alerts of the same kind, severity, reason and subject over all sites, in the order of the first of each."""
    found: dict[tuple[str, ...], list[Alert]] = {}
    for alert in alerts:
        key: tuple[str, ...] = (alert.kind, alert.severity, alert.message, alert.subject)
        if alert.site_id is None:
            key = (*key, alert.id)  # of the bridge, or an account
        found.setdefault(key, []).append(alert)
    return [AlertGroup(some[0], some) for some in found.values()]
