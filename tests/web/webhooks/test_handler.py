"""The endpoints over HTTP: each row of *Answers to Zoom*, directly and through the stub."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tornado.httpclient import HTTPResponse
from tornado.ioloop import IOLoop

from core.bridge import Bridge
from core.errors import StoreUnavailableError
from core.store.db.engine import Store
from core.store.events import large_requests, log, quarantine, senders
from core.store.events.large_requests import LargeRequest, LargeRequestCause
from core.store.events.request import Request
from core.store.sites.sites import Site
from core.wordpress import signing
from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.core.conftest import connected
from tests.core.events import ACCOUNT, SAMPLES, SECRET, event, raw, signed
from tests.core.store.grants import granted
from tests.web.acceptor.in_process import accepted
from tests.web.conftest import Http, from_stub, is_answered_by_the_bridge
from web.app import make_app
from web.webhooks.dispatcher import Dispatcher

PATH = "/wp-json/vczapi/v1/meeting"
MIB = 1024 * 1024
Post = Callable[..., HTTPResponse]


@pytest.fixture(params=["alone", "with an acceptor"])
def http(request: pytest.FixtureRequest, http: Http, io_loop: IOLoop, bridge: Bridge) -> Iterator[Http]:
    """The endpoints as they are without another process, and as they are through the line to it."""
    if request.param == "alone":
        yield http
        return
    dispatcher = Dispatcher(bridge.ingest, answer_seconds=600.0)
    with accepted(io_loop, make_app(bridge, dispatcher=dispatcher), dispatcher) as accepting:
        yield accepting


@pytest.fixture(params=["directly", "through the stub"])
def post(request: pytest.FixtureRequest, http: Http, wp_site: Site) -> Post:
    """Post as Zoom does, to either of the two routes."""

    def send(
        body: bytes, *, path: str = PATH, secret: str = SECRET, at: float | None = None, **more: str
    ) -> HTTPResponse:
        headers = signed(body, secret=secret, at=time.time() if at is None else at)
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        headers = {name: value for name, value in headers.items() if value != "left out"}
        if request.param == "directly":
            answer = http("POST", f"/sites/{wp_site.id}{path}", body, headers)
            assert signing.ANSWER_HEADER not in answer.headers
            return answer
        # The stub's clock may be anything: Zoom's own timestamp is what counts.
        headers |= from_stub(wp_site, "POST", path, body, timestamp=1)
        answer = http("POST", path, body, headers)
        assert answer.code in (413, 500) or is_answered_by_the_bridge(wp_site, headers, answer)
        return answer

    return send


def error(answer: HTTPResponse) -> dict[str, str]:
    assert answer.headers["Content-Type"].startswith("application/json")
    document: dict[str, str] = json.loads(answer.body)
    assert document.keys() == {"code", "message"}
    assert SECRET not in document["message"]
    return document


def logged(store: Store) -> list[str]:
    with store.reading() as connection:
        return [line.event for line in log.latest(connection, 100)]


def large(store: Store) -> list[LargeRequest]:
    with store.reading() as connection:
        return large_requests.list_all(connection, store.sealer)


def held(store: Store) -> list[quarantine.QuarantinedRequest]:
    with store.reading() as connection:
        return quarantine.list_all(connection, "s1", store.sealer)


class TestAnswersToZoom:
    def test_an_authentic_event(self, post: Post, store: Store) -> None:
        answer = post(raw(event()))
        assert (answer.code, answer.body) == (204, b"")
        assert logged(store) == ["meeting.created"]

    def test_one_seen_before(self, post: Post, store: Store) -> None:
        for _ in range(3):
            assert post(raw(event())).code == 204
        assert logged(store) == ["meeting.created"]

    def test_one_that_the_bridge_does_not_act_on(self, post: Post, store: Store) -> None:
        assert post(raw(event("phone.unheard_of"))).code == 204
        assert logged(store) == ["phone.unheard_of"]

    def test_a_validation(self, post: Post) -> None:
        answer = post((SAMPLES / "raw" / "validation.json").read_bytes())
        own = json.loads((SAMPLES / "signatures.json").read_text())
        assert answer.code == 200
        assert answer.headers["Content-Type"].startswith("application/json")
        assert json.loads(answer.body) == {
            "plainToken": "q9ibPhGeRZ6ayx5WTrXjRw",
            "encryptedToken": own["encryptedToken"],
        }

    @pytest.mark.parametrize(
        ("given", "is_held"),
        [
            ({"secret": "wrong"}, True),
            ({"at": time.time() - 4000}, False),
            ({"at": time.time() + 4000}, False),
            ({"x_zm_signature": "v0="}, False),
        ],
    )
    def test_a_wrong_signature(self, post: Post, store: Store, given: dict[str, Any], is_held: bool) -> None:
        body = (SAMPLES / "raw" / "odd.json").read_bytes()
        assert post(raw(event("meeting.ended"))).code == 204
        answer = post(body, **given)
        assert answer.code == 401
        assert error(answer)["code"] == "zoombridge_signature"
        assert [item.request.body for item in held(store)] == [body] * is_held
        assert logged(store) == ["meeting.ended"]

    def test_a_missing_signature(self, post: Post, store: Store) -> None:
        answer = post(raw(event()), x_zm_signature="left out")
        assert answer.code == 401
        assert logged(store) == []

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"event=meeting.created", b'{"event":"a.b"}', b"\x00" * MIB, b"[" * MIB]
    )
    def test_no_event(self, post: Post, store: Store, body: bytes) -> None:
        assert post(body).code == 204
        with store.reading() as connection:
            (line,) = log.latest(connection, 9)
        assert line.outcome == log.Outcome.UNREADABLE
        assert line.reason

    def test_no_event_and_not_signed(self, post: Post, store: Store) -> None:
        answer = post(b"{", secret="wrong")
        assert answer.code == 401
        assert error(answer)["code"] == "zoombridge_signature"
        assert (logged(store), held(store)) == ([], [])

    @pytest.mark.parametrize(
        "given",
        ["application/json", "Application/JSON ; charset=utf-8", "text/plain", "multipart/form-data; boundary=x",
         "application/x-www-form-urlencoded", "", "left out"],
    )  # fmt: skip
    def test_any_content_type(self, post: Post, store: Store, given: str) -> None:
        """The signature tells whose it is, and Zoom never repeats what is refused."""
        assert post(raw(event()), content_type=given).code == 204
        assert logged(store) == ["meeting.created"]

    def test_a_database_that_cannot_be_written(
        self, post: Post, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert post(raw(event("meeting.ended"))).code == 204

        def full(*_: object) -> None:
            raise StoreUnavailableError("The disk is full.")

        for way in ("submit", "submit_to_group", "submit_each"):
            monkeypatch.setattr(store, way, full)
        answer = post(raw(event()))
        assert answer.code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert error(answer)["code"] == "zoombridge_unavailable"

    def test_a_mistake_of_the_bridge(
        self, post: Post, bridge: Bridge, wp_site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Zoom sends again after any 5xx; the answer names nothing of what went wrong inside."""
        monkeypatch.setattr(log, "append", None)
        answer = post(raw(event()))
        assert answer.code >= 500
        assert error(answer)["code"].startswith("zoombridge_")
        assert b"NoneType" not in answer.body


