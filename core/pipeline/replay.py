"""Replay events with the present code and secrets. A background job, see `core.jobs.runner`.

For each selected event:

- an unreadable event that this version can read takes its normal way into the log;
- an event that failed, or was ignored although this version acts on it, is reopened, and folded again;
- its meeting is folded from the whole log, and saved only if it differs;
- the meeting's posts are requeued on every site that shows it, in doubt: the mirror compares them with WordPress and
  writes what the bridge decides; what people have changed stays.

Quarantined requests are verified again with the secrets that are saved now. Replaying twice is harmless. A meeting is
handled once, at its newest selected event; and no more posts become due than the sites are about to write, so that
events that Zoom sends meanwhile do not wait behind them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreError, StoreUnavailableError, UnknownEventError
from core.jobs.runner import JobStep
from core.model.fold import SNAPSHOT, acts_on, fold
from core.model.host_events import HOST_EVENTS
from core.model.instance_events import BATCHES
from core.store.db import clock as store_clock
from core.store.events import log, quarantine
from core.store.events import search as event_search
from core.store.events.log import Outcome
from core.store.events.search import EventFilter, EventKey, EventSummary
from core.store.meetings import meetings
from core.store.posts import backlog, queue, requeue
from core.store.sites import sites, zoom_secrets
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.model.meeting import Meeting
    from core.pipeline.ingest import Ingest
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.store.posts.requeue import MeetingKey as Named
    from core.zoom.signature import Secret

KIND = "replay"
MOST_PREVIEWED = 10_000  # of an outcome, that a preview counts
BATCH_SIZE = 50  # events in one step
MOST_DUE = 50  # posts that may be due when more are requeued
_POLL_SECONDS = 0.1
_ALL = 10**12
_FIRST = EventKey(-1, 0)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReplayPreview:
    """The extent of a replay: the number of events by outcome, and of quarantined requests.

    If `is_whole` is False, the numbers are lower bounds.
    """

    failed: int
    ignored: int
    folded: int
    pending: int
    refused: int
    is_whole: bool
    unreadable: int = 0

    @property
    def events(self) -> int:
        """The total number of events."""
        return self.failed + self.unreadable + self.ignored + self.folded + self.pending

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to replay."""
        return not (self.events or self.refused)


def preview(
    connection: Connection, *, wanted: EventFilter | None, event_id: int | None = None, refused: bool = False
) -> ReplayPreview:
    """Count what would be replayed: one event, all that match a filter, or the quarantined requests. Read-only."""
    counts = dict.fromkeys(Outcome, 0)
    is_whole = True
    held = 0
    if refused:
        site_id = None if wanted is None else wanted.site_id
        held = sum(quarantine.count(connection, one) for one in sites.ids(connection, site_id))
    elif event_id is not None:
        line = event_search.load(connection, event_id, site_id=None if wanted is None else wanted.site_id)
        counts[Outcome(line.outcome)] = 1
    elif wanted is not None:
        for outcome in Outcome:
            if wanted.outcome in (None, outcome):
                counted = event_search.count(
                    connection, replace(wanted, outcome=outcome), most=MOST_PREVIEWED
                )
                counts[outcome] = counted.number
                is_whole = is_whole and counted.is_whole
    return ReplayPreview(
        failed=counts[Outcome.FAILED],
        unreadable=counts[Outcome.UNREADABLE],
        ignored=counts[Outcome.IGNORED],
        folded=counts[Outcome.APPLIED],
        pending=counts[Outcome.PENDING],
        refused=held,
        is_whole=is_whole,
    )


def enqueue_replay(
    job_runner: JobRunner,
    *,
    wanted: EventFilter | None = None,
    event_id: int | None = None,
    refused: bool = False,
    now: int,
    site_id: str | None = None,
    requested_by: str = "",
) -> Job:
    """Enqueue a replay of events received until `now` (Unix milliseconds, UTC).

    `site_id` limits it to one site, for that site's administrator: posts on other sites are left alone then.
    Raises: TooManyJobsError, StoreError.
    """
    arguments: dict[str, Any]
    if refused:
        arguments = {"refused": True, "site": site_id or (wanted.site_id if wanted else None)}
    elif event_id is not None:
        arguments = {"event": event_id}
    else:
        chosen = wanted or EventFilter()
        until = now + 1 if chosen.until is None else min(chosen.until, now + 1)
        arguments = {"filter": replace(chosen, site_id=site_id or chosen.site_id, until=until).to_json()}
    return job_runner.enqueue(KIND, arguments, site_id=site_id, requested_by=requested_by)


