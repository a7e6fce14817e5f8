"""The test of a site, from beginning to end: the endpoint and the site are doubles, all of the bridge is real."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest
import responses
from sqlalchemy import func, select

from core.bridge import Bridge
from core.errors import Fault, SiteFaultError
from core.model.rules import NewPostStatus, Rules
from core.selftest import job as selftest_job
from core.selftest import steps
from core.selftest.cleanup import CLEANUP, SELF_TEST, CleanupJob, enqueue_cleanup
from core.selftest.job import SelfTestJob, SelfTestReport
from core.selftest.steps import Progress, SelfTestStep, StepLimits, StepReport
from core.sites.diagnosis import Cause, Diagnosis, Stage
from core.store import jobs, selftest
from core.store.db.engine import Store
from core.store.db.schema import attempts, events, grants, meetings, posts
from core.store.events import log, quarantine
from core.store.events.request import Request
from core.store.sites import rules, sites, zoom_secrets
from core.store.sites.sites import Site
from core.wordpress.post_operations import CreatePost, DeletePost, PostOperation, ReadPost
from core.wordpress.responses import SitePost
from core.wordpress.sync_operations import BridgeCall, Greeting
from core.wordpress.sync_posts import Mark
from core.zoom.probe import FIRST_NUMBER, LAST_NUMBER, ProbeEvents, probe_account_id
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, Secret
from tests.core.conftest import connected
from tests.core.events import SECRET, event, raw, signed
from tests.core.site_double import SiteDouble, fault
from tests.core.store.entries import entry

ENDPOINT = "https://s1.example.org/wp-json/vczapi/v1/meeting"
WITHIN_SECONDS = 600.0

Answer = tuple[int, dict[str, str], str]


class WholeDouble(SiteDouble):
    """The same, also where one thing is asked by itself. `called` is what comes of the plugin's call of the bridge."""

    called = BridgeCall("https://bridge.example.org", reached=True, status=200, message="")

    def read_post(self, post_id: int) -> SitePost:
        [answer] = self.perform([ReadPost(post_id)], [Mark(0, 0)])
        if isinstance(answer, SiteFaultError):
            raise answer
        assert isinstance(answer, SitePost)
        return answer

    def hello(
        self, *, call: bool = False, visit: int | None = None, alerts: tuple[int, str] | None = None
    ) -> Greeting:
        assert (call, visit, alerts) == (True, None, None)
        return Greeting("0.2.0", self.home, "stub", "", {}, True, "utf8mb4", True, "", self.called)


