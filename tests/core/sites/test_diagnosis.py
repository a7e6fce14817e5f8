"""From what was observed to what went wrong: each way of it has words of its own."""

import json
from typing import Any

import pytest

from core.errors import Fault
from core.sites import diagnosis
from core.sites.diagnosis import (
    Cause,
    Diagnosis,
    EndpointResponse,
    ProbePost,
    RefusedRequests,
    SentEvent,
    Stage,
    VisitorResponse,
    newest_refused,
)
from core.store.events.quarantine import QuarantinedRequest
from core.store.events.request import Request
from core.wordpress.faults import SiteResponse
from core.zoom.probe import REQUEST
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, Secret
from tests.core.events import NOW, SECRET, event, raw, signed

BODY = b'{"event":"meeting.created","topic":"\xe2\x80\xa6 \\uD83D\\uDE92"}'
SENT = SentEvent(BODY, signed(BODY))
SAVED = [Secret(SECRET)]


def answered(
    status: int, *, body: bytes = b"", headers: dict[str, str] | None = None, ms: int = 50
) -> EndpointResponse:
    return EndpointResponse.of(SiteResponse(status, headers or {}, body), ms)


def error(status: int, code: str, message: str = "Because.") -> EndpointResponse:
    return answered(status, body=json.dumps({"code": code, "message": message}).encode())


def page(status: int, title: str = "Blocked by Shield") -> EndpointResponse:
    return answered(status, body=f"<html><title>{title}</title><body>No.</body>".encode())


def judged(found: EndpointResponse, **more: Any) -> Diagnosis:
    wrong = diagnosis.diagnose_response(found, **more)
    assert wrong is not None
    assert wrong.message.endswith((".", "”).", ")."))
    assert wrong.advice
    return wrong


class TestAnswer:
    @pytest.mark.parametrize("status", [200, 204])
    def test_that_zoom_is_content_with(self, status: int) -> None:
        assert diagnosis.diagnose_response(answered(status)) is None

    @pytest.mark.parametrize(
        ("found", "cause"),
        [
            (page(403), Cause.BLOCKED),
            (page(406), Cause.BLOCKED),
            (page(404), Cause.BLOCKED),
            (page(429), Cause.BLOCKED),
            (error(401, "rest_not_logged_in"), Cause.BLOCKED),
            (error(403, "rest_forbidden"), Cause.BLOCKED),
            (error(403, "rest_cannot_access"), Cause.BLOCKED),
            (error(404, "rest_no_route"), Cause.STUB_MISSING),
            (page(500, "Fatal error"), Cause.BROKEN),
            (page(503, "Maintenance"), Cause.BROKEN),
            (error(500, "internal_server_error"), Cause.BROKEN),
            (answered(301, headers={"Location": "https://www.example.org/?secret=1"}), Cause.REDIRECTED),
            (error(405, "zoombridge_post_only"), Cause.REDIRECTED),
            (error(503, "zoombridge_unreachable"), Cause.UNREACHABLE),
            (error(503, "zoombridge_not_paired"), Cause.NOT_PAIRED),
            (error(503, "zoombridge_no_secret"), Cause.NO_SECRET),
            (error(503, "zoombridge_unavailable"), Cause.STORE),
            (error(500, "zoombridge_error"), Cause.MISTAKE),
            (answered(204, ms=3200), Cause.SLOW),
            (EndpointResponse(None, reason="its server refuses the connection"), Cause.NOT_REACHED),
        ],
    )
    def test_that_is_none_names_its_cause(self, found: EndpointResponse, cause: Cause) -> None:
        wrong = judged(found)
        assert (wrong.cause, wrong.stage) == (cause, Stage.ANSWERED)

    def test_quotes_what_came(self) -> None:
        assert "HTTP 403: “Blocked by Shield”" in judged(page(403)).message
        assert "rest_forbidden Because." in judged(error(403, "rest_forbidden")).message
        assert (
            "refuses the connection"
            in judged(EndpointResponse(None, reason="its server refuses the connection")).message
        )
        assert (
            "The disk is full." in judged(error(503, "zoombridge_unavailable", "The disk is full.")).message
        )

    def test_tells_a_page_from_a_plugin_that_wants_a_sign_in(self) -> None:
        assert "firewall" in judged(page(403)).advice
        assert "not signed in" in judged(error(401, "rest_login_required")).advice
        assert "Permalinks" in judged(page(404)).advice

    def test_says_what_is_lost(self) -> None:
        for found in (page(403), error(403, "rest_forbidden"), error(404, "rest_no_route"), answered(302)):
            assert "Zoom never resends" in judged(found).message
        for found in (page(500), error(503, "zoombridge_unreachable")):
            assert "Zoom resends such an event" in judged(found).message

    def test_leaves_secrets_out_of_where_it_leads_on_to(self) -> None:
        found = answered(301, headers={"Location": "https://www.example.org/?secret=1"})
        assert "https://www.example.org/" in judged(found).message
        assert "secret=1" not in judged(found).message

    def test_says_what_the_plugin_knows_of_the_way_to_the_bridge(self) -> None:
        found = error(503, "zoombridge_unreachable")
        assert judged(found, plugin_advice="Connection refused at http://127.0.0.1:1.").advice.startswith(
            "Connection"
        )
        assert judged(found).advice, "and something where it does not tell"


