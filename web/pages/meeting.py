"""The page of one meeting: its data, occurrences, posts on the sites, and history."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from babel.dates import format_date, format_time, get_timezone_name
from tornado.web import Finish

from core.model.diff import EventDiff, event_diffs, field_diffs
from core.model.identity import Record, shared_steps
from core.model.instances import end_of
from core.model.meeting import MeetingState
from core.model.post_status import PostStatus
from core.model.rules import read as read_rules
from core.model.shared_number import leading
from core.render.meeting_html import LONGEST_LIST
from core.render.post import kept_until
from core.render.schedule import JOINABLE, Phase, Schedule, schedule_at
from core.render.search_fields import search_host_id
from core.render.text import web_address
from core.store import audit
from core.store.audit import Action
from core.store.db import clock as store_clock
from core.store.events import delivery, history
from core.store.events import search as event_search
from core.store.events.log import Outcome
from core.store.events.search import EventFilter
from core.store.meetings import meetings, shown
from core.store.meetings import search as meeting_search
from core.store.posts import attempts, requeue
from core.store.posts import status as post_status
from core.store.posts.requeue import RequeueResult
from core.store.sites import sites
from core.zoom import masking
from web.pages.page import PageHandler
from web.ui.change_labels import ChangeLabel, label_changes
from web.ui.meetings import meeting_path

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.bridge import Bridge
    from core.model.meeting import Meeting, Occurrence
    from core.store.db.encryption import Sealer
    from core.store.events.delivery import SiteDelivery
    from core.store.events.history import EventHistory
    from core.store.posts.attempts import Attempt
    from core.store.posts.status import PostSummary

_ATTEMPTS = 20
_EVENTS = 20  # of the history, on one page
_LONGEST_TEXT = 5000
_HIDDEN = "•" * 6


@dataclass(frozen=True, slots=True)
class MeetingDetail:
    """A meeting with its schedule, posts, attempts by site ID, and history. Times are Unix milliseconds.

    `kept_until`: until when a cancelled meeting's page stays, by site ID; sites where it does not are left out.
    """

    meeting: Meeting
    schedule: Schedule
    posts: list[PostSummary]
    attempts: dict[str, list[Attempt]]
    history: MeetingHistory
    host: str
    now: int
    kept_until: dict[str, int]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One event of the meeting: what it changed, and its delivery to the sites. Times are Unix milliseconds."""

    id: int
    event: str
    at: int
    received_at: int
    step: EventDiff
    deliveries: list[SiteDelivery]


@dataclass(frozen=True, slots=True)
class MeetingHistory:
    """A page of events, newest first. `older` is the key of the next page; `failed`: some events failed.

    `is_whole` is False if the meeting has too many events and only the first ones are listed; `dropped`: earlier
    events are no longer in the log.
    """

    events: list[HistoryEntry]
    older: str
    is_whole: bool
    dropped: bool
    failed: bool


@dataclass(frozen=True, slots=True)
class MeetingView:
    """One meeting: its data, occurrences, posts and history.

    `left_out` and `over` count occurrences that are not listed: later ones and ended ones. `is_pending`: a post is
    about to change, so the page refreshes itself. `result` is that of the last form, for the post `result_of`.
    `changes` are by event ID; `before` is the key of the page of the history, 0 on the first.
    """

    meeting: Meeting
    path: str
    phase: Phase
    is_joinable: bool
    leading: OccurrenceView | None
    occurrences: list[OccurrenceView]
    left_out: int
    over: int
    zone: str
    host_id: str
    host: str
    topic: str
    agenda: str
    join_url: str
    passcode: str
    posts: list[PostSummary]
    is_pending: bool
    attempts: dict[str, list[Attempt]]
    now: int
    kept_until: dict[str, int]
    history: MeetingHistory
    changes: dict[int, list[ChangeLabel]]
    before: int
    result: str
    result_of: PostSummary | None


