"""The events of posts that are not public are removed by whole lines, whatever their texts say. Run by PHP alone."""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from icalendar import Calendar

from core.model.meeting import Meeting
from core.model.rules import Rules
from core.render import ical
from core.render.ical import CalendarEntry, UidKey

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = Path(__file__).parent / "filter_calendar.php"
PUBLIC, HIDDEN = 1, 2
SECRET = "hushhush"
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
CASES = 100  # calendars for one run of PHP
HOSTILE = (
    "END:VEVENT",
    "\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n",
    "END:VEVENT\nX-ZOOMBRIDGE-POST:1",
    "\nX-ZOOMBRIDGE-POST:1\n",
    "\\nEND:VEVENT\\n",
    "BEGIN:VEVENT",
    "END:VCALENDAR\r\nBEGIN:VCALENDAR",
    "\r",
    "\n ",
    "\x0bEND:VEVENT",
    "\u2028END:VEVENT\u2028",
    "ü" * 40,
    "x" * 20_000,
    "END:VEVENT " * 2_000,
)


def filtered(calendars: Sequence[bytes]) -> list[bytes]:
    given_ = {"public": [PUBLIC], "calendars": [base64.b64encode(one).decode() for one in calendars]}
    done = subprocess.run(
        ["php", "-d", "display_errors=stderr", "-d", "error_reporting=-1", SCRIPT],
        input=json.dumps(given_).encode(),
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return [base64.b64decode(one) for one in json.loads(done.stdout)]


def lines(calendar: bytes) -> list[bytes]:
    """Unfold a calendar (RFC 5545, section 3.1), also where its breaks are line feeds alone."""
    return re.split(rb"\r?\n", re.sub(rb"\r?\n[ \t]", b"", calendar))


def entry(number: int, post_id: int | None, topic: str, agenda: str) -> CalendarEntry:
    object_ = {
        "topic": topic,
        "agenda": agenda,
        "type": 2,
        "start_time": "2026-04-01T10:00:00Z",
        "duration": 60,
        "timezone": "Europe/Berlin",
        "join_url": "https://example.zoom.us/j/85393847045",
    }
    return CalendarEntry(Meeting("a", number, object=object_, created=True), 1, "", post_id)


def rendered(*entries: CalendarEntry) -> bytes:
    return ical.calendar(entries, Rules(), name="The choir", key=UidKey(b"key", "example.org"), now=NOW)


def vevent(*content: str, marker: str = f"X-ZOOMBRIDGE-POST:{HIDDEN}") -> str:
    return "\r\n".join(["BEGIN:VEVENT", *content, marker, "END:VEVENT", ""])


def vcalendar(*components: str) -> bytes:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{''.join(components)}END:VCALENDAR\r\n".encode()


def text(chance: random.Random) -> str:
    """Return hostile text, and any characters between."""
    signs = [chr(chance.choice((chance.randrange(32), chance.randrange(0x2100)))) for _ in range(8)]
    return "".join(chance.choice((*HOSTILE, *signs)) for _ in range(chance.randrange(6)))


class TestGenerated:
    """Calendars as the bridge generates them."""

    @pytest.mark.parametrize("seed", range(2))
    def test_hidden_meetings_are_removed_and_public_ones_stay_as_they_are(self, seed: int) -> None:
        chance = random.Random(seed)
        whole, alone = [], []
        for _ in range(CASES):
            public = entry(1, PUBLIC, text(chance), text(chance))
            hidden = entry(2, HIDDEN, SECRET + text(chance), text(chance) + SECRET)
            unassigned = entry(3, None, text(chance) + SECRET, SECRET + text(chance))
            whole.append(rendered(hidden, public, unassigned))
            alone.append(rendered(public))
        assert filtered(whole) == alone
        assert filtered(alone) == alone


VOCABULARY = (
    "BEGIN:VEVENT\r\n", "END:VEVENT\r\n", "begin:vevent\r\n", "End:VEvent\r\n", "BEGIN:VALARM\r\n", "END:VALARM\r\n",
    "BEGIN:VTIMEZONE\r\n", "END:VTIMEZONE\r\n", "BEGIN:STANDARD\r\n", "END:STANDARD\r\n", "BEGIN:VTODO\r\n",
    "END:VTODO\r\n", "BEGIN:VCALENDAR\r\n", "END:VCALENDAR\r\n", "X-ZOOMBRIDGE-POST:1\r\n", "X-ZOOMBRIDGE-POST:2\r\n",
    "x-zoombridge-post:2\r\n", "X-ZOOMBRIDGE-POST;X=Y:1\r\n", "X-ZOOMBRIDGE-POST:1\n", "X-ZOOMBRIDGE-\r\n POST:1\r\n",
    "SUMMARY:told\r\n", " END:VEVENT\r\n", "\tEND:VEVENT\r\n", "END:VE\r\n VENT\r\n", "BEGIN;X=Y:VEVENT\r\n",
    "END:VEVENT \r\n", "END:VEVENT\n", "SUMMARY:a\rEND:VEVENT\r\n", "\r\n", "\n", "\r", "X", ":", "\x00\r\n",
)  # fmt: skip


class TestBroken:
    """What the bridge never generates."""

    @pytest.mark.parametrize("seed", range(3))
    def test_each_event_that_is_left_belongs_to_a_public_post(self, seed: int) -> None:
        chance = random.Random(seed)
        calendars = [vcalendar(*chance.choices(VOCABULARY, k=chance.randrange(25))) for _ in range(5 * CASES)]
        kept = filtered(calendars)
        for calendar in kept:
            assert calendar.endswith(b"END:VCALENDAR\r\n")
            posts = 0
            is_open = False
            for line in lines(calendar.upper()):
                assert b"\r" not in line
                if line == b"BEGIN:VEVENT":
                    assert not is_open
                    is_open, posts = True, 0
                elif line == b"END:VEVENT":
                    assert (is_open, posts) == (True, 1)
                    is_open = False
                elif is_open and line.startswith(b"X-ZOOMBRIDGE-POST"):
                    assert line == b"X-ZOOMBRIDGE-POST:1"
                    posts += 1
            assert not is_open
        assert filtered(kept) == kept

    @pytest.mark.parametrize(
        "event",
        [
            vevent(f"SUMMARY:{SECRET}", marker="UID:1"),
            vevent(f"SUMMARY:{SECRET}", marker="X-ZOOMBRIDGE-POST:"),
            vevent(f"SUMMARY:{SECRET}", marker="X-ZOOMBRIDGE-POST:1x"),
            vevent(f"SUMMARY:{SECRET}", marker="X-ZOOMBRIDGE-POST:-1"),
            vevent(f"SUMMARY:{SECRET}", "X-ZOOMBRIDGE-POST:1"),
            vevent(f"SUMMARY:{SECRET}", "X-ZOOMBRIDGE-POST:1", marker="X-ZOOMBRIDGE-POST:1"),
            vevent(f"SUMMARY:{SECRET}", "BEGIN:VALARM", "X-ZOOMBRIDGE-POST:1", "END:VALARM", marker="UID:1"),
            vevent(vevent(f"SUMMARY:{SECRET}").strip(), marker="X-ZOOMBRIDGE-POST:1"),
            vevent(f"SUMMARY:a\rSUMMARY:{SECRET}", marker="X-ZOOMBRIDGE-POST:1"),
            f"BEGIN:VTODO\r\nSUMMARY:{SECRET}\r\nX-ZOOMBRIDGE-POST:1\r\nEND:VTODO\r\n",
            f"BEGIN:VTIMEZONE\r\n{vevent(f'SUMMARY:{SECRET}')}END:VTIMEZONE\r\n",
            f"{vevent()}SUMMARY:{SECRET}\r\n",
            f"BEGIN:VEVENT\r\nSUMMARY:{SECRET}\r\nX-ZOOMBRIDGE-POST:1\r\n",
        ],
    )
    def test_what_cannot_be_assigned_to_a_public_post_is_removed(self, event: str) -> None:
        (kept,) = filtered([vcalendar(vevent("SUMMARY:told", marker="X-ZOOMBRIDGE-POST:1"), event)])
        assert SECRET.encode() not in kept
        assert b"SUMMARY:told" in kept
        assert kept.endswith(b"END:VCALENDAR\r\n")

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"\r\nBEGIN:VCALENDAR\r\n"]
    )
    def test_what_is_no_calendar_is_empty(self, body: bytes) -> None:
        assert filtered([body]) == [b""]


class TestCases:
    """Faults of the pattern over the whole text that was used before."""

    def test_the_end_of_an_event_in_a_description_publishes_nothing(self) -> None:
        hidden = entry(2, HIDDEN, SECRET, f"Before\nEND:VEVENT\n{SECRET} after")
        assert filtered([rendered(hidden, entry(1, PUBLIC, "Choir", ""))]) == [
            rendered(entry(1, PUBLIC, "Choir", ""))
        ]

    @pytest.mark.parametrize("length", [20_000, 1_000_000])
    def test_a_long_description_empties_nothing(self, length: int) -> None:
        public = rendered(entry(1, PUBLIC, "Choir", "ü END:VEVENT " * (length // 13)))
        (kept,) = filtered([public])
        assert kept == public
        (event,) = Calendar.from_ical(kept).walk("VEVENT")
        assert event["summary"] == "Choir"
