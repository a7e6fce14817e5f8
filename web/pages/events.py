"""The Events page: search the log and the quarantine."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from core.monitoring.event_detail import claims
from core.store.events import large_requests, quarantine
from core.store.events import search as event_search
from core.store.events.dismissal import Dismissible, dismiss
from core.store.events.log import Outcome
from core.store.events.search import EventFilter, EventKey
from core.store.meetings import meetings
from web.pages.page import PageHandler
from web.ui.time_filters import format_utc, parse_time

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.events.large_requests import LargeRequest
    from core.store.events.quarantine import QuarantinedRequest
    from core.store.events.search import EventCount, EventSummary
    from core.store.sites.sites import SiteName

_ON_A_PAGE = 50
_LONGEST = 200
_KEY = re.compile(r"([0-9]{1,16})\.([0-9]{1,18})")
QUARANTINED = "refused"
PARAMETERS = ("event", "outcome", "number", "site", "since", "until")


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The filters of a request. `values` are the submitted ones and `errors` those of invalid ones, by field."""

    wanted: EventFilter
    refused: bool
    values: dict[str, str]
    errors: dict[str, str]

    def query(self, *, of_site: str | None) -> dict[str, str]:
        """Return the query parameters of the same filters."""
        wanted = self.wanted
        query = {
            "event": wanted.event,
            "outcome": QUARANTINED if self.refused else wanted.outcome or "",
            "number": "" if wanted.number is None else str(wanted.number),
            "site": "" if of_site else wanted.site_id or "",
            "since": "" if wanted.since is None else format_utc(wanted.since),
            "until": "" if wanted.until is None else format_utc(wanted.until),
        }
        return {name: str(value) for name, value in query.items() if value}


# Marks texts for translation: the extraction looks for this name.
def _(text: str) -> str:
    return text


def parse_query(values: dict[str, str], *, of_site: str | None) -> EventQuery:
    """Parse the filters of a query or a form. `of_site` is the only site that the viewer may see."""
    errors = {}
    number = re.sub(r"[\s-]", "", values.get("number", ""))
    if number and not re.fullmatch(r"[0-9]{1,15}", number):
        errors["number"] = _("A meeting number consists of digits only, for example 853 9384 7045.")
    times: dict[str, int] = {}
    for name in ("since", "until"):
        text = values.get(name, "").strip()
        if text:
            try:
                times[name] = parse_time(text, now=time.time())
            except ValueError:
                errors[name] = _("Enter a date, or a date and a time, for example 2026-11-23 10:00.")
    if "since" in times and "until" in times and times["since"] >= times["until"]:
        errors["until"] = _("The end must be after the start.")
    outcome = values.get("outcome", "")
    wanted = EventFilter(
        event=values.get("event", "").strip()[:_LONGEST],
        outcome=Outcome(outcome) if outcome in set(Outcome) else None,
        number=int(number) if number and "number" not in errors else None,
        site_id=of_site or values.get("site", "")[:_LONGEST] or None,
        since=times.get("since"),
        until=times.get("until"),
    )
    return EventQuery(wanted, outcome == QUARANTINED, values, errors)


@dataclass(frozen=True, slots=True)
class EventList:
    """A page of events, or of quarantined requests. `newer` and `older` are keys of the pages beside it.

    `large` are requests that were too large to keep, newest first. `alerting` of the quarantined ones raise an alert.
    `is_any`: the log holds any event at all.
    """

    lines: list[EventSummary]
    refused: list[tuple[QuarantinedRequest, str, int | None]]
    topics: dict[tuple[str, int], str]
    newer: str
    older: str
    count: EventCount | None
    names: list[str]
    is_any: bool
    large: list[LargeRequest] = field(default_factory=list)
    alerting: int = 0


@dataclass(frozen=True, slots=True)
class EventsView:
    """The list, the filters as they were read, and the sites to choose from.

    `is_filtered`: by more than the status; `is_newest`: the list starts with the newest event; `gone`: the event
    that was requested does not exist.
    """

    listed: EventList
    query: EventQuery
    filter: EventFilter
    parameters: dict[str, str]
    statuses: list[tuple[str, dict[str, str]]]
    is_filtered: bool
    sites: list[SiteName]
    site_names: dict[str, str]
    gone: bool
    is_newest: bool


class EventsHandler(PageHandler):
    """`GET /events`: a page of the list."""

    path = "/events"

    async def get(self) -> None:
        await self._show({name: self.get_query_argument(name, "") for name in PARAMETERS})

    async def _show(self, values: dict[str, str]) -> None:
        values["site"] = await self.named_site(values["site"])
        requested = parse_query(values, of_site=self.site_id)
        before, after = (parse_key(self.get_query_argument(name, "")) for name in ("before", "after"))
        listed = await self.blocking(partial(_listed, self.bridge, requested, before=before, after=after))
        every = await self.visible_sites()
        query = requested.query(of_site=self.site_id)
        view = EventsView(
            listed=listed,
            query=requested,
            filter=requested.wanted,
            parameters=query,
            statuses=[(outcome, _with(query, outcome)) for outcome in ("", *Outcome, QUARANTINED)],
            is_filtered=any(name != "outcome" for name in query),
            sites=every,
            site_names={site.id: site.name for site in every},
            gone=bool(self.get_query_argument("gone", "")),
            is_newest=before is None and after is None,
        )
        self.show("pages/events.jinja", view, status=422 if requested.errors else 200)


