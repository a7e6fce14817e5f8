"""What keeps the log from growing without end: old events go, and what they made stays.

Before a meeting's events are dropped, the meeting that they make is kept as the base that it is folded from,
so that the fold stays exact. What happened before the base and comes only then is too late to count; Zoom's
own retries end after an hour and a half.

Names and addresses of people who registered or took part go earlier, out of events that stay.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from core.errors import StoreError
from core.model.activity import recorded_instance
from core.model.fold import fold
from core.store.db import settings
from core.store.db.settings import RetentionSettings
from core.store.events import log, quarantine
from core.store.events import recordings as recording_files
from core.store.events import redaction as event_redaction
from core.store.meetings import meetings
from core.store.posts import attempts

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from core.model.fold import Change
    from core.store.db.engine import Store

_AT_ONCE = 50  # meetings, or hundreds of other events, that share one transaction: others write, too
_EVERY_SECONDS = 3600.0
_DAY_MILLISECONDS = 24 * 3600 * 1000
# Zoom tries for 85 minutes: an event younger than this may yet have older ones to come.
_SHORTEST_MILLISECONDS = _DAY_MILLISECONDS

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Retention:
    """Drops what is too old, and the oldest of what is too much, in a thread of its own.

    `days`, `events` and `names_days` are fixed from outside where they are given; else what is set counts, from the
    next round on.
    """

    store: Store
    days: int | None = None
    events: int | None = None
    names_days: int | None = None
    clock: Callable[[], float] = time.time
    _stop: threading.Event = field(default_factory=threading.Event)
    _wake: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, and look every hour."""
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the step at hand."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Say that something else was set: look now, and not in an hour."""
        self._wake.set()

    def keeping(self) -> RetentionSettings:
        """Return what counts: what is fixed from outside, else what is set."""
        with self.store.reading() as connection:
            found = settings.keeping(connection)
        return RetentionSettings(
            found.days if self.days is None else self.days,
            found.events if self.events is None else self.events,
            found.names_days if self.names_days is None else self.names_days,
        )

    def drop(self) -> int:
        """Drop what is due; return how many events that were. Raises `StoreUnavailableError`."""
        now = int(self.clock() * 1000)
        keeping = self.keeping()
        moment = now - keeping.days * _DAY_MILLISECONDS
        with self.store.reading() as connection:
            surplus = log.cutoff_for(connection, keeping.events)
        if surplus is not None:
            moment = max(moment, min(surplus, now - _SHORTEST_MILLISECONDS))
        dropped = 0
        for step in (self._drop_folded, self._drop_others):
            while not self._stop.is_set() and (count := step(moment)):
                dropped += count
        self.store.write(partial(attempts.drop_before, moment=moment))
        self._remove_names(now, now - keeping.names_days * _DAY_MILLISECONDS)
        return dropped

    def _remove_names(self, now: int, moment: int) -> None:
        """Take the names out of what came before `moment`; the events stay, and make the same meetings.

        What was refused and names people goes as a whole: nobody could verify what would be left of it.
        """
        step = partial(
            event_redaction.remove_before,
            sealer=self.store.sealer,
            moment=moment,
            limit=_AT_ONCE * 20,
            now=now,
        )
        while not self._stop.is_set() and self.store.write(step):
            pass
        with self.store.reading() as connection:
            refused = quarantine.about_people(connection, self.store.sealer, moment)

        def release(connection: Connection) -> None:
            for held_id in refused:
                quarantine.release(connection, held_id)

        if refused:
            self.store.write(release)

    def _drop_folded(self, moment: int) -> int:
        with self.store.reading() as connection:
            named = log.meetings_before(connection, moment, _AT_ONCE)
        return self.store.write(partial(self._rebase, named=named, moment=moment)) if named else 0

    def _rebase(self, connection: Connection, *, named: list[tuple[str, int]], moment: int) -> int:
        """Move the base of these meetings up to `moment`, and drop what is in it."""
        dropped = 0
        recording_files.hold(connection, [account_id for account_id, _ in named])
        for account_id, number in named:
            changes, _ = log.changes_of(connection, self.store.sealer, account_id, number, pending_only=False)
            base = meetings.load_base(connection, account_id, number)
            pending, _ = log.changes_of(connection, self.store.sealer, account_id, number, pending_only=True)
            old = _up_to_the_last_folded(changes, pending, moment)
            rebased = fold(account_id, number, old, base=base)
            if rebased is not None:
                meetings.save_base(connection, rebased)
                dropped += log.drop_folded(connection, account_id, number, rebased.last)
                recorded = {
                    recorded_instance(change.envelope) for change in changes if rebased.last < change.position
                }
                kept = {uuid for uuid in recorded if uuid is not None} | set(rebased.recordings)
                recording_files.forget_but(connection, account_id, number, kept)
        event_redaction.note_dropped(connection)
        return dropped

    def _drop_others(self, moment: int) -> int:
        def drop(connection: Connection) -> int:
            recording_files.drop_batches_before(connection, moment)
            dropped = log.drop_others(connection, moment, _AT_ONCE * 100)
            event_redaction.note_dropped(connection)
            return dropped

        return self.store.write(drop)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                dropped = self.drop()
                if dropped:
                    logger.info("log_shortened", events=dropped)
            except StoreError as error:
                logger.warning("retention_waits", reason=str(error))
            self._wake.wait(_EVERY_SECONDS)


def _up_to_the_last_folded(changes: list[Change], pending: list[Change], moment: int) -> list[Change]:
    """Return what becomes a part of the base: what happened before `moment`, up to the last of it that is folded.

    What is pending beyond that stays out: something that happened in between may come yet, and counts.
    """
    waiting = {change.position for change in pending}
    old = [change for change in changes if change.position.at < moment]
    folded = [change.position for change in old if change.position not in waiting]
    if not folded:
        return []
    last = max(folded)
    return [change for change in old if not last < change.position]
