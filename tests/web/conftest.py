"""The application on a real store and a real socket, requested over HTTP."""

import base64
import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from argon2 import PasswordHasher
from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.testing import bind_unused_port
from tornado.web import Application

from core.auth.passwords import Passwords
from core.auth.service import AuthService
from core.bridge import Bridge
from core.store.auth.one_time_links import Purpose
from core.store.auth.users import Role
from core.store.db.engine import Store
from core.store.sites import zoom_secrets
from core.store.sites.sites import Site
from core.wordpress import signing
from core.zoom.signature import Secret
from tests.core.conftest import KEYS, connected
from tests.core.events import SECRET
from tests.plugin_stub.page_filter import Tokens, page_filter
from web.app import make_app
from web.http.batcher import EVENT_LIMITS
from web.http.server import make_server
from web.ui.shell import ASSETS_VERSION
from web.webhooks.dispatcher import Dispatcher

# A busy machine takes longer than Zoom waits; what happens then, tests/web/webhooks/test_dispatcher.py and
# tests/web/http/test_batcher.py show.
PATIENT = replace(EVENT_LIMITS, seconds=600.0)
RPC_TOKEN = "rpc-token"
METRICS_TOKEN = "token-of-the-monitor"
PAGE = "https://s1.example.org/wp-admin/edit.php?post_type=zoom-meetings&page=webhooks"
CONTEXT = {
    "user": {"login": "anna", "name": "Anna"},
    "locale": "en_US",
    "page": PAGE,
    "parameter": "zoombridge",
    "nonce": {"name": "_zoombridge_nonce", "value": "n0nce"},
    "endpoints": {},
    "version": "0.1.0",
    "assets": ASSETS_VERSION,
}