class TestNoSecret:
    def test_zoom_shall_send_again(self, http: Http, store: Store) -> None:
        connected(store, "s2")
        answer = http("POST", f"/sites/s2{PATH}", raw(event()), signed(raw(event()), at=time.time()))
        assert answer.code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert error(answer)["code"] == "zoombridge_no_secret"


class TestRoutes:
    @pytest.mark.parametrize("name", ["meeting", "webinar", "recording"])
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_each_takes_everything_with_a_slash_or_without(self, post: Post, name: str, slash: str) -> None:
        """Zoom never repeats after a redirect, so none is answered."""
        for told_event in (event(), event("webinar.updated"), event("recording.completed")):
            assert post(raw(told_event), path=f"/wp-json/vczapi/v1/{name}{slash}").code == 204

    @pytest.mark.parametrize("path", ["/wp-json/vczapi/v1/user", "/wp-json/vczapi/v1/", "/sites//x", "/x"])
    def test_there_are_no_others(self, http: Http, wp_site: Site, path: str) -> None:
        answer = http("POST", path, b"{}", {"content-type": "application/json"})
        assert answer.code == 404
        assert error(answer)["code"] == "zoombridge_no_route"

    def test_of_a_site_that_there_is_not(self, http: Http) -> None:
        body = raw(event())
        answer = http("POST", f"/sites/nowhere{PATH}", body, signed(body, at=time.time()))
        assert answer.code == 404
        assert error(answer)["code"] == "zoombridge_unknown_site"

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    @pytest.mark.parametrize("prefix", ["", "/sites/s1"])
    def test_say_what_they_are_for_to_who_opens_them(
        self, http: Http, wp_site: Site, method: str, prefix: str
    ) -> None:
        answer = http(method, prefix + PATH)
        assert answer.code == 405
        assert "Zoom" in error(answer)["message"]


