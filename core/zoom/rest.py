"""Read a Zoom account over Zoom's REST API. Read-only and rate-limited; only the limit per second is retried.

https://developers.zoom.us/docs/api/meetings/
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from core import __version__, messages
from core.errors import (
    ZoomCredentialsError,
    ZoomLimitError,
    ZoomPageError,
    ZoomRestError,
    ZoomUnreachableError,
)
from core.storable import parsed
from core.zoom.rate_limit import RateLabel
from core.zoom.readings import Reading
from core.zoom.rest_errors import error_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from core.zoom.oauth import Token, Tokens
    from core.zoom.rate_limit import RateLimiter

_TIMEOUT = (5.0, 30.0)
_LARGEST_ANSWER = 32 * 1024 * 1024
_PIECE = 64 * 1024
_USERS_ON_PAGE = 300
_MEETINGS_ON_PAGE = 300
_MOST_PAGES = 1000  # per list: bounded, whatever the server answers
_OK = 200
# Other apps of the account use the limit per second, too: a request that exceeds it waits and is sent again.
_MOST_TRIES = 5
_LONGEST_PAUSE_SECONDS = 10.0


def session(*, at_once: int = 1) -> requests.Session:
    """Return a session for `at_once` threads. It does not retry: the database holds the schedule of retries."""
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(max_retries=0, pool_maxsize=at_once))
    made.headers["User-Agent"] = f"ZoomWordPressBridge/{__version__}"
    made.headers["Accept"] = "application/json"
    return made


class ZoomRest:
    """The REST API of one Zoom account. Raises: ZoomRestError from every method; its subclasses tell what to do."""

    def __init__(
        self,
        over: requests.Session,
        tokens: Tokens,
        pace: RateLimiter,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = over
        self._tokens = tokens
        self._pace = pace
        self._clock = clock
        self._reached: dict[
            str, Any
        ] = {}  # by the address of a region: by which proxy, and with which certificates

    def users(self, *, status: str = "active") -> Iterator[dict[str, Any]]:
        """Yield the account's users (`status`: active, inactive or pending), reading page by page."""
        return self._list("/users", "users", RateLabel.MEDIUM, page_size=_USERS_ON_PAGE, status=status)

    def meetings(self, user_id: str, *, type_: str = "scheduled") -> Iterator[dict[str, Any]]:
        """Yield a user's unexpired meetings without instant ones; the agenda is cut at 250 characters.

        `type_` is Zoom's: scheduled, upcoming, live, …
        """
        path = f"/users/{_segment(user_id)}/meetings"
        return self._list(path, "meetings", RateLabel.MEDIUM, page_size=_MEETINGS_ON_PAGE, type=type_)

    def webinars(self, user_id: str) -> Iterator[dict[str, Any]]:
        """Yield a user's unexpired webinars."""
        path = f"/users/{_segment(user_id)}/webinars"
        return self._list(path, "webinars", RateLabel.MEDIUM, page_size=_MEETINGS_ON_PAGE)

    def meeting(self, number: int) -> Reading:
        """Return a whole meeting. Raises: ZoomWebinarError for a webinar, ZoomGoneError where it does not exist."""
        return self._read_one(f"/meetings/{number}", number)

    def webinar(self, number: int) -> Reading:
        """Return a whole webinar. Raises: ZoomGoneError where it does not exist."""
        return self._read_one(f"/webinars/{number}", number)

    def _read_one(self, path: str, number: int) -> Reading:
        reading = self._read(path, RateLabel.LIGHT, show_previous_occurrences="true")
        if not _is_about(reading.document, number):
            raise ZoomRestError(messages.ZOOM_OTHER_MEETING % {"path": path}, status=_OK)
        return reading

    def _list(
        self, path: str, key: str, label: RateLabel, **parameters: str | int
    ) -> Iterator[dict[str, Any]]:
        """Yield the items of all pages. Raises: ZoomPageError once a page token has expired (15 minutes)."""
        turned: dict[str, str | int] = {}
        for _ in range(_MOST_PAGES):
            page = self._read(path, label, **parameters, **turned).document
            items = page.get(key)
            if not isinstance(items, list):
                raise ZoomUnreachableError(messages.ZOOM_NO_LIST % {"path": path}, status=_OK)
            yield from (item for item in items if isinstance(item, dict))
            following = _next_page(page)
            if not following:
                return
            if following == turned:
                raise ZoomPageError(messages.ZOOM_REPEATED_PAGE % {"path": path})
            turned = following
        raise ZoomRestError(messages.ZOOM_ENDLESS_LIST % {"path": path})

    def _read(self, path: str, label: RateLabel, **parameters: str | int) -> Reading:
        token = self._tokens.current()
        try:
            return self._ask_in_turn(token, path, label, parameters)
        except ZoomCredentialsError:
            # A new token of another process may have invalidated this one (Zoom's code 124): retry once with another.
            token = self._tokens.after(token)
            return self._ask_in_turn(token, path, label, parameters)

    def _ask_in_turn(
        self, token: Token, path: str, label: RateLabel, parameters: Mapping[str, str | int]
    ) -> Reading:
        """Send a request, and again where it exceeds the limit per second."""
        tries = 1
        while True:
            try:
                return self._ask(token.api_url, token.value, path, label, parameters)
            except ZoomLimitError as error:
                if error.daily or error.wait > _LONGEST_PAUSE_SECONDS or tries == _MOST_TRIES:
                    raise
                self._pace.pause(label, error.wait)
                tries += 1

    def _ask(
        self, api_url: str, token: str, path: str, label: RateLabel, parameters: Mapping[str, str | int]
    ) -> Reading:
        # Prepared by hand: the session's work per request (proxies, cookies, netrc) takes longer.
        request = requests.Request(
            "GET",
            f"{api_url}/v2{path}",
            params=dict(parameters),
            headers={**self._session.headers, "Authorization": f"Bearer {token}"},
        ).prepare()
        self._pace.acquire(label)
        try:
            with self._session.send(
                request, timeout=_TIMEOUT, allow_redirects=False, **self._settings(api_url)
            ) as answer:
                status, headers, body = answer.status_code, answer.headers, _body(answer)
        except OSError as error:
            raise ZoomUnreachableError(messages.ZOOM_UNREACHABLE) from error
        if status != _OK:
            paged = "next_page_token" in parameters
            refused = error_for(status, headers, body, path=path, paged=paged, now=self._clock())
            refused.at = _moment(headers.get("Date", ""), otherwise=self._clock())
            raise refused
        try:
            document = parsed(body)
        except ValueError as error:
            raise ZoomUnreachableError(messages.ZOOM_NOT_JSON % {"path": path}, status=status) from error
        if not isinstance(document, dict):
            raise ZoomUnreachableError(messages.ZOOM_NOT_OBJECT % {"path": path}, status=status)
        return Reading(document, _moment(headers.get("Date", ""), otherwise=self._clock()))

    def _settings(self, api_url: str) -> Mapping[str, Any]:
        """Return the environment's proxy and certificate settings, cached per address."""
        found = self._reached.get(api_url)
        if found is None:
            found = self._session.merge_environment_settings(api_url, {}, True, None, None)
            self._reached[api_url] = found
        return found


