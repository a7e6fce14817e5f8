"""The one verification of Zoom's requests, whichever way they come."""

import pytest

from core.errors import NoSecretError, StaleSignatureError, WrongSignatureError
from core.pipeline.verification import Verification, read_again, verify
from core.zoom import envelope as zoom_envelope
from core.zoom.probe import probe_account_id
from core.zoom.signature import Secret
from tests.core.events import ACCOUNT, NOW, SAMPLES, SECRET, event, raw, signed

ANY = Secret(SECRET)


def verified(body: bytes, *secrets: Secret, at: float = NOW, now: float = NOW) -> Verification:
    return verify(signed(body, secret=SECRET, at=at), body, secrets, now=now)


def test_an_event_comes_with_the_secret_that_signed_it() -> None:
    result = verified(raw(event()), Secret("another"), ANY)
    assert result.error is None
    assert result.secret == ANY
    assert result.event is result.envelope
    assert result.event is not None
    assert result.event.event == "meeting.created"


def test_a_validation_is_authentic_and_no_event() -> None:
    result = verified((SAMPLES / "raw" / "validation.json").read_bytes(), ANY)
    assert result.envelope is not None
    assert result.event is None


@pytest.mark.parametrize(
    ("body", "secrets", "now", "error"),
    [
        (raw(event()), [], NOW, NoSecretError),
        (raw(event()), [Secret("another")], NOW, WrongSignatureError),
        (raw(event()), [ANY], NOW + 301, StaleSignatureError),
        (raw(event()), [Secret(SECRET, account_id="another account")], NOW, WrongSignatureError),
    ],
)
def test_a_refusal_names_its_reason_and_nothing_else(
    body: bytes, secrets: list[Secret], now: float, error: type[Exception]
) -> None:
    result = verified(body, *secrets, now=now)
    assert isinstance(result.error, error)
    assert (result.envelope, result.event, result.secret) == (None, None, None)


@pytest.mark.parametrize("account_id", [ACCOUNT, probe_account_id("s1")])
def test_a_secret_speaks_for_its_account_and_for_self_tests(account_id: str) -> None:
    body = raw(event(account_id=account_id))
    assert verified(body, Secret(SECRET, account_id=ACCOUNT)).event is not None


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"event":"endpoint.url_validation","payload":{}}']
)
def test_what_is_signed_and_cannot_be_read_is_authentic(body: bytes) -> None:
    result = verified(body, ANY)
    assert (result.error, result.secret, result.event) == (None, ANY, None)
    assert result.unreadable
    assert result.is_logged


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000])
def test_nothing_is_read_before_the_signature_fits(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(zoom_envelope, "parse")
    result = verify(signed(body, secret="wrong"), body, [ANY], now=NOW)
    assert isinstance(result.error, WrongSignatureError)
    assert not result.is_logged


def test_a_fault_of_the_bridge_makes_an_event_unreadable_and_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zoom_envelope, "parse", lambda _: 1 // 0)
    result = verified(raw(event()), ANY)
    assert result.is_logged
    assert "ZeroDivisionError" in result.unreadable


class TestReadAgain:
    def test_needs_no_secret_that_is_still_saved(self) -> None:
        body = raw(event())
        result = read_again(signed(body), body, [], now=NOW)
        assert result.event is not None

    def test_still_speaks_for_no_other_account(self) -> None:
        body = raw(event())
        result = read_again(signed(body), body, [Secret(SECRET, account_id="another account")], now=NOW)
        assert isinstance(result.error, WrongSignatureError)
        assert not result.is_logged
