"""How many failed sign-ins are listed."""

from core.auth.failure_budget import FailureBudget


def test_lists_few_a_minute_and_counts_the_others() -> None:
    now = [0.0]
    budget = FailureBudget(per_minute=2, clock=lambda: now[0])
    assert [budget.count() for _ in range(5)] == [0, 0, None, None, None]
    now[0] = 59.9
    assert budget.count() is None
    now[0] = 60.0
    assert [budget.count() for _ in range(3)] == [4, 0, None]
