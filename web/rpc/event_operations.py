"""The operations on the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel.support import NullTranslations

from core.model.diff import field_diffs
from core.monitoring.event_detail import inspect
from core.pipeline import replay
from core.store.db import clock as store_clock
from core.store.db import settings
from core.store.events import search as event_search
from core.store.events.log import Outcome
from core.store.events.search import EventFilter, EventKey
from core.store.posts import status as post_status
from core.store.sites import sites
from core.zoom import masking
from web.rpc import api, job_operations
from web.rpc.registry import Implementation
from web.ui.change_labels import label_changes
from web.ui.i18n import SOURCE
from web.ui.meetings import meeting_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from core.bridge import Bridge
    from core.store.events.delivery import SiteDelivery
    from core.store.events.search import EventSummary
    from core.store.posts.attempts import Attempt


def list_events(bridge: Bridge, request: api.ListEvents) -> api.ListedEvents:
    """Return the events that match, newest first. Raises: UnknownSiteError."""
    with bridge.store.reading() as connection:
        page = event_search.page(
            connection,
            _filter(bridge, connection, request.filter),
            limit=request.limit,
            before=None if request.before is None else EventKey(*request.before),
        )
    further = page.events[-1].key if page.more_older else None
    return api.ListedEvents(
        events=[_line(line) for line in page.events],
        next=None if further is None else (further.received_at, further.id),
    )


def show_event(bridge: Bridge, request: api.EventRequest) -> api.EventDetail:
    """Return one event with its effect, secrets masked. Raises: UnknownEventError."""
    found = inspect(bridge.store, request.event)
    diffs = [] if found.step is None else field_diffs(found.step.before, found.step.after)
    secrets = [] if found.step is None else found.step.passcodes
    changes = label_changes(diffs, NullTranslations(), SOURCE, passcodes=False, secrets=secrets)
    return api.EventDetail(
        event=_line(found.line),
        proof=found.verification.proof,
        signed_at=found.verification.signed_at,
        headers=dict(masking.mask_headers(found.request.headers)),
        body=masking.mask_body(found.request.body, passcodes=False),
        is_whole=found.is_whole,
        is_too_late=found.step is not None and found.step.too_late,
        changes=[api.EventChange(name=change.name, old=change.old, new=change.new) for change in changes],
        deliveries=[_delivery(one, found.attempts.get(one.site_id, [])) for one in found.deliveries],
    )


def preview_replay(bridge: Bridge, request: api.ReplayEvents) -> api.ReplayCounts:
    """Count the events that a replay would process. Raises: UnknownSiteError, UnknownEventError."""
    with bridge.store.reading() as connection:
        wanted = _filter(bridge, connection, request.filter)
        found = replay.preview(connection, wanted=wanted, event_id=request.event, refused=request.refused)
    outcomes = {
        Outcome.FAILED: found.failed,
        Outcome.UNREADABLE: found.unreadable,
        Outcome.IGNORED: found.ignored,
        Outcome.APPLIED: found.folded,
        Outcome.PENDING: found.pending,
        Outcome.WAITING: 0,  # until its account is granted
    }
    return api.ReplayCounts(outcomes=outcomes, refused=found.refused, is_whole=found.is_whole)


def replay_events(bridge: Bridge, request: api.ReplayEvents) -> api.JobStatus:
    """Enqueue a replay. Raises: UnknownSiteError, TooManyJobsError."""
    with bridge.store.reading() as connection:
        wanted = _filter(bridge, connection, request.filter)
        now = store_clock.now(connection)
    job = replay.enqueue_replay(
        bridge.job_runner, wanted=wanted, event_id=request.event, refused=request.refused, now=now
    )
    return job_operations.status(job)


def sent_meeting(bridge: Bridge, request: api.SentMeeting) -> api.SentMeetingResult:
    """Return what became of a meeting's events, and of its pages."""
    with bridge.store.reading() as connection:
        now = store_clock.now(connection)
        newest = event_search.page(connection, EventFilter(number=request.number), limit=1).events
        posts = post_status.of_meetings(connection, [(request.account, request.number)], now=now)
        return api.SentMeetingResult(
            outcome=newest[0].outcome if newest else None,
            bridge_url=settings.public_url(connection),
            path=meeting_path(request.account, request.number),
            pages=[
                api.MeetingPage(
                    site_url=post.site_url,
                    status=post.status,
                    stands=post.stands,
                    link=post.link,
                    message=post.reason or post.of_site or post.fault_message,
                )
                for post in posts
            ],
        )


def _filter(bridge: Bridge, connection: Connection, given: api.EventQuery) -> EventFilter:
    site = None if given.site is None else sites.find(connection, given.site, bridge.store.sealer)
    return EventFilter(
        event=given.event or "",
        outcome=given.outcome,
        number=given.number,
        site_id=None if site is None else site.id,
        since=given.since,
        until=given.until,
    )


def _line(line: EventSummary) -> api.EventLine:
    return api.EventLine(
        id=line.id,
        event=line.event,
        number=line.number,
        at=line.at,
        received_at=line.received_at,
        outcome=line.outcome,
        reason=line.reason,
        trace_id=line.trace_id,
    )


def _delivery(found: SiteDelivery, attempts: Sequence[Attempt]) -> api.EventDelivery:
    return api.EventDelivery(
        site_name=found.site_name,
        status=found.status,
        at=found.at,
        action=found.action,
        message=found.message,
        attempts=[
            api.EventAttempt(
                at=attempt.at,
                milliseconds=attempt.milliseconds,
                action=attempt.action,
                fault=attempt.fault,
                message=attempt.message,
            )
            for attempt in attempts
        ],
    )


IMPLEMENTATIONS = (
    Implementation(api.SEND_RESULT, sent_meeting),
    Implementation(api.EVENTS_LIST, list_events),
    Implementation(api.EVENTS_SHOW, show_event),
    Implementation(api.EVENTS_PREVIEW_REPLAY, preview_replay),
    Implementation(api.EVENTS_REPLAY, replay_events),
)
