"""Record the snapshots of a scan: append them to the log, or with a dry run, note the planned actions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from core.accounts.clients import log_entry
from core.accounts.dry_run import DryRun, PlannedAction, planned_action
from core.accounts.trash_limits import find_removals
from core.jobs.runner import JobStep
from core.model import rules
from core.model.meeting import MeetingState
from core.model.snapshots import Drift
from core.render import SiteRules
from core.store.accounts import findings, removals
from core.store.accounts.findings import Finding
from core.store.accounts.removals import FoundRemoval, RemovalState
from core.store.events import log
from core.store.posts import backlog
from core.store.posts.queue import PostState
from core.store.sites import grants, sites

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from core.accounts.reader import SkippedList
    from core.model.snapshots import Snapshot
    from core.store.db.engine import Store
    from core.store.jobs import Job

_LONGEST_TOPIC = 300
SKIPPED, NO_WEBINARS = "skipped", "no_webinars"
HELD, DISMISSED = "held", "dismissed"


@dataclass(frozen=True, slots=True)
class Skip:
    """A list of a user that could not be read. `user` is the e-mail address, or else Zoom's id."""

    user: str
    skipped: SkippedList

    @property
    def kind(self) -> str:
        """The kind of the finding: that a user has no webinars is usual, and said once for all with the same reason."""
        return NO_WEBINARS if self.skipped.is_usual else SKIPPED


@dataclass(frozen=True, slots=True)
class Recording:
    """Log entries and findings of snapshots."""

    entries: Sequence[log.Entry]
    findings: Sequence[Finding]

    def write(self, connection: Connection) -> None:
        """Append the entries to the log, and save the findings."""
        if self.entries:
            log.append(connection, list(self.entries))
        findings.add(connection, self.findings)


