"""Meetings that share a personal meeting ID (PMI), told under the PMI or under numbers of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from core.model.fold import SNAPSHOT, Change, fold, position
from core.model.identity import Record, fold_records
from core.model.meeting import Meeting, MeetingState
from core.model.rules import Recordings, Rules
from core.model.shared_number import every, leading
from core.render import Presence, SiteRules, render
from core.zoom.envelope import digest, parse
from tests.core.events import ACCOUNT, NUMBER, event, raw

DAY = datetime(2026, 12, 1, 12, tzinfo=UTC)
ROOM = f"https://zoom.us/j/{NUMBER}?pwd=room"
OPEN = SiteRules(Rules(recordings=Recordings.EVERYBODY))


def folded(*told: dict[str, Any]) -> Meeting:
    changes = []
    for one in told:
        envelope = parse(raw(one))
        changes.append(Change(position(envelope, digest(envelope), received_at=0), envelope))
    found = fold(ACCOUNT, NUMBER, changes)
    assert found is not None
    return found


def created(uuid: str, topic: str, day: int, at: int = 1, **more: Any) -> dict[str, Any]:
    return event(
        "meeting.created",
        at,
        uuid=uuid,
        topic=topic,
        type=2,
        start_time=f"2026-12-{day:02}T18:00:00Z",
        duration=60,
        timezone="UTC",
        join_url=ROOM,
        password="room",
        **more,
    )


def deleted(uuid: str, at: int, **more: Any) -> dict[str, Any]:
    return event("meeting.deleted", at, payload={"operation": "single"}, uuid=uuid, type=2, **more)


CHOIR, BOARD = created("choir", "Choir", 2), created("board", "Board", 9, 2)


def title(meeting: Meeting, now: datetime = DAY) -> str:
    post = render(meeting, OPEN, now)
    assert post.presence is Presence.SHOWN
    return post.title


class TestDeletion:
    @pytest.mark.parametrize(("gone", "left"), [("choir", "Board"), ("board", "Choir")])
    def test_of_one_leaves_the_page_to_the_other(self, gone: str, left: str) -> None:
        meeting = folded(CHOIR, BOARD, deleted(gone, 3))
        assert (meeting.state, meeting.topic) == (MeetingState.SCHEDULED, left)
        assert title(meeting) == left
        assert meeting.join_url == ROOM

    def test_of_both_trashes_it(self) -> None:
        meeting = folded(CHOIR, BOARD, deleted("choir", 3), deleted("board", 4))
        assert meeting.state is MeetingState.DELETED
        assert render(meeting, OPEN, DAY).presence is Presence.TRASHED

    def test_counts_in_any_order_of_arrival(self) -> None:
        told = (CHOIR, BOARD, deleted("choir", 3), event("meeting.updated", 4, uuid="board", topic="Board 2"))
        assert {title(folded(*order)) for order in permutations(told)} == {"Board 2"}

    def test_after_an_instance_gave_a_new_uuid_is_told_by_topic_and_start(self) -> None:
        gone = deleted("choir-2", 3, topic="Choir", start_time="2026-12-02T18:00:00.000Z")
        assert title(folded(CHOIR, BOARD, gone)) == "Board"

    @pytest.mark.parametrize("more", [{}, {"topic": "Talk", "start_time": "2026-12-05T09:00:00Z"}])
    def test_of_neither_leaves_both(self, more: dict[str, Any]) -> None:
        meeting = folded(CHOIR, BOARD, deleted("unknown", 3, **more))
        assert len(every(meeting)) == 2
        assert meeting.state is MeetingState.SCHEDULED

    def test_of_a_meeting_never_seen_leaves_the_known_one_of_the_room(self) -> None:
        other = deleted("unseen", 3, topic="Talk", start_time="2026-12-05T09:00:00Z")
        in_room = created("choir", "Choir", 2, pmi=str(NUMBER))
        assert title(folded(in_room, other)) == "Choir"
        assert folded(CHOIR, other).state is MeetingState.DELETED  # a number of its own is one meeting

    def test_of_one_in_the_past_does_not_swallow_a_later_creation(self) -> None:
        day = 24 * 3_600_000
        meeting = folded(deleted("old", day, topic="Old"), created("choir", "Choir", 2, 2 * day))
        assert (meeting.state, meeting.topic) == (MeetingState.SCHEDULED, "Choir")

    def test_is_undone_for_the_one_that_is_recovered(self) -> None:
        told = (CHOIR, BOARD, deleted("choir", 3), deleted("board", 4))
        assert title(folded(*told, event("meeting.recovered", 5, uuid="choir"))) == "Choir"


class TestUpdate:
    def test_changes_the_one_that_it_names(self) -> None:
        meeting = folded(CHOIR, BOARD, event("meeting.updated", 3, uuid="choir", topic="Choir 2"))
        assert {one.topic for one in every(meeting)} == {"Choir 2", "Board"}

    def test_is_assigned_by_the_values_that_it_replaces(self) -> None:
        moved = event(
            "meeting.updated",
            3,
            payload={"old_object": {"id": NUMBER, "start_time": "2026-12-02T18:00:00Z"}},
            start_time="2026-12-03T18:00:00Z",
        )
        found = {one.topic: one.object["start_time"] for one in every(folded(CHOIR, BOARD, moved))}
        assert found == {"Choir": "2026-12-03T18:00:00Z", "Board": "2026-12-09T18:00:00Z"}


class TestLeading:
    def test_is_the_next_one_then_the_other_then_the_last(self) -> None:
        for meeting in (
            folded(CHOIR, BOARD),
            folded(created("board", "Board", 9), created("choir", "Choir", 2, 2)),
        ):
            assert title(meeting, datetime(2026, 12, 2, 18, 30, tzinfo=UTC)) == "Choir"
            post = render(meeting, OPEN, DAY)
            assert post.until is not None
            assert title(meeting, datetime(2026, 12, 2, 19, tzinfo=UTC)) == "Board"
            assert title(meeting, datetime(2026, 12, 20, tzinfo=UTC)) == "Board"

    def test_is_the_meeting_itself_where_it_is_alone(self) -> None:
        meeting = folded(CHOIR)
        assert leading(meeting, DAY) is meeting


class TestRoom:
    def test_used_before_the_creation_names_nothing(self) -> None:
        used = event(
            "meeting.started", 1, uuid="x", type=4, topic="Anna's room", start_time="2026-11-01T10:00:00Z"
        )
        meeting = folded(used, created("choir", "Choir", 2, 2))
        assert (meeting.topic, meeting.type) == ("Choir", 2)

    def test_is_not_live_before_the_scheduled_start(self) -> None:
        used = event(
            "meeting.started", 3, uuid="x", type=4, topic="Anna's room", start_time="2026-12-02T17:10:00Z"
        )
        meeting = folded(created("choir", "Choir", 2, settings={"use_pmi": True}), used)
        before = render(meeting, OPEN, datetime(2026, 12, 2, 17, 15, tzinfo=UTC))
        assert "Live" not in before.field["html"]
        assert before.until == datetime(2026, 12, 2, 18, tzinfo=UTC)
        assert "Live" in render(meeting, OPEN, before.until).field["html"]

    def test_without_a_fixed_time_is_never_live(self) -> None:
        undated = event(
            "meeting.created", 1, topic="Choir", type=3, join_url=ROOM, settings={"use_pmi": True}
        )
        used = event("meeting.started", 3, uuid="x", type=4, start_time="2026-12-01T11:50:00Z")
        assert "Live" not in render(folded(undated, used), OPEN, DAY).field["html"]

    def test_answers_do_not_replace_a_meeting_scheduled_in_it(self) -> None:
        answer = event(SNAPSHOT, 3, type=4, topic="Anna's room", join_url=f"{ROOM}2")
        meeting = folded(CHOIR, answer)
        assert (meeting.topic, meeting.type, meeting.join_url) == ("Choir", 2, f"{ROOM}2")

    def test_recordings_belong_to_one_of_its_meetings(self) -> None:
        recording = event(
            "recording.completed",
            3,
            uuid="r",
            type=2,
            start_time="2026-12-02T18:02:00Z",
            duration=50,
            share_url="https://zoom.us/rec/share/choir",
        )
        for meeting in (folded(CHOIR, BOARD, recording), folded(CHOIR, recording, {**BOARD, "event_ts": 4})):
            assert (
                "rec/share" in render(meeting, OPEN, datetime(2026, 12, 2, 18, 59, tzinfo=UTC)).field["html"]
            )
            assert "rec/share" not in render(meeting, OPEN, datetime(2026, 12, 3, tzinfo=UTC)).field["html"]
            last = folded(CHOIR, recording, {**BOARD, "event_ts": 4}, deleted("board", 5))
            assert "rec/share" in render(last, OPEN, datetime(2026, 12, 3, tzinfo=UTC)).field["html"]

    def test_recordings_of_a_former_meeting_are_not_shown_for_the_next(self) -> None:
        undated = [event("meeting.created", at, topic=f"T{at}", type=3, join_url=ROOM) for at in (1, 3)]
        recording = event(
            "recording.completed",
            2,
            uuid="r",
            start_time="2026-12-02T18:02:00Z",
            share_url="https://zoom.us/rec/share/x",
        )
        assert "rec/share" in render(folded(undated[0], recording), OPEN, DAY).field["html"]
        assert "rec/share" not in render(folded(undated[0], recording, undated[1]), OPEN, DAY).field["html"]


class TestAccounts:
    def test_creation_in_another_account_leaves_nothing_of_the_former_meeting(self) -> None:
        """The number moved with its user, so the old account's record must not come back."""

        def record(account_id: str, *told: dict[str, Any]) -> Record:
            changes = []
            for one in told:
                envelope = parse(raw(one))
                changes.append(Change(position(envelope, digest(envelope), received_at=0), envelope))
            return Record(account_id, None, changes)

        old = record("A", CHOIR)
        new = fold_records(NUMBER, [old, record("B", BOARD)])
        assert new is not None
        assert (new.topic, every(new)) == ("Board", [new])
        gone = fold_records(NUMBER, [old, record("B", BOARD, deleted("board", 3))])
        assert gone is not None
        assert gone.state is MeetingState.DELETED
