"""Bytes to log: each row of *Answers to Zoom*, the quarantine, and the two ways in, which must agree."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.errors import StoreUnavailableError, ZoomBridgeError
from core.model import instance_events
from core.model.fold import acts_on
from core.model.host_events import HOST_EVENTS, hosts_of
from core.pipeline.answers import ACCEPTED, WebhookResponse
from core.pipeline.ingest import Ingest
from core.store.db.engine import Store
from core.store.db.schema import metadata
from core.store.events import large_requests, log, quarantine, search
from core.store.events.log import Logged, Outcome
from core.store.events.request import Request
from core.store.sites import sites, zoom_secrets
from core.store.sites.sites import Site
from core.zoom.envelope import Envelope, parse
from core.zoom.plausibility import MOST_BODY_BYTES, RefusalCause
from core.zoom.probe import REQUEST, probe_account_id
from core.zoom.signature import Secret
from core.zoom.validation import EVENT as VALIDATION
from tests.core.clock import Clock
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, NOW, NUMBER, SAMPLES, SECRET, event, raw, sample, sample_files, signed

ZOOM = "192.0.2.1"
Receive = Callable[[str, Request], WebhookResponse]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def woken() -> list[int]:
    return []


@pytest.fixture
def ingest(store: Store, site: Site, clock: Clock, woken: list[int]) -> Ingest:
    """An ingest whose site has one secret."""
    save(store, Secret(SECRET))
    return Ingest(store, events_appended=woken.append, clock=clock)


@pytest.fixture(params=["quickly", "slowly"])
def receive(request: pytest.FixtureRequest, ingest: Ingest) -> Receive:
    """Both ways into the log: quickly where that takes it, as web/webhooks does; or always slowly."""

    def quickly(site_id: str, given: Request) -> WebhookResponse:
        with suppress(ZoomBridgeError):
            ingest.load_secrets(site_id)
        new = take_quickly(ingest, site_id, given)
        return ingest.receive(site_id, given) if new is None else ACCEPTED

    return quickly if request.param == "quickly" else ingest.receive


def verified_event(ingest: Ingest, site_id: str, given: Request) -> Envelope | None:
    """The event that the cached secrets verify, if they do."""
    verification = ingest.verify(site_id, given)
    return None if verification is None else verification.event


def take_quickly(ingest: Ingest, site_id: str, given: Request) -> bool | None:
    """Whether an event is new, where it was taken; None where it was not."""
    verification = ingest.verify(site_id, given)
    if verification is None or not verification.is_logged:
        return None
    (new,) = ingest.append([ingest.entry_of(site_id, given, verification)]).result(600)
    assert isinstance(new, bool)
    return new


def save(store: Store, secret: Secret, site_id: str = "s1") -> None:
    store.write(lambda connection: zoom_secrets.save(connection, site_id, secret, store.sealer, now=1))


def request_of(told: Any, *, secret: str = SECRET, at: float = NOW, **headers: str) -> Request:
    body = told if isinstance(told, bytes) else raw(told)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request({**signed(body, secret=secret, at=at), **given}, body)


def lines(store: Store) -> Sequence[Logged]:
    """What is in the log."""
    with store.reading() as connection:
        return log.latest(connection, 1000)


def request_in_log(store: Store, event_id: int) -> Request:
    with store.reading() as connection:
        return search.load_request(connection, event_id, store.sealer)


def held(store: Store, site_id: str = "s1") -> list[quarantine.QuarantinedRequest]:
    with store.reading() as connection:
        return quarantine.list_all(connection, site_id, store.sealer)


def large_ones(store: Store) -> list[bool]:
    """The requests of which headers are kept, newest first: whether they may be Zoom's."""
    with store.reading() as connection:
        return [one.is_plausible for one in large_requests.list_all(connection, store.sealer)]


def stale(store: Store) -> tuple[int | None, int | None]:
    with store.reading() as connection:
        site = sites.load(connection, "s1", store.sealer)
    return site.stale_at, site.stale_seconds


def code(answer: WebhookResponse) -> str:
    return str((answer.body or {}).get("code"))


