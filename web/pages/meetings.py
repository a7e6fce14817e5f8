"""The Meetings page: search meetings."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from core.model.meeting import MeetingKind, MeetingState
from core.model.post_status import PostStatus
from core.monitoring.meeting_search import find
from core.store.db import clock as store_clock
from core.store.meetings import search as meeting_search
from core.store.meetings.search import LONGEST_SEARCH, MeetingFilter, MeetingKey, Period
from core.store.posts import status as post_status
from web.http.cache import application_cache
from web.pages.page import PageHandler

if TYPE_CHECKING:
    from core.bridge import Bridge
    from core.store.meetings.search import HostSummary, MeetingSummary
    from core.store.posts.status import PostSummary
    from core.store.sites.sites import SiteName

E = TypeVar("E", bound=StrEnum)

_ON_A_PAGE = 50
_LONGEST_ID = 200
_KEY = re.compile(r"(-?[0-9]{1,17})\.([0-9]{1,18})\.(.{0,200})", re.DOTALL)
_HOSTS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class MeetingList:
    """A page of meetings with their posts. `newer` and `older` are keys of the pages beside it.

    `now` is in Unix milliseconds; `is_any`: any meeting is known at all.
    """

    lines: list[MeetingSummary]
    posts: dict[tuple[str, int], list[PostSummary]]
    newer: str
    older: str
    now: int
    is_any: bool


@dataclass(frozen=True, slots=True)
class MeetingsView:
    """The list, its filter, and what to choose from.

    `is_narrowed`: by anything but the period; `is_filtered`: by more than words and period, so that the form for that
    is open; `gone`: the meeting that was requested does not exist.
    """

    listed: MeetingList
    filter: MeetingFilter
    parameters: dict[str, str]
    is_narrowed: bool
    is_filtered: bool
    periods: list[tuple[Period, dict[str, str]]]
    gone: bool
    hosts: list[HostSummary]
    sites: list[SiteName]


class MeetingsHandler(PageHandler):
    """`GET /meetings`: a page of the list."""

    path = "/meetings"

    async def get(self) -> None:
        parameters = {name: self.get_query_argument(name, "") for name in PARAMETERS}
        parameters["site"] = await self.named_site(parameters["site"])
        wanted = parse_query(parameters, of_site=self.site_id)
        after, before = (_key(self.get_query_argument(name, "")) for name in ("after", "before"))
        listed = await self.blocking(partial(_listed, self.bridge, wanted, after=after, before=before))
        every = await self.visible_sites()
        view = MeetingsView(
            listed=listed,
            filter=wanted,
            parameters=to_query(wanted, of_site=self.site_id),
            is_narrowed=wanted != MeetingFilter(when=wanted.when, site_id=self.site_id),
            is_filtered=wanted != MeetingFilter(wanted.words, wanted.when, site_id=self.site_id),
            periods=[(when, to_query(replace(wanted, when=when), of_site=self.site_id)) for when in Period],
            gone=bool(self.get_query_argument("gone", "")),
            hosts=await self.blocking(self._find_hosts),
            sites=every,
        )
        self.show("pages/meetings.jinja", view)

    def _find_hosts(self) -> list[HostSummary]:
        def look() -> list[HostSummary]:
            with self.bridge.store.reading() as connection:
                return meeting_search.hosts(connection, self.bridge.store.sealer, site_id=self.site_id)

        return application_cache(self.application, "hosts", _HOSTS_SECONDS).get(self.site_id, look)


class FindMeetingsHandler(PageHandler):
    """`POST /meetings/find`: redirect the form of the filter to the list. It changes nothing."""

    path = "/meetings"
    anyone_may_post = True

    async def post(self) -> None:
        parameters = {name: self.get_body_argument(name, "") for name in PARAMETERS}
        parameters["site"] = await self.named_site(parameters["site"])
        self.go("/meetings", **to_query(parse_query(parameters, of_site=self.site_id), of_site=self.site_id))


PARAMETERS = ("q", "when", "state", "kind", "host", "posts", "site")


def parse_query(parameters: dict[str, str], *, of_site: str | None) -> MeetingFilter:
    """Parse the filter of a query; missing or invalid parameters do not filter.

    Without filters, the period is upcoming. `of_site` is the only site that the viewer may see.
    """
    wanted = MeetingFilter(
        words=" ".join(parameters.get("q", "").split())[:LONGEST_SEARCH],
        state=_one_of(MeetingState, parameters.get("state", "")),
        kind=_one_of(MeetingKind, parameters.get("kind", "")),
        host_id=parameters.get("host", "")[:_LONGEST_ID],
        status=_one_of(PostStatus, parameters.get("posts", "")),
        site_id=of_site or parameters.get("site", "")[:_LONGEST_ID] or None,
    )
    return replace(wanted, when=_one_of(Period, parameters.get("when", "")) or default_period(wanted))


def default_period(wanted: MeetingFilter) -> Period:
    """Return the period of a filter that names none."""
    narrowed = (wanted.words, wanted.state, wanted.kind, wanted.host_id, wanted.status)
    return Period.ALL if any(narrowed) else Period.UPCOMING


def to_query(wanted: MeetingFilter, *, of_site: str | None) -> dict[str, str]:
    """Return the query parameters of a filter; the inverse of `parse_query`."""
    query = {
        "q": wanted.words,
        "when": "" if wanted.when is default_period(wanted) else wanted.when,
        "state": wanted.state or "",
        "kind": wanted.kind or "",
        "host": wanted.host_id,
        "posts": wanted.status or "",
        "site": "" if of_site else wanted.site_id or "",
    }
    return {name: str(value) for name, value in query.items() if value}


def _one_of(kind: type[E], value: str) -> E | None:
    try:
        return kind(value)
    except ValueError:
        return None


def _key(value: str) -> MeetingKey | None:
    found = _KEY.fullmatch(value)
    return MeetingKey(int(found[1]), int(found[2]), found[3]) if found else None


def _format_key(key: MeetingKey) -> str:
    return f"{key.starts_at}.{key.number}.{key.account_id}"


def _listed(
    bridge: Bridge, wanted: MeetingFilter, *, after: MeetingKey | None, before: MeetingKey | None
) -> MeetingList:
    now = int(time.time() * 1000)
    page = find(bridge.store, wanted, now=now, limit=_ON_A_PAGE, after=after, before=before)
    with bridge.store.reading() as connection:
        lines = meeting_search.lines(connection, bridge.store.sealer, page.keys, site_id=wanted.site_id)
        named = [(key.account_id, key.number) for key in page.keys]
        posts = post_status.of_meetings(
            connection, named, now=store_clock.now(connection), site_id=wanted.site_id
        )
        is_any = bool(lines) or meeting_search.has_meetings(connection, site_id=wanted.site_id)
    of_each: dict[tuple[str, int], list[PostSummary]] = {name: [] for name in named}
    for post in posts:
        of_each[post.account_id, post.number].append(post)
    return MeetingList(
        lines=lines,
        posts=of_each,
        newer=_format_key(page.keys[0]) if page.more_before and page.keys else "",
        older=_format_key(page.keys[-1]) if page.more_after and page.keys else "",
        now=now,
        is_any=is_any,
    )
