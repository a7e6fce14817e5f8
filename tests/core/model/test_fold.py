"""The rules of the fold, each by an example."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.fold import SNAPSHOT, Change, acts_on, apply, fold, position
from core.model.meeting import BEFORE_ALL, Doubt, Meeting, MeetingKind, MeetingState
from core.zoom.envelope import digest, parse
from tests.core.events import ACCOUNT, JSON, NUMBER, SERIES, event, raw, sample

TOPIC: dict[str, Any] = {"topic": "Choir", "type": 2, "start_time": "2026-03-24T18:00:00Z", "duration": 60}
DATES: list[dict[str, Any]] = [
    {"occurrence_id": "1", "start_time": "2026-03-01T10:00:00Z", "duration": 60, "status": "available"},
    {"occurrence_id": "2", "start_time": "2026-03-08T10:00:00Z", "duration": 60, "status": "available"},
    {"occurrence_id": "3", "start_time": "2026-03-15T10:00:00Z", "duration": 60, "status": "available"},
]
WEEKLY: dict[str, Any] = {**TOPIC, "type": 8, "start_time": "2026-03-01T10:00:00Z", "occurrences": DATES}


def change(told: dict[str, Any], *, received_at: int = 0) -> Change:
    envelope = parse(raw(told))
    return Change(position(envelope, digest(envelope), received_at=received_at), envelope)


def folded(*told: dict[str, Any]) -> Meeting:
    meeting = fold(ACCOUNT, NUMBER, [change(one) for one in told])
    assert meeting is not None
    return meeting


def created(at: int = 1, name: str = "meeting", **object_: Any) -> dict[str, Any]:
    return event(f"{name}.created", at, payload={"operation": "all"}, **{**TOPIC, **object_})


def series(at: int = 1, **object_: Any) -> dict[str, Any]:
    return event("meeting.created", at, payload={"operation": "all"}, **{**WEEKLY, **object_})


def updated(at: int, *, scope: str | None = "all", old: Any = None, **object_: Any) -> dict[str, Any]:
    return event("meeting.updated", at, payload={"scope": scope, "old_object": old}, **object_)


def said(verb: str, at: int, *, operation: str = "all", **object_: Any) -> dict[str, Any]:
    return event(f"meeting.{verb}", at, payload={"operation": operation}, **object_)


def statuses(meeting: Meeting) -> dict[str, bool]:
    return {one.occurrence_id: one.available for one in meeting.occurrences}


class TestActsOn:
    @pytest.mark.parametrize("subject", ["meeting", "webinar"])
    @pytest.mark.parametrize(
        ("verb", "acts"),
        [("created", True), ("updated", True), ("deleted", True), ("recovered", True),
         ("permanently_deleted", True), ("started", True), ("ended", True), ("participant_joined", False),
         ("registration_created", True), ("registration_approved", True), ("registration_denied", True),
         ("registration_cancelled", True), ("", False), ("created.twice", False)],
    )  # fmt: skip
    def test_takes_what_changes_a_meeting(self, subject: str, verb: str, acts: bool) -> None:
        assert acts_on(f"{subject}.{verb}") is acts

    @pytest.mark.parametrize("verb", ["completed", "trashed", "deleted", "recovered"])
    def test_takes_recordings(self, verb: str) -> None:
        assert acts_on(f"recording.{verb}")

    @pytest.mark.parametrize("name", ["recording.created", "user.created", "created", "meeting", "", "x"])
    def test_takes_nothing_of_other_subjects(self, name: str) -> None:
        assert not acts_on(name)

    def test_takes_conversions_and_snapshots(self) -> None:
        assert acts_on("meeting.converted_to_webinar")
        assert acts_on("webinar.converted_to_meeting")
        assert acts_on(SNAPSHOT)


class TestPosition:
    def test_is_when_the_change_was_made(self) -> None:
        told = event("meeting.updated", 20, payload={"time_stamp": 10})
        assert change(told, received_at=99).position.at == 10

    def test_falls_back_on_when_it_came(self) -> None:
        assert change(event(at=None), received_at=99).position.at == 99

    def test_orders_what_happened_in_one_millisecond(self) -> None:
        verbs = ["created", "updated", "deleted", "recovered", "permanently_deleted"]
        places = [change(event(f"meeting.{verb}", 5)).position for verb in verbs]
        assert places == sorted(places, key=lambda place: (place.at, place.rank, place.digest))
        assert all(one < other for one, other in itertools.pairwise(places))


class TestFold:
    def test_is_nothing_without_events(self) -> None:
        assert fold(ACCOUNT, NUMBER, []) is None

    def test_takes_an_event_once(self) -> None:
        once = folded(created(), updated(2, topic="New"))
        assert folded(created(), created(), updated(2, topic="New"), created()) == once

    def test_sorts_by_when_it_happened(self) -> None:
        late, early = updated(30, topic="Late"), updated(20, topic="Early")
        assert folded(late, created(), early).topic == "Late"

    def test_notes_the_last_event(self) -> None:
        last = updated(9, topic="New")
        assert folded(last, created()).last == change(last).position


class TestApply:
    def test_is_one_step_of_the_fold(self) -> None:
        first, second = change(created()), change(updated(2, topic="New"))
        stepwise = apply(apply(Meeting(ACCOUNT, NUMBER), first), second)
        assert stepwise == fold(ACCOUNT, NUMBER, [second, first])

    def test_leaves_the_meeting_that_it_was_given(self) -> None:
        before = folded(series())
        kept = json.dumps(before.object)
        for told in (
            updated(2, scope="single", occurrences=[{"occurrence_id": "1", "duration": 5}]),
            said("deleted", 3, operation="single", type=8, occurrences=[{"occurrence_id": "1"}]),
            updated(4, settings={"a": 1}),
        ):
            apply(before, change(told))
        assert json.dumps(before.object) == kept


class TestCreated:
    def test_is_what_zoom_said(self) -> None:
        meeting = folded(sample("meeting.created"))
        assert meeting.topic == sample("meeting.created")["payload"]["object"]["topic"]
        assert meeting.duration == 90
        assert meeting.created
        assert meeting.state is MeetingState.SCHEDULED
        assert meeting.object["settings"]["alternative_host_ids"] == []

    def test_does_not_undo_what_was_read_of_that_same_creation(self) -> None:
        read: dict[str, Any] = {"agenda": "Read", "created_at": "1970-01-01T00:00:05Z", "topic": "Choir"}
        meeting = folded(event(SNAPSHOT, 4000, **read), created(5500, topic="Choir"))
        assert meeting.agenda == "Read"

    @pytest.mark.parametrize("made", ["1969-01-01T00:00:05Z", "1970-01-01T00:00:05", "x", None])
    def test_begins_another_life_of_what_was_made_at_another_time(self, made: str | None) -> None:
        meeting = folded(event(SNAPSHOT, 4000, agenda="Old", created_at=made), created(5500))
        assert meeting.agenda == ""

    def test_comes_before_all_updates_whatever_the_clocks_say(self) -> None:
        meeting = folded(updated(1, topic="New"), created(5, agenda="Kept"))
        assert meeting.topic == "New"
        assert meeting.agenda == "Kept"

    def test_a_second_one_is_a_new_life(self) -> None:
        meeting = folded(created(agenda="Old"), said("deleted", 2), created(3, topic="Again"))
        assert meeting.topic == "Again"
        assert meeting.agenda == ""
        assert meeting.state is MeetingState.SCHEDULED

    def test_registrants_are_of_the_meeting_that_they_registered_for(self) -> None:
        registered = event("meeting.registration_created", 2, registrant={"id": "r"})
        assert folded(created(uuid="a"), registered, created(3, uuid="a")).registrants != {}
        assert (
            folded(created(uuid="a"), registered, said("deleted", 3), created(4, uuid="b")).registrants == {}
        )


class TestUpdated:
    def test_lays_only_what_changed_over_what_was_known(self) -> None:
        meeting = folded(created(password="abc"), updated(2, topic="New"))
        assert (meeting.topic, meeting.password, meeting.duration) == ("New", "abc", 60)

    def test_settings_are_laid_over_one_by_one(self) -> None:
        meeting = folded(
            created(settings={"host_video": True, "jbh_time": 5}),
            updated(2, settings={"jbh_time": 10, "waiting_room": True}),
        )
        assert meeting.settings == {"host_video": True, "jbh_time": 10, "waiting_room": True}

    @pytest.mark.parametrize(
        ("old", "told", "new"),
        [
            (
                {"type": 2, "weekly_days": "3"},
                {"end_times": 5},
                {"type": 2, "weekly_days": "3", "end_times": 5},
            ),
            ({"type": 1, "end_times": 3}, {"type": 2}, {"type": 2, "end_times": 3}),
            ({"type": 2, "weekly_days": "3"}, {"type": 3, "monthly_day": 4}, {"type": 3, "monthly_day": 4}),
            ({"type": 3, "monthly_day": 4}, {"monthly_week": 1}, {"type": 3, "monthly_week": 1}),
            (
                {"end_times": 3},
                {"end_date_time": "2026-04-01T00:00:00Z"},
                {"end_date_time": "2026-04-01T00:00:00Z"},
            ),
            ({"type": 2, "weekly_days": "3"}, {"weekly_days": None}, {"type": 2, "weekly_days": "3"}),
        ],
    )
    def test_a_recurrence_keeps_what_is_not_told(
        self, old: dict[str, Any], told: dict[str, Any], new: dict[str, Any]
    ) -> None:
        assert folded(series(recurrence=old), updated(2, recurrence=told)).recurrence == new

    @pytest.mark.parametrize("value", [None, "", "  \t"])
    def test_a_null_or_blank_topic_keeps_the_known_one(self, value: str | None) -> None:
        meeting = folded(created(topic="Choir"), updated(2, topic=value, settings=None, agenda=None))
        assert meeting.topic == "Choir"

    def test_an_agenda_can_be_emptied(self) -> None:
        assert folded(created(agenda="Notes"), updated(2, agenda="")).agenda == ""

    def test_times_in_seconds_are_in_their_place(self) -> None:
        first = event("meeting.updated", 1795255200000, topic="First")
        second = event("meeting.updated", 1795341600, topic="Second")
        assert folded(first, second).topic == folded(second, first).topic == "Second"

    @pytest.mark.parametrize("scope", [None, "single"])
    def test_one_date_is_changed_and_the_others_stay(self, scope: str | None) -> None:
        meeting = folded(series(), updated(2, scope=scope, occurrences=[{**DATES[0], "duration": 5}]))
        assert statuses(meeting) == {"1": True, "2": True, "3": True}
        assert meeting.occurrences[0].duration == 5

    def test_all_dates_are_replaced(self) -> None:
        meeting = folded(series(), updated(2, scope="all", occurrences=[DATES[0]]))
        assert statuses(meeting) == {"1": True}

    def test_single_dates_are_laid_over(self) -> None:
        moved = {"occurrence_id": "2", "start_time": "2026-03-09T12:00:00Z"}
        meeting = folded(series(), updated(2, scope="single", start_time="2026-03-09T12:00:00Z",
                                           duration=5, topic="New", occurrences=[moved]))  # fmt: skip
        assert [one.start_time.day for one in meeting.occurrences] == [1, 9, 15]
        assert [one.duration for one in meeting.occurrences] == [60, 60, 60]
        assert meeting.object["start_time"] == "2026-03-01T10:00:00Z"
        assert meeting.duration == 60
        assert meeting.topic == "New"

    def test_dates_that_stand_only_in_the_old_object_have_vanished(self) -> None:
        meeting = folded(series(), updated(2, scope="single", old={"occurrences": [DATES[1]]}))
        assert statuses(meeting) == {"1": True, "3": True}

    def test_the_old_object_may_stand_inside(self) -> None:
        meeting = folded(series(), updated(2, old_object={"occurrences": [DATES[1]]}))
        assert statuses(meeting) == {"1": True, "3": True}
        assert "old_object" not in meeting.object

    def test_a_date_that_moved_has_not_vanished(self) -> None:
        moved = {"occurrence_id": "2", "start_time": "2026-03-09T12:00:00Z"}
        told = updated(2, scope="single", occurrences=[moved], old={"occurrences": [DATES[1]]})
        assert folded(series(), told).object["occurrences"][1] == {**DATES[1], **moved}

    def test_a_series_that_becomes_a_single_meeting_loses_its_dates(self) -> None:
        meeting = folded(series(recurrence={"type": 1}), updated(2, type=2))
        assert meeting.occurrences == ()
        assert meeting.recurrence == {}
        assert not meeting.is_series

    def test_tells_when_a_meeting_was_deleted(self) -> None:
        told = [created(), said("deleted", 20), said("deleted", 30), updated(40, topic="New")]
        for some in itertools.permutations(told):
            assert folded(*some).deleted_at == 20
        assert folded(*told, said("recovered", 50)).deleted_at == 0
        assert folded(*told, said("recovered", 50), said("deleted", 60)).deleted_at == 60
        assert folded(*told, said("permanently_deleted", 70)).deleted_at == 20

    def test_does_not_bring_a_deleted_meeting_back(self) -> None:
        assert folded(created(), said("deleted", 2), updated(3, topic="New")).state is MeetingState.DELETED

    def test_alone_makes_an_incomplete_meeting(self) -> None:
        meeting = folded(updated(1, topic="New"))
        assert not meeting.created
        assert not meeting.is_complete

    def test_a_sample_is_taken_as_documented(self) -> None:
        meeting = folded(sample("meeting.created"), sample("meeting.updated"))
        assert meeting.topic == "Choir rehearsal, with the orchestra"
        assert meeting.settings["mute_upon_entry"] is False
        assert meeting.settings["waiting_room"] is True
        assert meeting.join_url.startswith("https://example.zoom.us/j/")


class TestDeletedAndRecovered:
    def test_follow_each_other(self) -> None:
        assert folded(created(), said("deleted", 2)).state is MeetingState.DELETED
        recovered = folded(created(), said("deleted", 2), said("recovered", 3))
        assert recovered.state is MeetingState.SCHEDULED
        assert recovered.recovered
        again = folded(created(), said("deleted", 2), said("recovered", 3), said("deleted", 4))
        assert again.state is MeetingState.DELETED
        assert not again.recovered

    @pytest.mark.parametrize("verb", ["deleted", "recovered", "permanently_deleted"])
    def test_tell_nothing_of_the_schedule_that_is_known(self, verb: str) -> None:
        meeting = folded(created(), said(verb, 2, topic="Not this", start_time="2020-01-01T00:00:00Z"))
        assert meeting.topic == "Choir"
        assert meeting.object["start_time"] == TOPIC["start_time"]

    def test_fill_in_what_was_not_known(self) -> None:
        meeting = folded(said("recovered", 2, **TOPIC))
        assert meeting.topic == "Choir"
        assert meeting.start_time is not None

    def test_fill_in_nothing_of_the_schedule_of_a_series(self) -> None:
        meeting = folded(said("recovered", 2, **WEEKLY))
        assert meeting.topic == "Choir"
        assert meeting.start_time is None
        assert meeting.occurrences == ()

    def test_permanently_deleted_is_the_end(self) -> None:
        late = folded(created(), said("permanently_deleted", 2), said("deleted", 3))
        assert late.state is MeetingState.PERMANENTLY_DELETED
        meeting = folded(created(), said("deleted", 2), said("permanently_deleted", 2))
        assert meeting.state is MeetingState.PERMANENTLY_DELETED

    def test_single_comes_with_an_ordinary_meeting_too(self) -> None:
        told = said("deleted", 2, operation="single", type=2, occurrences=[{"occurrence_id": "1"}])
        assert folded(created(), told).state is MeetingState.DELETED
        assert folded(created(), said("deleted", 2, operation="single")).state is MeetingState.DELETED

    def test_all_of_a_series_may_name_its_dates(self) -> None:
        assert folded(series(), said("deleted", 2, type=8, occurrences=DATES)).state is MeetingState.DELETED


class TestSingleOccurrences:
    def test_go_and_come_back_alone(self) -> None:
        date: dict[str, Any] = {"occurrence_id": "2", "start_time": DATES[1]["start_time"]}
        gone = said("deleted", 2, operation="single", type=8, occurrences=[date])
        back = said("recovered", 3, operation="single", type=8, occurrences=[date])
        assert statuses(folded(series(), gone)) == {"1": True, "2": False, "3": True}
        assert folded(series(), gone).state is MeetingState.SCHEDULED
        meeting = folded(series(), gone, back)
        assert statuses(meeting) == {"1": True, "2": True, "3": True}
        assert not meeting.recovered

    def test_come_back_with_the_series(self) -> None:
        gone = [said("deleted", 2, operation="single", type=8, occurrences=[date]) for date in DATES]
        back = said("recovered", 4, operation="all", type=8)
        meeting = folded(series(), *gone, back)
        assert statuses(meeting) == {"1": True, "2": True, "3": True}
        assert meeting.doubt is Doubt.CHANGED_WITHOUT_DATES  # which of them is not told
        by_start = [{"start_time": date["start_time"]} for date in DATES[:2]]
        for dates in (DATES[:2], by_start):
            named = said("recovered", 4, operation="all", type=8, occurrences=dates)
            meeting = folded(series(), *gone, named)
            assert statuses(meeting) == {"1": True, "2": True, "3": False}
            assert meeting.doubt is Doubt.NONE

    def test_deleted_before_the_series_stay_so_when_it_is_recovered(self) -> None:
        gone = said("deleted", 2, operation="single", type=8, occurrences=[DATES[1]])
        for dates in ([], [DATES[0], DATES[2]]):
            told = [
                said(verb, 3, operation="all", type=8, occurrences=dates) for verb in ("deleted", "recovered")
            ]
            meeting = folded(series(), gone, *told)
            assert meeting.state is MeetingState.SCHEDULED
            assert statuses(meeting) == {"1": True, "2": False, "3": True}

    def test_changed_one_after_another_are_kept_where_the_series_is_unknown(self) -> None:
        told = [updated(at, scope="single", occurrences=[DATES[at - 2]]) for at in (2, 3)]
        assert statuses(folded(*told)) == {"1": True, "2": True}

    def test_deleted_for_good_are_shown_as_cancelled(self) -> None:
        gone = said("permanently_deleted", 2, operation="single", type=8, occurrences=[DATES[2]])
        assert statuses(folded(series(), gone)) == {"1": True, "2": True, "3": False}

    @pytest.mark.parametrize("told", [{"type": 8}, {}])
    def test_of_which_none_is_named_leave_the_series_until_zoom_is_asked(self, told: dict[str, Any]) -> None:
        meeting = folded(series(), said("deleted", 2, operation="single", **told))
        assert meeting.state is MeetingState.SCHEDULED
        assert meeting.doubt is Doubt.DELETED_WITHOUT_DATES
        assert folded(series(), said("deleted", 2, operation="all", type=8)).state is MeetingState.DELETED

    def test_are_not_meant_where_the_type_is_no_series(self) -> None:
        meeting = folded(created(type=2), said("deleted", 2, operation="single"))
        assert (meeting.state, meeting.doubt) == (MeetingState.DELETED, Doubt.NONE)

    def test_of_an_unknown_type_delete_the_meeting_until_zoom_is_asked(self) -> None:
        meeting = folded(updated(1, topic="Choir"), said("deleted", 2, operation="single"))
        assert (meeting.state, meeting.doubt) == (MeetingState.DELETED, Doubt.DELETED_UNKNOWN_TYPE)

    def test_go_by_the_known_type_where_none_is_told(self) -> None:
        gone = said("deleted", 2, operation="single", occurrences=[DATES[0]])
        assert statuses(folded(series(), gone))["1"] is False

    def test_of_a_series_never_seen_are_noted(self) -> None:
        gone = said("deleted", 2, operation="single", type=8, occurrences=[DATES[0]])
        meeting = folded(gone)
        assert meeting.state is MeetingState.SCHEDULED
        assert statuses(meeting) == {"1": False}

    def test_samples_are_taken_as_documented(self) -> None:
        meeting = fold(
            ACCOUNT,
            SERIES,
            [
                change(sample(f"meeting.{name}"))
                for name in ("created-series", "updated-occurrence", "deleted-occurrence")
            ],
        )
        assert meeting is not None
        assert [(one.start_time.day, one.duration, one.available) for one in meeting.occurrences] == [
            (22, 60, True),
            (30, 45, True),
            (5, 60, False),
        ]


class TestKind:
    @pytest.mark.parametrize(
        ("told", "kind"),
        [
            (created(), MeetingKind.MEETING),
            (created(name="webinar", type=5), MeetingKind.WEBINAR),
            (created(name="webinar", type=None), MeetingKind.WEBINAR),
            (created(type=5), MeetingKind.WEBINAR),
            (created(type=9), MeetingKind.WEBINAR),
            (event(SNAPSHOT, type=6), MeetingKind.WEBINAR),
            (event("meeting.converted_to_webinar", type=2), MeetingKind.WEBINAR),
            (event("webinar.converted_to_meeting", type=5), MeetingKind.MEETING),
        ],
    )
    def test_is_told_by_conversion_type_or_name(self, told: dict[str, Any], kind: MeetingKind) -> None:
        assert folded(told).kind is kind

    def test_changes_and_changes_back(self) -> None:
        told = [created(), event("meeting.converted_to_webinar", 2, type=5)]
        assert folded(*told).kind is MeetingKind.WEBINAR
        assert folded(*told).topic == "Choir"
        assert folded(*told, event("webinar.converted_to_meeting", 3, type=2)).kind is MeetingKind.MEETING

    def test_goes_by_the_name_where_the_type_does_not_tell(self) -> None:
        assert folded(created(name="webinar", type=5), updated(2, topic="New")).kind is MeetingKind.MEETING

    def test_a_snapshot_without_a_type_leaves_it(self) -> None:
        assert folded(created(name="webinar", type=5), event(SNAPSHOT, 2)).kind is MeetingKind.WEBINAR


class TestSnapshot:
    def test_is_the_whole_truth_at_its_moment(self) -> None:
        told = event(SNAPSHOT, 3, topic="From REST", type=2)
        meeting = folded(created(password="old"), updated(2, agenda="old"), said("deleted", 2), told)
        schedule = {"start_time": "2026-03-24T18:00:00Z", "duration": 60}  # which no answer lacks
        assert meeting.object == {"topic": "From REST", "type": 2, **schedule}
        assert meeting.state is MeetingState.SCHEDULED
        assert meeting.created

    def test_is_changed_by_what_comes_after_it(self) -> None:
        told = event(SNAPSHOT, 3, topic="From REST")
        assert folded(updated(4, topic="Later"), told, created()).topic == "Later"


class TestNeverKept:
    @pytest.mark.parametrize("name", ["meeting.created", "meeting.updated", "meeting.recovered", SNAPSHOT])
    @pytest.mark.parametrize("key", ["start_url", "h323_password", "encrypted_password", "pstn_password"])
    def test_keys_to_the_hosts_account(self, name: str, key: str) -> None:
        object_: dict[str, Any] = {key: "never-to-be-kept"}
        meeting = folded(event(name, **object_, topic="Choir"))
        assert "never-to-be-kept" not in json.dumps(meeting.object)

    @pytest.mark.parametrize("place", ["settings", "recurrence", "unheard_of"])
    def test_wherever_they_stand(self, place: str) -> None:
        object_: dict[str, Any] = {place: {"start_url": "never-to-be-kept", "a": [{"start_url": 1}]}}
        meeting = folded(created(**object_))
        assert "start_url" not in json.dumps(meeting.object)
        assert not meeting.object.get(place)

    def test_in_a_date(self) -> None:
        dates = [{**DATES[0], "start_url": "never-to-be-kept"}]
        assert "start_url" not in json.dumps(folded(series(occurrences=dates)).object)


class TestOddities:
    @pytest.mark.parametrize(
        "object_",
        [{"type": "8"}, {"type": None}, {"type": 2.5}, {"settings": []}, {"settings": None},
         {"occurrences": {}}, {"occurrences": [None, 1, {"occurrence_id": [1]}]}, {"recurrence": "daily"},
         {"topic": None}, {"start_time": 5}, {"timezone": []}],
    )  # fmt: skip
    def test_shapes_that_zoom_never_sends_do_no_harm(self, object_: dict[str, Any]) -> None:
        for told in (created(), series()):
            meeting = folded(told, updated(2, **object_), updated(3, scope="single", **object_))
            assert isinstance(meeting.occurrences, tuple)

    @given(
        st.lists(
            st.builds(
                lambda name, at, payload, object_: {
                    "event": name,
                    "event_ts": at,
                    "payload": {**payload, "object": object_},
                },
                st.sampled_from(
                    [f"{subject}.{verb}" for subject in ("meeting", "webinar") for verb in
                     ("created", "updated", "deleted", "recovered", "permanently_deleted",
                      "converted_to_webinar", "converted_to_meeting")] + [SNAPSHOT]
                ),
                st.none() | st.integers(0, 5),
                st.fixed_dictionaries(
                    {}, optional={"operation": st.sampled_from(["single", "all"]) | JSON,
                                  "scope": st.sampled_from(["single", "all"]) | JSON,
                                  "old_object": JSON, "time_stamp": JSON}
                ),
                st.fixed_dictionaries(
                    {},
                    optional={
                        "type": st.sampled_from([2, 5, 8, 9]) | JSON,
                        "occurrences": st.lists(
                            st.fixed_dictionaries({}, optional={"occurrence_id": JSON, "start_time": JSON,
                                                                "duration": JSON, "status": JSON}) | JSON,
                            max_size=3,
                        ) | JSON,
                        "settings": JSON, "recurrence": JSON, "topic": JSON, "agenda": JSON,
                        "start_time": JSON, "timezone": JSON, "duration": JSON, "join_url": JSON,
                        "password": JSON,
                    },
                ) | JSON,
            ),
            max_size=5,
        )
    )  # fmt: skip
    def test_nothing_that_zoom_could_send_makes_it_raise(self, told: list[dict[str, Any]]) -> None:
        meeting = fold(ACCOUNT, NUMBER, [change(one) for one in told])
        if meeting is None:
            assert not told
            return
        assert meeting.last != BEFORE_ALL
        json.dumps(meeting.object)
        for name in [
            "topic",
            "agenda",
            "type",
            "join_url",
            "password",
            "settings",
            "recurrence",
            "timezone",
            "start_time",
            "duration",
            "occurrences",
            "is_series",
            "has_fixed_time",
            "is_complete",
        ]:
            getattr(meeting, name)


class TestPasscode:
    LINK = "https://zoom.us/j/85393847045?pwd=OldEncrypted"

    def test_a_new_one_without_a_link_removes_the_outdated_one_from_the_link(self) -> None:
        meeting = folded(created(password="123456", join_url=self.LINK), updated(2, password="654321"))
        assert meeting.join_url == "https://zoom.us/j/85393847045"
        assert meeting.doubt is Doubt.PASSCODE_WITHOUT_LINK

    def test_a_link_settles_it(self) -> None:
        new = self.LINK.replace("Old", "New")
        change = updated(2, password="654321")
        for later in (
            updated(3, join_url=new),
            event("snapshot", 3, join_url=new, password="654321", type=2),
        ):
            meeting = folded(created(password="123456", join_url=self.LINK), change, later)
            assert (meeting.join_url, meeting.doubt) == (new, Doubt.NONE)

    def test_the_same_one_leaves_the_link(self) -> None:
        meeting = folded(created(password="123456", join_url=self.LINK), updated(2, password="123456"))
        assert (meeting.join_url, meeting.doubt) == (self.LINK, Doubt.NONE)


class TestTopic:
    def test_a_creation_with_a_blank_one_is_complete(self) -> None:
        meeting = folded(created(topic="   ", join_url="https://zoom.us/j/1"))
        assert meeting.topic == ""
        assert meeting.is_complete

    def test_the_rooms_own_never_names_a_meeting_scheduled_in_it(self) -> None:
        meeting = folded(created(topic=None), event("meeting.started", 2, type=4, topic="Talk with Ben"))
        assert meeting.topic == ""