def expected_outcome(envelope: Envelope) -> Outcome:
    """Return what becomes of an authentic event of the site's account, before it is folded."""
    hosts = hosts_of(envelope) if envelope.event in HOST_EVENTS else []
    is_about_some = envelope.number or instance_events.named_instances(envelope) or hosts
    return Outcome.PENDING if acts_on(envelope.event) and is_about_some else Outcome.IGNORED


class TestAccepted:
    def test_is_in_the_log_as_it_came(self, store: Store, receive: Receive, clock: Clock) -> None:
        body = (SAMPLES / "raw" / "odd.json").read_bytes()
        assert receive("s1", request_of(body)) == ACCEPTED
        (line,) = lines(store)
        assert (line.event, line.account_id, line.number) == ("meeting.updated", ACCOUNT, NUMBER)
        assert (line.site_id, line.outcome, line.received_at) == ("s1", Outcome.PENDING, clock.ms)
        with store.reading() as connection:
            kept = connection.exec_driver_sql("SELECT request FROM events ORDER BY id DESC").scalars().first()
        assert Request.opened(bytes(kept or b""), store.sealer).body == body

    def test_is_taken_once(self, store: Store, receive: Receive, clock: Clock) -> None:
        """Zoom's retry has the same bytes, a new timestamp and a new signature."""
        for _ in range(3):
            assert receive("s1", request_of(event(), at=clock.now)) == ACCEPTED
            clock.now += 304
        assert len(lines(store)) == 1

    def test_wakes_the_fold(self, receive: Receive, woken: list[int]) -> None:
        woken.clear()
        receive("s1", request_of(event()))
        assert woken

    def test_is_every_sample(self, store: Store, ingest: Ingest) -> None:
        wrong = {}
        for path in sample_files():
            body = path.read_bytes()
            envelope = parse(body)
            answer = ingest.receive("s1", request_of(body))
            if envelope.event == VALIDATION:
                is_right = answer.status == 200
            else:
                with store.reading() as connection:
                    newest = log.latest(connection, 1)[0]
                is_right = answer == ACCEPTED and newest.outcome == expected_outcome(envelope)
            if not is_right:
                wrong[path.stem] = answer
        assert not wrong


class TestIgnored:
    @pytest.mark.parametrize(
        ("told", "reason"),
        [
            (event("meeting.participant_left"), "does not process"),
            (event("recording.renamed"), "does not process"),
            (sample("phone.event_of_tomorrow"), "does not process"),
            (event("snapshot"), "does not process"),
            (event(id=None), "no meeting number"),
            ({"event": "meeting.created", "payload": {}}, "no meeting number"),
            (event("recording.batch_trashed", meeting_uuids=[]), "contains no recording"),
            (event("user.deleted", id=None), "names no user"),
            (event("user.created", id="u"), "does not process"),
        ],
    )
    def test_is_kept_with_the_reason(
        self, store: Store, receive: Receive, told: dict[str, Any], reason: str
    ) -> None:
        assert receive("s1", request_of(told)) == ACCEPTED
        (line,) = lines(store)
        assert line.outcome == Outcome.IGNORED
        assert reason in (line.reason or "")


class TestBatch:
    def test_waits_for_no_meeting_of_its_own(self, store: Store, receive: Receive) -> None:
        """Whatever else it names: it may be about many."""
        assert receive("s1", request_of(event("recording.batch_trashed", meeting_uuids=["u"]))) == ACCEPTED
        (line,) = lines(store)
        assert (line.number, line.outcome) == (None, Outcome.PENDING)


class TestHost:
    @pytest.mark.parametrize("name", sorted(HOST_EVENTS))
    def test_waits_for_no_meeting_of_its_own(self, store: Store, receive: Receive, name: str) -> None:
        """Also where a user's id looks like a meeting's number."""
        assert receive("s1", request_of(event(name, id="85393847045"))) == ACCEPTED
        (line,) = lines(store)
        assert (line.number, line.outcome) == (None, Outcome.PENDING)


