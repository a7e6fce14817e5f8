"""The phases of a scan that read the account and wait for the mirror. Removals are in `core.accounts.removal_phases`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core import messages
from core.accounts.prefetch import Prefetcher
from core.accounts.reader import UserMeetings
from core.accounts.recorder import Skip
from core.accounts.scan import KNOWN_BATCH_SIZE, PhaseName, account_of, advance, remarks, repeat_if_changing
from core.jobs.runner import JobStep
from core.model.snapshots import is_current
from core.store.accounts import findings
from core.store.accounts import meetings as account_meetings
from core.store.accounts import users as zoom_users
from core.store.accounts.findings import Finding
from core.store.accounts.users import ZoomUser
from core.store.events import log
from core.store.posts import backlog, requeue
from core.store.sites import grants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from core.accounts.reader import AccountReader
    from core.accounts.recorder import SnapshotRecorder
    from core.accounts.scan import Cursor, ScanContext
    from core.model.meeting import Meeting
    from core.store.jobs import Job

UNLICENSED = "unlicensed"
BATCH_SIZE = 60  # meetings in one step
_POSTS_SECONDS = 2.0
_FOLD_SECONDS = 0.5
_USERS_AHEAD = 16
# Zoom's type of users “without Meetings Basic”: https://developers.zoom.us/docs/api/users/
_WITHOUT_MEETINGS = 4
# Prefetched readings that are older are discarded: the job was stopped meanwhile, and resumed.
_PREFETCH_EXPIRY_SECONDS = 30.0


@dataclass(slots=True)
class FoldPhase:
    """Wait until the events received so far are folded: before that, the bridge's state is not comparable."""

    context: ScanContext
    name: PhaseName = PhaseName.FOLD

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:
        """Check whether events up to the newest at the start are folded."""
        account_id = account_of(job)
        with self.context.store.reading() as connection:
            until = cursor.get("until") or log.newest_pending(connection, account_id)
            is_pending = until is not None and log.is_pending_up_to(connection, account_id, until)
        if is_pending:
            return JobStep(cursor={"phase": self.name, "until": until}, wait=_FOLD_SECONDS)
        return advance(following)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class UsersPhase:
    """Store the account's active users; those of type 4 cannot have meetings, so their lists are not read."""

    context: ScanContext
    name: PhaseName = PhaseName.USERS

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:  # noqa: ARG002 - one step
        """List the users; forget those that are not listed any more and have no meetings."""
        account_id = account_of(job)
        now = self.context.now_ms()
        found = [
            ZoomUser(
                account_id,
                str(user["id"]),
                email=str(user.get("email") or "")[:254],
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
            zoom_users.save(connection, found, self.context.store.sealer)
            zoom_users.forget_unseen(connection, account_id, now)
            findings.add(
                connection,
                [
                    Finding(
                        job.id,
                        account_id,
                        0,
                        UNLICENSED,
                        user.name or user.host_id,
                        messages.USER_UNLICENSED,
                    )
                    for user in without
                ],
            )

        counts = {UNLICENSED: len(without)} if without else {}
        return advance(following, total=len(scanned), counts=counts, write=write)

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

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:
        """Read the next meetings of the next user."""
        account_id = account_of(job)
        after_user, after_number = cursor.get("after", ""), cursor.get("from", 0)
        with self.context.store.reading() as connection:
            users = zoom_users.list_after(
                connection, self.context.store.sealer, account_id, after_user, limit=1 + _USERS_AHEAD
            )
        if not users:
            self.close()
            return advance(following)
        host, *next_hosts = users
        prefetcher = self._prefetcher(job, account_id)
        listed = prefetcher.meetings(host.host_id, [user.host_id for user in next_hosts], after=after_number)
        items = listed.items
        remaining = sorted(number for number in items if number > after_number)
        chosen = remaining[: self.batch_size]
        readings = self.context.reread_changed(account_id, prefetcher.readings(chosen), items)
        snapshots = self.context.compare(account_id, readings, items)
        is_last = len(chosen) == len(remaining)
        next_cursor = {**cursor, "phase": self.name, "from": chosen[-1] if chosen else after_number}
        if is_last and self.checks_missing:
            missing, is_last = self._missing(account_id, host.host_id, items, after=cursor.get("missing", 0))
            snapshots += self.context.read_known(account_id, missing)
            if not is_last:
                next_cursor["missing"] = missing[-1].number
        if repeated := repeat_if_changing(cursor, snapshots):
            self.close()
            return repeated
        if is_last:
            next_cursor = {"phase": self.name, "after": host.host_id, "from": 0}
        skips = [Skip(host.name or host.host_id, one) for one in listed.skipped] if is_last else []
        return self.recorder.record(job, snapshots, cursor=next_cursor, done=1 if is_last else 0, skips=skips)

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

    def _missing(
        self, account_id: str, host_id: str, items: Mapping[int, Any], *, after: int
    ) -> tuple[list[Meeting], bool]:
        """Return the host's next known meetings that are not listed, and whether they are the last.

        They are few, unless the list could not be read.
        """
        missing: list[Meeting] = []
        while True:
            with self.context.store.reading() as connection:
                known = account_meetings.of_host(
                    connection,
                    self.context.store.sealer,
                    account_id,
                    host_id,
                    now=self.context.now_ms(),
                    after=after,
                    limit=KNOWN_BATCH_SIZE,
                )
            missing += [one for one in known if one.number not in items]
            if len(known) < KNOWN_BATCH_SIZE or len(missing) > KNOWN_BATCH_SIZE:
                return missing[:KNOWN_BATCH_SIZE], len(missing) <= KNOWN_BATCH_SIZE
            after = known[-1].number


@dataclass(slots=True)
class MissingPhase:
    """Read upcoming meetings whose host is on no list: unknown, or no longer in the account."""

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.MISSING

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:
        """Read the next ones."""
        account_id = account_of(job)
        with self.context.store.reading() as connection:
            known = account_meetings.of_unlisted_hosts(
                connection,
                self.context.store.sealer,
                account_id,
                now=self.context.now_ms(),
                after=cursor.get("from", 0),
                limit=KNOWN_BATCH_SIZE,
            )
        snapshots = self.context.read_known(account_id, known)
        if repeated := repeat_if_changing(cursor, snapshots):
            return repeated
        is_last = len(known) < KNOWN_BATCH_SIZE
        next_cursor = {"phase": following} if is_last else {"phase": self.name, "from": known[-1].number}
        return self.recorder.record(
            job, snapshots, cursor=next_cursor, done=0, finished=is_last and following is None
        )

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class IncompletePhase:
    """Read meetings of which events alone tell too little, or which turned out to be gone."""

    context: ScanContext
    recorder: SnapshotRecorder
    name: PhaseName = PhaseName.INCOMPLETE

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:
        """Read the next ones."""
        account_id = account_of(job)
        after = int(cursor.get("from", 0))
        with self.context.store.reading() as connection:
            known = account_meetings.to_complete(
                connection,
                self.context.store.sealer,
                account_id,
                now=self.context.now_ms(),
                after=after,
                limit=KNOWN_BATCH_SIZE,
            )
        if not known:
            return advance(following, job)
        # An event may arrive so late that its meeting is gone by now.
        snapshots = self.context.read_known(account_id, known)
        if repeated := repeat_if_changing(cursor, snapshots):
            return repeated
        next_cursor = {"phase": self.name, "from": known[-1].number}
        return self.recorder.record(job, snapshots, cursor=next_cursor, done=len(known))

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class RequeuePhase:
    """Requeue every post of the account, so that the mirror compares them with WordPress; then call `posts_due`."""

    context: ScanContext
    posts_due: Callable[[], None]
    name: PhaseName = PhaseName.REQUEUE

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:  # noqa: ARG002 - one step
        """Requeue all of them."""
        account_id, now = account_of(job), self.context.now_ms()

        def write(connection: Connection) -> dict[str, int]:
            return {"requeued": requeue.requeue_account_posts(connection, account_id, now=now)}

        return advance(following, write=write, after_commit=self.posts_due)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class PostsPhase:
    """Wait until the account's posts are written, or wait with their site. Ends the scan.

    `empty` is its message where nothing was found at all; none where that is usual.
    """

    context: ScanContext
    empty: str = ""
    name: PhaseName = PhaseName.POSTS

    def step(self, job: Job, cursor: Cursor, following: PhaseName | None) -> JobStep:  # noqa: ARG002 - the last one
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
            return JobStep(finished=True, message=" ".join([message, *remarks(job)]), counts=counts)
        with self.context.store.reading() as connection:
            site_ids = grants.site_ids(connection, account_id)
        message = messages.SCAN_DONE if site_ids else messages.SCAN_NO_SITE
        if self.empty and not any(job.counts.values()):
            message = self.empty
        return JobStep(finished=True, message=" ".join([message, *remarks(job)]))

    def close(self) -> None:
        """Nothing is held."""


def _name(user: Mapping[str, Any]) -> str:
    return " ".join(str(user[part]) for part in ("first_name", "last_name") if user.get(part))
