"""Bodies that Zoom could sign and the bridge does not expect: odd, broken and huge; the same for the same seed."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from tests.core.events import ACCOUNT, NOW, NUMBER, SERIES, event, sample_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1024 * 1024

NAMES = [
    "meeting.created", "meeting.updated", "meeting.deleted", "meeting.recovered", "meeting.permanently_deleted",
    "meeting.started", "meeting.ended", "webinar.created", "webinar.updated", "webinar.ended",
    "meeting.registration_created", "meeting.converted_to_webinar", "recording.completed", "recording.trashed",
    "recording.batch_trashed", "recording.batch_recovered", "meeting.participant_joined", "snapshot",
    "endpoint.url_validation", "phone.unheard_of",
]  # fmt: skip
_ODD_NAMES = [
    "revenue_accelerator.conversation_analysis_completed ", "", " ", "\n", "meeting.created\n", " meeting.updated",
    "meeting.created\u0000", "meeting\u001b[2J", "a\u202eb", "größe.geändert", "<script>alert(1)</script>", "💥.💥",
    "{{ 7*7 }}", "%(count)d", "x" * 100, "x" * 200, "x" * 201, "x" * 5000, "a b", "meeting.", ".created", "MEETING.CREATED",
    "recording.batch_deleted ", "\ud800", "a\ud83d",
]  # fmt: skip
SCALARS: list[Any] = [
    None, True, False, 0, -1, 1, 7, 1.5, -0.0, 1e308, 2**31, 2**31 - 1, 2**53, 2**63, 2**63 - 1, -(2**63), 2**64, 10**15,
    10**18, 10**30, "9" * 400, int("9" * 400), "", " ", "0", "-1", "1.5", "²", "٣", "null", "x" * 300, "x" * 3000, "🚒" * 700,
    "\u0000", "a\u0000b", "\ud800", "\udfff\ud800", "\u202e\u2066", "\u001b[31m", "\r\n\t", "'\"><&%", "' OR 1=1 --", "{{x}}",
    "2026-03-02T10:00:00Z", "2026-03-02", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "-5", "2026-13-40T99:99:99Z",
    "2026-03-02T10:00:00+99:00", "Europe/Berlin", "Mars/Base", "https://zoom.us/j/1?pwd=x", "javascript:alert(1)",
    "BEGIN:VEVENT", "\u2028", "é" * 200, "zoombridge-test-s1", ACCOUNT, str(NUMBER), SERIES,
]  # fmt: skip
KEYS = [
    "id", "uuid", "host_id", "topic", "type", "start_time", "end_time", "duration", "timezone", "join_url", "password",
    "agenda", "settings", "recurrence", "occurrences", "occurrence_id", "status", "recording_files", "registrant",
    "meeting_uuids", "meetings", "meeting_uuid", "recording_file_ids", "weekly_days", "monthly_day", "monthly_week",
    "repeat_interval", "end_times", "end_date_time", "alternative_hosts", "share_url", "created_at", "practice_session",
    "participant", "email", "pmi", "", " ", "\u0000", "\ud800", "a" * 300, "__proto__", "é",
]  # fmt: skip
_RAW = [
    b"", b" ", b"\n", b"{", b"}", b"[", b"]", b"null", b"true", b"0", b'""', b"[]", b"{}", b"NaN", b"nul", b"\x00", b"\xff\xfe",
    b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"event=meeting.created", b"<html></html>", b"'",
    b'{"event":"a.b","payload":{}} x', b'{"event":"a.b","payload":{}}{}', b"--boundary\r\n", b"\x1f\x8b\x08\x00", b"\\u0000",
    b'{"event":"meeting.created"}', b'{"payload":{}}', b'{"event":null,"payload":{}}', b'{"event":{},"payload":[]}',
    b'{"event":"\xed\xa0\x80","payload":{}}', b'{"event":"a.b","event":"meeting.created","payload":1,"payload":{}}',
]  # fmt: skip


def bodies(seed: int, count: int) -> Iterator[bytes]:
    """Return `count` bodies of at most 1 MiB, most of them small, no two of them equal."""
    chance = random.Random(seed)
    samples = [path.read_bytes() for path in sample_files()]
    seen: set[bytes] = set()
    makers = [maker for maker, share in _SHARES for _ in range(share)]
    while len(seen) < count:
        body = chance.choice(makers)(chance, samples)[:MIB]
        if body not in seen:
            seen.add(body)
            yield body


def _envelope(chance: random.Random, _samples: list[bytes]) -> bytes:
    """Return an envelope in which any part may be anything."""
    name = chance.choice(NAMES if chance.random() < 0.8 else _ODD_NAMES)
    number = chance.choice([NUMBER, str(NUMBER), SERIES, chance.randrange(10**9, 10**11), _scalar(chance)])
    about = {**_object(chance, 3), "id": number}
    payload = {
        "object": about,
        "plainToken": _scalar(chance),
        "operation": chance.choice(["all", "single", _scalar(chance)]),
    }
    told: dict[str, Any] = event(
        name, at=chance.choice([NOW * 1000 + chance.randrange(10**9), _scalar(chance)])
    )
    told["payload"] |= payload
    if chance.random() < 0.2:
        told["payload"]["account_id"] = chance.choice([_scalar(chance), f"account-{chance.randrange(10**6)}"])
    for part in (told, told["payload"], about):
        while part and chance.random() < 0.15:
            part[chance.choice(list(part))] = _value(chance, 3)
        while part and chance.random() < 0.1:
            del part[chance.choice(list(part))]
    return _written(chance, told)


def _object(chance: random.Random, depth: int) -> dict[str, Any]:
    return {chance.choice(KEYS): _value(chance, depth - 1) for _ in range(chance.randrange(8))}


def _value(chance: random.Random, depth: int) -> Any:
    kind = chance.random()
    if depth <= 0 or kind < 0.6:
        return _scalar(chance)
    if kind < 0.8:
        return _object(chance, depth)
    return [_value(chance, depth - 1) for _ in range(chance.randrange(4))]


def _scalar(chance: random.Random) -> Any:
    if chance.random() < 0.3:
        return chance.randrange(10**9)
    return chance.choice(SCALARS)


def _written(chance: random.Random, document: Any) -> bytes:
    """Return JSON, escaped or not; lone surrogates only as escapes, as UTF-8 has none."""
    if chance.random() < 0.5:
        return json.dumps(document).encode()
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _constant(chance: random.Random, samples: list[bytes]) -> bytes:
    """Return an envelope with what is no JSON in the place of a value, or with a number that is too large."""
    body = _envelope(chance, samples)
    odd = chance.choice(
        [
            b"NaN",
            b"-Infinity",
            b"1e999",
            b"-1e999",
            b"9" * 4301,
            b"0x1F",
            b"01",
            b"undefined",
            b"1" + b"0" * 400,
            b"1e-999",
        ]
    )
    return body.replace(
        b": ", b": " + odd + b' ,"x": ' if chance.random() < 0.3 else b": " + odd + b', "": ', 1
    )


def _mutated(chance: random.Random, samples: list[bytes]) -> bytes:
    """Return a sample, or an envelope, in which bytes are changed, left out or repeated."""
    body = bytearray(chance.choice(samples) if chance.random() < 0.5 else _envelope(chance, samples))
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(body) + 1)
        match chance.randrange(4):
            case 0:
                body[at : at + 1] = chance.randbytes(1)
            case 1:
                del body[at : at + chance.randrange(1, 40)]
            case 2:
                body[at:at] = body[at : at + chance.randrange(1, 200)]
            case _:
                body[at:at] = chance.choice(
                    [b"\x00", b"\xff", b"\\u0000", b"\\ud800", b'"', b"{", b"[", b",", b"\x1b[2J"]
                )
    return bytes(body)


def _noise(chance: random.Random, _samples: list[bytes]) -> bytes:
    if chance.random() < 0.3:
        return chance.choice(_RAW) + chance.choice([b"", b" ", chance.randbytes(2)])
    return chance.randbytes(chance.choice([1, 7, 100, 1000]))


def _nested(chance: random.Random, _samples: list[bytes]) -> bytes:
    depth = chance.choice([10, 62, 63, 64, 65, 66, 100, 500, 900, 1000, 1100, 5000, 100_000])
    opened, closed = chance.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'{"settings":[', b"]}")])
    is_whole = chance.random() < 0.7
    deep = opened * depth + b"%d" % chance.randrange(10**6) + (closed * depth if is_whole else b"")
    place = b'{"event":"meeting.updated","payload":{"account_id":"%s","object":{"id":%d,"x":%s}}}'
    return place % (ACCOUNT.encode(), NUMBER, deep) if chance.random() < 0.7 else deep


def _huge(chance: random.Random, _samples: list[bytes]) -> bytes:
    """Return a body of 64 KiB to 1 MiB."""
    size = chance.choice([64 * 1024, 300_000, MIB - 500])
    filler = chance.choice(["x", "ü", "🚒", "\\", '"', "\u0000", "?token=", "<b>", " "])
    told = event(
        "meeting.updated",
        at=NOW * 1000 + chance.randrange(10**9),
        agenda=filler * (size // len(json.dumps(filler))),
    )
    match chance.randrange(4):
        case 0:
            told["payload"]["object"]["topic"] = told["payload"]["object"].pop("agenda")
        case 1:
            told["payload"]["object"]["occurrences"] = [
                {"occurrence_id": str(index), "start_time": "2026-03-02T10:00:00Z"}
                for index in range(size // 70)
            ]
        case 2:
            return json.dumps(told).encode()[: chance.randrange(size // 2, size)]
        case _:
            told["payload"]["object"] |= {f"key{index}": index for index in range(size // 40)}
    return json.dumps(told).encode()


def _sample(chance: random.Random, samples: list[bytes]) -> bytes:
    """Return a sample with another time, so that it is another event."""
    body = chance.choice(samples)
    try:
        told = json.loads(body.decode("utf-8-sig"))
        told["event_ts"] = NOW * 1000 + chance.randrange(10**9)
    except (ValueError, TypeError):
        return body + b" " * chance.randrange(1, 1000)
    return _written(chance, told)


_SHARES: list[tuple[Callable[[random.Random, list[bytes]], bytes], int]] = [
    (_envelope, 500), (_mutated, 200), (_constant, 100), (_noise, 100), (_nested, 40), (_sample, 57), (_huge, 3),
]  # fmt: skip
