"""Derive alerts from the status of the sites, the log, the disk and the Zoom accounts. Pure.

Pages word them by `templates/parts/alert.jinja`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any

from core.errors import Fault
from core.model.health_facts import FactName
from core.model.post_status import PostStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.model.health_facts import HealthFact
    from core.model.site_facts import SiteFacts

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
PATIENCE = 15 * _MINUTE
"""A fault that the bridge retries becomes critical when it lasts longer than this (ms)."""
CONFIRMED_AFTER = _MINUTE
"""What a check finds becomes critical when a later one, after this time at least, finds it again (ms)."""
SETUP = 24 * _HOUR
"""How long a new site may take until Zoom has validated its endpoint (ms)."""
VALIDATED_EVERY = 72 * _HOUR
_VALIDATION_GRACE = 2 * _HOUR
QUIET_AT_LEAST = 24 * _HOUR
QUIET_TIMES = 4
"""A site is quiet after this multiple of the longest gap between its events of the last week."""
_SMALL_DISK, _SMALL_PART = 1024**3, 0.05


class Severity(StrEnum):
    """How urgent an alert is."""

    CRITICAL = "critical"  # needs a person
    WARNING = "warning"  # may pass: the bridge, Zoom or the site continues by itself, or all may be well


class AlertKind(StrEnum):
    """What an alert is about."""

    FAILED_EVENTS = "failed-events"  # events that could not be folded
    PENDING_EVENTS = "pending-events"  # events that wait to be folded, and none of them is
    DISK = "disk"  # nearly full
    ACCOUNT = "account"  # Zoom's REST API denies access to the account; `message` is the reason
    SITE = "site"  # every request to the site fails; `message` is the reason
    CHECK = "check"  # a check of the site found what is wrong: `subject` is the fact, `message` says it
    NO_SECRET = "no-secret"  # noqa: S105 - a kind of alert
    UNREADABLE_EVENTS = "unreadable-events"  # authentic requests that this version cannot read
    TOO_LARGE = "too-large"  # events that were too large to keep are lost
    UNVERIFIED_LARGE = (
        "unverified-large"  # large requests of a known account failed verification; not in quarantine
    )
    QUARANTINE = "quarantine"  # requests of a known account failed verification, and are in quarantine
    CLOCK = "clock"  # requests with the right signature are refused for their time
    HELD_PAGES = "held-pages"  # a run would trash many pages of the site: an administrator decides
    GRANT_REQUESTS = "grant-requests"  # events of Zoom accounts wait for a grant: an administrator decides
    FAILING = "failing"  # single posts fail, for the reason in `message`
    NOT_VALIDATED = "not-validated"  # Zoom has not validated the endpoint yet
    OVERDUE = "overdue"  # Zoom's validation of the endpoint is overdue
    NO_EVENT = "no-event"  # no event has arrived yet
    QUIET = "quiet"  # no event for longer than usual
    BEHIND = "behind"  # posts are pending for long, without a fault


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `since` (Unix milliseconds, UTC) is when it began, or the last time without it.

    `count` is the number of events, posts, bytes or seconds concerned; `more` marks it as a lower bound. `subject` tells
    alerts of one kind and site apart.
    """

    kind: AlertKind
    severity: Severity
    site_id: str | None = None
    site_name: str = ""
    count: int = 0
    since: int | None = None
    until: int | None = None
    message: str = ""
    more: bool = False
    subject: str = ""

    @property
    def id(self) -> str:
        """An identifier that stays the same while the alert lasts, and when it returns."""
        parts = "\n".join((self.kind, self.site_id or "", self.subject))
        return hashlib.sha256(parts.encode(errors="replace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Disk:
    """Space on the disk that holds the database, in bytes."""

    free: int
    total: int

    @property
    def is_nearly_full(self) -> bool:
        """Whether so little is left that writes to the log, and thus webhooks, may soon fail."""
        return self.free < _SMALL_DISK or (
            self.free < 10 * _SMALL_DISK and self.free < _SMALL_PART * self.total
        )


def alerts_of(
    sites: Iterable[SiteFacts],
    *,
    now: int,
    failed_events: int = 0,
    more_failed: bool = False,
    pending_events: int = 0,
    more_pending: bool = False,
    pending_since: int | None = None,
    unreadable_events: int = 0,
    more_unreadable: bool = False,
    disk: Disk | None = None,
    accounts: Iterable[tuple[str, str]] = (),
) -> list[Alert]:
    """Return the alerts at `now` (Unix milliseconds, UTC), critical ones first.

    `accounts` are the Zoom accounts that cannot be read: name and reason. `pending_events` are given
    only where they have not been folded for longer than `PATIENCE`, with the time since which that is so. `more_failed`,
    `more_pending` and `more_unreadable` mark the numbers as lower bounds.
    """
    found = []
    if failed_events:
        found.append(Alert(AlertKind.FAILED_EVENTS, Severity.CRITICAL, count=failed_events, more=more_failed))
    if pending_events:
        found.append(
            Alert(
                AlertKind.PENDING_EVENTS,
                Severity.CRITICAL,
                count=pending_events,
                since=pending_since,
                more=more_pending,
            )
        )
    if unreadable_events:
        found.append(
            Alert(
                AlertKind.UNREADABLE_EVENTS, Severity.WARNING, count=unreadable_events, more=more_unreadable
            )
        )
    if disk is not None and disk.is_nearly_full:
        found.append(Alert(AlertKind.DISK, Severity.CRITICAL, count=disk.free))
    for name, message in accounts:
        found.append(
            Alert(AlertKind.ACCOUNT, Severity.CRITICAL, site_name=name, message=message, subject=name)
        )
    for site in sites:
        for kind, severity, values in chain(
            _update_alerts(site, now),
            _check_alerts(site),
            _refusal_alerts(site),
            _grant_alerts(site),
            _webhook_alerts(site, now),
        ):
            found.append(Alert(kind, severity, site.id, site.name, **values))
    return sorted(found, key=lambda alert: alert.severity is not Severity.CRITICAL)


def _update_alerts(site: SiteFacts, now: int) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    if site.held_pages:
        yield (
            AlertKind.HELD_PAGES,
            Severity.CRITICAL,
            {"count": site.held_pages, "since": site.held_pages_since},
        )
    pending, since = site.count(PostStatus.PENDING), site.since(PostStatus.PENDING)
    broken = next((fact for fact in site.failing if fact.name in _OF_THE_CONNECTION), None)
    if site.fault_message or broken:
        yield AlertKind.SITE, *_site_alert(site, broken, now)
    for group in site.open:
        if group.status is PostStatus.FAILING and not site.fault_message:
            values = {"message": group.message, "since": group.since, "count": group.count}
            values["subject"] = group.fault or ""
            yield AlertKind.FAILING, _severity(group.fault, group.since, now), values
    is_free = not site.fault_message and broken is None and site.paused_at is None
    if pending and is_free and since is not None and now - since > PATIENCE:
        yield AlertKind.BEHIND, Severity.WARNING, {"count": pending, "since": since}


def _site_alert(site: SiteFacts, broken: HealthFact | None, now: int) -> tuple[Severity, dict[str, Any]]:
    """Return severity and values of the alert that the site cannot be updated: writes fail, or a check `broken` found."""
    severities = []
    times = [site.since(PostStatus.PENDING), site.since(PostStatus.FAILING)] if site.fault_message else []
    began = min((time for time in times if time is not None), default=None)
    if site.fault_message:
        began = began if began is not None else site.last_write_at
        severities.append(_severity(site.fault, began, now))
    if broken is not None:
        severities.append(_severity_of_check(site, broken))
        began = broken.since if began is None else began
    return min(severities), {  # "critical" comes before "warning"
        "message": site.fault_message if broken is None else broken.message,
        "since": began,
        "until": site.blocked_until,
        "count": site.count(PostStatus.PENDING),
    }


_OF_THE_CONNECTION = (FactName.WORDPRESS, FactName.PLUGIN, FactName.PAIRING)
_SAID_OTHERWISE = (*_OF_THE_CONNECTION, FactName.PAGES)
"""Facts that the alert about the whole site tells."""


def _check_alerts(site: SiteFacts) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    for fact in site.failing:
        if fact.name not in _SAID_OTHERWISE:
            values = {"message": fact.message, "since": fact.since, "subject": str(fact.name)}
            yield AlertKind.CHECK, _severity_of_check(site, fact), values


def _severity_of_check(site: SiteFacts, fact: HealthFact) -> Severity:
    """Return the severity of a failing fact: critical once it was found again, unless it stops nothing.

    A goodbye of the plugin needs no second check.
    """
    if fact.is_warning:
        return Severity.WARNING
    seen_for = (fact.seen_at or 0) - (fact.since or 0)
    is_certain = seen_for >= CONFIRMED_AFTER or (site.left_at is not None and fact.name is FactName.PLUGIN)
    return Severity.CRITICAL if is_certain else Severity.WARNING


def _refusal_alerts(site: SiteFacts) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    if not site.secrets:
        yield AlertKind.NO_SECRET, Severity.CRITICAL, {}
    if site.held:
        yield AlertKind.QUARANTINE, Severity.CRITICAL, {"count": site.held, "since": site.held_since}
    if site.stale_at is not None and site.stale_at > max(site.validated_at or 0, site.last_event_at or 0):
        off = abs(site.stale_seconds or 0)
        yield AlertKind.CLOCK, Severity.CRITICAL, {"count": off, "since": site.stale_at}
    if site.too_large:
        # Its body is gone, and with it the account: only where it came from tells it from what anybody may send.
        severity = Severity.CRITICAL if site.too_large_is_plausible else Severity.WARNING
        yield AlertKind.TOO_LARGE, severity, {"count": site.too_large, "since": site.too_large_since}
    if site.unverified_large:
        values = {"count": site.unverified_large, "since": site.unverified_large_since}
        yield AlertKind.UNVERIFIED_LARGE, Severity.CRITICAL, values


def _grant_alerts(site: SiteFacts) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    # Whoever has a secret of the site can ask for any account, so this is never critical.
    if site.waiting:
        values = {"count": site.waiting, "since": site.waiting_since, "more": bool(site.waiting_dropped)}
        yield AlertKind.GRANT_REQUESTS, Severity.WARNING, values


def _webhook_alerts(site: SiteFacts, now: int) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    if not site.secrets:
        return
    events_come = site.last_event_at is not None and now - site.last_event_at < QUIET_AT_LEAST
    if site.validated_at is None:
        if not events_come:
            is_late = now - site.created_at > SETUP
            yield AlertKind.NOT_VALIDATED, Severity.CRITICAL if is_late else Severity.WARNING, {}
    elif now - site.validated_at > VALIDATED_EVERY + _VALIDATION_GRACE:
        # While events arrive, Zoom still considers the endpoint valid.
        yield (
            AlertKind.OVERDUE,
            Severity.WARNING if events_come else Severity.CRITICAL,
            {"since": site.validated_at},
        )
    if site.last_event_at is None:
        if site.validated_at is not None:
            yield AlertKind.NO_EVENT, Severity.WARNING, {"since": site.validated_at}
    elif now - site.last_event_at > quiet_after(site.usual_gap):
        yield AlertKind.QUIET, Severity.WARNING, {"since": site.last_event_at}


def quiet_after(usual_gap: int | None) -> int:
    """Return how long a site may go without events before it is quiet (ms)."""
    return max(QUIET_AT_LEAST, QUIET_TIMES * (usual_gap or 0))


def _severity(fault: str | None, since: int | None, now: int) -> Severity:
    """Return the severity of a fault: critical unless the bridge retries it; then when it lasts."""
    is_retried = fault is not None and fault in Fault.__members__.values() and Fault(fault).retry
    if is_retried and (since is None or now - since <= PATIENCE):
        return Severity.WARNING
    return Severity.CRITICAL
