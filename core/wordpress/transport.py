"""One HTTP request to a site: bounded in time and size, without redirects and without retries."""

from __future__ import annotations

import io
import ssl
import time
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import requests
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import HTTPError, NameResolutionError, ReadTimeoutError

import core
from core import messages
from core.wordpress.addresses import Access
from core.wordpress.connections import LARGEST_ANSWER, WHOLE_SECONDS, RefusedAddressError, SiteSession
from core.wordpress.faults import SiteResponse, endless, unreachable, untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from core.errors import SiteFaultError

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
"""Read time-out: seconds between two chunks of a response."""

_PIECE = 64 * 1024
_ENCODINGS = ("gzip", "x-gzip", "deflate")

# Failures before any of the request was sent, and what they are in an owner's words.
_NEVER_SENT: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((requests.exceptions.SSLError,), messages.NO_SECURE_CONNECTION),
    ((NameResolutionError,), messages.NO_ALLOWED_ADDRESS),
    ((requests.exceptions.ConnectTimeout,), messages.SERVER_SILENT),
    ((ConnectionRefusedError,), messages.SERVER_REFUSES),
    ((requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema), messages.NO_WEB_ADDRESS),
)
_TOO_SLOW = (requests.exceptions.Timeout, ReadTimeoutError, TimeoutError)


def session(server_login: tuple[str, str] | None = None, *, access: Access | None = None) -> SiteSession:
    """Return a session without retries, which the store schedules, and without redirects.

    `server_login` are user and password for the web server in front of WordPress (HTTP Basic), in UTF-8. `access` is
    which addresses inside a network may be connected to; those of the networks allowed for the process may always.
    """
    made = SiteSession(access or Access())
    if server_login is not None:
        made.auth = HTTPBasicAuth(*(text.encode() for text in server_login))
    made.headers["User-Agent"] = f"ZoomWordPressBridge/{core.__version__}"
    made.headers["Accept"] = "application/json"
    made.headers["Accept-Encoding"] = "gzip, deflate"
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
    seconds. Redirects are not followed, and their bodies not read.
    """
    wrote = method not in ("GET", "HEAD")
    try:
        with over.request(
            method,
            url,
            data=body,
            headers=headers,
            timeout=timeout,
            stream=True,
        ) as response:
            is_redirect = response.status_code in range(300, 400)
            body = b"" if is_redirect else _body(response, wrote=wrote)
            return SiteResponse(response.status_code, dict(response.headers), body)
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
            # Whether a name is unknown, or leads to where nothing is allowed, is not told.
            said = NameResolutionError.__name__ if NameResolutionError in kinds else _said(chain)
            asks = next((link.asks for link in chain if isinstance(link, RefusedAddressError)), ())
            return unreachable(reason, evidence=said, asks=asks)
    slow = any(isinstance(link, _TOO_SLOW) for link in chain)
    reason = messages.ANSWER_TOO_LATE if slow else messages.CONNECTION_LOST
    return unreachable(reason, evidence=_said(chain), unsure=wrote)


def _body(response: requests.Response, *, wrote: bool) -> bytes:
    """Read a body, decompressed. A few bytes may hold a thousand times as many: no more than the limit is unpacked."""
    deadline = time.monotonic() + WHOLE_SECONDS
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    unpacker = _Unpacker() if encoding in _ENCODINGS else None
    body = io.BytesIO()
    for piece in response.raw.stream(_PIECE, decode_content=False):
        room = LARGEST_ANSWER + 1 - body.tell()
        body.write(piece if unpacker is None else unpacker.unpack(piece, room))
        if body.tell() > LARGEST_ANSWER:
            raise endless(LARGEST_ANSWER, unsure=wrote)
        if time.monotonic() > deadline:
            raise requests.exceptions.ReadTimeout(f"the answer took longer than {WHOLE_SECONDS:.0f} s")
    return body.getvalue()


class _Unpacker:
    """Unpacks gzip, zlib and, as some servers understand `deflate`, raw deflate."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._is_first = True

    def unpack(self, piece: bytes, room: int) -> bytes:
        """Return what is in the next piece, at most `room` bytes. Raises: requests.exceptions.ContentDecodingError."""
        is_first, self._is_first = self._is_first, False
        try:
            return self._inflater.decompress(piece, room)
        except zlib.error:
            pass
        if is_first:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                return self._inflater.decompress(piece, room)
            except zlib.error:
                pass
        raise requests.exceptions.ContentDecodingError("the body is not packed as it says")


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
