"""`zoombridge events` and `zoombridge job`: the log, one event, replay and other long work in the terminal."""

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.pipeline.fold_worker import FoldWorker
from core.store import jobs
from core.store.db.engine import Store
from core.store.events import log, quarantine
from core.store.events.log import Outcome
from core.store.events.request import Request
from core.store.jobs import JobState
from core.zoom.signature import Secret
from tests.core.conftest import KEYS, connected
from tests.core.events import SECRET, event, raw, signed
from tests.core.pipeline.test_mirror_worker import OBJECT
from tests.core.store.entries import entry
from tests.web.cli.conftest import Run
from tests.web.conftest import save_token

AT = 1_795_424_400_000  # 2026-11-23 09:00 UTC
LINK = "https://example.zoom.us/j/1?pwd=ThePasscode"


@pytest.fixture
def url(run: Run, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database of each kind with a site that nobody reaches, three folded events and one that failed."""
    monkeypatch.setenv("ZOOMBRIDGE_KEY", KEYS)
    monkeypatch.setenv("ZOOMBRIDGE_DATABASE_URL", migrated_url)
    store = Store(migrated_url, keys=KEYS)
    try:
        connected(store, "s1")
        save_token(store, Secret(SECRET))
        made = [
            event(at=1, id=1, **{**OBJECT, "join_url": LINK, "password": "ThePasscode"}),
            event("meeting.updated", 2, id=1, topic="Rehearsal"),
            event("meeting.created", 3, id=2, **OBJECT),
        ]
        entries = [entry(store, told, received_at=AT + at) for at, told in enumerate(made)]
        store.write(lambda connection: log.append(connection, entries))
        FoldWorker(store).fold_pending()
        failed = entry(store, event("meeting.updated", 4, id=2, topic="Failed"), received_at=AT + 3_600_000)
        failed = replace(failed, outcome=Outcome.FAILED, reason="ZeroDivisionError: a mistake")
        store.write(lambda connection: log.append(connection, [failed]))
    finally:
        store.close()
    return migrated_url


class TestList:
    def test_tells_of_events_newest_first(self, run: Run, url: str) -> None:
        ran = run("events", "list")
        lines = ran.out.splitlines()
        assert ran.status == 0
        assert [line.split()[0] for line in lines] == ["4", "3", "2", "1"]
        assert "2026-11-23 10:00:00 UTC" in lines[0]
        assert "failed   meeting.updated  2  ZeroDivisionError: a mistake" in lines[0]

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            (("--event", "meeting.updated"), "42"),
            (("--outcome", "failed"), "4"),
            (("--number", "1"), "21"),
            (("--site", "s1.example.org", "--number", "2"), "43"),
            (("--since", "2026-11-23 09:30"), "4"),
            (("--until", "2026-11-23T09:30"), "321"),
        ],
    )
    def test_is_narrowed(self, run: Run, url: str, options: tuple[str, ...], found: str) -> None:
        ran = run("events", "list", *options)
        assert "".join(line.split()[0] for line in ran.out.splitlines()) == found

    def test_goes_on_where_it_stopped(self, run: Run, url: str) -> None:
        first = run("events", "list", "--limit", "3")
        place = re.search(r"--before (\S+)", first.err)
        assert place
        assert [line.split()[0] for line in run("events", "list", "--before", place[1]).out.splitlines()] == [
            "1"
        ]

    def test_says_what_is_wrong_with_what_was_asked(self, run: Run, url: str) -> None:
        for options, said in (
            (("--since", "soon"), "neither a date nor how long ago"),
            (("--before", "x"), "--before needs the position"),
            (("--outcome", "lost"), "pending"),
            (("--site", "nowhere.example"), "No site “nowhere.example”"),
        ):
            ran = run("events", "list", *options)
            assert ran.status != 0
            assert said in ran.err
            assert "Traceback" not in ran.err

    @pytest.mark.parametrize("place", ["9" * 30 + ".1", "1." + "9" * 30, "².1", "٣.٣", "1.1.1"])
    def test_takes_no_place_that_was_not_printed(self, run: Run, url: str, place: str) -> None:
        ran = run("events", "list", "--before", place)
        assert (ran.status, "--before needs the position" in ran.err) == (2, True)

    @pytest.mark.parametrize(
        "command", [("events", "show"), ("events", "replay"), ("job", "follow"), ("job", "stop"), ("job", "resume")]
    )  # fmt: skip
    def test_knows_no_number_that_no_database_holds(
        self, run: Run, url: str, command: tuple[str, str]
    ) -> None:
        ran = run(*command, "9" * 30)
        assert (ran.status, "Traceback" in ran.err) == (2, False)
        assert run("audit", "--before", "9" * 30).status == 0

    def test_says_where_nothing_matches(self, run: Run, url: str) -> None:
        ran = run("events", "list", "--event", "none.such")
        assert (ran.status, ran.out) == (0, "")
        assert "No event matches" in ran.err


class TestShow:
    def test_tells_what_it_changed_and_hides_secrets(self, run: Run, url: str) -> None:
        ran = run("events", "show", "2")
        assert ran.status == 0
        assert "meeting.updated 2, applied, meeting 1" in ran.out
        assert "Topic: Choir → Rehearsal" in ran.out
        assert "Site s1: pending" in ran.out
        assert '"topic": "Rehearsal"' in ran.out
        created = run("events", "show", "1").out
        assert "ThePasscode" not in created
        assert "example.zoom.us/j/1" in created

    def test_tells_of_a_clock_that_is_behind_zooms(self, run: Run, url: str) -> None:
        body = raw(event(at=9, id=3, **OBJECT))
        with closing(Store(url, keys=KEYS)) as store:
            ahead = Request(signed(body, at=AT // 1000 + 4), body).sealed(store.sealer)
            line = replace(entry(store, event(at=9, id=3, **OBJECT), received_at=AT), request=ahead)
            store.write(lambda connection: log.append(connection, [line]))
        assert "signature is valid, signed 4.0 s after it was received" in run("events", "show", "5").out

    def test_knows_no_other(self, run: Run, url: str) -> None:
        ran = run("events", "show", "99")
        assert ran.status == 1
        assert "no event with this number" in ran.err


class TestReplay:
    def test_says_first_what_it_would_take_up(self, run: Run, url: str) -> None:
        ran = run("events", "replay", "--dry-run")
        assert (ran.status, ran.out) == (0, "This replays 3 applied, 1 failed.\n")
        assert "4 failed" not in run("events", "list").out
        ran = run("events", "replay", "--event", "none.such")
        assert (ran.status, ran.out) == (0, "No event matches.\n")

    def test_takes_up_what_failed(self, run: Run, url: str) -> None:
        ran = run("events", "replay", "--outcome", "failed", "--yes")
        assert ran.status == 0, ran.err
        assert "Replay 1: done, 1 of 1 done" in ran.out
        assert "Events replayed: 1" in ran.out
        assert "failed" not in run("events", "list").out

    def test_takes_up_one(self, run: Run, url: str) -> None:
        assert run("events", "replay", "4", "--yes").status == 0
        assert "failed" not in run("events", "list").out
        ran = run("events", "replay", "4", "--number", "1")
        assert ran.status == 2
        assert "but not both" in ran.err

    def test_asks_first(self, run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
        assert run("events", "replay", "--outcome", "failed").status == 130
        assert "failed" in run("events", "list").out
        assert "No recent jobs" in run("job", "list").out

    def test_checks_what_was_refused(self, run: Run, url: str) -> None:
        store = Store(url, keys=KEYS)
        body = raw(event(at=9, id=3, **OBJECT))
        held = Request(signed(body, at=AT / 1000), body)
        store.write(
            lambda connection: quarantine.add(connection, "s1", held, store.sealer, reason="why", now=AT)
        )
        store.close()
        ran = run("events", "replay", "--refused", "--yes")
        assert ran.status == 0
        assert "1 quarantined request would be verified again" in ran.out
        assert "Accepted from quarantine: 1" in ran.out
        assert run("events", "replay", "--refused", "--number", "1").status == 2


class TestJob:
    def test_is_listed_stopped_and_gone_on_with(self, run: Run, url: str) -> None:
        store = Store(url, keys=KEYS)
        store.write(
            lambda connection: jobs.enqueue(
                connection, "replay", {"event": 4}, site_id=None, requested_by="anna", now=1
            )
        )
        store.close()
        assert "Replay 1: queued, 0 done" in run("job", "list").out
        ran = run("job", "stop", "1")
        assert "Replay 1: stopped" in ran.out
        assert "zoombridge job resume 1" in ran.out
        assert "Replay 1: queued" in run("job", "resume", "1").out
        ran = run("job", "follow", "1")
        assert ran.status == 0
        assert "Replay 1: done, 1 of 1 done" in ran.out

    def test_of_another_number_is_not_known(self, run: Run, url: str) -> None:
        for command in ("follow", "stop", "resume"):
            ran = run("job", command, "7")
            assert ran.status == 1
            assert "no such job" in ran.err

    def test_goes_on_when_nobody_follows_it_any_more(
        self, run: Run, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ctrl-C ends the command, says how to stop the job, and leaves the job as it is."""

        def press_ctrl_c(_seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("web.cli.progress.time.sleep", press_ctrl_c)
        monkeypatch.setattr("core.jobs.runner.JobRunner.start", lambda _: None)
        ran = run("events", "replay", "4", "--yes")
        assert ran.status == 130
        assert "continues in the background" in ran.err
        assert "zoombridge job stop 1" in ran.err
        store = Store(url, keys=KEYS)
        with store.reading() as connection:
            assert jobs.load(connection, 1).state is JobState.QUEUED
        store.close()


class TestWithoutADatabase:
    def test_an_empty_folder_has_no_events(self, run: Run, data: Path) -> None:
        ran = run("events", "list")
        assert (ran.status, ran.out, ran.err) == (0, "", "There are no events yet.\n")
        assert "No recent jobs" in run("job", "list").out
        ran = run("audit")
        assert (ran.status, ran.out, ran.err) == (0, "", "There are no entries yet.\n")
