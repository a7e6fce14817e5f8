"""A WordPress and a bridge that are connected, what Zoom sends to them, and what visitors see of it."""

from __future__ import annotations

import html
import json
import re
import sqlite3
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from core.store.db.encryption import Sealer
from core.store.events.request import Request
from core.zoom.signature import sign
from tests.code_pairing import connect_by_code
from tests.plugin_stub.pairing import stored
from tests.running import RunningBridge
from tests.wordpress.meetings import read_posts
from web.rpc import api
from web.rpc.client import RpcClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.wordpress import WordPress

SECRET = "Secret-Token-Of-Zoom-0123"
WITHIN_SECONDS = 600.0
SEND_SECONDS = 600.0  # Zoom waits 3 s; how long an answer takes is measured by the benchmarks

T = TypeVar("T")


def eventually(
    look: Callable[[], T | None], tell: Callable[[], str] = str, *, within: float = WITHIN_SECONDS
) -> T:
    """Poll until `look` returns something, and return it; `tell` is the message of the failure.

    The pauses grow: a page that WordPress renders in vain takes the CPU time that others wait for.
    """
    deadline = time.monotonic() + within
    pause = 0.03
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {within:g} s. {tell()}")
        time.sleep(pause)
        pause = min(1.3 * pause, 0.3)


@dataclass(frozen=True)
class Logged:
    """One event as the bridge's log holds it."""

    event: str
    outcome: str
    reason: str | None
    body: bytes
    headers: dict[str, str]


