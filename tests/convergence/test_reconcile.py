"""Stateful: an account's history of which a third of the events is lost, doubled or late; equal after one reconciliation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from core.accounts import backfill_job, reconcile_job
from core.accounts.backfill_job import BackfillJob
from core.accounts.reconcile_job import ReconcileJob
from core.accounts.trash_limits import TrashLimitOptions
from core.jobs.runner import JobRunner
from core.model.meeting import MeetingState
from core.model.snapshots import Snapshot, of_reading
from core.render import Presence, SiteRules, render
from core.store import jobs
from core.store.accounts import credentials as zoom_credentials
from core.store.accounts import findings
from core.store.accounts.credentials import ZoomAccount
from core.store.jobs import JobState
from core.zoom.oauth import Credentials
from core.zoom.readings import Reading
from tests.convergence.ground import SITE
from tests.convergence.rest_double import AccountsDouble, RestDouble
from tests.convergence.test_convergence import SETTINGS
from tests.convergence.world import World, check_post
from tests.convergence.zoom_double import ACCOUNT, OPERATIONS, SHAPES
from tests.core.store.grants import granted
from tests.examples import RECONCILE, SOAK, Progress

if TYPE_CHECKING:
    from core.accounts.clients import AccountClients
    from core.jobs.runner import JobKind
    from core.store.jobs import Job
    from tests.convergence.ground import Ground

MOST_MEETINGS = 4
UNLIMITED = TrashLimitOptions(posts=1000, percent=100)  # what an administrator decides is tested elsewhere
_LONGEST_WAY = 200
# Three of ten events get lost, come twice or late.
FATES = ["told"] * 7 + ["lost", "twice", "late"]


class Reconciling(RuleBasedStateMachine):
    """Any history of an account, told badly, and then one reconciliation."""

    ground: ClassVar[Ground]
    progress: ClassVar[Progress]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.ground)
        self.late: list[dict[str, Any]] = []
        self.rest = RestDouble(self.world.zoom)
        account = ZoomAccount("Account", Credentials(ACCOUNT, "client", "secret"), reconcile_hours=0)
        store = self.world.store
        store.write(lambda connection: zoom_credentials.save(connection, account, store.sealer))
        granted(store, ACCOUNT, SITE, now=self.now)

    @property
    def now(self) -> int:
        return self.world.clock.milliseconds

    @initialize(shape=st.sampled_from(SHAPES), in_hours=st.integers(1, 60), fate=st.sampled_from(FATES))
    def begin(self, shape: Any, in_hours: int, fate: str) -> None:
        self.make(shape, in_hours, fate)

    @rule(shape=st.sampled_from(SHAPES), in_hours=st.integers(1, 60), fate=st.sampled_from(FATES))
    def make(self, shape: Any, in_hours: int, fate: str) -> None:
        if len(self.world.zoom.held) < MOST_MEETINGS:
            self.world.zoom.make(shape, in_hours=in_hours)
            self._tell(fate)

    @rule(operation=st.sampled_from(OPERATIONS), pick=st.integers(0, 999), fate=st.sampled_from(FATES))
    def change(self, operation: Any, pick: int, fate: str) -> None:
        held = sorted(self.world.zoom.held)
        self.world.zoom.do(operation, held[pick % len(held)])
        self._tell(fate)

    @rule()
    def fold_and_mirror(self) -> None:
        self.world.fold()
        self.world.claim()
        self.world.work()

    @rule(seconds=st.sampled_from([0.5, 5, 600]))
    def time_passes(self, seconds: float) -> None:
        self.world.time_passes(seconds)

    @rule()
    def zoom_falls_silent(self) -> None:
        self.rest.silent = 2

    def _tell(self, fate: str) -> None:
        untold, self.world.zoom.untold = self.world.zoom.untold, []
        for event in untold:
            if fate == "late":
                self.late.append(event)
            elif fate != "lost":
                self.world.deliver(event)
                if fate == "twice":
                    self.world.deliver(event)

    def teardown(self) -> None:
        try:
            # Zoom answers in whole seconds: what happens within the same ones may be in a reading or not.
            self.world.clock.forward(3)
            self._check(self.done(reconcile_job.KIND))
            # What comes only now happened before. What it tells of for the first time is read at once.
            for event in reversed(self.late):
                self.world.deliver(event)
            self.world.run_until_quiet()
            job = self.done(backfill_job.KIND)
            self.world.run_until_quiet()
            self._check(job)
        finally:
            self.world.close()
            self.progress.one_more()

    def done(self, kind: str) -> Job:
        """Run one job to its end, with the bridge at work beside it."""
        store = self.world.store
        accounts = cast("AccountClients", AccountsDouble(self.rest))
        kinds: dict[str, JobKind] = {
            reconcile_job.KIND: ReconcileJob(
                store, accounts, clock=self.world.clock, batch_size=2, trash_limits=UNLIMITED
            ),
            backfill_job.KIND: BackfillJob(store, accounts, clock=self.world.clock, trash_limits=UNLIMITED),
        }
        working = JobRunner(store, kinds, clock=self.world.clock)
        asked = working.enqueue(kind, {"account": ACCOUNT})
        for _ in range(_LONGEST_WAY):
            for taken in working.claim():
                working.run(taken)
            with store.reading() as connection:
                job = jobs.load(connection, asked.id)
            if job.has_ended:
                assert job.state is JobState.DONE, job.message
                return job
            self.world.run_until_quiet()
            self.world.clock.forward(3)
        raise AssertionError("It does not end.")

    def _check(self, job: Job) -> None:
        with self.world.store.reading() as connection:
            unsure = {line.number for _, line in findings.of_job(connection, job.id, kind="unsure")}
        assert not unsure, "Nothing here is so old that it may have expired."
        for number, held in self.world.zoom.held.items():
            found = self.world.site.of(number)
            assert len(found) <= 1
            if held.state is MeetingState.SCHEDULED:
                meeting = self._read(number).after
                assert meeting is not None
                wanted = render(meeting, SiteRules(), self.world.clock.moment)
                assert wanted.presence is Presence.SHOWN
                assert found, f"{number} has no post."
                check_post(found[0], wanted)
            else:
                assert all(post.status == "trash" for post in found), (
                    f"{number} is shown, though it was deleted."
                )

    def _read(self, number: int) -> Snapshot:
        self.rest.silent = 0
        held = self.world.zoom.held[number]
        reading = (self.rest.webinar if held.kind == "webinar" else self.rest.meeting)(number)
        # Events do not tell of these, and a look that finds nothing else writes nothing down.
        lasting = {
            key: value for key, value in reading.document.items() if key not in ("status", "created_at")
        }
        return of_reading(ACCOUNT, number, None, Reading(lasting, reading.at))


@pytest.fixture(autouse=True)
def _ground(ground: Ground, database_kind: str) -> None:
    Reconciling.ground = ground
    Reconciling.progress = Progress(f"reconciliations on {database_kind}", RECONCILE[database_kind].now)


@pytest.mark.timeout(0 if SOAK else 900)  # as with the other machine
def test_site_equals_the_account_after_one_reconciliation(database_kind: str) -> None:
    run_state_machine_as_test(
        Reconciling, settings=settings(SETTINGS, max_examples=RECONCILE[database_kind].now)
    )
    Reconciling.progress.over()