class TestRefusal:
    def refused(self, held: Request | None) -> Diagnosis:
        return diagnosis.diagnose_refusal(SENT, held)

    def test_a_body_that_was_encoded_again(self) -> None:
        again = json.dumps(json.loads(BODY)).encode()
        assert again != BODY
        found = self.refused(Request(SENT.headers, again))
        assert (found.cause, found.stage) == (Cause.ALTERED, Stage.ARRIVED)
        assert "decoded and encoded again" in found.message
        assert f"{len(BODY)} bytes were sent, {len(again)} arrived" in found.message

    @pytest.mark.parametrize("body", [BODY.replace(b"created", b"deleted"), b"", b"not json"])
    def test_a_body_that_says_something_else(self, body: bytes) -> None:
        found = self.refused(Request(SENT.headers, body))
        assert found.cause is Cause.ALTERED
        assert "added, removed or replaced" in found.message

    @pytest.mark.parametrize("name", [TIMESTAMP_HEADER, SIGNATURE_HEADER])
    def test_a_header_that_was_changed(self, name: str) -> None:
        found = self.refused(Request({**SENT.headers, name: "1"}, BODY))
        assert found.cause is Cause.HEADERS
        assert name in found.message

    def test_headers_that_did_not_come(self) -> None:
        found = self.refused(None)
        assert found.cause is Cause.HEADERS
        assert "without Zoom's headers" in found.message

    def test_a_secret_that_was_changed_meanwhile(self) -> None:
        assert self.refused(Request(SENT.headers, BODY)).cause is Cause.SECRET


class TestFold:
    def test_is_late(self) -> None:
        assert diagnosis.diagnose_fold("pending", None).cause is Cause.STUCK

    def test_fails(self) -> None:
        found = diagnosis.diagnose_fold("failed", "KeyError: x")
        assert found.cause is Cause.MISTAKE
        assert "KeyError: x" in found.message


class TestWriting:
    def test_is_not_allowed(self) -> None:
        found = diagnosis.diagnose_write(ProbePost(fault=Fault.CREDENTIALS, message="It was revoked."))
        assert found.cause is Cause.PERMISSION
        assert "It was revoked." in found.message
        assert "Connect the site again" in found.advice

    def test_meets_another_fault(self) -> None:
        found = diagnosis.diagnose_write(ProbePost(fault=Fault.SERVER, message="It broke down."))
        assert (found.cause, found.stage) == (Cause.WRITE, Stage.WRITTEN)
        assert "It broke down." in found.message

    def test_is_not_wanted(self) -> None:
        assert "It is a webinar." in diagnosis.diagnose_write(ProbePost(withheld="It is a webinar.")).message

    def test_is_late(self) -> None:
        assert diagnosis.diagnose_write(ProbePost()).cause is Cause.STUCK


class TestVisit:
    def test_shows_the_page(self) -> None:
        assert diagnosis.diagnose_visit(VisitorResponse(200, has_topic=True)) is None

    @pytest.mark.parametrize(
        ("visited", "word"),
        [
            (VisitorResponse(404, has_topic=False, detail="Page not found"), "Permalinks"),
            (VisitorResponse(200, has_topic=False, detail="Coming soon"), "coming soon"),
            (VisitorResponse(503, has_topic=False), "maintenance"),
            (VisitorResponse(401, has_topic=True), "keeps visitors out"),
            (VisitorResponse(None, has_topic=False, detail="it took too long"), "keeps visitors out"),
        ],
    )
    def test_shows_something_else(self, visited: VisitorResponse, word: str) -> None:
        found = diagnosis.diagnose_visit(visited)
        assert found is not None
        assert (found.cause, found.stage) == (Cause.HIDDEN, Stage.SEEN)
        assert word in found.advice
        assert visited.detail in found.message


