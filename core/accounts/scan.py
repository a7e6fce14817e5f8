"""Scan a Zoom account over REST: one resumable job step at a time, in phases that each job composes.

What Zoom returns is compared with what the bridge knows, and only differences enter the log, as snapshots. From there
they take the same way as events: there is no second path to WordPress. That Zoom does not answer never makes a meeting
look deleted. The phases are in `core.accounts.scan_phases` and `core.accounts.removal_phases`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from core import messages
from core.accounts.reader import AccountReader
from core.accounts.recorder import HELD, SKIPPED
from core.accounts.trash_limits import TrashLimitOptions
from core.errors import ZoomLimitError, ZoomPageError, ZoomRestError, ZoomUnreachableError
from core.jobs.runner import JobStep
from core.model.meeting import WEBINARS, MeetingKind, whole_number
from core.model.snapshots import Drift, of_absence, of_reading, of_room, of_unclear
from core.model.state_fields import named_hosts
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import meetings as account_meetings
from core.store.accounts import users as zoom_users
from core.store.meetings import meetings
from core.zoom.readings import Reading, Unclear

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.accounts.clients import AccountClients
    from core.model.meeting import Meeting
    from core.model.snapshots import Snapshot
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.zoom.readings import Absence

    Answer = Reading | Absence | Unclear
    Cursor = Mapping[str, Any]  # where a step starts: the phase's name, and how far it is

WOULD_HOLD = "would_hold"
KNOWN_BATCH_SIZE = 50  # known meetings that one step reads by number
_OUTAGE_SECONDS = 60.0
_LATER_SECONDS = 3.0
# For so long, limits and outages of Zoom are no fault of the account: they pass by themselves.
_PATIENCE_MILLISECONDS = 15 * 60 * 1000
_STUCK_SINCE = "stuck_since"  # in a cursor: the first of the refusals in a row, in Unix milliseconds (UTC)


class PhaseName(StrEnum):
    """A phase, as a job's cursor stores it."""

    FOLD = "fold"
    USERS = "users"
    MEETINGS = "hosts"
    MISSING = "left"
    REMOVALS = "removals"
    APPROVED = "approved"
    REQUEUE = "look"
    POSTS = "posts"
    INCOMPLETE = "complete"


class Phase(Protocol):
    """One phase of a scan."""

    @property
    def name(self) -> PhaseName:
        """The name that a job's cursor stores."""

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:
        """Do the next step, starting at `cursor`; the last one leads to the phase `following`, None at the end."""

    def close(self) -> None:
        """Release what is held between steps."""


@dataclass(frozen=True, slots=True)
class ScanContext:
    """The services that phases share: the store, the clients of Zoom accounts, and a clock in Unix seconds.

    `trash_limits` are the limits above which removals are held.
    """

    store: Store
    clients: AccountClients
    clock: Callable[[], float] = time.time
    trash_limits: TrashLimitOptions = field(default_factory=TrashLimitOptions)

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def now_ms(self) -> int:
        """Return the current time in Unix milliseconds."""
        return int(self.clock() * 1000)

    def reader(self, account_id: str) -> AccountReader:
        """Return a new reader of an account. Raises: UnknownAccountError, StoreUnavailableError."""
        return AccountReader(self.clients.rest(account_id))

    def compare(
        self, account_id: str, readings: Mapping[int, Answer], items: Mapping[int, Mapping[str, Any]]
    ) -> list[Snapshot]:
        """Compare readings of listed meetings with the stored ones.

        Absences are left out: the meeting went after it was listed.
        """
        found = []
        with self.store.reading() as connection:
            for number, reading in readings.items():
                stored = meetings.load(connection, self.store.sealer, account_id, number)
                known = None if stored is None else stored[0]
                if isinstance(reading, Reading):
                    same = (
                        None
                        if known
                        else _known_as_room(connection, self.store.sealer, account_id, number, reading)
                    )
                    found.append(same or self._of_reading(connection, account_id, number, known, reading))
                elif isinstance(reading, Unclear):
                    topic = items[number].get("topic")
                    named = topic if isinstance(topic, str) else ""
                    found.append(of_unclear(number, known, reading.message, topic=named))
        return found

    def _of_reading(
        self, connection: Connection, account_id: str, number: int, known: Meeting | None, reading: Reading
    ) -> Snapshot:
        host_ids = zoom_users.ids_by_name(
            connection, self.store.sealer, account_id, named_hosts(reading.document)
        )
        return of_reading(account_id, number, known, reading, host_ids=host_ids)

    def read_known(self, account_id: str, known: Sequence[Meeting]) -> list[Snapshot]:
        """Read known meetings that Zoom did not list, and compare them; an absence counts."""
        if not known:
            return []
        reader = self.reader(account_id)
        wanted = [(meeting.number, meeting.kind is MeetingKind.WEBINAR) for meeting in known]
        readings = reader.read_each(wanted)
        found = []
        with self.store.reading() as connection:
            for meeting in known:
                stored = meetings.load(connection, self.store.sealer, account_id, meeting.number)
                now_known = meeting if stored is None else stored[0]
                found.append(self.compare_known(connection, account_id, now_known, readings[meeting.number]))
        return found

    def read_numbers(self, account_id: str, numbers: Collection[int]) -> list[Snapshot]:
        """Read known meetings by number, as `read_known` does; numbers that the bridge does not know are left out."""
        with self.store.reading() as connection:
            stored = [meetings.load(connection, self.store.sealer, account_id, number) for number in numbers]
        return self.read_known(account_id, [one[0] for one in stored if one is not None])

    def compare_known(
        self, connection: Connection, account_id: str, meeting: Meeting, answer: Answer
    ) -> Snapshot:
        """Compare a known meeting with the answer to a request for it by its number."""
        if isinstance(answer, Reading):
            return self._of_reading(connection, account_id, meeting.number, meeting, answer)
        if isinstance(answer, Unclear):
            return of_unclear(meeting.number, meeting, answer.message)
        return of_absence(account_id, meeting, at=answer.at, now=self.now())

    def reread_changed(
        self, account_id: str, readings: Mapping[int, Answer], items: Mapping[int, Mapping[str, Any]]
    ) -> Mapping[int, Answer]:
        """Read meetings again that have changed since they were prefetched, and return all readings."""
        read_at = {number: one.at for number, one in readings.items() if isinstance(one, Reading)}
        with self.store.reading() as connection:
            changed = account_meetings.changed_since(connection, account_id, read_at)
        wanted = [(number, items[number].get("type") in WEBINARS) for number in changed]
        return {**readings, **self.reader(account_id).read_each(wanted)} if wanted else readings


