"""The Overview page: status of the sites, alerts, and statistics of events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from babel.numbers import format_decimal

from core.model.post_status import PostStatus
from core.monitoring import throughput as hourly
from core.monitoring.alert_groups import group_alerts
from core.monitoring.overview import gather
from core.monitoring.site_list import SiteFilter, SiteState, arrange, states_of
from core.store.events.log import Outcome
from web.http.cache import application_cache
from web.pages.page import PageHandler
from web.pages.sites import is_set_up
from web.ui import charts
from web.ui.charts import Frame, Mark, Series
from web.ui.durations import DurationFormat, in_units, unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from core.monitoring.alert_groups import AlertGroup
    from core.monitoring.overview import Overview
    from core.monitoring.site_list import SiteLine
    from core.monitoring.throughput import HourStats, Latency

MOST_SITES = 6
"""Sites that are shown one by one; the page Sites has all."""
MOST_GROUPS = 3
"""Alerts that are shown at once; the others open with a click."""
MOST_NAMED = 20
"""Sites that are named with an alert of many."""
_REFRESH_SECONDS, _REFRESH_SECONDS_WHILE_COUNTING = 15, 2
_OUTCOMES = (Outcome.APPLIED, Outcome.IGNORED, Outcome.PENDING, Outcome.UNREADABLE, Outcome.FAILED)
_RARE = frozenset({Outcome.UNREADABLE})  # shown only where there are any
_CSS = {
    Outcome.APPLIED: "is-good",
    Outcome.IGNORED: "is-plain",
    Outcome.PENDING: "is-waiting",
    Outcome.UNREADABLE: "is-accent",
    Outcome.FAILED: "is-bad",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """An hour or a day: its start (Unix milliseconds), its events by outcome, and the time from event to page."""

    begins: int
    outcomes: dict[Outcome, int]
    times: Latency


@dataclass(frozen=True, slots=True)
class SpanView:
    """The last day or week: its pieces, oldest first, and charts of events and times; None without data."""

    name: str
    pieces: list[Piece]
    events: Markup | None
    times: Markup | None


@dataclass(frozen=True, slots=True)
class OverviewView:
    """The sites with their alerts, and statistics of events. `is_whole` is False while events are being counted.

    The page refreshes itself after `seconds`. `groups` are the alerts, those that say the same of many sites together;
    `sites` those that are shown one by one, the worst first.
    """

    overview: Overview
    is_critical: bool
    has_warnings: bool
    spans: list[SpanView]
    is_whole: bool
    seconds: int
    outcomes: Sequence[Outcome]
    css: dict[Outcome, str]
    statuses: type[PostStatus]
    groups: Sequence[AlertGroup]
    sites: Sequence[SiteLine]
    states: type[SiteState] = SiteState
    most_groups: int = MOST_GROUPS
    most_named: int = MOST_NAMED


class OverviewHandler(PageHandler):
    """`GET /` shows the status of each site and statistics of events; the page refreshes itself."""

    path = "/"
    cache_seconds = 4.0  # one result serves every viewer for this long

    async def get(self) -> None:
        """Show the overview; where wp-admin begins (`start`), show the checklist of a site that is not set up yet."""
        site_id = self.site_id
        is_start = site_id is not None and self.get_query_argument("start", "")
        if is_start and not await self.blocking(is_set_up, self.bridge, site_id):
            self.go(f"/sites/{site_id}")
            return
        shown = await self.blocking(self._gather)
        week = shown.week
        of_day = [self._piece([hour], shown) for hour in week.hours[-hourly.DAY_HOURS :]]
        of_week = [self._piece(day, shown) for day in hourly.days(week)]
        view = OverviewView(
            overview=shown,
            is_critical=shown.critical > 0,
            has_warnings=bool(shown.alerts),
            spans=[
                SpanView("day", of_day, *self._charts("day", of_day, self._hour_marks())),
                SpanView("week", of_week, *self._charts("week", of_week, self._day_marks())),
            ],
            is_whole=week.is_whole,
            seconds=_REFRESH_SECONDS if week.is_whole else _REFRESH_SECONDS_WHILE_COUNTING,
            outcomes=_shown_outcomes(of_week),
            css=_CSS,
            statuses=PostStatus,
            groups=group_alerts(shown.alerts),
            sites=_worst_sites(shown),
        )
        self.show("pages/overview.jinja", view)

    def _gather(self) -> Overview:
        hours = self.bridge.throughput
        known = application_cache(self.application, "overview", self.cache_seconds)
        return known.get(self.site_id, partial(gather, self.bridge.store, hours, site_id=self.site_id))

    def _piece(self, hours: Sequence[HourStats], shown: Overview) -> Piece:
        counted = hourly.outcomes(hours, shown.accounts)
        times = hourly.latency(hours, self.site_id)
        return Piece(hours[0].begins, {outcome: counted[outcome] for outcome in _OUTCOMES}, times)

    def _charts(
        self, name: str, pieces: Sequence[Piece], marks: Sequence[Mark]
    ) -> tuple[Markup | None, Markup | None]:
        """Return the charts of events and of times of a span; None without data."""
        _ = self.words.gettext
        events = sum(sum(piece.outcomes.values()) for piece in pieces)
        measured = [piece.times for piece in pieces if piece.times.most is not None]
        outcomes = times = None
        if events:
            titles = {"day": _("Events in the last 24 hours"), "week": _("Events in the last 7 days")}
            description = _("%(count)s events in total. The table below lists the numbers.") % {
                "count": self._number(events)
            }
            frame = Frame(f"zb-events-{name}", titles[name], description, marks, self._number)
            outcomes = charts.bars(
                frame,
                [
                    Series(words, _CSS[outcome], [piece.outcomes[outcome] for piece in pieces])
                    for outcome, words in self._outcome_words().items()
                    if outcome in _shown_outcomes(pieces)
                ],
            )
        if measured:
            titles = {
                "day": _("Time from event to page in the last 24 hours"),
                "week": _("Time from event to page in the last 7 days"),
            }
            slowest = max(one.most or 0 for one in measured)
            unit, lengths = unit_of(slowest), DurationFormat(self.words, self.shell.language)
            description = _(
                "The 95th percentile is at most %(time)s, in the slowest interval. The table below lists the numbers."
            )
            description %= {"time": lengths.format(slowest)}
            frame = Frame(
                f"zb-times-{name}", titles[name], description, marks, partial(lengths.format_in, unit)
            )
            times = charts.lines(
                frame,
                [
                    Series(
                        _("95th percentile"),
                        "is-accent",
                        in_units(unit, [piece.times.most for piece in pieces]),
                    ),
                    Series(
                        _("Median"),
                        "is-good",
                        in_units(unit, [piece.times.median for piece in pieces]),
                    ),
                ],
            )
        return outcomes, times

    def _outcome_words(self) -> dict[Outcome, str]:
        _ = self.words.gettext
        return {
            Outcome.APPLIED: _("Applied"),
            Outcome.IGNORED: _("Ignored"),
            Outcome.PENDING: _("Pending"),
            Outcome.UNREADABLE: _("Unreadable"),
            Outcome.FAILED: _("Failed"),
        }

    def _hour_marks(self) -> list[Mark]:
        _ = self.words.gettext
        hours = hourly.DAY_HOURS
        marks = [
            Mark(hours - ago, _("%(hours)s h ago") % {"hours": ago}, ago % 12 != 0) for ago in (24, 18, 12, 6)
        ]
        return [*marks, Mark(hours, _("now"))]

    def _day_marks(self) -> list[Mark]:
        _ = self.words.gettext
        days = hourly.WEEK_HOURS // hourly.DAY_HOURS
        marks = [Mark(days - ago, _("%(days)s days ago") % {"days": ago}) for ago in (days, 4)]
        return [*marks, Mark(days, _("now"))]

    def _number(self, value: float) -> str:
        return format_decimal(value, locale=self.shell.language)


def _worst_sites(shown: Overview) -> list[SiteLine]:
    """Return the sites that are shown one by one, with the states that the list of sites has, in its order."""
    return arrange(states_of(shown.sites, shown.alerts), SiteFilter())[:MOST_SITES]


def _shown_outcomes(pieces: Sequence[Piece]) -> list[Outcome]:
    """Return the outcomes that a table or a chart of these pieces has."""
    return [
        outcome
        for outcome in _OUTCOMES
        if outcome not in _RARE or any(piece.outcomes[outcome] for piece in pieces)
    ]
