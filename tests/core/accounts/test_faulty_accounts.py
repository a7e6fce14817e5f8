"""Random accounts with random faults: a reconciliation trashes no post whose meeting Zoom has.

The seeds are fixed. HYPOTHESIS_PROFILE=soak tries more of them.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert

from core.accounts.reader import AccountReader
from core.accounts.reconcile_job import ReconcileJob
from core.errors import ZoomRestError
from core.model.fold import apply
from core.model.meeting import Meeting, MeetingKind, MeetingState, Position
from core.model.snapshots import Drift, of_absence
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import removals
from core.store.accounts.credentials import ZoomAccount
from core.store.db.schema import posts
from core.store.db.settings import TrashLimits
from core.store.events import log
from core.store.jobs import Job, JobState
from core.store.meetings import meetings
from core.store.posts.queue import Base, PostState, seal_base
from core.zoom.oauth import Credentials
from core.zoom.readings import Absence, Unclear
from tests.core.conftest import connected
from tests.core.store.grants import granted
from tests.examples import FAULTY_ACCOUNTS, FAULTY_READINGS, Progress
from tests.zoom.account import WITHOUT_MEETINGS, Account, User
from tests.zoom.faults import FAULTS, Place
from tests.zoom.offline import OfflineZoom

if TYPE_CHECKING:
    from core.store.db.engine import Store

_MOST_STEPS = 60
_WEBINAR = 5
_ENOUGH = 25  # accounts, among which every case occurs; `make check` tries fewer


@dataclass
class Scene:
    """An account, what the bridge knows of it, and the truth."""

    seed: int
    zoom: OfflineZoom = field(init=False)
    known: list[int] = field(default_factory=list)
    gone: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make the account, and faults at random places."""
        chance = random.Random(self.seed)
        account = Account(account_id=f"Account{self.seed:08d}")
        account._made = self.seed * 100
        self.zoom = OfflineZoom(account)
        self.users = [
            account.add_user(
                f"User {number}",
                type_=chance.choice([2, 2, 2, 1, WITHOUT_MEETINGS]),
                status=chance.choice(["active", "active", "active", "inactive"]),
                has_webinar_plan=chance.random() < 0.7,
            )
            for number in range(chance.randint(1, 3))
        ]
        deleted = chance.choice([0, 2, 2, 12])  # of some accounts most meetings
        for number in range(chance.randint(1, 14)):
            self._make(chance, number, deleted=deleted)
        for _ in range(chance.choice([0, 1, 2, 3, 5, 8])):
            self._refuse(chance)

    @property
    def account(self) -> Account:
        """The account."""
        return self.zoom.account

    def knows(self, number: int) -> Meeting:
        """Return a meeting as the bridge knows it: of the kind that it had before it was converted."""
        held = self.account.held.get(number) or self.account.trash[number]
        is_webinar = self._kinds[number]
        kind = MeetingKind.WEBINAR if is_webinar else MeetingKind.MEETING
        object_ = {key: held[key] for key in ("topic", "start_time", "duration", "timezone", "join_url")}
        object_ |= {"host_id": held["host_id"], "type": _WEBINAR if is_webinar else 2, "agenda": ""}
        long_ago = int((datetime.now(UTC) - timedelta(days=9)).timestamp() * 1000)
        return Meeting(
            self.account.account_id,
            number,
            kind=kind,
            object=object_,
            last=Position(long_ago, 0, "d"),
            created=True,
        )

    def _make(self, chance: random.Random, index: int, *, deleted: int) -> None:
        user = chance.choice(self.users)
        type_ = chance.choice([2, 2, 2, _WEBINAR])
        number = self.account.make(user, f"Meeting {index}", quietly=True, type=type_)
        self._kinds = {**getattr(self, "_kinds", {}), number: type_ == _WEBINAR}
        if chance.random() < 0.9:
            self.known.append(number)
        fates = ["there"] * 6 + ["unlisted", "moved", "converted", "orphaned"] + ["deleted"] * deleted
        match chance.choice(fates):
            case "unlisted":
                self.account.unlisted.add(number)
            case "deleted":
                self.account.delete(number)
                self.gone.add(number)
            case "moved":
                self.account.moved.add(number)
                self.account.unlisted.add(number)
            case "converted":
                self.account.convert(number) if type_ != _WEBINAR else None
            case "orphaned":
                left = User(f"left{number}", "left@example.org", "Left", "Host")
                self.account.held[number]["host_id"] = left.id

    def _refuse(self, chance: random.Random) -> None:
        """Refuse one path. That Zoom says of a meeting itself that it is gone is no fault, but Zoom's word."""
        user = chance.choice(self.users)
        number = chance.choice([*self.account.held, *self.account.trash])
        place = chance.choice(list(Place))
        path = place.path(user=user.id, number=number)
        fault = chance.choice(
            [one for one in FAULTS if not one.says_gone or self._is_of_the_other_kind(place, number)]
        )
        times = (
            None
            if fault.name.startswith("limit") is False and chance.random() < 0.7
            else chance.randint(1, 3)
        )
        self.zoom.refusals[path] = (fault, times)

    def _is_of_the_other_kind(self, place: Place, number: int) -> bool:
        """Whether a path is one where Zoom says of an existing number that it does not exist: webinars of meetings."""
        held = self.account.held.get(number)
        return place is Place.WEBINAR and held is not None and held["type"] != _WEBINAR


class Clients:
    """Gives the one account's client."""

    def __init__(self, zoom: OfflineZoom) -> None:
        self.rest = zoom.rest