@dataclass(frozen=True, slots=True)
class _Refolded:
    """A meeting folded from the whole log, beside the stored one, and the stored one's revision."""

    key: Named
    folded: Meeting | None
    stored: Meeting | None
    seen: int


@dataclass(slots=True)
class ReplayJob:
    """Replay events. After a commit, `events_reopened` is called with their number, and `posts_due`.

    A step waits up to `wait_seconds`, in pauses, until at most `most_due` posts are due.
    """

    store: Store
    ingest: Ingest
    events_reopened: Callable[[int], None] = lambda _: None
    posts_due: Callable[[], None] = lambda: None
    clock: Callable[[], float] | None = None
    pause: Callable[[float], None] = time.sleep
    batch_size: int = BATCH_SIZE
    most_due: int = MOST_DUE
    wait_seconds: float = 1.5

    def count(self, job: Job) -> int | None:
        """Return the number of events, or of sites whose quarantined requests are verified again."""
        with self.store.reading() as connection:
            if job.arguments.get("refused"):
                return len(sites.ids(connection, job.arguments.get("site")))
            if "event" in job.arguments:
                return 1
            counted = event_search.count(
                connection, EventFilter.from_json(job.arguments["filter"]), most=_ALL
            )
        return counted.number if counted.is_whole else None

    def step(self, job: Job) -> JobStep:
        """Replay the next events, once the posts of the earlier ones are nearly done."""
        if job.arguments.get("refused"):
            return self._recheck(job)
        if not self._has_room():
            return JobStep()
        cursor = _FIRST if job.cursor is None else EventKey(*job.cursor)
        with self.store.reading() as connection:
            lines, following = self._next(connection, job, cursor)
            due = self._due(connection, job, lines, following)
            refolded = [one for key in due if (one := self._refold_or_none(connection, key)) is not None]
            read = self._read_again(connection, lines)
        reopened = [line.id for line in lines if _is_reopened(line)]

        def write(connection: Connection) -> dict[str, int]:
            replaced = sum(log.replace_unreadable(connection, *one) for one in read)
            counts = self._write(connection, refolded, reopened, site_id=job.site_id)
            return counts | ({"read": replaced} if replaced else {})

        def wake_workers() -> None:
            self.events_reopened(len(reopened) + len(read))
            self.posts_due()

        unreadable = sum(line.outcome == Outcome.UNREADABLE for line in lines)
        counts = {
            "unreadable": unreadable - len(read),
            "without": sum(_has_nothing_to_do(line) for line in lines),
            "failed": len(due) - len(refolded),
        }
        return JobStep(
            cursor=None if following is None else [following.received_at, following.id],
            done=len(lines),
            counts={name: count for name, count in counts.items() if count},
            finished=following is None,
            write=write,
            after_commit=wake_workers,
        )

    def close(self) -> None:
        """Do nothing: the job holds no resources."""

    def _next(
        self, connection: Connection, job: Job, cursor: EventKey
    ) -> tuple[list[EventSummary], EventKey | None]:
        """Return the next events, and the key from which to go on; None where these are the last."""
        if "event" in job.arguments:
            try:
                return [event_search.load(connection, job.arguments["event"], site_id=job.site_id)], None
            except UnknownEventError:
                return [], None  # dropped by the retention since, or its account is not granted any more
        page = event_search.page(
            connection, EventFilter.from_json(job.arguments["filter"]), limit=self.batch_size, after=cursor
        )
        lines = page.events[::-1]
        if not page.more_newer:
            return lines, None
        return lines, lines[-1].key

    def _due(
        self, connection: Connection, job: Job, lines: Sequence[EventSummary], following: EventKey | None
    ) -> list[Named]:
        """Return the meetings to handle with these events, in one order for all processes, to avoid deadlocks."""
        named = {
            (line.account_id, line.number)
            for line in lines
            if line.number is not None and _is_of_a_meeting(line)
        }
        if following is not None:
            wanted = EventFilter.from_json(job.arguments["filter"])
            named = {
                one for one in named if not event_search.matches_later(connection, one, wanted, following)
            }
        return sorted(named)

    def _read_again(
        self, connection: Connection, lines: Sequence[EventSummary]
    ) -> list[tuple[int, log.Entry]]:
        """Return the ids of unreadable events that can be read now, with what they are."""
        found = []
        secrets: dict[str, list[Secret]] = {}
        for line in lines:
            if line.outcome != Outcome.UNREADABLE or (site_id := line.site_id) is None:
                continue
            if site_id not in secrets:
                saved = zoom_secrets.of_site(connection, site_id, self.store.sealer)
                secrets[site_id] = [one.secret for one in saved]
            try:
                request = event_search.load_request(connection, line.id, self.store.sealer)
            except StoreUnavailableError:
                raise
            except StoreError:
                logger.exception("replay_failed", event_id=line.id)  # it stays unreadable
                continue
            entry = self.ingest.read_again(site_id, request, secrets[site_id], received_at=line.received_at)
            if entry is not None:
                found.append((line.id, entry))
        return found

    def _refold_or_none(self, connection: Connection, key: Named) -> _Refolded | None:
        """Refold a meeting; None where that fails, so that the others are replayed all the same."""
        try:
            return self._refold(connection, key)
        except (StoreUnavailableError, SQLAlchemyError):
            raise
        except Exception:
            logger.exception("replay_failed", account_id=key[0], number=key[1])
            return None

    def _refold(self, connection: Connection, key: Named) -> _Refolded:
        stored = meetings.load(connection, self.store.sealer, *key)
        changes, _ = log.changes_of(connection, self.store.sealer, *key, pending_only=False)
        folded = fold(*key, changes, base=meetings.load_base(connection, self.store.sealer, *key))
        return _Refolded(key, folded, *(stored or (None, 0)))

    def _write(
        self,
        connection: Connection,
        refolded: Sequence[_Refolded],
        event_ids: Sequence[int],
        *,
        site_id: str | None,
    ) -> dict[str, int]:
        """Save meetings that differ, reopen events and requeue posts; return the counts."""
        now = store_clock.now(connection, self.clock)
        wanted = []
        for one in refolded:
            if meetings.lock_revision(connection, *one.key) != one.seen:
                one = self._refold(connection, one.key)  # noqa: PLW2901 - it was folded by another since
            if one.folded is None or one.folded == one.stored:
                continue
            if meetings.save(connection, self.store.sealer, one.folded, seen=one.seen, now=now):
                wanted.append((*one.key, one.seen + 1))
        reopened = log.reopen(connection, event_ids)
        queue.schedule_writes(connection, wanted, now=now)
        requeued = requeue.requeue_meeting_posts(
            connection, [one.key for one in refolded], site_id=site_id, now=now
        )
        return {
            "reopened": reopened,
            "changed": len(wanted),
            "same": len(refolded) - len(wanted),
            "posts": requeued,
        }

    def _recheck(self, job: Job) -> JobStep:
        """Verify the quarantined requests of one site again."""
        cursor = "" if job.cursor is None else str(job.cursor)
        with self.store.reading() as connection:
            named = [one for one in sites.ids(connection, job.arguments.get("site")) if one > cursor]
        if not named:
            return JobStep(finished=True)
        found = self.ingest.recheck(named[0])
        return JobStep(
            cursor=named[0],
            done=1,
            counts={"verified": found.verified, "refused": found.kept},
            finished=len(named) == 1,
        )

    def _has_room(self) -> bool:
        """Wait until few posts are due; return False where they stay."""
        until = time.monotonic() + self.wait_seconds
        while True:
            with self.store.reading() as connection:
                now = store_clock.now(connection, self.clock)
                if backlog.due(connection, now=now, most=self.most_due + 1) <= self.most_due:
                    return True
            if time.monotonic() >= until:
                return False
            self.pause(_POLL_SECONDS)


def _is_of_a_meeting(line: EventSummary) -> bool:
    """Whether an event is, or should be, part of a meeting for this version. Self-tests clean up after themselves."""
    if line.number is None or line.outcome == Outcome.WAITING or is_probe(line.account_id):
        return False
    if line.outcome == Outcome.IGNORED:
        # The bridge's own snapshots are never ignored, so an ignored one came from outside, and stays ignored.
        return acts_on(line.event) and line.event != SNAPSHOT
    return True


def _is_of_meetings(line: EventSummary) -> bool:
    """Whether an event names recordings or a host, and is split by meeting: repeating that is harmless."""
    is_split = line.event in BATCHES or line.event in HOST_EVENTS
    return line.number is None and is_split and not is_probe(line.account_id)


def _has_nothing_to_do(line: EventSummary) -> bool:
    return not (line.outcome == Outcome.UNREADABLE or _is_of_a_meeting(line) or _is_of_meetings(line))


def _is_reopened(line: EventSummary) -> bool:
    is_acted_on = _is_of_a_meeting(line) or _is_of_meetings(line)
    return is_acted_on and line.outcome in (Outcome.FAILED, Outcome.IGNORED)
