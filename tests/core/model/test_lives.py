"""What pages and calendars promise holds for random lives of meetings, whatever is lost, doubled or late."""

from __future__ import annotations

from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from core.model.fold import apply, fold
from core.model.meeting import Meeting
from tests.core.events import ACCOUNT, NUMBER
from tests.examples import SOAK
from tests.lives import changes_of, check, make_life


@settings(derandomize=not SOAK)
@given(st.integers(0, 2**32))
def test_every_promise_holds_in_any_order_of_arrival(seed: int) -> None:
    life = make_life(seed)
    changes = changes_of(life.told)
    meeting = fold(ACCOUNT, NUMBER, changes)
    assert meeting is not None
    check(life, meeting)
    shuffled = [*changes, *changes[::3]]
    life.random.shuffle(shuffled)
    assert fold(ACCOUNT, NUMBER, shuffled) == meeting
    in_order = sorted(changes, key=lambda change: change.position)
    assert reduce(apply, in_order, Meeting(ACCOUNT, NUMBER)) == meeting
