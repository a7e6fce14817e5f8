"""The envelope of the sync protocol, against the contract written out a second time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wordpress import sync_envelope as envelope
from core.wordpress.sync_envelope import (
    UnsignedAnswerError,
    derive_keys,
    home_digest,
    open_answer,
    seal_request,
)
from tests.core.wordpress.plugin_envelope import answer_of, key_for, signature_of, unpack
from tests.sync_docs import DOCS, example

KEY = "00112233445566778899aabbccddeeff" * 2
KEYS = derive_keys(KEY)
HOME = home_digest("https://example.org")
NONCE = "0f" * 16
NOW = 1_767_603_601
PAYLOAD: dict[str, Any] = {"error": None, "results": []}
DEEP = base64.urlsafe_b64encode(b"[" * 99_999).decode()


def sealed(payload: dict[str, Any] | None = None) -> dict[str, Any]:
    body = seal_request(
        KEYS, site="k3v9", home=HOME, time=NOW, nonce=NONCE, epoch=3, payload=payload or {"operations": []}
    )
    message: dict[str, Any] = json.loads(body)
    return message


class TestKeys:
    def test_are_those_of_rfc_5869(self) -> None:
        """openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt key:$KEY -kdfopt info:"zoombridge …" HKDF."""
        assert KEYS.requests.hex() == "f68205f64fba1931b17109872a5676d19121586df81383041723d11a35f1ea51"
        assert KEYS.answers.hex() == "ed1f47493cd53c57884a4330eda929dbb08a7e299c7bb75b72c4e02ed6934abd"

    def test_each_direction_has_its_own(self) -> None:
        assert [KEYS.requests, KEYS.site, KEYS.answers] == [
            key_for(KEY, purpose) for purpose in ("bridge>site", "site>bridge", "answers")
        ]
        assert len({KEYS.requests, KEYS.site, KEYS.answers}) == 3

    def test_are_not_shown(self) -> None:
        assert repr(KEYS) == "<Keys>"


class TestHome:
    @pytest.mark.parametrize(
        "written",
        [
            "https://example.org/Blog",
            "https://example.org/Blog/",
            "HTTPS://Example.ORG:443/Blog",
            " https://example.org/Blog// ",
        ],
    )
    def test_of_one_site_is_one(self, written: str) -> None:
        assert home_digest(written) == hashlib.sha256(b"https://example.org/Blog").hexdigest()

    def test_other_sites_differ(self) -> None:
        others = (
            "https://example.org",
            "http://example.org",
            "https://example.org:444",
            "http://example.org:443",
            "https://example.org/blog",
            "https://example.org/Blog",
            "https://www.example.org",
            "example.org",
        )
        assert len({home_digest(other) for other in others}) == len(others)

    def test_without_a_path_ends_at_the_host(self) -> None:
        assert home_digest("http://EXAMPLE.org:80/") == hashlib.sha256(b"http://example.org").hexdigest()

    def test_only_ascii_letters_have_a_case(self) -> None:
        assert home_digest("https://ÄB.example/") == hashlib.sha256("https://Äb.example".encode()).hexdigest()


class TestRequest:
    def test_holds_what_the_contract_names(self) -> None:
        message = sealed()
        assert list(message) == ["zb", "site", "home", "t", "n", "epoch", "enc", "d", "sig"]
        assert (message["zb"], message["site"], message["t"], message["epoch"]) == (2, "k3v9", NOW, 3)
        assert re.fullmatch("[0-9a-f]{64}", message["sig"])
        assert re.fullmatch("[A-Za-z0-9_-]+", message["d"])

    @pytest.mark.parametrize("text", ["x", "Äpfel & 🚒 \x00 </script> " * 200])
    def test_is_signed_and_unpacked_by_the_contract(self, text: str) -> None:
        message = sealed({"text": text})
        assert message["sig"] == signature_of(KEY, message)
        assert unpack(message) == {"text": text}

    def test_is_packed_only_where_that_makes_it_smaller(self) -> None:
        assert sealed({})["enc"] == "raw"
        assert sealed({"text": "again " * 100})["enc"] == "gz"

    def test_of_the_same_payload_is_the_same(self) -> None:
        assert sealed({"text": "again " * 100}) == sealed({"text": "again " * 100})

    def test_survives_characters_that_no_text_may_hold(self) -> None:
        assert unpack(sealed({"text": "a\ud83db"})) == {"text": "a?b"}


class TestAnswer:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (b"", b""),
            (b"\xef\xbb\xbf<br />\n<b>Notice</b>: Undefined index\n", b""),
            (b"<!doctype html><title>Error</title>", b"<!-- cached by a plugin -->\n"),
            (b"\x00\xff\n#zb2:\n#zb2:{}\n#zb2:[1]\n#zb2:" + b"[" * 99_999, b"\n#zb2:{\n#zb2"),
        ],
    )
    def test_is_found_in_noise(self, before: bytes, after: bytes) -> None:
        body = before + answer_of(KEY, NONCE, NOW, PAYLOAD) + after
        found = open_answer(KEYS, body, nonce=NONCE)
        assert (found.time, found.stub, found.payload) == (NOW, "0.2.0", PAYLOAD)

    def test_needs_no_line_feeds_around_it_that_a_filter_trimmed(self) -> None:
        assert open_answer(KEYS, answer_of(KEY, NONCE, NOW, PAYLOAD).strip(), nonce=NONCE).time == NOW

    def test_of_another_request_is_none(self) -> None:
        other = answer_of(KEY, "ff" * 16, NOW, PAYLOAD)
        with pytest.raises(UnsignedAnswerError):
            open_answer(KEYS, other, nonce=NONCE)
        found = open_answer(KEYS, answer_of(KEY, NONCE, NOW, PAYLOAD) + other, nonce=NONCE)
        assert found.payload == PAYLOAD

    def test_with_another_key_is_none(self) -> None:
        with pytest.raises(UnsignedAnswerError):
            open_answer(KEYS, answer_of("f" * 64, NONCE, NOW, PAYLOAD), nonce=NONCE)

    def test_is_not_a_reflected_request(self) -> None:
        body = b"\n#zb2:" + json.dumps(sealed()).encode() + b"\n"
        with pytest.raises(UnsignedAnswerError):
            open_answer(KEYS, body, nonce=NONCE)

    @given(st.data())
    def test_is_refused_where_a_single_byte_of_it_differs(self, data: st.DataObject) -> None:
        body = bytearray(answer_of(KEY, NONCE, NOW, PAYLOAD, stub=""))
        position = data.draw(st.integers(0, len(body) - 1))
        before = bytes(body)
        body[position] = data.draw(st.integers(0, 255).filter(lambda value: value != before[position]))
        try:
            found = open_answer(KEYS, bytes(body), nonce=NONCE)
        except UnsignedAnswerError:
            return
        assert (found.time, found.payload) == (NOW, PAYLOAD)

    @given(st.binary(), st.binary())
    def test_is_not_found_in_anything_else(self, before: bytes, after: bytes) -> None:
        with pytest.raises(UnsignedAnswerError):
            open_answer(KEYS, before + b"\n#zb2:" + after, nonce=NONCE)

    @pytest.mark.parametrize("data", ["", "W10", "bm9uZQ", "Wzo", "Ä", DEEP])
    def test_holds_an_object(self, data: str) -> None:
        text = f"zb2-answer\n{NONCE}\n{NOW}\n{hashlib.sha256(data.encode()).hexdigest()}"
        line = {"n": NONCE, "t": NOW, "stub": "", "d": data}
        signed = {**line, "sig": envelope._mac(KEYS.answers, tuple(text.split("\n")))}
        with pytest.raises(UnsignedAnswerError):
            open_answer(KEYS, b"\n#zb2:" + json.dumps(signed).encode(), nonce=NONCE)


class TestExample:
    """The example of docs/sync.md, computed by the bridge; tests of the plugin compute it, too."""

    KEYS = derive_keys("0123456789abcdef" * 4)

    def test_keys(self) -> None:
        for name in ("requests", "answers", "site"):
            assert re.search(rf"^    {name} +{getattr(self.KEYS, name).hex()}$", DOCS, re.MULTILINE)

    def test_request(self) -> None:
        request = example('{"zb":2')

        body = seal_request(
            self.KEYS,
            site=request["site"],
            home=home_digest("https://example.org/blog"),
            time=request["t"],
            nonce=request["n"],
            epoch=request["epoch"],
            payload=example('{"quiet":false'),
        )

        assert json.loads(body) == request

    def test_answer(self) -> None:
        line = example('{"n":"')

        answer = open_answer(self.KEYS, f"noise\n#zb2:{json.dumps(line)}\n".encode(), nonce=line["n"])

        assert (answer.time, answer.stub, answer.payload) == (
            line["t"],
            line["stub"],
            example('{"error":null'),
        )