def _known_as_room(
    connection: Connection, sealer: Sealer, account_id: str, number: int, reading: Reading
) -> Snapshot | None:
    """Return the result for an unknown meeting whose events carried a personal meeting ID as its number."""
    pmi = whole_number(reading.document.get("pmi"))
    stored = meetings.load(connection, sealer, account_id, pmi) if pmi and pmi != number else None
    return None if stored is None else of_room(number, stored[0], reading)


@dataclass(slots=True)
class AccountScan:
    """Run the phases of a scan in order, `dry_phases` for a dry run. `job.arguments`: `account`, and `dry_run`.

    Zoom's limits and outages postpone the step. Where the account itself cannot be read (wrong credentials, no scope
    for the list of users), the job fails. That is stored as the account's fault, and so is what lasts for 15 minutes.
    """

    context: ScanContext
    phases: Sequence[Phase]
    dry_phases: Sequence[Phase] = ()

    def step(self, job: Job) -> JobStep:
        """Do the next step of the phase that the job's cursor names; an unknown one restarts with the first phase."""
        store = self.context.store
        account_id = account_of(job)
        phases = self.dry_phases if self.dry_phases and is_dry_run(job) else self.phases
        names = [phase.name for phase in phases]
        cursor = dict(job.cursor or {"phase": names[0]})
        now = self.context.now_ms()
        since = cursor.pop(_STUCK_SINCE, now)
        index = names.index(cursor["phase"]) if cursor["phase"] in names else 0
        following = names[index + 1] if index + 1 < len(names) else None
        with store.reading() as connection:
            account = zoom_credentials.load(connection, account_id, store.sealer)
        try:
            step = phases[index].step(job, cursor, following)
        except (ZoomLimitError, ZoomUnreachableError, ZoomPageError) as error:
            self.close()
            wait = error.wait if isinstance(error, ZoomLimitError) else _OUTAGE_SECONDS
            if now - since >= _PATIENCE_MILLISECONDS:
                self._note_fault(account_id, str(error))
            return JobStep(cursor={**cursor, _STUCK_SINCE: since}, wait=wait, message=str(error))
        except ZoomRestError as error:
            self.close()
            self._note_fault(account_id, str(error))
            raise
        except Exception:
            self.close()
            raise
        if account.fault_message is not None:
            self._note_fault(account_id, None)
        return step

    def close(self) -> None:
        """Discard what was prefetched."""
        for phase in self.phases:
            phase.close()

    def _note_fault(self, account_id: str, message: str | None) -> None:
        note = partial(zoom_credentials.record_fault, account_id=account_id, message=message)
        self.context.store.write(note)


def account_of(job: Job) -> str:
    """Return the id of the account that a job scans."""
    return str(job.arguments["account"])


def is_dry_run(job: Job) -> bool:
    """Whether a job only reports what it would do."""
    return bool(job.arguments.get("dry_run"))


def advance(following: PhaseName | None, job: Job | None = None, **result: Any) -> JobStep:
    """Return the last step of a phase; where it is the last phase, with the remarks on the `job`."""
    if following is None:
        message = " ".join(remarks(job)) if job is not None else ""
        return JobStep(finished=True, message=message or None, **result)
    return JobStep(cursor={"phase": following}, **result)


def repeat_if_changing(cursor: Cursor, snapshots: Iterable[Snapshot]) -> JobStep | None:
    """Return a step that repeats the one at `cursor` soon where a meeting is being changed at this moment, else None."""
    if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
        return JobStep(cursor=dict(cursor), wait=_LATER_SECONDS)
    return None


def remarks(job: Job) -> list[str]:
    """Return what an administrator should know at the end: what is held, and what could not be read."""
    found = []
    if held := job.counts.get(HELD):
        found.append(messages.SCAN_HELD % {"count": held})
    if would_hold := job.counts.get(WOULD_HOLD):
        found.append(messages.SCAN_WOULD_HOLD % {"count": would_hold})
    if unclear := job.counts.get(Drift.UNSURE, 0) + job.counts.get(SKIPPED, 0):
        found.append(messages.SCAN_UNSURE % {"count": unclear})
    return found
