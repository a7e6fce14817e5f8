"""Map error answers of Zoom's REST API to exceptions. Pure.

Errors are `{"code", "message", "errors"?}`: https://developers.zoom.us/docs/api/errors/
"""

from __future__ import annotations

import json
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

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_CODES = frozenset({124})
_SCOPE_CODES = frozenset({4700, 4711})
_GONE_CODES = frozenset({1001, 1010, 3001})
_WEBINAR_CODE = 3000
_VALIDATION_CODE = 300
_TOO_MANY, _UNAUTHORIZED, _NOT_FOUND, _SERVER = 429, 401, 404, 500
_SECOND = 1.0
_LONGEST_SECONDS = 24 * 3600.0


def error_for(
    status: int, headers: Mapping[str, str], body: bytes, *, path: str, paged: bool, now: datetime
) -> ZoomRestError:
    """Return the exception for an unsuccessful answer. `path` is the requested path, which holds no secret."""
    document = _document(body)
    code = document.get("code") if isinstance(document.get("code"), int) else None
    said = str(document.get("message", ""))[:300]
    if status == _TOO_MANY:
        return _limit(headers, said, code, now=now)
    if code in _SCOPE_CODES or "does not contain scopes" in said:
        return _scope(said, status, code)
    kind, message = _meaning(status, code, said, path=path, paged=paged)
    return kind(message, status=status, code=code)


def _meaning(
    status: int, code: int | None, said: str, *, path: str, paged: bool
) -> tuple[type[ZoomRestError], str]:
    kind: type[ZoomRestError] = ZoomRestError
    reason = said or messages.ZOOM_NO_REASON
    message = (
        messages.ZOOM_ERROR % {"path": path, "reason": reason, "status": status}
        if code is None
        else messages.ZOOM_ERROR_CODE % {"path": path, "reason": reason, "status": status, "code": code}
    )
    if code in TOKEN_CODES or status == _UNAUTHORIZED:
        kind = ZoomCredentialsError
        message = messages.ZOOM_TOKEN_REJECTED % {"reason": said or status}
    elif code == _WEBINAR_CODE:
        kind, message = ZoomWebinarError, messages.ZOOM_WEBINAR % {"path": path}
    elif code in _GONE_CODES or status == _NOT_FOUND:
        kind, message = ZoomGoneError, messages.ZOOM_NOT_FOUND % {"path": path, "reason": said or status}
    elif code == _VALIDATION_CODE and paged and "page" in said.lower():
        kind, message = ZoomPageError, messages.ZOOM_LIST_CHANGED % {"reason": said}
    elif status >= _SERVER:
        kind = ZoomUnreachableError
        message = messages.ZOOM_OUTAGE % {"status": status}
    return kind, message


def _limit(headers: Mapping[str, str], said: str, code: int | None, *, now: datetime) -> ZoomLimitError:
    kind = headers.get("X-RateLimit-Type", "").lower()
    daily = "daily" in kind or ("daily" in said.lower() and not kind)
    wait = _retry_after(headers.get("Retry-After", ""), now=now)
    if wait is None:
        # Zoom's days begin at midnight GMT, as its message says; without a hint it is the limit per second.
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        wait = (midnight - now).total_seconds() if daily else _SECOND
    message = (
        messages.ZOOM_DAILY_LIMIT % {"reason": said or "daily limit"} if daily else messages.ZOOM_RATE_LIMIT
    )
    return ZoomLimitError(message, wait=min(max(wait, 0.0), _LONGEST_SECONDS), daily=daily, code=code)


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
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
