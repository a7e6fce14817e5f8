"""What an event changed: the meeting before and after it, and the fields that differ."""

import random
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from core.model.diff import DateChange, EventDiff, FieldDiff, event_diffs, field_diffs
from core.model.fold import Change, fold, position
from core.model.meeting import Meeting
from core.zoom.envelope import digest, parse
from tests.core.events import ACCOUNT, NUMBER, event, raw, sample

MEETING: dict[str, Any] = {
    "topic": "Choir",
    "type": 2,
    "start_time": "2026-06-01T16:00:00Z",
    "timezone": "Europe/Berlin",
    "duration": 60,
    "settings": {"waiting_room": False, "auto_recording": "cloud"},
}
BERLIN = ZoneInfo("Europe/Berlin")


def change(told: dict[str, Any]) -> Change:
    envelope = parse(raw(told))
    mark = digest(envelope)
    return Change(position(envelope, mark, received_at=0), envelope)


def updated(at: int, **object_: Any) -> Change:
    return change(event("meeting.updated", at, payload={"scope": "all"}, **object_))


def made(at: int = 1, **object_: Any) -> Change:
    return change(event(at=at, **{**MEETING, **object_}))


def walk(*changes: Change, base: Meeting | None = None) -> list[EventDiff]:
    return list(event_diffs(ACCOUNT, NUMBER, changes, base=base))


def changed(*changes: Change, base: Meeting | None = None) -> list[FieldDiff]:
    """What the last of these changed."""
    step = walk(*changes, base=base)[-1]
    return field_diffs(step.before, step.after)


class TestSteps:
    def test_go_in_the_order_in_which_things_happened(self) -> None:
        changes = [made(1), updated(2, topic="Two"), updated(3, topic="Three")]
        shuffled = changes[:]
        random.Random(7).shuffle(shuffled)
        assert [step.after.topic for step in walk(*shuffled) if step.after] == ["Choir", "Two", "Three"]
        assert walk(*shuffled) == walk(*changes)

    def test_end_with_what_the_fold_makes(self) -> None:
        changes = [made(1), updated(2, topic="Two"), change(event("meeting.deleted", 3))]
        for count in (1, 2, 3):
            assert walk(*changes[:count])[-1].after == fold(ACCOUNT, NUMBER, changes[:count])

    def test_begin_with_nothing_or_with_what_is_kept_of_dropped_events(self) -> None:
        first, second = made(1), updated(2, topic="Two")
        base = fold(ACCOUNT, NUMBER, [first])
        assert walk(first, second)[0].before is None
        (step,) = walk(second, base=base)
        assert (step.before, step.after) == (base, fold(ACCOUNT, NUMBER, [first, second]))

    def test_pass_over_what_comes_twice(self) -> None:
        assert len(walk(made(1), made(1))) == 1

    def test_say_what_came_too_late_to_count(self) -> None:
        base = fold(ACCOUNT, NUMBER, [made(1), updated(5, topic="Five")])
        late, new = walk(updated(3, topic="Three"), updated(6, agenda="Bring scores"), base=base)
        assert (late.too_late, late.before, late.after) == (True, base, base)
        assert field_diffs(late.before, late.after) == []
        assert not new.too_late
        assert field_diffs(new.before, new.after) == [FieldDiff("agenda", None, "Bring scores")]

    def test_of_nothing_are_none(self) -> None:
        assert walk() == []


