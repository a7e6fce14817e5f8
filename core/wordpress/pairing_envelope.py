"""Envelope of pairing: pairing codes, the plugin's signed request, the bridge's signed answer, and the keys. Pure.

The plugin signs its request with a key derived from the code's secret, and the bridge its answer. The pairing key comes
of an X25519 key agreement and the secret: it is in neither message, so that a listener learns nothing, and only the holder
of the code can pair. Without I/O and randomness; private keys are any 32 random bytes.
https://www.rfc-editor.org/rfc/rfc7748 (X25519), https://www.rfc-editor.org/rfc/rfc5869 (HKDF)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.storable import LARGEST_NUMBER

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOCOL = 2
"""The version of the protocol, `zb` in a request."""

LARGEST_REQUEST = 32 * 1024
"""Largest request for a pairing in bytes."""

KEY_BYTES = 32
"""Length of a private and of a public X25519 key."""

GOODBYES = ("deactivated", "uninstalled")
"""Why a plugin says goodbye."""

ENDPOINTS = ("meeting", "webinar", "recording")

_LONGEST = 2048  # characters of a text in a request
_HIGHEST_EPOCH = 999_999_999
_CODE_ID, _SECRET = "[0-9a-f]{16}", "[0-9a-f]{32}"
_HEX_DIGEST = re.compile("[0-9a-f]{64}")


class MalformedPairingError(ValueError):
    """A request for a pairing, or a key in it, is not of the form that the protocol asks for."""


class WrongPairingSignatureError(ValueError):
    """A message of a pairing was not signed with the secret of its code."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An X25519 key pair, made of 32 random bytes. `public` is in base64url without padding, as in messages."""

    private: bytes = field(repr=False)

    @property
    def public(self) -> str:
        """The public key for the other side."""
        return _encode(_private_key(self.private).public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class PairingRequest:
    """A request whose signature is not verified: only `code`, by which the secret is found, may be used.

    `data` is the text that is signed, and `signature` the hex HMAC that the request has.
    """

    code: str
    data: str
    signature: str


@dataclass(frozen=True, slots=True)
class FormerPairing:
    """The pairing that a plugin has already. `proof` shows that it knows the key of it, see `former_proof`."""

    site: str
    bridge: str
    proof: str


@dataclass(frozen=True, slots=True)
class PairingDetails:
    """What a plugin says of its site in a verified request.

    `time` is its clock in Unix seconds, `public_key` its X25519 key in base64url, `home` the raw option `home`, `page` the
    address of the plugin's page in wp-admin, `stub` the plugin's version. `epoch` is the highest epoch of a bridge there,
    and `place` the hex SHA-256 of folder and database, by which copies differ. `vczapi` is None where it is not active.
    """

    time: int
    public_key: str
    home: str
    name: str
    rest_root: str
    endpoints: Mapping[str, str]
    page: str
    stub: str
    wordpress: str
    epoch: int
    vczapi: str | None
    vczapi_pro: bool
    place: str
    former: FormerPairing | None


@dataclass(frozen=True, slots=True)
class PairingAnswerDetails:
    """What the bridge answers: its name for the site, its X25519 key, and how often the code can be used from now on."""

    site: str
    public_key: str
    uses_left: int


@dataclass(frozen=True, slots=True)
class MoveDetails:
    """What a paired plugin says of its site where that has moved; see `PairingDetails`."""

    home: str
    name: str
    rest_root: str
    endpoints: Mapping[str, str]
    page: str
    place: str


def code_text(bridge_url: str, code: str, secret: str) -> str:
    """Return a pairing code as it is pasted into WordPress; people can read in it which bridge it is.

    `bridge_url` has no slash at the end.
    """
    return f"{bridge_url}#zb1.{code}.{secret}"


def read_request(body: bytes) -> PairingRequest:
    """Return the parts of a request that are needed to verify it. Raises: MalformedPairingError."""
    if len(body) > LARGEST_REQUEST:
        raise MalformedPairingError("too large")
    message = _object(body)
    code, data, signature = (message.get(name) for name in ("code", "d", "sig"))
    if (
        message.get("zb") != PROTOCOL
        or not isinstance(code, str)
        or not re.fullmatch(_CODE_ID, code)
        or not isinstance(data, str)
        or not data.isascii()
        or not isinstance(signature, str)
        or not _HEX_DIGEST.fullmatch(signature)
    ):
        raise MalformedPairingError("not a request for a pairing")
    return PairingRequest(code, data, signature)


def open_request(secret: str, request: PairingRequest) -> PairingDetails:
    """Verify a request with the secret of its code, then parse it.

    Raises: WrongPairingSignatureError, MalformedPairingError.
    """
    expected = _mac(_derive(secret, "pair-request"), ("zb2-pair", request.code, _digest(request.data)))
    if not hmac.compare_digest(expected, request.signature):
        raise WrongPairingSignatureError("signed with another secret")
    return _details(_object(_decode(request.data)))


def seal_request(secret: str, code: str, details: Mapping[str, Any]) -> bytes:
    """Return the body of a plugin's request with the details `d`, as the plugin makes it."""
    data = _encode(json.dumps(details, separators=(",", ":")).encode())
    signature = _mac(_derive(secret, "pair-request"), ("zb2-pair", code, _digest(data)))
    return _dump({"zb": PROTOCOL, "code": code, "d": data, "sig": signature})


def seal_answer(secret: str, request: PairingRequest, answer: PairingAnswerDetails) -> bytes:
    """Return the body of the signed answer to a request."""
    details = {"site": answer.site, "e": answer.public_key, "uses_left": answer.uses_left}
    data = _encode(json.dumps(details, separators=(",", ":")).encode())
    return _dump({"d": data, "sig": _answer_signature(secret, request, data)})


def open_answer(secret: str, request: PairingRequest, body: bytes) -> PairingAnswerDetails:
    """Verify and parse the bridge's answer to a request, as the plugin does.

    Raises: WrongPairingSignatureError, MalformedPairingError.
    """
    message = _object(body)
    data, signature = str(message.get("d", "")), str(message.get("sig", ""))
    if not data.isascii() or not signature.isascii():
        raise MalformedPairingError("not an answer to a pairing")
    expected = _answer_signature(secret, request, data)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise WrongPairingSignatureError("signed with another secret")
    details = _object(_decode(data))
    return PairingAnswerDetails(_text(details, "site"), _key(details, "e"), _count(details, "uses_left"))


def pairing_key(secret: str, code: str, own: KeyPair, *, plugin: str, bridge: str) -> str:
    """Return the pairing key, 64 hexadecimal characters: the same for both sides.

    `own` is the key pair of the side that computes it; `plugin` and `bridge` are the public keys as in the messages.
    Raises: MalformedPairingError for a public key that gives no secret.
    """
    other = bridge if plugin == own.public else plugin
    info = f"zoombridge pairing\n{code}\n{plugin}\n{bridge}"
    return _hkdf(_agree(own, other) + secret.encode(), info).hex()


def rotated_key(key: str, own: KeyPair, *, bridge: str, plugin: str) -> str:
    """Return the key that replaces `key`, from the public keys of the operation `rotate` and of its result.

    Raises: MalformedPairingError for a public key that gives no secret.
    """
    other = bridge if plugin == own.public else plugin
    return _hkdf(_agree(own, other) + key.encode(), f"zoombridge rotation\n{bridge}\n{plugin}").hex()


def former_proof(key: str, code: str, public_key: str) -> str:
    """Return the proof that a plugin knows the key of its former pairing."""
    return _mac(key.encode(), ("zb2-former", code, public_key))


def is_former(key: str, request: PairingRequest, details: PairingDetails) -> bool:
    """Whether the plugin that sent a request holds this key from a former pairing."""
    if details.former is None:
        return False
    expected = former_proof(key, request.code, details.public_key)
    return hmac.compare_digest(expected.encode(), details.former.proof.encode())


def read_move(body: bytes) -> MoveDetails:
    """Parse a plugin's report of a move, whose signature was verified. Raises: MalformedPairingError."""
    told = _report(body)
    return MoveDetails(
        home=_url(told, "home"),
        name=_text(told, "name"),
        rest_root=_url(told, "rest"),
        endpoints=_endpoints(told),
        page=_url(told, "page"),
        place=_place(told),
    )


def read_goodbye(body: bytes) -> str:
    """Parse a plugin's goodbye, whose signature was verified; return its reason. Raises: MalformedPairingError."""
    reason = _report(body).get("reason")
    if reason not in GOODBYES:
        raise MalformedPairingError("reason")
    return str(reason)


def is_public_key(text: object) -> bool:
    """Whether a text of a message has the form of an X25519 public key."""
    try:
        return isinstance(text, str) and len(_decode(text)) == KEY_BYTES and _encode(_decode(text)) == text
    except MalformedPairingError:
        return False


def _details(told: Mapping[str, Any]) -> PairingDetails:
    return PairingDetails(
        time=_count(told, "t"),
        public_key=_key(told, "e"),
        home=_url(told, "home"),
        name=_text(told, "name"),
        rest_root=_url(told, "rest"),
        endpoints=_endpoints(told),
        page=_url(told, "page"),
        stub=_text(told, "stub"),
        wordpress=_text(told, "wordpress"),
        epoch=min(_count(told, "epoch"), _HIGHEST_EPOCH),
        vczapi=None if told.get("vczapi") is None else _text(told, "vczapi"),
        vczapi_pro=told.get("vczapi_pro") is True,
        place=_place(told),
        former=_former(told.get("former")),
    )


def _report(body: bytes) -> Mapping[str, Any]:
    if len(body) > LARGEST_REQUEST:
        raise MalformedPairingError("too large")
    return _object(body)


def _endpoints(told: Mapping[str, Any]) -> dict[str, str]:
    endpoints = told.get("endpoints")
    if not isinstance(endpoints, dict):
        raise MalformedPairingError("endpoints")
    return {name: _url(endpoints, name) for name in ENDPOINTS}


def _place(told: Mapping[str, Any]) -> str:
    place = _text(told, "place")
    if place and not _HEX_DIGEST.fullmatch(place):
        raise MalformedPairingError("place")
    return place


def _former(told: object) -> FormerPairing | None:
    if told is None:
        return None
    if not isinstance(told, dict):
        raise MalformedPairingError("former")
    return FormerPairing(*(_text(told, name) for name in ("site", "bridge", "proof")))


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedPairingError("not JSON") from error
    if not isinstance(found, dict):
        raise MalformedPairingError("not an object")
    return found


def _text(told: Mapping[str, Any], name: str) -> str:
    """Return a text in one line, without what cannot be printed."""
    value = told.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise MalformedPairingError(name)
    return " ".join("".join(sign if sign.isprintable() else " " for sign in value).split())


def _url(told: Mapping[str, Any], name: str) -> str:
    value = _text(told, name)
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in ("http", "https") or parts.username is not None or " " in value:
        raise MalformedPairingError(name)
    return value


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    if type(value) is not int or not 0 <= value <= LARGEST_NUMBER:
        raise MalformedPairingError(name)
    return value


def _key(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not is_public_key(value):
        raise MalformedPairingError(name)
    return value


def _agree(own: KeyPair, other: str) -> bytes:
    try:
        return _private_key(own.private).exchange(X25519PublicKey.from_public_bytes(_decode(other)))
    except ValueError as error:  # a point of low order, by which every secret would be zero
        raise MalformedPairingError("not a public key") from error


def _private_key(private: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(private)


def _answer_signature(secret: str, request: PairingRequest, data: str) -> str:
    lines = ("zb2-pair-answer", request.code, request.signature, _digest(data))
    return _mac(_derive(secret, "pair-answer"), lines)


def _derive(secret: str, purpose: str) -> bytes:
    return _hkdf(secret.encode(), f"zoombridge {purpose}")


def _hkdf(material: bytes, info: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=info.encode()).derive(material)


def _mac(key: bytes, lines: tuple[str, ...]) -> str:
    return hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise MalformedPairingError("not base64url") from error


def _dump(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
