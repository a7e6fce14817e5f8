"""Events without the people in them: they make the same meeting, and name nobody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.fold import Change, fold
from core.model.meeting import Position
from core.model.redaction import alternative_hosts, names_people, redact, redact_fields
from core.zoom.envelope import parse
from tests.core.events import ACCOUNT, JSON, NUMBER, SHARED, event, raw
from tests.core.model.test_fold_properties import HISTORIES

PERSON = {
    "id": "r1",
    "status": "pending",
    "email": "jill@example.com",
    "first_name": "Jill",
    "custom_questions": [{"title": "Where do you live?", "value": "Jill Street"}],
    "join_url": "https://zoom.us/w/85393847045?tk=jills-own",
    "field_of_tomorrow": {"of": "Jill"},
}


def registration(**object_: Any) -> bytes:
    told = event("meeting.registration_created", payload={"operator": "jill@example.com"})
    told["payload"]["object"] = {"id": NUMBER, "topic": "Choir", "registrant": PERSON, **object_}
    return raw({**told, "field_of_tomorrow": "Jill"})


def without_people(history: list[Change]) -> list[Change]:
    return [
        Change(change.position, parse(redact(change.envelope.model_dump_json().encode())))
        if names_people(change.envelope.event)
        else change
        for change in history
    ]


class TestScrubbed:
    def test_names_nobody(self) -> None:
        left = redact(registration(agenda="Jill's party", field_of_tomorrow=["Jill"]))
        assert b"jill" not in left.lower()
        about = json.loads(left)["payload"]["object"]
        assert about == {"id": NUMBER, "topic": "Choir", "registrant": {"id": "r1", "status": "pending"}}

    @given(HISTORIES)
    def test_makes_the_same_meeting(self, history: list[Change]) -> None:
        assert fold(ACCOUNT, NUMBER, without_people(history)) == fold(ACCOUNT, NUMBER, history)

    @given(
        st.dictionaries(st.sampled_from(["topic", "type", "host_id", "timezone", "registrant", "id"]), JSON),
        st.sampled_from(["created", "approved", "denied", "cancelled"]),
    )
    def test_makes_the_same_meeting_whatever_it_holds(self, about: dict[str, Any], verb: str) -> None:
        told = event(f"meeting.registration_{verb}")
        told["payload"]["object"] = about
        body = raw(told)
        before, after = parse(body), parse(redact(body))
        at = Position(1, 9, "d")
        assert fold(ACCOUNT, NUMBER, [Change(at, after)]) == fold(ACCOUNT, NUMBER, [Change(at, before)])
        assert redact(redact(body)) == redact(body)

    @pytest.mark.skipif(not SHARED.exists(), reason="captures of others are not at hand")
    def test_of_others_captures_name_nobody(self) -> None:
        found = sorted(SHARED.glob("*registration*.json"))
        assert len(found) > 10
        for path in found:
            left = redact(path.read_bytes())
            assert b"@" not in left, path.name
            assert not set(_keys(json.loads(left))) & {"email", "first_name", "last_name", "join_url"}


class TestNamesPeople:
    @pytest.mark.parametrize(
        "name",
        [
            "meeting.registration_created",
            "webinar.participant_joined",
            "recording.registration_approved",
            "meeting.sharing_started",
            "meeting.breakout_room_sharing_ended",
            "meeting.device_tested",
            "meeting.summary_shared",
            "recording.archive_files_completed",
            "user.updated",
            "unheard.of",
        ],
    )
    def test_is_so(self, name: str) -> None:
        assert names_people(name)

    @pytest.mark.parametrize(
        "name", ["meeting.created", "meeting.started", "recording.completed", "snapshot"]
    )
    def test_is_not(self, name: str) -> None:
        assert not names_people(name)


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for item in value.values() for key in _keys(item))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


class TestFields:
    def test_of_an_event_about_a_meeting_only_people_go(self) -> None:
        settings = {
            "meeting_invitees": [{"email": "jill@example.com"}],
            "contact_name": "Jill",
            "audio": "both",
        }
        told = event(
            "meeting.updated",
            1,
            payload={"operator": "jill@example.com", "operator_id": "id-jill"},
            topic="Choir",
            settings=settings,
            host_email="anna@example.org",
        )
        left = json.loads(redact_fields(raw(told), {}))
        assert told["payload"].pop("operator") == "jill@example.com"
        told["payload"]["object"]["settings"] = {"audio": "both"}
        assert left == told

    def test_an_event_that_names_nobody_stays_byte_by_byte(self) -> None:
        body = b' {"event": "meeting.updated", "payload": {"object": {"topic": "\\ud83d\\ude92"}}}'
        assert redact_fields(body, {}) == body

    @pytest.mark.parametrize(
        "hosts", ["anna@example.org", "Anna@example.org;ben@example.org", "ben@example.org", ""]
    )
    def test_alternative_hosts_become_the_ids_that_the_fold_makes_of_them(self, hosts: str) -> None:
        users = {"id-anna": "id-anna", "anna@example.org": "id-anna"}
        body = raw(event("meeting.updated", 1, id=NUMBER, settings={"alternative_hosts": hosts}))
        left = redact_fields(body, users)
        assert b"@" not in left
        at = Position(1, 2, "d")
        before, after = Change(at, parse(body), users), Change(at, parse(left), users)
        assert fold(ACCOUNT, NUMBER, [after]) == fold(ACCOUNT, NUMBER, [before])

    def test_alternative_hosts_of_an_event_that_is_not_read_any_more_go(self) -> None:
        told = event(
            "meeting.updated", 1, settings={"alternative_hosts": "anna@example.org"}, duration=float("nan")
        )
        assert alternative_hosts(raw(told)) == []
        assert b"anna" not in redact_fields(raw(told), {})
