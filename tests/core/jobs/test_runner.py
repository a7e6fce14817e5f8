"""Long work: piece by piece, through crashes, stops and other processes."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from core.errors import StoreUnavailableError, TooManyJobsError, UnknownJobError, ZoomBridgeError
from core.jobs.runner import JobRunner, JobStep
from core.store import jobs as kept
from core.store.db.engine import Store
from core.store.db.schema import settings
from core.store.jobs import MOST_UNFINISHED, Job, JobState
from core.store.sites.sites import Site
from tests.core.clock import Clock
from tests.core.conftest import connected

LEASE = 300


class Killed(BaseException):
    """The process is gone: nothing after this runs."""


@dataclass
class Adding:
    """Writes a row for each number below `arguments["upto"]`, some at a time."""

    at_once: int = 2
    before: Callable[[int], None] = lambda _at: None
    after: Callable[[int], None] = lambda _at: None
    steps: list[int] = field(default_factory=list)
    counted: int = 0
    closed: bool = False

    def count(self, job: Job) -> int | None:
        self.counted += 1
        return int(job.arguments["upto"])

    def step(self, job: Job) -> JobStep:
        at = 0 if job.cursor is None else int(job.cursor)
        self.steps.append(at)
        self.before(at)
        upto = min(at + self.at_once, int(job.arguments["upto"]))
        finished = upto == job.arguments["upto"]
        write = partial(self._write, at=at, upto=upto)
        return JobStep(
            upto, upto - at, {"asked": upto - at}, finished, write=write, after_commit=lambda: self.after(at)
        )

    def close(self) -> None:
        self.closed = True

    def _write(self, connection: Connection, *, at: int, upto: int) -> Mapping[str, int]:
        for number in range(at, upto):
            # Not idempotent by itself: a piece that was kept twice would fail here.
            connection.execute(insert(settings).values(name=str(number), value=number))
        return {"added": upto - at}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def adding() -> Adding:
    return Adding()


@pytest.fixture
def jobs(store: Store, adding: Adding, clock: Clock) -> JobRunner:
    return another(store, adding, clock)


def another(store: Store, adding: Adding, clock: Clock) -> JobRunner:
    """What another process has."""
    return JobRunner(
        store, {"adding": adding, "more": adding}, clock=clock, lease_seconds=LEASE, retry_seconds=0.0
    )


def load(store: Store, job: Job) -> Job:
    with store.reading() as connection:
        return kept.load(connection, job.id)


def added(store: Store) -> list[int]:
    with store.reading() as connection:
        return sorted(connection.scalars(select(settings.c.value)))


def run(jobs: JobRunner) -> None:
    """Do all that is due, in this thread."""
    while taken := jobs.claim():
        for job in taken:
            jobs.run(job)


class TestWork:
    def test_is_done_piece_by_piece(self, store: Store, jobs: JobRunner, adding: Adding) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 5}, requested_by="anna")
        assert (enqueued.state, enqueued.requested_by, enqueued.done, enqueued.total) == (
            JobState.QUEUED,
            "anna",
            0,
            None,
        )
        run(jobs)
        done = load(store, enqueued)
        assert (done.state, done.done, done.total) == (JobState.DONE, 5, 5)
        assert done.counts == {"asked": 5, "added": 5}
        assert added(store) == [0, 1, 2, 3, 4]
        assert adding.steps == [0, 2, 4]
        assert adding.counted == 1
        assert done.ended_at is not None

    def test_shows_how_far_it_is(self, store: Store, jobs: JobRunner, adding: Adding) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 6})
        seen = []
        adding.after = lambda _at: seen.append(load(store, enqueued))
        run(jobs)
        assert [(job.state, job.done, job.total) for job in seen] == [
            (JobState.RUNNING, 2, 6),
            (JobState.RUNNING, 4, 6),
            (JobState.DONE, 6, 6),
        ]

    def test_is_not_known_here(self, jobs: JobRunner) -> None:
        with pytest.raises(ZoomBridgeError, match="no kind of job named"):
            jobs.enqueue("another", {})

    def test_of_a_kind_that_only_another_process_knows_is_left_to_it(
        self, store: Store, clock: Clock, jobs: JobRunner
    ) -> None:
        jobs.enqueue("adding", {"upto": 1})
        assert JobRunner(store, {"else": Adding()}, clock=clock).claim() == []

    def test_may_change_how_much_there_is(self, store: Store, jobs: JobRunner, adding: Adding) -> None:
        enqueued = jobs.enqueue("more", {"upto": 1})
        adding.step = lambda job: JobStep(1, 1, total=7, message="More was found.", finished=True)  # type: ignore[method-assign]
        run(jobs)
        assert (load(store, enqueued).total, load(store, enqueued).message) == (7, "More was found.")

    def test_waits_where_its_peer_asks_for_it(
        self, store: Store, jobs: JobRunner, adding: Adding, clock: Clock
    ) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 2})
        usual = adding.step
        adding.step = lambda job: JobStep(wait=30, message="Zoom asks to wait.")  # type: ignore[method-assign]
        run(jobs)
        waiting = load(store, enqueued)
        assert (waiting.state, waiting.message) == (JobState.RUNNING, "Zoom asks to wait.")
        adding.step = usual  # type: ignore[method-assign]
        clock.now += 29
        assert jobs.claim() == []
        clock.now += 2
        run(jobs)
        assert (load(store, enqueued).state, load(store, enqueued).message) == (JobState.DONE, None)


class TestAsk:
    def test_the_same_twice_is_one(self, jobs: JobRunner) -> None:
        assert jobs.enqueue("adding", {"upto": 2}).id == jobs.enqueue("adding", {"upto": 2}).id
        assert jobs.enqueue("adding", {"upto": 3}).id != jobs.enqueue("adding", {"upto": 2}).id

    def test_again_once_it_has_ended(self, store: Store, jobs: JobRunner) -> None:
        first = jobs.enqueue("more", {"upto": 0})
        run(jobs)
        assert load(store, first).state is JobState.DONE
        assert jobs.enqueue("more", {"upto": 0}).id != first.id

    def test_too_many_are_refused(self, jobs: JobRunner) -> None:
        for number in range(MOST_UNFINISHED):
            jobs.enqueue("adding", {"upto": number})
        with pytest.raises(TooManyJobsError, match="was not added"):
            jobs.enqueue("adding", {"upto": 1000})
        jobs.enqueue("adding", {"upto": 1000}, site_id="s2")


class TestTurns:
    def test_one_of_a_kind_and_site_at_a_time(self, store: Store, jobs: JobRunner) -> None:
        enqueued = [
            jobs.enqueue("adding", {"upto": 1}),
            jobs.enqueue("adding", {"upto": 2}),
            jobs.enqueue("adding", {"upto": 1}, site_id="s1"),
            jobs.enqueue("more", {"upto": 1}),
        ]
        taken = [job.id for job in jobs.claim()]
        assert taken == [enqueued[0].id, enqueued[2].id, enqueued[3].id]
        assert jobs.claim() == []

    def test_one_that_waits_keeps_back_its_own_account_alone(
        self, store: Store, jobs: JobRunner, adding: Adding, clock: Clock
    ) -> None:
        """As for the limit of a day, or a site that is slow: the other accounts are read all the same."""
        usual = adding.step
        adding.step = lambda job: JobStep(wait=30, message="Zoom asks to wait.")  # type: ignore[method-assign]
        waiting = jobs.enqueue("adding", {"upto": 1, "account": "a"})
        run(jobs)
        adding.step = usual  # type: ignore[method-assign]
        same = jobs.enqueue("adding", {"upto": 2, "account": "a"})
        other = jobs.enqueue("adding", {"upto": 1, "account": "b"})
        (taken,) = jobs.claim()
        assert taken.id == other.id
        clock.now += 31
        assert jobs.claim() == [], "one of them runs at a time"
        jobs.run(taken)
        assert [job.id for job in jobs.claim()] == [waiting.id]
        assert load(store, same).state is JobState.QUEUED

    def test_one_that_waits_and_is_of_no_account_keeps_all_others_back(
        self, jobs: JobRunner, adding: Adding
    ) -> None:
        adding.step = lambda job: JobStep(wait=30)  # type: ignore[method-assign]
        jobs.enqueue("adding", {"upto": 1})
        run(jobs)
        jobs.enqueue("adding", {"upto": 2})
        assert jobs.claim() == []

    def test_no_more_than_there_is_room_for(self, jobs: JobRunner) -> None:
        for site_id in ("s1", "s2", "s3"):
            jobs.enqueue("adding", {"upto": 1}, site_id=site_id)
        assert len(jobs.claim(2)) == 2

    def test_another_process_takes_what_is_left(
        self, store: Store, jobs: JobRunner, adding: Adding, clock: Clock
    ) -> None:
        jobs.enqueue("adding", {"upto": 1})
        jobs.enqueue("more", {"upto": 1})
        mine = jobs.claim(1)
        others = another(store, adding, clock).claim()
        assert [job.kind for job in mine + others] == ["adding", "more"]


STEPS = ["before", "keep", "saved", "ended"]


class TestCrash:
    @pytest.mark.parametrize("at", [0, 2, 4])
    @pytest.mark.parametrize("step", STEPS)
    def test_between_any_two_steps(
        self, jobs: JobRunner, adding: Adding, step: str, at: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Killed before a piece, in the midst of its write, or after that: another goes on, and once only."""
        store, clock = jobs.store, jobs.clock
        assert isinstance(clock, Clock)
        enqueued = jobs.enqueue("adding", {"upto": 5})

        def die(here: int) -> None:
            if here == at:
                raise Killed

        usual = kept.save
        if step == "before":
            adding.before = die
        elif step == "saved":
            adding.after = die
        else:

            def save(connection: Connection, job: Job, **more: Any) -> None:
                if step == "ended":
                    usual(connection, job, **more)
                if job.done == at:
                    # What kills the process in the midst of a transaction leaves nothing of it.
                    raise StoreUnavailableError("killed")
                if step == "keep":
                    usual(connection, job, **more)

            monkeypatch.setattr(kept, "save", save)
            monkeypatch.setattr(threading.Event, "wait", die_instead)
        with pytest.raises(Killed):
            run(jobs)
        monkeypatch.undo()
        adding.before = adding.after = lambda _at: None
        assert another(store, adding, clock).claim() == [] or (step, at) == ("saved", 4)
        clock.now += LEASE + 1
        run(another(store, adding, clock))
        done = load(store, enqueued)
        assert (done.state, done.done) == (JobState.DONE, 5)
        assert done.counts == {"asked": 5, "added": 5}
        assert added(store) == [0, 1, 2, 3, 4]

    def test_after_the_claim(self, store: Store, jobs: JobRunner, adding: Adding, clock: Clock) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 3})
        assert len(jobs.claim()) == 1  # and then nothing more is heard of it
        clock.now += LEASE - 1
        assert another(store, adding, clock).claim() == []
        clock.now += 2
        run(another(store, adding, clock))
        assert load(store, enqueued).state is JobState.DONE

    def test_a_process_that_comes_back_late_changes_nothing(
        self, store: Store, jobs: JobRunner, adding: Adding, clock: Clock
    ) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 4})
        (late,) = jobs.claim()
        clock.now += LEASE + 1
        (mine,) = another(store, adding, clock).claim()
        jobs.run(late)
        assert added(store) == []
        assert adding.steps == []

        def clock_runs_out(at: int) -> None:
            """The lease ends while the piece is done, and another process takes the job."""
            adding.before = lambda _at: None
            clock.now += LEASE + 1
            run(another(store, adding, clock))

        adding.before = clock_runs_out
        jobs.run(mine)
        done = load(store, enqueued)
        assert (done.state, done.done, done.counts["added"]) == (JobState.DONE, 4, 4)

    def test_what_comes_before_it_was_begun_comes_first(
        self, store: Store, jobs: JobRunner, adding: Adding, clock: Clock
    ) -> None:
        """Also where it is newer than one that waits."""
        first = jobs.enqueue("adding", {"upto": 1})
        jobs.stop_job(first.id)
        second = jobs.enqueue("adding", {"upto": 2})
        assert [job.id for job in jobs.claim()] == [second.id]
        jobs.resume_job(first.id)
        clock.now += LEASE + 1
        assert [job.id for job in another(store, adding, clock).claim()] == [second.id]


