"""Limit the size of the log: drop old events, and keep the meetings folded from them.

Where there are too many events, each site and each Zoom account keeps a fair share: see `core.store.events.shares`.

Before a meeting's events are dropped, the meeting folded from them is stored as its base, from which it is folded from
then on, so that the fold stays exact. An event that happened before the base and arrives after it is too late to
count; Zoom's own retries end after 85 minutes.

Names and addresses of registrants and participants are removed earlier, from events that stay.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreUnavailableError
from core.jobs.worker import WorkerThread
from core.model.fold import fold
from core.model.instance_events import recorded_instance
from core.store import audit
from core.store.db import settings as stored_settings
from core.store.db.settings import RetentionSettings
from core.store.events import large_requests, log, quarantine, senders, shares, waiting_limits
from core.store.events import name_removal as event_redaction
from core.store.events import recordings as recording_files
from core.store.meetings import meetings
from core.store.posts import attempts
from core.store.sites import facts as site_facts
from core.store.sites import grants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.model.fold import Change
    from core.model.meeting import Meeting
    from core.store.db.engine import Store

T = TypeVar("T")

# In one transaction: others write, too.
BATCH_SIZE = 50  # meetings
BATCH_ROWS = 5000  # of what is not folded
_INTERVAL_SECONDS = 3600.0
_DAY_MILLISECONDS = 24 * 3600 * 1000
# Zoom retries for 85 minutes: an older event may yet arrive after one that is younger than this.
_SHORTEST_MILLISECONDS = _DAY_MILLISECONDS

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Rebased:
    """A meeting's new base, the recorded instances that it or a later event names, and its events: see `log.outcomes_of`."""

    key: tuple[str, int]
    base: Meeting
    instances: set[str]
    outcomes: Mapping[int, tuple[int, str]]


