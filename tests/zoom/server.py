"""The account's REST API over HTTP: tokens, pages, limits and errors, in a thread of its own.

Answers and their fields: Zoom's description of its REST API (OpenAPI), of which `schemas.json` holds names and types.
Errors: `faults`, where each names its source. Each behaviour here names its own, or says ASSUMPTION.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from tornado.httpserver import HTTPServer
from tornado.httputil import format_timestamp
from tornado.netutil import bind_sockets
from tornado.web import Application, Finish, RequestHandler

from core.zoom.rate_limit import PER_SECOND, Plan, RateLabel
from tests.zoom import faults
from tests.zoom.account import WEBINARS, WITHOUT_MEETINGS

if TYPE_CHECKING:
    from types import TracebackType

    from tests.zoom.account import Account, User
    from tests.zoom.faults import Fault

TOKEN_SECONDS = 3600  # https://developers.zoom.us/docs/internal-apps/s2s-oauth/
PAGE_TOKEN_SECONDS = 15 * 60  # https://developers.zoom.us/docs/api/using-zoom-apis/#pagination
CLIENT_ID, CLIENT_SECRET = "double-client", "double-secret-of-the-app"
# Zoom's descriptions of the lists: 300 items on a page at most, 30 unless said; users: 2,000 (zoom.md, REST).
MOST_USERS, MOST_MEETINGS, USUAL_ITEMS = 2000, 300, "30"
_DAY_LIMIT = 6000  # of Light requests on a Free plan: https://developers.zoom.us/docs/api/rate-limits/
_USERS_SCOPE = "user:read:list_users:admin"
SCOPES = (
    _USERS_SCOPE, "meeting:read:list_meetings:admin", "meeting:read:meeting:admin",
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
    # By path without the API's version: what is answered there, and how many times more (None: until it is removed).
    faults: dict[str, tuple[Fault, int | None]] = field(default_factory=dict)
    latency: float = 0.0  # seconds before each answer
    requests: list[str] = field(default_factory=list)
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

    def refuse(self, path: str, fault: Fault, *, times: int | None = None) -> None:
        """Answer a path, as `Place.MEETING.path(number=…)` makes it, with a fault: `times` times, or from now on."""
        self.behaviour.faults[path] = (fault, times)

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
                (r"/v2/.*", UnknownHandler, given),
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
        self.set_header("Date", format_timestamp(zoom.clock()))


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
        behaviour.requests.append(self.request.uri or "")
        if behaviour.latency:
            await asyncio.sleep(behaviour.latency)
        given = self.request.headers.get("Authorization", "")
        if given != f"Bearer {self.zoom.token}" or self.zoom.clock() >= self.zoom.token_until:
            self.refuse(faults.TOKEN_REJECTED)
        if behaviour.failing:
            behaviour.failing -= 1
            self.refuse(faults.OUTAGE)
        path = self.request.path.removeprefix("/v2")
        if path in behaviour.faults:
            fault, times = behaviour.faults[path]
            if times is None or times > 0:
                behaviour.faults[path] = (fault, None if times is None else times - 1)
                self.refuse(fault, **self._asked(path))
        if behaviour.daily is not None:
            if not behaviour.daily:
                self.refuse(faults.PER_DAY)
            behaviour.daily -= 1
        if self.zoom.is_over_limit(self.label):
            behaviour.refused_by_limit += 1
            self.refuse(faults.PER_SECOND)
        self._limit_headers(self.label.title())

    def refuse(self, fault: Fault, **asked: object) -> None:
        """Answer with a fault, and with the headers of a limit."""
        values = {"user": "", "number": "", "scope": "", "account": self.zoom.account.account_id, **asked}
        self.set_status(fault.status)
        self.set_header("Content-Type", fault.content_type)
        for name, value in fault.headers:
            self.set_header(name, value)
        if fault.headers:
            self._limit_headers(self.label.title(), remaining=0)
        if fault is faults.PER_DAY:
            self.set_header("X-RateLimit-Limit", str(_DAY_LIMIT))
            self.set_header("Retry-After", self._midnight())
        self.write(fault.body(**values))
        raise Finish

    def need(self, scope: str) -> None:
        """Refuse an app that lacks a scope."""
        if scope not in self.zoom.behaviour.scopes:
            self.refuse(faults.NO_SCOPE, scope=scope)

    def page(self, key: str, items: list[dict[str, Any]], most: int) -> None:
        """Answer with one page, whose token lives 15 minutes. ASSUMPTION: with a token, `page_number` stays 1."""
        size = min(int(self.get_argument("page_size", USUAL_ITEMS)), most)
        token = self.get_argument("next_page_token", "")
        start = 0
        if token:
            path, start, until = self.zoom.pages.get(token, ("", 0, 0.0))
            if path != self.request.path or until < self.zoom.clock():
                self.refuse(faults.STALE_PAGE)
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
                "page_count": -(-len(items) // size),
                "page_number": 1,
                "page_size": size,
                "total_records": len(items),
                "next_page_token": following,
                key: items[start : start + size],
            }
        )

    def _asked(self, path: str) -> dict[str, object]:
        """Return what a path names: the user (of a meeting: its host), the number, and the scope that it needs."""
        first, *more = path.strip("/").split("/")
        if first == "users":
            scope = f"{more[1][:-1]}:read:list_{more[1]}:admin" if len(more) > 1 else _USERS_SCOPE
            return {"user": unquote(more[0]) if more else "", "scope": scope}
        number = int(more[0])
        host = self.zoom.account.held.get(number, {}).get("host_id", "")
        return {"user": host, "number": number, "scope": f"{first[:-1]}:read:{first[:-1]}:admin"}

    def _limit_headers(self, category: str, *, remaining: int | None = None) -> None:
        """Set the headers that every answer has: https://developers.zoom.us/docs/api/rate-limits/."""
        most = PER_SECOND[self.zoom.behaviour.plan][self.label]
        left = most if remaining is None else remaining
        self.set_header("X-RateLimit-Category", category)
        self.set_header("X-RateLimit-Limit", str(most))
        self.set_header("X-RateLimit-Remaining", str(left))
        if remaining is None:
            self.set_header("X-RateLimit-Type", "QPS")

    def _midnight(self) -> str:
        """Return the next midnight GMT, when a day's limit ends, as Zoom's example writes it."""
        day = datetime.fromtimestamp(self.zoom.clock(), UTC).date() + timedelta(days=1)
        return f"{day.isoformat()}T00:00:00Z"