class TestBytes:
    @pytest.mark.parametrize("name", ["odd", "emoji"])
    def test_reach_the_log_as_they_are(self, post: Post, store: Store, name: str) -> None:
        body = (SAMPLES / "raw" / f"{name}.json").read_bytes()
        assert post(body, clientid="c", cookie="not Zoom's", x_other="nor this").code == 204
        with store.reading() as connection:
            kept = connection.exec_driver_sql("SELECT request FROM events").scalar_one()
        request = Request.opened(kept, store.sealer)
        assert request.body == body
        assert request.headers["clientid"] == "c"
        assert request.headers["x-zm-request-id"] == "5f3c_sample"
        assert set(request.headers) == {
            "clientid", "content-type", "user-agent", "x-zm-request-id", SIGNATURE_HEADER, TIMESTAMP_HEADER,
        }  # fmt: skip

    def test_come_in_pieces(self, http: Http, wp_site: Site, store: Store) -> None:
        body = raw(event())
        head = [
            f"POST /sites/s1{PATH} HTTP/1.1",
            "Host: x",
            "Transfer-Encoding: chunked",
            "Connection: close",
        ]
        head += [f"{name}: {value}" for name, value in signed(body, at=time.time()).items()]
        chunks = [
            b"%x\r\n%s\r\n" % (len(body[at : at + 9]), body[at : at + 9]) for at in range(0, len(body), 9)
        ]
        answer = http.raw("\r\n".join([*head, "", ""]).encode(), *chunks, b"0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 204")
        assert logged(store) == ["meeting.created"]


class TestLargeAndUnverified:
    """Too large for the quarantine, so Zoom shall send it again."""

    @pytest.mark.parametrize("size", [64 * 1024 + 1, MIB])
    def test_is_counted_and_not_held(self, post: Post, store: Store, size: int) -> None:
        granted(store, ACCOUNT, "s1")
        for _ in range(2):
            answer = post(padded(size), secret="wrong")
            assert answer.code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert error(answer)["code"] == "zoombridge_signature"
        (one,) = large(store)
        assert (one.cause, one.size) == (LargeRequestCause.UNVERIFIED, size)
        assert (held(store), logged(store)) == ([], [])
        assert post(padded(size)).code == 204

    def test_is_held_up_to_64_kib(self, post: Post, store: Store) -> None:
        assert post(padded(64 * 1024), secret="wrong").code == 401
        assert len(held(store)) == 1
        assert large(store) == []

    def test_nothing_is_kept_of_what_names_no_known_account(self, post: Post, store: Store) -> None:
        assert post(b"[" * 100_000, secret="wrong").code == 503
        assert post(b"[" * 100_000, secret="wrong", at=time.time() - 4000).code == 401
        assert post(padded(100_000), secret="wrong").code == 503
        assert (held(store), large(store)) == ([], [])


