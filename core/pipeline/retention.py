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
from typing import TYPE_CHECKING

import structlog

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
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from core.model.fold import Change
    from core.store.db.engine import Store

_BATCH_SIZE = 50  # meetings, or hundreds of other events, in one transaction: others write, too
_INTERVAL_SECONDS = 3600.0
_DAY_MILLISECONDS = 24 * 3600 * 1000
# Zoom retries for 85 minutes: an older event may yet arrive after one that is younger than this.
_SHORTEST_MILLISECONDS = _DAY_MILLISECONDS

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Retention:
    """Drop events that are too old, and the oldest where there are too many, in a thread of its own.

    `days`, `events` and `names_days` override the stored settings, which apply from the next round on.
    """

    store: Store
    days: int | None = None
    events: int | None = None
    names_days: int | None = None
    clock: Callable[[], float] = time.time
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
        """Drop what is due; return the number of events. Raises: StoreUnavailableError."""
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
            for step in (self._drop_folded, self._drop_others):
                while not self.thread.stopping.is_set() and (count := step(before, account)):
                    dropped += count
        self.store.write(partial(attempts.delete_before, moment=moment))
        self.store.write(partial(_drop_attempts, moments=moments))
        self.store.write(partial(large_requests.delete_before, moment=moment))
        self.store.write(partial(quarantine.delete_before, moment=moment))
        self.store.write(partial(senders.forget_before, moment=moment))
        self.store.write(partial(waiting_limits.forget_before, moment=moment))
        self.store.write(partial(audit.delete_old, now=now))
        self._remove_names(now, now - settings.names_days * _DAY_MILLISECONDS)
        return dropped

    def _remove_names(self, now: int, moment: int) -> None:
        """Remove names from events received before `moment`; the events stay, and fold to the same meetings.

        A quarantined request that names people is dropped as a whole: what would be left could not be verified.
        """
        step = partial(
            event_redaction.remove_before,
            sealer=self.store.sealer,
            moment=moment,
            limit=_BATCH_SIZE * 20,
            now=now,
        )
        while not self.thread.stopping.is_set() and self.store.write(step):
            pass
        with self.store.reading() as connection:
            quarantined = quarantine.ids_naming_people(connection, self.store.sealer, moment)

        def release(connection: Connection) -> None:
            for held_id in quarantined:
                quarantine.release(connection, held_id)

        if quarantined:
            self.store.write(release)

    def _drop_folded(self, moment: int, account_id: str | None) -> int:
        with self.store.reading() as connection:
            keys = log.meetings_before(connection, moment, _BATCH_SIZE, account_id=account_id)
        return self.store.write(partial(self._rebase, keys=keys, moment=moment)) if keys else 0

    def _rebase(self, connection: Connection, *, keys: list[tuple[str, int]], moment: int) -> int:
        """Move the base of these meetings up to `moment`, and drop the events in it; return their number."""
        dropped = 0
        recording_files.lock_accounts(connection, [account_id for account_id, _ in keys])
        for account_id, number in keys:
            changes, _ = log.changes_of(connection, self.store.sealer, account_id, number, pending_only=False)
            base = meetings.load_base(connection, self.store.sealer, account_id, number)
            pending, _ = log.changes_of(connection, self.store.sealer, account_id, number, pending_only=True)
            old = _up_to_last_folded(changes, pending, moment)
            rebased = fold(account_id, number, old, base=base)
            if rebased is not None:
                meetings.save_base(connection, self.store.sealer, rebased)
                dropped += log.drop_folded(connection, account_id, number, rebased.last)
                recorded = {
                    recorded_instance(change.envelope) for change in changes if rebased.last < change.position
                }
                instances = {uuid for uuid in recorded if uuid is not None} | set(rebased.recordings)
                recording_files.delete_instances_except(connection, account_id, number, instances)
        event_redaction.rewind(connection)
        return dropped

    def _drop_others(self, moment: int, account_id: str | None) -> int:
        def drop(connection: Connection) -> int:
            recording_files.delete_batch_items_before(connection, moment, account_id=account_id)
            dropped = log.drop_others(connection, moment, _BATCH_SIZE * 100, account_id=account_id)
            event_redaction.rewind(connection)
            return dropped

        return self.store.write(drop)

    def _step(self) -> float:
        """Drop what is due; return how many seconds to wait before the next round."""
        dropped = self.drop()
        if dropped:
            logger.info("events_dropped", events=dropped)
        return _INTERVAL_SECONDS


def _drop_attempts(connection: Connection, moments: Mapping[str | None, int]) -> None:
    """Drop the attempts of sites whose accounts have all lost events that were too many, as of the earliest of them."""
    for site_id, account_ids in sorted(site_facts.accounts_of_sites(connection).items()):
        of_zoom = [account_id for account_id in account_ids if not grants.is_reserved(account_id)]
        if of_zoom and all(account_id in moments for account_id in of_zoom):
            moment = min(moments[account_id] for account_id in of_zoom)
            attempts.delete_before(connection, moment, site_id=site_id)


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
