"""Log to meetings: what runs the fold. Durable events become the meetings that they make.

Events that name no meeting, but many instances, are taken apart first: see `core.model.recording_batches`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreError, StoreUnavailableError
from core.model.activity import recorded_instance
from core.model.fold import apply, fold
from core.store.db import clock as store_clock
from core.store.events import log
from core.store.events import recordings as recording_files
from core.store.meetings import meetings
from core.store.posts import posts

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.model.fold import Change
    from core.model.meeting import Meeting
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store
    from core.store.events.recordings import Batch

_AT_ONCE = 100  # meetings that share one transaction
_ROUND_SECONDS = 1.0
# While a flood of events comes in, answering them goes first. The fold takes about this part of the time, in bites,
# which hold up what waits for its own commit for a few milliseconds only; and sites wait until it has gone round, so
# that a meeting is written once and not after each bite.
_SHARE_IN_FLOOD = 0.1
_BITE = 20  # meetings
_LONGEST_PAUSE_SECONDS = 9.0
_FLOOD_EVENTS = 10  # within a look
_FLOOD_SETTLE_MILLISECONDS = 11_000
# More events in a second than people make by hand are a burst: then it is worth waiting for the rest of it,
# so that many events become one step of the fold and one write to the site.
_BURST_EVENTS = 20
_LOOK_SECONDS = 0.1
_BURST_SETTLE_MILLISECONDS = 1000
_POLL_SECONDS = 5.0  # a wake-up may be missed where another process took the event

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Step:
    """A meeting as it should be kept, the revision that this was made from, and the events that are in it."""

    meeting: Meeting
    seen: int
    ids: list[int]
    recorded: set[str]  # which instances were, as these events say

    @property
    def named(self) -> tuple[str, int | None]:
        """Which meeting."""
        return self.meeting.account_id, self.meeting.number


@dataclass(frozen=True, slots=True)
class _Batches:
    """Events of an account that name no meeting, but instances of meetings."""

    account_id: str
    batches: list[Batch]

    @property
    def named(self) -> tuple[str, int | None]:
        """Of no meeting."""
        return self.account_id, None


@dataclass(frozen=True, slots=True)
class _Failure:
    """A meeting whose pending events could not be folded, or an account's batches that could not be taken apart."""

    named: tuple[str, int | None]
    reason: str


_Any = _Step | _Batches | _Failure


