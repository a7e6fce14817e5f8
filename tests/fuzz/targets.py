"""The targets of the fuzzers in Python: each takes any bytes, and raises where a property does not hold.

An input of most targets begins with a line that says what the rest is. Where the code under test wants a signature, the
target makes it: fuzzers find no HMAC, and what lies behind would never be reached.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import random
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from core.errors import BadRequestError, SignatureError
from core.model import fold
from core.model.meeting import Meeting
from core.wordpress import pairing_envelope, responses, sync_envelope, sync_operations, sync_operations_json
from core.wordpress.pairing_envelope import MalformedPairingError, WrongPairingSignatureError
from core.zoom import envelope, signature, validation
from tests.core.wordpress import plugin_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from core.zoom.envelope import Envelope

NOW = 1_767_603_600
_LARGEST_NUMBER = 2**63 - 1
"""What a column of either database holds."""


@dataclass(frozen=True)
class Target:
    """One target: `check` raises where a property does not hold.

    `longest`: bytes of the longest input. `loads`: modules that `check` imports itself.
    """

    check: Callable[[bytes], None]
    longest: int = 4096
    loads: tuple[str, ...] = ()


# --- What Zoom sends ----------------------------------------------------------------------------------


def check_envelope(data: bytes) -> None:
    """Read an event: refused with a reason, or read so that writing and reading it again gives the same."""
    name = envelope.probable_name(data)
    assert name.isascii()
    try:
        event = envelope.parse(data)
    except BadRequestError as error:
        _check_reason(error)
        return
    assert event.event
    assert event.event.isprintable()
    assert event.event == event.event.strip()
    assert len(event.event) <= 200
    assert event.number is None or 0 < event.number < 10**15
    assert event.happened_at is None or 0 <= event.happened_at <= _LARGEST_NUMBER
    _check_storable(event.event, event.payload.account_id)
    again = _written_again(event)
    assert again == event
    assert envelope.digest(again) == envelope.digest(event)
    with suppress(BadRequestError):
        assert validation.plain_token(event)


def _written_again(event: Envelope) -> Envelope:
    """Read what an event becomes as JSON, with its keys in another order."""
    document = json.dumps(event.model_dump(), ensure_ascii=False, sort_keys=True)
    return envelope.parse(document.encode())


_ZOOM_SECRETS = (
    signature.Secret("secret-one"),
    signature.Secret("secret-two", account_id="account"),
    signature.Secret("verification-token", is_verification_token=True),
    signature.Secret("retired-token", is_verification_token=True, is_retired=True),
)


def check_signature(data: bytes) -> None:
    """Verify a request of Zoom's. The lines: secrets that the site has, signature, timestamp, token; then the body.

    Signature `@0`: the right one by the first secret. A header that is `-` is absent.
    """
    chosen, given, timestamp, token, body = _lines(data, 4)
    secrets = [secret for index, secret in enumerate(_ZOOM_SECRETS) if str(index) in chosen]
    if given.startswith("@"):
        index = 1 if given == "@1" else 0
        given = _zoom_signature(_ZOOM_SECRETS[index].value, timestamp, body)
    headers = _headers(
        {
            signature.SIGNATURE_HEADER: given,
            signature.TIMESTAMP_HEADER: timestamp,
            signature.TOKEN_HEADER: token,
        }
    )
    is_formed = signature.is_signature_of_zoom(headers)
    try:
        verified = signature.verify(headers, body, secrets, now=NOW)
    except SignatureError as error:
        _check_reason(error)
        return
    assert verified in secrets
    if verified.is_verification_token:
        assert token == verified.value
        assert not verified.is_retired
        assert given == "-" or all(secret.is_verification_token for secret in secrets)
        return
    assert is_formed
    assert given == _zoom_signature(verified.value, timestamp, body)
    assert abs(NOW - int(timestamp)) <= signature.WINDOW_SECONDS
    with suppress(SignatureError):
        signature.verify(headers, body + b" ", secrets, now=NOW)
        raise AssertionError("another body has the same signature")


def _zoom_signature(secret: str, timestamp: str, body: bytes) -> str:
    """Written out, from Zoom's documentation."""
    message = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


# --- The fold -----------------------------------------------------------------------------------------

_ACCOUNT, _NUMBER = "account", 85_393_847_045