class MeetingHandler(PageHandler):
    """`GET /meetings/ACCOUNT/NUMBER` shows the meeting; `POST` requeues one of its posts."""

    path = "/meetings"

    async def get(self, account_id: str, number: str) -> None:
        before = self.get_query_argument("before", "")
        known = before if re.fullmatch("[0-9]{1,18}", before) else "0"
        state = await self._state(_account(account_id), int(number), before=int(known))
        meeting = state.meeting
        language = self.shell.language
        dates = state.schedule.remaining if meeting.is_series else ()
        result_of = self.get_query_argument("at", "")
        view = MeetingView(
            meeting=meeting,
            path=meeting_path(meeting.account_id, meeting.number),
            phase=state.schedule.phase,
            is_joinable=state.schedule.phase in JOINABLE and meeting.state is MeetingState.SCHEDULED,
            leading=None
            if state.schedule.leading is None
            else OccurrenceView.of(meeting, state.schedule.leading, language),
            occurrences=[OccurrenceView.of(meeting, date, language) for date in dates[:LONGEST_LIST]],
            left_out=max(len(dates) - LONGEST_LIST, 0),
            over=len(meeting.occurrences) - len(dates) if meeting.is_series else 0,
            zone=get_timezone_name(meeting.timezone, locale=language),
            host_id=search_host_id(meeting),
            host=state.host,
            topic=self._shown(meeting.topic, meeting),
            agenda=self._shown(meeting.agenda, meeting)[:_LONGEST_TEXT],
            join_url=self._join_url(meeting),
            passcode=meeting.password[:100]
            if self.viewer.may_change
            else _HIDDEN
            if meeting.password
            else "",
            posts=state.posts,
            is_pending=any(_is_pending(post, state.now) for post in state.posts),
            attempts=state.attempts,
            now=state.now,
            kept_until=state.kept_until,
            history=state.history,
            changes={one.id: self._changes(one.step) for one in state.history.events},
            before=int(known),
            result=self.get_query_argument("result", ""),
            result_of=next((post for post in state.posts if post.site_id == result_of), None),
        )
        self.show("pages/meeting.jinja", view)

    async def post(self, account_id: str, number: str) -> None:
        """Resync or recreate a post, or give it the title that the meeting has in Zoom."""
        state = await self._state(_account(account_id), int(number))
        meeting = state.meeting
        site_id = self.get_body_argument("site", "")
        do = self.get_body_argument("do", "")
        asks = {"resync": requeue.resync, "recreate": requeue.recreate, "title": requeue.return_title}
        ask = asks.get(do)
        path = meeting_path(meeting.account_id, meeting.number)
        if ask is None or not any(post.site_id == site_id for post in state.posts):
            self.go(path, result=RequeueResult.NOT_FOUND)
            return
        label_changes = await self.blocking(
            partial(_ask, self.bridge, ask, site_id=site_id, number=meeting.number)
        )
        done = {"resync": "resynced", "recreate": "recreated", "title": "title"}[do]
        self.go(path, result=done if label_changes is RequeueResult.REQUEUED else label_changes, at=site_id)

    def _changes(self, step: EventDiff) -> list[ChangeLabel]:
        found = field_diffs(step.before, step.after)
        return label_changes(
            found,
            self.words,
            self.shell.language,
            passcodes=self.viewer.may_change,
            secrets=step.passcodes,
        )

    def _shown(self, text: str, meeting: Meeting) -> str:
        """Return a text of the host without keys to their account, and without passcodes for viewers."""
        shown: str = masking.mask_value(
            text[: 2 * _LONGEST_TEXT],
            passcodes=self.viewer.may_change,
            secrets=[meeting.password] if meeting.password else [],
        )
        return shown

    async def _state(self, account_id: str, number: int, *, before: int = 0) -> MeetingDetail:
        """Load a meeting; redirect to the list if it does not exist or may not be seen.

        If its number is another account's now, redirect to the meeting of that.
        """
        owner = await self.blocking(
            partial(_successor, self.bridge, account_id, number, site_id=self.site_id)
        )
        if owner is not None:
            self.go(meeting_path(owner, number))
            raise Finish
        state = await self.blocking(
            partial(_read, self.bridge, account_id, number, site_id=self.site_id, before=before)
        )
        if state is None:
            self.go("/meetings", gone="yes")
            raise Finish
        return state

    def _join_url(self, meeting: Meeting) -> str:
        """Return the link for participants; viewers see it without the passcode."""
        whole = web_address(meeting.join_url)
        if self.viewer.may_change:
            return whole
        parts = urlsplit(whole)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class OccurrenceView:
    """An occurrence, formatted in the meeting's time zone. `at` is in Unix milliseconds; `minutes`: its duration."""

    day: str
    time: str
    at: int
    minutes: int
    is_available: bool
    is_over: bool

    @classmethod
    def of(cls, meeting: Meeting, date: Occurrence, language: str) -> OccurrenceView:
        local = date.start_time.astimezone(meeting.timezone)
        return cls(
            day=format_date(local, "full", locale=language),
            time=format_time(local, "short", locale=language),
            at=int(date.start_time.timestamp() * 1000),
            minutes=date.duration,
            is_available=date.available,
            is_over=end_of(date) <= datetime.now(UTC),
        )


def _account(given: str) -> str:
    return "" if given == "-" else given


def _is_pending(post: PostSummary, now: int) -> bool:
    """Whether a post is about to change, so that the page refreshes itself."""
    if post.is_held or post.status is PostStatus.PENDING:
        return True
    return post.due_at is not None and post.due_at <= now


