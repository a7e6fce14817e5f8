"""Reading ahead: what comes next is on its way before it is asked for, and no more than there is room for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from core.accounts.prefetch import Prefetcher
from core.accounts.reader import UserMeetings
from core.errors import ZoomLimitError
from core.zoom.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reader:
    """Answers with the number that is read, and records it."""

    def __init__(self) -> None:
        self.requested: list[int] = []
        self.limited: set[int] = set()
        self._changed = threading.Condition()

    def read(self, number: int, *, is_webinar: bool) -> Reading:
        assert not is_webinar
        with self._changed:
            self.requested.append(number)
            self._changed.notify_all()
        if number in self.limited:
            raise ZoomLimitError("Too many.", wait=1.0, daily=False)
        return Reading({"id": number}, at=number)

    def await_requests(self, *numbers: int) -> None:
        """Wait until exactly these numbers have been read, in any order."""
        with self._changed:
            assert self._changed.wait_for(lambda: sorted(self.requested) == [*numbers], 600), self.requested


@pytest.fixture
def rest() -> Reader:
    return Reader()


LISTS = {"anna": [1, 2, 3], "bert": [], "cleo": [4, 5]}


def list_user(_: Any, user_id: str) -> UserMeetings:
    return UserMeetings({number: {"type": 2} for number in LISTS[user_id]})


@pytest.fixture
def reader(rest: Reader) -> Iterator[Prefetcher]:
    made = Prefetcher(rest, list_user)  # type: ignore[arg-type]
    yield made
    made.close()


class TestAhead:
    def test_reads_the_next_users_before_they_are_asked_for(self, reader: Prefetcher, rest: Reader) -> None:
        assert list(reader.meetings("anna", ["bert", "cleo"], after=0).items) == [1, 2, 3]
        rest.await_requests(1, 2, 3, 4, 5)

        assert list(reader.readings([1, 2]).items()) == [
            (1, Reading({"id": 1}, at=1)),
            (2, Reading({"id": 2}, at=2)),
        ]
        assert list(reader.readings([3])) == [3]
        assert list(reader.meetings("bert", ["cleo"], after=0).items) == []
        assert list(reader.meetings("cleo", [], after=0).items) == [4, 5]
        assert list(reader.readings([4, 5])) == [4, 5]
        assert len(rest.requested) == 5

    def test_begins_after_what_is_done(self, reader: Prefetcher, rest: Reader) -> None:
        reader.meetings("anna", ["bert", "cleo"], after=2)
        rest.await_requests(3, 4, 5)

    def test_reads_no_more_than_there_is_room_for(self, rest: Reader) -> None:
        reader = Prefetcher(rest, list_user, meetings=2)  # type: ignore[arg-type]
        reader.meetings("anna", ["bert", "cleo"], after=0)
        rest.await_requests(1, 2)
        reader.readings([1])
        rest.await_requests(1, 2, 3)

    def test_lists_no_more_than_are_needed_soon(self, rest: Reader) -> None:
        listed = []

        def current(_: Any, user_id: str) -> UserMeetings:
            listed.append(user_id)
            return UserMeetings({len(listed): {"type": 2}})

        reader = Prefetcher(rest, current, meetings=0, listed=1, lists=1)  # type: ignore[arg-type]
        reader.meetings("anna", ["bert", "cleo"], after=0)
        reader.meetings("anna", ["bert", "cleo"], after=0)
        reader.close()
        assert listed == ["anna"]

    def test_reads_again_what_is_taken_twice(self, reader: Prefetcher, rest: Reader) -> None:
        reader.meetings("anna", [], after=0)
        reader.readings([1, 2, 3])
        assert list(reader.readings([2])) == [2]
        assert rest.requested.count(2) == 2

    def test_trouble_comes_out_where_it_is_taken(self, reader: Prefetcher, rest: Reader) -> None:
        rest.limited.add(2)
        reader.meetings("anna", [], after=0)
        assert list(reader.readings([1])) == [1]
        with pytest.raises(ZoomLimitError):
            reader.readings([2, 3])

    def test_trouble_with_a_list_comes_out_where_it_is_asked_for(self, rest: Reader) -> None:
        def current(_: Any, user_id: str) -> UserMeetings:
            raise ZoomLimitError(user_id, wait=1.0, daily=False)

        reader = Prefetcher(rest, current)  # type: ignore[arg-type]
        with pytest.raises(ZoomLimitError, match="anna"):
            reader.meetings("anna", ["bert"], after=0)
        reader.close()

    def test_does_not_wait_for_what_is_under_way_when_it_is_closed(self, rest: Reader) -> None:
        answers = threading.Event()

        def current(_: Any, user_id: str) -> UserMeetings:
            answers.wait(600)
            return UserMeetings({1: {"type": 2}})

        reader = Prefetcher(rest, current)  # type: ignore[arg-type]
        reader._add("anna")
        reader.close()
        answers.set()
        reader._pool.shutdown(wait=True)
        assert rest.requested == []