class TestTooLarge:
    def test_a_mebibyte_is_not(self, post: Post) -> None:
        assert post(padded(MIB)).code == 204

    def test_one_byte_more_is(self, post: Post, store: Store) -> None:
        answer = post(padded(MIB + 1))
        assert answer.code == 413
        assert error(answer)["code"] == "zoombridge_too_large"
        assert logged(store) == []
        assert held(store) == []

    def test_its_headers_and_length_are_kept(self, http: Http, wp_site: Site, store: Store) -> None:
        body = padded(MIB + 1)
        headers = signed(body, at=time.time())
        for _ in range(2):
            assert http("POST", f"/sites/s1{PATH}", body, headers).code == 413
        (one,) = large(store)
        assert (one.site_id, one.cause, one.size) == ("s1", LargeRequestCause.TOO_LARGE, MIB + 1)
        assert one.headers["x-zm-request-id"] == headers["x-zm-request-id"]

    def test_also_where_it_is_refused_before_it_comes(self, http: Http, wp_site: Site, store: Store) -> None:
        given = "".join(f"{name}: {value}\r\n" for name, value in signed(b"x", at=time.time()).items())
        head = f"POST /sites/s1{PATH} HTTP/1.1\r\nHost: x\r\n{given}Content-Length: {20 * MIB}\r\n\r\n"
        assert http.raw(head.encode()).startswith(b"HTTP/1.1 413")
        assert [one.size for one in large(store)] == [20 * MIB]

    def test_also_where_wordpress_has_it(self, http: Http, wp_site: Site, store: Store) -> None:
        """The plugin says so in its signed context: PHP may not hand it the body."""
        for size, status in ((9 * MIB, 413), (900_000, 503)):
            context = {"dropped_bytes": size}
            headers = signed(b"x", at=time.time()) | from_stub(wp_site, "POST", PATH, b"", context=context)
            headers["x-zm-request-id"] = str(size)
            answer = http("POST", PATH, b"", headers)
            assert answer.code == status
            assert error(answer)["code"] == "zoombridge_too_large"
            assert is_answered_by_the_bridge(wp_site, headers, answer)
        assert sorted(one.size for one in large(store)) == [900_000, 9 * MIB]

    @pytest.mark.parametrize(
        "context", [{}, {"dropped_bytes": "9"}, {"dropped_bytes": -1}, {"dropped_bytes": 0}, [], "x"]
    )
    def test_a_context_that_says_nothing_changes_nothing(
        self, http: Http, wp_site: Site, store: Store, context: Any
    ) -> None:
        body = raw(event())
        headers = signed(body, at=time.time()) | from_stub(wp_site, "POST", PATH, body, context=context)
        assert http("POST", PATH, body, headers).code == 204
        assert large(store) == []

    def test_a_context_that_the_plugin_did_not_sign_is_not_believed(
        self, http: Http, wp_site: Site, store: Store
    ) -> None:
        headers = signed(b"x", at=time.time()) | from_stub(
            wp_site, "POST", PATH, b"", context={"dropped_bytes": 9 * MIB}, key="6e" * 32
        )
        assert http("POST", PATH, b"", headers).code == 503
        assert large(store) == []

    def test_nothing_is_kept_of_what_does_not_look_like_zooms(
        self, http: Http, wp_site: Site, store: Store
    ) -> None:
        body = padded(MIB + 1)
        for headers in (
            {"content-type": "application/json"},
            signed(body, at=time.time()) | {"x-zm-signature": "v0=x"},
            signed(body, at=time.time() - 4000),
        ):
            assert http("POST", f"/sites/s1{PATH}", body, headers).code == 413
        assert http("POST", f"/sites/nowhere{PATH}", body, signed(body)).code == 404
        assert large(store) == []

    @pytest.mark.parametrize("prefix", ["", "/sites/s1"])
    def test_twenty_are_refused_before_they_come(self, http: Http, wp_site: Site, prefix: str) -> None:
        answer = http.raw(
            f"POST {prefix}{PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {20 * MIB}\r\n\r\n".encode()
        )
        assert answer.startswith(b"HTTP/1.1 413")
        assert answer.count(b"HTTP/1.1") == 1
        assert b"zoombridge_too_large" in answer

    @pytest.mark.parametrize("mebibytes", [2, 20])
    def test_however_they_come(self, http: Http, wp_site: Site, store: Store, mebibytes: int) -> None:
        chunk = b"%x\r\n%s\r\n" % (MIB, b" " * MIB)
        answer = http.raw(
            f"POST /sites/s1{PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode(),
            *[chunk] * mebibytes,
            b"0\r\n\r\n",
        )
        if mebibytes == 2:
            assert answer.startswith(b"HTTP/1.1 413")
        else:  # nobody drains that; whoever still sends may hear nothing
            assert not answer or answer.startswith(b"HTTP/1.1 4")
        assert logged(store) == []


