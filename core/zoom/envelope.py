"""What Zoom's events are wrapped in. Tolerant: unknown fields and unknown events are kept.

Described at https://developers.zoom.us/docs/api/webhooks/ and, for each event, at
https://developers.zoom.us/docs/api/meetings/events/.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from core.errors import BadRequestError

# Fields that differ between two deliveries of one and the same event: tokens that are made anew each time,
# and the addresses that hold them.
_MADE_ANEW = frozenset({"download_token", "download_access_token"})
_MADE_ANEW_IN_RECORDINGS = frozenset(
    {"download_url", "play_url", "share_url", "password", "recording_play_passcode"}
)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
_DEEPEST = 64
_LONGEST_NAME = 200


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    """Refuse what is JSON, but becomes an infinity that JSON cannot say again."""
    value = float(number)
    return value if math.isfinite(value) else _refuse_constant(number[:20])


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _integer_or_none(value: Any) -> int | None:
    """Read Zoom's numbers, which come as integers on some events and as text on others."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 10**15 else None


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME else None


def _mapping_or_none(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


_Integer = Annotated[int | None, BeforeValidator(_integer_or_none)]
_Text = Annotated[str | None, BeforeValidator(_text_or_none)]
_Mapping = Annotated[dict[str, Any] | None, BeforeValidator(_mapping_or_none)]


class Payload(BaseModel):
    """What an event is about. Only `account_id` is sure to be there, and not even that on validations."""

    model_config = ConfigDict(extra="allow", frozen=True)

    account_id: _Text = None
    object: _Mapping = None
    old_object: _Mapping = None
    operation: _Text = None
    scope: _Text = None
    time_stamp: _Integer = None


class Envelope(BaseModel):
    """One event. `event_ts` is in milliseconds since 1970; old samples and some events lack it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    event: str
    event_ts: _Integer = None
    payload: Payload

    @property
    def number(self) -> int | None:
        """The meeting's number: an integer on some events, text on others, and the same meeting."""
        return _integer_or_none((self.payload.object or {}).get("id"))

    @property
    def happened_at(self) -> int | None:
        """When it happened, in milliseconds since 1970: when the change was made, else when it was told."""
        return self.payload.time_stamp or self.event_ts


def parse(raw: bytes) -> Envelope:
    """Read an event from its raw bytes, which must have been verified before.

    A byte order mark is allowed, repeated keys are (the last counts), and so is any white space. Raises
    `BadRequestError` for what is not JSON or not an envelope.
    """
    try:
        document = _DECODER.decode(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"The body is not JSON: {str(error)[:200]}.") from error
    if b"\\u" in raw or raw.count(b"{") + raw.count(b"[") > _DEEPEST:
        document = _clean(document, 0)
    try:
        envelope = Envelope.model_validate(document)
    except (ValidationError, RecursionError) as error:
        raise BadRequestError(
            "The body is JSON, but not one of Zoom's events: it needs the text “event” and the object “payload”."
        ) from error
    if not _NAME.fullmatch(envelope.event):
        raise BadRequestError("The body is JSON, but its “event” is not the name of an event.")
    return envelope


def digest(envelope: Envelope) -> str:
    """Return what two deliveries of one event have in common, as 32 hexadecimal digits.

    Zoom's own retries have the same bytes; deliveries through overlapping subscriptions may order keys
    differently; `recording.completed` may come twice with other tokens and addresses. Signature,
    timestamp and request id stand outside the body and do not count.
    """
    made_anew = _MADE_ANEW
    if envelope.event.startswith("recording."):
        made_anew |= _MADE_ANEW_IN_RECORDINGS
    payload = envelope.payload
    # What `model_dump` gives, without copying all that is inside: this is done for every event.
    document = {
        **(envelope.model_extra or {}),
        **vars(envelope),
        "payload": {**(payload.model_extra or {}), **vars(payload)},
    }
    canonical = _CANONICAL.encode(document)
    if any(f'"{key}":' in canonical for key in made_anew):  # which they seldom are: looking is quicker
        canonical = _CANONICAL.encode(_without(document, made_anew))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:32]


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    if isinstance(value, list):
        return [_without(item, keys) for item in value]
    return value


def _clean(value: Any, depth: int) -> Any:
    """Replace what JSON's escapes can say and no database can store: lone surrogates and U+0000.

    What is nested so deep that later steps could not follow is refused.
    """
    if depth > _DEEPEST:
        raise BadRequestError("The body is JSON, but nested deeper than any of Zoom's events.")
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {_clean(key, depth + 1): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return value
