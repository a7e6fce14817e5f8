"""Events for tests: the project's own samples, those of others where they are at hand, and made ones."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from core.zoom.signature import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

_CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLES = _CHECKOUT / "tests" / "samples"
SHARED = _CHECKOUT.parent / "shared" / "zoom-samples"  # captures that others published; not everywhere

ACCOUNT = "SampleAccount0000000AA"
NUMBER = 85393847045
SERIES = 84200300400
SECRET = "Zk9_sample-Secret.Token1"
NOW = 1_767_603_600  # seconds; when the first sample happened

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / "events" / f"{name}.json").read_text())
    return found


def sample_files() -> list[Path]:
    """Every event at hand: our own, the odd ones, and others' where that folder is there."""
    theirs = [path for path in sorted(SHARED.glob("*.json")) if path.name != "signature-vectors.json"]
    return sorted((SAMPLES / "events").glob("*.json")) + sorted((SAMPLES / "raw").glob("*.json")) + theirs


def vectors() -> Iterator[tuple[bytes, str, str, str]]:
    """Body, secret, timestamp and signature: made by openssl, and live ones where they are at hand."""
    own = json.loads((SAMPLES / "signatures.json").read_text())
    for name, signature in own["signatures"].items():
        yield (SAMPLES / "raw" / name).read_bytes(), own["secret"], own["timestamp"], signature
    live = SHARED / "signature-vectors.json"
    if live.exists():
        told = json.loads(live.read_text())
        for vector in told["vectors"]:
            body = (SHARED / vector["file"]).read_bytes()
            yield body, told["secret"], vector["x-zm-request-timestamp"], vector["x-zm-signature"]


def event(
    name: str = "meeting.created",
    at: int | None = NOW * 1000,
    *,
    account_id: str | None = ACCOUNT,
    payload: dict[str, Any] | None = None,
    **object_: Any,
) -> dict[str, Any]:
    """Make an event about a meeting; `object_` goes into `payload.object`."""
    made: dict[str, Any] = {
        "event": name,
        "payload": {"object": {"id": NUMBER, **object_}, **(payload or {})},
    }
    if account_id is not None:
        made["payload"]["account_id"] = account_id
    if at is not None:
        made["event_ts"] = at
    return made


def raw(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def signed(body: bytes, *, secret: str = SECRET, at: float = NOW) -> dict[str, str]:
    """Zoom's headers for a body."""
    return {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Zoom Marketplace/1.0a",
        "x-zm-request-id": "5f3c_sample",
        TIMESTAMP_HEADER: str(int(at)),
        SIGNATURE_HEADER: sign(secret, int(at), body),
    }
