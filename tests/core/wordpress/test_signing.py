"""Stub and bridge show each other who they are: the contract of docs/stub.md, line by line."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SignatureError, StaleSignatureError, WrongSignatureError
from core.wordpress.signing import sign_answer, sign_request, verify_request

KEY = "00112233445566778899aabbccddeeff" * 2
NOW = 1_767_603_601
CONTEXT = "eyJ1c2VyIjp7ImxvZ2luIjoiYW5uYSJ9fQ=="
TARGET = "/webhooks?site=k3v9"
BODY = b"secret_token=abc"
# What HTTP can carry in a header: bytes, which Tornado reads as Latin-1.
HEADER = st.text(st.characters(max_codepoint=255))


def headers(*, at: int | str = NOW, context: str = CONTEXT, key: str = KEY) -> dict[str, str]:
    signature = sign_request(key, timestamp=at, method="POST", target=TARGET, context=context, body=BODY)
    return {
        "x-zoombridge-timestamp": str(at),
        "x-zoombridge-context": context,
        "x-zoombridge-signature": signature,
    }


def verify(
    given_headers: dict[str, str],
    *,
    method: str = "POST",
    target: str = TARGET,
    body: bytes = BODY,
    now: float | None = NOW,
) -> None:
    verify_request(KEY, given_headers, method=method, target=target, body=body, now=now)


class TestSignRequest:
    def test_is_what_openssl_computes(self) -> None:
        """printf 'v1\\n…' | openssl dgst -sha256 -mac HMAC -macopt key:$KEY, over the lines of docs/stub.md."""
        assert headers()["x-zoombridge-signature"] == (
            "v1=1afb8bd4861fb21a956cad37180e646475ea39bcae02e2b73d5929204f89c809"
        )

    def test_is_made_of_the_lines_of_the_contract(self) -> None:
        lines = (
            "v1",
            "7",
            "GET",
            "/stub/hello",
            hashlib.sha256(b"").hexdigest(),
            hashlib.sha256(b"").hexdigest(),
        )
        expected = hmac.new(KEY.encode(), "\n".join(lines).encode(), "sha256").hexdigest()
        made = sign_request(KEY, timestamp=7, method="get", target="/stub/hello", context="", body=b"")
        assert made == f"v1={expected}"


class TestSignAnswer:
    def test_is_what_openssl_computes(self) -> None:
        made = sign_answer(
            KEY, request_signature="v1=abcdef", status=303, location="/webhooks?saved=token", body=b""
        )
        assert made == "v1=97b58baba80038a4196309d8edb8cd7dfc20574189a5d3275b2527c289ea6344"

    @pytest.mark.parametrize(
        "change", [{"request_signature": "v1=2"}, {"status": 201}, {"location": "/x"}, {"body": b"x"}]
    )
    def test_covers_all_of_it(self, change: dict[str, object]) -> None:
        said = {"request_signature": "v1=1", "status": 200, "location": "", "body": b""}
        assert sign_answer(KEY, **said) != sign_answer(KEY, **{**said, **change})  # type: ignore[arg-type]


class TestVerifyRequest:
    def test_takes_what_was_signed(self) -> None:
        verify(headers())
        verify(headers(context=""))

    def test_takes_an_absent_context_for_an_empty_one(self) -> None:
        given_headers = headers(context="")
        del given_headers["x-zoombridge-context"]
        verify(given_headers)

    @pytest.mark.parametrize(
        "change",
        [{"method": "GET"}, {"target": "/webhooks"}, {"target": TARGET + "&x=1"}, {"body": BODY + b"x"}, {"body": b""}],
    )  # fmt: skip
    def test_refuses_any_other_request(self, change: dict[str, object]) -> None:
        with pytest.raises(WrongSignatureError, match="site add"):
            verify(headers(), **change)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "change",
        [{"x-zoombridge-context": "e30="}, {"x-zoombridge-timestamp": str(NOW + 1)}, {"x-zoombridge-signature": ""},
         {"x-zoombridge-signature": "v1="}, {"x-zoombridge-timestamp": ""}],
    )  # fmt: skip
    def test_refuses_other_headers(self, change: dict[str, str]) -> None:
        with pytest.raises(WrongSignatureError):
            verify(headers() | change)

    def test_refuses_another_key(self) -> None:
        with pytest.raises(WrongSignatureError):
            verify(headers(key="another"))
        with pytest.raises(WrongSignatureError):
            verify({})

    @pytest.mark.parametrize("seconds", [300, -300])
    def test_is_good_for_five_minutes(self, seconds: int) -> None:
        verify(headers(), now=NOW + seconds)

    @pytest.mark.parametrize("seconds", [301, -301, 10**8])
    def test_and_no_longer(self, seconds: int) -> None:
        with pytest.raises(StaleSignatureError) as caught:
            verify(headers(), now=NOW + seconds)
        assert caught.value.seconds == seconds

    def test_whose_age_does_not_matter_where_zooms_own_is_checked(self) -> None:
        verify(headers(at=1), now=None)
        verify(headers(at=""), now=None)

    @pytest.mark.parametrize("at", ["", "soon", "-5", "1e9", "²"])
    def test_needs_a_time_where_it_matters(self, at: str) -> None:
        given_headers = headers(at="" if at == "²" else at)
        with pytest.raises(WrongSignatureError):
            verify(given_headers)

    @given(
        st.dictionaries(
            st.sampled_from(["x-zoombridge-timestamp", "x-zoombridge-context", "x-zoombridge-signature"]),
            HEADER,
        ),
        HEADER,
        st.binary(max_size=20),
    )
    def test_raises_only_our_errors(self, given_headers: dict[str, str], target: str, body: bytes) -> None:
        with pytest.raises(SignatureError):
            verify(given_headers, target=target, body=body)
