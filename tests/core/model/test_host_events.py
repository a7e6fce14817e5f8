"""Events about a user, as events of the meetings that the user hosts."""

from __future__ import annotations

from typing import Any

import pytest

from core.model import host_events
from core.model.fold import Change, acts_on, apply, fold, position
from core.model.host_events import HOST_EVENTS, hosts_of
from core.model.meeting import Doubt, MeetingKind, MeetingState
from core.zoom.envelope import Envelope, digest, parse
from tests.core.events import ACCOUNT, NUMBER, event, raw

PERSON = {"id": "abcD3ojfdbjfg", "first_name": "Jill", "last_name": "Chill", "email": "jchill@example.com"}


def user_event(name: str = "user.deleted", **more: object) -> Envelope:
    payload = {"account_id": ACCOUNT, "operator": "admin@example.com", "object": PERSON, **more}
    return parse(raw({"event": name, "event_ts": 5, "payload": payload}))


def part(one: Envelope, number: int = NUMBER) -> Envelope:
    return parse(host_events.event_of_meeting(one, digest(one), number=number, at=5))


def change(envelope: Envelope) -> Change:
    return Change(position(envelope, digest(envelope), received_at=0), envelope)


def made(**more: Any) -> Change:
    return change(parse(raw(event("meeting.created", 1, **more))))


class TestHosts:
    def test_are_those_of_both_states(self) -> None:
        """A changed user has another id after than before in Zoom's own example."""
        assert hosts_of(user_event("user.updated", old_object={"id": "before"})) == [
            "abcD3ojfdbjfg",
            "before",
        ]
        assert hosts_of(user_event("user.updated", old_object={"id": "abcD3ojfdbjfg"})) == ["abcD3ojfdbjfg"]

    @pytest.mark.parametrize("object_", [{}, {"id": None}, {"id": 7}, {"id": ""}, None])
    def test_may_be_missing(self, object_: object) -> None:
        assert hosts_of(user_event(object=object_)) == []


class TestPart:
    def test_names_the_meeting_and_nobody(self) -> None:
        said = host_events.event_of_meeting(user_event(), "d", number=NUMBER, at=5)
        assert parse(said).number == NUMBER
        assert not any(value.encode() in said for value in (*PERSON.values(), "admin"))

    def test_is_one_event_however_often_it_is_made(self) -> None:
        assert digest(part(user_event())) == digest(part(user_event()))
        others = {
            digest(one)
            for one in (part(user_event()), part(user_event(), 7), part(user_event("user.deactivated")))
        }
        assert len(others) == 3


class TestFold:
    @pytest.mark.parametrize("name", sorted(HOST_EVENTS))
    def test_leaves_open_whether_the_meeting_exists(self, name: str) -> None:
        assert acts_on(name)
        meeting = fold(ACCOUNT, NUMBER, [made(), change(part(user_event(name)))])
        assert meeting is not None
        assert (meeting.doubt, meeting.state, meeting.kind) == (
            Doubt.HOST_CHANGED,
            MeetingState.SCHEDULED,
            MeetingKind.MEETING,
        )

    def test_a_webinar_stays_one(self) -> None:
        webinar = fold(
            ACCOUNT,
            NUMBER,
            [change(parse(raw(event("webinar.created", 1, type=5)))), change(part(user_event()))],
        )
        assert webinar is not None
        assert webinar.kind is MeetingKind.WEBINAR

    def test_another_question_and_a_deletion_stay(self) -> None:
        deleted = fold(ACCOUNT, NUMBER, [made(), change(parse(raw(event("meeting.deleted", 2))))])
        assert deleted is not None
        assert apply(deleted, change(part(user_event()))).doubt is Doubt.NONE
        unsure = parse(raw(event("meeting.deleted", 2, type=8, payload={"operation": "single"})))
        series = fold(ACCOUNT, NUMBER, [made(type=8), change(unsure)])
        assert series is not None
        assert apply(series, change(part(user_event()))).doubt is Doubt.DELETED_WITHOUT_DATES


class TestReason:
    def test_says_how_many_and_whether_zoom_can_be_asked(self) -> None:
        assert "no upcoming meeting" in host_events.reason(0, is_connected=True)
        assert host_events.reason(1, is_connected=True) == "1 meeting of this user is compared with Zoom."
        assert "3 meetings" in host_events.reason(3, is_connected=True)
        assert "not connected" in host_events.reason(1, is_connected=False)
        assert "3 meetings" in host_events.reason(3, is_connected=False)