def _read(
    bridge: Bridge, account_id: str, number: int, *, site_id: str | None, before: int
) -> MeetingDetail | None:
    with bridge.store.reading() as connection:
        if site_id is not None and not meeting_search.is_listed(
            connection, account_id, number, site_id=site_id
        ):
            return None
        known = meetings.load(connection, bridge.store.sealer, account_id, number)
        if known is None:
            return None
        now = store_clock.now(connection)
        posts = post_status.of_meetings(connection, [(account_id, number)], now=now, site_id=site_id)
        tried = {
            post.site_id: attempts.of_post(connection, post.site_id, number, limit=_ATTEMPTS)
            for post in posts
        }
        told_by = shown.accounts_of_owner(connection, account_id, number, site_id=site_id)
        found = shown.resolve(connection, bridge.store.sealer, told_by, [number])
        whole = found[number][0] if number in found else known[0]
        host = _host(connection, bridge.store.sealer, whole, site_id=site_id)
        past = _history(connection, bridge, account_id, told_by, number, site_id=site_id, before=before)
        kept = _kept_until(connection, bridge.store.sealer, whole, posts, now=now)
    moment = datetime.fromtimestamp(time.time(), UTC)
    meeting = leading(whole, moment)
    schedule = schedule_at(meeting, moment)
    return MeetingDetail(meeting, schedule, posts, tried, past, host, now, kept)


def _kept_until(
    connection: Connection, sealer: Sealer, meeting: Meeting, posts: list[PostSummary], *, now: int
) -> dict[str, int]:
    found = {}
    for post in posts if meeting.state is MeetingState.DELETED else []:
        until = kept_until(meeting, read_rules(sites.load(connection, post.site_id, sealer).rules).rules)
        if until is not None and until.timestamp() * 1000 > now:
            found[post.site_id] = int(until.timestamp() * 1000)
    return found


def _host(connection: Connection, sealer: Sealer, meeting: Meeting, *, site_id: str | None) -> str:
    """Return the host's name, e-mail address or ID, whichever is known first."""
    host_id = search_host_id(meeting)
    known = meeting_search.names_of_hosts(connection, sealer, [host_id], site_id=site_id)
    name, email = known.get(host_id, ("", ""))
    told = meeting.object.get("host_email")
    return name or email or (told if isinstance(told, str) else "") or host_id


def _successor(bridge: Bridge, account_id: str, number: int, *, site_id: str | None) -> str | None:
    with bridge.store.reading() as connection:
        return shown.successor(connection, account_id, number, site_id=site_id)


def _diffs(histories: dict[str, EventHistory], number: int) -> list[EventDiff]:
    """Return the effect of each event, in order: of one account, or of those that tell of the number together."""
    if len(histories) > 1:
        records = [
            Record(account_id, known.base, [one.change for one in known.events])
            for account_id, known in histories.items()
        ]
        return [EventDiff(step.change, step.before, step.after) for step in shared_steps(number, records)]
    ((account_id, known),) = histories.items()
    return list(event_diffs(account_id, number, [one.change for one in known.events], base=known.base))


def _history(
    connection: Connection,
    bridge: Bridge,
    account_id: str,
    told_by: list[str],
    number: int,
    *,
    site_id: str | None,
    before: int,
) -> MeetingHistory:
    """Load the newest events, or those before one, newest first."""
    histories = {one: history.of_meeting(connection, bridge.store.sealer, one, number) for one in told_by}
    every = _diffs(histories, number)
    of_event = {one.change.position: one for known in histories.values() for one in known.events}
    newest_first = [(of_event[step.change.position], step) for step in reversed(every)]
    place = next((index for index, (one, _) in enumerate(newest_first) if one.id == before), -1)
    some = newest_first[place + 1 : place + 1 + _EVENTS]
    failed = event_search.page(
        connection, EventFilter(number=number, outcome=Outcome.FAILED, site_id=site_id), limit=1
    )
    return MeetingHistory(
        [
            HistoryEntry(
                one.id,
                one.change.envelope.event,
                one.change.position.at,
                one.received_at,
                step,
                delivery.deliveries_of_event(connection, account_id, number, one.applied_at, site_id=site_id),
            )
            for one, step in some
        ],
        older=str(some[-1][0].id) if some and place + 1 + _EVENTS < len(newest_first) else "",
        is_whole=all(known.is_whole for known in histories.values()),
        dropped=any(known.base is not None for known in histories.values()),
        failed=bool(failed.events),
    )


def _ask(bridge: Bridge, what: Any, *, site_id: str, number: int) -> RequeueResult:

    def write(connection: Connection) -> RequeueResult:
        result: RequeueResult = what(connection, site_id, number, now=store_clock.now(connection))
        if result is RequeueResult.REQUEUED:
            audit.record(connection, Action.PAGE_REQUEUED, str(number), site_id=site_id)
        return result

    label_changes = bridge.store.write(write)
    bridge.mirror_worker.wake()
    return label_changes
