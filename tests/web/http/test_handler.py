"""What responses tell of the server, and what the log tells of failed requests."""

from __future__ import annotations

import logging
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import capture_logs

from core.errors import StoreUnavailableError
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from tests.core.events import event, raw, signed
from tests.web.acceptor.in_process import accepted
from web.app import make_app
from web.webhooks.dispatcher import Dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tornado.ioloop import IOLoop

    from core.auth.service import AuthService
    from core.bridge import Bridge
    from core.store.db.engine import Store
    from core.store.sites.sites import Site
    from tests.web.conftest import Http

    Said = Callable[[], str]


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(params=["alone", "with an acceptor"])
def http(request: pytest.FixtureRequest, http: Http, io_loop: IOLoop, bridge: Bridge) -> Iterator[Http]:
    """The application as it is without another process, and as it is through an acceptor."""
    if request.param == "alone":
        yield http
        return
    dispatcher = Dispatcher(bridge.ingest, answer_seconds=600.0)
    with accepted(io_loop, make_app(bridge, dispatcher=dispatcher), dispatcher) as accepting:
        yield accepting


class TestServer:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/"), ("GET", "/signin"), ("GET", "/link?token=x"), ("GET", "/healthz"), ("GET", "/readyz"),
            ("GET", "/metrics"), ("GET", "/stub/hello"), ("GET", "/stub/calendar"), ("POST", "/stub/pair"),
            ("POST", "/stub/changed"), ("POST", "/rpc/site.list"), ("GET", "/nowhere"), ("DELETE", "/"),
            ("POST", "/signin"), ("GET", "/wp-json/vczapi/v1/meeting"), ("POST", "/wp-json/vczapi/v1/meeting"),
            ("POST", "/sites/s1/wp-json/vczapi/v1/meeting"), ("POST", "/sites/nowhere/wp-json/vczapi/v1/meeting"),
        ],
    )  # fmt: skip
    def test_is_not_named(self, http: Http, wp_site: Site, method: str, path: str) -> None:
        answer = http(method, path, b"{}" if method == "POST" else None)
        assert "Server" not in answer.headers
        assert b"ornado" not in answer.body

    def test_is_not_named_to_zoom(self, http: Http, wp_site: Site) -> None:
        body = raw(event())
        headers = signed(body, at=time.time())
        answer = http("POST", f"/sites/{wp_site.id}/wp-json/vczapi/v1/meeting", body, headers)
        assert (answer.code, "Server" in answer.headers) == (204, False)

    @pytest.mark.parametrize(
        "sent",
        [
            b"NONSENSE\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"POST /signin HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            b"POST /signin HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n",
            b"POST /wp-json/vczapi/v1/meeting HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
            b"GET /%ff?to=%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ],
    )
    def test_is_not_named_to_a_malformed_request(self, http: Http, sent: bytes) -> None:
        answer = http.raw(sent)
        assert answer.startswith(b"HTTP/1.1 4")
        assert b"server:" not in answer.lower()
        assert b"ornado" not in answer


MULTIPART = b"Content-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\na=b"
HALF = b"Content-Length: 99\r\n\r\n{"


class TestStrangers:
    """A log is read by people: what anybody can send is no failure of the bridge."""

    @pytest.mark.parametrize(
        "sent",
        [
            b"\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"POST /signin HTTP/1.1\r\nHost: a\r\n" + MULTIPART,
            b"POST /stub/pair HTTP/1.1\r\nHost: a\r\n" + MULTIPART,
            b"POST /wp-json/vczapi/v1/meeting HTTP/1.1\r\nHost: a\r\n" + MULTIPART,
            b"POST /signin HTTP/1.1\r\nHost: a\r\n" + HALF,
            b"POST /wp-json/vczapi/v1/meeting HTTP/1.1\r\nHost: a\r\n" + HALF,
            b"POST /wp-json/vczapi/v1/meeting HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"POST /signin HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
            b"GET http://evil.example:99999/?%ff=\xff HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /?" + b"a=b&" * 2_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /meetings HTTP/1.1\r\nHost: a\r\nCookie: zoombridge=\xff; a\r\nContent-Encoding: gzip\r\n\r\n",
            b"GET /signin HTTP/1.1\r\nHost: a\r\nIf-None-Match: \xff\r\nAccept-Language: \xff;q=x\r\n\r\n",
            b"GET /stub/hello HTTP/1.1\r\nHost: a\r\nX-Zoombridge-Site: \xff\r\nX-Zoombridge-Context: \xff\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX-Zoombridge-Site: s1\r\nX-Zoombridge-Signature: \xff\r\n\r\n",
        ],
    )
    @pytest.mark.parametrize("leaves", ["after the answer", "at once", "by a reset"])
    def test_cause_no_traceback(
        self, http: Http, wp_site: Site, caplog: pytest.LogCaptureFixture, sent: bytes, leaves: str
    ) -> None:
        with (
            capture_logs() as logs,
            caplog.at_level(logging.INFO),
            socket.create_connection(("127.0.0.1", http.port)) as connection,
        ):
            connection.sendall(sent)
            if leaves == "after the answer":
                connection.shutdown(socket.SHUT_WR)
            elif leaves == "by a reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            assert http("GET", "/healthz").code == 200
        assert not [line for line in logs if "exc_info" in line or line["log_level"] == "error"]
        shown = logging.ERROR  # what of Tornado's logs comes to the bridge's
        assert not [one for one in caplog.records if one.levelno >= shown or one.exc_info]

    def test_fill_no_log(self, http: Http, wp_site: Site) -> None:
        """Each kind of it is one line in a while."""
        of_zoom = signed(b"x", at=time.time()) | {"Content-Length": "99999999"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in of_zoom.items())
        structlog.reset_defaults()  # commands of other tests may have set a level
        with capture_logs() as logs:
            for number in range(3):
                assert http("POST", "/signin", b"", {"Origin": "https://evil.example"}).code == 403
                assert http("PUT", "/wp-json/vczapi/v1/meeting", b"").code == 405
                target = f"POST /sites/{wp_site.id}/wp-json/vczapi/v1/meeting HTTP/1.1\r\nHost: a\r\n"
                sent = f"{target}x-zm-request-id: {number}\r\n{lines}\r\n"
                assert http.raw(sent.encode()).startswith(b"HTTP/1.1 413")
        told = [line["event"] for line in logs]
        assert (set(told), told.count("request_too_large")) == ({"request_refused", "request_too_large"}, 1)
        assert told.count("request_refused") <= 2  # of two processes, each tells


@pytest.fixture
def away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database does not answer."""

    def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailableError("The database is unavailable: disk full.")

    for way in ("submit", "submit_to_group", "submit_each", "write", "reading"):
        monkeypatch.setattr(store, way, refuse)


@pytest.fixture
def said(away: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Said:
    """Return what was logged and written, while the database does not answer."""

    def read() -> str:
        written = capfd.readouterr()
        return caplog.text + written.out + written.err

    return read


class TestOneTimeTokens:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/link?token={}"), ("GET", "/password?token={}"), ("GET", "/first?token={}"),
            ("POST", "/enter"), ("POST", "/first"), ("POST", "/password"), ("GET", "/signin?to=/link?token={}"),
            ("GET", "/?token={}"), ("GET", "/link?token={}&token=%ff"), ("PUT", "/link?token={}"),
            ("POST", "/link?token={}"), ("GET", "/enter/confirm?token={}"), ("POST", "/enter/confirm"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("origin", ["", "https://evil.example"])
    def test_are_logged_by_no_failure(
        self,
        http: Http,
        said: Said,
        method: str,
        path: str,
        origin: str,
    ) -> None:
        token = "t0ken-that-works-once"
        body = f"token={token}&name=anna&password=x&again=x".encode() if method != "GET" else None
        headers = FORM | {"Cookie": "zoombridge=c00kie; zoombridge-entry=c00kie; zoombridge-device-x=c00kie"}
        with capture_logs() as logs:
            answer = http(method, path.format(token), body, headers | ({"Origin": origin} if origin else {}))
        assert answer.code in (303, 400, 403, 404, 405, 503)
        text = repr(logs) + said()
        assert token not in text
        assert "c00kie" not in text

    def test_are_logged_by_no_success(
        self, http: Http, auth_service: AuthService, caplog: pytest.LogCaptureFixture
    ) -> None:
        auth_service.add("anna", Role.VIEWER)
        token = auth_service.link("anna", Purpose.SIGN_IN)
        with capture_logs() as logs:
            assert http("GET", f"/link?token={token}").code == 200
            assert http("POST", "/link", f"token={token}".encode(), FORM).code == 303
            assert http("GET", f"/link?token={token}").code == 403
        assert token not in repr(logs) + caplog.text


class TestFailure:
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", "/signin?to=%ff"), ("PUT", "/signin"), ("PUT", "/enter")]
    )
    def test_of_the_client_is_not_said_to_be_the_bridges(self, http: Http, method: str, path: str) -> None:
        answer = http(method, path, b"" if method == "PUT" else None)
        assert answer.code in (400, 405)
        assert b"internal error" not in answer.body
        assert b"Open the page again" in answer.body

    def test_is_logged_with_its_reason(self, http: Http, away: None) -> None:
        with capture_logs() as logs:
            assert http("GET", "/link?token=x").code == 503
        (said,) = [line for line in logs if line["event"] == "request_failed"]
        assert (said["handler"], said["reason"]) == ("LinkHandler", "The database is unavailable: disk full.")

    def test_of_the_bridge_is_logged_with_a_traceback(
        self, http: Http, store: Store, auth_service: AuthService, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        auth_service.add("anna", Role.VIEWER)
        token = auth_service.link("anna", Purpose.SIGN_IN)
        monkeypatch.setattr(store, "write", lambda _: 1 // 0)
        with capture_logs() as logs:
            assert http("POST", "/link", f"token={token}".encode(), FORM).code == 500
        (said,) = [line for line in logs if line["event"] == "request_failed"]
        assert said["exc_info"][0] is ZeroDivisionError
