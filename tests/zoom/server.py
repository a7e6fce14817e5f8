"""The account's REST API over HTTP: tokens, pages, limits and errors, in a thread of its own."""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, Finish, RequestHandler

from core.zoom.rate_limit import PER_SECOND, Plan, RateLabel

if TYPE_CHECKING:
    from types import TracebackType

    from tests.zoom.account import Account

TOKEN_SECONDS = 3600  # https://developers.zoom.us/docs/internal-apps/s2s-oauth/
PAGE_TOKEN_SECONDS = 15 * 60  # https://developers.zoom.us/docs/api/using-zoom-apis/#pagination
CLIENT_ID, CLIENT_SECRET = "double-client", "double-secret-of-the-app"
SCOPES = (
    "user:read:list_users:admin", "meeting:read:list_meetings:admin", "meeting:read:meeting:admin",
    "webinar:read:list_webinars:admin", "webinar:read:webinar:admin",
)  # fmt: skip


@dataclass
class Behaviour:
    """How the API behaves, and what was asked of it. Tests change and read it while it runs."""

    plan: Plan = Plan.BUSINESS
    is_limited: bool = True  # False as no account of Zoom's is: for benchmarks of what comes after it
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    failing: int = 0  # so many of the next requests are answered 500
    daily: int | None = None  # so many requests are left for this day
    latency: float = 0.0  # seconds before each answer
    asked: list[str] = field(default_factory=list)
    refused_by_limit: int = 0
    busiest: dict[RateLabel, int] = field(
        default_factory=dict
    )  # most requests that were let through in a second
    tokens_given: int = 0


class ZoomServer:
    """The API of one account, for as long as the `with` block lasts."""

    def __init__(self, account: Account, *, clock: Any = time.time) -> None:
        self.account = account
        self.behaviour = Behaviour()
        self.clock = clock
        self.token = ""
        self.token_until = 0.0
        self.pages: dict[str, tuple[str, int, float]] = {}
        self._recent: dict[RateLabel, deque[float]] = {label: deque() for label in RateLabel}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zoom-double", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def oauth_url(self) -> str:
        """Where tokens are asked for."""
        return f"{self.url}/oauth/token"

    def is_over_limit(self, label: RateLabel) -> bool:
        """Count a request; tell whether it is one too many within this second."""
        now = time.monotonic()
        recent = self._recent[label]
        while recent and now - recent[0] >= 1.0:
            recent.popleft()
        if self.behaviour.is_limited and len(recent) >= PER_SECOND[self.behaviour.plan][label]:
            return True
        recent.append(now)
        self.behaviour.busiest[label] = max(len(recent), self.behaviour.busiest.get(label, 0))
        return False

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        given = {"zoom": self}
        app = Application(
            [
                (r"/oauth/token", TokenHandler, given),
                (r"/v2/users", UsersHandler, given),
                (r"/v2/users/([^/]+)/(meetings|webinars)", ListHandler, given),
                (r"/v2/(meetings|webinars)/([0-9]+)", MeetingHandler, given),
            ],
            log_function=lambda _: None,
        )
        sockets = bind_sockets(0, "127.0.0.1")
        self._port = sockets[0].getsockname()[1]
        server = HTTPServer(app)
        server.add_sockets(sockets)
        self._ready.set()
        await self._stop.wait()
        server.stop()
        await server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, zoom: ZoomServer) -> None:
        self.zoom = zoom

    def refuse(self, status: int, code: int, message: str, **headers: str) -> None:
        """Answer as Zoom words its errors: https://developers.zoom.us/docs/api/errors/."""
        for name, value in headers.items():
            self.set_header(name.replace("_", "-"), value)
        self.set_status(status)
        self.write({"code": code, "message": message})
        raise Finish


class TokenHandler(_Handler):
    """`POST /oauth/token`, https://developers.zoom.us/docs/internal-apps/s2s-oauth/."""

    def post(self) -> None:
        """Give a token for the right credentials, which ends the one before."""
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if self.request.headers.get("Authorization") != f"Basic {basic}":
            self.set_status(400)
            self.write({"reason": "Invalid client_id or client_secret", "error": "invalid_client"})
            return
        if self.get_argument("account_id", "") != self.zoom.account.account_id:
            self.set_status(400)
            self.write({"reason": "Bad Request", "error": "invalid_request"})
            return
        self.zoom.token = secrets.token_urlsafe(24)
        self.zoom.token_until = self.zoom.clock() + TOKEN_SECONDS
        self.zoom.behaviour.tokens_given += 1
        self.write(
            {
                "access_token": self.zoom.token,
                "token_type": "bearer",
                "expires_in": TOKEN_SECONDS,
                "scope": " ".join(sorted(self.zoom.behaviour.scopes)),
                "api_url": self.zoom.url,
            }
        )