def padded(size: int) -> bytes:
    body = raw(event("user.updated"))
    return body + b" " * (size - len(body))


class TestSender:
    """Where a request came from, by which strangers share the room for refused requests."""

    def test_is_the_address_of_the_connection(self, http: Http, wp_site: Site, store: Store) -> None:
        body = raw(event())
        assert (
            http("POST", f"/sites/s1{PATH}", body, signed(body, secret="wrong", at=time.time())).code == 401
        )
        assert [item.sender for item in held(store)] == ["127.0.0.1"]

    @pytest.mark.parametrize(
        ("context", "sender"),
        [
            ({"client": "192.0.2.7"}, "192.0.2.7"),
            ({"client": "2001:db8::7"}, "2001:db8::/64"),
            ({"client": "nonsense"}, "127.0.0.1"),
            ({"client": 7}, "127.0.0.1"),
            ({}, "127.0.0.1"),
        ],
    )
    def test_is_what_the_plugin_says_of_its_visitor(
        self, http: Http, wp_site: Site, store: Store, context: dict[str, Any], sender: str
    ) -> None:
        body = raw(event())
        headers = signed(body, secret="wrong", at=time.time())
        headers |= from_stub(wp_site, "POST", PATH, body, context=context)
        assert http("POST", PATH, body, headers).code == 401
        assert [item.sender for item in held(store)] == [sender]

    def test_is_known_once_an_authentic_event_came_from_there(
        self, http: Http, wp_site: Site, store: Store
    ) -> None:
        for number, sender in enumerate(("192.0.2.7", "192.0.2.8")):
            body = raw(event(at=number))
            headers = signed(body, secret=SECRET if number else "wrong", at=time.time())
            http(
                "POST",
                PATH,
                body,
                headers | from_stub(wp_site, "POST", PATH, body, context={"client": sender}),
            )
        with store.reading() as connection:
            assert [senders.is_known(connection, "s1", f"192.0.2.{end}") for end in (7, 8)] == [False, True]


class TestFromTheStub:
    def test_needs_a_signature_of_its_own(self, http: Http, wp_site: Site, store: Store) -> None:
        body = raw(event())
        answer = http("POST", PATH, body, signed(body, at=time.time()))
        assert answer.code == 404
        assert "Webhooks" in error(answer)["message"]
        assert logged(store) == []

    def test_of_the_right_key(self, http: Http, wp_site: Site, store: Store) -> None:
        """The pairing is broken, which is no fault of Zoom's: it shall send again."""
        body = raw(event())
        headers = signed(body, at=time.time()) | from_stub(wp_site, "POST", PATH, body, key="another")
        answer = http("POST", PATH, body, headers)
        assert answer.code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert signing.ANSWER_HEADER not in answer.headers
        assert logged(store) == []

    def test_over_these_bytes_and_this_address(self, http: Http, wp_site: Site, store: Store) -> None:
        body = raw(event())
        for path, over in ((PATH, raw(event(at=1))), ("/wp-json/vczapi/v1/webinar", body)):
            headers = signed(body, at=time.time()) | from_stub(wp_site, "POST", path, over)
            assert http("POST", PATH, body, headers).code == 503
        assert logged(store) == []

    def test_of_a_site_that_there_is_not(self, http: Http, wp_site: Site) -> None:
        headers = from_stub(wp_site, "POST", PATH, b"{}") | {signing.SITE_HEADER: "nowhere"}
        assert http("POST", PATH, b"{}", headers).code == 404

    def test_with_a_new_key_at_once(self, http: Http, wp_site: Site, store: Store) -> None:
        from dataclasses import replace

        from core.store.sites import sites

        body = raw(event())
        zoom = signed(body, at=time.time())
        assert http("POST", PATH, body, zoom | from_stub(wp_site, "POST", PATH, body)).code == 204
        renewed = replace(wp_site, key="ab" * 32)
        store.write(lambda connection: sites.save(connection, renewed, store.sealer))
        assert http("POST", PATH, body, zoom | from_stub(renewed, "POST", PATH, body)).code == 204
