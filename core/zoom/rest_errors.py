"""Map error answers of Zoom's REST API to exceptions. Pure.

Errors are `{"code", "message", "errors"?}`: https://developers.zoom.us/docs/api/errors/
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from core import messages
from core.errors import (
    ZoomCredentialsError,
    ZoomGoneError,
    ZoomLimitError,
    ZoomPageError,
    ZoomRestError,
    ZoomScopeError,
    ZoomUnreachableError,
    ZoomWebinarError,
)
from core.storable import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_CODES = frozenset({124})
_SCOPE_CODES = frozenset({4700, 4711})
_GONE_CODE = 3001
_USER_CODES = frozenset({1001, 1010})
_LICENSE_CODE = 3161
_PLAN_CODE = 200
_WEBINAR_CODE = 3000
_VALIDATION_CODE = 300
_ENDPOINT_CODE = 2300
_TOO_MANY, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _SERVER = 429, 401, 403, 404, 500
_SECOND = 1.0
_MINUTE = 60.0
_LONGEST_SECONDS = 24 * 3600.0
_PER_SECOND_TYPES = ("qps", "per-second")
# “Meeting 123 is not found or has expired.”, “Webinar 123 not found or has expired.”, “Meeting does not exist: 123.”
_IS_GONE = re.compile(
    r"\b(meeting|webinar)\b.*\b(not found|has expired|not exist)\b", re.IGNORECASE | re.DOTALL
)
_OF_NUMBER = re.compile(r"/(?:meetings|webinars)/([0-9]+)")
_NUMBER = re.compile(r"[0-9]{9,}")


def error_for(
    status: int, headers: Mapping[str, str], body: bytes, *, path: str, paged: bool, now: datetime
) -> ZoomRestError:
    """Return the exception for an unsuccessful answer. `path` is the requested path, which holds no secret."""
    document = _document(body)
    code = document.get("code")
    code = code if isinstance(code, int) and not isinstance(code, bool) else None
    said = str(document.get("message", ""))[:300]
    if status == _TOO_MANY:
        return _limit(headers, said, code, now=now)
    if status >= _SERVER:
        return ZoomUnreachableError(messages.ZOOM_OUTAGE % {"status": status}, status=status, code=code)
    if not document:
        return ZoomUnreachableError(messages.ZOOM_INTERMEDIARY % {"status": status}, status=status)
    if code in _SCOPE_CODES or "does not contain scopes" in said:
        return _scope(said, status, code)
    kind, message = _meaning(status, code, said, path=path, paged=paged)
    return kind(message, status=status, code=code)


def _meaning(
    status: int, code: int | None, said: str, *, path: str, paged: bool
) -> tuple[type[ZoomRestError], str]:
    reason = said or messages.ZOOM_NO_REASON
    if code in TOKEN_CODES or status == _UNAUTHORIZED:
        return ZoomCredentialsError, messages.ZOOM_TOKEN_REJECTED % {"reason": said or status}
    if code == _WEBINAR_CODE:
        return ZoomWebinarError, messages.ZOOM_WEBINAR % {"path": path}
    if _is_gone(status, code, said, path=path):
        return ZoomGoneError, messages.ZOOM_NOT_FOUND % {"path": path, "reason": said}
    if code == _VALIDATION_CODE and paged and "page" in said.lower():
        return ZoomPageError, messages.ZOOM_LIST_CHANGED % {"reason": said}
    return ZoomRestError, _unclear(status, code, reason, path=path)


def _is_gone(status: int, code: int | None, said: str, *, path: str) -> bool:
    """Tell whether Zoom says of this very meeting or webinar that it does not exist, or not any more.

    Only 404 with code 3001 and its message does: with 403 the same code is a permission, and other codes are about the
    user, the license or the endpoint. https://developers.zoom.us/docs/api/meetings/#tag/meetings/get/meetings/{meetingId}
    """
    asked = _OF_NUMBER.fullmatch(path)
    if status != _NOT_FOUND or code != _GONE_CODE or asked is None or not _IS_GONE.search(said):
        return False
    return all(number == asked[1] for number in _NUMBER.findall(said))


def _unclear(status: int, code: int | None, reason: str, *, path: str) -> str:
    """Return the message of an answer that tells nothing about whether a meeting exists."""
    values = {"path": path, "reason": reason.rstrip("."), "status": status, "code": code}
    template = messages.ZOOM_ERROR if code is None else messages.ZOOM_ERROR_CODE
    if code in _USER_CODES:
        template = messages.ZOOM_UNKNOWN_USER
    elif code == _LICENSE_CODE:
        template = messages.ZOOM_UNLICENSED
    elif code == _PLAN_CODE and "webinar" in path + reason.lower():
        template = messages.ZOOM_NO_WEBINAR_PLAN
    elif code == _VALIDATION_CODE and "/webinars/" in path:
        template = messages.ZOOM_INVALID_WEBINAR
    elif code == _ENDPOINT_CODE:
        template = messages.ZOOM_UNKNOWN_ENDPOINT
    elif status == _FORBIDDEN and code is not None:
        template = messages.ZOOM_FORBIDDEN
    return template % values


def _limit(headers: Mapping[str, str], said: str, code: int | None, *, now: datetime) -> ZoomLimitError:
    kind = headers.get("X-RateLimit-Type", "").lower()
    wait = _retry_after(headers.get("Retry-After", ""), now=now)
    is_per_second = kind.startswith(_PER_SECOND_TYPES)
    daily = "daily" in kind or (not is_per_second and ("daily" in said.lower() or (wait or 0.0) > _MINUTE))
    if wait is None:
        # Zoom's days begin at midnight GMT, as its message says; without a hint it is the limit per second.
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        wait = (midnight - now).total_seconds() if daily else _SECOND
    # Zoom's time may have passed by this machine's clock, and its limit has not.
    wait = min(max(wait, _MINUTE if daily else _SECOND), _LONGEST_SECONDS)
    message = messages.ZOOM_RATE_LIMIT
    if daily:
        until = (now + timedelta(seconds=wait)).astimezone(UTC)
        message = messages.ZOOM_DAILY_LIMIT % {
            "reason": said or messages.ZOOM_NO_REASON,
            "time": f"{until:%Y-%m-%d %H:%M}",
        }
    return ZoomLimitError(message, wait=wait, daily=daily, code=code)


def _scope(said: str, status: int, code: int | None) -> ZoomScopeError:
    """Name the missing scopes of Zoom's message: “… does not contain scopes:[a:b:c, d:e]”."""
    found = re.search(r"scopes?:?\s*\[([^\]]{1,400})\]", said)
    scopes = tuple(part.strip() for part in found[1].split(",") if part.strip()) if found else ()
    named = " and ".join(scopes) or messages.ZOOM_SCOPES_UNNAMED
    return ZoomScopeError(
        messages.ZOOM_SCOPES_MISSING % {"scopes": named, "reason": said or status},
        scopes=scopes,
        status=status,
        code=code,
    )


def _retry_after(value: str, *, now: datetime) -> float | None:
    """Parse seconds, or the time of Zoom's own example (`2020-05-31T00:00:00Z`)."""
    if re.fullmatch(r"[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = parsed(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
