"""A bridge that does what a test says. It signs and checks as docs/stub.md tells, with code of its own."""

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
class Asked:
    """A request of the stub's, as it came."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def signature(self) -> str:
        """The signature that it carries."""
        return str(self.headers["X-Zoombridge-Signature"])

    @property
    def is_signed(self) -> bool:
        """Whether the signature is the one that the contract asks for."""
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
        """What the stub tells of the page that it wants."""
        told: dict[str, Any] = json.loads(base64.b64decode(self.headers["X-Zoombridge-Context"]))
        return told


@dataclass(frozen=True)
class Answer:
    """What the double answers."""

    status: int = 204
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    signed_with: str | None = KEY
    # Sent in place of what was signed, as something between the two would.
    sent: bytes | None = None
    # The signature of the request that it answers; None: of the one that came.
    to: str | None = None


def html(text: str, status: int = 200) -> Answer:
    """A piece of a page."""
    return Answer(status, text.encode(), {"Content-Type": "text/html; charset=utf-8"})


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    """JSON."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


class BridgeDouble:
    """Listens on a port of this machine; a context manager that ends it."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Answer] = lambda _: Answer()
        self.given_up = threading.Event()
        self._hang_on = threading.Event()
        self._hang_on.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def hang(self) -> None:
        """Read requests from now on, and answer none of them until the test ends."""
        self._hang_on.clear()

    def reply(self, asked: Asked) -> Answer:
        """Keep the request, then answer it."""
        self.asked.append(asked)
        self._hang_on.wait()
        return self.answer(asked)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(double: BridgeDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, self.headers, body)
            answer = double.reply(asked)
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.signed_with is not None:
                    signature = _signature(
                        answer.signed_with,
                        "v1-answer",
                        answer.to or asked.signature,
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
                # The stub has stopped waiting.
                double.given_up.set()
            self.close_connection = True

        do_GET = do_POST = _reply  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler
