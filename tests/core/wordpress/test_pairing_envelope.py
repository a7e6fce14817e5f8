"""The envelope of pairing, against the contract written out a second time and against fixed vectors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wordpress import pairing_envelope as envelope
from core.wordpress.pairing_envelope import (
    KeyPair,
    MalformedPairingError,
    PairingAnswerDetails,
    WrongPairingSignatureError,
)
from tests.sync_docs import PAIRING_DOCS, example

SECRET = "00112233445566778899aabbccddeeff"
CODE = "0123456789abcdef"
PLUGIN = KeyPair(bytes(range(32)))
BRIDGE = KeyPair(bytes(range(32, 64)))
FORMER_KEY = "0123456789abcdef" * 4
DETAILS: dict[str, Any] = {
    "t": 1_767_603_601,
    "e": PLUGIN.public,
    "home": "https://example.org/blog",
    "name": "A blog",
    "rest": "https://example.org/blog/wp-json/",
    "endpoints": {
        kind: f"https://example.org/blog/wp-json/vczapi/v1/{kind}"
        for kind in ("meeting", "webinar", "recording")
    },
    "page": "https://example.org/blog/wp-admin/edit.php?post_type=zoom-meetings&page=zoombridge-webhooks",
    "stub": "0.3.0",
    "wordpress": "6.5",
    "epoch": 2,
    "vczapi": None,
    "vczapi_pro": False,
    "place": "ab" * 32,
    "former": None,
}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def hkdf(material: bytes, info: str) -> bytes:
    """RFC 5869 for 32 bytes without a salt, written out."""
    extracted = hmac.digest(bytes(32), material, "sha256")
    return hmac.digest(extracted, info.encode() + b"\x01", "sha256")


def mac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def body_of(details: Any = None, *, secret: str = SECRET, **changes: Any) -> bytes:
    data = b64(json.dumps(DETAILS if details is None else details).encode())
    digest = hashlib.sha256(data.encode()).hexdigest()
    signature = mac(hkdf(secret.encode(), "zoombridge pair-request"), f"zb2-pair\n{CODE}\n{digest}")
    return json.dumps({"zb": 2, "code": CODE, "d": data, "sig": signature} | changes).encode()


def opened(body: bytes) -> envelope.PairingDetails:
    return envelope.open_request(SECRET, envelope.read_request(body))


class TestCode:
    def test_names_its_bridge(self) -> None:
        text = envelope.code_text("https://bridge.example.org", CODE, SECRET)
        assert text == f"https://bridge.example.org#zb1.{CODE}.{SECRET}"


class TestVectors:
    """Computed once; the plugin computes the same (plugin_stub/pairing.php)."""

    def test_public_keys(self) -> None:
        assert PLUGIN.public == "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8"
        assert BRIDGE.public == "NYBy1jZYgNGu6jKa35EhODhR7SGijjt16WXQ0s0WYlQ"

    def test_x25519_is_that_of_rfc_7748(self) -> None:
        """Section 6.1: Bob's private and public key."""
        private = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
        public = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
        assert KeyPair(private).public == b64(public)

    def test_request(self) -> None:
        body = envelope.seal_request(SECRET, CODE, DETAILS)
        assert (
            hashlib.sha256(body).hexdigest()
            == "50877a11cc73d4bb200f0d324a6f66e19691053454d72e25a08e768a531580aa"
        )
        assert json.loads(body)["sig"] == "dd0f9a8490194d5e633b2217377713ec3c6003b5af12a994f996694adefc45a3"

    def test_answer(self) -> None:
        request = envelope.read_request(envelope.seal_request(SECRET, CODE, DETAILS))
        answer = envelope.seal_answer(SECRET, request, PairingAnswerDetails("k3v9", BRIDGE.public, 0))
        assert json.loads(answer) == {
            "d": "eyJzaXRlIjoiazN2OSIsImUiOiJOWUJ5MWpaWWdOR3U2akthMzVFaE9EaFI3U0dpamp0MTZXWFEwczBXWWxRIiwidXNlc19sZWZ0IjowfQ",
            "sig": "4d993ed4c46bd96aefff351a4a54b6eddeb4a086f71f56fb4670242a0a8fbec3",
        }

    def test_keys(self) -> None:
        public = {"plugin": PLUGIN.public, "bridge": BRIDGE.public}
        assert (
            envelope.pairing_key(SECRET, CODE, BRIDGE, **public)
            == "b0cf7856166f3dec389e4b9f6621443ea45af21ebc01e36b44ec7789b1473d77"
        )
        assert (
            envelope.rotated_key(FORMER_KEY, BRIDGE, **public)
            == "32d1d3a642614dcefd988c1c7d495083c1472cb9767c968affa6dae99ba8e23a"
        )
        assert (
            envelope.former_proof(FORMER_KEY, CODE, PLUGIN.public)
            == "063801056c954654394a8750dd8aaca559501b7a3ae3ea1cae51c3ad6b3d483f"
        )


class TestRequest:
    def test_holds_what_the_plugin_says(self) -> None:
        details = opened(body_of())
        assert details.home == "https://example.org/blog"
        assert details.rest_root == "https://example.org/blog/wp-json/"
        assert details.public_key == PLUGIN.public
        assert (details.epoch, details.time, details.vczapi, details.former) == (2, 1_767_603_601, None, None)

    def test_has_its_texts_in_one_line(self) -> None:
        assert opened(body_of(DETAILS | {"name": " A\x00\nb\ud800 ö "})).name == "A b ö"

    def test_is_made_as_the_contract_says(self) -> None:
        assert opened(envelope.seal_request(SECRET, CODE, DETAILS)) == opened(body_of())

    def test_signed_with_another_secret_is_refused_unparsed(self) -> None:
        """A wrong signature is told, not what is wrong with the text."""
        body = body_of("no object", secret="ff" * 16)
        with pytest.raises(WrongPairingSignatureError):
            opened(body)

    def test_for_another_code_is_refused(self) -> None:
        with pytest.raises(WrongPairingSignatureError):
            opened(body_of(code="fedcba9876543210"))

    @pytest.mark.parametrize(
        "changes",
        [
            {"zb": 3},
            {"code": 1},
            {"code": "0123456789ABCDEF"},
            {"code": CODE + "\n"},
            {"d": None},
            {"d": "ä"},
            {"sig": "AB" * 32},
            {"sig": None},
        ],
    )
    def test_of_another_form_is_malformed(self, changes: dict[str, Any]) -> None:
        with pytest.raises(MalformedPairingError):
            envelope.read_request(body_of(**changes))

    @pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 9999, b'{"zb":2}'])
    def test_that_is_no_object_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedPairingError):
            envelope.read_request(body)

    def test_that_is_too_large_is_malformed(self) -> None:
        body = body_of()
        envelope.read_request(body.ljust(envelope.LARGEST_REQUEST))
        with pytest.raises(MalformedPairingError):
            envelope.read_request(body.ljust(envelope.LARGEST_REQUEST + 1))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("t", -1),
            ("t", True),
            ("e", b64(bytes(31))),
            ("e", PLUGIN.public + "="),
            ("e", None),
            ("home", "ftp://example.org"),
            ("home", "https://user:secret@example.org"),
            ("home", "https://"),
            ("home", "https://example.org:port"),
            ("home", "https://[example.org"),
            ("home", "https://example.org/a b"),
            ("name", "a" * 2049),
            ("rest", "javascript:alert(1)"),
            ("endpoints", {}),
            ("endpoints", {"meeting": "x", "webinar": "x", "recording": "x"}),
            ("page", ""),
            ("epoch", "1"),
            ("vczapi", 4),
            ("place", "ABC"),
            ("former", []),
            ("former", {"site": "k3v9"}),
        ],
    )
    def test_with_an_invalid_detail_is_malformed(self, name: str, value: Any) -> None:
        with pytest.raises(MalformedPairingError):
            opened(body_of(DETAILS | {name: value}))

    @given(st.binary(max_size=300))
    def test_of_any_bytes_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedPairingError):
            envelope.read_request(body)


