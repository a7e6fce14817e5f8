"""Replay: events are taken up again, by the code and the secrets of now. Long work, see `core.jobs.runner`.

For each event that is chosen:

- one that failed, or was ignored though this version acts on it, is folded again;
- its meeting is folded again from the whole log, and kept only if that makes it another;
- the posts of the meeting are looked at again on every site that shows it, as after doubt: the mirror compares, and
  writes what the bridge decides; what people have changed stays.

What was refused is checked again with the secrets that are saved now. All of it may be done twice without harm. A
meeting has its turn once, at its newest event that is chosen; and no more posts become due than the sites are about
to write, so that what Zoom says meanwhile does not wait behind them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreUnavailableError, UnknownEventError
from core.jobs.runner import JobStep
from core.model.activity import BATCHES
from core.model.fold import SNAPSHOT, acts_on, fold
from core.store.db import clock as store_clock
from core.store.events import log
from core.store.events import search as event_search
from core.store.events.log import Outcome
from core.store.events.search import EventFilter, EventKey, EventSummary
from core.store.meetings import meetings
from core.store.posts import posts
from core.store.posts import replay as kept
from core.zoom.probe import is_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from core.jobs.runner import JobRunner
    from core.model.meeting import Meeting
    from core.pipeline.ingest import Ingest
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.store.posts.replay import Named

KIND = "replay"
MOST_FORESEEN = 10_000  # of a kind, that are counted before it begins
_AT_ONCE = 50  # events
_ROOM = 50  # posts that may be due when more are asked for
_WAIT_SECONDS = 1.5
_LOOK_SECONDS = 0.1
_ALL = 10**12
_FIRST = EventKey(-1, 0)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReplayPreview:
    """What a replay would take up: how many events by their outcome, and how many refused requests.

    Where `is_whole` is False there are at least so many.
    """

    failed: int
    ignored: int
    folded: int
    pending: int
    refused: int
    is_whole: bool

    @property
    def events(self) -> int:
        """How many events altogether."""
        return self.failed + self.ignored + self.folded + self.pending

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take up."""
        return not (self.events or self.refused)


def preview(
    connection: Connection, *, wanted: EventFilter | None, event_id: int | None = None, refused: bool = False
) -> ReplayPreview:
    """Count what would be taken up: one event, all that match a filter, or what was refused. Changes nothing."""
    counts = dict.fromkeys(Outcome, 0)
    is_whole = True
    held = 0
    if refused:
        site_id = None if wanted is None else wanted.site_id
        held = sum(kept.held(connection, one) for one in kept.sites_of(connection, site_id))
    elif event_id is not None:
        line = event_search.load(connection, event_id, site_id=None if wanted is None else wanted.site_id)
        counts[Outcome(line.outcome)] = 1
    elif wanted is not None:
        for outcome in Outcome:
            if wanted.outcome in (None, outcome):
                counted = event_search.count(connection, replace(wanted, outcome=outcome), most=MOST_FORESEEN)
                counts[outcome] = counted.number
                is_whole = is_whole and counted.is_whole
    return ReplayPreview(
        failed=counts[Outcome.FAILED],
        ignored=counts[Outcome.IGNORED],
        folded=counts[Outcome.FOLDED],
        pending=counts[Outcome.PENDING],
        refused=held,
        is_whole=is_whole,
    )


def ask(
    of: JobRunner,
    *,
    wanted: EventFilter | None = None,
    event_id: int | None = None,
    refused: bool = False,
    now: int,
    site_id: str | None = None,
    asked_by: str = "",
) -> Job:
    """Ask for a replay. Events that come later than `now` (ms since 1970, UTC) are no part of it.

    `site_id` is the only site that who asks may see: other sites' posts are left alone then.
    Raises `TooManyJobsError`, `StoreError`.
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
    return of.ask(KIND, arguments, site_id=site_id, asked_by=asked_by)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A meeting as the whole log makes it, beside the one that is kept, and the revision of that."""

    named: Named
    made: Meeting | None
    known: Meeting | None
    seen: int


@dataclass(slots=True)
class ReplayJob:
    """Takes events up again. `reopened` is told how many are to be folded, `asked` that posts are due."""

    store: Store
    ingest: Ingest
    reopened: Callable[[int], None] = lambda _: None
    asked: Callable[[], None] = lambda: None
    clock: Callable[[], float] | None = None
    pause: Callable[[float], None] = time.sleep

    def count(self, job: Job) -> int | None:
        """Return how many events, or sites whose refused requests are checked."""
        with self.store.reading() as connection:
            if job.arguments.get("refused"):
                return len(kept.sites_of(connection, job.arguments.get("site")))
            if "event" in job.arguments:
                return 1
            counted = event_search.count(
                connection, EventFilter.from_json(job.arguments["filter"]), most=_ALL
            )
        return counted.number if counted.is_whole else None

    def piece(self, job: Job) -> JobStep:
        """Take up the next events, once the sites have nearly done what became due before."""
        if job.arguments.get("refused"):
            return self._recheck(job)
        if not self._has_room():
            return JobStep()
        place = _FIRST if job.place is None else EventKey(*job.place)
        with self.store.reading() as connection:
            lines, following = self._next(connection, job, place)
            due = self._due(connection, job, lines, following)
            turns = [turn for named in due if (turn := self._turn_or_none(connection, named)) is not None]
        again = [line.id for line in lines if _is_to_be_reopened(line)]

        def keep(connection: Connection) -> dict[str, int]:
            return self._keep(connection, turns, again, site_id=job.site_id)

        def then() -> None:
            self.reopened(len(again))
            self.asked()

        counts = {
            "without": sum(not (_is_of_a_meeting(line) or _is_of_meetings(line)) for line in lines),
            "failed": len(due) - len(turns),
        }
        return JobStep(
            place=None if following is None else [following.received_at, following.id],
            done=len(lines),
            counts={name: count for name, count in counts.items() if count},
            finished=following is None,
            keep=keep,
            then=then,
        )

    def _next(
        self, connection: Connection, job: Job, place: EventKey
    ) -> tuple[list[EventSummary], EventKey | None]:
        """Return the next events, and where those after them begin; None where these are the last."""
        if "event" in job.arguments:
            try:
                return [event_search.load(connection, job.arguments["event"])], None
            except UnknownEventError:
                return [], None  # dropped for its age since
        page = event_search.page(
            connection, EventFilter.from_json(job.arguments["filter"]), limit=_AT_ONCE, after=place
        )
        lines = page.events[::-1]
        if not page.more_newer:
            return lines, None
        return lines, lines[-1].key

    def _due(
        self, connection: Connection, job: Job, lines: Sequence[EventSummary], following: EventKey | None
    ) -> list[Named]:
        """Return the meetings whose turn it is, in one order for all processes."""
        named = {
            (line.account_id, line.number)
            for line in lines
            if line.number is not None and _is_of_a_meeting(line)
        }
        if following is not None:
            wanted = EventFilter.from_json(job.arguments["filter"])
            named = {one for one in named if not kept.comes_again(connection, one, wanted, following)}
        return sorted(named)

    def _turn_or_none(self, connection: Connection, named: Named) -> _Turn | None:
        """Leave a meeting that cannot be folded as it is: the others have their turn all the same."""
        try:
            return self._turn(connection, named)
        except (StoreUnavailableError, SQLAlchemyError):
            raise
        except Exception:
            logger.exception("replay_failed", account_id=named[0], number=named[1])
            return None

    def _turn(self, connection: Connection, named: Named) -> _Turn:
        known = meetings.load(connection, *named)
        changes, _ = log.changes_of(connection, self.store.sealer, *named, pending_only=False)
        made = fold(*named, changes, base=meetings.load_base(connection, *named))
        return _Turn(named, made, *(known or (None, 0)))

    def _keep(
        self, connection: Connection, turns: Sequence[_Turn], again: Sequence[int], *, site_id: str | None
    ) -> dict[str, int]:
        now = store_clock.now(connection, self.clock)
        wanted = []
        for turn in turns:
            if kept.revision(connection, turn.named) != turn.seen:
                turn = self._turn(connection, turn.named)  # noqa: PLW2901 - it was folded since: look again
            if turn.made is None or turn.made == turn.known:
                continue
            if meetings.save(connection, turn.made, seen=turn.seen, now=now):
                wanted.append((*turn.named, turn.seen + 1))
        reopened = kept.reopen(connection, again)
        posts.want_each(connection, wanted, now=now)
        looked = kept.look_again(connection, [turn.named for turn in turns], site_id=site_id, now=now)
        return {
            "reopened": reopened,
            "changed": len(wanted),
            "same": len(turns) - len(wanted),
            "posts": looked,
        }

    def _recheck(self, job: Job) -> JobStep:
        """Check what one site holds."""
        place = "" if job.place is None else str(job.place)
        with self.store.reading() as connection:
            named = [one for one in kept.sites_of(connection, job.arguments.get("site")) if one > place]
        if not named:
            return JobStep(finished=True)
        found = self.ingest.recheck(named[0])
        return JobStep(
            place=named[0],
            done=1,
            counts={"verified": found.verified, "refused": found.kept},
            finished=len(named) == 1,
        )

    def _has_room(self) -> bool:
        """Wait a moment until few posts are due; tell whether that is so."""
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            with self.store.reading() as connection:
                now = store_clock.now(connection, self.clock)
                if kept.due(connection, now=now, most=_ROOM + 1) <= _ROOM:
                    return True
            if time.monotonic() >= until:
                return False
            self.pause(_LOOK_SECONDS)


def _is_of_a_meeting(line: EventSummary) -> bool:
    """Whether an event is, or should be, part of a meeting, as this version sees it; tests clean up after themselves."""
    if line.number is None or is_probe(line.account_id):
        return False
    if line.outcome == Outcome.IGNORED:
        # What the bridge itself read was never ignored, so one of that name came from outside, and stays so.
        return acts_on(line.event) and line.event != SNAPSHOT
    return True


def _is_of_meetings(line: EventSummary) -> bool:
    """Whether an event is about the meetings of many instances, and is taken apart for them: doing so again is harmless."""
    return line.number is None and line.event in BATCHES and not is_probe(line.account_id)


def _is_to_be_reopened(line: EventSummary) -> bool:
    is_acted_on = _is_of_a_meeting(line) or _is_of_meetings(line)
    return is_acted_on and line.outcome in (Outcome.FAILED, Outcome.IGNORED)
