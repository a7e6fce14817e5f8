"""Reading what Zoom sends: tolerant of the odd, strict with what no later step could bear."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import BadRequestError
from core.zoom.envelope import Envelope, digest, parse, probable_name
from tests.core.events import JSON, NOW, NUMBER, event, raw, sample, sample_files

OBJECT = b'{"event":"meeting.created","payload":{"object":{"id":1,"x":%s}}}'


def x_of(body: bytes) -> Any:
    return (parse(body).payload.object or {})["x"]


class TestParse:
    @pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.stem)
    def test_reads_every_sample(self, path: Path) -> None:
        envelope = parse(path.read_bytes())
        assert envelope.event in path.read_text("utf-8-sig")
        assert len(digest(envelope)) == 32

    def test_keeps_what_it_does_not_know(self) -> None:
        told = event(payload={"of_tomorrow": [1]}, unheard_of={"deep": True})
        envelope = parse(raw({**told, "download_token": "t"}))
        assert envelope.model_extra == {"download_token": "t"}
        assert envelope.payload.model_extra == {"of_tomorrow": [1]}
        assert (envelope.payload.object or {})["unheard_of"] == {"deep": True}

    def test_takes_a_byte_order_mark_white_space_and_repeated_keys(self) -> None:
        body = b'\xef\xbb\xbf \r\n{"event" :"x.y",\t"event":"a.b", "payload": {"object":{"id":1,"id":2}} }\n '
        envelope = parse(body)
        assert envelope.event == "a.b"
        assert envelope.number == 2

    def test_reads_escapes(self) -> None:
        assert x_of(OBJECT % rb'"\uD83D\uDE92 \u003cb\u003e \/ \u00e9"') == "🚒 <b> / é"

    @pytest.mark.parametrize(
        ("escaped", "read"),
        [
            (rb'"a\ud800b"', "a�b"),
            (rb'"a\udc00b"', "a�b"),
            (rb'"\udc00\ud800"', "��"),
            (rb'"a\u0000b"', "a�b"),
            (rb'{"\u0000":["\ud800"]}', {"�": ["�"]}),
        ],
    )
    def test_replaces_what_no_database_can_store(self, escaped: bytes, read: Any) -> None:
        assert x_of(OBJECT % escaped) == read

    @pytest.mark.parametrize(
        "value",
        [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"9" * 5000, b"[" * 70 + b"]" * 70,
         b"[" * 900 + b"]" * 900, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 300 + b"1" + b"}" * 300,
         b'"\xed\xa0\x80"', b'"\x00"', b'"\n"', b"'x'", b"01", b"[1,]", b"/* */1"],
        ids=lambda value: value[:12],
    )  # fmt: skip
    def test_refuses_what_no_later_step_could_bear(self, value: bytes) -> None:
        with pytest.raises(BadRequestError):
            parse(OBJECT % value)

    def test_takes_as_many_dates_as_a_series_can_have(self) -> None:
        dates = [{"occurrence_id": str(index), "start_time": "2026-01-01T00:00:00Z"} for index in range(366)]
        assert len((parse(raw(event(occurrences=dates))).payload.object or {})["occurrences"]) == 366

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
    def test_takes_no_encoding_but_utf_8(self, encoding: str) -> None:
        with pytest.raises(BadRequestError):
            parse('{"event":"a.b","payload":{"object":{"topic":"é"}}}'.encode(encoding))

    @pytest.mark.parametrize(
        "document",
        [None, 1, "event", [], {}, {"event": "a.b"}, {"payload": {}}, {"event": 1, "payload": {}},
         {"event": "a.b", "payload": []}, {"event": "a.b", "payload": None}, {"event": "", "payload": {}},
         {"event": " \n", "payload": {}}, {"event": "a\nb", "payload": {}}, {"event": "a\x1b[2J", "payload": {}},
         {"event": "a\u202eb", "payload": {}}, {"event": "x" * 201, "payload": {}}, {"event": ["a.b"], "payload": {}}],
    )  # fmt: skip
    def test_refuses_json_that_is_no_event(self, document: Any) -> None:
        with pytest.raises(BadRequestError, match="is JSON"):
            parse(raw(document))

    @pytest.mark.parametrize(
        ("name", "read"),
        [
            ("revenue_accelerator.conversation_analysis_completed ",
             "revenue_accelerator.conversation_analysis_completed"),
            ("a b", "a b"), ("a.b\n", "a.b"), ("<script>", "<script>"), ("x" * 200, "x" * 200), ("größe", "größe"),
        ],
    )  # fmt: skip
    def test_takes_any_name_that_can_be_shown_in_one_line(self, name: str, read: str) -> None:
        """One documented name ends in a space:
        https://developers.zoom.us/docs/api/revenue-accelerator/events/
        """
        assert parse(raw({"event": name, "payload": {}})).event == read

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            (b'{"event":"meeting.created","payload":{"x":NaN}}', "meeting.created"),
            (b'\xff{ "event" : " meeting.ended " }', "meeting.ended"),
            (b'{"event":"<b>"}', ""), (b'{"event":7}', ""), (b"", ""), (b'"event":"' + b"x" * 101 + b'"', ""),
        ],
    )  # fmt: skip
    def test_tells_the_probable_name_of_what_it_refuses(self, body: bytes, name: str) -> None:
        assert probable_name(body) == name

    @pytest.mark.parametrize("body", [b"", b"{", b"event=meeting.created", b"\xff\xfe", b"<html></html>"])
    def test_refuses_what_is_not_json(self, body: bytes) -> None:
        with pytest.raises(BadRequestError, match="not JSON"):
            parse(body)

    @given(st.binary())
    @example(b"\xef\xbb\xbf")
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        with contextlib.suppress(BadRequestError):
            digest(parse(body))

    @given(JSON)
    def test_any_json_is_read_or_refused(self, document: Any) -> None:
        for body in (raw(document), json.dumps(document).encode()):
            with contextlib.suppress(BadRequestError):
                digest(parse(body))

    @given(JSON, st.dictionaries(st.text(), JSON), JSON, JSON)
    def test_any_payload_can_be_read(self, object_: Any, rest: Any, at: Any, account: Any) -> None:
        told = {"event": "meeting.updated", "payload": {**rest, "object": object_}, "event_ts": at}
        told["payload"]["account_id"] = account
        envelope = parse(json.dumps(told).encode())
        assert envelope.event_ts is None or 0 <= envelope.event_ts < 10**15
        assert envelope.number is None or 0 <= envelope.number < 10**15
        digest(envelope)


class TestNumber:
    @pytest.mark.parametrize(
        "number",
        [
            NUMBER,
            float(NUMBER),
            str(NUMBER),
            f" {NUMBER}\n",
            "853 9384 7045",
            "853-9384-7045",
            "853\u00a09384\u00a07045",
        ],
    )
    def test_is_one_thing_as_integer_and_as_text(self, number: Any) -> None:
        assert parse(raw(event(id=number))).number == NUMBER

    @pytest.mark.parametrize(
        "number",
        [
            None,
            True,
            -1,
            1.5,
            "",
            "x",
            "1.5",
            "-1",
            "- 1",
            "1 -1",
            "1  1",
            "²",
            "1" * 16,
            10**15,
            [1],
            {"id": 1},
        ],
    )
    def test_is_none_for_what_is_no_number(self, number: Any) -> None:
        assert parse(raw(event(id=number))).number is None

    def test_is_none_without_an_object(self) -> None:
        assert parse(b'{"event":"a.b","payload":{}}').number is None
        assert parse(b'{"event":"a.b","payload":{"object":[]}}').number is None


class TestHappenedAt:
    def test_is_when_the_change_was_made(self) -> None:
        assert parse(raw(event(at=20, payload={"time_stamp": 10}))).happened_at == 10

    def test_is_else_when_it_was_told(self) -> None:
        assert parse(raw(event(at=20))).happened_at == 20
        assert parse(raw(event(at=20, payload={"time_stamp": "soon"}))).happened_at == 20

    @pytest.mark.parametrize(
        "told",
        [
            NOW, str(NOW), f" {NOW} ", float(NOW), f"{NOW}.0", NOW * 1000, f"{NOW}000.0",
            "2026-01-05T09:00:00Z", " 2026-01-05 09:00:00.000 ", "2026-01-05t14:30:00+05:30",
        ],
    )  # fmt: skip
    def test_is_in_milliseconds_however_it_is_told(self, told: Any) -> None:
        assert parse(raw(event(at=told))).happened_at == NOW * 1000
        assert parse(raw(event(at=5, payload={"time_stamp": told}))).happened_at == NOW * 1000

    @pytest.mark.parametrize(
        "told",
        [
            0, 5, -1, NOW, NOW - 86_400, NOW + 3600, NOW * 1000 + 2 * 86_400_000, "soon", "2026-13-05", None,
            "1970-02-01T00:00:00Z", "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00",
        ],
    )  # fmt: skip
    def test_is_when_it_was_told_where_the_change_has_an_impossible_time(self, told: Any) -> None:
        sent = (NOW + 100) * 1000
        assert parse(raw(event(at=sent, payload={"time_stamp": told}))).happened_at in (
            (NOW * 1000,) if told == NOW else (sent,)
        )

    def test_is_not_known_without_either(self) -> None:
        assert parse(raw(event(at=None))).happened_at is None


def _reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reordered(value[key]) for key in reversed(list(value))}
    return [_reordered(item) for item in value] if isinstance(value, list) else value


class TestPayload:
    def test_words_and_ids_are_without_spaces_and_words_without_case(self) -> None:
        payload = {"account_id": " A ", "operation": " Single", "scope": "ALL\n"}
        read = parse(raw(event(payload=payload, account_id=None))).payload
        assert (read.account_id, read.operation, read.scope) == ("A", "single", "all")

    @pytest.mark.parametrize("told", [None, "", " ", 5, [], {}])
    def test_that_is_blank_is_none(self, told: Any) -> None:
        read = parse(
            raw(event(payload=dict.fromkeys(("account_id", "operation", "scope"), told), account_id=None))
        ).payload
        assert (read.account_id, read.operation, read.scope) == (None, None, None)


class TestDigest:
    @pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.stem)
    def test_is_one_for_every_way_to_write_an_event(self, path: Path) -> None:
        body = path.read_bytes()
        document = json.loads(body.decode("utf-8-sig"))
        variants = [
            json.dumps(document, indent=3).encode(),
            json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(),
            b"\xef\xbb\xbf" + json.dumps(_reordered(document)).encode(),
        ]
        assert {digest(parse(variant)) for variant in variants} == {digest(parse(body))}

    def test_all_samples_differ(self) -> None:
        own = [path for path in sample_files() if path.parent.name == "events"]
        assert len({digest(parse(path.read_bytes())) for path in own}) == len(own)

    def test_recordings_come_twice_with_other_tokens_and_addresses(self) -> None:
        told = sample("recording.completed")
        again = json.loads(json.dumps(told).replace("/one", "/two"))
        again["download_token"] = "another"
        again["payload"]["object"]["password"] = "another"
        again["payload"]["object"]["recording_files"][0]["download_access_token"] = "new here"
        assert digest(parse(raw(told))) == digest(parse(raw(again)))

    def test_but_not_with_other_recordings(self) -> None:
        told = sample("recording.completed")
        again = json.loads(json.dumps(told))
        again["payload"]["object"]["recording_files"][0]["id"] = "f2"
        assert digest(parse(raw(told))) != digest(parse(raw(again)))

    @pytest.mark.parametrize(
        "change",
        [
            {"event": "meeting.updated"},
            {"event_ts": 7},
            {"payload": {"object": {"id": NUMBER, "password": "2"}}},
            {"payload": {"object": {"id": NUMBER, "join_url": "https://b"}}},
            {"payload": {"object": {"id": NUMBER + 1}}},
            {"payload": {"account_id": "another", "object": {"id": NUMBER}}},
        ],
    )
    def test_differs_for_different_events(self, change: dict[str, Any]) -> None:
        told = event(password="1", join_url="https://a")
        assert digest(parse(raw(told))) != digest(parse(raw({**told, **change})))

    def test_is_short_and_safe_to_show(self) -> None:
        assert set(digest(Envelope.model_validate(event()))) <= set("0123456789abcdef")
