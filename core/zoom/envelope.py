"""Parse the envelope of Zoom's events; unknown fields and event names are kept. Pure.

https://developers.zoom.us/docs/api/webhooks/ and, for each event, https://developers.zoom.us/docs/api/meetings/events/
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from core import messages
from core.errors import BadRequestError
from core.storable import DEEPEST, storable
from core.zoom.numbers import integer, meeting_number

# Fields that differ between two deliveries of the same event: tokens issued per delivery, and addresses that hold them.
_PER_DELIVERY = frozenset({"download_token", "download_access_token"})
_PER_DELIVERY_IN_RECORDINGS = frozenset(
    {"download_url", "play_url", "share_url", "password", "recording_play_passcode"}
)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_NAME_IN_BYTES = re.compile(rb'"event"\s*:\s*"\s*([A-Za-z0-9_.\-]{1,100})\s*"')
_ACCOUNT_IN_BYTES = re.compile(rb'"account_id"\s*:\s*"([\x20\x21\x23-\x5b\x5d-\x7e]{1,200})"')
_LONGEST_NAME = 200
# Between them a number can only be a time in seconds (the years 2001 to 5138); in milliseconds it would be before 1974.
_FIRST_SECOND, _FIRST_MILLISECOND = 10**9, 10**11
_DAY = 86_400_000
_LAST_MILLISECOND = 32_503_680_000_000  # the year 3000
_FINER_UNITS = (10**3, 10**6)  # micro- and nanoseconds of a millisecond; since 2001 no time fits two units
_FIRST_OF_FINER_UNITS = 10**12
_LONG_NUMBER = re.compile(r"[0-9]{16,20}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DECIMAL = re.compile(r"[0-9]{1,15}\.[0-9]{1,9}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    """Reject a number that JSON allows but that overflows to infinity, which JSON cannot represent."""
    value = float(number)
    return value if math.isfinite(value) else _refuse_constant(number[:20])


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _milliseconds_or_none(value: Any) -> int | None:
    """Parse a time in Unix milliseconds; some events carry seconds instead, which are converted, as finer units are.

    So are dates as text, in UTC where they name no zone. A time after the year 3000 is none: calendars cannot hold it, and
    no later event could follow it. Nor is 0: it would put the event before the meeting's creation.
    """
    if isinstance(value, str) and _LONG_NUMBER.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, str) and _DATE.match(value.strip()):
        value = _milliseconds_of_date(value.strip())
    if type(value) is int:
        for unit in _FINER_UNITS:
            if _FIRST_OF_FINER_UNITS * unit <= value < _LAST_MILLISECOND * unit:
                value //= unit
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, float) and _FIRST_SECOND <= value < _LAST_MILLISECOND:
        value = int(value * 1000 if value < _FIRST_MILLISECOND else value)
    number = integer(value)
    if number is not None and _FIRST_SECOND <= number < _FIRST_MILLISECOND:
        number *= 1000
    return number if number and number < _LAST_MILLISECOND else None


def _milliseconds_of_date(date: str) -> int | None:
    """Return a date in Unix milliseconds; None where it is unreadable, or so early that it would seem to be in seconds."""
    try:
        moment = datetime.fromisoformat(date.upper())
        found = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return found if found >= _FIRST_MILLISECOND else None


def _text_or_none(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= _LONGEST_NAME else None


def _word_or_none(value: Any) -> str | None:
    """Parse one of Zoom's words, such as `single`, which do not differ by case."""
    text = _text_or_none(value)
    return None if text is None else text.lower()


