"""What people are told to tick in Zoom is what the bridge acts on."""

from itertools import chain

from core.model.fold import acts_on
from web.pages.subscription import SUBSCRIPTION

NAMES = [name for _, named in chain.from_iterable(SUBSCRIPTION.values()) for _, name in named]


def test_bridge_acts_on_every_event_to_tick() -> None:
    assert [name for name in NAMES if not acts_on(name)] == []


def test_no_event_is_told_twice() -> None:
    assert len(set(NAMES)) == len(NAMES)