def check_fold(data: bytes) -> None:
    """Fold events, one a line: any order, and any duplicates, give one meeting, whose views can be had."""
    changes: dict[str, fold.Change] = {}
    for line in data.split(b"\n")[:30]:
        with suppress(BadRequestError):
            event = envelope.parse(line)
            if fold.acts_on(event.event):
                digest = envelope.digest(event)
                at = fold.position(event, digest, received_at=NOW * 1000)
                changes[digest] = fold.Change(at, event)
    history = list(changes.values())
    meeting = fold.fold(_ACCOUNT, _NUMBER, history)
    if meeting is None:
        assert not history
        return
    chance = random.Random(len(data))
    shuffled = history + chance.choices(history, k=3)
    chance.shuffle(shuffled)
    assert fold.fold(_ACCOUNT, _NUMBER, shuffled) == meeting
    in_order = sorted(
        history, key=lambda change: (change.position.at, change.position.rank, change.position.digest)
    )
    assert reduce(fold.apply, in_order, Meeting(_ACCOUNT, _NUMBER)) == meeting
    half = len(in_order) // 2
    base = fold.fold(_ACCOUNT, _NUMBER, in_order[:half])
    assert fold.fold(_ACCOUNT, _NUMBER, in_order[half:], base=base) == meeting
    text = json.dumps(meeting.object, allow_nan=False)
    assert "start_url" not in meeting.object
    assert json.loads(text) == meeting.object
    _check_storable(meeting.object)


# --- The sync protocol --------------------------------------------------------------------------------

_PAIRING_KEY = "0123456789abcdef" * 4
_NONCE = "00112233445566778899aabbccddeeff"
_HOME = sync_envelope.home_digest("https://example.org")
_KEYS = sync_envelope.derive_keys(_PAIRING_KEY)
_OPERATIONS: tuple[sync_operations.Operation, ...] = (
    sync_operations.Hello(),
    sync_operations.Hello(call=True, visit=1),
    sync_operations.Find(("1", "85393847045")),
    sync_operations.Read(1),
    sync_operations.Outcome(_NONCE),
    sync_operations.Choices(sync_operations.ChoiceKind.AUTHORS),
    sync_operations.Sweep(after=0),
    sync_operations.Rotate("A" * 43),
    sync_operations.Address("https://bridge.example.org"),
    sync_operations.Unpair(),
    sync_operations.Trash(1, "1", 1),
    sync_operations.Delete(1, "1", 1),
)


def check_sync(data: bytes) -> None:
    """Read answers of a site, and seal requests to it. The first line: `body`, `signed`, `payload` or `request`."""
    kind, rest = _first(data)
    if kind == "request":
        _check_request(rest)
        return
    body = rest
    if kind in ("signed", "payload"):
        body = _signed_answer(rest, is_encoded=kind == "signed")
    try:
        answer = sync_envelope.open_answer(_KEYS, body, nonce=_NONCE)
    except sync_envelope.UnsignedAnswerError:
        return
    _check_is_signed(body, answer)
    assert 0 <= answer.time <= _LARGEST_NUMBER
    _check_storable(answer.stub, dict(answer.payload))
    try:
        payload = sync_operations_json.payload_of(answer.payload)
    except responses.UnexpectedError:
        return
    _check_storable(payload.highest, payload.protocols, payload.changed)
    for told in payload.results.values():
        for operation in _OPERATIONS:
            with suppress(responses.UnexpectedError):
                _check_storable(sync_operations_json.result_of(operation, told))


def _signed_answer(rest: bytes, *, is_encoded: bool) -> bytes:
    """Sign what a site says: the text of `d` itself, or what it encodes."""
    text = rest.decode("latin-1")
    data = text if is_encoded else base64.urlsafe_b64encode(rest).decode().rstrip("=")
    lines = f"zb2-answer\n{_NONCE}\n{NOW}\n{hashlib.sha256(data.encode()).hexdigest()}"
    key = plugin_envelope.key_for(_PAIRING_KEY, "answers")
    signed = hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()
    line = json.dumps({"n": _NONCE, "t": NOW, "stub": "0.2.0", "d": data, "sig": signed})
    return f"<html>\n#zb2:{line}\n".encode()


