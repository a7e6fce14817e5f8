"""Repair: compare what Zoom holds, what the bridge knows and what each site shows; mend what differs.

It reads the account as an import does. Besides, it asks for each meeting that is known and not listed, and has
every post looked at: people's edits stay, what the bridge wrote is put right. Zoom being silent never makes a
meeting look deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.accounts.clients import read_one
from core.accounts.import_job import LATER_SECONDS, ImportJob
from core.jobs.runner import JobStep
from core.model.meeting import MeetingKind
from core.model.snapshots import Drift, of_absence, of_reading
from core.store.accounts import meetings as account_meetings
from core.store.posts import account_posts
from core.zoom.readings import Absence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.model.meeting import Meeting
    from core.model.snapshots import Snapshot
    from core.store.jobs import Job

KIND = "repair"
_LEFT_AT_ONCE = 50


@dataclass(slots=True)
class ReconcileJob(ImportJob):
    """Makes the sites what the account is. `job.arguments`: `account`, and `dry_run`.

    `mirrored` is called when posts are to be looked at.
    """

    mirrored: Callable[[], None] = lambda: None

    def _unlisted(self, account_id: str, host_id: str, items: Mapping[int, Any]) -> list[Snapshot]:
        with self.store.reading() as connection:
            known = account_meetings.of_host(connection, account_id, host_id, now=self._now_ms())
        return self._ask_about(account_id, [meeting for meeting in known if meeting.number not in items])

    def _piece(self, job: Job, account_id: str, place: Mapping[str, Any]) -> JobStep:
        if place["phase"] == "left":
            return self._left(job, account_id, place)
        if place["phase"] == "look":
            return self._look(job, account_id)
        return super(ReconcileJob, self)._piece(job, account_id, place)

    def _after_hosts(self, job: Job, account_id: str) -> JobStep:  # noqa: ARG002 - the phase says it all
        return JobStep(place={"phase": "left", "from": 0})

    def _left(self, job: Job, account_id: str, place: Mapping[str, Any]) -> JobStep:
        """Ask about meetings to come whose host is in no list: unknown, or gone from the account."""
        with self.store.reading() as connection:
            known = account_meetings.of_nobody(
                connection, account_id, now=self._now_ms(), after=place["from"], limit=_LEFT_AT_ONCE
            )
        snapshots = self._ask_about(account_id, known)
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            return JobStep(place=dict(place), wait=LATER_SECONDS)
        finished = len(known) < _LEFT_AT_ONCE
        is_dry = bool(job.arguments.get("dry_run"))
        following: dict[str, Any] = (
            {"phase": "posts" if is_dry else "look"}
            if finished
            else {"phase": "left", "from": known[-1].number}
        )
        return self._keeping(job, account_id, snapshots, place=following, done=0)

    def _look(self, job: Job, account_id: str) -> JobStep:  # noqa: ARG002 - the account says which
        """Have every post of the account looked at, whatever the bridge believes of it."""
        now = self._now_ms()

        def keep(connection: Any) -> dict[str, int]:
            return {"looked_at": account_posts.look_at_all(connection, account_id, now=now)}

        return JobStep(place={"phase": "posts"}, keep=keep, then=self.mirrored)

    def _ask_about(self, account_id: str, known: list[Meeting]) -> list[Snapshot]:
        """Ask Zoom for meetings that it did not list."""
        rest = self.accounts.rest(account_id)
        found = []
        for meeting in known:
            reading = read_one(rest, meeting.number, is_webinar=meeting.kind is MeetingKind.WEBINAR)
            found.append(
                of_absence(account_id, meeting, at=reading.at, now=self._now())
                if isinstance(reading, Absence)
                else of_reading(account_id, meeting.number, meeting, reading)
            )
        return found
