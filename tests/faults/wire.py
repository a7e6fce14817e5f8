"""Requests to a real WordPress, each of which may be killed, held or cut off at a place of the test's choice.

PHP's own server does not replace a worker that was killed. So each request goes to a server of one process, and one that
was killed is replaced by another. `fates.php` is the part inside WordPress.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from tests.convergence.site_double import Killed
from tests.wordpress import php
from tests.wordpress.process import Server
from tests.wordpress.serve import HOST, ROUTER, reserve

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.wordpress import WordPress

FATES = Path(__file__).with_name("fates.php")
_SECONDS = 60.0  # far more than any request takes

What = Literal[
    "well",
    "kill",  # PHP is killed at the place
    "hold",  # the answer is lost while PHP is at the place; it goes on later
    "lost",  # the answer is lost
    "bridge before",  # the bridge is killed before it sends the request
    "bridge after",  # … before it hears the answer
    "bridge hold",  # … while PHP is at the place
]


@dataclass(frozen=True)
class Fate:
    """What befalls a request. The place is the `count`-th run of a hook whose value contains `text`.

    A fate that is `patient` waits for the first request that comes to its place.
    """

    what: What = "well"
    hook: str = ""
    count: int = 1
    text: str = ""
    patient: bool = False

    def header(self, port: int = 0) -> str:
        """Return what tells WordPress of it."""
        what = "kill" if self.what == "kill" else "hold"
        return "|".join([what, self.hook, str(self.count), self.text, str(port)]) if self.hook else ""


WELL = Fate()


class PhpServer:
    """A server of one process, which ends when that is killed."""

    def __init__(self, wordpress: WordPress) -> None:
        folder = wordpress.directory.parent
        compiled = folder / "compiled-for-requests"
        compiled.mkdir(exist_ok=True)
        settings = {"opcache.file_cache": str(compiled)}  # otherwise each compiles WordPress anew
        with contextlib.closing(reserve(0)) as held:
            self.address = (HOST, held.getsockname()[1])
            self._server = Server(
                [
                    *php.command(wordpress.program, wordpress.log_path, settings),
                    "-S",
                    f"{HOST}:{self.address[1]}",
                    "-t",
                    str(wordpress.directory),
                    str(ROUTER),
                ],
                log=folder / "servers.log",
            )
            self._server.wait_until(self._listens)

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(self.address) == 0

    def stop(self) -> None:
        """End it, where it was not killed."""
        self._server.stop()


@dataclass
class Exchange:
    """One request in a thread of its own, to a server that has no other. PHP may wait at the place that its fate names."""

    server: PhpServer
    send: Callable[[str, PhpServer], requests.Response]
    fate: Fate
    answer: requests.Response | None = None
    error: BaseException | None = None
    is_held: bool = False
    _gate: socket.socket = field(init=False)
    _connection: socket.socket | None = None
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        """Send it; return once PHP is at the place, or at the end."""
        self._gate = socket.create_server((HOST, 0))
        self._gate.settimeout(_SECONDS)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._connection, _ = self._gate.accept()
        self._connection.settimeout(_SECONDS)
        self.is_held = self._connection.recv(4) == b"here"
        if not self.is_held:
            self.go_on()

    def _run(self) -> None:
        port = self._gate.getsockname()[1]
        try:
            self.answer = self.send(self.fate.header(port), self.server)
        except (requests.RequestException, OSError) as error:
            self.error = error
        finally:
            # Nobody listens any more where the place was reached.
            with contextlib.suppress(OSError), socket.create_connection((HOST, port)) as told:
                told.sendall(b"over")

    def open(self) -> None:
        """Let PHP go on; do not wait for it."""
        self._gate.close()
        if self._connection is not None:
            self._connection.close()

    def go_on(self) -> None:
        """Let PHP go on to its end."""
        self.open()
        self._thread.join()
        self.is_held = False


class Wire(HTTPAdapter):
    """The way from a bridge to a WordPress. `fates` are those of the next requests; then all goes well.

    `when_sent` is called before each request; `happened` notes each fate that had an effect.
    """

    def __init__(self, wordpress: WordPress) -> None:
        super().__init__()
        self._wordpress = wordpress
        content = wordpress.directory / "wp-content"
        self._plugin = content / "mu-plugins" / FATES.name
        self.revisions = content / "revisions.txt"  # each that the bridge wrote: the post's ID and the number
        self._free: list[PhpServer] = []
        self._guard = threading.Lock()
        self.fates: deque[Fate] = deque()
        self.held: list[Exchange] = []
        self.release_at_pause = False
        self.happened: list[str] = []
        self.requests = 0

    def __enter__(self) -> Self:
        self._plugin.write_bytes(FATES.read_bytes())
        self.revisions.write_text("")
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        for server in self._free:
            server.stop()
        self._plugin.unlink()

    # --- The bridge's requests ----------------------------------------------------------------------------

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request of the bridge to its fate."""
        fate = self.fates.popleft() if self.fates else WELL
        self.requests += 1
        if fate.what == "bridge before":
            self._note(fate)
            raise Killed

        def to(header: str, server: PhpServer) -> requests.Response:
            sent = request.copy()
            parts = urlsplit(request.url or "")
            sent.url = parts._replace(netloc="{}:{}".format(*server.address)).geturl()
            sent.headers["X-Fate"] = header
            answer = super(Wire, self).send(sent, **options)
            # Read to the end, PHP has come to its own; the bridge reads the same bytes again.
            body = answer.raw.read(decode_content=False)
            answer.raw = HTTPResponse(
                io.BytesIO(body), answer.raw.headers, answer.raw.status, preload_content=False
            )
            return answer

        exchange = self.exchange(to, fate)
        if exchange.is_held:
            self.held.append(exchange)
        if fate.patient and not exchange.is_held and exchange.error is None:
            self.fates.appendleft(fate)
        if fate.what.startswith("bridge") and (exchange.is_held or fate.what == "bridge after"):
            self._note(fate)
            raise Killed
        if exchange.is_held or fate.what == "lost":
            self._note(fate)
            raise requests.exceptions.ConnectionError("cut off")
        if exchange.error is not None:
            self._note(fate)
            raise exchange.error
        assert exchange.answer is not None
        return exchange.answer

    def pause(self, _seconds: float) -> None:
        """Let a request that is held go on while the bridge waits for it, where that is wanted."""
        if self.release_at_pause:
            self.release()

    def release(self) -> None:
        """Let all requests of the bridge that are held go on to their ends."""
        held, self.held = self.held, []
        for exchange in held:
            exchange.go_on()
            self._give_back(exchange)

    # --- Others' requests ---------------------------------------------------------------------------------

    def exchange(self, send: Callable[[str, PhpServer], requests.Response], fate: Fate) -> Exchange:
        """Send a request to a server of its own; return at its end, or where it is held."""
        with self._guard:
            server = self._free.pop() if self._free else PhpServer(self._wordpress)
        made = Exchange(server, send, fate)
        if not made.is_held:
            self._give_back(made)
        return made

    def form(self, details: str, post: int = 0, *, fate: Fate = WELL) -> Exchange:
        """Save a meeting in VCZAPI's form, as a browser does."""

        def to(header: str, server: PhpServer) -> requests.Response:
            url = "http://{}:{}/?zoombridge_test=form".format(*server.address)
            data = {"details": details, "post": str(post)}
            return requests.post(url, data=data, headers={"X-Fate": header}, timeout=_SECONDS)

        return self.exchange(to, fate)

    def end_form(self, form: Exchange) -> None:
        """Let a form that is held come to its end."""
        if form.is_held:
            form.go_on()
            self._give_back(form)

    def _give_back(self, exchange: Exchange) -> None:
        """Use the server again, unless it was killed: perhaps only after it had answered."""
        if exchange.error is not None or exchange.fate.what == "kill":
            exchange.server.stop()
        else:
            with self._guard:
                self._free.append(exchange.server)

    def _note(self, fate: Fate) -> None:
        self.happened.append(f"{fate.what} {fate.hook}".strip())
