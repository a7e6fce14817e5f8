"""Fold pending events of the log into meetings.

Events that name no meeting are split by meeting first: those of several recordings (`core.model.recording_batches`), and
those about a user (`core.model.host_events`).
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreError, StoreUnavailableError
from core.jobs.worker import WorkerThread
from core.model.fold import apply, fold
from core.model.instance_events import recorded_instance
from core.pipeline.recent_count import RecentCount
from core.store.db import clock as store_clock
from core.store.events import host_events, log
from core.store.events import recordings as recording_files
from core.store.meetings import meetings
from core.store.posts import queue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from core.model.fold import Change
    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store
    from core.store.events.recordings import Batch

BATCH_SIZE = 100  # meetings folded in one transaction
_ROUND_SECONDS = 1.0
# During a flood of events, answering them takes precedence. The fold then uses about this share of the time, in small
# batches, which delay other commits by a few milliseconds only; and sites wait until the backlog is folded, so that a
# meeting is written once and not after each batch. A flood is more than the events of many busy sites together: pages
# are seconds late in it.
_FLOOD_SHARE = 0.1
FLOOD_BATCH_SIZE = 20  # meetings
_LONGEST_PAUSE_SECONDS = 9.0
FLOOD_EVENTS = 125
_FLOOD_SECONDS = 0.25  # so short that the first of a flood wait for its rest, too
_FLOOD_SETTLE_MILLISECONDS = 11_000
# More events in a second than people cause by hand are a burst: then it pays to wait for the rest of it, so that many
# events become one fold and one write to the site.
BURST_EVENTS = 20
_SAMPLE_SECONDS = 0.1
_BURST_SETTLE_MILLISECONDS = 1000
_POLL_SECONDS = 5.0  # a wake-up may be missed where another process received the event

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Folded:
    """A folded meeting, the revision it was folded from, and the ids of the pending events in it.

    `recorded` holds the UUIDs of the instances that these events report as recorded.
    """

    meeting: Meeting
    seen: int
    ids: list[int]
    recorded: set[str]

    @property
    def key(self) -> tuple[str, int | None]:
        """The meeting's account id and number."""
        return self.meeting.account_id, self.meeting.number


@dataclass(frozen=True, slots=True)
class _Batches:
    """An account's events that name no meeting, but instances of meetings or a host.

    `numbers` are the meetings of the hosts, by the events' ids.
    """

    account_id: str
    batches: list[Batch]
    numbers: Mapping[int, list[int]]

    @property
    def key(self) -> tuple[str, int | None]:
        """The account id, and no meeting number."""
        return self.account_id, None

    @property
    def ids(self) -> list[int]:
        """The ids of the events."""
        return [batch.id for batch in self.batches]


