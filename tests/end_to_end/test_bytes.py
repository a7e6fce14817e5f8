"""The raw body is sacred: WordPress and the stub hand it over byte for byte, whatever it holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.events import Meeting, next_number

if TYPE_CHECKING:
    from tests.end_to_end.pair import Pair


def event(topic: str) -> bytes:
    """Return an event with this JSON text for its topic, written by hand."""
    return (
        f'{{"event":"meeting.created","event_ts":1720705455899,"payload":{{"account_id":"Bytes","object":'
        f'{{"id":{next_number()},"topic":{topic},"type":2,"start_time":"2031-07-11T14:12:55Z","duration":60,'
        f'"timezone":"America/New_York","join_url":"https://example.zoom.us/j/1"}}}}}}'
    ).encode()


BODIES = {
    "as Zoom writes emoji and dashes": event(
        '"Test \\uD83D\\uDE92\\uD83D\\uDE92 ? - \N{RIGHT SINGLE QUOTATION MARK} - \N{EN DASH} \\uD83D\\uDE97"'
    ),
    "raw emoji": event('"👩‍🚒 raw"'),
    "escapes that nobody needs": event('"\\u0041\\/\\u002f\\u00e9\\t\\\\ \\u2028"'),
    "lower-case and lone surrogates": event('"\\ud83d\\ude92 \\ud83d \\u0000"'),
    "byte order mark": b"\xef\xbb\xbf" + event('"With a mark"'),
    "white space": b"\r\n\t "
    + event('"White"').replace(b",", b" ,\r\n\t ").replace(b":", b" : ", 1)
    + b" \n\n",
    "repeated keys": event('"First","topic":"Last"'),
    "numbers that others write in another way": event('"Numbers","x":1.0,"y":1e2,"z":12345678901234567890'),
    "empty key and deep nesting": event('"Deep","":{"":[[[[[{"a":[]}]]]]]}'),
    "slashes, quotes and percent signs": event('"\\"%20+&=<>\'\\/ $_POST[x] %s"'),
    "long": event(json.dumps("ü" * 400_000, ensure_ascii=False)),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_unchanged(pair: Pair, body: bytes) -> None:
    """The signature covers the bytes, so 204 shows them unchanged; and the log holds the same."""
    assert pair.send(body).status_code == 204

    line = pair.last_logged()
    assert line.body == body


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"event":"meeting.created",}', b"\xff\xfe{}", b"null", b"[]", b'{"event":1}', b"a=b&c=d", b" "],
    ids=repr,
)
def test_malformed_reaches_the_bridge(pair: Pair, body: bytes) -> None:
    """WordPress does not refuse it by its own "rest_invalid_json", and the bridge keeps it: its signature was right."""
    assert pair.send(body).status_code == 204

    assert [line.body for line in pair.unreadable()].count(body) == 1


def test_changed_by_one_byte_is_refused(pair: Pair) -> None:
    """So that a right signature means something."""
    body = event('"Changed"')
    timestamped = pair.send(body).request.headers

    answer = pair.send(body.replace(b"Changed", b"changed"), headers=dict(timestamped))

    assert (answer.status_code, answer.json()["code"]) == (401, "zoombridge_signature")


def test_headers_of_zooms_come_along(pair: Pair) -> None:
    headers = {"x-zm-trackingid": "track-1", "traceparent": "00-abc-def-01", "clientid": "theClient"}
    meeting = Meeting("meeting")

    answer = pair.send(meeting.created(), headers={**headers, "x-other": "stays away"})

    assert answer.status_code == 204
    logged = pair.logged(meeting.number)[0].headers
    assert headers.items() <= logged.items()
    assert logged["user-agent"] == "Zoom Marketplace/1.0a"
    assert "x-other" not in logged
