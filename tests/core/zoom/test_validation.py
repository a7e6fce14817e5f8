"""Zoom's check that an endpoint is ours."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from core.errors import BadRequestError
from core.zoom.envelope import parse
from core.zoom.validation import EVENT, answer
from tests.core.events import JSON, SAMPLES, SHARED, raw


class TestAnswer:
    def test_is_what_openssl_computes(self) -> None:
        own = json.loads((SAMPLES / "signatures.json").read_text())
        told = parse((SAMPLES / "raw" / "validation.json").read_bytes())
        assert answer(told, own["secret"]) == {
            "plainToken": "q9ibPhGeRZ6ayx5WTrXjRw",
            "encryptedToken": own["encryptedToken"],
        }

    @pytest.mark.parametrize("path", sorted(SHARED.glob("endpoint.url_validation__*live*.json")))
    def test_is_what_a_live_endpoint_answered(self, path: Path) -> None:
        told = parse(path.read_bytes())
        secret = json.loads((SHARED / "signature-vectors.json").read_text())["secret"]
        assert answer(told, secret)["encryptedToken"] == (
            "2fffc6a967dde4f68024025a5bd991c5ae1e5313b4e6365be4883e3e81d479b3"
        )

    @pytest.mark.parametrize(
        "payload", [{}, {"plainToken": ""}, {"plainToken": 7}, {"plainToken": "x" * 1001}]
    )
    def test_needs_a_token(self, payload: dict[str, object]) -> None:
        with pytest.raises(BadRequestError, match="plainToken"):
            answer(parse(raw({"event": EVENT, "payload": payload})), "secret")

    @given(JSON)
    def test_any_other_token_is_a_bad_request(self, token: object) -> None:
        envelope = parse(raw({"event": EVENT, "payload": {"plainToken": token}}))
        try:
            assert answer(envelope, "secret").keys() == {"plainToken", "encryptedToken"}
        except BadRequestError:
            assert not isinstance(token, str) or not token
