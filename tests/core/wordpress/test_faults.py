"""What each failure of a site means."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Fault
from core.wordpress.faults import (
    LARGEST_JSON,
    LONGEST_EVIDENCE,
    SiteResponse,
    classify,
    page_title,
    retry_after,
    stub_missing,
    unreachable,
    untrusted,
)

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
HTML = b"<!doctype html><html><head><title>Attention &amp; Required! | Cloudflare</title></head><body>No</body></html>"


def answer(status: int, body: bytes | dict[str, Any] = HTML, **headers: str) -> SiteResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return SiteResponse(status, {key.replace("_", "-"): value for key, value in headers.items()}, raw)


def error(code: str, status: int, message: str = "…", **data: Any) -> SiteResponse:
    return answer(status, {"code": code, "message": message, "data": {"status": status, **data}})


@pytest.mark.parametrize(
    ("given_answer", "fault"),
    [
        (answer(301, b"", Location="https://www.example.org/wp-json/"), Fault.MOVED),
        (answer(302, HTML), Fault.MOVED),
        (answer(429, HTML), Fault.THROTTLED),
        (answer(503, HTML, retry_after="600"), Fault.THROTTLED),
        (answer(503, HTML), Fault.SERVER),
        (answer(500, HTML), Fault.SERVER),
        (error("internal_server_error", 500), Fault.SERVER),
        (answer(502, HTML), Fault.SERVER),
        (answer(525, HTML), Fault.SERVER),
        (answer(408, b""), Fault.SERVER),
        (answer(200, HTML), Fault.NOT_JSON),
        (answer(200, b""), Fault.NOT_JSON),
        (answer(403, HTML), Fault.NOT_JSON),
        (answer(404, HTML), Fault.NOT_JSON),
        (answer(400, b"[1, 2]"), Fault.NOT_JSON),
        (answer(401, HTML), Fault.CREDENTIALS),
        (error("rest_not_logged_in", 401), Fault.CREDENTIALS),
        (error("rest_cannot_create", 403), Fault.CREDENTIALS),
        (error("rest_no_route", 404), Fault.STUB_MISSING),
        (error("conflict", 409), Fault.REFUSED),
        (error("rest_invalid_param", 400), Fault.REFUSED),
    ],
    ids=lambda value: value if isinstance(value, Fault) else None,
)
def test_each_failure_has_its_name(given_answer: SiteResponse, fault: Fault) -> None:
    found = classify(given_answer, now=NOW)
    assert found.fault is fault
    assert found.status == given_answer.status
    assert str(found)


class TestWhatFollows:
    def test_only_what_passes_by_itself_is_tried_again(self) -> None:
        assert {fault for fault in Fault if fault.retry} == {
            Fault.NETWORK,
            Fault.TLS,
            Fault.SERVER,
            Fault.THROTTLED,
            Fault.SERVER_PASSWORD,
            Fault.NOT_JSON,
            Fault.CLOCK,
            Fault.STUB_MISSING,
            Fault.STUB_OUTDATED,
            Fault.BRIDGE_OUTDATED,
            Fault.BUSY,
        }

    def test_what_befalls_one_post_never_stops_the_others(self) -> None:
        assert {fault for fault in Fault if not fault.stops_site} == {
            Fault.SERVER,
            Fault.POST_MISSING,
            Fault.BUSY,
            Fault.EXISTS,
            Fault.STALE,
            Fault.NO_TRASH,
            Fault.REFUSED,
        }

    def test_after_a_breakdown_a_write_may_have_happened(self) -> None:
        assert classify(answer(500), now=NOW).unsure
        assert classify(answer(200, b"<br />\n<b>Warning</b>: x in y {}"), now=NOW).unsure
        assert not classify(answer(500), now=NOW, wrote=False).unsure
        assert not classify(answer(403), now=NOW).unsure
        assert not classify(answer(429), now=NOW).unsure


class TestMessages:
    def test_a_firewalls_page_is_named_by_its_title(self) -> None:
        found = classify(answer(403), now=NOW)
        assert "“Attention & Required! | Cloudflare”" in str(found)
        assert "firewall" in str(found)

    def test_a_redirect_says_where_to_without_its_secrets(self) -> None:
        found = classify(
            answer(301, b"", Location="https://user:secret@www.example.org/wp-json/?key=secret#secret"),
            now=NOW,
        )
        assert "https://www.example.org/wp-json/" in str(found)
        assert "secret" not in str(found) + found.evidence

    def test_a_refusal_carries_what_wordpress_said(self) -> None:
        found = classify(error("rest_invalid_param", 400, "Invalid parameter(s): status"), now=NOW)
        assert found.evidence == "rest_invalid_param: Invalid parameter(s): status"
        assert found.evidence in str(found)

    def test_each_way_of_not_being_reached_says_what_to_do(self) -> None:
        for found in (unreachable("its server does not answer", evidence=""), untrusted(""), stub_missing()):
            assert len(str(found).split(". ")) > 1


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("120", 120.0),
            (" 0 ", 0.0),
            ("1.5", 1.5),
            ("Fri, 20 Mar 2026 12:10:00 GMT", 600.0),
            ("Fri, 20 Mar 2026 11:00:00 GMT", 0.0),
            ("2026-03-20T12:01:00Z", 60.0),
            ("999999999", 86_400.0),
            ("Fri, 20 Mar 2099 12:10:00 GMT", 86_400.0),
            ("", None),
            ("soon", None),
            ("-5", None),
            ("99999999999999999999", None),
        ],
    )
    def test_it_is_seconds_or_a_date(self, value: str, seconds: float | None) -> None:
        assert retry_after(value, NOW) == seconds

    def test_it_reaches_the_error(self) -> None:
        assert classify(answer(429, retry_after="7"), now=NOW).retry_after == 7.0
        later = (NOW + timedelta(minutes=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        assert classify(answer(503, retry_after=later), now=NOW).retry_after == 120.0
        assert classify(answer(503, retry_after="presently"), now=NOW).retry_after is None

    @settings(deadline=None)
    @given(st.text())
    def test_nonsense_never_breaks_it(self, value: str) -> None:
        seconds = retry_after(value, NOW)
        assert seconds is None or 0 <= seconds <= 86_400


class TestEvidence:
    def test_a_page_without_a_title_gives_its_first_words(self) -> None:
        assert page_title(b"<script>var x</script><h1>Down</h1>\n<p>for &lt;now&gt;") == "Down for <now>"

    @settings(deadline=None)
    @given(st.integers(200, 599), st.binary(max_size=2000) | st.text(max_size=500).map(str.encode))
    def test_any_answer_is_classified_with_bounded_evidence(self, status: int, body: bytes) -> None:
        found = classify(SiteResponse(status, {}, body), now=NOW)
        assert len(found.evidence) <= LONGEST_EVIDENCE
        assert found.evidence.isprintable()
        assert len(str(found)) < 2 * LONGEST_EVIDENCE + 400

    def test_a_byte_order_mark_before_json_is_forgiven(self) -> None:
        assert SiteResponse(200, {}, b'\xef\xbb\xbf{"a": 1}').json() == {"a": 1}

    def test_a_body_nested_without_end_is_not_json(self) -> None:
        assert classify(answer(400, b"[" * 500_000), now=NOW).fault is Fault.NOT_JSON


def test_a_large_body_is_not_decoded_as_json() -> None:
    assert SiteResponse(200, {}, b" " * (LARGEST_JSON - 2) + b"{}").json() == {}
    with pytest.raises(ValueError, match="too large"):
        SiteResponse(200, {}, b" " * (LARGEST_JSON - 1) + b"{}").json()
