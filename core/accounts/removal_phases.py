"""The phases of a scan that remove posts: hold those of sites with too many, and apply the others or approved ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core import messages
from core.accounts.dry_run import PlannedAction
from core.accounts.recorder import HELD
from core.accounts.scan import (
    KNOWN_BATCH_SIZE,
    WOULD_HOLD,
    PhaseName,
    account_of,
    advance,
    is_dry_run,
    repeat_if_changing,
)
from core.accounts.trash_limits import exceeded, find_removals
from core.jobs.runner import JobStep
from core.model.snapshots import Drift
from core.store.accounts import findings, removals
from core.store.accounts.findings import Finding
from core.store.accounts.removals import RemovalState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.accounts.recorder import SnapshotRecorder
    from core.accounts.scan import Cursor, ScanContext
    from core.model.snapshots import Snapshot
    from core.store.accounts.removals import Removal, RemovalCounts
    from core.store.jobs import Job


@dataclass(slots=True)
class RemovalsPhase:
    """Decide about the posts that the run would trash: hold those of sites with too many, and apply the others.

    What is applied is read once more: in between, Zoom may have got the meeting back.
    """

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.REMOVALS

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:
        """Hold all that are to be held, and apply the next others."""
        account_id, now = account_of(job), self.context.now_ms()
        if is_dry_run(job):
            return self._count_held(job, following)
        with self.context.store.reading() as connection:
            found = removals.found_by(connection, job.id)
            site_ids = {one.site_id for one in found}
            exceeded = self._exceeded(connection, job, site_ids, now=now)
            free = _numbers(found) - _numbers(one for one in found if one.site_id in exceeded)
        if not found:
            return advance(following, job)
        snapshots = self.context.read_numbers(account_id, sorted(free)[:KNOWN_BATCH_SIZE])
        if repeated := repeat_if_changing(cursor, snapshots):
            return repeated

        def write(connection: Connection) -> Mapping[str, int]:
            removals.lock(connection)
            too_many = self._exceeded(connection, job, site_ids, now=now)
            held = _numbers(one for one in found if one.site_id in too_many)
            removals.set_state(connection, account_id, held, RemovalState.HELD)
            noted = [self._held_finding(job, one, too_many) for one in found if one.number in held]
            findings.add(connection, noted)
            applied = [one for one in snapshots if one.number not in held]
            counts = apply_removals(connection, self.recorder, job, applied, applied_at=now)
            removals.drop_old(connection, now=now)
            return counts + Counter(one.kind for one in noted)

        return JobStep(cursor={"phase": self.name}, write=write, after_commit=self.recorder.events_appended)

    def close(self) -> None:
        """Nothing is held."""

    def _exceeded(
        self, connection: Connection, job: Job, site_ids: set[str], *, now: int
    ) -> dict[str, RemovalCounts]:
        return exceeded(connection, self.context.trash_limits, job.id, site_ids, now=now)

    def _held_finding(self, job: Job, removal: Removal, exceeded: Mapping[str, RemovalCounts]) -> Finding:
        counts = exceeded.get(removal.site_id)
        detail = messages.HELD_ELSEWHERE
        if counts is not None:
            detail = messages.HELD_ON_SITE % {"removed": counts.removed, "total": counts.total}
        return Finding(
            job.id, removal.account_id, removal.number, HELD, removal.topic, detail, removal.site_id
        )

    def _count_held(self, job: Job, following: PhaseName | None) -> JobStep:
        """End a dry run with the number of posts that a run would hold."""
        with self.context.store.reading() as connection:
            limits = self.context.trash_limits.limits(connection)
            planned = findings.count_by_site(connection, job.id, PlannedAction.TRASH)
            known = removals.counts(connection, planned, job.id, now=self.context.now_ms())
        would_hold = sum(
            count
            for site_id, count in planned.items()
            if limits.are_exceeded(count + known[site_id].removed, known[site_id].total)
        )
        counts = {WOULD_HOLD: would_hold} if would_hold else {}
        return advance(following, replace(job, counts={**job.counts, **counts}), counts=counts)


@dataclass(slots=True)
class ApprovedPhase:
    """Apply removals that an administrator has approved, where Zoom still says that the meeting is gone."""

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.APPROVED

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:
        """Read the next ones again, and apply them."""
        account_id = account_of(job)
        with self.context.store.reading() as connection:
            approved = removals.approved(connection, account_id)
        numbers = sorted(_numbers(approved))[:KNOWN_BATCH_SIZE]
        if not numbers:
            return advance(following, job)
        snapshots = self.context.read_numbers(account_id, numbers)
        if repeated := repeat_if_changing(cursor, snapshots):
            return repeated

        def write(connection: Connection) -> Mapping[str, int]:
            return apply_removals(connection, self.recorder, job, snapshots, applied_at=None)

        return JobStep(
            cursor={"phase": self.name},
            done=len(numbers) if following is PhaseName.POSTS else 0,  # else the job counts users
            write=write,
            after_commit=self.recorder.events_appended,
        )

    def close(self) -> None:
        """Nothing is held."""


def apply_removals(
    connection: Connection,
    recorder: SnapshotRecorder,
    job: Job,
    snapshots: Sequence[Snapshot],
    *,
    applied_at: int | None,
) -> Counter[str]:
    """Record snapshots of meetings that were to be removed; return the counts by kind of difference.

    `applied_at` is the time (Unix milliseconds, UTC) where a run decides by itself, None where an administrator did.
    What Zoom has again returns; of what it gives no clear answer nothing changes.
    """
    account_id = account_of(job)
    sealer = recorder.store.sealer
    removed = set(find_removals(connection, sealer, account_id, snapshots, now=recorder.now()))
    unsure = {one.number for one in snapshots if one.drift is Drift.UNSURE}
    back = {one.number for one in snapshots} - removed - unsure
    removals.set_state(connection, account_id, removed, RemovalState.APPLIED, applied_at=applied_at)
    removals.set_state(connection, account_id, back, RemovalState.RETURNED)
    if applied_at is None:
        removals.set_state(connection, account_id, unsure, RemovalState.HELD)
    else:
        removals.drop(connection, account_id, unsure)
    recorder.recording(job, snapshots).write(connection)
    return Counter(str(one.drift) for one in snapshots)


def _numbers(found: Iterable[Removal]) -> set[int]:
    return {one.number for one in found}