class TestValidation:
    def test_is_answered_and_noted(self, store: Store, receive: Receive, clock: Clock) -> None:
        own = json.loads((SAMPLES / "signatures.json").read_text())
        answer = receive("s1", request_of((SAMPLES / "raw" / "validation.json").read_bytes()))
        assert answer.status == 200
        assert (answer.body or {})["encryptedToken"] == own["encryptedToken"]
        with store.reading() as connection:
            assert sites.load(connection, "s1", store.sealer).validated_at == clock.ms
        assert lines(store) == []

    def test_is_answered_with_the_secret_that_signed_it(self, store: Store, receive: Receive) -> None:
        save(store, Secret("another-secret"))
        body = (SAMPLES / "raw" / "validation.json").read_bytes()
        answers = {
            (receive("s1", request_of(body, secret=secret)).body or {})["encryptedToken"]
            for secret in (SECRET, "another-secret")
        }
        assert len(answers) == 2

    @pytest.mark.parametrize("payload", [None, [], {}, {"plainToken": ""}, {"plainToken": 7}, {"plainToken": ["x"]},
                                         {"plainToken": "x" * 1001}, {"plaintoken": "x"}])  # fmt: skip
    def test_without_a_token_is_kept_as_unreadable(
        self, store: Store, receive: Receive, payload: Any
    ) -> None:
        assert receive("s1", request_of({"event": VALIDATION, "payload": payload})) == ACCEPTED
        (line,) = lines(store)
        assert (line.outcome, line.event) == (Outcome.UNREADABLE, VALIDATION)
        with store.reading() as connection:
            assert sites.load(connection, "s1", store.sealer).validated_at is None

    def test_needs_the_secret_token(self, store: Store, ingest: Ingest, clock: Clock) -> None:
        connected(store, "s2")
        save(store, Secret("older-token", True), "s2")
        body = (SAMPLES / "raw" / "validation.json").read_bytes()
        answer = ingest.receive("s2", Request({"authorization": "older-token"}, body))
        assert (answer.status, code(answer)) == (503, "zoombridge_no_secret")

    def test_is_not_held_when_it_is_refused(self, store: Store, receive: Receive) -> None:
        body = (SAMPLES / "raw" / "validation.json").read_bytes()
        assert receive("s1", request_of(body, secret="wrong")).status == 401
        assert held(store) == []


