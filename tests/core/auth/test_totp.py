"""Codes of authenticator apps."""

from base64 import b32encode
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from core.auth.totp import STEP_SECONDS, app_uri, code_at, matching_step, new_secret, step_at

SECRET = b32encode(b"12345678901234567890").decode()
STEP = 40_000_000
START = STEP * STEP_SECONDS * 1000  # Unix milliseconds
END = START + STEP_SECONDS * 1000 - 1


class TestVectors:
    @pytest.mark.parametrize(
        ("seconds", "code"),
        [
            (59, "94287082"),
            (1111111109, "07081804"),
            (1111111111, "14050471"),
            (1234567890, "89005924"),
            (2000000000, "69279037"),
            (20000000000, "65353130"),
        ],
    )
    def test_of_the_rfc(self, seconds: int, code: str) -> None:
        """Those for SHA-1, of whose eight digits apps show the last six.

        https://www.rfc-editor.org/rfc/rfc6238#appendix-B
        """
        assert code_at(SECRET, step_at(seconds * 1000)) == code[2:]
        assert matching_step(SECRET, code[2:], now=seconds * 1000) == seconds // 30
        assert matching_step(SECRET, code, now=seconds * 1000) is None, "six digits"


class TestStep:
    @pytest.mark.parametrize("now", [START, START + 1, END])
    def test_is_the_present_one_or_one_beside_it(self, now: int) -> None:
        found = {off: matching_step(SECRET, code_at(SECRET, STEP + off), now=now) for off in range(-3, 4)}
        assert found == {-3: None, -2: None, -1: STEP - 1, 0: STEP, 1: STEP + 1, 2: None, 3: None}

    def test_ends_with_the_step_after_it(self) -> None:
        code = code_at(SECRET, STEP)
        length = STEP_SECONDS * 1000
        assert [matching_step(SECRET, code, now=now) for now in (START - length - 1, START - length)] == [
            None,
            STEP,
        ]
        assert [matching_step(SECRET, code, now=now) for now in (END + length, END + length + 1)] == [
            STEP,
            None,
        ]

    def test_is_found_at_the_beginning_of_time(self) -> None:
        assert matching_step(SECRET, code_at(SECRET, 0), now=0) == 0

    @pytest.mark.parametrize("typed", ["{0} {1}", " {0}{1}\n", "{0}\u00a0{1}"])
    def test_is_found_however_blanks_are_typed(self, typed: str) -> None:
        code = code_at(SECRET, STEP)
        assert matching_step(SECRET, typed.format(code[:3], code[3:]), now=START) == STEP

    @pytest.mark.parametrize(
        "typed", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", "x" * 100_000]
    )
    def test_of_what_is_no_code(self, typed: str) -> None:
        assert matching_step(SECRET, typed, now=START) is None


class TestSecret:
    def test_is_new_each_time_and_160_bits_long(self) -> None:
        made = {new_secret() for _ in range(50)}
        assert len(made) == 50
        assert {len(secret) for secret in made} == {160 // 5}

    def test_is_read_by_apps(self) -> None:
        uri = app_uri(SECRET, "anna (bridge.example.org:8765)", issuer="Zoom WordPress Bridge")
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
        assert unquote(parts.path) == "/Zoom WordPress Bridge:anna (bridge.example.org:8765)"
        asked = parse_qs(parts.query)
        assert asked["secret"] == [SECRET]
        assert asked["issuer"] == ["Zoom WordPress Bridge"]
        # Apps take these for granted where they are not named.
        assert asked.get("digits", ["6"]) == ["6"]
        assert asked.get("period", ["30"]) == ["30"]
        assert asked.get("algorithm", ["SHA1"]) == ["SHA1"]