class FindEventsHandler(EventsHandler):
    """`POST /events/find`: redirect the form of the filters to the list. It changes nothing."""

    anyone_may_post = True

    async def get(self) -> None:
        """Redirect a reload to the list."""
        self.go("/events")

    async def post(self) -> None:
        """Redirect to the list, or show the errors."""
        values = {name: self.get_body_argument(name, "") for name in PARAMETERS}
        values["site"] = await self.named_site(values["site"])
        requested = parse_query(values, of_site=self.site_id)
        if requested.errors:
            await self._show(values)
        else:
            self.go("/events", **requested.query(of_site=self.site_id))


class DismissHandler(PageHandler):
    """`POST /events/dismiss`: dismiss the alerts about quarantined requests, or about those that were too large."""

    path = "/events"

    async def get(self) -> None:
        """Redirect a reload to the list."""
        self.go("/events", outcome=QUARANTINED)

    async def post(self) -> None:
        """Dismiss those that the page showed, and older ones, of the sites that it was about."""
        requests, shown = self.get_body_argument("requests", ""), self.get_body_argument("upto", "")
        site_id = self.site_id or self.get_body_argument("site", "")[:_LONGEST] or None
        if requests in set(Dismissible) and re.fullmatch(r"[0-9]{1,18}", shown):
            write = partial(dismiss, requests=Dismissible(requests), upto=int(shown), site_id=site_id)
            await self.blocking(partial(self.bridge.store.write, write))
        self.go("/events", outcome=QUARANTINED, **({"site": site_id} if site_id and not self.site_id else {}))


def parse_key(value: str) -> EventKey | None:
    """Parse the key of a place in the list."""
    found = _KEY.fullmatch(value)
    return EventKey(int(found[1]), int(found[2])) if found else None


def _format_key(place: EventKey) -> str:
    return f"{place.received_at}.{place.id}"


def _with(query: dict[str, str], outcome: str) -> dict[str, str]:
    """Return the parameters for another status; quarantined requests are filtered by site and time only."""
    parameters = {name: value for name, value in query.items() if name != "outcome"}
    if outcome == QUARANTINED:
        parameters = {name: value for name, value in parameters.items() if name in ("site", "since", "until")}
    return parameters | ({"outcome": str(outcome)} if outcome else {})


def _listed(
    bridge: Bridge, requested: EventQuery, *, before: EventKey | None, after: EventKey | None
) -> EventList:
    if requested.refused:
        return _listed_refused(bridge, requested, before=before, after=after)
    wanted = requested.wanted
    with bridge.store.reading() as connection:
        page = event_search.page(connection, wanted, limit=_ON_A_PAGE, before=before, after=after)
        count = event_search.count(connection, wanted)
        names = event_search.event_names(connection, wanted.site_id)
        # What waits for a grant tells nothing of the account's meetings.
        named = {
            (line.account_id, line.number)
            for line in page.events
            if line.number is not None and line.outcome != Outcome.WAITING
        }
        topics = meetings.topics(connection, bridge.store.sealer, sorted(named))
    newer, older = _keys_of(page.events[0].key, page.events[-1].key) if page.events else ("", "")
    return EventList(
        lines=page.events,
        refused=[],
        topics=topics,
        newer=newer if page.more_newer else "",
        older=older if page.more_older else "",
        count=count,
        names=names,
        is_any=bool(names),
    )


def _listed_refused(
    bridge: Bridge, requested: EventQuery, *, before: EventKey | None, after: EventKey | None
) -> EventList:
    with bridge.store.reading() as connection:
        page = quarantine.page(
            connection, requested.wanted, bridge.store.sealer, limit=_ON_A_PAGE, before=before, after=after
        )
        large = large_requests.list_all(connection, bridge.store.sealer, site_id=requested.wanted.site_id)
        alerting = quarantine.alerting(connection, site_id=requested.wanted.site_id)
    newer, older = _keys_of(page.requests[0].key, page.requests[-1].key) if page.requests else ("", "")
    return EventList(
        lines=[],
        refused=[(one, *claims(one)) for one in page.requests],
        topics={},
        newer=newer if page.more_newer else "",
        older=older if page.more_older else "",
        count=None,
        names=[],
        is_any=True,
        large=large,
        alerting=sum(number for number, _ in alerting.values()),
    )


def _keys_of(first: EventKey, last: EventKey) -> tuple[str, str]:
    return _format_key(first), _format_key(last)
