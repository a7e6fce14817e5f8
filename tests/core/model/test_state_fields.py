"""The state of a meeting holds the listed fields and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import state_fields
from core.model.fold import SNAPSHOT, fold
from core.model.meeting import Meeting
from core.model.state_fields import OBJECT, OCCURRENCE, RECURRENCE, SETTINGS
from tests.core.events import ACCOUNT, JSON, NUMBER, event
from tests.core.model.test_fold import change
from tests.zoom.schema import schemas

MARK = "marker-never-in-the-state"
PERSON = f"{MARK}@example.org"
USERS = {"id-anna": "id-anna", "anna@example.org": "id-anna", "ben@example.org": "id-ben"}
NAMES = ["meeting.created", "meeting.updated", "webinar.created", "meeting.recovered", "meeting.deleted",
         "meeting.started", "meeting.ended", SNAPSHOT]  # fmt: skip

# Fields of Zoom's documentation that hold people or keys, and one that Zoom may add tomorrow.
EXCLUDED: dict[str, Any] = {
    "start_url": f"https://zoom.us/s/1?zak={MARK}",
    "host_key": MARK,
    "dynamic_host_key": MARK,
    "encrypted_password": MARK,
    "encrypted_passcode": MARK,
    "h323_password": MARK,
    "h323_passcode": MARK,
    "pstn_password": MARK,
    "assistant_id": MARK,
    "participants": [{"user_name": MARK, "email": PERSON}],
    "registrant": {"id": "r1", "first_name": MARK, "email": PERSON},
    "tracking_fields": [{"field": "Booked by", "value": MARK, "visible": True}],
    "chat_sessions": {"owner": {"name": MARK}},
    "old_object": {"topic": MARK},
    "settings": {
        "alternative_hosts": f"{PERSON};{MARK}",
        "alternative_host_ids": [MARK],
        "authentication_exception": [{"name": MARK, "email": PERSON, "join_url": MARK}],
        "authentication_name": MARK,
        "breakout_room": {"enable": True, "rooms": [{"name": MARK, "participants": [PERSON]}]},
        "contact_email": PERSON,
        "contact_name": MARK,
        "custom_keys": [{"key": "who", "value": MARK}],
        "global_dial_in_numbers": [{"city": MARK, "number": MARK}],
        "language_interpretation": {"enable": True, "interpreters": [{"email": PERSON, "languages": "US,FR"}]},
        "meeting_invitees": [{"email": PERSON}],
        "question_and_answer": {"auto_reply_text": MARK},
        "sign_language_interpretation": {"interpreters": [{"email": PERSON}]},
        "added_tomorrow": {"deeply": [{"owner": MARK}]},
    },
    "recurrence": {"type": 2, "added_tomorrow": MARK},
    "occurrences": [
        {"occurrence_id": "1", "start_time": "2026-03-01T10:00:00Z", "start_url": MARK, "added_tomorrow": MARK}
    ],
}  # fmt: skip

OF_PEOPLE_OR_KEYS = re.compile(
    r"e_?mail|name$|phone|contact|invitee|participants?$|registrant|attendee|panelist|interpreter|exception|assistant|dial_in"
    r"|host|key|pstn|h323|passw|passcode|pwd|token|encrypt|start_url|tracking|custom"
)
# The host, who is needed, switches, and the passcode, which is encrypted.
KNOWN_OF_THEM = {"host_id", "host_email", "host_video", "panelists_video", "join_before_host", "password"}


def _names(schema: Any) -> set[str]:
    """Return the names of all fields in schemas."""
    if isinstance(schema, list):
        return {name for one in schema for name in _names(one)}
    if not isinstance(schema, dict):
        return set()
    own = schema["properties"].keys() if isinstance(schema.get("properties"), dict) else set()
    return {*own, *(name for one in schema.values() for name in _names(one))}


def folded(*told: dict[str, Any]) -> Meeting:
    found = fold(ACCOUNT, NUMBER, [change(one) for one in told])
    assert found is not None
    return found


def hosts(*told: Any, users: dict[str, str] = USERS) -> Any:
    """Return the ids of alternative hosts after events that name these."""
    names = ["meeting.created", *["meeting.updated"] * (len(told) - 1)]
    changes = [
        change(event(name, at, topic="Choir", settings={"alternative_hosts": one}))
        for at, (name, one) in enumerate(zip(names, told, strict=True), start=1)
    ]
    object_ = fold_with(changes, users)
    assert "alternative_hosts" not in object_["settings"]
    return object_["settings"].get("alternative_host_ids", "absent")


def fold_with(changes: list[Any], users: dict[str, str]) -> Any:
    found = fold(ACCOUNT, NUMBER, [type(one)(one.position, one.envelope, users) for one in changes])
    assert found is not None
    return found.object


class TestReduced:
    @pytest.mark.parametrize("name", NAMES)
    def test_no_other_field_reaches_the_state(self, name: str) -> None:
        meeting = folded(event(name, 1, payload={"operation": "all"}, topic="Choir", type=8, **EXCLUDED))
        assert MARK not in json.dumps([meeting.object, meeting.instances, dict(meeting.registrants)])

    @pytest.mark.parametrize("name", ["recording.completed", "recording.recovered"])
    def test_of_a_recording_neither(self, name: str) -> None:
        files = [{"id": "f", "file_type": "MP4", "download_url": MARK, "play_url": MARK, "file_path": MARK}]
        told: dict[str, Any] = {
            "uuid": "u",
            "host_email": PERSON,
            "recording_play_passcode": MARK,
            "recording_files": files,
            "participant_audio_files": [{"id": "p", "file_name": MARK}],
        }
        meeting = folded(event(name, 1, payload={"download_token": MARK}, **{**EXCLUDED, **told}))
        assert meeting.recordings
        assert MARK not in json.dumps([meeting.object, dict(meeting.recordings)])

    @pytest.mark.parametrize("name", sorted(OBJECT))
    def test_a_value_of_another_type_is_dropped(self, name: str) -> None:
        for value in ({"who": MARK}, [MARK], True, None):
            assert state_fields.reduced({name: value, "settings": {}}) == {"settings": {}}

    @pytest.mark.parametrize(
        ("group", "fields"),
        [("settings", SETTINGS), ("recurrence", RECURRENCE)],
        ids=lambda value: str(value)[:9],
    )
    def test_of_groups_the_listed_fields_stay(self, group: str, fields: dict[str, Any]) -> None:
        whole = {
            name: field.types[0](1) if field.types[0] is not list else [] for name, field in fields.items()
        }
        assert state_fields.reduced({group: {**whole, "other": MARK}}) == {group: whole}

    def test_every_field_says_who_reads_it(self) -> None:
        for fields in (OBJECT, SETTINGS, RECURRENCE, OCCURRENCE):
            assert all(field.read_by for field in fields.values())

    def test_no_field_is_one_that_zoom_describes_as_of_people_or_keys(self) -> None:
        described = _names(schemas())
        assert len([name for name in described if OF_PEOPLE_OR_KEYS.search(name)]) > 20
        stored = {*OBJECT, *SETTINGS, *RECURRENCE, *OCCURRENCE}
        assert {name for name in stored & described if OF_PEOPLE_OR_KEYS.search(name)} == KNOWN_OF_THEM

    @given(st.dictionaries(st.sampled_from(["settings", "recurrence", "occurrences", *OBJECT, "x"]), JSON))
    def test_any_json_is_reduced_to_known_names(self, given: dict[str, Any]) -> None:
        known = state_fields.reduced(given)
        assert known.keys() <= OBJECT.keys() | {"settings", "recurrence", "occurrences"}
        assert known.get("settings", {}).keys() <= SETTINGS.keys()
        assert state_fields.reduced(known) == known

    def test_the_fold_does_not_depend_on_other_fields(self) -> None:
        plain = [
            event(
                "meeting.created", 1, topic="Choir", type=2, start_time="2026-03-01T10:00:00Z", duration=60
            ),
            event("meeting.updated", 2, topic="Choir practice"),
            event("meeting.registration_created", 3, registrant={"id": "r1", "status": "approved"}),
            event("meeting.ended", 4, uuid="u", end_time="2026-03-01T11:00:00Z"),
        ]
        filled = json.loads(json.dumps(plain))
        for one in filled:
            about = one["payload"]["object"]
            about |= {key: value for key, value in EXCLUDED.items() if key not in about} | {
                "settings": {}, "recurrence": {}, "occurrences": [], "registrant": about.get("registrant", {}),
            }  # fmt: skip
            about["registrant"] |= {"email": PERSON}
            for group in ("settings", "recurrence", "occurrences"):
                del about[group]
        bare, full = folded(*plain), folded(*filled)
        assert (bare.object, bare.instances, bare.registrants) == (
            full.object,
            full.instances,
            full.registrants,
        )


class TestAlternativeHosts:
    def test_are_the_ids_of_users_who_are_known(self) -> None:
        assert hosts("Anna@Example.org; ben@example.org") == ["id-anna", "id-ben"]
        assert hosts("id-anna,anna@example.org") == ["id-anna"]

    def test_are_unset_where_none_is_known(self) -> None:
        assert hosts("who@example.org") is None
        assert hosts("anna@example.org", users={}) is None

    def test_without_any_are_none(self) -> None:
        assert hosts("") == []

    def test_follow_updates(self) -> None:
        assert hosts("anna@example.org", "ben@example.org") == ["id-ben"]
        assert hosts("anna@example.org", "who@example.org") is None
        assert hosts("anna@example.org", None) == ["id-anna"]

    def test_of_an_update_before_the_creation_count(self) -> None:
        later = change(event("meeting.created", 2, topic="Choir", settings={"alternative_hosts": ""}))
        earlier = change(event("meeting.updated", 1, settings={"alternative_hosts": "anna@example.org"}))
        assert fold_with([later, earlier], USERS)["settings"]["alternative_host_ids"] == ["id-anna"]


class TestDocumentation:
    def test_lists_every_field(self) -> None:
        text = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
        for fields in (OBJECT, SETTINGS, RECURRENCE, OCCURRENCE):
            missing = [name for name in fields if f"`{name}`" not in text]
            assert not missing