class UsersHandler(_ApiHandler):
    """`GET /users`."""

    def get(self) -> None:
        """List the users of one status, active unless another is named. Pending ones have no id.

        Zoom's description of GET /users.
        """
        self.need(_USERS_SCOPE)
        status = self.get_argument("status", "active")
        users = [_listed(user) for user in self.zoom.account.users.values() if user.status == status]
        self.page("users", users, MOST_USERS)


class ListHandler(_ApiHandler):
    """`GET /users/{userId}/meetings` and `/webinars`."""

    def get(self, user_id: str, what: str) -> None:
        """List a user's meetings or webinars.

        Users of type 4 have no meetings (3161), those without a webinar plan no webinars (200): zoom.md, Found later.
        """
        self.need(f"{what[:-1]}:read:list_{what}:admin")
        user_id = unquote(user_id)
        user = self.zoom.account.users.get(user_id)
        if user is None:
            self.refuse(faults.USER_UNKNOWN_LIST, user=user_id)
        elif what == "meetings" and user.type == WITHOUT_MEETINGS:
            self.refuse(faults.NO_MEETINGS_LICENCE)
        elif what == "webinars" and not user.has_webinar_plan:
            self.refuse(faults.NO_WEBINAR_PLAN)
        type_ = self.get_argument("type", "scheduled")
        listed = self.zoom.account.of(user_id, webinars=what == "webinars", type_=type_)
        self.page(what, listed, MOST_MEETINGS)


class MeetingHandler(_ApiHandler):
    """`GET /meetings/{meetingId}` and `/webinars/{webinarId}`."""

    label = RateLabel.LIGHT

    def get(self, what: str, number_: str) -> None:
        """Answer with one meeting, or say that it is a webinar, or gone.

        ASSUMPTION: a meeting's number is no webinar (404 with 3001); `faults.INVALID_WEBINAR` is the other answer that
        Zoom's description has.
        """
        self.need(f"{what[:-1]}:read:{what[:-1]}:admin")
        account, number = self.zoom.account, int(number_)
        held = account.held.get(number)
        asks_webinar = what == "webinars"
        is_webinar = held is not None and held["type"] in WEBINARS
        if number in account.moved:
            self.refuse(faults.USER_ELSEWHERE_WEBINAR if asks_webinar else faults.USER_ELSEWHERE)
        elif held is None or account.has_expired(held) or (asks_webinar and not is_webinar):
            self.refuse(faults.WEBINAR_GONE if asks_webinar else faults.MEETING_GONE, number=number)
        elif is_webinar and not asks_webinar:
            self.refuse(faults.IS_WEBINAR)
        host = account.users.get(held["host_id"]) if held else None
        if host and host.type == WITHOUT_MEETINGS and not asks_webinar:
            self.refuse(faults.NO_MEETINGS_LICENCE)
        elif host and not host.has_webinar_plan and asks_webinar:
            self.refuse(faults.NO_WEBINAR_PLAN)
        with_previous = self.get_argument("show_previous_occurrences", "false") == "true"
        self.write(account.detail(number, with_previous=with_previous))


class UnknownHandler(_ApiHandler):
    """Every other path."""

    def get(self) -> None:
        """Say that there is no such endpoint."""
        self.refuse(faults.UNKNOWN_ENDPOINT)


def _listed(user: User) -> dict[str, Any]:
    listed = {
        "id": user.id,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "type": user.type,
        "status": user.status,
    }
    if user.status == "pending":
        del listed["id"]
    return listed
