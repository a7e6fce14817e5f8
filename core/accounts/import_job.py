"""Import: everything that an account holds enters the log, user by user. Long work, see `core.jobs.runner`.

What was read is compared with what is known, and only what differs is written down, as snapshots. From there it
goes the same way as events: there is no second path to WordPress.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from core.accounts.clients import entry, listed, read_each
from core.accounts.dry_run import dry_run
from core.accounts.prefetch import Prefetcher
from core.errors import (
    ZoomCredentialsError,
    ZoomGoneError,
    ZoomLimitError,
    ZoomPageError,
    ZoomScopeError,
    ZoomUnreachableError,
)
from core.jobs.runner import JobStep
from core.model import rules
from core.model.meeting import WEBINARS
from core.model.snapshots import Drift, is_current, of_reading
from core.render import SiteRules
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts import meetings as account_meetings
from core.store.accounts import users as zoom_users
from core.store.accounts.findings import Finding
from core.store.accounts.users import ZoomUser
from core.store.events import log
from core.store.meetings import meetings
from core.store.posts import account_posts
from core.store.posts.posts import PostState
from core.store.sites import sites
from core.zoom.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from core.accounts.clients import AccountClients
    from core.model.snapshots import Snapshot
    from core.store.db.engine import Store
    from core.store.jobs import Job
    from core.zoom.readings import Absence
    from core.zoom.rest import ZoomRest

KIND = "import"
AT_ONCE = 60  # meetings in one piece
_TROUBLE_SECONDS = 60.0
LATER_SECONDS = 3.0
_WRITING_SECONDS = 2.0
_USERS_AHEAD = 16
# What was read ahead so long ago is read again: somebody stopped the job, and went on with it.
_FORGET_SECONDS = 30.0
_FOLDING_SECONDS = 0.5


@dataclass(slots=True)
class ImportJob:
    """Reads an account. `job.arguments`: `account`, and `dry_run`, which keeps nothing but what it would do.

    `appended` is called when the log has grown.
    """

    store: Store
    accounts: AccountClients
    appended: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.time
    at_once: int = AT_ONCE
    # Of which job, when it was used last, and what is read ahead for it.
    _ahead: tuple[int, float, Prefetcher] | None = None

    def count(self, job: Job) -> int | None:  # noqa: ARG002 - nobody knows before the users are listed
        """Return nothing: how many users there are is the first thing to find out."""
        return None

    def piece(self, job: Job) -> JobStep:
        """Wait for the fold; list the users; then read one user's meetings after the other's; then wait for their posts."""
        account_id = str(job.arguments["account"])
        place = job.place or {"phase": "fold"}
        with self.store.reading() as connection:
            account = zoom_credentials.load(connection, account_id, self.store.sealer)
        try:
            piece = self._piece(job, account_id, place)
        except (ZoomLimitError, ZoomUnreachableError, ZoomPageError) as error:
            # Nothing is taken for deleted because Zoom is silent: the same piece is done again later.
            self.close()
            wait = error.wait if isinstance(error, ZoomLimitError) else _TROUBLE_SECONDS
            note = partial(zoom_credentials.note_fault, account_id=account_id, message=str(error))
            self.store.write(note)
            return JobStep(place=place, wait=wait, message=str(error))
        except (ZoomCredentialsError, ZoomScopeError) as error:
            self.close()
            note = partial(zoom_credentials.note_fault, account_id=account_id, message=str(error))
            self.store.write(note)
            raise
        except Exception:
            self.close()
            raise
        if account.fault_message is not None:
            self.store.write(partial(zoom_credentials.note_fault, account_id=account_id, message=None))
        return piece

    def _piece(self, job: Job, account_id: str, place: Mapping[str, Any]) -> JobStep:
        match place["phase"]:
            case "fold":
                return self._fold(account_id, place)
            case "users":
                return self._users(account_id)
            case "hosts":
                return self._host(job, account_id, place)
            case _:
                return self._posts(job, account_id)

    def _fold(self, account_id: str, place: Mapping[str, Any]) -> JobStep:
        """Wait until what has come so far is folded: only then is it known what the bridge knows."""
        with self.store.reading() as connection:
            until = place.get("until") or account_posts.newest_pending(connection, account_id)
            waits = until is not None and account_posts.is_pending_up_to(connection, account_id, until)
        if waits:
            return JobStep(place={"phase": "fold", "until": until}, wait=_FOLDING_SECONDS)
        return JobStep(place={"phase": "users"})

    def _users(self, account_id: str) -> JobStep:
        """Keep who is in the account."""
        now = self._now_ms()
        found = [
            ZoomUser(
                account_id,
                str(user["id"]),
                email=str(user.get("email", ""))[:254],
                name=(str(user.get("display_name") or "") or _name(user))[:250],
                seen_at=now,
            )
            for user in self.accounts.rest(account_id).users()
            if isinstance(user.get("id"), str)
        ]

        def keep(connection: Connection) -> None:
            zoom_users.keep(connection, found)
            zoom_users.drop_unseen(connection, account_id, now)

        return JobStep(place={"phase": "hosts", "after": "", "from": 0}, total=len(found), keep=keep)

    def _host(self, job: Job, account_id: str, place: Mapping[str, Any]) -> JobStep:
        """Read some of the next user's meetings."""
        with self.store.reading() as connection:
            coming = zoom_users.after(connection, account_id, place["after"], limit=1 + _USERS_AHEAD)
        if not coming:
            self.close()
            return self._after_hosts(job, account_id)
        host, *following = coming
        ahead = self._reading_ahead(job, account_id)
        items = ahead.items(host.host_id, [one.host_id for one in following], after=place["from"])
        rest_of_them = sorted(number for number in items if number > place["from"])
        chosen = rest_of_them[: self.at_once]
        readings = self._newest(account_id, ahead.take(chosen), items)
        snapshots = self._compare(account_id, readings)
        is_last = len(chosen) == len(rest_of_them)
        if is_last:
            snapshots += self._unlisted(account_id, host.host_id, items)
        if any(snapshot.drift is Drift.LATER for snapshot in snapshots):
            self.close()
            return JobStep(place=dict(place), wait=LATER_SECONDS)
        next_place = (
            {"phase": "hosts", "after": host.host_id, "from": 0} if is_last else {**place, "from": chosen[-1]}
        )
        return self._keeping(job, account_id, snapshots, place=next_place, done=1 if is_last else 0)

    def _reading_ahead(self, job: Job, account_id: str) -> Prefetcher:
        """Return what reads ahead for this job, from one piece to the next."""
        now = time.monotonic()
        if self._ahead is not None and (self._ahead[0] != job.id or now - self._ahead[1] > _FORGET_SECONDS):
            self.close()
        ahead = self._ahead[2] if self._ahead else Prefetcher(self.accounts.rest(account_id), self._current)
        self._ahead = (job.id, now, ahead)
        return ahead

    def _newest(
        self,
        account_id: str,
        readings: Mapping[int, Reading | Absence],
        items: Mapping[int, Mapping[str, Any]],
    ) -> Mapping[int, Reading | Absence]:
        """Read once more what something happened to since it was read ahead, and return all of them."""
        moments = {number: one.at for number, one in readings.items() if isinstance(one, Reading)}
        with self.store.reading() as connection:
            changed = account_meetings.changed_since(connection, account_id, moments)
        wanted = [(number, items[number].get("type") in WEBINARS) for number in changed]
        return {**readings, **read_each(self.accounts.rest(account_id), wanted)} if wanted else readings

    def close(self) -> None:
        """Stop reading ahead."""
        if self._ahead is not None:
            self._ahead[2].close()
            self._ahead = None

    def _current(self, rest: ZoomRest, host_id: str) -> dict[int, dict[str, Any]]:
        """Return what is current of a user's list."""
        now = self._now()
        try:
            items = listed(rest, host_id)
        except ZoomGoneError:
            return {}  # the user left the account since
        return {number: item for number, item in items.items() if is_current(item, now)}

    def _unlisted(
        self,
        account_id: str,  # noqa: ARG002 - these are for those who repair
        host_id: str,  # noqa: ARG002
        items: Mapping[int, Any],  # noqa: ARG002
    ) -> list[Snapshot]:
        """Return what is to be said of meetings that are known and not listed: an import says nothing of them."""
        return []

    def _after_hosts(self, job: Job, account_id: str) -> JobStep:  # noqa: ARG002 - for those who repair
        """Return where to go on when every user was read."""
        return JobStep(place={"phase": "posts"}, finished=bool(job.arguments.get("dry_run")))

    def _compare(self, account_id: str, readings: Mapping[int, Reading | Absence]) -> list[Snapshot]:
        found = []
        with self.store.reading() as connection:
            for number, reading in readings.items():
                if isinstance(reading, Reading):  # else it went between the list and the look
                    known = meetings.load(connection, account_id, number)
                    found.append(of_reading(account_id, number, known and known[0], reading))
        return found

    def _keeping(
        self, job: Job, account_id: str, snapshots: list[Snapshot], *, place: Mapping[str, Any], done: int
    ) -> JobStep:
        """Return the piece that keeps snapshots, or what they would do."""
        counts: dict[str, int] = {}
        for snapshot in snapshots:
            counts[snapshot.drift] = counts.get(snapshot.drift, 0) + 1
        if job.arguments.get("dry_run"):
            lines = self._would_do(job, account_id, snapshots)
            for line in lines:
                counts[line.kind] = counts.get(line.kind, 0) + 1
            return JobStep(place=place, done=done, counts=counts, keep=partial(_note, lines=lines))
        now = self._now_ms()
        entries = [
            entry(self.store, account_id, snapshot, now=now)
            for snapshot in snapshots
            if snapshot.raw is not None
        ]
        lines = [
            Finding(
                job.id, account_id, snapshot.number, snapshot.drift, snapshot.topic[:300], snapshot.detail
            )
            for snapshot in snapshots
            if snapshot.drift is not Drift.SAME
        ]

        def keep(connection: Connection) -> None:
            if entries:
                log.append(connection, entries)
            findings.note(connection, lines)

        return JobStep(
            place=place, done=done, counts=counts, keep=keep, then=self.appended if entries else None
        )

    def _would_do(self, job: Job, account_id: str, snapshots: list[Snapshot]) -> list[Finding]:
        """Return what would become of each meeting on each site of the account."""
        lines = []
        now = self._now()
        with self.store.reading() as connection:
            states = account_posts.states(connection, account_id, [snapshot.number for snapshot in snapshots])
            shown_on = [
                sites.load(connection, site_id, self.store.sealer)
                for site_id in zoom_credentials.sites_of(connection, account_id)
            ]
        for site in shown_on:
            decided = SiteRules(rules.read(site.rules).rules, site.vczapi, site.vczapi_pro)
            for snapshot in snapshots:
                if snapshot.after is None:
                    continue
                state = states.get((site.id, snapshot.number), PostState.NONE)
                would = dry_run(
                    snapshot.after, decided, state, differs=snapshot.drift is Drift.CHANGED, now=now
                )
                lines.append(
                    Finding(
                        job.id,
                        account_id,
                        snapshot.number,
                        would.would,
                        snapshot.topic[:300],
                        would.why,
                        site.id,
                    )
                )
        return lines

    def _posts(self, job: Job, account_id: str) -> JobStep:  # noqa: ARG002 - for those who repair
        """Wait until the posts are written, or wait with their site."""
        with self.store.reading() as connection:
            left = account_posts.left(connection, account_id, now=self._now_ms())
        if left.pending or left.due:
            still = (
                f"{left.due} pages are still to be written" if left.due else "It is on its way to the sites"
            )
            message = f"Everything is read. {still}."
            return JobStep(wait=_WRITING_SECONDS, message=message)
        if left.failing:
            message = f"{left.failing} pages could not be written yet; the page Meetings says why. The bridge goes on trying."
            return JobStep(finished=True, message=message, counts={"failing": left.failing})
        with self.store.reading() as connection:
            shown = zoom_credentials.sites_of(connection, account_id)
        message = (
            "Everything that was read is on its sites."
            if shown
            else "Everything is read. No site shows this account yet: choose one on the page Zoom accounts, by adding it "
            "again."
        )
        return JobStep(finished=True, message=message)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def _now_ms(self) -> int:
        return int(self.clock() * 1000)


def _note(connection: Connection, *, lines: list[Finding]) -> None:
    findings.note(connection, lines)


def _name(user: Mapping[str, Any]) -> str:
    return " ".join(str(user[part]) for part in ("first_name", "last_name") if user.get(part))
