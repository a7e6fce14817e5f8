"""What may be shown of a request: its body and headers without what opens accounts, meetings or recordings."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN = "•" * 6
MOST_CHARACTERS = 200_000  # of a body, as it is shown
_DEEPEST = 100

# By their names, wherever they stand and whatever Zoom may yet call them: `start_url` is a key to the host's account,
# `plainToken` and `encryptedToken` validate an endpoint, `download_token` opens recordings.
_SECRET = re.compile(
    r"start_url|passw|passcode|pwd|token|secret|host_?key|h323|pstn|authorization", re.IGNORECASE
)
# The same inside addresses and text. `zak` is what makes a `start_url` one, `tk` is a registrant's own.
_IN_ADDRESS = re.compile(r"(?i)([?&;](?:zak|tk|\w*token|\w*secret|password|passcode)=)[^&#\s\"'<>]+")
_PASSCODE_IN_ADDRESS = re.compile(r"(?i)([?&;]pwd=)[^&#\s\"'<>]+")


def mask_body(raw: bytes, *, passcodes: bool) -> str:
    """Return a body for people to read, with secrets hidden; `passcodes` tells whether those inside links may be seen."""
    try:
        document = json.loads(raw.decode("utf-8-sig"))
        shown = json.dumps(mask_value(document, passcodes=passcodes), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        shown = _text(raw.decode("utf-8", "replace"), passcodes=passcodes)
    if len(shown) > MOST_CHARACTERS:
        return shown[:MOST_CHARACTERS] + "\n…"
    return shown


def mask_headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return headers for people to read, in the order of their names."""
    return {name: _header(name, value) for name, value in sorted(given.items())}


def mask_value(value: Any, *, passcodes: bool, name: str = "", depth: int = 0) -> Any:
    """Return a JSON value with what is secret hidden, whatever its shape."""
    if depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, bool) or not value:
        return value  # that there is none is worth knowing
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


def _header(name: str, value: str) -> str:
    if name.lower() == "x-zm-signature":
        # Enough to tell two of them apart.
        return f"{HIDDEN}{value[-4:]}" if len(value) > 2 * len(HIDDEN) else HIDDEN
    return HIDDEN if _SECRET.search(name) or "cookie" in name.lower() else _text(value, passcodes=False)