class TestNoThread:
    def test_is_no_job_that_runs(
        self, store: Store, jobs: JobRunner, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or after four of them, as on a machine that is full of threads, none would be begun any more."""

        def full(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        enqueued = jobs.enqueue("adding", {"upto": 1})
        jobs._pool = ThreadPoolExecutor(1)
        monkeypatch.setattr(threading.Thread, "start", full)
        for _ in range(5):
            with pytest.raises(RuntimeError, match="new thread"):
                jobs._poll()
            clock.now += LEASE + 1
        monkeypatch.undo()
        jobs._poll()
        jobs._pool.shutdown(wait=True)
        assert load(store, enqueued).state is JobState.DONE


def die_instead(_event: object, _seconds: float | None = None) -> bool:
    raise Killed


class TestTheDatabaseIsAway:
    def test_and_the_work_goes_on_when_it_is_back(
        self, store: Store, jobs: JobRunner, adding: Adding
    ) -> None:
        troubles = iter([True, True])

        def trouble(_at: int) -> None:
            if next(troubles, False):
                raise StoreUnavailableError("The disk is full.")

        adding.before = trouble
        enqueued = jobs.enqueue("adding", {"upto": 3})
        run(jobs)
        assert load(store, enqueued).state is JobState.DONE
        assert adding.steps == [0, 0, 0, 2]
        assert adding.counted == 3


class TestFailure:
    def test_says_what_is_wrong_and_goes_on_from_there(
        self, store: Store, jobs: JobRunner, adding: Adding
    ) -> None:
        def refuse(at: int) -> None:
            if at == 2:
                raise ZoomBridgeError("Zoom does not know this account. Save its credentials again.")

        adding.before = refuse
        enqueued = jobs.enqueue("adding", {"upto": 4})
        run(jobs)
        failed = load(store, enqueued)
        assert (failed.state, failed.done) == (JobState.FAILED, 2)
        assert failed.message == "Zoom does not know this account. Save its credentials again."
        assert jobs.claim() == []
        adding.before = lambda _at: None
        assert jobs.resume_job(enqueued.id)
        assert load(store, enqueued).message is None
        run(jobs)
        assert (load(store, enqueued).state, load(store, enqueued).done) == (JobState.DONE, 4)

    def test_a_mistake_of_ours_does_not_show_how_the_bridge_is_made(
        self, store: Store, jobs: JobRunner, adding: Adding
    ) -> None:
        def mistake(_at: int) -> None:
            raise KeyError("secret-in-a-message")

        adding.before = mistake
        enqueued = jobs.enqueue("adding", {"upto": 4})
        run(jobs)
        failed = load(store, enqueued)
        assert failed.state is JobState.FAILED
        assert failed.message is not None
        assert "KeyError" in failed.message
        assert "secret" not in failed.message

    def test_what_could_not_be_kept_counts_nothing(
        self, store: Store, jobs: JobRunner, adding: Adding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def end(*_: object, **__: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(kept, "save", end)
        enqueued = jobs.enqueue("adding", {"upto": 1})
        run(jobs)
        assert (load(store, enqueued).state, load(store, enqueued).done, added(store)) == (
            JobState.FAILED,
            0,
            [],
        )


class TestStop:
    def test_before_it_began(self, store: Store, jobs: JobRunner) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 1})
        assert jobs.stop_job(enqueued.id)
        assert jobs.claim() == []
        assert load(store, enqueued).state is JobState.STOPPED
        assert not jobs.stop_job(enqueued.id)

    def test_after_the_piece_at_hand_and_on_from_there(
        self, store: Store, jobs: JobRunner, adding: Adding
    ) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 5})
        adding.before = lambda at: jobs.stop_job(enqueued.id) if at == 2 else None  # type: ignore[assignment]
        run(jobs)
        stopped = load(store, enqueued)
        assert (stopped.state, stopped.done, added(store)) == (JobState.STOPPED, 4, [0, 1, 2, 3])
        adding.before = lambda _at: None
        assert jobs.resume_job(enqueued.id)
        assert not jobs.resume_job(enqueued.id)
        run(jobs)
        assert (load(store, enqueued).state, added(store)) == (JobState.DONE, [0, 1, 2, 3, 4])

    def test_comes_too_late_for_the_last_piece(self, store: Store, jobs: JobRunner, adding: Adding) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 1})
        adding.before = lambda _at: jobs.stop_job(enqueued.id)  # type: ignore[assignment]
        run(jobs)
        assert load(store, enqueued).state is JobState.DONE

    def test_stays_stopped_where_the_piece_at_hand_fails(
        self, store: Store, jobs: JobRunner, adding: Adding
    ) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 1})

        def stop_and_fail(_at: int) -> None:
            jobs.stop_job(enqueued.id)
            raise ZoomBridgeError("no")

        adding.before = stop_and_fail
        run(jobs)
        assert load(store, enqueued).state is JobState.STOPPED

    def test_one_that_was_gone_on_with_meanwhile_is_not_done_twice(
        self, store: Store, jobs: JobRunner, adding: Adding, clock: Clock
    ) -> None:
        enqueued = jobs.enqueue("adding", {"upto": 5})

        def stop_go_on_and_take_over(_at: int) -> None:
            adding.before = lambda _at: None
            jobs.stop_job(enqueued.id)
            jobs.resume_job(enqueued.id)
            run(another(store, adding, clock))

        adding.before = stop_go_on_and_take_over
        run(jobs)
        done = load(store, enqueued)
        assert (done.state, done.done, done.counts["added"]) == (JobState.DONE, 5, 5)


class TestLooking:
    def test_a_site_sees_only_its_own(self, store: Store, jobs: JobRunner, site: Site) -> None:
        connected(store, "s2")
        mine = jobs.enqueue("adding", {"upto": 1}, site_id="s1")
        jobs.enqueue("adding", {"upto": 1}, site_id="s2")
        everybodys = jobs.enqueue("more", {"upto": 1})
        with store.reading() as connection:
            assert kept.load(connection, mine.id, site_id="s1").id == mine.id
            for other in ("s2", "s3"):
                with pytest.raises(UnknownJobError):
                    kept.load(connection, mine.id, site_id=other)
            with pytest.raises(UnknownJobError):
                kept.load(connection, everybodys.id, site_id="s1")
            assert [job.id for job in kept.latest(connection, 9, site_id="s1")] == [mine.id]
            assert len(kept.latest(connection, 9)) == 3
            assert len(kept.latest(connection, 2)) == 2
            assert [job.kind for job in kept.latest(connection, 9, kind="more")] == ["more"]

    def test_ended_ones_are_forgotten_in_time(self, store: Store, jobs: JobRunner, clock: Clock) -> None:
        ended = jobs.enqueue("adding", {"upto": 1})
        waits = jobs.enqueue("more", {"upto": 1}, site_id="s1")
        jobs.stop_job(ended.id)
        assert store.write(lambda connection: kept.drop_before(connection, clock.ms)) == 0
        assert store.write(lambda connection: kept.drop_before(connection, clock.ms + 1)) == 1
        with store.reading() as connection:
            assert [job.id for job in kept.latest(connection, 9)] == [waits.id]


class TestThread:
    def test_does_what_is_asked_and_lets_go_when_it_is_stopped(self, store: Store, adding: Adding) -> None:
        jobs = JobRunner(store, {"adding": adding})
        reached, go = threading.Event(), threading.Event()

        def hold(at: int) -> None:
            if at == 2:
                reached.set()
                assert go.wait(600)

        adding.before = hold
        jobs.start()
        enqueued = jobs.enqueue("adding", {"upto": 100})
        assert reached.wait(600)
        stopper = threading.Thread(target=jobs.stop)
        stopper.start()
        assert jobs.thread.stopping.wait(600)
        go.set()
        stopper.join(600)
        assert adding.closed
        left = load(store, enqueued)
        assert (left.state, left.done, left.lease_until) == (JobState.RUNNING, 4, 0)
        finished = threading.Event()
        adding.before = lambda _at: None
        adding.after = lambda at: finished.set() if at == 98 else None
        following = JobRunner(store, {"adding": adding})
        following.start()
        assert finished.wait(600)
        following.stop()
        assert load(store, enqueued).state is JobState.DONE
        assert len(added(store)) == 100