def prepare(store: Store, scene: Scene, site_id: str) -> None:
    """Let the bridge know the meetings, each with a page on the site."""
    account_id = scene.account.account_id
    credentials = Credentials(account_id, "client", "secret")

    def write(connection: Any) -> None:
        zoom_credentials.save(connection, ZoomAccount("Account", credentials), store.sealer)
        for number in scene.known:
            meetings.save(connection, store.sealer, scene.knows(number), seen=0)
            connection.execute(
                insert(posts).values(
                    site_id=site_id,
                    account_id=account_id,
                    number=number,
                    wanted=1,
                    written=1,
                    state=PostState.SYNCED,
                    baseline=seal_base(store.sealer, Base(made=True)),
                )
            )

    granted(store, account_id, site_id)
    store.write(write)


def run(store: Store, scene: Scene) -> Job:
    """Run a reconciliation until only its posts are to be written, or it fails, or waits for long."""
    kind = ReconcileJob(store, Clients(scene.zoom), batch_size=4)  # type: ignore[arg-type]
    account_id = scene.account.account_id
    job = store.write(
        lambda connection: jobs.enqueue(
            connection, "reconcile", {"account": account_id}, site_id=None, requested_by="", now=1
        )
    )
    for _ in range(_MOST_STEPS):
        if (job.cursor or {}).get("phase") in ("look", "posts"):
            break
        try:
            step = kind.step(job)
        except ZoomRestError as error:
            job = replace(job, state=JobState.FAILED, message=str(error))
            break
        counts = dict(step.counts)
        if step.write is not None:
            more = store.write(step.write) or {}
            counts |= {name: counts.get(name, 0) + count for name, count in more.items()}
        counts = {name: job.counts.get(name, 0) + counts.get(name, 0) for name in {*job.counts, *counts}}
        job = replace(job, cursor=step.cursor or job.cursor, counts=counts, total=step.total or job.total)
    kind.close()
    store.write(lambda connection: jobs.stop(connection, job.id, now=2))
    return job


def logged_gone(store: Store, scene: Scene) -> set[int]:
    """Return the known meetings whose fold, with everything in the log, is deleted."""
    found = set()
    with store.reading() as connection:
        for number in scene.known:
            changes, _ = log.changes_of(
                connection, store.sealer, scene.account.account_id, number, pending_only=True
            )
            meeting = scene.knows(number)
            for change in sorted(changes, key=lambda change: change.position):
                meeting = apply(meeting, change)
            if meeting.state is not MeetingState.SCHEDULED:
                found.add(number)
    return found


def taken_for_gone(scene: Scene) -> tuple[set[int], int]:
    """Return the meetings that a run would take for gone, and how many it gives no clear answer about."""
    account_id = scene.account.account_id
    reader = AccountReader(scene.zoom.rest(account_id))
    gone, unclear = set(), 0
    with suppress(ZoomRestError):  # the account itself cannot be read: nothing is decided
        listed: set[int] = set()
        for user in scene.zoom.rest(account_id).users():
            listed |= reader.list_user(str(user["id"])).items.keys()
        for number in scene.known:
            known = scene.knows(number)
            answer = reader.read(number, is_webinar=known.kind is MeetingKind.WEBINAR)
            unclear += isinstance(answer, Unclear)
            if isinstance(answer, Absence) and number not in listed:
                snapshot = of_absence(account_id, known, at=answer.at, now=datetime.now(UTC))
                gone |= {number} if snapshot.drift is Drift.GONE else set()
    return gone, unclear


@pytest.mark.timeout(0)
def test_no_existing_meeting_is_taken_for_gone() -> None:
    found = unclear = 0
    for seed in range(FAULTY_READINGS.now):
        scene = Scene(seed)
        gone, more = taken_for_gone(scene)
        assert gone <= scene.gone, f"seed {seed}: {sorted(gone - scene.gone)} exist in Zoom"
        found, unclear = found + len(gone), unclear + more
    assert min(found, unclear) > 0, "The accounts have no such case."
    print(f"{FAULTY_READINGS.now} accounts: {found} gone, {unclear} unclear")


@pytest.mark.timeout(0)
def test_no_post_of_an_existing_meeting_is_trashed(store: Store, database_kind: str) -> None:
    amount = FAULTY_ACCOUNTS[database_kind].now
    progress = Progress(f"accounts with faults on {database_kind}", amount)
    limits = TrashLimits()
    trashed = held = unsure = complete = 0
    for seed in range(amount):
        scene = Scene(seed)
        site = connected(store, f"s{seed}")
        prepare(store, scene, site.id)
        job = run(store, scene)
        gone = logged_gone(store, scene)
        assert gone <= scene.gone, f"seed {seed}: {sorted(gone - scene.gone)} exist in Zoom"
        assert not limits.are_exceeded(len(gone), len(scene.known)), f"seed {seed}: too many at once"
        with store.reading() as connection:
            waiting = {one.number for one in removals.held(connection, account_id=scene.account.account_id)}
        assert waiting <= scene.gone, f"seed {seed}: {sorted(waiting - scene.gone)} exist in Zoom"
        if not scene.zoom.refusals and job.state is not JobState.FAILED:
            readable = scene.gone & set(scene.known)
            assert gone | waiting == readable, f"seed {seed}: not found: {sorted(readable - gone - waiting)}"
            complete += 1
        trashed, held = trashed + len(gone), held + len(waiting)
        unsure += job.counts.get("unsure", 0)
        progress.one_more()
    if amount >= _ENOUGH:
        assert min(trashed, held, unsure, complete) > 0, "The accounts have no such case."
    progress.over()
    print(
        f"{amount} accounts: {trashed} posts trashed, {held} held, {unsure} unsure, {complete} without faults"
    )
