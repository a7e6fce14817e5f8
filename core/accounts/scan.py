"""Scan a Zoom account over REST: one resumable job step at a time, in phases that each job composes.

What Zoom returns is compared with what the bridge knows, and only differences enter the log, as snapshots. From there
they take the same way as events: there is no second path to WordPress. That Zoom does not answer never makes a meeting
look deleted.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from core import messages
from core.accounts.dry_run import PlannedAction
from core.accounts.prefetch import Prefetcher
from core.accounts.reader import AccountReader, UserMeetings
from core.accounts.recorder import HELD, SKIPPED, Skip
from core.accounts.removals import TrashLimitOptions, exceeded, find_removals
from core.errors import ZoomLimitError, ZoomPageError, ZoomRestError, ZoomUnreachableError
from core.jobs.runner import JobStep
from core.model.meeting import WEBINARS, MeetingKind, whole_number
from core.model.snapshots import Drift, is_current, of_absence, of_reading, of_room, of_unclear
from core.model.state_fields import named_hosts
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings, removals
from core.store.accounts import meetings as account_meetings
from core.store.accounts import users as zoom_users
from core.store.accounts.findings import Finding
from core.store.accounts.removals import RemovalState
from core.store.accounts.users import ZoomUser
from core.store.events import log
from core.store.meetings import meetings
from core.store.posts import backlog, requeue
from core.store.sites import grants
from core.zoom.readings import Reading, Unclear

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from core.accounts.clients import AccountClients
    from core.accounts.recorder import SnapshotRecorder
    from core.model.meeting import Meeting
    from core.model.snapshots import Snapshot
    from core.store.accounts.removals import Removal, RemovalCounts
    from core.store.db.encryption import Sealer
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.zoom.readings import Absence

    Answer = Reading | Absence | Unclear
    Place = Mapping[str, Any]  # where a step starts: the phase's name, and its cursor

UNLICENSED, WOULD_HOLD = "unlicensed", "would_hold"
BATCH_SIZE = 60  # meetings in one step
_KNOWN_BATCH_SIZE = 50
_OUTAGE_SECONDS = 60.0
_LATER_SECONDS = 3.0
_POSTS_SECONDS = 2.0
_FOLD_SECONDS = 0.5
_USERS_AHEAD = 16
# Zoom's type of users “without Meetings Basic”: https://developers.zoom.us/docs/api/users/
_WITHOUT_MEETINGS = 4
# Prefetched readings that are older are discarded: the job was stopped meanwhile, and resumed.
_PREFETCH_EXPIRY_SECONDS = 30.0


class PhaseName(StrEnum):
    """A phase, as a job's place stores it."""

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
        """The name that a job's place stores."""

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:
        """Do the next step, starting at `place`; the last one leads to the phase `following`, None at the end."""

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
        host_ids = zoom_users.ids_by_name(connection, account_id, named_hosts(reading.document))
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
    for the list of users), the job fails. Either is stored as the account's fault.
    """

    context: ScanContext
    phases: Sequence[Phase]
    dry_phases: Sequence[Phase] = ()

    def step(self, job: Job) -> JobStep:
        """Do the next step of the phase that the job's place names; an unknown one restarts with the first phase."""
        store = self.context.store
        account_id = account_of(job)
        phases = self.dry_phases if self.dry_phases and is_dry_run(job) else self.phases
        names = [phase.name for phase in phases]
        place = job.place or {"phase": names[0]}
        index = names.index(place["phase"]) if place["phase"] in names else 0
        following = names[index + 1] if index + 1 < len(names) else None
        with store.reading() as connection:
            account = zoom_credentials.load(connection, account_id, store.sealer)
        try:
            step = phases[index].step(job, place, following)
        except (ZoomLimitError, ZoomUnreachableError, ZoomPageError) as error:
            self.close()
            wait = error.wait if isinstance(error, ZoomLimitError) else _OUTAGE_SECONDS
            self._note_fault(account_id, str(error))
            return JobStep(place=place, wait=wait, message=str(error))
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


