"""Any order of arrival, with any duplicates, gives the same meeting."""

import json
import random
from collections.abc import Callable
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.model.fold import SNAPSHOT, Change, apply, fold, position
from core.model.meeting import Meeting, Position
from core.zoom.envelope import Envelope, digest, parse
from tests.core.events import ACCOUNT, NUMBER, raw

_TIMES = st.sampled_from([f"2026-03-{day:02}T10:00:00Z" for day in range(1, 6)])
_DATES = st.lists(
    st.fixed_dictionaries(
        {"occurrence_id": st.sampled_from("1234")},
        optional={"start_time": _TIMES, "duration": st.integers(1, 3), "status": st.just("available")},
    ),
    max_size=3,
)
_OBJECT = st.fixed_dictionaries(
    {"id": st.sampled_from([NUMBER, str(NUMBER)])},
    optional={
        "topic": st.sampled_from("abc"),
        "type": st.sampled_from([2, 3, 5, 8, 9]),
        "start_time": _TIMES,
        "duration": st.integers(1, 3),
        "agenda": st.sampled_from(["", "x"]),
        "settings": st.dictionaries(st.sampled_from("pq"), st.booleans()),
        "recurrence": st.just({"type": 1}),
        "occurrences": _DATES,
        "start_url": st.just("https://never"),
        "uuid": st.sampled_from("uv"),
        "registrant": st.fixed_dictionaries({"id": st.sampled_from("jk")}),
        "recording_files": st.lists(st.fixed_dictionaries({"id": st.sampled_from("fg")}), max_size=2),
        "meeting_uuids": st.lists(st.sampled_from("uv"), max_size=2),
    },
)
_NAMES = [
    f"{subject}.{verb}"
    for subject in ("meeting", "webinar")
    for verb in ("created", "updated", "deleted", "recovered", "permanently_deleted")
] + ["meeting.converted_to_webinar", "webinar.converted_to_meeting", SNAPSHOT]
_NAMES += [
    f"meeting.{verb}" for verb in ("started", "ended", "registration_created", "registration_cancelled")
]
_NAMES += [
    f"recording.{verb}"
    for verb in (
        "completed",
        "trashed",
        "deleted",
        "recovered",
        "batch_trashed",
        "batch_deleted",
        "batch_recovered",
    )
]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """One event, as it stands in the log. A few moments only, so that many happen at once."""
    payload: dict[str, Any] = {"account_id": ACCOUNT, "object": draw(_OBJECT)}
    for key in ("operation", "scope"):
        if draw(st.booleans()):
            payload[key] = draw(st.sampled_from(["single", "all"]))
    if draw(st.booleans()):
        payload["time_stamp"] = draw(st.integers(1, 4))
    if draw(st.booleans()):
        payload["old_object"] = draw(_OBJECT)
    told: dict[str, Any] = {"event": draw(st.sampled_from(_NAMES)), "payload": payload}
    if draw(st.booleans()):
        told["event_ts"] = draw(st.integers(1, 4))
    envelope = parse(raw(told))
    at = position(envelope, digest(envelope), received_at=draw(st.integers(1, 4)))
    return Change(at, envelope)


# The log holds an event once, by its digest; what is given twice below is the same entry.
HISTORIES = st.lists(changes(), min_size=1, max_size=8, unique_by=lambda change: change.position.digest)


def _shuffled(history: list[Change], seed: int) -> list[Change]:
    chance = random.Random(seed)
    again = history + chance.choices(history, k=chance.randrange(4))
    chance.shuffle(again)
    return again


def _differs_somewhere(place: Callable[[Envelope], Position]) -> bool:
    """Tell whether the order of arrival shows in the meeting of a history, with events placed like this."""
    first = parse(raw({"event": "meeting.created", "event_ts": 1, "payload": {"object": {"topic": "a"}}}))
    second = parse(raw({"event": "meeting.updated", "event_ts": 2, "payload": {"object": {"topic": "b"}}}))
    third = parse(raw({"event": "meeting.updated", "event_ts": 3, "payload": {"object": {"topic": "c"}}}))
    history = [Change(place(one), one) for one in (first, second, third)]
    expected = fold(ACCOUNT, NUMBER, history)
    return any(fold(ACCOUNT, NUMBER, _shuffled(history, seed)) != expected for seed in range(20))


class TestAnyOrder:
    @given(HISTORIES, st.integers())
    def test_and_any_duplicates_give_the_same_meeting(self, history: list[Change], seed: int) -> None:
        expected = fold(ACCOUNT, NUMBER, history)
        assert expected is not None
        found = fold(ACCOUNT, NUMBER, _shuffled(history, seed))
        assert found == expected
        assert json.dumps(found.object) == json.dumps(expected.object)
        assert "start_url" not in found.object

    @given(HISTORIES)
    def test_stepwise_is_the_same_as_at_once(self, history: list[Change]) -> None:
        in_order = sorted(history, key=lambda change: _place(change.position))
        stepwise = reduce(apply, in_order, Meeting(ACCOUNT, NUMBER))
        assert stepwise == fold(ACCOUNT, NUMBER, history)

    @given(HISTORIES, st.integers(0, 7))
    def test_stepwise_from_anywhere_is_the_same(self, history: list[Change], cut: int) -> None:
        """What is kept after some events and what comes after them make what all of them make."""
        in_order = sorted(history, key=lambda change: _place(change.position))
        kept = fold(ACCOUNT, NUMBER, in_order[:cut]) or Meeting(ACCOUNT, NUMBER)
        assert reduce(apply, in_order[cut:], kept) == fold(ACCOUNT, NUMBER, history)

    def test_these_tests_see_it_when_the_order_is_broken(self) -> None:
        assert not _differs_somewhere(lambda told: position(told, digest(told), received_at=0))
        assert _differs_somewhere(lambda _: Position(0, 0, ""))


class TestAtOnePlace:
    @given(HISTORIES)
    def test_the_order_is_total(self, history: list[Change]) -> None:
        places = [change.position for change in history]
        assert len({_place(place) for place in places}) == len(places)
        assert all((one < other) != (other < one) for one in places for other in places if one != other)


def _place(at: Position) -> tuple[int, int, str]:
    return at.at, at.rank, at.digest
