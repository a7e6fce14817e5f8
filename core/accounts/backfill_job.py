"""Completing: what events leave out is read from the account at once.

`created` carries no agenda, and an event for a meeting never seen before may lack nearly everything:
https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.accounts.clients import read_each
from core.accounts.import_job import LATER_SECONDS, ImportJob
from core.jobs.runner import JobStep
from core.model.meeting import MeetingKind
from core.model.snapshots import Drift, of_absence
from core.store.accounts import meetings as account_meetings
from core.zoom.readings import Absence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.store.jobs import Job

KIND = "complete"
_AT_ONCE = 50


@dataclass(slots=True)
class BackfillJob(ImportJob):
    """Reads the meetings of which events alone tell too little. `job.arguments`: `account`."""

    def _piece(self, job: Job, account_id: str, place: Mapping[str, Any]) -> JobStep:
        after = int(place.get("from", 0))
        with self.store.reading() as connection:
            known = account_meetings.to_complete(
                connection, account_id, now=self._now_ms(), after=after, limit=_AT_ONCE
            )
        if not known:
            return JobStep(finished=True)
        rest = self.accounts.rest(account_id)
        readings = read_each(
            rest, [(meeting.number, meeting.kind is MeetingKind.WEBINAR) for meeting in known]
        )
        snapshots = self._compare(account_id, readings)
        # Told of late, it may be gone by now.
        snapshots += [
            of_absence(account_id, meeting, at=absence.at, now=self._now())
            for meeting in known
            if isinstance(absence := readings[meeting.number], Absence)
        ]
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            return JobStep(place=dict(place), wait=LATER_SECONDS)
        following = {"phase": "complete", "from": known[-1].number}
        return self._keeping(job, account_id, snapshots, place=following, done=len(known))
