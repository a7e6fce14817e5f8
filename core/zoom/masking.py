"""Mask secrets in a request's body and headers for display. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HIDDEN = "•" * 6
MOST_CHARACTERS = 200_000  # of a displayed body
_DEEPEST = 100
_SHORTEST_SECRET = 4  # shorter ones occur in any text
_MOST_SECRETS = 20  # that are looked for in all texts of a body

# Matched anywhere in a field's name, to cover fields that Zoom adds later: `start_url` gives access to the host's
# account, `plainToken` and `encryptedToken` validate an endpoint, `download_token` gives access to recordings.
_SECRET = re.compile(
    r"start_url|passw|passcode|pwd|token|secret|host_?key|h323|pstn|authorization", re.IGNORECASE
)
_PASSCODE = re.compile(r"passw|passcode|pwd", re.IGNORECASE)
# The same in addresses and text: `zak` is the secret of a `start_url`, `tk` is a registrant's token. Links within links, as
# mail programs make them, have what separates their parameters escaped, once or several times.
_BEFORE, _EQUALS = r"(?:[?&;#]|%(?:25)*(?:3f|26|3b|23))", r"(?:=|%(?:25)*3d)"
_VALUE = r"[^&#\s\"'<>]+"
_IN_ADDRESS = re.compile(
    rf"({_BEFORE}(?:zak|tk|\w*token|\w*secret|password|passcode){_EQUALS}){_VALUE}", re.IGNORECASE
)
_PASSCODE_IN_ADDRESS = re.compile(rf"({_BEFORE}pwd{_EQUALS}){_VALUE}", re.IGNORECASE)
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
    """Return a body formatted for display with secrets masked; `passcodes` keeps passcodes inside texts visible."""
    try:
        document = json.loads(raw.decode("utf-8-sig"))
        secrets = () if passcodes else tuple(_passcodes(document))[:_MOST_SECRETS]
        masked = mask_value(document, passcodes=passcodes, secrets=secrets)
        shown = json.dumps(masked, ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        shown = _text(_without_fields(raw.decode("utf-8", "backslashreplace")), passcodes=passcodes)
    shown = printable(shown)
    if len(shown) > MOST_CHARACTERS:
        return shown[:MOST_CHARACTERS] + "\n…"
    return shown


def mask_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with passcodes and tokens in links masked, and `secrets` wherever they occur."""
    return _text(text, passcodes=False, secrets=secrets)


def mask_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return headers for display, sorted by name, with secrets masked."""
    return {name: _header(name, value) for name, value in sorted(given.items())}


def mask_value(
    value: Any, *, passcodes: bool, name: str = "", secrets: Iterable[str] = (), depth: int = 0
) -> Any:
    """Return a JSON value of any shape with secrets masked.

    Without `passcodes` those in links are masked, too, and `secrets` wherever a text holds them: invitations are pasted into
    topics and agendas.
    """
    if depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, bool) or not value:
        return value  # an empty value is shown as empty
    if _SECRET.search(name):
        return HIDDEN
    if isinstance(value, dict):
        return {
            key: mask_value(item, passcodes=passcodes, name=key, secrets=secrets, depth=depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [mask_value(item, passcodes=passcodes, secrets=secrets, depth=depth + 1) for item in value]
    return _text(value, passcodes=passcodes, secrets=secrets) if isinstance(value, str) else value


def _text(text: str, *, passcodes: bool, secrets: Iterable[str] = ()) -> str:
    shown = _IN_ADDRESS.sub(rf"\1{HIDDEN}", text)
    if passcodes:
        return shown
    shown = _PASSCODE_IN_ADDRESS.sub(rf"\1{HIDDEN}", shown)
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST_SECRET}, key=len, reverse=True):
        shown = shown.replace(secret, HIDDEN)
    return shown


def _passcodes(value: Any, name: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the passcodes of a JSON value, by the names of its fields."""
    if depth > _DEEPEST:
        return
    if isinstance(value, str) and _PASSCODE.search(name):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _passcodes(item, key, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _passcodes(item, name, depth + 1)


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