class Pair:
    """A WordPress with the stub, and a bridge as a process of its own, connected by its command."""

    def __init__(
        self,
        site: WordPress,
        data: Path,
        *,
        secret: str | None = SECRET,
        bridge: RunningBridge | None = None,
    ) -> None:
        """Start the bridge, unless one runs, and connect the site, with Zoom's secret token unless that is None."""
        self.site = site
        self.secret = secret or SECRET
        self.bridge = bridge or RunningBridge(data)
        self._session: tuple[RunningBridge, str] | None = None
        self.endpoint = f"{site.rest_root}vczapi/v1/meeting"
        try:
            self.connect(secret)
        except BaseException:
            self.bridge.stop()
            raise

    def connect(self, secret: str | None = SECRET) -> None:
        """Connect the site, or connect it again."""
        self.id = connect_by_code(self.bridge, self.site, secret or "")

    def connect_again(self, secret: str = SECRET) -> None:
        """Connect the site again, with Zoom's secret token."""
        self.connect(secret)

    def start_over(self) -> None:
        """Let the bridge forget the site with its tokens and what is held, and connect it anew."""
        self.rpc.call(api.SITE_REMOVE, api.SiteRequest(site=self.site.url))
        self.connect_again()

    def session(self) -> str:
        """Return the cookie of an administrator of the bridge, who came in by a link that works once."""
        if self._session is None or self._session[0] is not self.bridge:
            address, _, token = self.bridge.sign_in_link().partition("?token=")
            answer = requests.post(address, data={"token": token}, timeout=600, allow_redirects=False)
            self._session = (self.bridge, answer.cookies["zoombridge"])
        return self._session[1]

    @property
    def rpc(self) -> RpcClient:
        return RpcClient(self.bridge.data / "rpc.json")

    @property
    def is_connected(self) -> bool:
        """Whether it is this bridge that the site is connected with."""
        connection = stored(self.site)
        return connection is not None and (connection["bridge"], connection["site"]) == (
            self.bridge.url,
            self.id,
        )

    @property
    def is_running(self) -> bool:
        """Whether the bridge's process is there."""
        return self.bridge._process.poll() is None

    def restart(self) -> None:
        """Start the bridge again, at the address where the site looks for it."""
        port = int(self.bridge.url.rpartition(":")[2])
        self.bridge = RunningBridge(self.bridge.data, port=port)

    # --- What Zoom does -------------------------------------------------------------------------------

    def send(
        self,
        event: dict[str, Any] | bytes,
        *,
        route: str = "meeting",
        secret: str | None = None,
        age: int = 0,
        url: str | None = None,
        headers: dict[str, str | None] | None = None,
        timeout: float = SEND_SECONDS,
    ) -> requests.Response:
        """Sign an event and post it to WordPress's endpoint, as Zoom does."""
        body = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        timestamp = int(time.time()) - age
        sent: dict[str, str | None] = {
            "user-agent": "Zoom Marketplace/1.0a",
            "content-type": "application/json; charset=utf-8",
            "x-zm-request-id": str(uuid.uuid4()),
            "x-zm-request-timestamp": str(timestamp),
            "x-zm-signature": sign(secret or self.secret, timestamp, body),
        }
        given = {name: value for name, value in (sent | (headers or {})).items() if value is not None}
        url = url or f"{self.site.rest_root}vczapi/v1/{route}"
        return requests.post(url, data=body, headers=given, timeout=timeout, allow_redirects=False)

    def tell(self, *events: dict[str, Any], route: str = "meeting") -> None:
        """Send events of which each is taken, and wait until the site shows what follows from them."""
        numbers = set()
        for event in events:
            # A machine that is too busy to answer in time says 503, and Zoom sends again.
            answer = eventually(partial(self._answer, event, route))
            assert answer.status_code == 204, (answer.status_code, answer.text)
            numbers.add(int(event["payload"]["object"]["id"]))
        for number in numbers:
            self.settled(number)

    def _answer(self, event: dict[str, Any], route: str) -> requests.Response | None:
        answer = self.send(event, route=route)
        return None if answer.status_code == 503 else answer

    # --- What the site has ----------------------------------------------------------------------------

    def posts(self, number: int) -> list[dict[str, Any]]:
        """Return the posts of a Zoom number, the trash too, as REST gives them to an editor."""
        return read_posts(self.site, number)

    def post(self, number: int) -> dict[str, Any]:
        """Return the one post of a number."""
        found = self.posts(number)
        assert len(found) == 1, found
        return found[0]

    def edit(self, post_id: int, **fields: Any) -> None:
        """Change a post, as an editor does."""
        answer = self.site.rest("POST", f"wp/v2/zoom_meetings/{post_id}", json=fields)
        assert answer.status_code == 200, answer.text

    def metas(self, post_id: int) -> dict[str, str]:
        """Return a post's metas as PHP keeps them: serialized."""
        found: dict[str, str] = self.site.php(
            """
            global $wpdb;
            $sql = "SELECT meta_key, meta_value FROM {$wpdb->postmeta} WHERE post_id = %d";
            return array_column( $wpdb->get_results( $wpdb->prepare( $sql, $post ) ), 'meta_value', 'meta_key' );
            """,
            post=post_id,
        )
        return found

    # --- What a visitor sees --------------------------------------------------------------------------

    def visit(self, link: str) -> requests.Response:
        """Open a page as somebody who is not signed in."""
        return requests.get(link, timeout=600)

    def page(self, number: int) -> str:
        """Return what a visitor of the meeting's page is shown now."""
        answer = self.visit(self.post(number)["link"])
        assert answer.status_code == 200, answer.text
        return html.unescape(answer.text)

    def await_page(self, number: int, *shown: str, gone: tuple[str, ...] = ()) -> str:
        """Wait until a visitor is shown all of this, and nothing of what is `gone`; return the page."""
        seen = ""

        def look() -> str:
            nonlocal seen
            for post in self.posts(number):
                seen = html.unescape(self.visit(post["link"]).text)
                if all(text in seen for text in shown) and not any(text in seen for text in gone):
                    return seen
            return ""

        return eventually(look, lambda: f"Expected {shown} without {gone}.\n{_main(seen)}\n{self._why()}")

    def await_status(self, number: int, status: str) -> dict[str, Any]:
        """Wait until the post of a number has this status, and return it."""
        found: list[dict[str, Any]] = []

        def look() -> dict[str, Any] | None:
            nonlocal found
            found = self.posts(number)
            return next((post for post in found if post["status"] == status), None)

        post = eventually(look, lambda: f"Expected {status}, found {found}.\n{self._why()}")
        assert post is not None
        return post

    # --- What the bridge holds ------------------------------------------------------------------------

    def settled(self, number: int) -> None:
        """Wait until nothing that came of this number waits for anything any more."""
        pending = "SELECT count(*) FROM events WHERE number = ? AND outcome = 'pending'"
        behind = "SELECT count(*) FROM posts WHERE number = ? AND (wanted > written OR lease_until > 0)"
        eventually(
            lambda: not self.rows(pending, number)[0][0] and not self.rows(behind, number)[0][0],
            lambda: f"{self.rows('SELECT * FROM posts WHERE number = ?', number)}\n{self._why()}",
        )

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the bridge's database beside it, without a way to change it."""
        address = f"file:{self.bridge.data / 'zoombridge.db'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return connection.execute(query, values).fetchall()

    def state(self, number: int) -> dict[str, Any]:
        """Return the stored state of a meeting, opened with the bridge's own key."""
        sealer = Sealer((self.bridge.data / "zoombridge.key").read_text())
        ((sealed,),) = self.rows("SELECT sealed FROM meetings WHERE number = ?", number)
        found: dict[str, Any] = json.loads(sealer.open(sealed))
        return found

    def logged(self, number: int) -> list[Logged]:
        """Return what the log holds of a meeting, opened with the bridge's own key."""
        return self._opened("WHERE number = ?", number)

    def last_logged(self) -> Logged:
        """Return the newest line of the log."""
        return self._opened("WHERE id = (SELECT max(id) FROM events)")[0]

    def unreadable(self) -> list[Logged]:
        """Return the lines of the log that hold no event, the oldest first."""
        return self._opened("WHERE outcome = 'unreadable'")

    def _opened(self, which: str, *values: Any) -> list[Logged]:
        sealer = Sealer((self.bridge.data / "zoombridge.key").read_text())
        found = self.rows(f"SELECT event, outcome, reason, request FROM events {which} ORDER BY id", *values)
        lines = []
        for event, outcome, reason, sealed in found:
            request = Request.opened(sealed, sealer)
            lines.append(Logged(event, outcome, reason, request.body, dict(request.headers)))
        return lines

    def _why(self) -> str:
        return "\n".join(["The bridge said:", *self.bridge.log().splitlines()[-15:], self.site.php_log()])


def _main(page: str) -> str:
    found = re.search(r"<(main|body)\b.*", page, re.DOTALL)
    return re.sub(r"\s+", " ", found[0] if found else page)[:3000]
