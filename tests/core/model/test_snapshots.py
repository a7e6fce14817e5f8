"""What a look at an account says of a meeting."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.model.fold import Change, fold, position
from core.model.instances import instances_of
from core.model.meeting import Doubt, Meeting, MeetingState
from core.model.snapshots import Drift, Snapshot, is_current, of_absence, of_reading, of_room
from core.zoom.envelope import digest, parse
from core.zoom.readings import Reading
from tests.core.events import ACCOUNT, NUMBER, event, raw

AT = 1_800_000_000_000
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "topic": "Choir",
    "type": 2,
    "start_time": "2026-03-04T10:00:00Z",
    "duration": 60,
    "timezone": "Europe/Berlin",
    "join_url": "https://zoom.us/j/85393847045",
    "host_id": "host",
}


def known(*told: dict[str, Any]) -> Meeting:
    changes = []
    for one in told:
        envelope = parse(raw(one))
        changes.append(Change(position(envelope, digest(envelope), received_at=0), envelope))
    made = fold(ACCOUNT, NUMBER, changes)
    assert made is not None
    return made


def read(before: Meeting | None, at: int = AT, **document: Any) -> Snapshot:
    return of_reading(ACCOUNT, NUMBER, before, Reading({"id": NUMBER, **WHOLE, **document}, at))


def refolded(found: Snapshot, *told: dict[str, Any]) -> Meeting:
    """Fold what came with the snapshot laid into the log."""
    assert found.raw is not None
    envelope = parse(found.raw)
    changes = [Change(position(envelope, digest(envelope), received_at=0), envelope)]
    for one in told:
        envelope = parse(raw(one))
        changes.append(Change(position(envelope, digest(envelope), received_at=0), envelope))
    made = fold(ACCOUNT, NUMBER, changes)
    assert made is not None
    return made


class TestOfReading:
    def test_what_was_unknown_is_new(self) -> None:
        found = read(None, agenda="Bring a score")
        assert found.drift is Drift.NEW
        assert refolded(found).is_complete
        assert refolded(found).agenda == "Bring a score"

    def test_what_is_known_is_not_written_down_again(self) -> None:
        first = read(None)
        assert first.after is not None
        assert read(first.after, AT + 5000).drift is Drift.SAME
        assert read(first.after, AT + 5000).raw is None

    @pytest.mark.parametrize("passing", [{"uuid": "another"}, {"status": "started"}, {"created_at": "2026"}])
    def test_what_only_passes_is_no_difference(self, passing: dict[str, Any]) -> None:
        first = read(None)
        assert read(first.after, AT + 5000, **passing).drift is Drift.SAME

    def test_what_visitors_see_is_named(self) -> None:
        found = read(read(None).after, AT + 5000, topic="Orchestra", duration=90)
        assert found.drift is Drift.CHANGED
        assert found.detail == "topic, duration"

    def test_what_events_do_not_carry_is_completed(self) -> None:
        made = known(event("meeting.created", 1, **WHOLE))
        found = read(made, settings={"host_video": True}, agenda="")
        assert found.drift is Drift.COMPLETED
        assert found.after is not None
        assert found.after.settings == {"host_video": True}

    def test_an_incomplete_meeting_is_completed(self) -> None:
        found = read(known(event("meeting.deleted", 1, topic="Choir", type=2, join_url=None)))
        assert found.drift is Drift.COMPLETED
        assert found.after is not None
        assert found.after.is_complete
        assert found.after.state is MeetingState.SCHEDULED

    def test_what_happened_since_counts_more(self) -> None:
        moved = event("meeting.updated", AT + 1, topic="Moved")
        assert read(known(event("meeting.created", 1, **WHOLE), moved)).drift is Drift.LATER

    def test_an_event_that_comes_late_but_happened_later_stands(self) -> None:
        found = read(None)
        assert refolded(found, event("meeting.updated", AT + 1, topic="Moved")).topic == "Moved"

    def test_an_event_that_comes_late_and_happened_before_does_not(self) -> None:
        found = read(None)
        assert refolded(found, event("meeting.updated", AT - 1, topic="Old")).topic == "Choir"

    def test_the_key_to_the_hosts_account_never_enters_the_log(self) -> None:
        found = read(None, start_url="https://zoom.us/s/1?zak=SECRET")
        assert b"SECRET" not in (found.raw or b"")

    def test_an_end_that_nobody_told_of_is_noticed(self) -> None:
        running = known(
            event("meeting.created", 1, **WHOLE),
            event("meeting.started", 2, uuid="u", start_time="2026-03-03T10:00:00Z", type=2),
        )
        assert [one.ended for one in instances_of(running)] == [None]
        found = read(running, status="waiting")
        assert found.drift is not Drift.SAME
        after = refolded(found, event("meeting.started", 2, uuid="u", start_time="2026-03-03T10:00:00Z"))
        assert all(one.ended for one in instances_of(after))

    def test_a_reading_settles_a_doubt_even_where_nothing_else_differs(self) -> None:
        open_question = replace(known(event("snapshot", 1, **WHOLE)), doubt=Doubt.DELETED_WITHOUT_DATES)
        found = read(open_question)
        assert found.raw is not None
        assert found.after is not None
        assert found.after.doubt is Doubt.NONE

    def test_what_no_text_can_hold_does_not_break_it(self) -> None:
        assert refolded(read(None, topic="a\ud800b")).topic == "a\ufffdb"


class TestOfRoom:
    def test_a_meeting_known_under_its_personal_meeting_id_is_not_new(self) -> None:
        room = known(event("meeting.created", 1, uuid="a", **WHOLE, pmi=str(NUMBER)))
        found = of_room(81, room, Reading({"id": 81, "pmi": str(NUMBER), **WHOLE}, AT))
        assert found is not None
        assert (found.drift, found.raw) == (Drift.SAME, None)
        assert of_room(81, room, Reading({"id": 81, **WHOLE, "topic": "Another"}, AT)) is None

    def test_an_absence_of_the_room_says_nothing_of_its_meetings(self) -> None:
        room = known(event("meeting.created", 1, **WHOLE, pmi=NUMBER))
        found = of_absence(ACCOUNT, room, at=AT, now=NOW)
        assert (found.drift, found.raw) == (Drift.UNSURE, None)

    def test_the_room_itself_replaces_no_meeting_scheduled_in_it(self) -> None:
        made = known(event("meeting.created", 1, **WHOLE, agenda=""))
        assert read(made, type=4, topic="Anna's room").drift is Drift.SAME


class TestOfAbsence:
    def test_settles_the_doubt_about_a_deletion(self) -> None:
        deleted = known(
            event("meeting.updated", 1, topic="Choir"),
            event("meeting.deleted", 2, payload={"operation": "single"}),
        )
        assert deleted.doubt is Doubt.DELETED_UNKNOWN_TYPE
        found = of_absence(ACCOUNT, deleted, at=AT, now=NOW)
        assert found.drift is Drift.SAME
        assert found.after is not None
        assert (found.after.state, found.after.doubt) == (MeetingState.DELETED, Doubt.NONE)
        assert found.raw is not None

    @pytest.mark.parametrize("start", ["2026-03-04T10:00:00Z", "2026-02-20T10:00:00Z"])
    def test_what_is_to_come_or_was_lately_cannot_have_expired(self, start: str) -> None:
        made = known(event("meeting.created", 1, **{**WHOLE, "start_time": start}))
        found = of_absence(ACCOUNT, made, at=AT, now=NOW)
        assert found.drift is Drift.GONE
        assert refolded(found, event("meeting.created", 1, **WHOLE)).state is MeetingState.DELETED

    @pytest.mark.parametrize(
        "changed",
        [{"start_time": "2026-01-01T10:00:00Z"}, {"type": 3, "start_time": None}, {"start_time": None}],
    )
    def test_anything_else_may_have_expired(self, changed: dict[str, Any]) -> None:
        made = known(event("meeting.created", 1, **{**WHOLE, **changed}))
        assert of_absence(ACCOUNT, made, at=AT, now=NOW).drift is Drift.UNSURE

    def test_one_without_a_date_counts_from_when_it_was_last_heard_of(self) -> None:
        lately = int(datetime(2026, 2, 20, tzinfo=UTC).timestamp() * 1000)
        made = known(event("meeting.created", lately, **{**WHOLE, "type": 3, "start_time": None}))
        assert of_absence(ACCOUNT, made, at=AT, now=NOW).drift is Drift.GONE

    @pytest.mark.parametrize("status", ["available", "deleted"])
    @pytest.mark.parametrize(
        ("last", "drift"), [("2026-03-08T10:00:00Z", Drift.GONE), ("2026-01-08T10:00:00Z", Drift.UNSURE)]
    )
    def test_a_series_counts_by_its_last_date_cancelled_or_not(
        self, last: str, status: str, drift: Drift
    ) -> None:
        dates = [
            {"occurrence_id": "1", "start_time": "2026-01-01T10:00:00Z", "status": "available"},
            {"occurrence_id": "2", "start_time": last, "status": status},
        ]
        made = known(event("meeting.created", 1, **{**WHOLE, "type": 8, "occurrences": dates}))
        assert of_absence(ACCOUNT, made, at=AT, now=NOW).drift is drift

    def test_a_series_of_which_no_date_is_known_counts_by_its_start(self) -> None:
        made = known(event("meeting.updated", 1, type=8, start_time="2026-03-01T10:00:00Z"))
        assert of_absence(ACCOUNT, made, at=AT, now=NOW).drift is Drift.GONE

    def test_a_series_of_which_a_cancelled_date_alone_is_known_counts_by_that(self) -> None:
        cancelled = {"occurrence_id": "2", "start_time": "2026-03-08T10:00:00Z"}
        told = event("meeting.deleted", 1, payload={"operation": "single"}, type=8, occurrences=[cancelled])
        assert of_absence(ACCOUNT, known(told), at=AT, now=NOW).drift is Drift.GONE

    def test_what_was_deleted_before_stays_so(self) -> None:
        made = known(event("meeting.created", 1, **WHOLE), event("meeting.deleted", 2, **WHOLE))
        assert of_absence(ACCOUNT, made, at=AT, now=NOW).drift is Drift.SAME

    def test_what_comes_back_is_recovered(self) -> None:
        gone = of_absence(ACCOUNT, known(event("meeting.created", 1, **WHOLE)), at=AT, now=NOW).after
        assert gone is not None
        back = read(gone, AT + 5000).after
        assert back is not None
        assert (back.state, back.recovered) == (MeetingState.SCHEDULED, True)


class TestIsCurrent:
    @pytest.mark.parametrize(
        ("item", "current"),
        [
            ({"type": 2, "start_time": "2026-03-04T10:00:00Z", "duration": 60}, True),
            ({"type": 2, "start_time": "2026-03-03T11:30:00Z", "duration": 60}, True),
            ({"type": 2, "start_time": "2026-03-03T10:30:00Z", "duration": 60}, False),
            ({"type": 2, "start_time": "2026-03-03T11:30:00Z"}, True),
            ({"type": 2, "start_time": "2026-03-03T10:30:00Z", "duration": 0}, False),
            ({"type": 8, "start_time": "2020-03-03T10:30:00Z", "duration": 60}, True),
            ({"type": 3}, True),
            ({}, True),
        ],
    )
    def test_leaves_out_what_is_over(self, item: dict[str, Any], current: bool) -> None:
        assert is_current(item, NOW) is current
