"""Classify failures of a site's REST API: the fault, its message, and whether to retry. Pure."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from core import messages
from core.errors import Fault, SiteFaultError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.wordpress.addresses import Endpoint

LONGEST_EVIDENCE = 300
"""Most characters of a response that are stored as evidence."""

LARGEST_JSON = 128 * 1024
"""Largest body in bytes that is decoded as JSON. Signed answers may be larger: see `core.wordpress.sync_envelope`."""

LONGEST_WAIT = 24 * 3600.0
"""Longest `Retry-After`, in seconds: one day."""


@dataclass(frozen=True, slots=True)
class SiteResponse:
    """A site's response: status, headers (names in any case) and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value; empty where there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def beginning(self) -> SiteResponse:
        """Return the response with the beginning of its body, which is enough to tell what is wrong."""
        return replace(self, body=self.body[: LARGEST_JSON + 1])

    def json(self) -> Any:
        """Return the decoded JSON; ValueError if it is not JSON, or large.

        A byte order mark at its beginning is ignored. Some plugins' files begin with one, which PHP prints before
        everything else.
        """
        if len(self.body) > LARGEST_JSON:
            raise ValueError("too large")  # decoded, it would take many times its size
        try:
            return json.loads(self.body.decode("utf-8-sig"))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def classify(answer: SiteResponse, *, now: datetime, wrote: bool = True) -> SiteFaultError:
    """Return the fault of a response that is not a success.

    Call it for every status but 2xx, and for a 2xx whose body is not the JSON that was due. `now` (any
    zone) is needed where `Retry-After` is a date. `wrote` tells whether the request was to change
    something: only then does it matter whether it was carried out.
    """
    error = _json_error(answer)
    if answer.status in range(300, 400):
        return _moved(answer)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
        answer.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.header("Retry-After")
    ):
        return _throttled(answer, now)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return _server(answer, error, wrote=wrote)
    if error is None:
        return _not_json(answer, wrote=wrote)
    return _refused_by_wordpress(answer, error)


def unreachable(
    reason: str, *, evidence: str, unsure: bool = False, asks: tuple[Endpoint, ...] = ()
) -> SiteFaultError:
    """Return the fault of a site without a response. `reason` is the middle of a sentence.

    `asks` are addresses inside a network that an administrator could allow.
    """
    return SiteFaultError(
        messages.SITE_UNREACHABLE % {"reason": reason},
        fault=Fault.NETWORK,
        unsure=unsure,
        evidence=shorten(evidence),
        reason=reason,
        asks=asks,
    )


def untrusted(evidence: str) -> SiteFaultError:
    """Return the fault for a site whose certificate does not verify."""
    return SiteFaultError(
        messages.CERTIFICATE_UNTRUSTED,
        fault=Fault.TLS,
        evidence=shorten(evidence),
    )


def stub_missing(evidence: str = "", status: int | None = None) -> SiteFaultError:
    """Return the fault of a site whose plugin is not installed or not active."""
    return SiteFaultError(
        messages.PLUGIN_MISSING,
        fault=Fault.STUB_MISSING,
        status=status,
        evidence=shorten(evidence),
    )


def endless(largest: int, *, unsure: bool) -> SiteFaultError:
    """Return the fault of a response of more than `largest` bytes."""
    return SiteFaultError(
        messages.ANSWER_TOO_LARGE % {"size": largest // 2**20},
        fault=Fault.NOT_JSON,
        unsure=unsure,
    )


def retry_after(value: str, now: datetime) -> float | None:
    """Read `Retry-After`, seconds or a date (RFC 9110, 10.2.3; some send ISO dates), as seconds from `now`.

    None where it is empty or makes no sense.
    """
    value = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return min(float(value), LONGEST_WAIT)
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
        except (ValueError, TypeError, OverflowError):
            continue
        return min(max(float(math.ceil(seconds.total_seconds())), 0.0), LONGEST_WAIT)
    return None


def shorten(text: str) -> str:
    """Return `text` as evidence: one line, bounded, printable."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LONGEST_EVIDENCE else line[: LONGEST_EVIDENCE - 1] + "…"


def page_title(body: bytes) -> str:
    """Return the title of an HTML page, else the first words that it shows."""
    text = body[:65_536].decode("utf-8", "replace")
    # What is not closed goes to the end: each character is looked at once, however many tags there are.
    title = re.search(r"<title\b[^<>]*>(.*?)(?:</title\s*>|\Z)", text, re.IGNORECASE | re.DOTALL)
    if title and title.group(1).strip():
        return shorten(unescape(title.group(1)))
    hidden = r"<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>"
    bare = re.sub(hidden, " ", text, flags=re.IGNORECASE | re.DOTALL)
    return shorten(unescape(bare))


def _json_error(answer: SiteResponse) -> Mapping[str, Any] | None:
    """Return WordPress's error object; None where the body is not one."""
    try:
        error = answer.json()
    except ValueError:
        return None
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else None


def _evidence(answer: SiteResponse, error: Mapping[str, Any] | None) -> str:
    if error is None:
        return page_title(answer.body)
    return shorten(f"{error['code']}: {error.get('message', '')}")


def _moved(answer: SiteResponse) -> SiteFaultError:
    to = _address(answer.header("Location"))
    return SiteFaultError(
        messages.SITE_MOVED_TO % {"address": to} if to else messages.SITE_MOVED,
        fault=Fault.MOVED,
        status=answer.status,
        evidence=shorten(to),
    )


def _throttled(answer: SiteResponse, now: datetime) -> SiteFaultError:
    wait = retry_after(answer.header("Retry-After"), now)
    return SiteFaultError(
        messages.SITE_BUSY,
        fault=Fault.THROTTLED,
        status=answer.status,
        retry_after=wait,
        evidence=_evidence(answer, _json_error(answer)),
    )


def _server(answer: SiteResponse, error: Mapping[str, Any] | None, *, wrote: bool) -> SiteFaultError:
    page = page_title(answer.body) if error is None else ""
    return SiteFaultError(
        messages.SITE_ERROR_PAGE % {"status": answer.status, "page": page}
        if page
        else messages.SITE_ERROR % {"status": answer.status},
        fault=Fault.SERVER,
        status=answer.status,
        unsure=wrote,
        evidence=_evidence(answer, error),
    )


def _not_json(answer: SiteResponse, *, wrote: bool) -> SiteFaultError:
    seen = page_title(answer.body)
    missing = answer.status == HTTPStatus.NOT_FOUND
    template = messages.REST_API_MISSING if missing else messages.PAGE_NOT_REST_API
    return SiteFaultError(
        template % {"page": seen or messages.EMPTY_PAGE, "status": answer.status},
        fault=Fault.CREDENTIALS if answer.status == HTTPStatus.UNAUTHORIZED else Fault.NOT_JSON,
        status=answer.status,
        unsure=wrote and answer.status in range(200, 300),
        evidence=seen,
    )


def _refused_by_wordpress(answer: SiteResponse, error: Mapping[str, Any]) -> SiteFaultError:
    code, evidence = error["code"], _evidence(answer, error)
    if code == "rest_no_route":
        return stub_missing(evidence, answer.status)
    is_denied = answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    return SiteFaultError(
        messages.REQUEST_REJECTED % {"evidence": evidence},
        fault=Fault.CREDENTIALS if is_denied else Fault.REFUSED,
        status=answer.status,
        evidence=evidence,
    )


def _address(location: str) -> str:
    """Return a redirect's target without user, query and fragment, which may contain secrets."""
    try:
        parts = urlsplit(location)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return ""