@dataclass(frozen=True, slots=True)
class SnapshotRecorder:
    """Record snapshots. Those that would trash posts are only noted, for `removal_phases.RemovalsPhase`.

    `events_appended` is called after a commit that appended to the log; `now` returns UTC.
    """

    store: Store
    events_appended: Callable[[], None]
    now: Callable[[], datetime]

    def record(
        self,
        job: Job,
        snapshots: list[Snapshot],
        *,
        cursor: Mapping[str, Any],
        done: int,
        finished: bool = False,
        skips: Sequence[Skip] = (),
    ) -> JobStep:
        """Return the step that records snapshots and leads to `cursor`, with counts by kind of difference."""
        account_id = str(job.arguments["account"])
        skipped = [
            Finding(job.id, account_id, 0, skip.kind, skip.user, skip.skipped.message) for skip in skips
        ]
        if job.arguments.get("dry_run"):
            planned = self._planned(job, account_id, snapshots)
            counts = Counter[str](snapshot.drift for snapshot in snapshots)
            counts.update(finding.kind for finding in [*planned, *skipped])
            unsure = [self.finding(job, one) for one in snapshots if one.drift is Drift.UNSURE]
            note = partial(_note, noted=[*planned, *unsure], skipped=skipped)
            return JobStep(cursor=cursor, done=done, counts=counts, finished=finished, write=note)
        with self.store.reading() as connection:
            removed = find_removals(connection, self.store.sealer, account_id, snapshots, now=self.now())
        removing = [one for one in snapshots if one.number in removed]
        counts = Counter[str](one.drift for one in snapshots if one.number not in removed)
        counts.update(skip.kind for skip in skips)
        recorded = self.recording(job, [one for one in snapshots if one.number not in removed])
        now = int(self.now().timestamp() * 1000)

        def write(connection: Connection) -> Mapping[str, int]:
            recorded.write(connection)
            _note(connection, noted=(), skipped=skipped)
            existing = [one.number for one in snapshots if one.number not in removed and _exists(one)]
            removals.set_state(connection, account_id, existing, RemovalState.RETURNED)
            return self._note_removals(connection, job, removing, removed, now=now)

        return JobStep(
            cursor=cursor,
            done=done,
            counts=counts,
            finished=finished,
            write=write,
            after_commit=self.events_appended if recorded.entries else None,
        )

    def recording(self, job: Job, snapshots: Sequence[Snapshot]) -> Recording:
        """Return the log entries and findings of snapshots, to be written in one transaction."""
        account_id = str(job.arguments["account"])
        now = int(self.now().timestamp() * 1000)
        entries = [
            log_entry(self.store, account_id, one, now=now) for one in snapshots if one.raw is not None
        ]
        noted = [self.finding(job, one) for one in snapshots if one.drift is not Drift.SAME]
        return Recording(entries, noted)

    def _note_removals(
        self,
        connection: Connection,
        job: Job,
        removing: Sequence[Snapshot],
        removed: Mapping[int, Sequence[str]],
        *,
        now: int,
    ) -> Counter[str]:
        """Note posts to be trashed, for the end of the run; return the counts of those that are held or dismissed."""
        found = [
            FoundRemoval(site_id, one.number, one.topic[:_LONGEST_TOPIC])
            for one in removing
            for site_id in removed[one.number]
        ]
        account_id = str(job.arguments["account"])
        states = removals.note_found(connection, job.id, account_id, found, now=now)
        decided = [one for one in found if states[one.number] is not RemovalState.FOUND]
        noted = [
            Finding(
                job.id,
                account_id,
                one.number,
                DISMISSED if states[one.number] is RemovalState.DISMISSED else HELD,
                one.topic,
                site_id=one.site_id,
            )
            for one in decided
        ]
        findings.add(connection, noted)
        return Counter(one.kind for one in noted)

    def finding(self, job: Job, snapshot: Snapshot) -> Finding:
        """Return the finding of one snapshot."""
        return Finding(
            job.id,
            str(job.arguments["account"]),
            snapshot.number,
            snapshot.drift,
            snapshot.topic[:_LONGEST_TOPIC],
            snapshot.detail,
        )

    def _planned(self, job: Job, account_id: str, snapshots: list[Snapshot]) -> list[Finding]:
        """Return the planned action for each meeting on each site of the account."""
        found = []
        now = self.now()
        with self.store.reading() as connection:
            removed = find_removals(connection, self.store.sealer, account_id, snapshots, now=now)
            states = backlog.states_of_account(
                connection, account_id, [snapshot.number for snapshot in snapshots]
            )
            shown_on = [
                sites.load(connection, site_id, self.store.sealer)
                for site_id in grants.site_ids(connection, account_id)
            ]
        for site in shown_on:
            site_rules = SiteRules(rules.read(site.rules).rules, site.vczapi, site.vczapi_pro)
            for snapshot in snapshots:
                if snapshot.after is None or snapshot.drift is Drift.UNSURE:
                    continue
                state = states.get((site.id, snapshot.number), PostState.NONE)
                planned = planned_action(
                    snapshot.after, site_rules, state, differs=snapshot.drift is Drift.CHANGED, now=now
                )
                if site.id in removed.get(snapshot.number, ()):
                    planned = DryRun(PlannedAction.TRASH, planned.reason)
                found.append(
                    Finding(
                        job.id,
                        account_id,
                        snapshot.number,
                        planned.action,
                        snapshot.topic[:_LONGEST_TOPIC],
                        planned.reason,
                        site.id,
                    )
                )
        return found


def _note(connection: Connection, *, noted: Sequence[Finding], skipped: Sequence[Finding]) -> None:
    findings.add(connection, noted)
    findings.add(connection, [one for one in skipped if one.kind != NO_WEBINARS])
    findings.add_reasons(connection, [one for one in skipped if one.kind == NO_WEBINARS])


def _exists(snapshot: Snapshot) -> bool:
    """Whether Zoom has the meeting."""
    has_answer = snapshot.drift in (Drift.SAME, Drift.NEW, Drift.CHANGED, Drift.COMPLETED)
    return has_answer and snapshot.after is not None and snapshot.after.state is MeetingState.SCHEDULED
