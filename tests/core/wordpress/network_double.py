"""The network between client and plugin, and what befalls requests on it."""

from __future__ import annotations

import base64
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import requests
import responses

from tests.core.wordpress.plugin_double import DiedError, KilledError, PluginDouble, Step

if TYPE_CHECKING:
    from collections.abc import Callable

Fate = Literal[
    "well",
    "request lost",
    "answer lost",
    "error page",  # carried out, but a proxy answers with a page of its own
    "twice",  # a proxy sends it twice, and passes on the second answer
    "late",  # the client waits in vain; it arrives after the request that follows
    "dies",  # PHP dies at the item `at`, and the shutdown answers
    "dies after",  # … after its effect
    "killed early",  # the process is gone before the first item
    "killed before",  # the process is gone before the item `at`
    "killed half",  # … after its effect, but before that is noted
    "killed after",  # … after it
    "stops",  # in time, after the item `at`
    "noise",
]
FATES: tuple[Fate, ...] = Fate.__args__  # type: ignore[attr-defined]
BROKEN = requests.exceptions.ConnectionError("reset")
NOISE = b"\xef\xbb\xbf<br />\n<b>Warning</b>: in x.php\n#zb2:{}\n"
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class NetworkDouble:
    """Carries requests to the plugin. `fates` are those of the next ones, with an item each; then all goes well.

    `closed` are the doorways that a server in front closes, with what it answers.
    """

    plugin: PluginDouble
    root: str
    home: str
    fates: deque[tuple[Fate, int]] = field(default_factory=deque)
    closed: dict[str, Reply] = field(default_factory=dict)
    index: Reply = (404, {}, b"{}")  # what answers at the namespace's index
    password: tuple[str, str] | None = None  # what a web server in front of WordPress asks for
    bodies: list[bytes] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    late: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._mock = responses.RequestsMock(assert_all_requests_are_fired=False)
        self._mock.start()
        for address in (f"{self.root}zoombridge/v1/sync", f"{self.home}/"):
            self._mock.add_callback(responses.POST, address, callback=self._carry)
        self._mock.add_callback(
            responses.GET, f"{self.root}zoombridge/v1", callback=lambda _request: self.index
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._mock.stop()
        self._mock.reset()

    def deliver_late(self) -> None:
        """What was late arrives; nobody waits for its answer."""
        waiting, self.late = self.late, []
        for body in waiting:
            self.plugin.handle(body)

    def _carry(self, request: requests.PreparedRequest) -> Reply:
        url = request.url or ""
        self.addresses.append(url)
        body = request.body
        assert isinstance(body, bytes)
        self.bodies.append(body)
        if self.password is not None and request.headers.get("Authorization") != _basic(*self.password):
            return 401, {"WWW-Authenticate": 'Basic realm="Site"'}, b"<title>401 Unauthorized</title>"
        doorway = "home" if urlsplit(url).query == "zoombridge_sync=1" else "rest"
        if doorway in self.closed:
            return self.closed[doorway]
        waiting = bool(self.late)
        fate, at = self.fates.popleft() if self.fates else ("well", 0)
        reply = self._befall(fate, at, body)
        if waiting:
            self.deliver_late()
        return reply

    def _befall(self, fate: Fate, at: int, body: bytes) -> Reply:
        if fate == "request lost":
            raise BROKEN
        if fate == "late":
            self.late.append(body)
            raise BROKEN
        if fate == "twice":
            self.plugin.handle(body)
        try:
            status, answer = self._handle(fate, at, body)
        except KilledError:
            return 502, {}, b"<title>Bad gateway</title>"
        if fate == "answer lost":
            raise BROKEN
        if fate == "error page":
            return 504, {}, b"<title>Gateway timeout</title>"
        return status, {}, (NOISE if fate == "noise" else b"") + answer

    def _handle(self, fate: Fate, at: int, body: bytes) -> tuple[int, bytes]:
        steps: dict[Fate, tuple[Step, type[Exception]]] = {
            "dies": ("before", DiedError),
            "dies after": ("after", DiedError),
            "killed early": ("start", KilledError),
            "killed before": ("before", KilledError),
            "killed half": ("half", KilledError),
            "killed after": ("after", KilledError),
        }
        plugin = self.plugin
        try:
            if fate in steps:
                plugin.step = _at(at, *steps[fate])
            if fate == "stops":
                plugin.most_items = at
            return plugin.handle(body)
        finally:
            plugin.step, plugin.most_items = _go_on, 100


def _basic(username: str, password: str) -> str:
    """RFC 7617, in UTF-8."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def _go_on(_step: Step, _operation: dict[str, Any]) -> None:
    return None


def _at(item: int, where: Step, what: type[Exception]) -> Callable[[Step, dict[str, Any]], None]:
    def step(now: Step, operation: dict[str, Any]) -> None:
        if now == where and operation["i"] == item:
            raise what("plugins/other/other.php")

    return step
