"""Compare the alerts of a look with those that were sent before: what has become critical, and what has ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from core.monitoring.alerts import AlertKind, Severity
from core.monitoring.notify.texts import describe
from core.store.alerts.open_alerts import Handling, OpenAlert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from core.model.site_facts import SiteFacts
    from core.monitoring.alerts import Alert

NEW_SITE = 3_600_000
"""For how long after its connection a site may lack its secret token before somebody is told (ms)."""


@dataclass(slots=True)
class Changes:
    """What a look found: alerts to save and to remove, and those to tell of."""

    saved: list[OpenAlert] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    began: list[OpenAlert] = field(default_factory=list)
    ended: list[OpenAlert] = field(default_factory=list)

    @property
    def are_none(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.saved or self.removed)


def compare(
    alerts: Iterable[Alert], sites: Iterable[SiteFacts], known: Mapping[str, OpenAlert], *, now: int
) -> Changes:
    """Return what has changed since `known` was stored. `now` is in Unix milliseconds (UTC).

    An alert has ended when it is no longer critical; one that a check found, when it is gone: another reason begins as a
    warning. It stays open while the checks that would find it do not get that far.
    """
    found = Changes()
    current = {alert.id: alert for alert in alerts}
    _find_new(found, current, {site.id for site in sites if now - site.created_at < NEW_SITE}, known, now=now)
    _find_ended(found, current, known, now=now)
    return found


def _find_new(
    found: Changes,
    current: Mapping[str, Alert],
    new_sites: Collection[str],
    known: Mapping[str, OpenAlert],
    *,
    now: int,
) -> None:
    for alert in current.values():
        is_expected = alert.kind is AlertKind.NO_SECRET and alert.site_id in new_sites
        if alert.severity is not Severity.CRITICAL or is_expected:
            continue
        before = known.get(alert.id)
        if before is None or not (before.is_quiet(now) or _was_sent(before)):
            opened = replace(of(alert), sent_at=now)
            found.saved.append(opened)
            found.began.append(opened)


def _find_ended(
    found: Changes, current: Mapping[str, Alert], known: Mapping[str, OpenAlert], *, now: int
) -> None:
    unreached = {alert.site_id for alert in current.values() if alert.kind is AlertKind.SITE}
    for before in known.values():
        still = current.get(before.id)
        is_unknown = still is None and before.kind == AlertKind.CHECK and before.site_id in unreached
        lasts = still is not None and (
            still.severity is Severity.CRITICAL
            or (before.sent_at is not None and still.kind in (AlertKind.SITE, AlertKind.CHECK))
        )
        if is_unknown or lasts:
            continue
        if before.sent_at is not None:
            found.ended.append(before)
        if still is None or not before.is_quiet(now):
            found.removed.append(before.id)
        elif before.sent_at is not None:
            found.saved.append(replace(before, sent_at=None))


def of(alert: Alert) -> OpenAlert:
    """Return an alert as it is stored."""
    return OpenAlert(alert.id, alert.kind.value, alert.site_id, alert.site_name, describe(alert), alert.since)


def _was_sent(before: OpenAlert) -> bool:
    """Whether an alert was sent, and no snooze has ended since."""
    return before.sent_at is not None and before.handling is not Handling.SNOOZED