@dataclass
class Http:
    """An HTTP client of the bridge that follows no redirects."""

    loop: IOLoop
    port: int
    host: str = "127.0.0.1"

    def __call__(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        request = HTTPRequest(
            f"http://{self.host}:{self.port}{path}",
            method=method,
            body=body,
            headers=HTTPHeaders(headers or {}),
            follow_redirects=False,
            allow_nonstandard_methods=True,
            request_timeout=600,
        )
        client = AsyncHTTPClient(force_instance=True)
        try:
            answer: HTTPResponse = self.loop.run_sync(
                lambda: client.fetch(request, raise_error=False), timeout=300
            )
        finally:
            client.close()
        if signing.CONTEXT_HEADER in request.headers:
            assert_plugin_shows_all_of(answer, request)
        return answer

    def raw(self, *pieces: bytes) -> bytes:
        """Write these bytes, and return all that comes back until the bridge closes."""

        async def talk() -> bytes:
            stream = await TCPClient().connect(self.host, self.port)
            try:
                with contextlib.suppress(StreamClosedError):
                    for piece in pieces:
                        await stream.write(piece)
                return await stream.read_until_close()
            except StreamClosedError:
                return b""
            finally:
                stream.close()

        heard: bytes = self.loop.run_sync(talk, timeout=600)
        return heard


def assert_plugin_shows_all_of(answer: HTTPResponse, request: HTTPRequest) -> None:
    """The plugin's filter takes nothing of a page away that goes to wp-admin."""
    __tracebackhide__ = True
    if not answer.headers.get("Content-Type", "").startswith("text/html") or not answer.body:
        return
    page = json.loads(base64.b64decode(request.headers[signing.CONTEXT_HEADER]))["page"]
    html = answer.body.decode()
    shown = page_filter("debian-mariadb")(
        html, page=page, may_leave=urlsplit(request.url).path == "/bridge-link"
    )
    assert Tokens(shown).found == Tokens(html).found


@contextlib.contextmanager
def served(io_loop: IOLoop, make: Callable[[], Application]) -> Iterator[Http]:
    """Serve the application that `make` returns, which is called within the loop; give a client of it."""

    async def serve() -> tuple[HTTPServer, int]:
        server = make_server(make())
        socket, port = bind_unused_port()
        server.add_socket(socket)
        return server, port

    server, port = io_loop.run_sync(serve)
    yield Http(io_loop, port)
    server.stop()
    io_loop.run_sync(server.close_all_connections, timeout=600)


@pytest.fixture
def store(migrated_url: str) -> Iterator[Store]:
    """An open store of each kind, whose tables are there."""
    opened = Store(migrated_url, keys=KEYS)
    yield opened
    opened.close()


@pytest.fixture
def wp_site(store: Store) -> Site:
    """A connected site with a secret token."""
    site = connected(store, "s1")
    save_token(store, Secret(SECRET))
    return site


def save_token(store: Store, secret: Secret, site_id: str = "s1") -> None:
    store.write(lambda connection: zoom_secrets.save(connection, site_id, secret, store.sealer, now=1))


@pytest.fixture
def bridge(store: Store) -> Bridge:
    """Not started: nothing folds or mirrors meanwhile."""
    return Bridge.create(store)


@pytest.fixture
def passwords() -> Passwords:
    """As quick as argon2 can be: how long it takes is no matter of these tests."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def auth_service(store: Store, passwords: Passwords) -> AuthService:
    """Users, sessions and links of the store."""
    return AuthService(store, passwords)


@pytest.fixture
def http(io_loop: IOLoop, bridge: Bridge, passwords: Passwords) -> Iterator[Http]:
    begun: list[Dispatcher] = []

    def make() -> Application:
        begun.append(Dispatcher(bridge.ingest, answer_seconds=PATIENT.seconds))
        return make_app(
            bridge, passwords=passwords, rpc_token=RPC_TOKEN, dispatcher=begun[0], event_limits=PATIENT
        )

    with served(io_loop, make) as client:
        yield client
    # What answers a client that has left goes on to its end.
    io_loop.run_sync(begun[0].drain, timeout=600)


@pytest.fixture
def monitored(io_loop: IOLoop, bridge: Bridge, wp_site: Site) -> Iterator[Http]:
    """A bridge with a token for monitors."""
    with served(io_loop, lambda: make_app(bridge, metrics_token=METRICS_TOKEN)) as client:
        yield client


@pytest.fixture
def session(auth_service: AuthService) -> dict[str, str]:
    """The headers of a browser in which an administrator of the bridge is signed in."""
    return signed_in(auth_service, "anna", Role.ADMINISTRATOR)


@pytest.fixture
def viewer(auth_service: AuthService) -> dict[str, str]:
    """The headers of a browser in which a viewer is signed in."""
    return signed_in(auth_service, "luke", Role.VIEWER)


@pytest.fixture
def from_wordpress(auth_service: AuthService, wp_site: Site) -> dict[str, str]:
    """The headers of a browser that came from the wp-admin of the site s1: it sees that site only."""
    word = auth_service.sign_in_by_link(Purpose.SITE, auth_service.from_wordpress(wp_site.id, "wanda"))
    return {"Cookie": f"zoombridge={word}"}


def signed_in(auth_service: AuthService, name: str, role: Role) -> dict[str, str]:
    """Make a user; return the headers of their browser."""
    auth_service.add(name, role)
    return {
        "Cookie": f"zoombridge={auth_service.sign_in_by_link(Purpose.SIGN_IN, auth_service.link(name, Purpose.SIGN_IN))}"
    }


def from_stub(
    site: Site,
    method: str,
    target: str,
    body: bytes = b"",
    *,
    context: Any = None,
    timestamp: float | None = None,
    key: str | None = None,
) -> dict[str, str]:
    """What the stub adds to a request of its own: with an id that no other request has, except to events."""
    if context is None and not target.startswith("/wp-json/"):
        context = {}
    if isinstance(context, dict) and not target.startswith("/wp-json/"):
        context = {"request": secrets.token_hex(16)} | context
    at = str(int(time.time() if timestamp is None else timestamp))
    packed = "" if context is None else base64.b64encode(json.dumps(context).encode()).decode()
    headers = {
        signing.SITE_HEADER: site.id,
        signing.TIMESTAMP_HEADER: at,
        signing.SIGNATURE_HEADER: signing.sign_request(
            key or site.key, timestamp=at, method=method, target=target, context=packed, body=body
        ),
    }
    return headers | ({signing.CONTEXT_HEADER: packed} if packed else {})


def is_answered_by_the_bridge(site: Site, asked: dict[str, str], answer: HTTPResponse) -> bool:
    """Whether an answer carries the signature that the stub looks for."""
    expected = signing.sign_answer(
        site.key,
        request_signature=asked[signing.SIGNATURE_HEADER],
        status=answer.code,
        location=answer.headers.get("Location", ""),
        body=answer.body or b"",
    )
    return answer.headers.get(signing.ANSWER_HEADER) == expected


def text(answer: HTTPResponse) -> str:
    """The words of an HTML page, on one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.body.decode()).split())
