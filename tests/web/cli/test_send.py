"""`zoombridge send`: as Zoom would, against a server on this machine."""

import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.model.page_status import PageStatus
from core.model.post_status import PostStatus
from core.store.events.log import Outcome
from core.zoom.signature import Secret, verify
from tests.core.events import SAMPLES, SECRET
from tests.web.cli.conftest import Ran, Run
from web.cli.instance import Instance
from web.rpc import api


@dataclass
class Endpoint:
    """What was sent, and how it is answered."""

    url: str = ""
    status: int = 204
    body: bytes = b""
    sent: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.sent]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    told = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.sent.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}/wp-json/vczapi/v1/meeting"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def secret_token(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret token is in the environment."""
    monkeypatch.setenv("ZOOMBRIDGE_SECRET_TOKEN", SECRET)


class TestSecretToken:
    @pytest.fixture(autouse=True)
    def secret_token(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is nowhere yet."""
        monkeypatch.setattr("sys.stdin", io.StringIO(""))

    def send(self, run: Run, endpoint: Endpoint, *more: str) -> Ran:
        return run("send", "--to", endpoint.url, "--scenario", "validation", *more)

    def test_comes_from_the_environment(
        self, run: Run, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ZOOMBRIDGE_SECRET_TOKEN", SECRET)
        assert self.send(run, endpoint).status == 0
        assert verify(*endpoint.sent[0], [Secret(SECRET)], now=time.time())

    def test_comes_from_standard_input(
        self, run: Run, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
        self.send(run, endpoint)
        assert verify(*endpoint.sent[0], [Secret(SECRET)], now=time.time())

    def test_is_no_option(self, run: Run, endpoint: Endpoint) -> None:
        """`ps` shows options to everybody on the machine."""
        ran = self.send(run, endpoint, "--secret-token", SECRET)
        assert (ran.status, endpoint.sent) == (2, [])
        assert "--secret-token" not in run("send", "--help").out

    def test_that_is_nowhere_is_asked_for(self, run: Run, endpoint: Endpoint) -> None:
        ran = self.send(run, endpoint)
        assert (ran.status, endpoint.sent) == (2, [])
        assert "ZOOMBRIDGE_SECRET_TOKEN" in ran.err


class TestFiles:
    def test_are_sent_byte_for_byte_and_signed(self, run: Run, endpoint: Endpoint) -> None:
        files = [str(SAMPLES / "raw" / name) for name in ("odd.json", "emoji.json")]
        ran = run("send", *files, "--to", endpoint.url)
        assert ran.status == 0, ran
        assert [body for _, body in endpoint.sent] == [Path(file).read_bytes() for file in files]
        for headers, body in endpoint.sent:
            assert verify(headers, body, [Secret(SECRET)], now=time.time())
        assert "204  odd.json" in ran.out
        assert SECRET not in ran.out + ran.err

    def test_may_hold_a_list_of_events(self, run: Run, endpoint: Endpoint, tmp_path: Path) -> None:
        names = ["meeting.created", "meeting.deleted"]
        file = tmp_path / "story.json"
        file.write_text(json.dumps([{"event": name, "payload": {"t": "♫"}} for name in names]))
        assert run("send", str(file), "--to", endpoint.url).status == 0
        assert endpoint.events == names

    def test_may_be_broken(self, run: Run, endpoint: Endpoint, tmp_path: Path) -> None:
        file = tmp_path / "broken.json"
        file.write_bytes(b"\xff{")
        assert run("send", str(file), "--to", endpoint.url).status == 0
        assert endpoint.sent[0][1] == b"\xff{"

    def test_may_be_nested_deeper_than_can_be_read(
        self, run: Run, endpoint: Endpoint, tmp_path: Path
    ) -> None:
        file = tmp_path / "deep.json"
        file.write_bytes(b"[" * 100_000)
        assert run("send", str(file), "--to", endpoint.url).status == 0
        assert endpoint.sent[0][1] == b"[" * 100_000


class TestScenario:
    @pytest.mark.parametrize("kind", ["meeting", "webinar"])
    def test_tells_a_life_in_order(self, run: Run, endpoint: Endpoint, kind: str) -> None:
        arguments = ("--scenario", f"{kind}-life", "--number", "90000000001")
        assert run("send", "--to", endpoint.url, *arguments).status == 0
        assert [event.partition(".")[0] for event in endpoint.events] == [kind] * 6
        assert endpoint.events[0].endswith(".created")
        assert endpoint.events[-1].endswith(".permanently_deleted")
        assert {json.loads(body)["payload"]["object"]["id"] for _, body in endpoint.sent} == {90_000_000_001}

    def test_validates(self, run: Run, endpoint: Endpoint) -> None:
        assert run("send", "--to", endpoint.url, "--scenario", "validation")
        assert endpoint.events == ["endpoint.url_validation"]

    @pytest.mark.parametrize(
        ("arguments", "events"),
        [
            ((), ["meeting.created", "meeting.updated"]),
            (("--scenario", "webinar"), ["webinar.created", "webinar.updated"]),
            (("--scenario", "series"), ["meeting.created"]),
        ],
    )
    def test_leaves_a_page(
        self, run: Run, endpoint: Endpoint, arguments: tuple[str, ...], events: list[str]
    ) -> None:
        assert run("send", "--to", endpoint.url, *arguments).status == 0
        assert endpoint.events == events

    def test_is_listed_with_what_it_does(self, run: Run) -> None:
        said = run("send", "--help").out
        assert "series        a weekly series of five dates, one of them cancelled; its page stays\n" in said


def site(number: int, endpoint: str = "") -> api.ListedSite:
    url = f"https://s{number}.example.org"
    return api.ListedSite(
        id=f"s{number}", name="", url=url, validated_at=None, last_event=None, last_event_at=None,
        fault_message=None, endpoint=endpoint or f"{url}/wp-json/vczapi/v1/meeting",
    )  # fmt: skip


def result(outcome: Outcome | None, *pages: api.MeetingPage, bridge_url: str = "") -> api.SentMeetingResult:
    return api.SentMeetingResult(
        outcome=outcome, bridge_url=bridge_url, path="/meetings/A/1", pages=list(pages)
    )


def a_page(
    status: PostStatus = PostStatus.SYNCED,
    stands: PageStatus | None = PageStatus.PUBLISHED,
    message: str | None = None,
) -> api.MeetingPage:
    link = None if status is PostStatus.WITHHELD else "https://s1.example.org/choir/"
    return api.MeetingPage(
        site_url="https://s1.example.org", status=status, stands=stands, link=link, message=message
    )


class Told:
    """A bridge with sites, and what it says of the meeting, time after time."""

    def __init__(self) -> None:
        self.sites: list[api.ListedSite] = []
        self.results: list[api.SentMeetingResult] = []

    def call(self, operation: api.Operation[Any, Any], request: api.Model) -> Any:
        if operation is api.SITE_LIST:
            return self.sites
        assert isinstance(request, api.SentMeeting)
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


@pytest.fixture
def told(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    data.mkdir()
    (data / "zoombridge.db").touch()
    made = Told()
    monkeypatch.setattr(Instance, "call", lambda _, operation, request: made.call(operation, request))
    return made


class TestPage:
    def test_is_waited_for_and_named(self, run: Run, endpoint: Endpoint, told: Told) -> None:
        url = "https://bridge.example.org"
        told.sites = [site(1, endpoint.url)]
        told.results = [
            result(Outcome.PENDING),
            result(Outcome.APPLIED),
            result(Outcome.APPLIED, a_page(PostStatus.PENDING, None)),
            result(Outcome.APPLIED, a_page(), bridge_url=url),
        ]
        ran = run("send")
        assert ran.status == 0
        assert ran.out.endswith(
            f"Page: https://s1.example.org/choir/\nIn the bridge: {url}/meetings/A/1\n"
        ), ran
        assert len(endpoint.sent) == 2

    @pytest.mark.parametrize(
        ("found", "said"),
        [
            (
                result(Outcome.APPLIED, a_page(stands=PageStatus.DRAFT)),
                "Page (draft: visitors do not see it): https",
            ),
            (result(None), "belongs to another one"),
        ],
    )
    def test_may_be_seen_elsewhere(
        self, run: Run, endpoint: Endpoint, told: Told, found: api.SentMeetingResult, said: str
    ) -> None:
        told.results = [found]
        ran = run("send", "--to", endpoint.url)
        assert (ran.status, said in ran.out) == (0, True), ran

    @pytest.mark.parametrize(
        ("found", "said"),
        [
            (result(Outcome.WAITING), "zoombridge account grant DemoAccount-000000000A SITE"),
            (result(Outcome.PENDING), "Start it: zoombridge serve"),
            (result(Outcome.IGNORED), "the events are ignored"),
            (
                result(Outcome.APPLIED, a_page(PostStatus.WITHHELD, None, "The rules say so.")),
                "The rules say so.",
            ),
            (result(Outcome.APPLIED, a_page(PostStatus.FAILING, None, "No answer.")), "No answer."),
            (result(Outcome.APPLIED, a_page(PostStatus.PENDING, None)), "zoombridge doctor checks it"),
        ],
    )
    def test_is_missing_for_a_reason(
        self, run: Run, endpoint: Endpoint, told: Told, found: api.SentMeetingResult, said: str
    ) -> None:
        told.results = [found]
        ran = run("send", "--to", endpoint.url, "--wait", "0")
        assert (ran.status, said in ran.out) == (1, True), ran

    def test_is_not_waited_for_where_an_event_fails(self, run: Run, endpoint: Endpoint, told: Told) -> None:
        endpoint.status = 401
        assert "Page" not in run("send", "--to", endpoint.url).out

    def test_of_no_site_says_what_is_missing(self, run: Run, told: Told) -> None:
        ran = run("send")
        assert ran.status == 1
        assert "No site is connected. Connect one: zoombridge site add" in ran.err

    def test_of_several_sites_has_to_be_chosen(self, run: Run, told: Told) -> None:
        told.sites = [site(1), site(2)]
        ran = run("send")
        assert ran.status == 1
        assert "\n  --to https://s2.example.org/wp-json/vczapi/v1/meeting" in ran.err

    def test_is_not_looked_for_where_no_bridge_is(self, run: Run, endpoint: Endpoint, data: Path) -> None:
        ran = run("send", "--to", endpoint.url)
        assert (ran.status, "No bridge has its data here" in ran.out) == (0, True)
        assert not data.exists()


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "ended", "said"),
        [
            (200, 0, ""),
            (401, 1, "the event would be lost"),
            (301, 1, "the event would be lost"),
            (503, 1, "would retry"),
        ],
    )
    def test_say_what_zoom_would_make_of_them(
        self, run: Run, endpoint: Endpoint, status: int, ended: int, said: str
    ) -> None:
        endpoint.status, endpoint.body = status, b'{"code": "why"}'
        arguments = ("--scenario", "validation")
        ran = run("send", "--to", endpoint.url, *arguments)
        assert ran.status == ended
        assert f'{status}  endpoint.url_validation  {{"code": "why"}}' in ran.out
        assert said in ran.out

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "nonsense"])
    def test_are_missed_where_there_are_none(self, run: Run, url: str) -> None:
        ran = run("send", "--to", url, "--scenario", "validation")
        assert ran.status == 1
        assert ran.out.startswith("---")
        assert "would retry" in ran.out
