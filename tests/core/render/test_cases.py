"""Events that were once folded or shown wrongly, in order of delivery (tests/samples/cases), with the right result."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from core.model.fold import Change, acts_on, fold, position
from core.model.meeting import Doubt, Meeting
from core.model.rules import Recordings, Rules
from core.render import Post, Presence, SiteRules, render
from core.render.ical import CalendarEntry, UidKey, calendar
from core.zoom.envelope import digest, parse
from tests.calendar_rules import violations
from tests.core.events import SAMPLES, raw

CASES = SAMPLES / "cases"
NUMBER = 81234567890
JOIN = f"https://zoom.us/j/{NUMBER}"
DAY = datetime(2026, 11, 30, tzinfo=UTC)
TOLD = Rules(recordings=Recordings.EVERYBODY)
OWNERS = {"account_transfer_leaves_a_twin", "old_account_writes_over_the_new"}  # which account owns a number
WRITTEN = {"emoji_on_a_utf8_site"}  # how a site's database holds it


def folded(name: str) -> Meeting | None:
    changes = []
    for number, told in enumerate(json.loads((CASES / f"{name}.json").read_text())):
        envelope = parse(raw(told))
        if envelope.number is not None and acts_on(envelope.event):
            changes.append(Change(position(envelope, digest(envelope), received_at=number), envelope))
    return fold("AcctA", NUMBER, changes)


def known(name: str) -> Meeting:
    meeting = folded(name)
    assert meeting is not None
    return meeting


def shown(name: str, now: datetime = DAY) -> tuple[Post, str, dict[str, Any]]:
    """Return the post, its HTML and its details."""
    post = render(known(name), SiteRules(TOLD), now)
    assert post.presence is Presence.SHOWN
    return post, post.field["html"], json.loads(post.field["details"])


def feed(name: str) -> str:
    entry = CalendarEntry(known(name), 3, "https://example.org/choir", 7)
    data = calendar([entry], TOLD, name="Choir", key=UidKey(b"secret", "example.org"), now=DAY)
    assert violations(data) == []
    return data.replace(b"\r\n ", b"").decode()


def test_every_case_has_a_right_result() -> None:
    names = {path.stem for path in CASES.glob("*.json")} - OWNERS - WRITTEN
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert names <= tested


def test_rehearsal_ended_before_the_start() -> None:
    _, page, details = shown("rehearsal_ended_before_the_start", datetime(2026, 12, 1, 17, 45, tzinfo=UTC))
    assert "Upcoming" in page
    assert JOIN in page
    assert details["state"] == ""


def test_ended_long_before_its_scheduled_end() -> None:
    name = "ended_long_before_its_scheduled_end"
    _, page, details = shown(name, datetime(2026, 12, 1, 18, 41, tzinfo=UTC))
    assert "can be joined again" in page
    assert JOIN in page
    assert details["state"] == ""
    _, page, details = shown(name, datetime(2026, 12, 1, 19, tzinfo=UTC))
    assert JOIN not in page
    assert details["state"] == "ended"


def test_private_recording_of_the_PMI_on_a_public_page() -> None:  # noqa: N802 (the file's name)
    post, page, _ = shown(
        "private_recording_of_the_PMI_on_a_public_page", datetime(2026, 12, 4, 20, tzinfo=UTC)
    )
    assert "rec/share" not in page
    assert "salary" not in page + post.title


def test_other_use_of_the_PMI_shown_as_live() -> None:  # noqa: N802 (the file's name)
    post, page, _ = shown("other_use_of_the_PMI_shown_as_live", datetime(2026, 11, 28, 10, 5, tzinfo=UTC))
    assert "Live" not in page
    assert "Upcoming" in page
    assert post.title == "Choir rehearsal"


def test_irregular_weekly_series_has_RDATE_without_RRULE() -> None:  # noqa: N802 (the file's name)
    text = feed("irregular_weekly_series_has_RDATE_without_RRULE")
    assert "RDATE" not in text
    assert text.count("BEGIN:VEVENT") == 5


def test_series_without_recurrence_has_RDATE_without_RRULE() -> None:  # noqa: N802 (the file's name)
    text = feed("series_without_recurrence_has_RDATE_without_RRULE")
    assert "RDATE" not in text
    assert text.count("BEGIN:VEVENT") == 10


def test_passcode_changed_without_join_url() -> None:
    meeting = known("passcode_changed_without_join_url")
    assert (meeting.password, meeting.join_url) == ("654321", JOIN)
    assert meeting.doubt is Doubt.PASSCODE_WITHOUT_LINK
    assert "pwd=" not in str(render(meeting, SiteRules(), DAY).field)


def test_no_length_known_gives_DTEND_equal_to_DTSTART() -> None:  # noqa: N802 (the file's name)
    assert "DTEND;TZID=Europe/Berlin:20261201T200000" in feed("no_length_known_gives_DTEND_equal_to_DTSTART")


def test_event_ts_in_seconds_loses_the_second_change() -> None:
    assert known("event_ts_in_seconds_loses_the_second_change").topic == "Second new title"


def test_partial_recurrence_forgets_the_rule() -> None:
    meeting = known("partial_recurrence_forgets_the_rule")
    assert meeting.recurrence == {"type": 2, "repeat_interval": 1, "weekly_days": "3", "end_times": 12}
    assert len(meeting.occurrences) == 12
    assert "FREQ=WEEKLY" in feed("partial_recurrence_forgets_the_rule")


def test_topic_of_spaces_makes_a_page_without_a_title() -> None:
    post, _, _ = shown("topic_of_spaces_makes_a_page_without_a_title")
    assert post.title == "Zoom meeting"
    assert "SUMMARY:Zoom meeting\r\n" in feed("topic_of_spaces_makes_a_page_without_a_title")


def test_null_topic_erases_what_was_known() -> None:
    meeting = known("null_topic_erases_what_was_known")
    assert meeting.topic == "Choir rehearsal"
    assert meeting.settings == {"host_video": True}


def test_files_named_in_a_batch_leave_one_without_id() -> None:
    _, page, _ = shown("files_named_in_a_batch_leave_one_without_id", datetime(2026, 12, 4, tzinfo=UTC))
    assert "rec/share" not in page


def test_id_zero_makes_a_page() -> None:
    assert folded("id_zero_makes_a_page") is None
