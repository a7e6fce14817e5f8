"""Replay: events are taken up again, and posts are looked at again; twice does no harm."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

import core.pipeline.replay
import core.store.sites.sites
from core.jobs.runner import JobRunner
from core.model.fold import fold
from core.model.meeting import Meeting
from core.pipeline.fold_worker import FoldWorker
from core.pipeline.ingest import Ingest
from core.pipeline.replay import KIND, ReplayJob, ReplayPreview, enqueue_replay, preview
from core.store.db.schema import events
from core.store.db.schema import meetings as table
from core.store.events import log, quarantine
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.events.search import EventFilter
from core.store.jobs import Job, JobState
from core.store.meetings import meetings
from core.store.meetings import meetings as kept_meetings
from core.store.posts import backlog
from core.store.sites import zoom_secrets
from core.store.sites.sites import Site
from core.zoom import envelope as zoom_envelope
from core.zoom.probe import probe_account_id
from core.zoom.signature import Secret
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, SECRET, event, raw, signed
from tests.core.jobs.test_runner import load, run
from tests.core.pipeline.test_mirror_worker import OBJECT, Bench
from tests.core.store.entries import entry
from tests.core.store.grants import granted


@pytest.fixture
def bench(store: Any, site: Site) -> Bench:
    return Bench(store)


@pytest.fixture
def jobs(bench: Bench) -> JobRunner:
    return runner(bench)


def runner(bench: Bench, **tuned: Any) -> JobRunner:
    """The runner of a replay that never sleeps, and is `tuned`."""
    store = bench.store
    ingest = Ingest(store, clock=bench.clock)
    replay = ReplayJob(store, ingest, clock=bench.clock, pause=lambda _: None, **tuned)
    return JobRunner(store, {KIND: replay}, clock=bench.clock)


def replayed(bench: Bench, jobs: JobRunner, wanted: EventFilter | None = None, **more: Any) -> Job:
    """Do a replay from beginning to end."""
    asked = enqueue_replay(jobs, wanted=wanted, now=bench.clock.ms, **more)
    run(jobs)
    return load(bench.store, asked)


def lines(bench: Bench) -> list[tuple[int | None, str, str | None]]:
    with bench.store.reading() as connection:
        rows = connection.execute(
            select(events.c.number, events.c.outcome, events.c.reason).order_by(events.c.id)
        )
        return [tuple(row) for row in rows]


def meeting(bench: Bench, number: int) -> tuple[Meeting, int]:
    with bench.store.reading() as connection:
        found = meetings.load(connection, bench.store.sealer, ACCOUNT, number)
    assert found is not None
    return found


def happened(
    bench: Bench, outcome: Outcome, number: int = 1, name: str = "meeting.created", **more: Any
) -> int:
    """Put an event into the log that stays as it is; return its id."""
    told = event(name, **{"at": 500, "id": number, **OBJECT, **more})
    line = replace(entry(bench.store, told, received_at=bench.clock.ms), outcome=outcome, reason="why")
    bench.store.write(lambda connection: log.append(connection, [line]))
    with bench.store.reading() as connection:
        return int(
            connection.execute(select(events.c.id).order_by(events.c.id.desc())).scalars().first() or 0
        )


def spoil(bench: Bench, number: int) -> None:
    """What an earlier version made of a meeting, by a mistake since mended."""
    spoiled = replace(meeting(bench, number)[0], object={**OBJECT, "topic": "Mistake"})
    sealed = meetings.sealed_state(spoiled, bench.store.sealer)
    bench.store.write(
        lambda connection: connection.execute(
            update(table).where(table.c.number == number).values(sealed=sealed)
        )
    )


@pytest.fixture
def three(bench: Bench) -> Bench:
    """Three meetings with several events each, as they should be on their site."""
    for number in (1, 2, 3):
        bench.happens(number)
    for number in (1, 2, 3, 1):
        bench.happens(number, "meeting.updated", agenda=f"Agenda {number}")
    bench.clock.now += 60
    assert bench.work() == 3
    return bench


class TestFailed:
    def test_are_folded_again(self, bench: Bench, jobs: JobRunner) -> None:
        happened(bench, Outcome.FAILED)
        done = replayed(bench, jobs, EventFilter(outcome=Outcome.FAILED))
        assert (done.state, done.done, done.total) == (JobState.DONE, 1, 1)
        assert done.counts["reopened"] == 1
        assert lines(bench) == [(1, "pending", None)]
        bench.folding.fold_pending()
        assert lines(bench) == [(1, "applied", None)]
        assert meeting(bench, 1)[0].topic == "Choir"

    def test_fall_into_their_place_in_the_meeting(self, bench: Bench, jobs: JobRunner) -> None:
        bench.happens(1, agenda="First")
        happened(bench, Outcome.FAILED, name="meeting.updated", at=2, topic="Failed", agenda="Failed")
        bench.happens(1)  # the third
        bench.happens(1, "meeting.updated", topic="Last")
        replayed(bench, jobs, EventFilter(outcome=Outcome.FAILED))
        bench.folding.fold_pending()
        assert meeting(bench, 1)[0].topic == "Last"

    def test_others_are_left_alone(self, bench: Bench, jobs: JobRunner) -> None:
        first = happened(bench, Outcome.FAILED, 1)
        happened(bench, Outcome.FAILED, 2)
        replayed(bench, jobs, event_id=first)
        assert [outcome for _, outcome, _ in lines(bench)] == ["pending", "failed"]


class TestIgnored:
    def test_is_folded_where_this_version_acts_on_it(self, bench: Bench, jobs: JobRunner) -> None:
        happened(bench, Outcome.IGNORED, name="meeting.created")
        happened(bench, Outcome.IGNORED, name="user.created")
        happened(bench, Outcome.IGNORED, name="snapshot")
        done = replayed(bench, jobs, EventFilter())
        assert [outcome for _, outcome, _ in lines(bench)] == ["pending", "ignored", "ignored"]
        assert (done.counts["reopened"], done.counts["without"]) == (1, 2)

    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.IGNORED])
    def test_one_about_many_recordings_is_taken_apart_again(
        self, bench: Bench, jobs: JobRunner, outcome: Outcome
    ) -> None:
        bench.happens(1, "recording.completed", uuid="u", recording_files=[{"id": "f"}])
        told = {
            "event": "recording.batch_trashed",
            "payload": {"account_id": ACCOUNT, "object": {"meeting_uuids": ["u"]}},
        }
        line = replace(entry(bench.store, told, received_at=bench.clock.ms + 1), outcome=outcome)
        bench.store.write(lambda connection: log.append(connection, [line]))
        bench.clock.now += 60
        for _ in range(2):
            done = replayed(bench, jobs, EventFilter(event="recording.batch_trashed"))
            assert done.counts["reopened"] == 1
            while bench.folding.fold_pending():
                pass
            assert meeting(bench, 1)[0].recordings["u"]["state"] == "trashed"

    def test_what_a_test_left_is_not_touched(self, bench: Bench, jobs: JobRunner) -> None:
        happened(bench, Outcome.FAILED, account_id=probe_account_id("s1"))
        done = replayed(bench, jobs, EventFilter())
        assert [outcome for _, outcome, _ in lines(bench)] == ["failed"]
        assert done.counts["without"] == 1


class TestMeetings:
    def test_are_folded_from_the_whole_log_and_shown_again(self, three: Bench, jobs: JobRunner) -> None:
        spoil(three, 2)
        before = meeting(three, 2)[1]
        done = replayed(three, jobs, EventFilter(number=2))
        assert (done.counts["changed"], done.counts["same"]) == (1, 0)
        made, revision = meeting(three, 2)
        assert (made.topic, made.agenda, revision) == ("Choir", "Agenda 2", before + 1)
        assert three.row(2).wanted == revision
        assert three.work() == 1
        assert three.row(2).written == revision

    def test_that_are_right_stay_as_they_are(self, three: Bench, jobs: JobRunner) -> None:
        before = [meeting(three, number) for number in (1, 2, 3)]
        done = replayed(three, jobs, EventFilter())
        assert (done.counts["changed"], done.counts["same"]) == (0, 3)
        assert [meeting(three, number) for number in (1, 2, 3)] == before

    def test_keep_what_the_log_has_dropped(self, three: Bench, jobs: JobRunner) -> None:
        whole, _ = meeting(three, 1)
        with three.store.reading() as connection:
            changes, _ = log.changes_of(connection, three.store.sealer, ACCOUNT, 1, pending_only=False)
        first = sorted(changes, key=lambda change: change.position)[:2]
        base = fold(ACCOUNT, 1, first)
        assert base is not None
        three.store.write(lambda connection: meetings.save_base(connection, three.store.sealer, base))
        three.store.write(lambda connection: log.drop_folded(connection, ACCOUNT, 1, base.last))
        replayed(three, jobs, EventFilter(number=1))
        assert meeting(three, 1)[0] == whole

    def test_one_that_was_folded_meanwhile_is_looked_at_again(
        self, three: Bench, jobs: JobRunner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spoil(three, 2)
        revision = kept_meetings.lock_revision
        happens = iter([True])

        def first_something_happens(*given: Any) -> int:
            if next(happens, False):
                # In this very transaction, as another process would have done it just before.
                given[0].execute(update(table).where(table.c.number == 2).values(revision=9))
            return revision(*given)

        monkeypatch.setattr(kept_meetings, "lock_revision", first_something_happens)
        replayed(three, jobs, EventFilter(number=2))
        made, now = meeting(three, 2)
        assert (made.topic, now) == ("Choir", 10)

    def test_one_that_cannot_be_folded_does_not_stop_others(
        self, three: Bench, jobs: JobRunner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fold_but_two(account_id: str, number: int, *given: Any, **more: Any) -> Meeting | None:
            if number == 2:
                raise ZeroDivisionError("a mistake of ours")
            return fold(account_id, number, *given, **more)

        monkeypatch.setattr(core.pipeline.replay, "fold", fold_but_two)
        spoil(three, 3)
        done = replayed(three, jobs, EventFilter())
        assert (done.state, done.counts["failed"], done.counts["changed"]) == (JobState.DONE, 1, 1)


class TestPosts:
    def test_are_compared_and_written_as_after_doubt(self, three: Bench, jobs: JobRunner) -> None:
        """What the bridge decides is written again, what people have changed stays."""
        post = next(one for one in three.doubles["s1"].posts.values() if one["number"] == "2")
        post["details"] = {}
        post["slug"] = "chosen-by-an-editor"
        replayed(three, jobs, EventFilter(number=2))
        assert three.work() == 1
        assert post["details"]
        assert post["slug"] == "chosen-by-an-editor"
        assert len(three.doubles["s1"].posts) == 3

    def test_that_people_deleted_for_good_are_not_made_again(self, three: Bench, jobs: JobRunner) -> None:
        for post_id in [*three.doubles["s1"].posts]:
            del three.doubles["s1"].posts[post_id]
        three.happens(1, "meeting.updated", topic="New")
        three.clock.now += 60
        three.work()
        assert three.row(1).state == "detached"
        done = replayed(three, jobs, EventFilter(number=1))
        assert done.counts["posts"] == 0
        assert three.work() == 0

    def test_of_another_site_are_left_alone(self, three: Bench, jobs: JobRunner) -> None:
        connected(three.store, "s2")
        granted(three.store, ACCOUNT, "s2")
        three.happens(2, "meeting.updated", topic="For both")
        three.clock.now += 60
        three.work()
        assert replayed(three, jobs, EventFilter(number=2), site_id="s2").counts["posts"] == 1
        assert not three.row(2, "s1").in_doubt
        assert three.row(2, "s2").in_doubt
        assert replayed(three, jobs, EventFilter(number=2)).counts["posts"] == 2

    def test_being_written_now_are_left_to_who_does_that(self, three: Bench, jobs: JobRunner) -> None:
        three.happens(1, "meeting.updated", topic="New")
        three.clock.now += 60
        (claim,) = three.claim()
        assert replayed(three, jobs, EventFilter(number=1)).counts["posts"] == 0
        three.mirror.mirror([claim])
        assert three.row(1).written == claim.wanted


class TestPieces:
    def test_give_each_meeting_one_turn(self, three: Bench) -> None:
        jobs = runner(three, batch_size=2)
        done = replayed(three, jobs, EventFilter())
        assert (done.done, done.total) == (7, 7)
        assert done.counts["same"] == 3
        assert done.counts["posts"] == 3

    def test_go_no_further_than_what_had_come_when_it_was_asked(self, three: Bench, jobs: JobRunner) -> None:
        asked = enqueue_replay(jobs, wanted=EventFilter(), now=three.clock.ms)
        three.clock.now += 10
        late = happened(three, Outcome.FAILED, 7)
        run(jobs)
        assert load(three.store, asked).done == 7
        assert lines(three)[-1] == (7, "failed", "why")
        assert late

    def test_wait_until_the_sites_have_nearly_done_what_is_due(self, three: Bench) -> None:
        jobs = runner(three, batch_size=1, most_due=0, wait_seconds=0.0)
        asked = enqueue_replay(jobs, wanted=EventFilter(), now=three.clock.ms)
        (taken,) = jobs.claim()
        due = []
        while jobs.run_step(taken):
            with three.store.reading() as connection:
                due.append(backlog.due(connection, now=three.clock.ms, most=99))
            three.work()
        assert max(due) == 1
        assert load(three.store, asked).state is JobState.DONE
        assert load(three.store, asked).counts["posts"] == 3

    def test_do_not_wait_for_a_site_that_takes_nothing(self, three: Bench, jobs: JobRunner) -> None:
        with three.store.reading() as connection:
            assert backlog.due(connection, now=three.clock.ms, most=9) == 0
        replayed(three, jobs, EventFilter())
        with three.store.reading() as connection:
            assert backlog.due(connection, now=three.clock.ms, most=9) == 3
        three.store.write(
            lambda connection: core.store.sites.sites.record_fault(
                connection, "s1", fault="network", message="Down.", blocked_until=three.clock.ms + 1, now=1
            )
        )
        with three.store.reading() as connection:
            assert backlog.due(connection, now=three.clock.ms, most=9) == 0

    def test_twice_do_no_harm(self, three: Bench, jobs: JobRunner) -> None:
        spoil(three, 1)
        happened(three, Outcome.FAILED, 3, "meeting.updated", at=600, topic="Was failed")
        for _ in range(2):
            replayed(three, jobs, EventFilter())
            three.folding.fold_pending()
            three.clock.now += 60
            three.work()
        assert three.titles() == ["Choir", "Choir", "Was failed"]
        assert len(three.doubles["s1"].posts) == 3
        assert three.work() == 0

    def test_of_an_event_that_was_dropped_meanwhile_are_none(self, bench: Bench, jobs: JobRunner) -> None:
        done = replayed(bench, jobs, event_id=77)
        assert (done.state, done.done) == (JobState.DONE, 0)

    def test_of_nothing_are_none(self, bench: Bench, jobs: JobRunner) -> None:
        done = replayed(bench, jobs, EventFilter(event="none.such"))
        assert (done.state, done.done, done.total) == (JobState.DONE, 0, 0)


class TestRefused:
    def test_are_checked_with_the_secrets_of_now(self, bench: Bench, jobs: JobRunner) -> None:
        connected(bench.store, "s2")
        granted(bench.store, ACCOUNT, "s1", "s2")
        for site_id in ("s1", "s2"):
            for secret in (SECRET, "another"):
                body = raw(event(at=int(bench.clock.ms), topic=f"{site_id} {secret}"))
                held = Request(signed(body, secret=secret, at=bench.clock()), body)
                bench.store.write(
                    lambda connection, site_id=site_id, held=held: quarantine.add(  # type: ignore[misc]
                        connection, site_id, held, bench.store.sealer, reason="why", now=bench.clock.ms
                    )
                )
            bench.store.write(
                lambda connection, site_id=site_id: zoom_secrets.save(  # type: ignore[misc]
                    connection, site_id, Secret(SECRET), bench.store.sealer, now=1
                )
            )
        with bench.store.reading() as connection:
            assert preview(connection, wanted=None, refused=True).refused == 4
            assert preview(connection, wanted=EventFilter(site_id="s2"), refused=True).refused == 2
        done = replayed(bench, jobs, EventFilter(site_id="s2"), refused=True)
        assert (done.total, dict(done.counts)) == (1, {"verified": 1, "refused": 1})
        done = replayed(bench, jobs, refused=True)
        assert (done.total, done.done, dict(done.counts)) == (2, 2, {"verified": 1, "refused": 2})
        assert [outcome for _, outcome, _ in lines(bench)] == ["pending", "pending"]

    def test_of_no_site_are_none(self, bench: Bench, jobs: JobRunner) -> None:
        assert replayed(bench, jobs, EventFilter(site_id="gone"), refused=True).state is JobState.DONE


class TestUnreadable:
    """What an earlier version could not read goes its normal way with one that can."""

    def came(self, bench: Bench, told: dict[str, Any], *, secret: str = SECRET, site_id: str = "s1") -> None:
        """Let an event come while nothing can be read."""

        def secret_saved(connection: Connection) -> None:
            zoom_secrets.save(connection, site_id, Secret(SECRET), bench.store.sealer, now=1)

        bench.store.write(secret_saved)
        body = raw(told)
        request = Request(signed(body, secret=secret, at=bench.clock()), body)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(zoom_envelope, "parse", lambda _: 1 // 0)
            assert Ingest(bench.store, clock=bench.clock).receive(site_id, request).status == 204
        assert lines(bench)[-1][1] == "unreadable"

    def test_makes_its_meeting(self, bench: Bench, jobs: JobRunner) -> None:
        self.came(bench, event(at=bench.clock.ms, id=7, **OBJECT))
        (before,) = ids(bench)
        bench.clock.now += 3600
        done = replayed(bench, jobs, EventFilter(outcome=Outcome.UNREADABLE))
        assert (done.done, dict(done.counts)) == (
            1,
            {"read": 1, "reopened": 0, "changed": 0, "same": 0, "posts": 0},
        )
        assert lines(bench) == [(7, "pending", None)]
        assert ids(bench) == [before], "links to it stay valid"
        FoldWorker(bench.store, clock=bench.clock).fold_pending()
        assert meeting(bench, 7)[0].topic == OBJECT["topic"]

    def test_is_left_where_it_still_cannot_be_read(self, bench: Bench, jobs: JobRunner) -> None:
        self.came(bench, ["nonsense"])  # type: ignore[arg-type]
        before = lines(bench)
        for _ in range(2):
            done = replayed(bench, jobs)
            assert dict(done.counts)["unreadable"] == 1
        assert lines(bench)[0][:2] == before[0][:2]

    @pytest.mark.parametrize("database_kind", ["sqlite"])
    def test_keeps_back_no_other_where_no_key_opens_it(self, bench: Bench, jobs: JobRunner) -> None:
        for number in (7, 8):
            self.came(bench, event(at=bench.clock.ms, id=number, **OBJECT))
        broken = update(events).where(events.c.id == ids(bench)[0]).values(request=b"of another key")
        bench.store.write(lambda connection: connection.execute(broken))
        assert replayed(bench, jobs).state is JobState.DONE
        assert sorted(outcome for _, outcome, _ in lines(bench)) == ["pending", "unreadable"]

    def test_that_came_another_way_meanwhile_is_there_once(self, bench: Bench, jobs: JobRunner) -> None:
        told = event(at=bench.clock.ms, id=7, **OBJECT)
        self.came(bench, told)
        happened(bench, Outcome.APPLIED, 7, at=bench.clock.ms)
        replayed(bench, jobs)
        assert [outcome for _, outcome, _ in lines(bench)] == ["applied"]

    def test_of_no_event_that_the_bridge_acts_on_is_ignored(self, bench: Bench, jobs: JobRunner) -> None:
        self.came(bench, event("phone.rang"))
        replayed(bench, jobs)
        assert [outcome for _, outcome, _ in lines(bench)] == ["ignored"]

    def test_is_counted_before(self, bench: Bench) -> None:
        self.came(bench, event())
        with bench.store.reading() as connection:
            found = preview(connection, wanted=EventFilter())
        assert (found.unreadable, found.events, found.is_empty) == (1, 1, False)


def ids(bench: Bench) -> list[int]:
    with bench.store.reading() as connection:
        return list(connection.scalars(select(events.c.id).order_by(events.c.id)))


class TestForesee:
    def test_counts_by_outcome_and_changes_nothing(self, three: Bench) -> None:
        happened(three, Outcome.FAILED, 8)
        happened(three, Outcome.IGNORED, 9, "user.created")
        before = lines(three)
        with three.store.reading() as connection:
            every = preview(connection, wanted=EventFilter())
            failed = preview(connection, wanted=EventFilter(outcome=Outcome.FAILED))
            none = preview(connection, wanted=EventFilter(event="none.such"))
            one = preview(connection, wanted=None, event_id=1)
        assert every == ReplayPreview(failed=1, ignored=1, folded=7, pending=0, refused=0, is_whole=True)
        assert (failed.events, failed.folded) == (1, 0)
        assert (one.events, one.is_empty) == (1, False)
        assert none.is_empty
        assert lines(three) == before