def _moment(date_: str, *, otherwise: datetime) -> int:
    """Return the second before the answer in Unix milliseconds, by Zoom's clock, which also stamps its events."""
    try:
        answered = parsedate_to_datetime(date_)
    except ValueError:
        answered = otherwise
    return (int(answered.timestamp()) - 1) * 1000


def _is_about(document: Mapping[str, Any], number: int) -> bool:
    """Tell whether an answer is about the meeting that was asked for: one made with the PMI may be named by that."""
    named = str(document.get("id", ""))
    return named == str(number) or (named != "" and named == str(document.get("pmi", "")))


def _next_page(page: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the parameters of the next page: by token, or by number where the answer knows no tokens.

    An empty token ends the list: `page_number` may still be 1 on the last page.
    """
    token, number, count = (page.get(name) for name in ("next_page_token", "page_number", "page_count"))
    if isinstance(token, str):
        return {"next_page_token": token} if token else {}
    if isinstance(number, int) and isinstance(count, int) and number < count:
        return {"page_number": number + 1}
    return {}


def _segment(identifier: str) -> str:
    """Quote an id for a path. UUIDs that begin with a slash or hold two in a row are encoded twice, as Zoom requires.

    https://developers.zoom.us/docs/api/meetings/ (“double-encode”)
    """
    once = quote(identifier, safe="")
    return quote(once, safe="") if identifier.startswith("/") or "//" in identifier else once


def _body(answer: requests.Response) -> bytes:
    pieces, size = [], 0
    for piece in answer.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > _LARGEST_ANSWER:
            raise requests.RequestException("the answer has no end")
    return b"".join(pieces)
