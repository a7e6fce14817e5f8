"""Which of an account's meetings are read over REST."""

from dataclasses import replace
from functools import partial

from core.model.meeting import Doubt, Meeting, MeetingState, Position
from core.store.accounts import meetings as account_meetings
from core.store.db.engine import Store
from core.store.meetings import meetings

NOW = 1_800_000_000_000
WHOLE = Meeting(
    "A",
    1,
    object={"topic": "Choir", "type": 2, "agenda": "", "start_time": "2027-03-01T10:00:00Z", "duration": 60},
    created=True,
    last=Position(NOW - 1000, 0, "d"),
)


def to_read(store: Store, *given: Meeting) -> list[int]:
    for meeting in given:
        store.write(partial(meetings.save, sealer=store.sealer, meeting=meeting, seen=0, now=NOW))
    with store.reading() as connection:
        found = account_meetings.to_complete(connection, store.sealer, "A", now=NOW, after=0, limit=10)
    return [meeting.number for meeting in found]


class TestToComplete:
    def test_a_complete_meeting_is_not_read(self, store: Store) -> None:
        assert to_read(store, WHOLE) == []

    def test_one_known_from_events_alone_is(self, store: Store) -> None:
        without = {name: value for name, value in WHOLE.object.items() if name != "agenda"}
        assert to_read(store, replace(WHOLE, object=without)) == [1]

    def test_one_with_a_doubt_is_also_where_it_was_deleted(self, store: Store) -> None:
        deleted = replace(WHOLE, number=2, state=MeetingState.DELETED, doubt=Doubt.DELETED_UNKNOWN_TYPE)
        assert to_read(store, replace(WHOLE, doubt=Doubt.PASSCODE_WITHOUT_LINK), deleted) == [1, 2]

    def test_a_doubt_survives_the_store(self, store: Store) -> None:
        to_read(store, replace(WHOLE, doubt=Doubt.DELETED_WITHOUT_DATES))
        with store.reading() as connection:
            found = meetings.load(connection, store.sealer, "A", 1)
        assert found is not None
        assert found[0].doubt is Doubt.DELETED_WITHOUT_DATES