class Way:
    """The way from Zoom to the bridge and on to the site: what it does to an event is for each test to say."""

    def __init__(self, bridge: Bridge, wire: responses.RequestsMock) -> None:
        self.bridge = bridge
        self.site = WholeDouble()
        self.sent: list[dict[str, Any]] = []
        self.visits = 0
        self.logins: set[str | None] = set()  # for the web server, as they were sent
        self.shows_title = True
        self.date = formatdate(usegmt=True)
        self.answers: Callable[[Request], Answer] = self.forward
        wire.add_callback("POST", ENDPOINT, callback=self._take)
        wire.add_callback("GET", "https://s1.example.org/", callback=self._visit)

    @property
    def selftest(self) -> SelfTestJob:
        """The job of the bridge."""
        job = self.bridge.job_runner.kinds[SELF_TEST]
        assert isinstance(job, SelfTestJob)
        return job

    @property
    def cleanup(self) -> CleanupJob:
        """The job of the bridge."""
        job = self.bridge.job_runner.kinds[CLEANUP]
        assert isinstance(job, CleanupJob)
        return job

    def forward(self, request: Request) -> Answer:
        """Do as the stub does."""
        answer = self.bridge.ingest.receive("s1", request)
        return answer.status, {"Date": self.date}, json.dumps(answer.body) if answer.body else ""

    def _take(self, request: Any) -> Answer:
        body = request.body
        self.sent.append(json.loads(body))
        self.logins.add(request.headers.get("Authorization"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        return self.answers(Request(headers, body))

    def _visit(self, request: Any) -> Answer:
        self.visits += 1
        self.logins.add(request.headers.get("Authorization"))
        titles = [post["title"] for post in self.site.posts.values()] if self.shows_title else []
        return 200, {}, f"<title>Choir</title>{titles}"


@pytest.fixture
def way(store: Store) -> Iterator[Way]:
    """The site s1 with a secret token, and a bridge that runs."""
    connected(store, "s1")
    save(store, Secret(SECRET))
    bridge = Bridge.create(store)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        made = Way(bridge, wire)
        bridge.mirror_worker.connect = lambda _: made.site
        made.selftest.connect = lambda _: made.site
        bridge.job_runner.poll_seconds = 0.1
        bridge.start()
        yield made
        bridge.stop()


def save(store: Store, secret: Secret) -> None:
    store.write(lambda connection: zoom_secrets.save(connection, "s1", secret, store.sealer, now=1))


def tried(way: Way) -> SelfTestReport:
    """Ask for a test, and wait for its end."""
    selftest_job.enqueue(way.bridge.job_runner, "s1", requested_by="anna")
    return await_end(way)


def await_end(way: Way) -> SelfTestReport:
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        with way.bridge.store.reading() as connection:
            report = selftest_job.latest_report(connection, "s1")
        if report is not None and not report.is_running:
            return report
        assert time.monotonic() < deadline, report
        time.sleep(0.02)


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def left(store: Store) -> int:
    """Count all that the store holds of tests."""
    of_account = [table.c.account_id == probe_account_id("s1") for table in (events, meetings, posts, grants)]
    with store.reading() as connection:
        return sum(
            connection.scalar(select(func.count()).where(which)) or 0
            for which in (*of_account, attempts.c.number >= FIRST_NUMBER)
        )


def stages(report: SelfTestReport, *, well: bool = True) -> list[Stage]:
    return [line.stage for line in report.lines if line.well is well]


class TestGoesWell:
    def test_through_every_stage(self, way: Way) -> None:
        report = tried(way)
        assert report.is_well, report
        assert stages(report) == list(Stage)
        assert report.diagnosis is None
        assert way.visits == 1
        assert [one["event"].partition(".")[2] for one in way.sent] == [
            "created",
            "deleted",
            "permanently_deleted",
        ]
        assert FIRST_NUMBER <= way.sent[0]["payload"]["object"]["id"] <= LAST_NUMBER

    def test_and_leaves_nothing_behind(self, way: Way, store: Store) -> None:
        tried(way)
        assert left(store) == 0
        assert way.site.posts == {}
        with store.reading() as connection:
            assert quarantine.count(connection, "s1") == 0

    def test_and_is_no_event_of_zooms(self, way: Way, store: Store) -> None:
        tried(way)
        with store.reading() as connection:
            site = sites.load(connection, "s1", store.sealer)
        assert (site.last_event, site.last_event_at, site.validated_at) == (None, None, None)

    def test_and_touches_no_real_meeting_and_no_other_site(self, way: Way, store: Store) -> None:
        connected(store, "s2")
        real = entry(
            store,
            event(
                topic="Real",
                type=2,
                start_time="2036-03-24T18:00:00Z",
                duration=60,
                join_url="https://zoom.us/j/1",
            ),
            site_id="s2",
        )
        store.write(lambda connection: log.append(connection, [real]))
        way.bridge.fold_worker.wake()
        tried(way)
        with store.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(meetings)) == 1
            assert connection.scalar(select(func.count()).select_from(events)) == 1
            assert [row.site_id for row in connection.execute(select(posts))] == ["s2"]
            assert not sites.has_page(connection, "s1", but_of=probe_account_id("s1"))

        def has_its_page() -> bool:
            with store.reading() as connection:
                return sites.has_page(connection, "s2", but_of=probe_account_id("s2"))

        until(has_its_page)

    def test_where_a_token_is_good_for_one_account_only(self, way: Way, store: Store) -> None:
        with store.reading() as connection:
            [saved] = zoom_secrets.of_site(connection, "s1", store.sealer)
        save(store, Secret("of-one-account-only", account_id="SomeAccount"))
        store.write(lambda connection: zoom_secrets.remove(connection, "s1", saved.id))
        assert tried(way).is_well

    def test_where_nothing_is_published_and_new_pages_are_drafts(self, way: Way, store: Store) -> None:
        decided = Rules(kinds=frozenset(), hosts=(), never=("*",), status=NewPostStatus.DRAFT)
        store.write(lambda connection: rules.save(connection, "s1", decided))
        report = tried(way)
        assert report.is_well, report
        assert way.visits == 0
        [seen] = [line for line in report.lines if line.stage is Stage.SEEN]
        assert "draft" in seen.detail

    def test_once_at_a_time(self, way: Way) -> None:
        first = selftest_job.enqueue(way.bridge.job_runner, "s1", requested_by="anna")
        second = selftest_job.enqueue(way.bridge.job_runner, "s1", requested_by="ben")
        assert first.id == second.id
        await_end(way)


@pytest.mark.parametrize("database_kind", ["sqlite"])  # diagnoses are the same on both
class TestFails:
    def test_where_nothing_can_be_signed_nothing_is_sent(self, way: Way, store: Store) -> None:
        with store.reading() as connection:
            [saved] = zoom_secrets.of_site(connection, "s1", store.sealer)
        store.write(lambda connection: zoom_secrets.remove(connection, "s1", saved.id))
        save(store, Secret("a-verification-token", is_verification_token=True))
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.NO_SECRET
        assert way.sent == []

    def test_at_a_page_of_a_firewall(self, way: Way, store: Store) -> None:
        way.answers = lambda _: (403, {}, "<title>Blocked by Shield</title>")
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.BLOCKED
        assert "Blocked by Shield" in report.diagnosis.message
        assert (stages(report), stages(report, well=False)) == ([Stage.SENT], [Stage.ANSWERED])
        assert left(store) == 0

    def test_where_the_site_does_not_answer(self, way: Way) -> None:
        def refuse(_: Request) -> Answer:
            raise SiteFaultError("x", fault=Fault.NETWORK, reason="its server refuses the connection")

        way.answers = refuse
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.NOT_REACHED
        assert "refuses the connection" in report.diagnosis.message

    def test_over_a_body_that_is_encoded_again(self, way: Way, store: Store) -> None:
        way.answers = lambda request: way.forward(
            Request(request.headers, json.dumps(json.loads(request.body)).encode())
        )
        report = tried(way)
        assert report.diagnosis is not None
        assert (report.diagnosis.cause, report.diagnosis.stage) == (Cause.ALTERED, Stage.ARRIVED)
        assert "decoded and encoded again" in report.diagnosis.message
        assert stages(report) == [Stage.SENT, Stage.ANSWERED]
        with store.reading() as connection:
            assert quarantine.count(connection, "s1") == 0, "what was refused of the test goes, too"

    def test_over_a_body_that_is_replaced(self, way: Way) -> None:
        way.answers = lambda request: way.forward(Request(request.headers, b"<html>"))
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.HEADERS, "nothing of it is kept, so this is all that is known"

    def test_over_a_header_that_is_changed(self, way: Way) -> None:
        way.answers = lambda request: way.forward(
            Request({**request.headers, TIMESTAMP_HEADER: str(int(time.time()) - 60)}, request.body)
        )
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.HEADERS
        assert TIMESTAMP_HEADER in report.diagnosis.message

    def test_over_headers_that_are_lost(self, way: Way) -> None:
        def drop(request: Request) -> Answer:
            kept = {name: value for name, value in request.headers.items() if name != SIGNATURE_HEADER}
            return way.forward(Request(kept, request.body))

        way.answers = drop
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.HEADERS
        assert "without Zoom's headers" in report.diagnosis.message

    def test_where_something_else_answers(self, way: Way) -> None:
        way.selftest.limits = StepLimits(logging=0.2)
        way.answers = lambda _: (200, {}, '{"ok": true}')
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.SWALLOWED

    def test_where_wordpress_does_not_reach_the_bridge(self, way: Way) -> None:
        way.site.called = BridgeCall("http://127.0.0.1:1", False, None, "Connection refused.")
        way.answers = lambda _: (503, {}, '{"code": "zoombridge_unreachable", "message": "later"}')
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.UNREACHABLE
        assert report.diagnosis.advice.startswith("Connection refused. That address means “this machine”")

    def test_where_the_bridge_may_not_write(self, way: Way) -> None:
        way.selftest.limits = StepLimits(cleaning=0.2)
        way.site.on_operation = lambda _: fault(Fault.CREDENTIALS, status=401)
        report = tried(way)
        assert report.diagnosis is not None
        assert (report.diagnosis.cause, report.diagnosis.stage) == (Cause.PERMISSION, Stage.WRITTEN)
        assert stages(report)[-1] is Stage.FOLDED

    def test_over_a_post_that_is_refused(self, way: Way) -> None:
        way.site.on_operation = lambda operation: (
            fault(Fault.REFUSED) if isinstance(operation, CreatePost) else None
        )
        report = tried(way)
        assert report.diagnosis is not None
        assert (report.diagnosis.cause, report.diagnosis.stage) == (Cause.WRITE, Stage.WRITTEN)

    def test_behind_a_web_server_that_asks_for_a_password(self, way: Way, store: Store) -> None:
        """Zoom's app can be given that user and password, too: it sends them as the test does."""
        store.write(
            lambda connection: sites.save_server_login(connection, "s1", "anna", "secret", store.sealer)
        )
        assert tried(way).diagnosis is None
        assert way.visits > 0
        assert way.logins == {"Basic YW5uYTpzZWNyZXQ="}

    def test_where_visitors_do_not_see_the_page(self, way: Way, store: Store) -> None:
        way.shows_title = False
        report = tried(way)
        assert report.diagnosis is not None
        assert (report.diagnosis.cause, report.diagnosis.stage) == (Cause.HIDDEN, Stage.SEEN)
        assert left(store) == 0
        assert way.site.posts == {}

    def test_where_the_clocks_differ(self, way: Way) -> None:
        way.date = formatdate(time.time() + 900, usegmt=True)
        report = tried(way)
        assert report.diagnosis is not None
        assert (report.diagnosis.cause, report.diagnosis.stage) == (Cause.CLOCK, Stage.CLOCKS)
        assert "ahead of" in report.diagnosis.message

    def test_where_zoom_signs_with_another_secret(self, way: Way, store: Store) -> None:
        body = raw(event())
        way.bridge.ingest.receive("s1", Request(signed(body, secret="another", at=time.time()), body))
        report = tried(way)
        assert report.diagnosis is not None
        assert (report.diagnosis.cause, report.diagnosis.stage) == (Cause.SECRET, Stage.ZOOM)
        with store.reading() as connection:
            assert quarantine.count(connection, "s1") == 1, "Zoom's own stays where it is"

    def test_of_a_site_that_is_gone_say_so(self, way: Way) -> None:
        report = SelfTestReport.of(way.bridge.job_runner.enqueue(SELF_TEST, {"site": "gone"}, site_id="gone"))
        assert report.is_running

        def ended() -> bool:
            with way.bridge.store.reading() as connection:
                found = selftest_job.latest_report(connection, "gone")
            return found is not None and bool(found.error)

        until(ended)


class TestBlockedSite:
    def test_is_tried_at_once(self, way: Way, store: Store) -> None:
        """Somebody has mended it and wants to see that."""
        store.write(
            lambda connection: sites.record_fault(
                connection, "s1", fault=Fault.CREDENTIALS, message="No.", blocked_until=10**14, now=1
            )
        )
        assert tried(way).is_well


class TestCleaning:
    def test_goes_on_when_the_site_takes_writes_again(self, way: Way, store: Store) -> None:
        way.selftest.limits = StepLimits(cleaning=0.2)
        way.cleanup.retry_seconds = 0.2
        refusing = threading.Event()
        refusing.set()

        def on_operation(operation: PostOperation) -> SiteFaultError | None:
            refused = isinstance(operation, DeletePost) and refusing.is_set()
            return fault(Fault.CREDENTIALS, status=403) if refused else None

        way.site.on_operation = on_operation
        way.shows_title = False
        report = tried(way)
        assert report.diagnosis is not None
        assert report.diagnosis.cause is Cause.HIDDEN
        assert left(store) > 0
        assert len(way.site.posts) == 1
        with store.reading() as connection:
            assert sites.has_page(connection, "s1", but_of="")
            assert not sites.has_page(connection, "s1", but_of=probe_account_id("s1")), (
                "it is no page of a meeting"
            )
        refusing.clear()
        store.write(lambda connection: sites.end_pause(connection, "s1"))
        way.bridge.mirror_worker.wake()
        until(lambda: left(store) == 0)
        assert way.site.posts == {}

    def test_takes_away_what_a_broken_test_left(self, way: Way, store: Store) -> None:
        way.cleanup.retry_seconds = 0.2
        earlier = ProbeEvents("s1", FIRST_NUMBER + 1, "5f3c")
        line = entry(store, json.loads(earlier.created(datetime.now(UTC))), site_id="s1")
        store.write(lambda connection: log.append(connection, [line]))
        way.bridge.fold_worker.wake()
        until(lambda: len(way.site.posts) == 1)
        assert tried(way).is_well
        until(lambda: left(store) == 0)
        assert way.site.posts == {}

    def test_leaves_a_test_alone_that_runs(self, way: Way, store: Store) -> None:
        running = threading.Event()
        may_go_on = threading.Event()

        def wait(_: PostOperation) -> None:
            running.set()
            assert may_go_on.wait(WITHIN_SECONDS)

        way.site.on_operation = wait
        selftest_job.enqueue(way.bridge.job_runner, "s1", requested_by="anna")
        assert running.wait(WITHIN_SECONDS)
        with store.reading() as connection:
            [number] = selftest.numbers(connection, probe_account_id("s1"))
        store.write(lambda connection: enqueue_cleanup(connection, "s1", now=1))
        with store.reading() as connection:
            [asked] = jobs.latest(connection, 1, kind=CLEANUP, site_id="s1")
        piece = CleanupJob(store).step(asked)
        assert (piece.done, piece.finished) == (0, False)
        with store.reading() as connection:
            assert selftest.numbers(connection, probe_account_id("s1")) == [number]
        may_go_on.set()
        assert await_end(way).is_well


class TestReport:
    def test_tells_what_is_still_before_it(self, way: Way, site: Site) -> None:
        job = way.bridge.job_runner.enqueue(SELF_TEST, {"site": "s1"}, site_id="s1")
        assert SelfTestReport.of(job).remaining == tuple(Stage)
        assert await_end(way).remaining == ()


class TestStoredProgress:
    def test_is_read_back(self) -> None:
        wrong = Diagnosis(Stage.ANSWERED, Cause.BLOCKED, "Blocked.", "Allow it.")
        progress = Progress(1, "token", lines=[StepReport(Stage.SENT, True, 5)], diagnosis=wrong)
        assert Progress.of(json.loads(json.dumps(asdict(progress)))) == progress

    def test_of_an_earlier_version_has_a_verdict(self) -> None:
        wrong = Diagnosis(Stage.ANSWERED, Cause.BLOCKED, "Blocked.", "Allow it.")
        assert Progress.of({"step": "clean", "verdict": asdict(wrong)}) == Progress(
            step=SelfTestStep.CLEAN_UP, diagnosis=wrong
        )

    @pytest.mark.parametrize("step", [step for step in SelfTestStep if step is not SelfTestStep.ENDED])
    def test_each_step_can_be_resumed(self, step: SelfTestStep) -> None:
        assert step in steps.STEPS