def _check_is_signed(body: bytes, answer: sync_envelope.SignedAnswer) -> None:
    """The answer is one that the plugin's side of the protocol, written out a second time, would sign."""
    key = plugin_envelope.key_for(_PAIRING_KEY, "answers")
    for line in body.split(b"\n"):
        if line.startswith(b"#zb2:"):
            with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                told = json.loads(line.removeprefix(b"#zb2:"))
                digest = hashlib.sha256(told["d"].encode()).hexdigest()
                lines = f"zb2-answer\n{_NONCE}\n{told['t']}\n{digest}"
                expected = hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()
                if told["sig"] == expected and told["t"] == answer.time:
                    return
    raise AssertionError("the answer was not signed")


def _check_request(rest: bytes) -> None:
    """What the bridge seals, the plugin's side of the protocol opens: the same payload, rightly signed."""
    try:
        payload = json.loads(rest)
        is_plain = isinstance(payload, dict) and _is_plain(payload)
    except (ValueError, RecursionError):
        return
    if not is_plain:
        return
    sealed = sync_envelope.seal_request(
        _KEYS, site="s1", home=_HOME, time=NOW, nonce=_NONCE, epoch=1, payload=payload
    )
    message = json.loads(sealed)
    assert message["sig"] == plugin_envelope.signature_of(_PAIRING_KEY, message)
    assert message["home"] == _HOME
    assert plugin_envelope.unpack(message) == payload


# --- Pairing ------------------------------------------------------------------------------------------

_SECRET, _CODE = "00112233445566778899aabbccddeeff", "0123456789abcdef"
_PLUGIN = pairing_envelope.KeyPair(bytes(range(32)))


def check_pairing(data: bytes) -> None:
    """Read what a plugin sends while it is paired. The first line: what the rest is, see the code."""
    kind, rest = _first(data)
    with suppress(MalformedPairingError, WrongPairingSignatureError):
        match kind:
            case "body":
                _check_storable(_opened(rest))
            case "details":
                _check_details(rest)
            case "answer":
                request = pairing_envelope.read_request(_request(b"{}"))
                pairing_envelope.open_answer(_SECRET, request, rest)
            case "move":
                _check_storable(pairing_envelope.read_move(rest))
            case "goodbye":
                assert pairing_envelope.read_goodbye(rest) in pairing_envelope.GOODBYES
            case _:
                _check_public_key(rest.decode("utf-8", "replace"))


def _opened(body: bytes) -> pairing_envelope.PairingDetails:
    return pairing_envelope.open_request(_SECRET, pairing_envelope.read_request(body))


def _request(details: bytes) -> bytes:
    """Sign any bytes as the details of a request."""
    data = base64.urlsafe_b64encode(details).decode().rstrip("=")
    extracted = hmac.digest(bytes(32), _SECRET.encode(), "sha256")
    key = hmac.digest(extracted, b"zoombridge pair-request\x01", "sha256")
    lines = f"zb2-pair\n{_CODE}\n{hashlib.sha256(data.encode()).hexdigest()}"
    signed = hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()
    return json.dumps({"zb": 2, "code": _CODE, "d": data, "sig": signed}).encode()


def _check_details(rest: bytes) -> None:
    """Details that are accepted are the same once they are sent again as they were read."""
    read = _opened(_request(rest))
    _check_storable(read)
    assert pairing_envelope.is_public_key(read.public_key)
    former = read.former and {
        "site": read.former.site,
        "bridge": read.former.bridge,
        "proof": read.former.proof,
    }
    again = {
        "t": read.time,
        "e": read.public_key,
        "home": read.home,
        "name": read.name,
        "rest": read.rest_root,
        "endpoints": dict(read.endpoints),
        "page": read.page,
        "stub": read.stub,
        "wordpress": read.wordpress,
        "epoch": read.epoch,
        "vczapi": read.vczapi,
        "vczapi_pro": read.vczapi_pro,
        "place": read.place,
        "former": former,
    }
    try:
        reopened = _opened(pairing_envelope.seal_request(_SECRET, _CODE, again))
    except ValueError as error:
        raise AssertionError("what was read is refused once it is sent again") from error
    assert reopened == read
    pairing_envelope.is_former(_PAIRING_KEY, pairing_envelope.read_request(_request(rest)), read)
    _check_public_key(read.public_key)


def _check_public_key(text: str) -> None:
    if pairing_envelope.is_public_key(text):
        key = pairing_envelope.pairing_key(_SECRET, _CODE, _PLUGIN, plugin=_PLUGIN.public, bridge=text)
        assert len(key) == 64


# --- Signed requests of the plugin --------------------------------------------------------------------


