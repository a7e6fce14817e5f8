"""Envelope of the sync protocol: keys, signed requests, and signed answers at the end of noisy bodies. Pure.

The protocol is specified in docs/sync.md. A request is a JSON object whose signature covers the site, its home
address, the time, a nonce and the packed payload. An answer is the last line of a body: whatever plugins printed
before it is skipped, and the HTTP status does not count.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.storable import storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROTOCOL = 2
"""The version of the protocol, `zb` in a request."""

LARGEST_REQUEST = 96 * 1024
"""Largest request in bytes; the plugin does not read a larger one."""

LARGEST_PAYLOAD = 2 * 1024 * 1024
"""Largest payload in bytes, unpacked."""

CLOCK_TOLERANCE = 300
"""Seconds by which the time of a request may differ from the site's."""

_MARK = b"#zb2:"
# Copies of the mark that a body may hold: the page of an error may repeat some of it.
_MOST_MARKS = 16
_DATA = re.compile(rb'"d"\s*:\s*"([A-Za-z0-9_-]*)"')
_LONGEST_REST = 4096  # of an answer without its data
_LAST_SECOND = 9_999_999_999  # the highest time that a request may have
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


class UnsignedAnswerError(ValueError):
    """A body holds no answer to this request that the site's key signed."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys derived from a pairing key, one for each direction, so that no message can be reflected.

    `requests` signs what the bridge sends and `answers` what the site answers; `site` is reserved for what the site
    sends by itself.
    """

    requests: bytes
    site: bytes
    answers: bytes

    def __repr__(self) -> str:
        """Return no key: exceptions and logs show representations."""
        return "<Keys>"


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """An answer whose signature is right. `time` is the site's clock in Unix seconds, `stub` the plugin's version."""

    time: int
    stub: str
    payload: Mapping[str, Any]


def derive_keys(pairing_key: str) -> Keys:
    """Derive the keys by HKDF-SHA256 (RFC 5869, no salt) from the characters of the pairing key."""

    def derive(purpose: str) -> bytes:
        return HKDF(SHA256(), 32, salt=None, info=f"zoombridge {purpose}".encode()).derive(
            pairing_key.encode()
        )

    return Keys(derive("bridge>site"), derive("site>bridge"), derive("answers"))


def home_digest(home: str) -> str:
    """Return the hex SHA-256 of a site's home address, by which the site recognises itself.

    The scheme and the host are lower case, without the default port; no slash is at the end.
    """
    whole = re.fullmatch(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", home.strip().encode(), re.DOTALL)
    if whole is None:
        return hashlib.sha256(home.strip().encode().rstrip(b"/")).hexdigest()
    # As bytes: only ASCII letters have a case here, in PHP as in Python.
    scheme, host, path = whole[1].lower(), whole[2].lower(), whole[3].rstrip(b"/")
    host = host.removesuffix(_DEFAULT_PORTS.get(scheme, b""))
    return hashlib.sha256(scheme + b"://" + host + path).hexdigest()


def seal_request(
    keys: Keys, *, site: str, home: str, time: int, nonce: str, epoch: int, payload: Mapping[str, Any]
) -> bytes:
    """Return the body of a signed request. `home` is the digest; `time` is in Unix seconds.

    The body may be larger than `LARGEST_REQUEST`: its size is known only once it is packed. Characters that are not
    Unicode scalar values (lone surrogates) become question marks.
    """
    text = json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    encoding, packed = _pack(text.encode("utf-8", "replace"))
    data = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    lines = (
        f"zb{PROTOCOL}-door",
        site,
        home,
        str(time),
        nonce,
        str(epoch),
        encoding,
        hashlib.sha256(data.encode()).hexdigest(),
    )
    message = {
        "zb": PROTOCOL,
        "site": site,
        "home": home,
        "t": time,
        "n": nonce,
        "epoch": epoch,
        "enc": encoding,
        "d": data,
        "sig": _mac(keys.requests, lines),
    }
    return json.dumps(message, separators=(",", ":")).encode()


def open_answer(keys: Keys, body: bytes, *, nonce: str) -> SignedAnswer:
    """Return the answer to the request with this nonce, found from the end of a response's body.

    Nothing but a few short fields is decoded or copied before the signature fits.
    Raises: UnsignedAnswerError where the body holds none.
    """
    for start, end in _marked_lines(body):
        answer = _verified(keys, body, start, end, nonce)
        if answer is not None:
            return answer
    raise UnsignedAnswerError("no signed answer")


def _pack(text: bytes) -> tuple[str, bytes]:
    """Return the encoding and the payload, packed where that makes it smaller. The same text packs alike."""
    packed = gzip.compress(text, compresslevel=6, mtime=0)
    return ("gz", packed) if len(packed) < len(text) else ("raw", text)


def _marked_lines(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the text begins and ends that follows a mark at the beginning of a line, from the last one on."""
    end = len(body)
    for _ in range(_MOST_MARKS):
        start = body.rfind(_MARK, 0, end)
        if start < 0:
            return
        if start == 0 or body[start - 1 : start] == b"\n":
            stop = body.find(b"\n", start)
            yield start + len(_MARK), len(body) if stop < 0 else stop
        end = start


def _verified(keys: Keys, body: bytes, start: int, end: int, nonce: str) -> SignedAnswer | None:
    """Return the answer in a line of a body; None where it is another's, or damaged."""
    found = _DATA.search(body, start, end)
    if found is None or found.start() - start + end - found.end() > _LONGEST_REST:
        return None
    data = memoryview(body)[found.start(1) : found.end(1)]
    try:
        # The line without its longest part, which is read once the signature fits.
        message = json.loads(body[start : found.start()] + b'"d":""' + body[found.end() : end])
        given, time, stub, rest, signature = (message[name] for name in ("n", "t", "stub", "d", "sig"))
        if given != nonce or type(time) is not int or not isinstance(signature, str) or rest:
            return None
        if not 0 <= time <= _LAST_SECOND:
            return None
        lines = ("zb2-answer", nonce, str(time), hashlib.sha256(data).hexdigest())
        if not hmac.compare_digest(_mac(keys.answers, lines).encode(), signature.encode()):
            return None
        decoded = base64.b64decode(bytes(data) + b"=" * (-len(data) % 4), altchars=b"-_", validate=True)
        # The site signs whatever it wants to: texts may be of a kind that no database stores.
        payload = storable(json.loads(decoded))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return SignedAnswer(time, storable(str(stub)), payload) if isinstance(payload, dict) else None


def _mac(key: bytes, lines: tuple[str, ...]) -> str:
    return hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
