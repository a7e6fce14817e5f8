"""Responses that are made of the pipeline's answers."""

import json

from core.pipeline.answers import ACCEPTED, refusal, unavailable
from web.http.messages import InboundRequest, InboundResponse


def test_an_accepted_event_has_no_body() -> None:
    assert InboundResponse.of(ACCEPTED) == InboundResponse(204, [("Cache-Control", "no-store")])


def test_a_refusal_is_json() -> None:
    response = InboundResponse.of(refusal(401, "why", "Because."))
    assert response.status == 401
    assert dict(response.headers)["Content-Type"] == "application/json; charset=utf-8"
    assert "Retry-After" not in dict(response.headers)
    assert json.loads(response.body) == {"code": "why", "message": "Because."}


def test_an_answer_for_later_says_when() -> None:
    assert int(dict(InboundResponse.of(unavailable("Later.")).headers)["Retry-After"]) > 0


def test_the_size_of_a_request_counts_its_headers() -> None:
    request = InboundRequest("POST", "/", "HTTP/1.1", [("ab", "cd"), ("e", "")], b"12345", "::1", "http", 0.0)
    assert request.size == 10