@dataclass(slots=True)
class FoldWorker:
    """Folds pending events in a thread of its own. `folded` is called when meetings have changed."""

    store: Store
    folded: Callable[[], None] = lambda: None
    clock: Callable[[], float] | None = None  # without one, the store's own
    _wake: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _thread: threading.Thread | None = None
    _arrived: int = 0
    _flooded: bool = False
    _held_back: bool = False  # sites wait for what else a flood may bring, and it may be over

    def start(self) -> None:
        """Begin, with what an earlier process may have left pending."""
        self._wake.set()
        self._thread = threading.Thread(target=self._run, name="folding", daemon=True)
        self._thread.start()

    def wake(self, count: int = 1) -> None:
        """Say by how many events the log has grown."""
        self._arrived += count  # some may be lost between threads: only the pace of the fold depends on it
        if not self._wake.is_set():
            self._wake.set()

    def stop(self) -> None:
        """Finish the step at hand, and end."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def fold_pending(self, at_once: int = _AT_ONCE) -> int:
        """Fold what is pending, up to a number of meetings; return how many meetings that were."""
        with self.store.reading() as connection:
            pending = log.pending_meetings(connection, at_once)
            # In one order for all processes, so that none waits for another in a circle.
            in_order = sorted(pending, key=lambda named: (named[0], named[1] or -1))
            steps = [self._step_or_failure(connection, *named) for named in in_order]
            if steps:
                folded = sum(len(step.ids) for step in steps if isinstance(step, _Step))
                self._recent.append((time.monotonic(), folded))
                settle = self._settle()
                # While this transaction lasts, no other process folds these meetings.
                self._write(steps, settle=settle)
                self._held_back |= settle == _FLOOD_SETTLE_MILLISECONDS
        if steps:
            self.folded()
        return len(steps)

    def _write(self, steps: list[_Any], *, settle: int) -> None:
        """Keep what was folded: together, or each by itself where one of them cannot be kept."""
        sealer = self.store.sealer
        try:
            self.store.write(partial(_keep, steps=steps, sealer=sealer, clock=self.clock, settle=settle))
        except StoreError:
            raise
        except Exception as error:
            if len(steps) > 1:
                for step in steps:
                    self._write([step], settle=settle)
                return
            (step,) = steps
            if isinstance(step, _Failure):
                raise
            account_id, number = step.named
            logger.exception("folding_failed", account_id=account_id, number=number)
            self._write([_failure(account_id, number, error)], settle=settle)

    def _settle(self) -> int:
        """Return for how long (ms) sites should wait for what else may come."""
        if not self._in_burst():
            return 0
        return _FLOOD_SETTLE_MILLISECONDS if self._flooded else _BURST_SETTLE_MILLISECONDS

    def _in_burst(self) -> bool:
        """Whether more events than people make by hand were folded within the last second."""
        while self._recent and time.monotonic() - self._recent[0][0] > 1.0:
            self._recent.popleft()
        return sum(count for _, count in self._recent) > _BURST_EVENTS

    def _step_or_failure(self, connection: Connection, account_id: str, number: int | None) -> _Any:
        try:
            if number is None:
                sealer = self.store.sealer
                return _Batches(account_id, recording_files.pending_batches(connection, sealer, account_id))
            return self._step(connection, account_id, number)
        except (StoreUnavailableError, SQLAlchemyError):
            raise
        except Exception as error:
            logger.exception("folding_failed", account_id=account_id, number=number)
            return _failure(account_id, number, error)

    def _step(self, connection: Connection, account_id: str, number: int) -> _Step:
        """Lay newer events over the meeting that is kept; fold it all again where an older one came late."""
        sealer = self.store.sealer
        kept = meetings.load(connection, account_id, number)
        if kept is not None:
            changes, ids = log.changes_of(connection, sealer, account_id, number, pending_only=True)
            meeting, seen = kept
            if all(meeting.last < change.position for change in changes):
                for change in sorted(changes, key=lambda change: change.position):
                    meeting = apply(meeting, change)
                return _Step(meeting, seen, ids, _recorded(changes))
        changes, ids = log.changes_of(connection, sealer, account_id, number, pending_only=False)
        base = meetings.load_base(connection, account_id, number)
        folded = fold(account_id, number, changes, base=base)
        if folded is None:
            raise StoreError(f"The log holds no events of meeting {number}, though some are pending.")
        return _Step(folded, 0 if kept is None else kept[1], ids, _recorded(changes))

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_POLL_SECONDS)
            self._wake.clear()
            try:
                while not self._stop.is_set() and (took := self._round()):
                    if self._in_burst():
                        self._pause(took)
            except StoreError as error:
                logger.warning("folding_waits", reason=str(error))
            except Exception:
                logger.exception("folding_failed")  # nothing is lost: what is pending is taken up again

    def _round(self) -> float:
        """Fold what is pending, for a while; return how many seconds that took, 0 if there was nothing."""
        began = time.monotonic()
        at_once = _BITE if self._flooded else _AT_ONCE
        count = self.fold_pending(at_once)
        if not count:
            self._flooded = False
            self._hasten()
            return 0.0
        while (
            count == at_once
            and not self._flooded
            and not self._stop.is_set()
            and time.monotonic() - began < _ROUND_SECONDS
        ):
            count = self.fold_pending(at_once)
        return time.monotonic() - began

    def _hasten(self) -> None:
        """Let sites wait no longer for a flood that is over: everything that it brought is folded."""
        if not self._held_back:
            return

        def hasten(connection: Connection) -> int:
            now = store_clock.now(connection, self.clock)
            return posts.hasten(connection, due_at=now + _BURST_SETTLE_MILLISECONDS)

        hastened = self.store.write(hasten)
        self._held_back = False
        if hastened:
            self.folded()

    def _pause(self, took: float) -> None:
        """Let a burst gather; and while it is a flood, leave the time to those who answer it."""
        until = time.monotonic() + min(took * (1 / _SHARE_IN_FLOOD - 1), _LONGEST_PAUSE_SECONDS)
        while not self._stop.is_set():
            before = self._arrived
            self._stop.wait(_LOOK_SECONDS)
            self._flooded = self._arrived - before >= _FLOOD_EVENTS
            if not self._flooded or time.monotonic() >= until:
                return


def _failure(account_id: str, number: int | None, error: Exception) -> _Failure:
    return _Failure((account_id, number), f"{type(error).__name__}: {error}"[:500])


def _recorded(changes: list[Change]) -> set[str]:
    return {uuid for change in changes if (uuid := recorded_instance(change.envelope)) is not None}


def _keep(
    connection: Connection,
    *,
    steps: list[_Any],
    sealer: Sealer,
    clock: Callable[[], float] | None,
    settle: int,
) -> None:
    now = store_clock.now(connection, clock)
    grown = _take_instances(connection, sealer, steps)
    kept = []
    for step in steps:
        if isinstance(step, _Failure):
            log.mark_failed(connection, *step.named, reason=step.reason)
        # Another process may have folded the same meeting meanwhile: its events stay pending for the next
        # round, which starts from what that process kept.
        elif (
            isinstance(step, _Step)
            and step.named not in grown
            and meetings.save(connection, step.meeting, seen=step.seen, now=now)
        ):
            kept.append(step)
    log.mark_folded(connection, [event_id for step in kept for event_id in step.ids], now=now)
    wanted = [(step.meeting.account_id, step.meeting.number, step.seen + 1) for step in kept]
    posts.want_each(connection, wanted, now=now, settle=settle)


def _take_instances(connection: Connection, sealer: Sealer, steps: list[_Any]) -> set[tuple[str, int | None]]:
    """Note what was recorded, and take batches apart; return the meetings of which a batch had told before.

    What it told is in the log now, and is folded together with the recording, in the next round: nobody sees the one
    without the other.
    """
    recorded = [step for step in steps if isinstance(step, _Step) and step.recorded]
    told = [batch for step in steps if isinstance(step, _Batches) for batch in step.batches]
    accounts = [step.meeting.account_id for step in recorded] + [batch.account_id for batch in told]
    recording_files.hold(connection, accounts)
    grown = set()
    for step in recorded:
        account_id, number = step.meeting.account_id, step.meeting.number
        if recording_files.introduce(connection, sealer, account_id, number, step.recorded):
            grown.add(step.named)
    for batch in told:
        recording_files.take_apart(connection, sealer, batch)
    return grown
