"""The account's REST API without a network: what `ZoomServer` answers, given to `core.zoom.rest.ZoomRest` directly.

For properties over thousands of accounts. Faults, their words and their sources are those of `tests.zoom.faults`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from core.zoom.oauth import Token
from core.zoom.rate_limit import Plan, RateLimiter
from core.zoom.rest import ZoomRest
from tests.zoom import faults
from tests.zoom.account import WEBINARS, WITHOUT_MEETINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.zoom.account import Account
    from tests.zoom.faults import Fault

_PAGE = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, as `requests` gives it."""

    status_code: int
    body: bytes
    headers: dict[str, str]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def iter_content(self, _size: int) -> Iterator[bytes]:
        """Yield the whole body."""
        yield self.body


@dataclass
class OfflineZoom:
    """One account. `refusals`: by path, the fault that is answered there and how many times more (None: always)."""

    account: Account
    refusals: dict[str, tuple[Fault, int | None]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def rest(self, account_id: str) -> ZoomRest:
        """Return a client, as `core.accounts.clients.AccountClients` does."""
        assert account_id == self.account.account_id
        pace = RateLimiter(Plan.BUSINESS, sleep=lambda _: None)
        return ZoomRest(self, self, pace)  # type: ignore[arg-type]

    def current(self) -> Token:
        """Return the token, which never changes."""
        return Token("token", 2**53, "https://api.zoom.us", ())

    def after(self, refused: Token) -> Token:
        """Return the same one."""
        return refused

    def merge_environment_settings(self, *_: object) -> dict[str, Any]:
        """Return no settings."""
        return {}

    def send(self, request: requests.PreparedRequest, **_: object) -> Answer:
        """Answer a request."""
        url = urlsplit(str(request.url))
        path = url.path.removeprefix("/v2")
        fault = self._refusal(path)
        if fault is None:
            found = self._answer(path, {name: values[0] for name, values in parse_qs(url.query).items()})
            if isinstance(found, dict):
                return Answer(200, json.dumps(found).encode(), {})
            fault = found
        body = fault.body(**self._named(path))
        return Answer(fault.status, body, dict(fault.headers))

    def _refusal(self, path: str) -> Fault | None:
        fault, times = self.refusals.get(path, (None, 0))
        if fault is None or times == 0:
            return None
        if times is not None:
            self.refusals[path] = (fault, times - 1)
        return fault

    def _answer(self, path: str, query: dict[str, str]) -> dict[str, Any] | Fault:
        parts = path.strip("/").split("/")
        if parts == ["users"]:
            users = [
                {"id": user.id, "email": user.email, "type": user.type, "status": user.status}
                for user in self.account.users.values()
                if user.status == query.get("status", "active")
            ]
            return {"users": users, "next_page_token": ""}
        if parts[0] == "users":
            return self._list(unquote(parts[1]), parts[2], query)
        return self._detail(int(parts[1]), asks_webinar=parts[0] == "webinars")

    def _list(self, user_id: str, what: str, query: dict[str, str]) -> dict[str, Any] | Fault:
        user = self.account.users.get(user_id)
        if user is None:
            return faults.USER_UNKNOWN_LIST
        if what == "meetings" and user.type == WITHOUT_MEETINGS:
            return faults.NO_MEETINGS_LICENCE
        if what == "webinars" and not user.has_webinar_plan:
            return faults.NO_WEBINAR_PLAN
        listed = self.account.of(user_id, webinars=what == "webinars")
        start = int(query.get("next_page_token", "0"))
        following = str(start + _PAGE) if start + _PAGE < len(listed) else ""
        return {what: listed[start : start + _PAGE], "next_page_token": following}

    def _detail(self, number: int, *, asks_webinar: bool) -> dict[str, Any] | Fault:
        account = self.account
        held = account.held.get(number)
        is_webinar = held is not None and held["type"] in WEBINARS
        if number in account.moved:
            return faults.USER_ELSEWHERE_WEBINAR if asks_webinar else faults.USER_ELSEWHERE
        if held is None or account.has_expired(held) or (asks_webinar and not is_webinar):
            return faults.WEBINAR_GONE if asks_webinar else faults.MEETING_GONE
        if is_webinar and not asks_webinar:
            return faults.IS_WEBINAR
        host = account.users.get(held["host_id"])
        if host and host.type == WITHOUT_MEETINGS and not asks_webinar:
            return faults.NO_MEETINGS_LICENCE
        if host and not host.has_webinar_plan and asks_webinar:
            return faults.NO_WEBINAR_PLAN
        return account.detail(number, with_previous=True)

    def _named(self, path: str) -> dict[str, object]:
        parts = path.strip("/").split("/")
        name = parts[1] if len(parts) > 1 else ""
        return {"user": name, "number": name, "scope": "a:scope", "account": self.account.account_id}