class TestRefused:
    @pytest.mark.parametrize(
        "given",
        [
            request_of(event(), secret="wrong"),
            request_of(event(account_id=None), secret="wrong", at=NOW - 300),
            request_of(event(), x_zm_signature="v0=" + "0" * 64),
        ],
    )
    def test_is_held(self, store: Store, receive: Receive, given: Request, clock: Clock) -> None:
        answer = receive("s1", given)
        assert (answer.status, code(answer)) == (401, "zoombridge_signature")
        assert lines(store) == []
        (item,) = held(store)
        assert item.request == given
        assert item.received_at == clock.ms
        assert item.reason == (answer.body or {})["message"]

    @pytest.mark.parametrize(
        "given",
        [
            Request({}, raw(event())),
            Request({"authorization": "older-token"}, raw(event())),
            request_of(event(), x_zm_signature="nonsense"),
            request_of(event(), x_zm_signature="v0=" + "0" * 63),
            request_of(event(), secret="wrong", x_zm_request_timestamp=""),
            request_of(event(), at=NOW - 301),
            request_of(event(), at=NOW + 301),
            request_of(event(), secret="wrong", at=NOW - 301),
            request_of(b"not json", secret="wrong"),
            request_of(b"[]", secret="wrong"),
            request_of(b"[" * 60_000, secret="wrong"),
        ],
    )
    def test_is_counted_where_no_secret_can_verify_it(
        self, store: Store, ingest: Ingest, receive: Receive, given: Request
    ) -> None:
        assert receive("s1", given).status == 401
        assert held(store) == []
        assert sum(ingest.refusals.of_all().values()) == 1

    def test_strangers_displace_nothing_of_a_known_account(self, store: Store, ingest: Ingest) -> None:
        """21 anonymous requests of 1 MiB emptied the quarantine once."""
        assert ingest.receive("s1", request_of(event()), ZOOM) == ACCEPTED, "so the account is granted"
        ingest.receive("s1", request_of(event("meeting.updated"), secret="new secret"), ZOOM)
        for number in range(21):
            body = raw(event(at=number, padding="x" * (1024 * 1024 - 300)))
            ingest.receive("s1", Request({}, body))
            answer = ingest.receive("s1", request_of(body, secret="wrong"), "203.0.113.9")
            assert (answer.status, code(answer)) == (503, "zoombridge_signature"), "Zoom sends it again"
        save(store, Secret("new secret"))
        assert ingest.recheck("s1").verified == 1

    def test_of_a_large_one_the_headers_are_kept_if_it_names_a_known_account(
        self, store: Store, ingest: Ingest
    ) -> None:
        large = request_of(event(padding="x" * 70_000), secret="wrong")
        assert ingest.receive("s1", large).status == 503
        assert large_ones(store) == []
        assert ingest.refusals.of_all()[RefusalCause.TOO_LARGE] == 1
        ingest.receive("s1", request_of(event()))
        assert ingest.receive("s1", large).status == 503
        assert large_ones(store) == [True]

    def test_of_a_dropped_one_only_where_it_came_from_tells_whether_it_may_be_zooms(
        self, store: Store, ingest: Ingest
    ) -> None:
        ingest.receive("s1", request_of(event()), ZOOM)
        dropped = request_of(event("meeting.updated")).headers
        for sender in ("203.0.113.9", ZOOM):
            headers = {**dropped, "x-zm-request-id": sender}
            assert ingest.receive_too_large("s1", headers, 2_000_000, sender).status == 413
        assert large_ones(store) == [True, False]
        stale = request_of(event(), at=NOW - 301).headers
        assert ingest.receive_too_large("s1", stale, 2_000_000, ZOOM).status == 413
        assert len(large_ones(store)) == 2

    def test_for_its_time_tells_of_the_clock(self, store: Store, ingest: Ingest, clock: Clock) -> None:
        """Whoever recorded a request can repeat it, but not from where Zoom's come from."""
        late = request_of(event(), at=NOW - 400)
        ingest.receive("s1", request_of(event()), ZOOM)
        for given, sender in (
            (late, "203.0.113.9"),
            (request_of(event(), secret="wrong", at=NOW - 400), ZOOM),
            (request_of(event(), at=NOW - 400, x_zm_request_id=f"{REQUEST}1"), ZOOM),
        ):
            assert ingest.receive("s1", given, sender).status == 401
            assert stale(store) == (None, None)
        assert ingest.receive("s1", late, ZOOM).status == 401
        assert stale(store) == (clock.ms, 400)

    def test_names_no_secret(self, receive: Receive) -> None:
        for given in (request_of(event(), secret="wrong"), request_of(b"{", secret="wrong")):
            answer = receive("s1", given)
            assert answer.status == 401
            assert SECRET not in json.dumps(answer.body)

    def test_without_a_secret_zoom_shall_send_again(self, store: Store, ingest: Ingest) -> None:
        connected(store, "s2")
        answer = ingest.receive("s2", request_of(event()))
        assert (answer.status, code(answer)) == (503, "zoombridge_no_secret")
        assert answer.retry_after
        assert held(store, "s2") == []

    def test_of_a_site_that_there_is_not(self, ingest: Ingest) -> None:
        answer = ingest.receive("nowhere", request_of(event()))
        assert (answer.status, code(answer)) == (404, "zoombridge_unknown_site")


UNREADABLE = [
    (b"", "malformed"), (b"{", "malformed"), (b"\xff\xfe", "UTF-8"), (b"[]", "not an object"),
    (b"null", "not an object"), (b"{}", "“event”"), (b'{"event":1}', "“event”"),
    (b'{"event":"a.b"}', "“payload”"), (b'{"event":"a.b","payload":[]}', "“payload”"),
    (b'{"event":"a\\u001b[2J","payload":{}}', "control characters"),
    (b'{"event":"%s","payload":{}}' % (b"x" * 5000), "too long"),
    (b'{"event":"meeting.created","payload":{"object":{"id":1,"x":NaN}}}', "NaN"),
    (b'{"event":"meeting.created","payload":{"object":{"id":1,"x":1e999}}}', "too large"),
    (b'{"event":"meeting.created","payload":{"object":{"id":%s}}}' % (b"9" * 5000), "too large"),
    (b"[" * 100_000, "nested"),
    (b'{"event":"meeting.created","payload":{"object":%s1%s}}' % (b'{"a":' * 100, b"}" * 100), "nested"),
    (b'{"event":"meeting.created","payload":{"x":"%s"' % (b"x" * (1024 * 1024 - 60)), "malformed"),
]  # fmt: skip


