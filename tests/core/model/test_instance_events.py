"""What happens around a meeting: it runs, is recorded, and people register."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.model import instance_events
from core.model.fold import Change, fold, position
from core.model.instances import instances_of
from core.model.meeting import Meeting, MeetingKind
from core.zoom.envelope import Envelope, digest, parse
from tests.core.events import ACCOUNT, NUMBER, event, raw

FILES = [{"id": "audio", "file_type": "M4A"}, {"id": "video", "recording_type": "shared_screen"}]


def envelope_of(name: str, at: int = 1, **object_: Any) -> Envelope:
    return parse(raw(event(name, at, **object_)))


def folded(*envelopes: Envelope) -> Meeting:
    changes = [
        Change(position(envelope, digest(envelope), received_at=0), envelope) for envelope in envelopes
    ]
    made = fold(ACCOUNT, NUMBER, changes)
    assert made is not None
    return made


class TestInstance:
    def test_runs_from_start_to_end(self) -> None:
        started = envelope_of("meeting.started", 2, uuid="u", start_time="2026-03-03T10:02:00Z")
        running = folded(envelope_of("meeting.created"), started)
        (instance,) = instances_of(running)
        assert (instance.started, instance.ended) == (datetime(2026, 3, 3, 10, 2, tzinfo=UTC), None)
        ended = envelope_of("meeting.ended", 3, uuid="u", end_time="2026-03-03T11:00:00Z")
        over = folded(envelope_of("meeting.created"), started, ended)
        assert instances_of(over)[0].ended == datetime(2026, 3, 3, 11, tzinfo=UTC)

    def test_the_end_of_an_earlier_one_ends_no_later_one(self) -> None:
        meeting = folded(
            envelope_of("meeting.created"),
            envelope_of("meeting.started", 2, uuid="second", start_time="2026-03-03T10:00:00Z"),
            envelope_of("meeting.ended", 3, uuid="first", end_time="2026-03-03T09:00:00Z"),
        )
        assert {one.uuid: one.ended is None for one in instances_of(meeting)} == {
            "first": False,
            "second": True,
        }

    def test_an_end_whose_start_was_lost_is_an_end(self) -> None:
        ended = envelope_of(
            "meeting.ended", 3, uuid="u", start_time="2026-03-03T10:00:00Z", end_time="2026-03-03T11:00:00Z"
        )
        meeting = folded(envelope_of("meeting.created"), ended)
        (instance,) = instances_of(meeting)
        assert instance.started == datetime(2026, 3, 3, 10, tzinfo=UTC)
        assert instance.ended == datetime(2026, 3, 3, 11, tzinfo=UTC)

    def test_a_late_start_does_not_revive_one_that_has_ended(self) -> None:
        start = {"uuid": "u", "start_time": "2026-03-03T10:00:00Z"}
        meeting = folded(
            envelope_of("meeting.created"),
            envelope_of("meeting.ended", 3, **start, end_time="2026-03-03T11:00:00Z"),
            envelope_of("meeting.started", 4, **start),
        )
        assert instances_of(meeting)[0].ended is not None

    def test_an_end_without_a_uuid_ends_the_newest_one(self) -> None:
        meeting = folded(
            envelope_of("meeting.created"),
            envelope_of("meeting.started", 2, uuid="u", start_time="2026-03-03T10:00:00Z"),
            envelope_of("meeting.ended", 3, uuid="", end_time="2026-03-03T11:00:00Z"),
        )
        assert [one.ended is not None for one in instances_of(meeting)] == [True]

    @pytest.mark.parametrize("place", ["object", "payload"])
    def test_a_practice_session_is_known_as_one(self, place: str) -> None:
        given = event("webinar.ended", 3, uuid="u", start_time="2026-03-03T10:00:00Z", type=5)
        (given["payload"]["object"] if place == "object" else given["payload"])["practice_session"] = True
        (instance,) = instances_of(folded(envelope_of("webinar.created", type=5), parse(raw(given))))
        assert instance.is_practice

    def test_another_topic_of_the_room_is_marked_and_not_kept(self) -> None:
        meeting = folded(
            envelope_of("meeting.created", topic="Choir", settings={"use_pmi": True}),
            envelope_of(
                "meeting.started",
                2,
                uuid="u",
                type=4,
                topic="Talk with Ben",
                start_time="2026-03-03T10:00:00Z",
            ),
        )
        assert "other" in meeting.instances["u"]
        assert "Ben" not in str(meeting)

    def test_are_bounded(self) -> None:
        starts = [
            envelope_of(
                "meeting.started",
                2 + hour,
                uuid=str(hour),
                start_time=f"2026-03-0{1 + hour // 24}T{hour % 24:02}:00:00Z",
            )
            for hour in range(instance_events.MOST_INSTANCES + 5)
        ]
        meeting = folded(envelope_of("meeting.created"), *starts)
        assert len(meeting.instances) == instance_events.MOST_INSTANCES
        assert "0" not in meeting.instances

    def test_never_changes_the_schedule(self) -> None:
        created = envelope_of("meeting.created", start_time="2026-03-03T10:00:00Z", duration=45)
        started = envelope_of("meeting.started", 2, uuid="u", start_time="2026-03-03T10:07:00Z", duration=60)
        meeting = folded(created, started)
        assert meeting.start_time == datetime(2026, 3, 3, 10, tzinfo=UTC)
        assert meeting.duration == 45

    def test_introduces_a_meeting_never_seen_without_making_it_complete(self) -> None:
        meeting = folded(envelope_of("webinar.started", uuid="u", type=5, topic="Hello", join_url=None))
        assert meeting.topic == "Hello"
        assert meeting.kind is MeetingKind.WEBINAR
        assert not meeting.is_complete


class TestRecordings:
    def test_are_kept_by_what_was_recorded(self) -> None:
        meeting = folded(
            envelope_of("meeting.created"),
            envelope_of(
                "recording.completed",
                2,
                uuid="u",
                share_url="https://zoom.us/rec/share/u",
                recording_files=FILES,
            ),
            envelope_of(
                "recording.completed",
                3,
                uuid="v",
                share_url="https://zoom.us/rec/share/v",
                recording_files=FILES,
            ),
        )
        assert [one["share_url"] for one in meeting.recordings.values()] == [
            "https://zoom.us/rec/share/u",
            "https://zoom.us/rec/share/v",
        ]

    def test_do_not_make_a_webinar_a_meeting(self) -> None:
        created = envelope_of("webinar.created", type=5)
        meeting = folded(
            created, envelope_of("recording.completed", 2, uuid="u", type=99, recording_files=FILES)
        )
        assert meeting.kind is MeetingKind.WEBINAR
        assert meeting.type == 5

    def test_passcodes_that_open_them_for_everybody_are_not_kept(self) -> None:
        completed = envelope_of(
            "recording.completed", 2, uuid="u", recording_play_passcode="opens-all", recording_files=FILES
        )
        assert "opens-all" not in str(folded(envelope_of("meeting.created"), completed).recordings)

    def test_go_with_the_trash_and_come_back(self) -> None:
        completed = envelope_of("recording.completed", 2, uuid="u", recording_files=FILES)
        trashed = envelope_of("recording.trashed", 3, uuid="u", recording_files=FILES)
        assert folded(completed, trashed).recordings["u"]["state"] == "trashed"
        recovered = envelope_of("recording.recovered", 4, uuid="u", recording_files=FILES)
        assert folded(completed, trashed, recovered).recordings["u"]["state"] == "available"

    def test_one_file_in_the_trash_leaves_the_others(self) -> None:
        completed = envelope_of("recording.completed", 2, uuid="u", recording_files=FILES)
        trashed = envelope_of("recording.trashed", 3, uuid="u", recording_files=FILES[:1])
        recording = folded(completed, trashed).recordings["u"]
        assert recording["state"] == "available"
        assert {name: file["state"] for name, file in recording["files"].items()} == {
            "audio": "trashed",
            "video": "available",
        }

    def test_deleted_for_good_are_forgotten(self) -> None:
        completed = envelope_of("recording.completed", 2, uuid="u", recording_files=FILES)
        assert (
            folded(completed, envelope_of("recording.deleted", 3, uuid="u", recording_files=FILES)).recordings
            == {}
        )
        assert folded(completed, envelope_of("recording.deleted", 3, uuid="u")).recordings == {}

    @pytest.mark.parametrize(
        ("name", "left"),
        [
            ("recording.batch_trashed", "trashed"),
            ("recording.batch_recovered", "available"),
            ("recording.batch_deleted", None),
        ],
    )
    def test_many_at_once(self, name: str, left: str | None) -> None:
        completed = envelope_of("recording.completed", 2, uuid="u", recording_files=FILES)
        other = envelope_of("recording.completed", 2, uuid="v", recording_files=FILES)
        many = envelope_of(name, 3, meeting_uuids=["u", "unknown"])
        recordings = folded(completed, other, many).recordings
        assert recordings["v"]["state"] == "available"
        assert (recordings["u"]["state"] if "u" in recordings else None) == left

    def test_many_at_once_of_which_only_some_files_are_meant(self) -> None:
        completed = envelope_of("recording.completed", 2, uuid="u", recording_files=FILES)
        about = [{"meeting_uuid": "u", "recording_file_ids": ["audio", "of another", 7]}]
        recording = folded(completed, envelope_of("recording.batch_deleted", 3, meetings=about)).recordings[
            "u"
        ]
        assert (recording["state"], list(recording["files"])) == ("available", ["video"])
        trashed = envelope_of("recording.trashed", 3, uuid="u", recording_files=FILES)
        recovered = envelope_of("recording.batch_recovered", 4, meetings=about)
        recording = folded(completed, trashed, recovered).recordings["u"]
        assert recording["state"] == "available"
        assert recording["files"]["video"]["state"] == "trashed"

    @pytest.mark.parametrize("last", [["video"], [], None])
    def test_many_at_once_may_name_one_more_than_once(self, last: list[str] | None) -> None:
        completed = envelope_of("recording.completed", 2, uuid="u", recording_files=FILES)
        parts = [["audio"], last]
        for order in (parts, parts[::-1]):
            about = [{"meeting_uuid": "u", "recording_file_ids": ids} for ids in order]
            assert (
                folded(completed, envelope_of("recording.batch_deleted", 3, meetings=about)).recordings == {}
            )

    def test_of_which_no_file_is_known_go_and_come_as_a_whole(self) -> None:
        completed = envelope_of("recording.completed", 2, uuid="u", share_url="https://zoom.us/rec/share/u")
        trashed = envelope_of("recording.trashed", 3, uuid="u")
        assert folded(completed, trashed).recordings["u"]["state"] == "trashed"
        recovered = folded(completed, trashed, envelope_of("recording.recovered", 4, uuid="u")).recordings[
            "u"
        ]
        assert (recovered["state"], recovered["share_url"]) == ("available", "https://zoom.us/rec/share/u")
        assert (
            folded(completed, envelope_of("recording.batch_deleted", 3, meeting_uuids=["u"])).recordings == {}
        )

    def test_instances_of_both_forms_are_read(self) -> None:
        plain = envelope_of("recording.batch_trashed", meeting_uuids=["u", 7, "", "u", "x" * 201])
        assert instance_events.named_instances(plain) == {"u": [], "7": []}
        detailed = envelope_of(
            "recording.batch_deleted",
            meetings=[{"meeting_uuid": "v", "recording_file_ids": ["f", 1]}, {}, None],
        )
        assert instance_events.named_instances(detailed) == {"v": ["f", "1"]}
        assert (
            instance_events.named_instances(
                envelope_of("recording.batch_deleted", meetings="v", meeting_uuids={})
            )
            == {}
        )

    @pytest.mark.parametrize(
        ("name", "given", "found"),
        [
            ("recording.completed", "u", "u"),
            ("recording.recovered", "u", "u"),
            ("recording.trashed", "u", None),
            ("meeting.started", "u", None),
            ("recording.completed", "", None),
            ("recording.completed", "u" * 201, None),
        ],
    )
    def test_are_introduced_by_what_tells_of_them(self, name: str, given: str, found: str | None) -> None:
        assert instance_events.recorded_instance(envelope_of(name, uuid=given)) == found

    def test_are_bounded(self) -> None:
        meeting = Meeting(ACCOUNT, NUMBER)
        for number in range(instance_events.MOST_RECORDINGS + 5):
            at = f"2026-03-03T{number // 60:02}:{number % 60:02}:00Z"
            made = envelope_of("recording.completed", uuid=str(number), start_time=at)
            meeting = replace(meeting, recordings=instance_events.recorded(meeting, made))
        assert len(meeting.recordings) == instance_events.MOST_RECORDINGS
        assert "0" not in meeting.recordings

    def test_files_without_an_id_go_with_the_others(self) -> None:
        completed = envelope_of(
            "recording.completed", 2, uuid="u", recording_files=[*FILES, {"file_type": "TIMELINE"}]
        )
        for name, left in (("recording.trashed", "trashed"), ("recording.deleted", None)):
            recordings = folded(completed, envelope_of(name, 3, uuid="u", recording_files=FILES)).recordings
            assert recordings.get("u", {}).get("state") == left


class TestRegistrants:
    def test_are_counted_by_where_they_stand_and_not_named(self) -> None:
        jill = {"id": "jill", "email": "jill@example.com", "first_name": "Jill"}
        joe = {"id": "joe", "email": "joe@example.com", "status": "pending"}
        first = envelope_of("meeting.registration_created", 2, registrant=jill)
        second = envelope_of("meeting.registration_created", 3, registrant=joe)
        meeting = folded(envelope_of("meeting.created"), first, second)
        assert sorted(meeting.registrants.values()) == ["approved", "pending"]
        assert not any(word in str(meeting) for word in ("jill", "Jill", "joe"))

    @pytest.mark.parametrize("status", ["approved", "denied", "cancelled"])
    def test_move_on(self, status: str) -> None:
        created = envelope_of(
            "meeting.registration_created", 2, registrant={"id": "joe", "status": "pending"}
        )
        moved = envelope_of(f"meeting.registration_{status}", 3, registrant={"id": "joe"})
        assert list(folded(created, moved).registrants.values()) == [status]

    @pytest.mark.parametrize(
        ("told", "status"),
        [
            (" Pending", "pending"),
            ("DENIED", "denied"),
            ("cancelled", "cancelled"),
            (None, "approved"),
            ([], "approved"),
        ],
    )
    def test_are_approved_unless_told_otherwise(self, told: Any, status: str) -> None:
        created = envelope_of("meeting.registration_created", 2, registrant={"id": "joe", "status": told})
        assert list(folded(created).registrants.values()) == [status]

    def test_one_without_an_id_is_nobody(self) -> None:
        assert (
            instance_events.registered({}, envelope_of("meeting.registration_created", registrant={}), None)
            == {}
        )
        assert instance_events.registered({}, envelope_of("meeting.registration_created"), None) == {}
