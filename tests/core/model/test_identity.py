"""Several accounts tell of one number: what a site shows is folded from all of them, and who told last owns it."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from core.model.fold import GONE, SNAPSHOT, Change, fold, position
from core.model.identity import Record, fold_records, own_account_id, shared_steps
from core.model.instances import is_room
from core.model.meeting import Meeting, MeetingState
from core.zoom.envelope import digest, parse
from tests.core.events import NUMBER, SAMPLES, event, raw

A, B = "AcctA", "AcctB"
CHOIR: dict[str, Any] = {
    "topic": "Choir rehearsal",
    "type": 2,
    "start_time": "2026-12-01T18:00:00Z",
    "duration": 60,
    "timezone": "Europe/Berlin",
    "join_url": f"https://zoom.us/j/{NUMBER}?pwd=old",
    "host_id": "anna",
}
WEEKS = [
    {
        "occurrence_id": str(place),
        "start_time": f"2026-12-{day:02}T18:00:00Z",
        "duration": 60,
        "status": "available",
    }
    for place, day in enumerate((1, 8, 15, 22))
]
SERIES = CHOIR | {"type": 8, "occurrences": WEEKS}
MOVED: dict[str, Any] = {"topic": "In the new account", "start_time": "2026-12-09T18:00:00Z"}


def change(told: dict[str, Any]) -> Change:
    envelope = parse(raw(told))
    return Change(position(envelope, digest(envelope), received_at=0), envelope)


def sent(name: str, at: int, account_id: str, **object_: Any) -> tuple[str, Change]:
    return account_id, change(event(f"meeting.{name}", at, account_id=account_id, **object_))


def gone(at: int, account_id: str) -> tuple[str, Change]:
    return account_id, change(event(SNAPSHOT, at, account_id=account_id, payload={"operation": GONE}))


def records(*every: tuple[str, Change], upto: int = 0) -> list[Record]:
    """Return what each account told; what happened up to `upto` is in the baselines alone."""
    found = []
    for account_id in sorted({account_id for account_id, _ in every}):
        own = [one for teller, one in every if teller == account_id]
        base = fold(account_id, NUMBER, [one for one in own if one.position.at <= upto])
        found.append(Record(account_id, base, [one for one in own if one.position.at > upto]))
    return found


def shown(*every: tuple[str, Change], upto: int = 0) -> Meeting:
    meeting = fold_records(NUMBER, records(*every, upto=upto))
    assert meeting is not None
    return meeting


def of_case(name: str) -> list[tuple[str, Change]]:
    events = json.loads((SAMPLES / "cases" / f"{name}.json").read_text())
    return [(one["payload"]["account_id"], change(one)) for one in events]


class TestFoldRecords:
    def test_of_one_account_is_its_own_meeting(self) -> None:
        every = [sent("created", 1, A, **CHOIR), sent("updated", 2, A, topic="Choir"), sent("deleted", 3, A)]
        assert shown(*every) == fold(A, NUMBER, [one for _, one in every])

    def test_of_none_is_nothing(self) -> None:
        assert fold_records(NUMBER, []) is None
        assert fold_records(NUMBER, [Record(A, None, [])]) is None

    def test_a_move_keeps_what_is_known(self) -> None:
        meeting = shown(sent("created", 1, A, **CHOIR), sent("updated", 2, B, **MOVED))
        assert meeting.account_id == B
        assert meeting.object == CHOIR | MOVED

    def test_of_the_reported_transfer_is_gone(self) -> None:
        meeting = shown(*of_case("account_transfer_leaves_a_twin"))
        assert (meeting.account_id, meeting.state) == (B, MeetingState.DELETED)

    def test_of_the_reported_old_account_shows_the_new_one(self) -> None:
        meeting = shown(*of_case("old_account_writes_over_the_new"))
        assert (meeting.account_id, meeting.topic) == (B, "In the new account")
        assert meeting.join_url.endswith("pwd=NEW")

    def test_an_event_without_an_account_changes_the_meeting(self) -> None:
        own = own_account_id("s1")
        meeting = shown(sent("created", 1, A, **CHOIR), sent("updated", 2, own, topic="Renamed"))
        assert meeting.object == CHOIR | {"topic": "Renamed"}

    def test_a_creation_without_an_account_lets_later_values_stand(self) -> None:
        own = own_account_id("s1")
        meeting = shown(sent("updated", 1, A, topic="Renamed"), sent("created", 2, own, **CHOIR))
        assert meeting.topic == "Renamed"  # an update only seems older, by another clock

    def test_a_creation_in_another_account_is_a_meeting_of_its_own(self) -> None:
        meeting = shown(sent("updated", 1, A, topic="Renamed"), sent("created", 2, B, **CHOIR))
        assert (meeting.account_id, meeting.topic) == (B, "Choir rehearsal")

    @pytest.mark.parametrize("account_id", [A, B, own_account_id("site")])
    def test_a_recovery_leaves_dates_deleted_that_were_so_before(self, account_id: str) -> None:
        created = sent("created", 1, A, **SERIES)
        dates = [
            (
                A,
                change(
                    event("meeting.deleted", 2, payload={"operation": "single"}, type=8, occurrences=[one])
                ),
            )
            for one in WEEKS
        ]
        every = (A, change(event("meeting.deleted", 3, payload={"operation": "all"}, type=8)))
        back = account_id, change(event("meeting.recovered", 4, payload={"operation": "all"}, type=8))
        meeting = shown(created, *dates, every, back)
        assert meeting.state is MeetingState.SCHEDULED
        assert not any(one.available for one in meeting.dates)

    @pytest.mark.parametrize("last", ["updated", "started", "recovered"])
    def test_who_tells_after_a_deletion_in_the_old_account_has_the_meeting(self, last: str) -> None:
        meeting = shown(sent("created", 1, A, **CHOIR), sent("deleted", 2, A), sent(last, 3, B))
        assert (meeting.account_id, meeting.state) == (B, MeetingState.SCHEDULED)

    @pytest.mark.parametrize("last", ["ended", "registration_created"])
    def test_what_is_of_the_past_does_not_revive_it(self, last: str) -> None:
        meeting = shown(sent("created", 1, A, **CHOIR), sent("deleted", 2, B), sent(last, 3, A))
        assert (meeting.account_id, meeting.state) == (B, MeetingState.DELETED)

    def test_a_deletion_in_the_old_account_that_is_older_than_the_new_one_changes_nothing(self) -> None:
        every = [sent("created", 1, A, **CHOIR), sent("updated", 3, B, **MOVED), sent("deleted", 2, A)]
        assert shown(*every).state is MeetingState.SCHEDULED

    def test_a_deletion_in_the_old_account_that_is_newer_counts(self) -> None:
        every = [sent("created", 1, A, **CHOIR), sent("updated", 2, B, **MOVED), sent("deleted", 3, A)]
        assert shown(*every).state is MeetingState.DELETED

    @pytest.mark.parametrize("last", ["created", "updated"])
    @pytest.mark.parametrize("upto", range(5))
    def test_what_the_old_account_had_deleted_before_is_of_its_trash(self, last: str, upto: int) -> None:
        """Zoom's trash is emptied weeks later, when the meeting has long been another account's."""
        every = [
            sent("created", 1, A, **CHOIR),
            sent("deleted", 2, A),
            sent(last, 3, B, **(CHOIR | MOVED)),
            sent("permanently_deleted", 4, A),
        ]
        meeting = shown(*every, upto=upto)
        assert (meeting.account_id, meeting.state, meeting.topic) == (
            B,
            MeetingState.SCHEDULED,
            MOVED["topic"],
        )
        assert shown(*every, sent("deleted", 5, B), upto=upto).state is MeetingState.DELETED

    def test_that_the_old_account_has_it_no_more_says_nothing(self) -> None:
        every = [sent("created", 1, A, **CHOIR), sent("updated", 2, B, **MOVED), gone(3, A)]
        assert (shown(*every).account_id, shown(*every).state) == (B, MeetingState.SCHEDULED)
        assert shown(*every, gone(4, B)).state is MeetingState.DELETED

    def test_that_its_host_left_the_old_account_says_nothing(self) -> None:
        left = A, change(event("user.deleted", 3, account_id=A))
        every = [sent("created", 1, A, **CHOIR), sent("updated", 2, B, **MOVED), left]
        assert (shown(*every).account_id, shown(*every).state) == (B, MeetingState.SCHEDULED)

    def test_is_the_same_from_baselines(self) -> None:
        every = [
            sent("created", 1, A, **CHOIR),
            sent("updated", 2, B, **MOVED),
            sent("ended", 3, A, start_time="2026-12-01T18:00:00Z", uuid="u"),
            sent("updated", 4, B, duration=90),
            gone(5, A),
        ]
        whole = shown(*every)
        for upto in (1, 2, 3, 4, 5):
            meeting = shown(*every, upto=upto)
            assert (meeting.account_id, meeting.object) == (whole.account_id, whole.object)

    @pytest.mark.parametrize(
        "past",
        [
            [sent("ended", 5, B, start_time="2026-12-01T18:00:00Z", uuid="u")],
            [sent("registration_created", 5, B, registrant={"id": "r"})],
            [sent("deleted", 5, A)],
            [sent("deleted", 5, A), sent("permanently_deleted", 6, A)],
            [sent("started", 5, A, uuid="u")],
            [sent("deleted", 5, A), sent("recovered", 6, A)],
            [sent("deleted", 5, A), sent("updated", 6, B, duration=90)],
            [gone(5, A), sent("ended", 6, A, start_time="2026-12-01T18:00:00Z", uuid="u")],
            [sent("deleted", 5, A), sent("ended", 6, A, start_time="2026-12-01T18:00:00Z", uuid="u")],
        ],
    )
    @pytest.mark.parametrize("name", ["updated", "created"])
    @pytest.mark.parametrize("upto", range(7))
    def test_what_the_new_account_told_stays(
        self, name: str, past: list[tuple[str, Change]], upto: int
    ) -> None:
        """Whatever either account tells of the past, or the old one of its trash, brings no old value back."""
        new = MOVED | {"password": "9", "join_url": f"https://zoom.us/j/{NUMBER}?pwd=new"}
        told = sent(name, 2, B, **(CHOIR | new if name == "created" else new))
        every = [sent("created", 1, A, **CHOIR), told, sent("updated", 3, B, topic="Renamed"), *past]
        whole, meeting = shown(*every), shown(*every, upto=upto)
        assert (meeting.object, meeting.state) == (whole.object, whole.state)
        assert {key: meeting.object[key] for key in new} == new | {"topic": "Renamed"}
        assert meeting.account_id == whole.account_id

    @pytest.mark.parametrize("upto", range(6))
    def test_an_occurrence_of_another_account_leaves_the_others(self, upto: int) -> None:
        """Once the log has dropped the events, a record that holds one occurrence is not the whole series."""
        moved = {**WEEKS[2], "start_time": "2026-12-16T18:00:00Z"}
        every = [
            sent("created", 1, A, **SERIES),
            sent("deleted", 2, B, type=8, occurrences=[WEEKS[1]], payload={"operation": "single"}),
            sent("updated", 3, B, occurrences=[moved], payload={"scope": "single"}),
            sent("updated", 4, A, topic="Renamed"),
            sent("deleted", 5, B, occurrences=[WEEKS[3]], payload={"operation": "single"}),
        ]
        for told in (every, every[:4], every[:3]):
            meeting = shown(*told, upto=upto)
            held = [f"{date.start_time:%d}" for date in meeting.dates if date.available]
            dates = ["01", "16"] if len(told) == 5 else ["01", "16", "22"]
            assert held == dates

    @pytest.mark.parametrize("upto", range(3))
    def test_an_occurrence_of_a_meeting_of_unknown_type_leaves_the_others(self, upto: int) -> None:
        single = sent("deleted", 2, B, occurrences=[WEEKS[1]], payload={"operation": "single"})
        meeting = shown(sent("created", 1, A, **SERIES), single, upto=upto)
        assert meeting.state is MeetingState.SCHEDULED
        assert [date.available for date in meeting.dates] == [True, False, True, True]

    @pytest.mark.parametrize("upto", range(3))
    def test_dates_without_status_keep_it(self, upto: int) -> None:
        known = SERIES | {
            "occurrences": [WEEKS[0], WEEKS[1] | {"status": "deleted", "duration": 30}, *WEEKS[2:]]
        }
        bare = [{key: week[key] for key in ("occurrence_id", "start_time")} for week in WEEKS]
        every = [sent("created", 1, A, **known), sent("updated", 2, B, occurrences=bare)]
        dates = shown(*every, upto=upto).dates
        assert [(date.available, date.duration) for date in dates] == [
            (True, 60), (False, 30), (True, 60), (True, 60)
        ]  # fmt: skip

    def test_an_occurrence_deleted_in_the_new_account_shows_that_it_has_the_meeting(self) -> None:
        single = sent("deleted", 3, B, type=8, occurrences=[WEEKS[1]], payload={"operation": "single"})
        every = [sent("created", 1, A, **SERIES), sent("deleted", 2, A), single]
        for upto in range(4):
            meeting = shown(*every, upto=upto)
            assert (meeting.account_id, meeting.state) == (B, MeetingState.SCHEDULED)

    def test_states_of_an_earlier_version_are_merged_as_then(self) -> None:
        every = [
            sent("created", 1, A, **CHOIR),
            sent("updated", 2, B, **MOVED),
            sent("ended", 3, A, start_time="2026-12-01T18:00:00Z", uuid="u"),
        ]
        stored = [
            replace(record, base=replace(record.base, told_at=0, owned_at=0))
            for record in records(*every, upto=3)
            if record.base is not None
        ]
        meeting = fold_records(NUMBER, stored)
        assert meeting is not None
        assert (meeting.account_id, meeting.topic) == (B, MOVED["topic"])

    @pytest.mark.parametrize("upto", range(3))
    def test_an_answer_without_a_topic_keeps_it(self, upto: int) -> None:
        answer = B, change(event(SNAPSHOT, 2, account_id=B, **(CHOIR | {"topic": None, "join_url": None})))
        meeting = shown(sent("created", 1, A, **CHOIR), answer, upto=upto)
        assert (meeting.topic, meeting.join_url) == (CHOIR["topic"], CHOIR["join_url"])

    @pytest.mark.parametrize("upto", range(5))
    def test_an_instance_ends_that_started_in_the_other_account(self, upto: int) -> None:
        every = [
            sent("created", 1, A, **CHOIR),
            sent("started", 2, A, uuid="u", start_time="2026-12-01T18:00:00Z"),
            sent("ended", 3, B, uuid="u", end_time="2026-12-01T19:00:00Z"),
            sent("updated", 4, A, topic="Renamed"),
        ]
        assert shown(*every, upto=upto).instances["u"]["ended"] == "2026-12-01T19:00:00Z"

    def test_a_passcode_of_the_new_account_is_not_beside_the_old_ones_link(self) -> None:
        every = [sent("created", 1, A, **CHOIR), sent("updated", 2, B, password="654321")]
        for upto in (0, 1, 2):
            assert shown(*every, upto=upto).join_url == f"https://zoom.us/j/{NUMBER}"

    def test_the_room_of_the_new_account_is_not_the_meeting_scheduled_in_it(self) -> None:
        room: dict[str, Any] = {"type": 4, "topic": "Anna's Personal Meeting Room", "uuid": "u"}
        answer = B, change(event(SNAPSHOT, 3, account_id=B, **room))
        every = [sent("created", 1, A, **CHOIR), sent("started", 2, B, **room), answer]
        for upto in range(4):
            meeting = shown(*every, upto=upto)
            assert (meeting.topic, meeting.type) == ("Choir rehearsal", 2)
            assert is_room(meeting)

    def test_the_order_of_arrival_does_not_matter(self) -> None:
        chance = random.Random(7)
        names = ("created", "updated", "deleted", "recovered", "started", "ended")
        for _ in range(200):
            every = [
                sent(chance.choice(names), at, chance.choice((A, B)), **CHOIR | {"topic": str(at)})
                for at in range(1, 7)
            ]
            expected = shown(*every)
            shuffled = every + every[:2]
            chance.shuffle(shuffled)
            assert shown(*shuffled) == expected


class TestSharedSteps:
    def test_lead_to_what_is_shown(self) -> None:
        every = [sent("created", 1, A, **CHOIR), sent("updated", 2, B, **MOVED), sent("deleted", 3, B)]
        steps = list(shared_steps(NUMBER, records(*every)))
        assert [step.account_id for step in steps] == [A, B, B]
        assert steps[0].before is None
        assert all(one.after == other.before for one, other in pairwise(steps))
        assert steps[-1].after == shown(*every)

    def test_begin_with_what_the_baselines_make(self) -> None:
        every = [sent("created", 1, A, **CHOIR), sent("updated", 2, B, **MOVED)]
        (step,) = shared_steps(NUMBER, records(*every, upto=1))
        assert step.before is not None
        assert step.before.topic == "Choir rehearsal"
