"""Sending as Zoom does: the bytes as they are, signed, and what an answer means for them."""

import pytest
import requests
import responses

from core.zoom.sender import EndpointResponse, send
from core.zoom.signature import Secret, verify
from tests.core.events import NOW, SAMPLES, SECRET

URL = "https://example.org/wp-json/vczapi/v1/meeting"


class TestSend:
    @responses.activate
    def test_sends_the_very_bytes_signed(self) -> None:
        responses.post(URL, status=204)
        body = (SAMPLES / "raw" / "odd.json").read_bytes()
        assert send(URL, body, SECRET, timestamp=NOW) == EndpointResponse(204, "")
        sent = responses.calls[0].request
        assert sent.body == body
        assert sent.headers["content-type"] == "application/json; charset=utf-8"
        given = {name.lower(): value for name, value in sent.headers.items()}
        assert verify(given, body, [Secret(SECRET)], now=NOW)

    @responses.activate
    def test_follows_no_redirect(self) -> None:
        """Zoom does not; who tries it out must see that the event would be lost."""
        responses.post(URL, status=301, headers={"Location": "https://www.example.org/"})
        reply = send(URL, b"{}", SECRET, timestamp=NOW)
        assert reply.status == 301
        assert not reply.is_success
        assert not reply.would_be_sent_again

    @responses.activate
    @pytest.mark.parametrize("error", [requests.ConnectionError("refused"), requests.ReadTimeout("slow")])
    def test_says_so_where_nothing_answers(self, error: Exception) -> None:
        responses.post(URL, body=error)
        reply = send(URL, b"{}", SECRET, timestamp=NOW)
        assert reply.status is None
        assert type(error).__name__ in reply.text
        assert reply.would_be_sent_again

    def test_says_so_of_an_address_that_is_none(self) -> None:
        assert send("not an address", b"{}", SECRET, timestamp=NOW).status is None

    @pytest.mark.parametrize(
        ("status", "success", "again"),
        [
            (200, True, False),
            (204, True, False),
            (202, False, False),
            (301, False, False),
            (401, False, False),
            (404, False, False),
            (500, False, True),
            (503, False, True),
            (None, False, True),
        ],
    )
    def test_knows_what_zoom_makes_of_an_answer(self, status: int | None, success: bool, again: bool) -> None:
        reply = EndpointResponse(status, "")
        assert reply.is_success is success
        assert reply.would_be_sent_again is again