@dataclass(slots=True)
class Retention:
    """Drop events that are too old, and the oldest where there are too many, in a thread of its own.

    `days`, `events` and `names_days` override the stored settings, which apply from the next round on. A transaction
    drops what belongs to `batch_size` meetings, or `batch_rows` rows of what is not folded.
    """

    store: Store
    days: int | None = None
    events: int | None = None
    names_days: int | None = None
    clock: Callable[[], float] = time.time
    batch_size: int = BATCH_SIZE
    batch_rows: int = BATCH_ROWS
    thread: WorkerThread = field(init=False)

    def __post_init__(self) -> None:
        """Create the thread that drops events."""
        self.thread = WorkerThread("retention", self._step, retry_seconds=_INTERVAL_SECONDS)

    def start(self) -> None:
        """Start: drop now, then every hour."""
        self.thread.start()

    def stop(self) -> None:
        """Stop after the current transaction. Blocks."""
        self.thread.stop()

    def wake(self) -> None:
        """Apply changed settings now, instead of within an hour."""
        self.thread.wake()

    def settings(self) -> RetentionSettings:
        """Return the settings in effect: the overrides, else those stored."""
        with self.store.reading() as connection:
            found = stored_settings.retention(connection)
        return RetentionSettings(
            found.days if self.days is None else self.days,
            found.events if self.events is None else self.events,
            found.names_days if self.names_days is None else self.names_days,
        )

    def drop(self) -> int:
        """Drop what is due; return the number of events. What cannot be dropped is logged, and the rest goes on.

        Raises: StoreUnavailableError.
        """
        now = int(self.clock() * 1000)
        settings = self.settings()
        moment = now - settings.days * _DAY_MILLISECONDS
        with self.store.reading() as connection:
            cut = shares.cutoffs(connection, settings.events)
        # An account's own moments, where it has too many events, come after that of all.
        moments: dict[str | None, int] = {None: moment}
        for account_id, surplus in sorted(cut.items()):
            moments[account_id] = max(moment, min(surplus, now - _SHORTEST_MILLISECONDS))
        dropped = 0
        for account, before in moments.items():
            for drop in (self._drop_folded, self._drop_others):
                dropped += self._attempt(partial(drop, before, account)) or 0
        with self.store.reading() as connection:
            of_sites = _moments_of_attempts(connection, moments)
        for site_id, before in ((None, moment), *of_sites):
            self._attempt(partial(self._drop_attempts, before, site_id))
        others: list[Callable[[Connection], object]] = [
            partial(large_requests.delete_before, moment=moment),
            partial(quarantine.delete_before, moment=moment),
            partial(senders.forget_before, moment=moment),
            partial(waiting_limits.forget_before, moment=moment),
            partial(audit.delete_old, now=now),
        ]
        for delete in others:
            self._attempt(partial(self.store.write, delete))
        self._attempt(partial(self._remove_names, now, now - settings.names_days * _DAY_MILLISECONDS))
        return dropped

    def _attempt(self, part: Callable[[], T]) -> T | None:
        """Do one part of a round; None where that fails, which stops no other part."""
        try:
            return part()
        except StoreUnavailableError:
            raise
        except Exception:
            logger.exception("retention_failed")
            return None

    def _remove_names(self, now: int, moment: int) -> None:
        """Remove names from events received before `moment`; the events stay, and fold to the same meetings.

        A quarantined request that names people is dropped as a whole: what would be left could not be verified.
        """
        step = partial(
            event_redaction.remove_before,
            sealer=self.store.sealer,
            moment=moment,
            limit=self.batch_size * 20,
            now=now,
        )
        self._repeat(step)
        with self.store.reading() as connection:
            quarantined = quarantine.ids_naming_people(connection, self.store.sealer, moment)

        def release(connection: Connection) -> None:
            for held_id in quarantined:
                quarantine.release(connection, held_id)

        if quarantined:
            self.store.write(release)

    def _drop_folded(self, moment: int, account_id: str | None) -> int:
        """Drop the events of meetings; return their number. A meeting that cannot be folded keeps its own."""
        dropped = 0
        kept: set[tuple[str, int]] = set()
        while not self.thread.stopping.is_set():
            with self.store.reading() as connection:
                found = log.meetings_before(
                    connection, moment, self.batch_size + len(kept), account_id=account_id
                )
            keys = [key for key in found if key not in kept]
            if not keys:
                break
            count = self._rebase_each(self._folded(keys, moment, kept), kept)
            kept.update(keys if not count else ())
            dropped += count
        return dropped

    def _folded(self, keys: list[tuple[str, int]], moment: int, kept: set[tuple[str, int]]) -> list[_Rebased]:
        """Fold meetings up to `moment`; those that cannot be folded are added to `kept`.

        Not in the transaction: a webinar's registrations take seconds, in which nobody else could write.
        """
        found = []
        for key in keys:
            try:
                rebased = self._fold(key, moment)
            except (StoreUnavailableError, SQLAlchemyError):
                raise
            except Exception:
                logger.exception("events_not_dropped", account_id=key[0], number=key[1])
                rebased = None
            if rebased is None:
                kept.add(key)
            else:
                found.append(rebased)
        return found

    def _fold(self, key: tuple[str, int], moment: int) -> _Rebased | None:
        sealer = self.store.sealer
        with self.store.reading() as connection:
            changes, _ = log.changes_of(connection, sealer, *key, pending_only=False)
            pending, _ = log.changes_of(connection, sealer, *key, pending_only=True)
            base = meetings.load_base(connection, sealer, *key)
            outcomes = log.outcomes_of(connection, *key)
        rebased = fold(*key, _up_to_last_folded(changes, pending, moment), base=base)
        if rebased is None:
            return None
        recorded = {
            recorded_instance(change.envelope) for change in changes if rebased.last < change.position
        }
        instances = {uuid for uuid in recorded if uuid is not None} | set(rebased.recordings)
        return _Rebased(key, rebased, instances, outcomes)

    def _rebase_each(self, rebased: Sequence[_Rebased], kept: set[tuple[str, int]]) -> int:
        """Rebase meetings in one transaction, or each in its own where one of them fails, which is added to `kept`."""
        try:
            return self.store.write(partial(self._rebase, rebased=rebased))
        except StoreUnavailableError:
            raise
        except Exception:
            if len(rebased) > 1:
                return sum(self._rebase_each([one], kept) for one in rebased)
            account_id, number = rebased[0].key
            logger.exception("events_not_dropped", account_id=account_id, number=number)
            kept.add(rebased[0].key)
            return 0

    def _rebase(self, connection: Connection, *, rebased: Sequence[_Rebased]) -> int:
        """Save the new bases of meetings, and drop the events in them; return their number.

        A meeting keeps its own for now where an event changed since it was folded that belongs into the base. Later events
        may come all the time, as registrations do; one of them may name an instance.
        """
        dropped = 0
        recording_files.lock_accounts(connection, [one.key[0] for one in rebased])
        for one in rebased:
            changed = log.outcomes_of(connection, *one.key).items() ^ one.outcomes.items()
            if any(at <= one.base.last.at for _, (at, _) in changed):
                continue
            meetings.save_base(connection, self.store.sealer, one.base)
            dropped += log.drop_folded(connection, *one.key, one.base.last)
            if not changed:
                recording_files.delete_instances_except(connection, *one.key, one.instances)
        event_redaction.rewind(connection)
        return dropped

    def _drop_others(self, moment: int, account_id: str | None) -> int:
        """Drop events that changed no meeting; return their number."""

        def drop(connection: Connection) -> int:
            recording_files.delete_batch_items_before(connection, moment, account_id=account_id)
            dropped = log.drop_others(connection, moment, self.batch_rows, account_id=account_id)
            event_redaction.rewind(connection)
            return dropped

        return self._repeat(drop)

    def _drop_attempts(self, moment: int, site_id: str | None) -> None:
        self._repeat(partial(attempts.delete_before, moment=moment, site_id=site_id, limit=self.batch_rows))

    def _repeat(self, write: Callable[[Connection], int]) -> int:
        """Repeat a write, each in a transaction of its own, until it has nothing left; return the sum of its counts."""
        done = 0
        while not self.thread.stopping.is_set() and (count := self.store.write(write)):
            done += count
        return done

    def _step(self) -> float:
        """Drop what is due; return how many seconds to wait before the next round."""
        dropped = self.drop()
        if dropped:
            logger.info("events_dropped", events=dropped)
        return _INTERVAL_SECONDS


def _moments_of_attempts(
    connection: Connection, moments: Mapping[str | None, int]
) -> list[tuple[str | None, int]]:
    """Return the sites whose accounts have all lost events that were too many, with the earliest of their moments."""
    found: list[tuple[str | None, int]] = []
    for site_id, account_ids in sorted(site_facts.accounts_of_sites(connection).items()):
        of_zoom = [account_id for account_id in account_ids if not grants.is_reserved(account_id)]
        if of_zoom and all(account_id in moments for account_id in of_zoom):
            found.append((site_id, min(moments[account_id] for account_id in of_zoom)))
    return found


def _up_to_last_folded(changes: list[Change], pending: list[Change], moment: int) -> list[Change]:
    """Return the changes that become part of the base: those before `moment`, up to the last one that is folded.

    Pending changes beyond that stay out: one that happened in between may yet arrive, and counts.
    """
    not_folded = {change.position for change in pending}
    old = [change for change in changes if change.position.at < moment]
    folded = [change.position for change in old if change.position not in not_folded]
    if not folded:
        return []
    last = max(folded)
    return [change for change in old if not last < change.position]