class TestUnreadable:
    @pytest.mark.parametrize(("body", "reason"), UNREADABLE, ids=range(len(UNREADABLE)))
    def test_is_kept_with_the_reason(
        self, store: Store, receive: Receive, body: bytes, reason: str, clock: Clock
    ) -> None:
        """Zoom never repeats what is refused, and a later version may read it."""
        assert receive("s1", request_of(body)) == ACCEPTED
        (line,) = lines(store)
        assert (line.outcome, line.account_id, line.number) == (Outcome.UNREADABLE, "site:s1", None)
        assert (line.site_id, line.received_at, line.at) == ("s1", clock.ms, clock.ms)
        assert reason in (line.reason or "")
        assert request_in_log(store, line.id).body == body

    def test_is_kept_once(self, store: Store, receive: Receive, clock: Clock) -> None:
        for _ in range(2):
            assert receive("s1", request_of(b"{", at=clock.now)) == ACCEPTED
            clock.now += 200
        assert receive("s1", request_of(b"[", at=clock.now)) == ACCEPTED
        assert len(lines(store)) == 2

    def test_is_each_sites_own(self, store: Store, ingest: Ingest) -> None:
        connected(store, "s2")
        save(store, Secret(SECRET), "s2")
        for site_id in ("s1", "s2"):
            assert ingest.receive(site_id, request_of(b"{")) == ACCEPTED
        assert sorted(line.site_id or "" for line in lines(store)) == ["s1", "s2"]

    def test_is_called_by_its_name_as_far_as_that_can_be_told(self, store: Store, receive: Receive) -> None:
        receive("s1", request_of(b'{"event":"meeting.updated",'))
        receive("s1", request_of(b"{"))
        assert {line.event for line in lines(store)} == {"meeting.updated", "unreadable"}

    def test_signed_or_not_makes_the_difference(self, store: Store, receive: Receive) -> None:
        for body, _ in UNREADABLE:
            is_large = len(body) > MOST_BODY_BYTES  # Zoom shall send it again
            assert receive("s1", request_of(body, secret="wrong")).status == (503 if is_large else 401)
            assert receive("s1", Request({}, body)).status == 401
        assert (lines(store), held(store)) == ([], [])

    def test_with_the_verification_token_of_older_apps(self, store: Store, receive: Receive) -> None:
        save(store, Secret("older-token", True))
        for body, _ in UNREADABLE:
            assert receive("s1", Request({"authorization": "older-token"}, body)) == ACCEPTED
        assert len(lines(store)) == len(UNREADABLE)

    def test_with_a_secret_of_one_account(self, store: Store, ingest: Ingest) -> None:
        connected(store, "s2")
        save(store, Secret("secret-of-a", account_id="A"), "s2")
        assert ingest.receive("s2", request_of(b"{", secret="secret-of-a")) == ACCEPTED
        assert lines(store)[0].outcome == Outcome.UNREADABLE

    def test_is_what_only_the_entry_of_the_log_fails_on(
        self, store: Store, receive: Receive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A fault of the bridge loses no event: a mended one replays it."""
        monkeypatch.setattr("core.zoom.envelope.digest", lambda _: 1 // 0)
        assert receive("s1", request_of(event())) == ACCEPTED
        (line,) = [line for line in lines(store) if line.event == "meeting.created"]
        assert line.outcome == Outcome.UNREADABLE
        assert "ZeroDivisionError" in (line.reason or "")


class TestTime:
    @pytest.mark.parametrize("at", [NOW * 1000 + 2 * 86_400_000, 10**15 - 1, 4_102_444_800])
    def test_from_the_far_future_is_that_of_receipt(
        self, store: Store, receive: Receive, clock: Clock, at: int
    ) -> None:
        """Else nothing that Zoom sends later of this meeting would count any more."""
        assert receive("s1", request_of(event(at=at))) == ACCEPTED
        assert lines(store)[0].at == clock.ms

    @pytest.mark.parametrize("at", [-1, 1.5, "soon", "1767603600000", 10**30, True, [1], {}])
    def test_in_any_shape_is_kept(self, store: Store, receive: Receive, at: Any) -> None:
        assert receive("s1", request_of({**event(), "event_ts": at})) == ACCEPTED
        assert lines(store)[0].outcome == Outcome.PENDING


class TestUnavailable:
    def test_makes_zoom_send_again(
        self, store: Store, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ingest.load_secrets("s1")

        def full(*_: object) -> None:
            raise StoreUnavailableError("The disk is full.")

        for way in ("submit", "submit_to_group", "submit_each"):
            monkeypatch.setattr(store, way, full)
        for given in (request_of(event()), request_of(event(), secret="wrong")):
            answer = ingest.receive("s1", given)
            assert (answer.status, code(answer)) == (503, "zoombridge_unavailable")
            assert answer.retry_after
        with pytest.raises(StoreUnavailableError):
            take_quickly(ingest, "s1", request_of(event()))


class TestVerificationToken:
    def test_is_good_for_events_without_a_signature(self, store: Store, receive: Receive) -> None:
        save(store, Secret("older-token", True))
        assert receive("s1", Request({"authorization": "older-token"}, raw(event()))) == ACCEPTED
        assert receive("s1", Request({"authorization": "wrong"}, raw(event(at=5)))).status == 401
        assert (len(lines(store)), len(held(store))) == (1, 0)

    def test_is_refused_once_a_secret_has_verified_an_event(self, store: Store, receive: Receive) -> None:
        """Whoever has the token, which came with every request in the clear, cannot go on without the signature."""
        save(store, Secret("older-token", True))
        assert receive("s1", request_of(event())) == ACCEPTED
        answer = receive("s1", Request({"authorization": "older-token"}, raw(event(at=5))))
        assert (answer.status, code(answer)) == (401, "zoombridge_signature")
        assert "only the older verification token" in str((answer.body or {})["message"])
        assert len(lines(store)) == 1

    def test_is_refused_then_by_other_processes_and_after_the_secret_is_gone(
        self, store: Store, ingest: Ingest, clock: Clock
    ) -> None:
        save(store, Secret("older-token", True))
        assert ingest.receive("s1", request_of(event())) == ACCEPTED
        with store.reading() as connection:
            (secret,) = [
                one
                for one in zoom_secrets.of_site(connection, "s1", store.sealer)
                if not one.secret.is_verification_token
            ]
        store.write(lambda connection: zoom_secrets.remove(connection, "s1", secret.id))
        another = Ingest(store, clock=clock)
        given = Request({"authorization": "older-token"}, raw(event(at=5)))
        assert another.receive("s1", given).status == 401
        save(store, Secret("older-token-2", True))
        another.invalidate_secrets("s1")
        assert (
            another.receive("s1", Request({"authorization": "older-token-2"}, raw(event(at=6)))).status == 401
        )

    def test_is_refused_once_zoom_has_validated_the_endpoint(self, store: Store, receive: Receive) -> None:
        save(store, Secret("older-token", True))
        assert receive("s1", request_of((SAMPLES / "raw" / "validation.json").read_bytes())).status == 200
        assert receive("s1", Request({"authorization": "older-token"}, raw(event(at=5)))).status == 401

    def test_is_not_refused_for_what_the_bridge_signed_itself(self, store: Store, receive: Receive) -> None:
        save(store, Secret("older-token", True))
        test = event()
        test["payload"]["account_id"] = probe_account_id("s1")
        assert receive("s1", request_of(test)) == ACCEPTED
        assert receive("s1", Request({"authorization": "older-token"}, raw(event(at=5)))) == ACCEPTED

    def test_of_one_site_is_not_refused_for_another(self, store: Store, receive: Receive) -> None:
        connected(store, "s2")
        save(store, Secret("older-token", True), "s2")
        assert receive("s1", request_of(event())) == ACCEPTED
        assert receive("s2", Request({"authorization": "older-token"}, raw(event(at=5)))) == ACCEPTED

    def test_answers_no_validation(self, store: Store, receive: Receive) -> None:
        """The answer is an HMAC with the secret token over a text that the sender chose: a signature for anybody."""
        save(store, Secret("older-token", True))
        forged = {"event": VALIDATION, "payload": {"plainToken": f"v0:{NOW}:{{}}"}}
        for given in (
            Request({"authorization": "older-token"}, raw(forged)),
            Request({}, raw(forged)),
            request_of(forged, secret="wrong"),
            request_of(forged, at=NOW - 301),
        ):
            answer = receive("s1", given)
            assert answer.status in (401, 503)
            assert "encryptedToken" not in (answer.body or {})


class TestAccountBound:
    @pytest.fixture
    def bound(self, store: Store, ingest: Ingest) -> Ingest:
        connected(store, "s2")
        save(store, Secret("secret-of-a", account_id="A"), "s2")
        return ingest

    def test_a_secret_speaks_for_its_account(self, bound: Ingest, store: Store) -> None:
        given = request_of(event(account_id="A"), secret="secret-of-a")
        assert bound.receive("s2", given) == ACCEPTED

    def test_and_for_no_other(self, bound: Ingest, store: Store) -> None:
        given = request_of(event(account_id="B"), secret="secret-of-a")
        for _ in range(2):
            assert verified_event(bound, "s2", given) is None
            answer = bound.receive("s2", given)
            assert (answer.status, code(answer)) == (401, "zoombridge_signature")
        assert len(held(store, "s2")) == 1

    def test_a_validation_names_no_account(self, bound: Ingest) -> None:
        body = (SAMPLES / "raw" / "validation.json").read_bytes()
        assert bound.receive("s2", request_of(body, secret="secret-of-a")).status == 200

    @pytest.mark.parametrize("account_id", ["A", "B"])
    def test_one_apps_secret_may_be_saved_for_several(
        self, bound: Ingest, store: Store, account_id: str
    ) -> None:
        save(store, Secret("secret-of-a", account_id="B"), "s2")
        for at in (1, 2):
            given = request_of(event(at=at, account_id=account_id), secret="secret-of-a")
            assert take_quickly(bound, "s2", given) in (None, True)
            assert bound.receive("s2", given) == ACCEPTED


class TestQuickly:
    def test_needs_to_know_the_secrets_first(self, ingest: Ingest, clock: Clock) -> None:
        assert verified_event(ingest, "s1", request_of(event())) is None
        ingest.receive("s1", request_of(event()))
        assert take_quickly(ingest, "s1", request_of(event())) is False, "seen before"
        clock.now += 6
        assert verified_event(ingest, "s1", request_of(event(), at=clock.now)) is None, "known too long"

    @pytest.mark.parametrize(
        "given",
        [
            request_of(event(), secret="wrong"),
            request_of(event(), at=NOW - 301),
            request_of((SAMPLES / "raw" / "validation.json").read_bytes()),
        ],
    )
    def test_leaves_what_is_not_simply_an_event(self, ingest: Ingest, given: Request, store: Store) -> None:
        ingest.load_secrets("s1")
        assert verified_event(ingest, "s1", given) is None
        assert lines(store) == []

    def test_takes_a_secret_at_once_that_was_just_saved(self, store: Store, ingest: Ingest) -> None:
        ingest.receive("s1", request_of(event()))
        save(store, Secret("new-secret"))
        given = request_of(event("meeting.updated"), secret="new-secret")
        assert verified_event(ingest, "s1", given) is None
        assert ingest.receive("s1", given) == ACCEPTED
        assert verified_event(ingest, "s1", given) is not None

    def test_refuses_what_a_removed_secret_signs(self, store: Store, ingest: Ingest) -> None:
        ingest.receive("s1", request_of(event()))
        with store.reading() as connection:
            token_id = zoom_secrets.of_site(connection, "s1", store.sealer)[0].id
        store.write(lambda connection: zoom_secrets.remove(connection, "s1", token_id))
        ingest.invalidate_secrets("s1")
        assert verified_event(ingest, "s1", request_of(event())) is None
        assert ingest.receive("s1", request_of(event())).status == 503


class TestRecheck:
    def test_accepts_what_verifies_now_as_of_the_time_it_came(
        self, store: Store, ingest: Ingest, clock: Clock, woken: list[int]
    ) -> None:
        for at in (1, 2):
            ingest.receive("s1", request_of(event(at=None if at == 1 else at), secret="right one"))
        ingest.receive("s1", request_of(event("meeting.deleted"), secret="another app's"))
        came = clock.ms
        clock.now += 30 * 24 * 3600
        assert ingest.recheck("s1").verified == 0
        save(store, Secret("right one"))
        woken.clear()
        found = ingest.recheck("s1")
        assert (found.verified, found.kept) == (2, 1)
        assert woken
        assert {line.received_at for line in lines(store)} == {came}
        assert sorted(line.at for line in lines(store)) == [2, came], "its place is when it came"
        assert len(held(store)) == 1
        assert ingest.recheck("s1").verified == 0

    def test_takes_one_event_once_that_was_refused_often(
        self, store: Store, ingest: Ingest, clock: Clock
    ) -> None:
        for _ in range(3):
            ingest.receive("s1", request_of(event(), secret="right one", at=clock.now))
            clock.now += 300
        assert len(held(store)) == 3
        save(store, Secret("right one"))
        assert ingest.recheck("s1").verified == 3
        assert len(lines(store)) == 1
        assert held(store) == []

    def test_then_the_next_event_is_accepted_at_once(self, store: Store, ingest: Ingest) -> None:
        given = request_of(event(), secret="right one")
        assert ingest.receive("s1", given).status == 401
        save(store, Secret("right one"))
        ingest.recheck("s1")
        assert ingest.receive("s1", given) == ACCEPTED


class TestSavedMeanwhile:
    def test_a_secret_saved_while_a_request_is_refused_lets_it_in(
        self, store: Store, ingest: Ingest, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep = quarantine.add

        def keep_after_the_recheck(*given: Any, **named: Any) -> int:
            zoom_secrets.save(given[0], "s1", Secret("another-secret"), store.sealer, now=2)
            return keep(*given, **named)

        monkeypatch.setattr(quarantine, "add", keep_after_the_recheck)
        assert ingest.receive("s1", request_of(event(), secret="another-secret")).status == 401
        assert held(store) == []
        assert [line.event for line in lines(store)] == ["meeting.created"]


class TestAtRest:
    """Neither tokens and passwords are readable, nor what Zoom's raw bytes hold: start_url, passcodes, names."""

    def test_no_secret_is_readable_in_the_files(self, tmp_path: Path, clock: Clock) -> None:
        from core.store.db.migrate import upgrade
        from tests.core.conftest import KEYS

        store = Store(f"sqlite:///{tmp_path / 'zoombridge.db'}", keys=KEYS)
        try:
            upgrade(store.engine, store.sealer)
            secrets = fill(store, clock)
            files = b"".join(path.read_bytes() for path in tmp_path.glob("zoombridge.db*"))
        finally:
            store.close()
        files += (tmp_path / "zoombridge.db").read_bytes()
        assert b"meeting.created" in files, "these are the right files"
        assert [secret for secret in secrets if secret.encode() in files] == []

    def test_nor_in_the_tables_of_either_store(self, store: Store, clock: Clock) -> None:
        secrets = fill(store, clock)
        values: list[Any] = []
        with store.reading() as connection:
            for table in metadata.sorted_tables:
                values += [value for row in connection.execute(table.select()) for value in row]
        kept = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
        assert b"meeting.created" in kept, "these are the right tables"
        assert [secret for secret in secrets if secret.encode() in kept] == []


def fill(store: Store, clock: Clock) -> list[str]:
    """Let a site with two tokens have an event, and one that is refused; return what must not be readable."""
    site = connected(store, "s1")
    save(store, Secret(SECRET))
    save(store, Secret("older-verification-token", True))
    ingest = Ingest(store, clock=clock)
    assert ingest.receive("s1", request_of(sample("meeting.created"))) == ACCEPTED
    assert ingest.receive("s1", request_of(sample("meeting.updated"), secret="wrong")).status == 401
    return [
        SECRET,
        "older-verification-token",
        site.key,
        "never-to-be-kept",
        "sing4u",
        "anna@example.org",
        "Choir rehearsal",
        "x-zm-signature",
    ]