class _ApiHandler(_Handler):
    label = RateLabel.MEDIUM

    async def prepare(self) -> None:
        behaviour = self.zoom.behaviour
        behaviour.asked.append(self.request.uri or "")
        if behaviour.latency:
            await asyncio.sleep(behaviour.latency)
        given = self.request.headers.get("Authorization", "")
        if given != f"Bearer {self.zoom.token}" or self.zoom.clock() >= self.zoom.token_until:
            self.refuse(401, 124, "Invalid access token.")
        if behaviour.failing:
            behaviour.failing -= 1
            self.refuse(500, 500, "Internal server error.")
        if behaviour.daily is not None:
            if not behaviour.daily:
                self.refuse(
                    429, 429, "You have exceeded the daily rate limit.", X_RateLimit_Type="Daily-limit"
                )
            behaviour.daily -= 1
        if self.zoom.is_over_limit(self.label):
            behaviour.refused_by_limit += 1
            said = "You have reached the maximum per-second rate limit for this API. Try again later."
            self.refuse(429, 429, said, X_RateLimit_Type="Per-second-limit", Retry_After="1")

    def need(self, scope: str) -> None:
        """Refuse an app that may not ask this: code 4711 names what is missing."""
        if scope not in self.zoom.behaviour.scopes:
            self.refuse(400, 4711, f"Invalid access token, does not contain scopes:[{scope}].")

    def page(self, key: str, items: list[dict[str, Any]], most: int) -> None:
        """Answer with one page; its token lives 15 minutes."""
        size = min(int(self.get_argument("page_size", "30")), most)
        token = self.get_argument("next_page_token", "")
        start = 0
        if token:
            path, start, until = self.zoom.pages.get(token, ("", 0, 0.0))
            if path != self.request.path or until < self.zoom.clock():
                self.refuse(400, 300, "The next page token is either invalid or expired.")
        following = ""
        if start + size < len(items):
            following = secrets.token_urlsafe(12)
            self.zoom.pages[following] = (
                self.request.path,
                start + size,
                self.zoom.clock() + PAGE_TOKEN_SECONDS,
            )
        self.write(
            {
                "page_size": size,
                "total_records": len(items),
                "next_page_token": following,
                key: items[start : start + size],
            }
        )


class UsersHandler(_ApiHandler):
    """`GET /users`."""

    def get(self) -> None:
        """List the users."""
        self.need("user:read:list_users:admin")
        users = [
            {
                "id": user.id,
                "email": user.email,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "type": 2,
            }
            for user in self.zoom.account.users.values()
        ]
        self.page("users", users, 2000)


class ListHandler(_ApiHandler):
    """`GET /users/{userId}/meetings` and `/webinars`."""

    def get(self, user_id: str, what: str) -> None:
        """List what a user has."""
        self.need(f"{what[:-1]}:read:list_{what}:admin")
        user_id = unquote(user_id)
        if user_id not in self.zoom.account.users:
            self.refuse(404, 1001, f"User does not exist: {user_id}.")
        self.page(what, self.zoom.account.of(user_id, webinars=what == "webinars"), 300)


class MeetingHandler(_ApiHandler):
    """`GET /meetings/{meetingId}` and `/webinars/{webinarId}`."""

    label = RateLabel.LIGHT

    def get(self, what: str, number: str) -> None:
        """Answer with one meeting, or say that it is a webinar, or gone."""
        self.need(f"{what[:-1]}:read:{what[:-1]}:admin")
        held = self.zoom.account.held.get(int(number))
        is_webinar = held is not None and held["type"] in (5, 6, 9)
        if held is None or (what == "webinars" and not is_webinar):
            self.refuse(404, 3001, f"{what[:-1].title()} {number} is not found or has expired.")
        elif what == "meetings" and is_webinar:
            self.refuse(400, 3000, "Cannot access webinar info.")
        else:
            with self.zoom.account.guard:
                self.write(dict(held))
