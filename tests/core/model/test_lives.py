"""What pages and calendars promise holds for random lives of meetings, whatever is lost, doubled or late."""

from __future__ import annotations

from functools import reduce

from hypothesis import assume, given
from hypothesis import strategies as st

from core.model.fold import Change, apply, fold
from core.model.identity import Record, fold_records, own_account_id
from core.model.meeting import Meeting
from tests.core.events import ACCOUNT, NUMBER
from tests.lives import Life, changes_of, check, make_life


@given(st.integers(0, 2**32))
def test_every_promise_holds_in_any_order_of_arrival(seed: int) -> None:
    life = make_life(seed)
    changes = changes_of(life.events)
    meeting = fold(ACCOUNT, NUMBER, changes)
    assert meeting is not None
    check(life, meeting)
    shuffled = [*changes, *changes[::3]]
    life.random.shuffle(shuffled)
    assert fold(ACCOUNT, NUMBER, shuffled) == meeting
    in_order = sorted(changes, key=lambda change: change.position)
    assert reduce(apply, in_order, Meeting(ACCOUNT, NUMBER)) == meeting


def _is_of_two_meetings(life: Life) -> bool:
    """Tell whether a creation comes again, or one of another meeting: from another account either starts anew."""
    created = [one for one in life.events if str(one["event"]).endswith(".created")]
    return len(created) > 1


@given(st.integers(0, 2**32))
def test_every_promise_holds_when_the_account_changes(seed: int) -> None:
    """A number moves to another account, though not in the moment of its creation, and some events lack theirs."""
    life = make_life(seed)
    assume(not _is_of_two_meetings(life))
    changes = changes_of(life.events)
    moved = len(changes) if life.has_another_clock else life.random.randrange(1, len(changes) + 1)
    own = own_account_id("site")
    records: dict[str, list[Change]] = {"A": [], "B": [], own: []}
    for place, change in enumerate(changes):
        records[own if life.chance(0.2) else "A" if place < moved else "B"].append(change)
    given_in = [Record(account_id, None, told) for account_id, told in records.items()]
    life.random.shuffle(given_in)
    meeting = fold_records(NUMBER, given_in)
    assert meeting is not None
    check(life, meeting)
