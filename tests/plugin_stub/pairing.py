"""The bridge's side of pairing, on the double of the bridge: it answers `/stub/pair` as docs/pairing.md specifies."""

import html
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from core.wordpress import pairing_envelope as envelope
from tests.conftest import STUB_SLUG
from tests.plugin_stub.bridge_double import KEY, SITE, BridgeDouble, BridgeRequest, BridgeResponse
from tests.plugin_stub.sync import SyncClient, home_hash
from tests.wordpress import WordPress

NOTICE = re.compile(r'<div class="notice notice-(\w+)[^"]*"><p>(.*?)</p>(.*?)</div>', re.DOTALL)
BUTTON = re.compile(r'name="zoombridge_do" value="(\w+)">(.*?)</button>')
FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


@dataclass
class PairingBridge:
    """Pairing codes of a bridge, and what became of them."""

    bridge: BridgeDouble
    uses_left: int = 0
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    code: str = field(default_factory=lambda: secrets.token_hex(8))
    site: str = "a-new.site_2"
    # The details of each new request, the pairing key by the plugin's public key, and the answers by it.
    told: list[envelope.PairingDetails] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bridge.respond = self.respond

    @property
    def text(self) -> str:
        """The pairing code as people see it."""
        return envelope.code_text(self.bridge.url, self.code, self.secret)

    @property
    def key(self) -> str:
        """The key of the last pairing."""
        return list(self.keys.values())[-1]

    @property
    def requests(self) -> list[BridgeRequest]:
        """The requests for pairing."""
        return [request for request in self.bridge.requests if request.target == "/stub/pair"]

    def respond(self, request: BridgeRequest) -> BridgeResponse:
        """Answer a request for pairing; everything else with status 204, signed."""
        if request.target != "/stub/pair":
            return BridgeResponse()
        return unsigned(200, self.answer(request.body))

    def answer(self, body: bytes) -> bytes:
        """Return the signed answer to a request: the same for the same public key."""
        asked = envelope.read_request(body)
        assert asked.code == self.code
        told = envelope.open_request(self.secret, asked)
        if told.public_key not in self.answers:
            own = envelope.KeyPair(secrets.token_bytes(32))
            self.told.append(told)
            self.keys[told.public_key] = envelope.pairing_key(
                self.secret, self.code, own, plugin=told.public_key, bridge=own.public
            )
            answer = envelope.PairingAnswerDetails(self.site, own.public, self.uses_left)
            self.answers[told.public_key] = envelope.seal_answer(self.secret, asked, answer)
        return self.answers[told.public_key]

    def client(self, site: WordPress) -> SyncClient:
        """Return a client that signs with the key of the last pairing."""
        return SyncClient(site, key=self.key, name=self.site)


def unsigned(status: int, body: bytes | dict[str, Any], **headers: str) -> BridgeResponse:
    """Return a response as `/stub/pair` sends it: without a header that signs it."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return BridgeResponse(status, data, {"Content-Type": "application/json", **headers}, signed_with=None)


@dataclass(frozen=True)
class Notice:
    """A notice of the plugin in wp-admin."""

    kind: str
    text: str
    buttons: dict[str, str]
    fields: dict[str, str]
    raw: str


def notices(page: str) -> list[Notice]:
    """Return the notices of a page that have a button of the plugin's, or name the bridge."""
    found = []
    for kind, text, rest in NOTICE.findall(page):
        buttons = {does: html.unescape(label) for does, label in BUTTON.findall(rest)}
        fields = {name: html.unescape(value) for name, value in FIELD.findall(rest)}
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        if buttons or "127.0.0.1" in plain or re.search("pairing code|bridge|key|loader", plain):
            found.append(Notice(kind, plain, buttons, fields, text))
    return found


