"""Double of the bridge, whose responses a test sets. It signs and verifies as docs/stub.md specifies, by its own code."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

KEY = "0123456789abcdef" * 4
SITE = "k3v9.a-site_1"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _signature(key: str, *lines: str) -> str:
    return "v1=" + hmac.new(key.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class BridgeRequest:
    """A request of the stub as it was received."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def signature(self) -> str:
        """The value of the header X-Zoombridge-Signature."""
        return str(self.headers["X-Zoombridge-Signature"])

    @property
    def is_signed(self) -> bool:
        """Whether the signature is the one that docs/stub.md specifies."""
        expected = _signature(
            KEY,
            "v1",
            str(self.headers["X-Zoombridge-Timestamp"]),
            self.method,
            self.target,
            _sha256((self.headers["X-Zoombridge-Context"] or "").encode()),
            _sha256(self.body),
        )
        return hmac.compare_digest(expected, self.signature)

    @property
    def context(self) -> dict[str, Any]:
        """The decoded header X-Zoombridge-Context."""
        context: dict[str, Any] = json.loads(base64.b64decode(self.headers["X-Zoombridge-Context"]))
        return context


@dataclass(frozen=True)
class BridgeResponse:
    """A response of the double, signed unless `signed_with` is None."""

    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    signed_with: str | None = KEY
    # Sent in place of the signed body, as by a proxy that changes it.
    sent: bytes | None = None
    # Signature of the request that the response is for; None: of the received one.
    to: str | None = None


def html(text: str, status: int = 200) -> BridgeResponse:
    """Return a response with an HTML fragment."""
    return BridgeResponse(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


def as_json(value: object, status: int = 200, **headers: str) -> BridgeResponse:
    """Return a response with JSON."""
    return BridgeResponse(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


NUDGE = "/stub/changed"


class BridgeDouble:
    """HTTP server on a free local port. A context manager; leaving it stops the server.

    `nudges` are the requests that only tell that something has changed. The plugin does not wait for their answers, so
    they come at any time.
    """

    def __init__(self) -> None:
        self.requests: list[BridgeRequest] = []
        self.nudges: list[BridgeRequest] = []
        self._nudged = threading.Condition()
        self.respond: Callable[[BridgeRequest], BridgeResponse] = lambda _: BridgeResponse()
        self.timed_out = threading.Event()
        self._may_respond = threading.Event()
        self._may_respond.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def hang(self) -> None:
        """Read requests from now on, and respond to none of them until the test ends."""
        self._may_respond.clear()

    def wait_for_nudges(self, count: int) -> list[BridgeRequest]:
        """Return the nudges once there are that many."""
        with self._nudged:
            assert self._nudged.wait_for(lambda: len(self.nudges) >= count, timeout=300), "No nudge came."
            return list(self.nudges)

    def reply(self, request: BridgeRequest) -> BridgeResponse:
        """Record a request and return its response."""
        if request.target == NUDGE:
            with self._nudged:
                self.nudges.append(request)
                self._nudged.notify_all()
            return BridgeResponse(202)
        self.requests.append(request)
        self._may_respond.wait()
        return self.respond(request)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._may_respond.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(double: BridgeDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = BridgeRequest(self.command, self.path, self.headers, body)
            answer = double.reply(request)
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.signed_with is not None:
                    signature = _signature(
                        answer.signed_with,
                        "v1-answer",
                        answer.to or request.signature,
                        str(answer.status),
                        answer.headers.get("Location", ""),
                        _sha256(answer.body),
                    )
                    self.send_header("X-Zoombridge-Answer", signature)
                sent = answer.body if answer.sent is None else answer.sent
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(sent)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(sent)
            except OSError:
                # The stub has timed out.
                double.timed_out.set()
            self.close_connection = True

        do_GET = do_POST = _reply  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

    return Handler