@dataclass(frozen=True, slots=True)
class _Failure:
    """Pending events that could not be folded into their meeting, or not be split. Those that came since are not meant."""

    key: tuple[str, int | None]
    ids: list[int]
    reason: str


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a transaction has stored: the folded meetings, and the batches with the entries they were split into."""

    folded: list[_Folded]
    split: list[tuple[Batch, list[log.Entry]]]


_Step = _Folded | _Batches | _Failure


@dataclass(slots=True)
class FoldWorker:
    """Fold pending events in a thread of its own. `meetings_changed` is called after a commit that changed meetings.

    Without a `clock` the store's own is used. `batch_size` meetings share a transaction, `flood_batch_size` during a
    flood: `flood_events` or more received within a quarter of a second. More than `burst_events` folded within a second delay
    writes to sites until the burst has ended.
    """

    store: Store
    meetings_changed: Callable[[], None] = lambda: None
    clock: Callable[[], float] | None = None
    batch_size: int = BATCH_SIZE
    flood_batch_size: int = FLOOD_BATCH_SIZE
    burst_events: int = BURST_EVENTS
    flood_events: int = FLOOD_EVENTS
    thread: WorkerThread = field(init=False)
    _folded: RecentCount = field(default_factory=RecentCount)  # events
    _received: RecentCount = field(default_factory=lambda: RecentCount(_FLOOD_SECONDS))  # events
    _flooded: bool = False
    _sites_delayed: bool = False  # posts wait for the rest of a flood, which may be over

    def __post_init__(self) -> None:
        """Create the thread that folds."""
        self.thread = WorkerThread("fold", self._fold_all, retry_seconds=_POLL_SECONDS)

    def start(self) -> None:
        """Start, with the events that an earlier process left pending."""
        self.thread.start()

    def wake(self, count: int = 1) -> None:
        """Fold now: the log has grown by `count` events."""
        self._received.add(count)
        self.thread.wake()

    def stop(self) -> None:
        """Finish the current batch and stop. Blocks."""
        self.thread.stop()

    def fold_pending(self, limit: int = BATCH_SIZE) -> int:
        """Fold pending events of up to `limit` meetings; return the number of meetings."""
        with self.store.reading() as connection:
            pending = log.pending_meetings(connection, limit)
            # In one order for all processes, to avoid deadlocks.
            in_order = sorted(pending, key=lambda key: (key[0], key[1] or -1))
            steps = [step for key in in_order for step in self._steps(connection, *key)]
            if steps:
                folded = sum(len(step.ids) for step in steps if isinstance(step, _Folded))
                self._folded.add(folded)
                settle = self._settle()
                # While this transaction lasts, no other process folds these meetings.
                self._write(connection, steps, settle=settle)
                self._sites_delayed |= settle == _FLOOD_SETTLE_MILLISECONDS
        if steps:
            self.meetings_changed()
        return len(pending)

    def _write(self, connection: Connection, steps: list[_Step], *, settle: int) -> None:
        """Store the steps in one transaction, or each in its own where one of them cannot be stored.

        `connection` is the one by which their events were read.
        """
        sealer = self.store.sealer
        try:
            stored = self.store.write(
                partial(_store, steps=steps, sealer=sealer, clock=self.clock, settle=settle)
            )
        except StoreUnavailableError:
            raise
        except Exception as error:
            parts = steps if len(steps) > 1 else _parts(steps[0])
            if len(parts) > 1:
                for part in parts:
                    self._write(connection, [part], settle=settle)
                return
            (step,) = parts
            if isinstance(step, _Failure):
                raise
            logger.exception("fold_failed", account_id=step.key[0], number=step.key[1])
            self._write(connection, [_failure(step.key, step.ids, error)], settle=settle)
        else:
            _log_stored(connection, stored)

    def _settle(self) -> int:
        """Return for how long (ms) posts should wait for further events."""
        if not self._in_burst():
            return 0
        return _FLOOD_SETTLE_MILLISECONDS if self._flooded else _BURST_SETTLE_MILLISECONDS

    def _in_burst(self) -> bool:
        """Whether more events than people cause by hand were folded within the last second."""
        return self._folded.total() > self.burst_events

    def _steps(self, connection: Connection, account_id: str, number: int | None) -> list[_Step]:
        """Return what is to be stored of a meeting's pending events, or of an account's that name no meeting."""
        sealer = self.store.sealer
        if number is None:
            batches, errors = recording_files.pending_batches(connection, sealer, account_id)
            failures = [_failure((account_id, None), [event_id], error) for event_id, error in errors.items()]
            numbers = host_events.meetings_of_hosts(connection, batches)
            return [_Batches(account_id, batches, numbers), *failures] if batches else [*failures]
        try:
            return [self._fold(connection, account_id, number)]
        except (StoreUnavailableError, SQLAlchemyError):
            raise
        except Exception as error:
            logger.exception("fold_failed", account_id=account_id, number=number)
            return [_failure((account_id, number), log.pending_ids(connection, account_id, number), error)]

    def _fold(self, connection: Connection, account_id: str, number: int) -> _Folded:
        """Apply newer events to the stored meeting; fold the whole log of it where an older event came late."""
        sealer = self.store.sealer
        stored = meetings.load(connection, sealer, account_id, number)
        if stored is not None:
            changes, ids = log.changes_of(connection, sealer, account_id, number, pending_only=True)
            meeting, seen = stored
            if all(meeting.last < change.position for change in changes):
                for change in sorted(changes, key=lambda change: change.position):
                    meeting = apply(meeting, change)
                return _Folded(meeting, seen, ids, _recorded(changes))
        changes, ids = log.changes_of(connection, sealer, account_id, number, pending_only=False)
        base = meetings.load_base(connection, sealer, account_id, number)
        folded = fold(account_id, number, changes, base=base)
        if folded is None:
            raise StoreError(f"The log holds no events of meeting {number}, though some are pending.")
        return _Folded(folded, 0 if stored is None else stored[1], ids, _recorded(changes))

    def _fold_all(self) -> float:
        """Fold until nothing is pending; return how many seconds to wait for the next wake-up."""
        while not self.thread.stopping.is_set() and (took := self.fold_round()):
            if self._in_burst():
                self._pause(took)
        return _POLL_SECONDS

    def fold_round(self) -> float:
        """Fold what is pending, for about a second; return the duration in seconds, 0 if nothing was pending."""
        began = time.monotonic()
        limit = self.flood_batch_size if self._flooded else self.batch_size
        count = self.fold_pending(limit)
        if not count:
            self._flooded = False
            self._end_delay()
            return 0.0
        while (
            count == limit
            and not self._flooded
            and not self.thread.stopping.is_set()
            and time.monotonic() - began < _ROUND_SECONDS
        ):
            count = self.fold_pending(limit)
        if count < limit and not self._flooded:
            self._end_delay()
        return time.monotonic() - began

    def _end_delay(self) -> None:
        """Make posts due that wait for the rest of a flood: all of its events are folded."""
        if not self._sites_delayed:
            return

        def cut_short(connection: Connection) -> int:
            now = store_clock.now(connection, self.clock)
            return queue.cut_settling_short(connection, due_at=now + _BURST_SETTLE_MILLISECONDS)

        moved_up = self.store.write(cut_short)
        self._sites_delayed = False
        if moved_up:
            self.meetings_changed()

    def _pause(self, took: float) -> None:
        """Let the events of a burst gather; during a flood, leave the time to those who answer it."""
        stopping = self.thread.stopping
        until = time.monotonic() + min(took * (1 / _FLOOD_SHARE - 1), _LONGEST_PAUSE_SECONDS)
        while not stopping.is_set():
            stopping.wait(_SAMPLE_SECONDS)
            self._flooded = self._received.total() >= self.flood_events
            if not self._flooded or time.monotonic() >= until:
                return


def _failure(key: tuple[str, int | None], ids: list[int], error: Exception) -> _Failure:
    reason = f"{type(error).__name__}: {error}"[:500]
    return _Failure(key, ids, reason.encode("utf-8", "backslashreplace").decode())


def _parts(step: _Step) -> list[_Step]:
    """Return a step as the smallest ones that can be stored apart."""
    if not isinstance(step, _Batches):
        return [step]
    return [_Batches(step.account_id, [one], step.numbers) for one in step.batches]


def _recorded(changes: list[Change]) -> set[str]:
    return {uuid for change in changes if (uuid := recorded_instance(change.envelope)) is not None}


def _log_stored(connection: Connection, stored: _Stored) -> None:
    if not logger.is_enabled_for(logging.INFO):
        return
    try:
        trace_ids = log.trace_ids(connection, [event_id for step in stored.folded for event_id in step.ids])
    except SQLAlchemyError:  # what is stored has to be passed on, whether the events can be named or not
        trace_ids = {}
    for step in stored.folded:
        logger.info(
            "events_folded",
            account_id=step.meeting.account_id,
            number=step.meeting.number,
            revision=step.seen + 1,
            event_ids=step.ids,
            trace_ids=[trace_ids[event_id] for event_id in step.ids if event_id in trace_ids],
        )
    for batch, parts in stored.split:
        logger.info(
            "event_split",
            account_id=batch.account_id,
            event_ids=[batch.id],
            trace_ids=[log.trace_id(batch.digest)],
            into=[part.trace_id for part in parts],
        )


def _store(
    connection: Connection,
    *,
    steps: list[_Step],
    sealer: Sealer,
    clock: Callable[[], float] | None,
    settle: int,
) -> _Stored:
    now = store_clock.now(connection, clock)
    reopened, split = _link_recordings(connection, sealer, steps)
    saved = []
    for step in steps:
        if isinstance(step, _Failure):
            log.mark_failed(connection, step.ids, reason=step.reason)
        # Another process may have folded the same meeting meanwhile: its events stay pending for the next round,
        # which starts from what that process saved.
        elif (
            isinstance(step, _Folded)
            and step.key not in reopened
            and meetings.save(connection, sealer, step.meeting, seen=step.seen, now=now)
        ):
            saved.append(step)
    log.mark_folded(connection, [event_id for step in saved for event_id in step.ids], now=now)
    wanted = [(step.meeting.account_id, step.meeting.number, step.seen + 1) for step in saved]
    queue.schedule_writes(connection, wanted, now=now, settle=settle)
    return _Stored(saved, split)


def _link_recordings(
    connection: Connection, sealer: Sealer, steps: list[_Step]
) -> tuple[set[tuple[str, int | None]], list[tuple[Batch, list[log.Entry]]]]:
    """Store which instances were recorded, and split batches by meeting.

    Returns the meetings with earlier batch items, and the batches with the entries that they were split into.
    Those items have just been appended to the log. They are folded together with the recording in the next
    round, so that the one is never visible without the other.
    """
    recorded = [step for step in steps if isinstance(step, _Folded) and step.recorded]
    batches = [(step, batch) for step in steps if isinstance(step, _Batches) for batch in step.batches]
    accounts = [step.meeting.account_id for step in recorded] + [batch.account_id for _, batch in batches]
    recording_files.lock_accounts(connection, accounts)
    reopened = set()
    for step in recorded:
        account_id, number = step.meeting.account_id, step.meeting.number
        if recording_files.add_instances(connection, sealer, account_id, number, step.recorded):
            reopened.add(step.key)
    entries = []
    for step_of_batch, batch in batches:
        numbers = step_of_batch.numbers.get(batch.id)
        if numbers is None:
            entries.append((batch, recording_files.split_batch(connection, sealer, batch)))
        else:
            entries.append((batch, host_events.split_host_event(connection, sealer, batch, numbers)))
    return reopened, entries
