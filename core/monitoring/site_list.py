"""List sites with their states: searched, filtered, sorted, in pages. The states come from the alerts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from core.monitoring.alerts import AlertKind, Severity
from core.monitoring.notify.texts import describe
from core.monitoring.overview import current_alerts
from core.store.alerts import open_alerts
from core.store.db import clock as store_clock
from core.store.sites.sites import SiteName

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.model.site_facts import SiteFacts
    from core.monitoring.alerts import Alert
    from core.monitoring.throughput import WeekStats
    from core.store.db.engine import Store

LONGEST_SEARCH = 100
# What a new site lacks until it is set up: the setup checklist tells it.
_OF_SETUP = frozenset({AlertKind.NO_SECRET, AlertKind.NOT_VALIDATED, AlertKind.NO_EVENT})
_OF_SITE = frozenset({AlertKind.SITE, AlertKind.CHECK})


class SiteState(StrEnum):
    """The state of a site in lists, the worst first."""

    FAILING = "failing"  # a critical alert
    SETUP = "setup"  # the setup is incomplete
    WAITING = "waiting"  # for the first event
    WARNING = "warning"
    PAUSED = "paused"  # by a person
    OK = "ok"


class SiteSort(StrEnum):
    """The order of a list."""

    STATE = "state"  # the worst first
    NAME = "name"
    EVENT = "event"  # the last event, the newest first
    UPDATE = "update"  # the last write, the newest first
    ADDED = "added"  # the newest first


@dataclass(frozen=True, slots=True)
class SiteFilter:
    """Which sites are listed, and in which order. `words` are searched in names, addresses and tags."""

    words: str = ""
    state: SiteState | None = None
    tag: str = ""
    sort: SiteSort = SiteSort.STATE


@dataclass(frozen=True, slots=True)
class SiteLine:
    """A site in a list. `message` says what is wrong, in English of `core.messages`; `others` counts further alerts.

    `fault` is why the site cannot be reached or written to, or what a check has found, if anything.
    """

    site: SiteFacts
    state: SiteState
    message: str = ""
    others: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SiteList:
    """A page of a list: `total` sites match the filter, of `known` altogether.

    `states` and `tags` count the sites of each, whatever the filter. `names` are those of all, by name.
    """

    lines: Sequence[SiteLine]
    total: int
    known: int
    states: Mapping[SiteState, int] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)
    names: Sequence[SiteName] = ()


def list_sites(
    connection: Connection,
    store: Store,
    week: WeekStats,
    wanted: SiteFilter,
    *,
    site_id: str | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> SiteList:
    """Return a page of the sites that match; `site_id` is the only one that the viewer may see.

    `week` tells how usual it is that no event arrives.
    """
    now = store_clock.now(connection)
    alerts, sites = current_alerts(connection, store, week, now=now, site_id=site_id)
    quiet = {
        one.id for one in open_alerts.list_all(connection, site_id=site_id).values() if one.is_quiet(now)
    }
    lines = states_of(sites, [alert for alert in alerts if alert.id not in quiet])
    found = arrange(lines, wanted)
    states: dict[SiteState, int] = {}
    tags: dict[str, int] = {}
    for line in lines:
        for state in {line.state} | ({SiteState.PAUSED} if line.site.paused_at is not None else set()):
            states[state] = states.get(state, 0) + 1
        for tag in line.site.tags:
            tags[tag] = tags.get(tag, 0) + 1
    end = None if limit is None else offset + limit
    shown = dict(sorted(tags.items(), key=lambda one: one[0].casefold()))
    names = sorted(
        (SiteName(site.id, site.name, site.url) for site in sites), key=lambda one: one.name.casefold()
    )
    return SiteList(found[offset:end], len(found), len(lines), states, shown, names)


def states_of(sites: Iterable[SiteFacts], alerts: Iterable[Alert]) -> list[SiteLine]:
    """Return the sites with their states, derived from the alerts that nobody acknowledged or snoozed. Pure."""
    of_site: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.site_id is not None:
            of_site.setdefault(alert.site_id, []).append(alert)
    return [_line(site, of_site.get(site.id, [])) for site in sites]


def _line(site: SiteFacts, alerts: Sequence[Alert]) -> SiteLine:
    is_new = site.validated_at is None
    urgent = [
        one for one in alerts if one.severity is Severity.CRITICAL and not (is_new and one.kind in _OF_SETUP)
    ]
    faults = [one.message for one in urgent if one.kind in _OF_SITE]
    fault = faults[0] if faults else site.fault_message
    if urgent:
        return SiteLine(site, SiteState.FAILING, _message(urgent[0]), len(alerts) - 1, fault)
    if site.paused_at is not None:
        return SiteLine(site, SiteState.PAUSED, fault=fault)
    # What the setup lacks is the label's to say.
    telling = [one for one in alerts if one.kind not in _OF_SETUP]
    message, others = (_message(telling[0]), len(telling) - 1) if telling else ("", 0)
    if is_new:
        return SiteLine(site, SiteState.SETUP, message, others, fault)
    if site.last_event_at is None:
        return SiteLine(site, SiteState.WAITING, message, others, fault)
    return SiteLine(site, SiteState.WARNING if telling else SiteState.OK, message, others, fault)


def _message(alert: Alert) -> str:
    return alert.message if alert.kind in _OF_SITE else describe(alert)


def arrange(lines: Iterable[SiteLine], wanted: SiteFilter) -> list[SiteLine]:
    """Return the lines that match a filter, in its order. Pure."""
    words = wanted.words.casefold().split()
    found = [
        line
        for line in lines
        if _is_in_state(line, wanted.state)
        and (not wanted.tag or wanted.tag.casefold() in {tag.casefold() for tag in line.site.tags})
        and _has(line.site, words)
    ]
    by_name = sorted(found, key=lambda line: (line.site.name.casefold(), line.site.url))
    match wanted.sort:
        case SiteSort.STATE:
            order = list(SiteState)
            return sorted(by_name, key=lambda line: order.index(line.state))
        case SiteSort.EVENT:
            return sorted(by_name, key=lambda line: -(line.site.last_event_at or 0))
        case SiteSort.UPDATE:
            return sorted(by_name, key=lambda line: -(line.site.last_write_at or 0))
        case SiteSort.ADDED:
            return sorted(by_name, key=lambda line: -line.site.created_at)
    return by_name


def _is_in_state(line: SiteLine, state: SiteState | None) -> bool:
    return state in (None, line.state) or (state is SiteState.PAUSED and line.site.paused_at is not None)


def _has(site: SiteFacts, words: Sequence[str]) -> bool:
    text = " ".join((site.name, site.url, site.id, *site.tags)).casefold()
    return all(word in text for word in words)
