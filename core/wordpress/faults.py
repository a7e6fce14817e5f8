"""What a failure of a site's REST API means, who can mend it, and what to do until then. Pure."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from core.errors import Fault, SiteFaultError

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_EVIDENCE = 300
"""Characters of what came back that are kept."""

LONGEST_WAIT = 24 * 3600.0
"""Seconds: a site that asks for more is asked again after a day."""


@dataclass(frozen=True, slots=True)
class SiteResponse:
    """What a site answered: its status, its headers (names in any case) and the bytes of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value; empty where there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def json(self) -> Any:
        """Return the decoded JSON; ValueError where it is none. A byte order mark before it is forgiven.

        Some plugins' files begin with one, which PHP prints before everything else.
        """
        try:
            return json.loads(self.body.decode("utf-8-sig"))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def classify(answer: SiteResponse, *, now: datetime, wrote: bool = True) -> SiteFaultError:
    """Return what an answer that is not a success means.

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


def unreachable(reason: str, *, evidence: str, unsure: bool = False) -> SiteFaultError:
    """Return the fault for a site that gave no answer. `reason` is the middle of a sentence."""
    return SiteFaultError(
        f"The site could not be reached: {reason}. The bridge tries again by itself; check that the site "
        "opens in a browser, and that nothing blocks requests from the bridge's server.",
        fault=Fault.NETWORK,
        unsure=unsure,
        evidence=shorten(evidence),
        reason=reason,
    )


def untrusted(evidence: str) -> SiteFaultError:
    """Return the fault for a site whose certificate does not verify."""
    return SiteFaultError(
        "The site's HTTPS certificate cannot be trusted, so nothing was sent. Renew or repair the certificate "
        "of the site; the bridge tries again by itself.",
        fault=Fault.TLS,
        evidence=shorten(evidence),
    )


def stub_missing(evidence: str = "", status: int | None = None) -> SiteFaultError:
    """Return the fault for a WordPress in which our plugin is not there, or not active."""
    return SiteFaultError(
        "The plugin “Zoom WordPress Bridge” does not answer on this site. Install it, or activate it again "
        "under Plugins in wp-admin; the bridge goes on by itself after that.",
        fault=Fault.STUB_MISSING,
        status=status,
        evidence=shorten(evidence),
    )


def credentials(evidence: str = "", status: int | None = None) -> SiteFaultError:
    """Return the fault for a password that is not accepted (401), or a user with too few rights."""
    if status == HTTPStatus.UNAUTHORIZED:
        message = (
            "WordPress does not accept the application password. It was revoked, or a plugin has switched "
            "application passwords off, or the web server does not hand the Authorization header on. Connect "
            "the site again."
        )
    else:
        message = (
            "The WordPress user that the bridge signs in as may not do this. Give that user the role "
            "Administrator, or connect the site again as an administrator."
        )
    return SiteFaultError(message, fault=Fault.CREDENTIALS, status=status, evidence=shorten(evidence))


def endless(largest: int, *, unsure: bool) -> SiteFaultError:
    """Return the fault for an answer of more than `largest` bytes."""
    return SiteFaultError(
        f"The site answered with more than {largest // 2**20} MiB where a few kilobytes were due. Check what "
        "answers at its REST API (/wp-json/); the bridge tries again by itself.",
        fault=Fault.NOT_JSON,
        unsure=unsure,
    )


def not_wordpress(message: str, *, evidence: str = "", status: int | None = None) -> SiteFaultError:
    """Return the fault for an address that holds no WordPress which can be connected."""
    return SiteFaultError(message, fault=Fault.NOT_WORDPRESS, status=status, evidence=shorten(evidence))


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
    title = re.search(r"<title\b[^>]*>(.*?)</title\s*>", text, re.IGNORECASE | re.DOTALL)
    if title and title.group(1).strip():
        return shorten(unescape(title.group(1)))
    bare = re.sub(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", " ", text, flags=re.IGNORECASE | re.DOTALL)
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
        f"The site sends the bridge on to another address{f' ({to})' if to else ''}. Connect the site again "
        "with the address that a browser shows once the page is open.",
        fault=Fault.MOVED,
        status=answer.status,
        evidence=shorten(to),
    )


def _throttled(answer: SiteResponse, now: datetime) -> SiteFaultError:
    wait = retry_after(answer.header("Retry-After"), now)
    return SiteFaultError(
        "The site asks the bridge to come again later: it is busy, or being updated. The bridge does so by "
        "itself.",
        fault=Fault.THROTTLED,
        status=answer.status,
        retry_after=wait,
        evidence=_evidence(answer, _json_error(answer)),
    )


def _server(answer: SiteResponse, error: Mapping[str, Any] | None, *, wrote: bool) -> SiteFaultError:
    if error is not None and error["code"] == "rest_trash_not_supported":
        return SiteFaultError(
            "The trash is switched off on this site (EMPTY_TRASH_DAYS is 0 in wp-config.php), so the page was "
            "left as it is. Switch the trash on, or delete the page by hand.",
            fault=Fault.REFUSED,
            status=answer.status,
            evidence=_evidence(answer, error),
        )
    page = page_title(answer.body) if error is None else ""
    said = f" The page that came instead says: “{page}”." if page else ""
    return SiteFaultError(
        f"The site broke down on the request (HTTP {answer.status}).{said} The bridge tries again by itself; if "
        "it lasts, look into the error log of WordPress or of its web server.",
        fault=Fault.SERVER,
        status=answer.status,
        unsure=wrote,
        evidence=_evidence(answer, error),
    )


def _not_json(answer: SiteResponse, *, wrote: bool) -> SiteFaultError:
    seen = page_title(answer.body)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return SiteFaultError(
            "The web server in front of WordPress asks for a password of its own. Let requests to the REST "
            "API (/wp-json/) through without it, so that WordPress sees the application password.",
            fault=Fault.CREDENTIALS,
            status=answer.status,
            evidence=seen,
        )
    if answer.status == HTTPStatus.NOT_FOUND:
        what = "WordPress's REST API is not at this address any more. Check that the site is up, and connect it again"
    else:
        what = (
            "A page came where WordPress's REST API should have answered. Usually a firewall or a security "
            "plugin does this, or a maintenance page: let requests from the bridge's server to /wp-json/ through"
        )
    return SiteFaultError(
        f"{what}. The page says: “{seen or 'nothing'}” (HTTP {answer.status}).",
        fault=Fault.NOT_JSON,
        status=answer.status,
        unsure=wrote and answer.status in range(200, 300),
        evidence=seen,
    )


def _refused_by_wordpress(answer: SiteResponse, error: Mapping[str, Any]) -> SiteFaultError:
    code, evidence = error["code"], _evidence(answer, error)
    if code == "rest_no_route":
        return stub_missing(evidence, answer.status)
    if answer.status == HTTPStatus.CONFLICT and code == "zoombridge_exists":
        return SiteFaultError(
            "This meeting has a page on the site already.",
            fault=Fault.EXISTS,
            status=answer.status,
            post_id=_existing_post(error),
            evidence=evidence,
        )
    if code == "zoombridge_saving":
        return SiteFaultError(
            "Somebody is saving a meeting on the site, perhaps this one. The bridge looks again in a moment.",
            fault=Fault.BUSY,
            status=answer.status,
            evidence=evidence,
        )
    if code == "rest_post_invalid_id" or answer.status == HTTPStatus.GONE:
        return SiteFaultError(
            "The page is not there any more: somebody deleted it on the site.",
            fault=Fault.POST_MISSING,
            status=answer.status,
            evidence=evidence,
        )
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return credentials(evidence, answer.status)
    return SiteFaultError(
        f"WordPress refused the request: {evidence}. The other pages of the site are not affected.",
        fault=Fault.REFUSED,
        status=answer.status,
        evidence=evidence,
    )


def _existing_post(error: Mapping[str, Any]) -> int | None:
    data = error.get("data")
    post = data.get("post") if isinstance(data, dict) else None
    return post if isinstance(post, int) and not isinstance(post, bool) else None


def _address(location: str) -> str:
    """Return where a redirect leads, without user, query and fragment: those may hold secrets."""
    try:
        parts = urlsplit(location)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return ""