@dataclass(slots=True)
class FoldPhase:
    """Wait until the events received so far are folded: before that, the bridge's state is not comparable."""

    context: ScanContext
    name: PhaseName = PhaseName.FOLD

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:
        """Check whether events up to the newest at the start are folded."""
        account_id = account_of(job)
        with self.context.store.reading() as connection:
            until = place.get("until") or log.newest_pending(connection, account_id)
            is_pending = until is not None and log.is_pending_up_to(connection, account_id, until)
        if is_pending:
            return JobStep(place={"phase": self.name, "until": until}, wait=_FOLD_SECONDS)
        return _advance(following)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class UsersPhase:
    """Store the account's active users; those of type 4 cannot have meetings, so their lists are not read."""

    context: ScanContext
    name: PhaseName = PhaseName.USERS

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:  # noqa: ARG002 - one step
        """List the users; forget those that are not listed any more and have no meetings."""
        account_id = account_of(job)
        now = self.context.now_ms()
        found = [
            ZoomUser(
                account_id,
                str(user["id"]),
                email=str(user.get("email", ""))[:254],
                name=(str(user.get("display_name") or "") or _name(user))[:250],
                seen_at=now,
                is_scanned=user.get("type") != _WITHOUT_MEETINGS,
            )
            for user in self.context.clients.rest(account_id).users()
            if isinstance(user.get("id"), str)
        ]
        scanned = [user for user in found if user.is_scanned]
        without = [user for user in found if not user.is_scanned]

        def write(connection: Connection) -> None:
            zoom_users.save(connection, found)
            zoom_users.forget_unseen(connection, account_id, now)
            findings.add(
                connection,
                [
                    Finding(
                        job.id,
                        account_id,
                        0,
                        UNLICENSED,
                        user.email or user.host_id,
                        messages.USER_UNLICENSED,
                    )
                    for user in without
                ],
            )

        counts = {UNLICENSED: len(without)} if without else {}
        return _advance(following, total=len(scanned), counts=counts, write=write)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class MeetingsPhase:
    """Read the current meetings of each user, `batch_size` a step, while the next ones are prefetched.

    With `checks_missing`, a user's known meetings that Zoom did not list are read, too.
    """

    context: ScanContext
    recorder: SnapshotRecorder
    batch_size: int = BATCH_SIZE
    checks_missing: bool = False
    name: PhaseName = PhaseName.MEETINGS
    # The id of the job that prefetches, the monotonic time of its last step, and its prefetcher.
    _prefetching: tuple[int, float, Prefetcher] | None = field(default=None, init=False)

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:
        """Read the next meetings of the next user."""
        account_id = account_of(job)
        after_user, after_number = place.get("after", ""), place.get("from", 0)
        with self.context.store.reading() as connection:
            users = zoom_users.list_after(connection, account_id, after_user, limit=1 + _USERS_AHEAD)
        if not users:
            self.close()
            return _advance(following)
        host, *next_hosts = users
        prefetcher = self._prefetcher(job, account_id)
        listed = prefetcher.meetings(host.host_id, [user.host_id for user in next_hosts], after=after_number)
        items = listed.items
        remaining = sorted(number for number in items if number > after_number)
        chosen = remaining[: self.batch_size]
        readings = self.context.reread_changed(account_id, prefetcher.readings(chosen), items)
        snapshots = self.context.compare(account_id, readings, items)
        is_last = len(chosen) == len(remaining)
        if is_last and self.checks_missing:
            snapshots += self._missing(account_id, host.host_id, items)
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            self.close()
            return JobStep(place=dict(place), wait=_LATER_SECONDS)
        next_place = (
            {"phase": self.name, "after": host.host_id, "from": 0}
            if is_last
            else {**place, "phase": self.name, "from": chosen[-1]}
        )
        skips = [Skip(host.email or host.host_id, one) for one in listed.skipped] if is_last else []
        return self.recorder.record(job, snapshots, place=next_place, done=1 if is_last else 0, skips=skips)

    def close(self) -> None:
        """Stop prefetching."""
        if self._prefetching is not None:
            self._prefetching[2].close()
            self._prefetching = None

    def _prefetcher(self, job: Job, account_id: str) -> Prefetcher:
        """Return the job's prefetcher, which lasts from one step to the next."""
        now = time.monotonic()
        if self._prefetching is not None:
            job_id, used_at, _ = self._prefetching
            if job_id != job.id or now - used_at > _PREFETCH_EXPIRY_SECONDS:
                self.close()
        prefetcher = (
            self._prefetching[2]
            if self._prefetching
            else Prefetcher(self.context.reader(account_id), self._list_current)
        )
        self._prefetching = (job.id, now, prefetcher)
        return prefetcher

    def _list_current(self, reader: AccountReader, host_id: str) -> UserMeetings:
        """Return a user's list without meetings that are over. Runs in the prefetcher's threads."""
        now = self.context.now()
        listed = reader.list_user(host_id)
        current = {number: item for number, item in listed.items.items() if is_current(item, now)}
        return UserMeetings(current, listed.skipped)

    def _missing(self, account_id: str, host_id: str, items: Mapping[int, Any]) -> list[Snapshot]:
        """Read the host's known meetings that are not listed."""
        with self.context.store.reading() as connection:
            known = account_meetings.of_host(
                connection, self.context.store.sealer, account_id, host_id, now=self.context.now_ms()
            )
        return self.context.read_known(account_id, [one for one in known if one.number not in items])


