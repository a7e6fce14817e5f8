"""One HTTP request to a site: bounded in time and size, without redirects and without retries."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError, NameResolutionError, ReadTimeoutError

import core
from core import messages
from core.wordpress.faults import SiteResponse, endless, unreachable, untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.errors import SiteFaultError

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
"""Read time-out: seconds between two chunks of a response."""

WHOLE_TIMEOUT = 60.0
"""Seconds for the whole body of a response: a slow drip never reaches the read time-out."""

LARGEST_ANSWER = 5 * 1024 * 1024
"""Largest body in bytes, decompressed."""

_PIECE = 64 * 1024

# Failures before any of the request was sent, and what they are in an owner's words.
_NEVER_SENT: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((requests.exceptions.SSLError,), messages.NO_SECURE_CONNECTION),
    ((NameResolutionError,), messages.NO_SUCH_SERVER),
    ((requests.exceptions.ConnectTimeout,), messages.SERVER_SILENT),
    ((ConnectionRefusedError,), messages.SERVER_REFUSES),
    ((requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema), messages.NO_WEB_ADDRESS),
)
_TOO_SLOW = (requests.exceptions.Timeout, ReadTimeoutError, TimeoutError)


def session(server_login: tuple[str, str] | None = None) -> requests.Session:
    """Return a session without retries: the store schedules those.

    `server_login` are user and password for the web server in front of WordPress (HTTP Basic), in UTF-8.
    """
    made = requests.Session()
    if server_login is not None:
        made.auth = HTTPBasicAuth(*(text.encode() for text in server_login))
    made.headers["User-Agent"] = f"ZoomWordPressBridge/{core.__version__}"
    made.headers["Accept"] = "application/json"
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(max_retries=0))
    return made


def send(
    over: requests.Session,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    timeout: tuple[float, float] = (CONNECT_TIMEOUT, READ_TIMEOUT),
    headers: Mapping[str, str] | None = None,
) -> SiteResponse:
    """Send one request and return the response, whatever its status; SiteFaultError without one.

    `body` is sent as it is. `timeout` is for connecting and for each piece of the answer, in
    seconds. Redirects are not followed.
    """
    wrote = method not in ("GET", "HEAD")
    try:
        with over.request(
            method,
            url,
            data=body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            return SiteResponse(response.status_code, dict(response.headers), _body(response, wrote=wrote))
    except (requests.RequestException, HTTPError, OSError) as error:
        raise fault_of(error, wrote=wrote) from error


def now() -> datetime:
    """Return the time, for `Retry-After` dates."""
    return datetime.now(UTC)


def seconds_ahead(answer: SiteResponse) -> float | None:
    """Return by how many seconds the server's clock is ahead of this machine's; None without a date."""
    try:
        return parsedate_to_datetime(answer.header("Date")).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None


def fault_of(error: Exception, *, wrote: bool) -> SiteFaultError:
    """Return the fault of an exception of the HTTP library.

    `wrote` tells whether the request was to change something. If so, and the connection was made, nobody
    knows whether it did.
    """
    chain = list(_chain(error))
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return untrusted(_said(chain))
    for kinds, reason in _NEVER_SENT:
        if any(isinstance(link, kinds) for link in chain):
            return unreachable(reason, evidence=_said(chain))
    slow = any(isinstance(link, _TOO_SLOW) for link in chain)
    reason = messages.ANSWER_TOO_LATE if slow else messages.CONNECTION_LOST
    return unreachable(reason, evidence=_said(chain), unsure=wrote)


def _body(response: requests.Response, *, wrote: bool) -> bytes:
    deadline = time.monotonic() + WHOLE_TIMEOUT
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise endless(LARGEST_ANSWER, unsure=wrote)
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout(f"the answer took longer than {WHOLE_TIMEOUT:.0f} s")
    return b"".join(pieces)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes: requests wraps urllib3's, which wraps the system's."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        reason = getattr(link, "reason", None)
        waiting += [
            link.__cause__,
            link.__context__,
            *(part for part in (reason, *link.args) if isinstance(part, BaseException)),
        ]


def _said(chain: list[BaseException]) -> str:
    """Return the names of the exceptions, not their texts, which contain the URL and possibly secrets."""
    return " < ".join(dict.fromkeys(type(link).__name__ for link in chain))
