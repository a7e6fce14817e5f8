"""What happened within the last second is counted, and nothing older."""

from core.pipeline.recent_count import RecentCount


def test_counts_the_last_second_alone() -> None:
    now = 100.0
    recent = RecentCount(clock=lambda: now)
    assert recent.total() == 0
    recent.add(3)
    now = 100.5
    recent.add(4)
    assert recent.total() == 7
    now = 101.25
    assert recent.total() == 4
    now = 200.0
    assert recent.total() == 0


def test_keeps_nothing_older() -> None:
    now = 0.0
    recent = RecentCount(clock=lambda: now)
    for _ in range(100):
        now += 0.5
        recent.add(1)
    assert len(recent._counts) == 3