@dataclass(slots=True)
class MissingPhase:
    """Read upcoming meetings whose host is on no list: unknown, or no longer in the account."""

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.MISSING

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:
        """Read the next ones."""
        account_id = account_of(job)
        with self.context.store.reading() as connection:
            known = account_meetings.of_unlisted_hosts(
                connection,
                self.context.store.sealer,
                account_id,
                now=self.context.now_ms(),
                after=place.get("from", 0),
                limit=_KNOWN_BATCH_SIZE,
            )
        snapshots = self.context.read_known(account_id, known)
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            return JobStep(place=dict(place), wait=_LATER_SECONDS)
        is_last = len(known) < _KNOWN_BATCH_SIZE
        next_place = {"phase": following} if is_last else {"phase": self.name, "from": known[-1].number}
        return self.recorder.record(
            job, snapshots, place=next_place, done=0, finished=is_last and following is None
        )

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class RemovalsPhase:
    """Decide about the posts that the run would trash: hold those of sites with too many, and apply the others.

    What is applied is read once more: in between, Zoom may have got the meeting back.
    """

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.REMOVALS

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:
        """Hold all that are to be held, and apply the next others."""
        account_id, now = account_of(job), self.context.now_ms()
        if is_dry_run(job):
            return self._count_held(job, following)
        with self.context.store.reading() as connection:
            found = removals.found_by(connection, job.id)
            site_ids = {one.site_id for one in found}
            exceeded = self._exceeded(connection, job, site_ids, now=now)
            free = _numbers(found) - _numbers(one for one in found if one.site_id in exceeded)
            chosen = sorted(free)[:_KNOWN_BATCH_SIZE]
            known = [
                loaded[0]
                for one in chosen
                if (loaded := meetings.load(connection, self.context.store.sealer, account_id, one))
            ]
        if not found:
            return _advance(following, job)
        snapshots = self.context.read_known(account_id, known)
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            return JobStep(place=dict(place), wait=_LATER_SECONDS)

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

        return JobStep(place={"phase": self.name}, write=write, after_commit=self.recorder.events_appended)

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
        return _advance(following, replace(job, counts={**job.counts, **counts}), counts=counts)