class TestClocks:
    @pytest.mark.parametrize("ahead", [None, 0.0, 299.0, -299.0])
    def test_agree(self, ahead: float | None) -> None:
        assert diagnosis.diagnose_clocks(ahead) is None

    @pytest.mark.parametrize(
        ("ahead", "words"),
        [(900.4, "15 minutes ahead of"), (-301.0, "5 minutes behind"), (-7200, "120 minutes behind")],
    )
    def test_differ(self, ahead: float, words: str) -> None:
        found = diagnosis.diagnose_clocks(ahead)
        assert found is not None
        assert found.cause is Cause.CLOCK
        assert words in found.message


class TestZoom:
    def test_is_content(self) -> None:
        assert diagnosis.diagnose_zoom(RefusedRequests(), validated_at=None, event_at=None) is None
        old = RefusedRequests(newest_at=5)
        assert diagnosis.diagnose_zoom(old, validated_at=6, event_at=None) is None

    def test_signs_with_another_secret(self) -> None:
        found = diagnosis.diagnose_zoom(RefusedRequests(newest_at=5), validated_at=4, event_at=None)
        assert found is not None
        assert (found.cause, found.stage) == (Cause.SECRET, Stage.ZOOM)
        assert "different secret token" in found.message

    def test_has_another_time(self) -> None:
        found = diagnosis.diagnose_zoom(
            RefusedRequests(seconds=900, newest_at=5), validated_at=None, event_at=None
        )
        assert found is not None
        assert found.cause is Cause.CLOCK
        assert "900 seconds ahead of" in found.message


class TestNothingSaved:
    def test_is_the_next_step_and_no_failure(self) -> None:
        found = diagnosis.diagnose_missing_secret()
        assert found.cause is Cause.NO_SECRET
        assert "next step" in found.advice
        assert "nothing was sent" in found.message


class TestSwallowed:
    def test_says_that_zoom_believes_all_is_well(self) -> None:
        found = diagnosis.diagnose_interception(answered(200))
        assert (found.cause, found.stage) == (Cause.SWALLOWED, Stage.ARRIVED)
        assert "HTTP 200" in found.message


def held(
    *, secret: str = SECRET, signed_at: float = NOW, came_at: float = NOW, request_id: str = "zoom-1"
) -> QuarantinedRequest:
    body = raw(event())
    headers = {**signed(body, secret=secret, at=signed_at), "x-zm-request-id": request_id}
    return QuarantinedRequest(1, "s1", "Site", int(came_at * 1000), "", Request(headers, body))


class TestRefusedRequests:
    def test_tells_another_secret_from_a_clock_that_is_off(self) -> None:
        another = [held(secret="another"), held(secret="third", came_at=NOW + 1)]
        assert newest_refused(another, SAVED) == RefusedRequests((NOW + 1) * 1000)
        late = (NOW + 2) * 1000
        found = newest_refused(another, SAVED, stale_at=late, stale_seconds=900)
        assert found == RefusedRequests(late, 900)
        assert newest_refused(another, SAVED, stale_at=NOW * 1000, stale_seconds=900).seconds == 0

    def test_leaves_out_the_tests_own(self) -> None:
        assert newest_refused([held(secret="another", request_id=f"{REQUEST}1")], SAVED) == RefusedRequests()

    def test_leaves_out_what_verifies_by_now(self) -> None:
        assert newest_refused([held()], SAVED) == RefusedRequests()


class TestRefusedRequestsMatter:
    def test_only_what_came_after_all_went_well(self) -> None:
        """Anybody can post rubbish that looks like Zoom's."""
        found = newest_refused([held(secret="another", came_at=NOW)], SAVED)
        assert found.matters(None, None)
        assert found.matters(NOW * 1000 - 1, None)
        assert not found.matters(None, NOW * 1000 + 1)
        assert not RefusedRequests().matters(None)
