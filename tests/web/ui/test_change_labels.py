"""What an event changed, in words."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.model.diff import DateChange, FieldDiff
from core.model.state_fields import ALTERNATIVE_HOST_IDS, SETTINGS
from core.zoom.masking import HIDDEN
from web.ui.change_labels import ChangeLabel, label_changes, label_fields
from web.ui.i18n import translations

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 6, 1, 18, tzinfo=BERLIN)


def say(field: str, old: Any, new: Any, *, passcodes: bool = False, language: str = "en") -> ChangeLabel:
    (one,) = label_changes(
        [FieldDiff(field, old, new)], translations(language), language, passcodes=passcodes
    )
    return one


@pytest.mark.parametrize(
    ("field", "old", "new", "expected"),
    [
        ("topic", "Choir", "Rehearsal", ChangeLabel("Topic", "Choir", "Rehearsal")),
        ("topic", None, "Rehearsal", ChangeLabel("Topic", "", "Rehearsal")),
        ("agenda", "Bring scores", "", ChangeLabel("Agenda", "Bring scores", "")),
        ("duration", 60, 1, ChangeLabel("Duration", "60 minutes", "1 minute")),
        ("state", "scheduled", "permanently_deleted", ChangeLabel("Status", "scheduled", "permanently deleted")),
        ("kind", "meeting", "webinar", ChangeLabel("Kind", "meeting", "webinar")),
        ("type", 2, 8, ChangeLabel("Type in Zoom", "scheduled meeting", "series")),
        ("type", None, 77, ChangeLabel("Type in Zoom", "", "77")),
        ("settings.waiting_room", False, True, ChangeLabel("Setting “Waiting room”", "no", "yes")),
        ("settings.auto_recording", "none", "cloud", ChangeLabel("Setting “Automatic recording”", "off", "in Zoom's cloud")),
        ("settings.auto_recording", None, "odd", ChangeLabel("Setting “Automatic recording”", "", "odd")),
        ("settings.jbh_time", 0, 5, ChangeLabel("Setting “Join before host, how early”", "at any time", "5 minutes")),
        ("settings.odd_one", False, True, ChangeLabel("Setting “odd one”", "no", "yes")),
        ("recurrence.end_times", 5, 6, ChangeLabel("Number of occurrences", "5", "6")),
        ("recurrence.type", 2, 3, ChangeLabel("Recurrence", "weekly", "monthly")),
        ("recurrence.odd_one", 5, 6, ChangeLabel("Recurrence “odd one”", "5", "6")),
        ("occurrences", None, 12, ChangeLabel("Occurrences", "", "12")),
        ("something_new", {"a": 1}, None, ChangeLabel("something new", '{"a": 1}', "")),
        ("registrants.approved", None, 3, ChangeLabel("Approved registrations", "", "3")),
    ],
)  # fmt: skip
def test_says_it_in_words(field: str, old: Any, new: Any, expected: ChangeLabel) -> None:
    assert say(field, old, new) == expected


def test_times_are_in_the_meetings_zone() -> None:
    one = say("start_time", None, EVENING)
    assert one.new.endswith("Europe/Berlin")
    assert "6:00" in one.new.replace("\u202f", " ")
    german = say("start_time", None, EVENING, language="de")
    assert "18:00" in german.new


def test_a_date_of_a_series_that_was_cancelled() -> None:
    one = say(
        "occurrences.7", DateChange(EVENING, 60, available=True), DateChange(EVENING, 60, available=False)
    )
    assert one.name == "Occurrence"
    assert one.new == one.old + ", cancelled"


def test_a_passcode_is_never_shown() -> None:
    assert say("password", "abc123", "xyz789", passcodes=True) == ChangeLabel("Passcode", HIDDEN, "changed")
    assert say("password", None, "xyz789") == ChangeLabel("Passcode", "", HIDDEN)
    assert "xyz" not in str(say("settings.pstn_password", None, "xyz789"))


def test_a_passcode_in_a_link_is_for_who_may_change() -> None:
    link = "https://zoom.us/j/1?pwd=xyz"
    assert "xyz" not in say("join_url", None, link).new
    assert say("join_url", None, link, passcodes=True).new == link


def test_what_is_long_is_cut() -> None:
    assert len(say("agenda", None, "x" * 5000).new) < 400


def test_fields_of_a_finding() -> None:
    german = translations("de")
    assert label_fields("topic, duration, join_url", german) == "Thema, Dauer, Link zum Beitreten"
    assert label_fields("topic", translations("en")) == "Topic"
    for other in ("", "It is an instant meeting.", "topic, another"):
        assert label_fields(other, german) == ""


@pytest.mark.parametrize("name", [*SETTINGS, ALTERNATIVE_HOST_IDS])
def test_every_setting_of_the_state_has_words_in_both_languages(name: str) -> None:
    shown = [say(f"settings.{name}", None, True, language=language).name for language in ("en", "de")]
    assert f"“{name.replace('_', ' ')}”" not in shown[0]
    assert shown[0] != shown[1]
