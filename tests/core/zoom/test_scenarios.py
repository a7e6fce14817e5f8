"""The stories that `zoombridge send` tells: they must be such that the bridge acts on each of their events."""

from datetime import UTC, datetime, timedelta

import pytest

from core.model.fold import Change, acts_on, fold, position
from core.model.meeting import MeetingKind, MeetingState
from core.zoom.envelope import digest, parse
from core.zoom.scenarios import lifecycle, validation
from core.zoom.validation import answer
from tests.core.events import raw

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class TestLifecycle:
    @pytest.mark.parametrize("kind", list(MeetingKind))
    def test_tells_a_whole_life(self, kind: MeetingKind) -> None:
        changes = []
        states = []
        for event in lifecycle(kind, 90_000_000_001, now=NOW):
            envelope = parse(raw(event))
            assert acts_on(envelope.event)
            changes.append(Change(position(envelope, digest(envelope), received_at=0), envelope))
            meeting = fold(envelope.payload.account_id or "", envelope.number or 0, changes)
            assert meeting is not None
            assert meeting.kind is kind
            assert meeting.is_complete
            states.append(meeting.state)
        assert states == [
            MeetingState.SCHEDULED,
            MeetingState.SCHEDULED,
            MeetingState.DELETED,
            MeetingState.SCHEDULED,
            MeetingState.DELETED,
            MeetingState.PERMANENTLY_DELETED,
        ]

    def test_begins_in_the_future(self) -> None:
        start = lifecycle("meeting", 1, now=NOW)[0]["payload"]["object"]["start_time"]
        assert NOW < datetime.fromisoformat(start) < NOW + timedelta(days=8)


class TestValidation:
    def test_can_be_answered(self) -> None:
        envelope = parse(raw(validation("plain", now=NOW)))
        assert answer(envelope, "secret")["plainToken"] == "plain"