def check_stub(data: bytes) -> None:
    """Verify a request of the plugin's. The lines: method, target, timestamp, context, signature (`@`: right); the body.

    A context that begins with `{` or `[` is sent in Base64, as the plugin does.
    """
    from web.stub.auth import Context, StubRequest

    method, target, timestamp, context, given, body = _lines(data, 5)
    if context[:1] in ("{", "["):
        context = base64.b64encode(context.encode("latin-1")).decode()
    if given == "@" and method.isascii():
        given = _stub_signature(method, target, timestamp, context, body)
    headers = _headers(
        {
            "x-zoombridge-site": "s1",
            "x-zoombridge-timestamp": timestamp,
            "x-zoombridge-context": context,
            "x-zoombridge-signature": given,
        }
    )
    request = StubRequest(method, target, headers, body)
    assert isinstance(request.has_id, bool)
    try:
        request.verify(_PAIRING_KEY, now=NOW)
    except SignatureError as error:
        _check_reason(error)
        return
    assert given == _stub_signature(method, target, timestamp, headers.get("x-zoombridge-context", ""), body)
    assert abs(NOW - int(timestamp)) <= 300
    for other in (
        StubRequest(method, target + "?", headers, body),
        StubRequest(method, target, headers, body + b" "),
    ):
        with suppress(SignatureError):
            other.verify(_PAIRING_KEY, now=NOW)
            raise AssertionError("another request has the same signature")
    try:
        read = Context.from_header(headers.get("x-zoombridge-context", ""))
    except BadRequestError:
        return
    _check_storable(read)
    assert read.page.startswith(("http://", "https://"))


def _stub_signature(method: str, target: str, timestamp: str, context: str, body: bytes) -> str:
    """Written out, from docs/stub.md."""
    hashes = [hashlib.sha256(part).hexdigest() for part in (context.encode("latin-1"), body)]
    text = "\n".join(["v1", timestamp, method.upper(), target, *hashes])
    return "v1=" + hmac.new(_PAIRING_KEY.encode(), text.encode("latin-1"), hashlib.sha256).hexdigest()


# --- Answers of a bridge to the plugin ----------------------------------------------------------------


def check_plugin(data: bytes) -> None:
    """Have the plugin's own code read what a bridge sends. The first line says what it is: see plugin.php."""
    from tests.fuzz.plugin import plugin

    plugin().check(data)


TARGETS = {
    "envelope": Target(check_envelope),
    "signature": Target(check_signature, longest=600),
    "fold": Target(check_fold, longest=8192),
    "sync": Target(check_sync),
    "pairing": Target(check_pairing),
    "stub": Target(check_stub, longest=2048, loads=("web.stub.auth",)),
    "plugin": Target(check_plugin, longest=8192),
}


# --- What they share ----------------------------------------------------------------------------------


def _first(data: bytes) -> tuple[str, bytes]:
    kind, _, rest = data.partition(b"\n")
    return kind.decode("latin-1"), rest


def _lines(data: bytes, count: int) -> Any:
    """Return so many lines as text, as HTTP headers are read, and the rest."""
    *lines, rest = (data + b"\n" * count).split(b"\n", count)
    return *(line.decode("latin-1") for line in lines), rest.removesuffix(b"\n" * count)


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in given.items() if value != "-"}


def _check_reason(error: Exception) -> None:
    assert str(error), "an error without a reason"


def _check_storable(*values: Any) -> None:
    """Both databases can store every text in the values, and the numbers of dataclasses and tuples: those have columns."""
    left = list(values)
    while left:
        value = left.pop()
        if isinstance(value, str):
            assert "\x00" not in value, "PostgreSQL stores no such text"
            value.encode()
        elif isinstance(value, dict):
            left += [*value, *(part for part in value.values() if not isinstance(part, int))]
        elif isinstance(value, list):
            left += [part for part in value if not isinstance(part, int)]
        elif isinstance(value, tuple | frozenset):
            left += value
        elif hasattr(type(value), "__dataclass_fields__"):
            left += [getattr(value, name) for name in type(value).__dataclass_fields__]
        elif isinstance(value, int):
            assert abs(value) <= _LARGEST_NUMBER, "no column holds such a number"


def _is_plain(value: Any) -> bool:
    """Whether JSON of PHP and of Python agree on a value: no NaN, no lone surrogates."""
    if isinstance(value, str):
        return not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    return all(map(_is_plain, value)) if isinstance(value, list) else True
