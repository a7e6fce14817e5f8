"""Links and passcodes in texts, and links without their passcodes."""

import pytest

from core.zoom.join_link import without_links, without_passcode

LONG = 400_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Choir", "Choir"),
        ("Choir https://us02web.zoom.us/j/1?pwd=abc tonight", "Choir tonight"),
        ("Join (zoom.us/j/1) now", "Join now"),
        ("ZOOM.US/j/1", ""),
        ("At 8, secret: s3cr3t!", "At 8, secret: !"),
        ("a\n b\t c", "a b c"),
        ("", ""),
    ],
)
def test_texts_are_shown_without_links_and_passcode(text: str, expected: str) -> None:
    assert without_links(text, "s3cr3t") == expected


@pytest.mark.timeout(30)
@pytest.mark.parametrize("sign", ["\u00fc", "a", "&", "?pwd", ":/"])
def test_half_a_megabyte_without_a_space_takes_no_minutes(sign: str) -> None:
    """It freezes the bridge for all others where the time grows with the square of the length."""
    assert len(without_links(sign * LONG)) == len(sign) * LONG


def test_a_link_asks_for_the_passcode() -> None:
    assert without_passcode("https://zoom.us/j/1?pwd=abc&x=1&y=s3cr3t", "s3cr3t") == "https://zoom.us/j/1?x=1"