class TestAnswer:
    def test_is_signed_as_the_contract_says(self) -> None:
        request = envelope.read_request(body_of())
        body = envelope.seal_answer(SECRET, request, PairingAnswerDetails("k3v9", BRIDGE.public, 2))
        message = json.loads(body)
        digest = hashlib.sha256(message["d"].encode()).hexdigest()
        key = hkdf(SECRET.encode(), "zoombridge pair-answer")
        assert message["sig"] == mac(key, f"zb2-pair-answer\n{CODE}\n{request.signature}\n{digest}")
        assert envelope.open_answer(SECRET, request, body) == PairingAnswerDetails("k3v9", BRIDGE.public, 2)

    def test_to_another_request_does_not_verify(self) -> None:
        request = envelope.read_request(body_of())
        other = envelope.read_request(body_of(DETAILS | {"t": 1}))
        body = envelope.seal_answer(SECRET, request, PairingAnswerDetails("k3v9", BRIDGE.public, 0))
        with pytest.raises(WrongPairingSignatureError):
            envelope.open_answer(SECRET, other, body)


class TestPairingKey:
    def test_is_the_same_for_both_sides(self) -> None:
        public = {"plugin": PLUGIN.public, "bridge": BRIDGE.public}
        key = envelope.pairing_key(SECRET, CODE, PLUGIN, **public)
        assert key == envelope.pairing_key(SECRET, CODE, BRIDGE, **public)
        assert len(key) == 64
        assert key != envelope.pairing_key("ff" * 16, CODE, PLUGIN, **public)

    @pytest.mark.parametrize("point", [bytes(32), bytes([1]) + bytes(31)])
    def test_a_point_of_low_order_is_refused(self, point: bytes) -> None:
        with pytest.raises(MalformedPairingError):
            envelope.pairing_key(SECRET, CODE, BRIDGE, plugin=b64(point), bridge=BRIDGE.public)

    def test_is_not_shown(self) -> None:
        assert repr(PLUGIN) == "KeyPair()"


class TestRotation:
    def test_is_the_same_for_both_sides(self) -> None:
        public = {"plugin": PLUGIN.public, "bridge": BRIDGE.public}
        key = envelope.rotated_key(FORMER_KEY, PLUGIN, **public)
        assert key == envelope.rotated_key(FORMER_KEY, BRIDGE, **public)
        assert key != envelope.rotated_key("00" * 32, BRIDGE, **public)


class TestFormer:
    def request(self, proof: str) -> tuple[envelope.PairingRequest, envelope.PairingDetails]:
        former = {"site": "k3v9", "bridge": "https://bridge.example.org", "proof": proof}
        request = envelope.read_request(body_of(DETAILS | {"former": former}))
        return request, envelope.open_request(SECRET, request)

    def test_is_proved_by_its_key(self) -> None:
        request, details = self.request(mac(FORMER_KEY.encode(), f"zb2-former\n{CODE}\n{PLUGIN.public}"))
        assert envelope.is_former(FORMER_KEY, request, details)
        assert not envelope.is_former("00" * 32, request, details)

    def test_is_not_proved_by_another_text(self) -> None:
        assert not envelope.is_former(FORMER_KEY, *self.request("ä"))

    def test_none_proves_nothing(self) -> None:
        request = envelope.read_request(body_of())
        assert not envelope.is_former(FORMER_KEY, request, envelope.open_request(SECRET, request))


class TestExample:
    """The example of docs/pairing.md, computed by the bridge; tests of the plugin compute it, too."""

    def test_messages(self) -> None:
        request = json.loads(envelope.seal_request(SECRET, CODE, example('{"t":', PAIRING_DOCS)))
        assert request == example('{"zb":2', PAIRING_DOCS)

        asked = envelope.read_request(json.dumps(request).encode())
        answer = PairingAnswerDetails("k3v9.a-site_1", BRIDGE.public, 0)
        assert json.loads(envelope.seal_answer(SECRET, asked, answer)) == example('{"d":', PAIRING_DOCS)

    def test_keys(self) -> None:
        keys = {
            "pair-request": hkdf(SECRET.encode(), "zoombridge pair-request").hex(),
            "pair-answer": hkdf(SECRET.encode(), "zoombridge pair-answer").hex(),
            "key": envelope.pairing_key(SECRET, CODE, BRIDGE, plugin=PLUGIN.public, bridge=BRIDGE.public),
        }
        keys["next"] = envelope.rotated_key(keys["key"], BRIDGE, bridge=BRIDGE.public, plugin=PLUGIN.public)
        for name, key in keys.items():
            assert re.search(rf"^    {name} +{key}$", PAIRING_DOCS, re.MULTILINE)
