"""Events without the people in them: they make the same meeting, and name nobody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.fold import Change, fold
from core.model.meeting import Position
from core.model.redaction import names_people, redact
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
        ["meeting.registration_created", "webinar.participant_joined", "recording.registration_approved"],
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
