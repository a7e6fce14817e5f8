"""Two copies at one address are told from a site that moves."""

import pytest

from core.model.site_copies import ALTERNATION, REMEMBERED, PlaceHistory

NOW = 1_767_603_600_000
MINUTE = 60_000


def after(*places: str, every: int = 10 * MINUTE) -> PlaceHistory:
    history = PlaceHistory()
    for number, place in enumerate(places):
        history = history.seen(place, now=NOW + number * every)
    return history


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        ("", False),
        ("A", False),
        ("AAAA", False),
        ("AAB", False),
        ("AABBB", False),
        ("ABC", False),
        ("ABA", True),
        ("ABAB", True),
        ("AABBA", True),
        ("ABACCC", True),
    ],
)
def test_alternation_shows_two_copies(places: str, shown: bool) -> None:
    assert after(*places).shows_copies(now=NOW + len(places) * 10 * MINUTE) is shown


def test_a_place_that_comes_back_late_is_an_update_of_the_site() -> None:
    assert not after("A", "B", "A", every=ALTERNATION + 1).shows_copies(now=NOW)


def test_an_answer_that_does_not_tell_changes_nothing() -> None:
    assert after("A", "", "A") == after("A")


def test_copies_are_forgotten_a_day_after_they_were_seen() -> None:
    seen_at = NOW + 20 * MINUTE
    assert after("A", "B", "A").shows_copies(now=seen_at + REMEMBERED - 1)
    assert not after("A", "B", "A").shows_copies(now=seen_at + REMEMBERED)
