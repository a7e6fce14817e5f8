"""Mask secrets in a request's body and headers for display. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HIDDEN = "•" * 6
MOST_CHARACTERS = 200_000  # of a displayed body
_DEEPEST = 100
_SHORTEST_SECRET = 4  # shorter ones occur in any text

# Matched anywhere in a field's name, to cover fields that Zoom adds later: `start_url` gives access to the host's
# account, `plainToken` and `encryptedToken` validate an endpoint, `download_token` gives access to recordings.
_SECRET = re.compile(
    r"start_url|passw|passcode|pwd|token|secret|host_?key|h323|pstn|authorization", re.IGNORECASE
)
# The same in addresses and text: `zak` is the secret of a `start_url`, `tk` is a registrant's token.
_IN_ADDRESS = re.compile(r"(?i)([?&;](?:zak|tk|\w*token|\w*secret|password|passcode)=)[^&#\s\"'<>]+")
_PASSCODE_IN_ADDRESS = re.compile(r"(?i)([?&;]pwd=)[^&#\s\"'<>]+")
# The same where the body is not JSON: a field's name, and its value as far as it goes.
_SECRET_FIELD = re.compile(
    rf'("[^"\\]{{0,100}}?(?:{_SECRET.pattern})[^"\\]{{0,100}}"\s{{0,20}}:\s{{0,20}})'
    r'(?:"(?:[^"\\]|\\.)*"?|[^\s,"{}\[\]]+)',
    re.IGNORECASE | re.DOTALL,
)
# Control characters but tab and line feed, lone surrogates, and characters that change the direction of text: they
# could command a terminal, or show a line as another.
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def mask_body(raw: bytes, *, passcodes: bool) -> str:
    """Return a body formatted for display with secrets masked; `passcodes` keeps passcodes inside links visible."""
    try:
        document = json.loads(raw.decode("utf-8-sig"))
        shown = json.dumps(mask_value(document, passcodes=passcodes), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        shown = _text(_without_fields(raw.decode("utf-8", "backslashreplace")), passcodes=passcodes)
    shown = printable(shown)
    if len(shown) > MOST_CHARACTERS:
        return shown[:MOST_CHARACTERS] + "\n…"
    return shown


def mask_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with passcodes and tokens in links masked, and `secrets` wherever they occur."""
    shown = _text(text, passcodes=False)
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST_SECRET}, key=len, reverse=True):
        shown = shown.replace(secret, HIDDEN)
    return shown


def mask_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return headers for display, sorted by name, with secrets masked."""
    return {name: _header(name, value) for name, value in sorted(given.items())}


def mask_value(value: Any, *, passcodes: bool, name: str = "", depth: int = 0) -> Any:
    """Return a JSON value of any shape with secrets masked."""
    if depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, bool) or not value:
        return value  # an empty value is shown as empty
    if _SECRET.search(name):
        return HIDDEN
    if isinstance(value, dict):
        return {
            key: mask_value(item, passcodes=passcodes, name=key, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask_value(item, passcodes=passcodes, depth=depth + 1) for item in value]
    return _text(value, passcodes=passcodes) if isinstance(value, str) else value


def _text(text: str, *, passcodes: bool) -> str:
    hidden = _IN_ADDRESS.sub(rf"\1{HIDDEN}", text)
    return hidden if passcodes else _PASSCODE_IN_ADDRESS.sub(rf"\1{HIDDEN}", hidden)


def _without_fields(text: str) -> str:
    """Mask the values of secret fields in what should have been JSON."""
    return _SECRET_FIELD.sub(rf'\1"{HIDDEN}"', text)


def printable(text: str) -> str:
    """Return a text with its unprintable characters written as JSON escapes them."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _header(name: str, value: str) -> str:
    if name.lower() == "x-zm-signature":
        # Enough to distinguish two signatures.
        return f"{HIDDEN}{value[-4:]}" if len(value) > 2 * len(HIDDEN) else HIDDEN
    if _SECRET.search(name) or "cookie" in name.lower():
        return HIDDEN
    return printable(_text(value, passcodes=False))
