"""The plugin's side of the envelope, from docs/sync.md alone: it shares no code with the client."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from typing import Any


def key_for(pairing_key: str, purpose: str) -> bytes:
    """RFC 5869, written out: extract with an empty salt, expand to one block."""
    extracted = hmac.new(b"\0" * 32, pairing_key.encode(), hashlib.sha256).digest()
    return hmac.new(extracted, f"zoombridge {purpose}".encode() + b"\x01", hashlib.sha256).digest()


def signature_of(pairing_key: str, message: dict[str, Any]) -> str:
    """The signature that a request should carry."""
    digest = hashlib.sha256(message["d"].encode("ascii")).hexdigest()
    text = (
        f"zb{message['zb']}-door\n{message['site']}\n{message['home']}\n{message['t']}\n{message['n']}\n"
        f"{message['epoch']}\n{message['enc']}\n{digest}"
    )
    return hmac.new(key_for(pairing_key, "bridge>site"), text.encode(), hashlib.sha256).hexdigest()


def unpack(message: dict[str, Any]) -> Any:
    """The payload of a request."""
    data: str = message["d"]
    packed = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    assert message["enc"] in ("gz", "raw")
    # 16 + 15: the format of RFC 1952, and no other.
    return json.loads(packed if message["enc"] == "raw" else zlib.decompress(packed, 31))


def answer_of(
    pairing_key: str, nonce: str, time: int, payload: dict[str, Any], *, stub: str = "0.2.0"
) -> bytes:
    """A signed answer, as it stands at the end of a body."""
    data = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    text = f"zb2-answer\n{nonce}\n{time}\n{hashlib.sha256(data.encode()).hexdigest()}"
    signature = hmac.new(key_for(pairing_key, "answers"), text.encode(), hashlib.sha256).hexdigest()
    line = json.dumps({"n": nonce, "t": time, "stub": stub, "d": data, "sig": signature})
    return f"\n#zb2:{line}\n".encode()