@dataclass(slots=True)
class ApprovedPhase:
    """Apply removals that an administrator has approved, where Zoom still says that the meeting is gone."""

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.APPROVED

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:
        """Read the next ones again, and apply them."""
        account_id = account_of(job)
        with self.context.store.reading() as connection:
            numbers = sorted(_numbers(removals.approved(connection, account_id)))[:_KNOWN_BATCH_SIZE]
            known = [
                loaded[0]
                for one in numbers
                if (loaded := meetings.load(connection, self.context.store.sealer, account_id, one))
            ]
        if not numbers:
            return _advance(following, job)
        snapshots = self.context.read_known(account_id, known)
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            return JobStep(place=dict(place), wait=_LATER_SECONDS)

        def write(connection: Connection) -> Mapping[str, int]:
            return apply_removals(connection, self.recorder, job, snapshots, applied_at=None)

        return JobStep(
            place={"phase": self.name},
            done=len(numbers),
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


@dataclass(slots=True)
class IncompletePhase:
    """Read meetings of which events alone tell too little, or which turned out to be gone."""

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.INCOMPLETE

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:
        """Read the next ones."""
        account_id = account_of(job)
        after = int(place.get("from", 0))
        with self.context.store.reading() as connection:
            known = account_meetings.to_complete(
                connection,
                self.context.store.sealer,
                account_id,
                now=self.context.now_ms(),
                after=after,
                limit=_KNOWN_BATCH_SIZE,
            )
        if not known:
            return _advance(following, job)
        # An event may arrive so late that its meeting is gone by now.
        snapshots = self.context.read_known(account_id, known)
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            return JobStep(place=dict(place), wait=_LATER_SECONDS)
        next_place = {"phase": self.name, "from": known[-1].number}
        return self.recorder.record(job, snapshots, place=next_place, done=len(known))

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class RequeuePhase:
    """Requeue every post of the account, so that the mirror compares them with WordPress; then call `posts_due`."""

    context: ScanContext
    posts_due: Callable[[], None]
    name: PhaseName = PhaseName.REQUEUE

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:  # noqa: ARG002 - one step
        """Requeue all of them."""
        account_id, now = account_of(job), self.context.now_ms()

        def write(connection: Connection) -> dict[str, int]:
            return {"requeued": requeue.requeue_account_posts(connection, account_id, now=now)}

        return _advance(following, write=write, after_commit=self.posts_due)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class PostsPhase:
    """Wait until the account's posts are written, or wait with their site. Ends the scan."""

    context: ScanContext
    name: PhaseName = PhaseName.POSTS

    def step(self, job: Job, place: Place, following: PhaseName | None) -> JobStep:  # noqa: ARG002 - the last one
        """Check how many posts are due or failing."""
        account_id = account_of(job)
        with self.context.store.reading() as connection:
            left = backlog.of_account(connection, account_id, now=self.context.now_ms())
        if left.pending or left.due:
            message = (
                messages.SCAN_POSTS_DUE % {"count": left.due} if left.due else messages.SCAN_POSTS_PENDING
            )
            return JobStep(wait=_POSTS_SECONDS, message=message)
        if left.failing:
            message = messages.SCAN_POSTS_FAILING % {"count": left.failing}
            counts = {"failing": left.failing}
            return JobStep(finished=True, message=_joined(message, *_notes(job)), counts=counts)
        with self.context.store.reading() as connection:
            site_ids = grants.site_ids(connection, account_id)
        message = messages.SCAN_DONE if site_ids else messages.SCAN_NO_SITE
        return JobStep(finished=True, message=_joined(message, *_notes(job)))

    def close(self) -> None:
        """Nothing is held."""


def account_of(job: Job) -> str:
    """Return the id of the account that a job scans."""
    return str(job.arguments["account"])


def is_dry_run(job: Job) -> bool:
    """Whether a job only reports what it would do."""
    return bool(job.arguments.get("dry_run"))


def _advance(following: PhaseName | None, job: Job | None = None, **result: Any) -> JobStep:
    """Return the last step of a phase; where it is the last phase, with the remarks on the `job`."""
    if following is None:
        message = _joined(*_notes(job)) if job is not None else ""
        return JobStep(finished=True, message=message or None, **result)
    return JobStep(place={"phase": following}, **result)


def _notes(job: Job) -> list[str]:
    """Return what a person should know at the end: what is held, and what could not be read."""
    found = []
    if held := job.counts.get(HELD):
        found.append(messages.SCAN_HELD % {"count": held})
    if would_hold := job.counts.get(WOULD_HOLD):
        found.append(messages.SCAN_WOULD_HOLD % {"count": would_hold})
    if unclear := job.counts.get(Drift.UNSURE, 0) + job.counts.get(SKIPPED, 0):
        found.append(messages.SCAN_UNSURE % {"count": unclear})
    return found


def _joined(*texts: str) -> str:
    return " ".join(texts)


def _numbers(found: Iterable[Removal]) -> set[int]:
    return {one.number for one in found}


def _name(user: Mapping[str, Any]) -> str:
    return " ".join(str(user[part]) for part in ("first_name", "last_name") if user.get(part))
