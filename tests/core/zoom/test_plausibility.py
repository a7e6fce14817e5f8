"""Which refused requests a secret may verify yet, and what they claim."""

import pytest

from core.zoom import plausibility
from core.zoom.plausibility import RefusalCause, claimed_account, refusal_cause
from core.zoom.probe import probe_account_id
from tests.core.events import ACCOUNT, NOW, SAMPLES, event, raw, signed

BODY = raw(event())
FORGED = {**signed(BODY), "x-zm-signature": "v0=" + "0" * 64}


class TestRefusalCause:
    @pytest.mark.parametrize("at", [NOW - 300, NOW, NOW + 300])
    def test_is_none_for_what_a_secret_may_verify(self, at: int) -> None:
        assert refusal_cause(FORGED, BODY, now=at) is None

    @pytest.mark.parametrize(
        ("headers", "body", "cause"),
        [
            ({}, BODY, RefusalCause.UNSIGNED),
            ({"authorization": "token"}, BODY, RefusalCause.UNSIGNED),
            (FORGED | {"x-zm-signature": "v0=" + "0" * 65}, BODY, RefusalCause.UNSIGNED),
            (FORGED | {"x-zm-signature": "v1=" + "0" * 64}, BODY, RefusalCause.UNSIGNED),
            (FORGED | {"x-zm-request-timestamp": f"-{NOW}"}, BODY, RefusalCause.UNSIGNED),
            (FORGED | {"x-zm-request-timestamp": str(NOW - 301)}, BODY, RefusalCause.STALE),
            (FORGED | {"x-zm-request-timestamp": str(NOW + 301)}, BODY, RefusalCause.STALE),
            (FORGED, b"[" * (plausibility.MOST_BODY_BYTES + 1), RefusalCause.TOO_LARGE),
            (FORGED, b"{}", RefusalCause.NO_EVENT),
            (FORGED, (SAMPLES / "raw" / "validation.json").read_bytes(), RefusalCause.NO_EVENT),
        ],
    )
    def test_names_the_first_reason(self, headers: dict[str, str], body: bytes, cause: RefusalCause) -> None:
        assert refusal_cause(headers, body, now=NOW) is cause


class TestClaimedAccount:
    @pytest.mark.parametrize(
        ("body", "account_id"),
        [
            (BODY, ACCOUNT),
            (raw(event(account_id=None)), ""),
            (raw(event(account_id=probe_account_id("s1"))), ""),
            (b"nonsense", ""),
            (raw(event(padding="x" * 70_000)), ACCOUNT),
            (raw(event(account_id=None, padding="x" * 70_000)), ""),
            (b'{"account_id": "%s"' % (b"x" * 70_000), ""),
        ],
    )
    def test_is_what_the_body_says(self, body: bytes, account_id: str) -> None:
        assert claimed_account(body) == account_id
