"""What is not as it should be, from what is known of the sites: in the order in which it matters. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.errors import Fault
from core.store.posts.status import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.store.sites.health import SiteFacts

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
PATIENCE = 15 * _MINUTE
"""How long what the bridge tries again by itself may last before a person is asked to look (ms)."""
VALIDATED_EVERY = 72 * _HOUR
_VALIDATION_GRACE = 2 * _HOUR
QUIET_AT_LEAST = 24 * _HOUR
QUIET_TIMES = 4
"""A site is quiet after so many times the longest gap between its events of the last week."""
_SMALL_DISK, _SMALL_PART = 1024**3, 0.05


class Severity(StrEnum):
    """Who has to do something."""

    BAD = "bad"  # a person
    WAITING = (
        "waiting"  # nobody yet: the bridge, Zoom or the site goes on by itself, or it may be as it should
    )


class AlertKind(StrEnum):
    """What it is."""

    FAILED_EVENTS = "failed-events"  # the bridge could not fold them
    DISK = "disk"  # nearly full
    ACCOUNT = "account"  # Zoom does not let the bridge read it; `message` says why
    SITE = "site"  # it fails as a whole; `message` says how
    NO_SECRET = "no-secret"  # noqa: S105 - a kind of trouble
    QUARANTINE = "quarantine"  # events are refused, and kept
    FAILING = "failing"  # posts fail by themselves, for the reason in `message`
    NOT_VALIDATED = "not-validated"  # by Zoom, so far
    OVERDUE = "overdue"  # Zoom's validation
    NO_EVENT = "no-event"  # so far
    QUIET = "quiet"  # no event for longer than usual
    BEHIND = "behind"  # posts wait, and not because of a failure


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing. `since` (ms since 1970, UTC) is when it began, or when all was well for the last time.

    `count` is how many events, posts or bytes it is about; `more`, whether that is only the least it may be.
    """

    kind: AlertKind
    level: Severity
    site_id: str | None = None
    site_name: str = ""
    count: int = 0
    since: int | None = None
    until: int | None = None
    message: str = ""
    more: bool = False


@dataclass(frozen=True, slots=True)
class Disk:
    """Where the database is, in bytes."""

    free: int
    total: int

    @property
    def is_nearly_full(self) -> bool:
        """Whether there is little left: the log could not be written, and Zoom would have to send again."""
        return self.free < _SMALL_DISK or (
            self.free < 10 * _SMALL_DISK and self.free < _SMALL_PART * self.total
        )


def alerts_of(
    sites: Iterable[SiteFacts],
    *,
    now: int,
    failed_events: int = 0,
    more_failed: bool = False,
    disk: Disk | None = None,
    accounts: Iterable[tuple[str, str]] = (),
) -> list[Alert]:
    """Return what is not as it should be, what needs a person first.

    `accounts` are Zoom accounts that cannot be read, by name, and why.
    """
    found = []
    if failed_events:
        found.append(Alert(AlertKind.FAILED_EVENTS, Severity.BAD, count=failed_events, more=more_failed))
    if disk is not None and disk.is_nearly_full:
        found.append(Alert(AlertKind.DISK, Severity.BAD, count=disk.free))
    for name, message in accounts:
        found.append(Alert(AlertKind.ACCOUNT, Severity.BAD, site_name=name, message=message))
    for site in sites:
        for kind, level, values in _of_site(site, now):
            found.append(Alert(kind, level, site.id, site.name, **values))
    return sorted(found, key=lambda trouble: trouble.level is not Severity.BAD)


def _of_site(site: SiteFacts, now: int) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    yield from _of_writing(site, now)
    yield from _of_zoom(site, now)


def _of_writing(site: SiteFacts, now: int) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    waiting, since = site.count(Standing.PENDING), site.since(Standing.PENDING)
    if site.fault_message:
        behind = [moment for moment in (since, site.since(Standing.FAILING)) if moment is not None]
        began = min(behind, default=site.last_write_at)
        told = {"message": site.fault_message, "since": began, "until": site.blocked_until, "count": waiting}
        yield AlertKind.SITE, _level(site.fault, began, now), told
    for one in site.open:
        if one.standing is Standing.FAILING and not site.fault_message:
            told = {"message": one.message, "since": one.since, "count": one.count}
            yield AlertKind.FAILING, _level(one.fault, one.since, now), told
    if waiting and not site.fault_message and since is not None and now - since > PATIENCE:
        yield AlertKind.BEHIND, Severity.WAITING, {"count": waiting, "since": since}


def _of_zoom(site: SiteFacts, now: int) -> Iterable[tuple[AlertKind, Severity, dict[str, Any]]]:
    if not site.secrets:
        yield AlertKind.NO_SECRET, Severity.BAD, {}
    if site.held:
        yield AlertKind.QUARANTINE, Severity.BAD, {"count": site.held, "since": site.held_since}
    if not site.secrets:
        return
    events_come = site.last_event_at is not None and now - site.last_event_at < QUIET_AT_LEAST
    if site.validated_at is None:
        if not events_come:
            yield AlertKind.NOT_VALIDATED, Severity.WAITING, {}
    elif now - site.validated_at > VALIDATED_EVERY + _VALIDATION_GRACE:
        # While events come, Zoom still takes the endpoint for a valid one.
        yield (
            AlertKind.OVERDUE,
            Severity.WAITING if events_come else Severity.BAD,
            {"since": site.validated_at},
        )
    if site.last_event_at is None:
        if site.validated_at is not None:
            yield AlertKind.NO_EVENT, Severity.WAITING, {"since": site.validated_at}
    elif now - site.last_event_at > quiet_after(site.usual_gap):
        yield AlertKind.QUIET, Severity.WAITING, {"since": site.last_event_at}


def quiet_after(usual_gap: int | None) -> int:
    """Return after how long without an event a site is said to be quiet (ms)."""
    return max(QUIET_AT_LEAST, QUIET_TIMES * (usual_gap or 0))


def _level(fault: str | None, since: int | None, now: int) -> Severity:
    """Return who has to do something: a person at once where only a person can mend it, else when it lasts."""
    passes = fault is not None and fault in Fault.__members__.values() and Fault(fault).retry
    if passes and (since is None or now - since <= PATIENCE):
        return Severity.WAITING
    return Severity.BAD
