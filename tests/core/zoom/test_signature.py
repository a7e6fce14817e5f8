"""Who signed it, and when: the live vectors, our own, and everything that is not right."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import NoSecretError, SignatureError, StaleSignatureError, WrongSignatureError
from core.zoom.signature import Secret, sign, verify
from tests.core.events import NOW, SECRET, vectors

BODY = b'{"event":"meeting.created"}'
TOKEN = Secret("older-verification-token", is_verification_token=True)
# What HTTP can carry in a header: bytes, which Tornado reads as Latin-1.
HEADER = st.text(st.characters(max_codepoint=255))


def headers(body: bytes = BODY, *, secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    return {"x-zm-signature": sign(secret, at, body), "x-zm-request-timestamp": str(at)}


class TestSign:
    @pytest.mark.parametrize(("body", "secret", "timestamp", "signature"), list(vectors()))
    def test_is_what_others_compute(self, body: bytes, secret: str, timestamp: str, signature: str) -> None:
        assert sign(secret, timestamp, body) == signature

    def test_takes_the_time_as_a_number_too(self) -> None:
        assert sign(SECRET, NOW, BODY) == sign(SECRET, str(NOW), BODY)


class TestVectors:
    @pytest.mark.parametrize(("body", "secret", "timestamp", "signature"), list(vectors()))
    def test_verify(self, body: bytes, secret: str, timestamp: str, signature: str) -> None:
        given = {"x-zm-signature": signature, "x-zm-request-timestamp": timestamp}
        assert verify(given, body, [Secret(secret)], now=float(timestamp)) == Secret(secret)

    @pytest.mark.parametrize(("body", "secret", "timestamp", "signature"), list(vectors()))
    def test_any_other_byte_does_not(self, body: bytes, secret: str, timestamp: str, signature: str) -> None:
        given = {"x-zm-signature": signature, "x-zm-request-timestamp": timestamp}
        for changed in (body + b"\n", body[1:], body.replace(b"event", b"eVent", 1)):
            with pytest.raises(WrongSignatureError):
                verify(given, changed, [Secret(secret)], now=float(timestamp))

    @pytest.mark.parametrize("ensure_ascii", [True, False])
    def test_one_that_was_read_and_written_again_does_not(self, ensure_ascii: bool) -> None:
        """Zoom writes emoji escaped and other characters raw: no JSON library gives the same bytes."""
        body, secret, timestamp, signature = next(iter(vectors()))
        given = {"x-zm-signature": signature, "x-zm-request-timestamp": timestamp}
        again = json.dumps(json.loads(body), ensure_ascii=ensure_ascii, separators=(",", ":")).encode()
        with pytest.raises(WrongSignatureError):
            verify(given, again, [Secret(secret)], now=float(timestamp))


class TestSecrets:
    def test_none_is_an_error_of_its_own(self) -> None:
        with pytest.raises(NoSecretError, match="No secret token"):
            verify(headers(), BODY, [], now=NOW)

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_each_of_several_is_good(self, place: int) -> None:
        secrets = [Secret(f"secret-{index}") for index in range(3)]
        assert verify(headers(secret=f"secret-{place}"), BODY, secrets, now=NOW) is secrets[place]

    def test_another_is_not(self) -> None:
        with pytest.raises(WrongSignatureError, match="different secret token"):
            verify(headers(secret="another"), BODY, [Secret(SECRET), Secret("third")], now=NOW)

    def test_their_text_form_hides_them(self) -> None:
        secret = Secret(SECRET, account_id="A1")
        assert SECRET not in f"{secret!r} {secret} {[secret]}"
        assert "A1" in repr(secret)

    def test_messages_hide_them(self) -> None:
        for sent in ({}, headers(secret="x"), headers(at=NOW - 1000), {"authorization": "wrong"}):
            with pytest.raises(SignatureError) as caught:
                verify(sent, BODY, [Secret(SECRET), TOKEN], now=NOW)
            assert SECRET not in str(caught.value)
            assert TOKEN.value not in str(caught.value)


class TestHeaders:
    def test_missing_altogether(self) -> None:
        with pytest.raises(WrongSignatureError, match="neither"):
            verify({}, BODY, [Secret(SECRET)], now=NOW)

    def test_missing_timestamp(self) -> None:
        given = {"x-zm-signature": sign(SECRET, "", BODY)}
        with pytest.raises(WrongSignatureError):
            verify(given, BODY, [Secret(SECRET)], now=NOW)

    @pytest.mark.parametrize("timestamp", ["-1", "1e9", "1767603600.5", "١٢٣", "²", " 1767603600", "1" * 13])
    def test_timestamp_that_is_none_is_refused_though_signed(self, timestamp: str) -> None:
        given = {
            "x-zm-signature": sign(SECRET, timestamp, BODY),
            "x-zm-request-timestamp": timestamp,
        }
        with pytest.raises(WrongSignatureError):
            verify(given, BODY, [Secret(SECRET)], now=NOW)

    @pytest.mark.parametrize("change", [str.upper, str.strip, lambda value: value[3:], lambda _: ""])
    def test_signature_is_taken_literally(self, change: Callable[[str], str]) -> None:
        given = headers()
        changed = change(given["x-zm-signature"])
        if changed == given["x-zm-signature"]:
            assert verify(given, BODY, [Secret(SECRET)], now=NOW)
            return
        with pytest.raises(WrongSignatureError):
            verify(given | {"x-zm-signature": changed}, BODY, [Secret(SECRET)], now=NOW)

    @given(
        st.dictionaries(
            st.sampled_from(["x-zm-signature", "x-zm-request-timestamp", "authorization"]), HEADER | st.text()
        ),
        st.binary(max_size=40),
        st.lists(st.builds(Secret, st.text(min_size=1), st.booleans()), max_size=3),
    )
    def test_whatever_they_hold_only_our_errors_are_raised(
        self, given: dict[str, str], body: bytes, secrets: list[Secret]
    ) -> None:
        try:
            secret = verify(given, body, secrets, now=NOW)
        except SignatureError:
            return
        assert secret.is_verification_token
        assert secret.value == given["authorization"]


class TestRetiredToken:
    def test_proves_nothing_without_a_signature(self) -> None:
        retired = Secret(TOKEN.value, is_verification_token=True, is_retired=True)
        with pytest.raises(WrongSignatureError, match="only the older verification token"):
            verify({"authorization": TOKEN.value}, BODY, [Secret(SECRET), retired], now=NOW)
        with pytest.raises(WrongSignatureError, match="differs"):
            verify({"authorization": "wrong"}, BODY, [Secret(SECRET), retired], now=NOW)
        assert verify(headers() | {"authorization": TOKEN.value}, BODY, [Secret(SECRET), retired], now=NOW)


class TestWindow:
    @pytest.mark.parametrize("seconds", [0, 1, 299, 300])
    @pytest.mark.parametrize("sign_", [1, -1])
    def test_five_minutes_are_allowed(self, seconds: int, sign_: int) -> None:
        assert verify(headers(), BODY, [Secret(SECRET)], now=NOW + sign_ * seconds)

    @pytest.mark.parametrize("seconds", [301, 3600, 10**9])
    @pytest.mark.parametrize("sign_", [1, -1])
    def test_more_is_not(self, seconds: int, sign_: int) -> None:
        with pytest.raises(StaleSignatureError) as caught:
            verify(headers(), BODY, [Secret(SECRET)], now=NOW + sign_ * seconds)
        assert caught.value.seconds == sign_ * seconds
        assert str(seconds) in str(caught.value)
        assert ("ago" if sign_ > 0 else "ahead") in str(caught.value)

    def test_a_wrong_signature_is_said_to_be_wrong_not_late(self) -> None:
        with pytest.raises(WrongSignatureError):
            verify(headers(secret="another"), BODY, [Secret(SECRET)], now=NOW + 1000)


class TestVerificationToken:
    def test_counts_where_there_is_no_signature(self) -> None:
        assert verify({"authorization": TOKEN.value}, BODY, [TOKEN], now=NOW) is TOKEN
        assert verify({"authorization": TOKEN.value}, BODY, [Secret(SECRET), TOKEN], now=NOW) is TOKEN

    def test_another_does_not(self) -> None:
        with pytest.raises(WrongSignatureError, match="verification token"):
            verify({"authorization": "another"}, BODY, [TOKEN], now=NOW)

    def test_is_no_help_against_a_wrong_signature(self) -> None:
        given = headers(secret="another") | {"authorization": TOKEN.value}
        with pytest.raises(WrongSignatureError, match="different secret token"):
            verify(given, BODY, [Secret(SECRET), TOKEN], now=NOW)

    def test_counts_where_no_secret_token_is_saved(self) -> None:
        given = headers(secret="not saved") | {"authorization": TOKEN.value}
        assert verify(given, BODY, [TOKEN], now=NOW) is TOKEN

    def test_signed_but_nothing_to_check_it_with(self) -> None:
        with pytest.raises(WrongSignatureError, match="no secret token is saved"):
            verify(headers(), BODY, [TOKEN], now=NOW)

    def test_is_no_secret_token(self) -> None:
        """What signs is one thing, what stands in a header another: neither serves as the other."""
        with pytest.raises(WrongSignatureError):
            verify(headers(secret=TOKEN.value), BODY, [TOKEN, Secret(SECRET)], now=NOW)
        with pytest.raises(WrongSignatureError):
            verify({"authorization": SECRET}, BODY, [Secret(SECRET)], now=NOW)