class TestDifferences:
    def test_are_only_what_differs(self) -> None:
        assert changed(made(), updated(2, topic="Rehearsal", duration=60)) == [
            FieldDiff("topic", "Choir", "Rehearsal")
        ]

    def test_tell_of_a_new_meeting_all_that_is_known(self) -> None:
        told = {one.field: one.new for one in changed(made())}
        assert told["topic"] == "Choir"
        assert told["state"] == "scheduled"
        assert told["settings.auto_recording"] == "cloud"
        assert all(one.old is None for one in changed(made()))

    def test_begin_with_what_people_look_for(self) -> None:
        names = [one.field for one in changed(made())]
        assert names[:4] == ["state", "kind", "topic", "type"]
        assert names.index("start_time") < names.index("settings.auto_recording")

    def test_have_times_in_the_meetings_zone(self) -> None:
        assert changed(made(), updated(2, start_time="2026-12-01T17:00:00Z")) == [
            FieldDiff(
                "start_time",
                datetime(2026, 6, 1, 18, tzinfo=BERLIN),
                datetime(2026, 12, 1, 18, tzinfo=BERLIN),
            )
        ]

    def test_show_no_change_to_a_time_that_is_unreadable(self) -> None:
        assert changed(made(), updated(2, start_time="soon")) == []

    def test_look_into_settings(self) -> None:
        assert changed(made(), updated(2, settings={"waiting_room": True})) == [
            FieldDiff("settings.waiting_room", False, True)
        ]

    def test_tell_of_deletion_and_recovery(self) -> None:
        deleted = change(event("meeting.deleted", 2, payload={"operation": "all"}))
        recovered = change(event("meeting.recovered", 3, payload={"operation": "all"}))
        gone = change(event("meeting.permanently_deleted", 4, payload={"operation": "all"}))
        assert changed(made(), deleted) == [FieldDiff("state", "scheduled", "deleted")]
        assert changed(made(), deleted, recovered) == [FieldDiff("state", "deleted", "recovered")]
        assert changed(made(), deleted, recovered, gone) == [
            FieldDiff("state", "recovered", "permanently_deleted")
        ]

    def test_tell_of_a_meeting_that_becomes_a_webinar(self) -> None:
        told = changed(made(), change(event("meeting.converted_to_webinar", 2, type=5)))
        assert FieldDiff("kind", "meeting", "webinar") in told

    def test_count_the_dates_of_a_new_series_and_name_those_that_change(self) -> None:
        series = {
            "type": 8,
            "occurrences": [
                {"occurrence_id": str(day), "start_time": f"2026-06-0{day}T16:00:00Z", "duration": 60}
                for day in (1, 2)
            ],
        }
        first = made(1, **series)
        assert FieldDiff("occurrences", None, 2) in changed(first)
        cancelled = change(
            event(
                "meeting.deleted",
                2,
                payload={"operation": "single"},
                type=8,
                occurrences=[{"occurrence_id": "2", "start_time": "2026-06-02T16:00:00Z"}],
            )
        )
        start = datetime(2026, 6, 2, 16, tzinfo=UTC).astimezone(BERLIN)
        assert changed(first, cancelled) == [
            FieldDiff("occurrences.2", DateChange(start, 60, True), DateChange(start, 60, False))
        ]
        single = changed(first, updated(2, type=2))
        assert FieldDiff("occurrences", 2, None) in single

    def test_tell_that_it_began_and_ended(self) -> None:
        instance: dict[str, Any] = {"uuid": "u1", "start_time": "2026-06-01T16:01:00Z"}
        started = change(event("meeting.started", 2, **instance))
        ended = change(event("meeting.ended", 3, **instance, end_time="2026-06-01T17:00:00Z"))
        began = datetime(2026, 6, 1, 18, 1, tzinfo=BERLIN)
        assert changed(made(), started) == [FieldDiff("started", None, began)]
        assert changed(made(), started, ended) == [
            FieldDiff("ended", None, datetime(2026, 6, 1, 19, tzinfo=BERLIN))
        ]

    def test_count_recordings_and_registrants(self) -> None:
        recording = change(sample("recording.completed"))
        told = {one.field: one.new for one in changed(recording)}
        assert told["recordings"] == 1
        registrant = {"id": "r1", "email": "guest@example.org"}
        registered = change(event("meeting.registration_created", 2, registrant=registrant))
        assert changed(made(), registered) == [FieldDiff("registrants.approved", None, 1)]

    def test_never_hold_the_key_to_the_hosts_account(self) -> None:
        told = changed(made(start_url="https://zoom.us/s/1?zak=key", settings={"start_url": "zak=key"}))
        assert "zak" not in repr(told)

    def test_of_samples_are_found(self) -> None:
        first, second = change(sample("meeting.created")), change(sample("meeting.updated"))
        assert changed(first, second)
        assert all(one.old != one.new for one in changed(first, second))

    def test_of_nothing_are_none(self) -> None:
        assert field_diffs(None, None) == []