def _mapping_or_none(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


_Milliseconds = Annotated[int | None, BeforeValidator(_milliseconds_or_none)]
_Text = Annotated[str | None, BeforeValidator(_text_or_none)]
_Word = Annotated[str | None, BeforeValidator(_word_or_none)]
_Mapping = Annotated[dict[str, Any] | None, BeforeValidator(_mapping_or_none)]


class Payload(BaseModel):
    """The payload of an event. Only `account_id` is always present, and not in validations."""

    model_config = ConfigDict(extra="allow", frozen=True)

    account_id: _Text = None
    object: _Mapping = None
    old_object: _Mapping = None
    operation: _Word = None
    scope: _Word = None
    time_stamp: _Milliseconds = None


class Envelope(BaseModel):
    """One event. `event_ts` is in Unix milliseconds (UTC); old samples and some events lack it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    event: Annotated[str, AfterValidator(str.strip)]
    event_ts: _Milliseconds = None
    payload: Payload

    @property
    def number(self) -> int | None:
        """The meeting's number: an integer in some events, a string in others."""
        return meeting_number((self.payload.object or {}).get("id"))

    @property
    def happened_at(self) -> int | None:
        """The time of the change, else of sending, in Unix milliseconds (UTC).

        No change happens after it was sent, or a day before: such a time is none, and would put the event ahead of all later
        ones or before the meeting's creation.
        """
        changed, sent = self.payload.time_stamp, self.event_ts
        if changed and sent and sent > _FIRST_MILLISECOND:
            return changed if sent - _DAY < changed <= sent else sent
        return changed or sent


def parse(raw: bytes) -> Envelope:
    """Parse the raw bytes of a verified event.

    A byte order mark, repeated keys (the last one counts), any white space and any printable name are allowed; one of
    Zoom's documented names ends in a space, which is removed.

    Raises: BadRequestError for anything that is not JSON or not an envelope, with a reason of `core.messages`.
    """
    document = _decode(raw)
    if b"\\u" in raw or raw.count(b"{") + raw.count(b"[") > DEEPEST:
        document = _cleaned(document)
    try:
        envelope = Envelope.model_validate(document)
    except (ValidationError, RecursionError) as error:
        raise BadRequestError(_misshapen(document)) from error
    if not (0 < len(envelope.event) <= _LONGEST_NAME and envelope.event.isprintable()):
        raise BadRequestError(messages.UNREADABLE_NAME)
    return envelope


def probable_name(raw: bytes) -> str:
    """Return the name that a body which cannot be parsed seems to give its event, for display; empty without one."""
    found = _NAME_IN_BYTES.search(raw)
    return found[1].decode("ascii") if found else ""


def probable_account(raw: bytes) -> str:
    """Return the account that a body seems to name, found without parsing it; empty without one."""
    found = _ACCOUNT_IN_BYTES.search(raw)
    return found[1].decode("ascii") if found else ""


def _decode(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadRequestError(messages.UNREADABLE_ENCODING % {"position": error.start}) from error
    except json.JSONDecodeError as error:
        raise BadRequestError(messages.UNREADABLE_JSON % {"position": error.pos}) from error
    except RecursionError as error:
        raise BadRequestError(messages.UNREADABLE_DEEP) from error
    except ValueError as error:  # a constant that is not JSON, or more digits than Python converts
        raise BadRequestError(messages.UNREADABLE_NUMBER) from error


def _cleaned(document: Any) -> Any:
    """Return a document without texts that databases cannot store. Raises: BadRequestError for one nested too deep."""
    try:
        return storable(document)
    except RecursionError as error:
        raise BadRequestError(messages.UNREADABLE_DEEP) from error


def _misshapen(document: Any) -> str:
    """Return the reason why a JSON document is not an envelope."""
    if not isinstance(document, dict):
        return messages.UNREADABLE_SHAPE
    if not isinstance(document.get("event"), str):
        return messages.UNREADABLE_EVENT
    return messages.UNREADABLE_PAYLOAD


def digest(envelope: Envelope) -> str:
    """Return a digest of 32 hexadecimal digits that is equal for all deliveries of one event.

    Zoom's retries have the same bytes; deliveries through overlapping subscriptions may order keys differently;
    `recording.completed` may come twice with other tokens and addresses. Signature, timestamp and request id are not
    part of the body and do not count.
    """
    per_delivery = _PER_DELIVERY
    if envelope.event.startswith("recording."):
        per_delivery |= _PER_DELIVERY_IN_RECORDINGS
    payload = envelope.payload
    # Equal to `model_dump`, but without a deep copy: this runs for every event.
    document = {
        **(envelope.model_extra or {}),
        **vars(envelope),
        "payload": {**(payload.model_extra or {}), **vars(payload)},
    }
    canonical = _CANONICAL.encode(document)
    if any(f'"{key}":' in canonical for key in per_delivery):  # rare, and the search is cheaper than a copy
        canonical = _CANONICAL.encode(_without(document, per_delivery))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:32]


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    if isinstance(value, list):
        return [_without(item, keys) for item in value]
    return value