@dataclass
class Admin:
    """An administrator's browser in wp-admin."""

    site: WordPress
    session: requests.Session
    path: str = ""

    def open(self, page: str = "options-reading.php") -> list[Notice]:
        """Open a page and return the plugin's notices."""
        return notices(self.get(page).text)

    def get(self, page: str = "options-reading.php") -> requests.Response:
        """Open a page."""
        response = self.session.get(f"{self.site.url}{self.path}/wp-admin/{page}", timeout=600)
        assert response.status_code == 200, response.text[:2000]
        return response

    def press(self, notice: Notice, does: str) -> list[Notice]:
        """Press a button of a notice and return the notices of the page to which it leads."""
        assert does in notice.buttons, notice
        return self.send(notice.fields | {"zoombridge_do": does})

    def send(self, form: dict[str, str]) -> list[Notice]:
        """Send a form of the plugin and return the notices of the page to which it leads."""
        url = f"{self.site.url}{self.path}/wp-admin/admin-post.php"
        response = self.session.post(url, data=form, timeout=600)
        assert response.status_code == 200, response.text[:2000]
        return notices(response.text)

    def paste(self, text: str) -> list[Notice]:
        """Paste a pairing code on the plugin's page."""
        return self.send(self._form("paste") | {"zoombridge_pairing_code": text})

    def press_on_page(self, does: str) -> list[Notice]:
        """Press a button of the plugin's page."""
        return self.send(self._form(does))

    def _form(self, does: str) -> dict[str, str]:
        """Return the fields of the form on the plugin's page that has a button."""
        page = self.get("edit.php?post_type=zoom-meetings&page=zoombridge-settings").text
        form = page[page.index('<div class="zoombridge-connection">') :]
        form = form[form.rindex("<form", 0, form.index(f'value="{does}"')) :].partition("</form>")[0]
        fields = {name: html.unescape(value) for name, value in FIELD.findall(form)}
        return fields | {"zoombridge_do": does}


@contextmanager
def code_file(site: WordPress, text: str) -> Iterator[Callable[[], bool]]:
    """Put a code into the plugin's folder, as the bridge's zip has it. Yields whether the file is still there."""
    file = site.directory / "wp-content/plugins" / STUB_SLUG / "pairing-code.php"
    file.write_text(f"<?php\ndefined( 'ABSPATH' ) || exit;\nreturn '{text}';\n", encoding="utf-8")
    try:
        yield file.exists
    finally:
        file.unlink(missing_ok=True)


def connect(site: WordPress, bridge: str, *, name: str = SITE, key: str = KEY) -> None:
    """Store a connection with the bridge at an address, as pairing does."""
    site.php(
        "update_option( 'zoombridge_connection', $connection, false );",
        connection=connection(site.url, bridge, name=name, key=key),
    )


def connection(home: str, bridge: str, *, name: str = SITE, key: str = KEY) -> dict[str, Any]:
    """Return a connection as the plugin stores it."""
    return {"bridge": bridge, "site": name, "key": key, "home": home_hash(home), "since": int(time.time())}


def stored(site: WordPress) -> dict[str, Any] | None:
    """Return the connection as the site stores it."""
    found: dict[str, Any] | None = site.php("return get_option( 'zoombridge_connection', null );")
    return found


def let_time_pass(site: WordPress) -> None:
    """Make everything that waits due, as if a quarter of an hour had passed."""
    site.php(
        """
        foreach ( array( 'zoombridge_pairing', 'zoombridge_moving' ) as $name ) {
            $row = zoombridge_read_option_row( $name );
            if ( null !== $row ) {
                zoombridge_write_option_row( $name, preg_replace( '/"next":\\d+/', '"next":0', $row ) );
            }
        }
        """
    )


@contextmanager
def must_use(site: WordPress, code: str) -> Iterator[None]:
    """Run PHP in each request, as a must-use plugin. Its file has a name of its own: PHP keeps compiled files."""
    file = site.directory / f"wp-content/mu-plugins/a-test-{secrets.token_hex(4)}.php"
    file.write_text(f"<?php\n{code}\n", encoding="utf-8")
    try:
        yield
    finally:
        file.unlink()
