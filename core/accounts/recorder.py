"""Record the snapshots of a scan: append them to the log, or with a dry run, note the planned actions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from core.accounts.clients import log_entry
from core.accounts.dry_run import planned_action
from core.jobs.runner import JobStep
from core.model import rules
from core.model.snapshots import Drift
from core.render import SiteRules
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts.findings import Finding
from core.store.events import log
from core.store.posts import backlog
from core.store.posts.queue import PostState
from core.store.sites import sites

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
class SnapshotRecorder:
    """Record snapshots. `events_appended` is called after a commit that appended to the log; `now` returns UTC."""

    store: Store
    events_appended: Callable[[], None]
    now: Callable[[], datetime]

    def record(
        self,
        job: Job,
        snapshots: list[Snapshot],
        *,
        place: Mapping[str, Any],
        done: int,
        finished: bool = False,
        skips: Sequence[Skip] = (),
    ) -> JobStep:
        """Return the step that records snapshots and leads to `place`, with counts by kind of difference."""
        account_id = str(job.arguments["account"])
        counts = Counter[str](snapshot.drift for snapshot in snapshots)
        counts.update(skip.kind for skip in skips)
        skipped = [
            Finding(job.id, account_id, 0, skip.kind, skip.user, skip.skipped.message) for skip in skips
        ]
        if job.arguments.get("dry_run"):
            planned = self._planned(job, account_id, snapshots)
            counts.update(finding.kind for finding in planned)
            unsure = [self._finding(job, one) for one in snapshots if one.drift is Drift.UNSURE]
            write = partial(_note, noted=[*planned, *unsure], skipped=skipped)
            return JobStep(place=place, done=done, counts=counts, finished=finished, write=write)
        now = int(self.now().timestamp() * 1000)
        entries = [
            log_entry(self.store, account_id, snapshot, now=now)
            for snapshot in snapshots
            if snapshot.raw is not None
        ]
        noted = [self._finding(job, one) for one in snapshots if one.drift is not Drift.SAME]

        def append(connection: Connection) -> None:
            if entries:
                log.append(connection, entries)
            _note(connection, noted=noted, skipped=skipped)

        return JobStep(
            place=place,
            done=done,
            counts=counts,
            finished=finished,
            write=append,
            after_commit=self.events_appended if entries else None,
        )

    def _finding(self, job: Job, snapshot: Snapshot) -> Finding:
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
            states = backlog.states_of_account(
                connection, account_id, [snapshot.number for snapshot in snapshots]
            )
            shown_on = [
                sites.load(connection, site_id, self.store.sealer)
                for site_id in zoom_credentials.sites_of(connection, account_id)
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
