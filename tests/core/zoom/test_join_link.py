"""Links and passcodes in texts, and links without their passcodes."""

from urllib.parse import quote

import pytest

from core.zoom.join_link import public_text, without_links, without_passcode

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
    for pair in ("&pwd=abc", ";pwd=abc", "&PWD=abc", "&p%77d=abc", "&y=s3cr3t", "#pwd=abc"):
        assert without_passcode(f"https://zoom.us/j/1?x=1{pair}", "s3cr3t") == "https://zoom.us/j/1?x=1"


INVITATION = (
    "Join:\nhttps://us02web.zoom.us/j/1?pwd=abc&x=1\nPasscode: s3cr3t\n\nBring https://example.org/notes"
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ((True, True, True), INVITATION),
        ((True, True, False), INVITATION.replace("s3cr3t", "")),
        ((True, False, False), INVITATION.replace("s3cr3t", "").replace("pwd=abc&", "")),
        ((False, False, False), "Join:\n\nPasscode: \n\nBring https://example.org/notes"),
        ((False, True, False), "Join:\n\nPasscode: \n\nBring https://example.org/notes"),
    ],
)
def test_a_pasted_invitation_shows_what_visitors_may_see(
    shown: tuple[bool, bool, bool], expected: str
) -> None:
    link, in_link, passcode = shown
    text = public_text(INVITATION, "s3cr3t", show_link=link, link_passcode=in_link, show_passcode=passcode)
    assert text == expected


WRAPPED = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fzoom.us%2F"


def seen_by_all(text: str) -> str:
    """Return what visitors read where the rules hide neither link nor passcode."""
    return public_text(text, "", show_link=True, link_passcode=True, show_passcode=True)


@pytest.mark.parametrize(
    "link",
    [
        "https://us02web.zoom.us/s/1?zak=key",
        "https://us02web.zoom.us/s/1?x=1&amp;zak=key",
        "https://us02web.zoom.us/s/1#zak=key",
        f"{WRAPPED}s%2F1%3Fzak%3Dkey&data=1",
    ],
)
def test_a_link_to_start_a_meeting_is_shown_to_nobody(link: str) -> None:
    assert seen_by_all(f"Start: {link} now") == "Start:  now"


@pytest.mark.parametrize(
    "link",
    [
        "https://zoom.us/w/1?tk=key.DQ&pwd=abc",
        "https://zoom.us/w/1?pwd=abc&amp;TK=key.DQ",
        f"{WRAPPED}w%2F1%3Ftk%3Dkey&data=1",
        f"https://example.org/?to={quote(WRAPPED)}w%252F1%253Ftk%253Dkey",
        "zoommtg://zoom.us/join?confno=1&tk=key",
    ],
)
def test_a_link_of_one_registrant_is_shown_to_nobody(link: str) -> None:
    assert seen_by_all(f"Join: {link} now") == "Join:  now"


def test_a_link_elsewhere_may_have_a_parameter_of_that_name() -> None:
    text = "Notes: https://example.org/?tk=1&x=50%25"
    assert public_text(text, "", show_link=False, link_passcode=False, show_passcode=False) == text


@pytest.mark.parametrize("link", [f"{WRAPPED}j%2F1%3Fpwd%3Dabc&data=1", "zoomus://zoom.us/join?confno=1"])
def test_a_join_link_is_hidden_whatever_holds_it(link: str) -> None:
    for show_link in (True, False):
        shown = public_text(link, "", show_link=show_link, link_passcode=True, show_passcode=True)
        assert shown == (link if show_link else "")
    hidden = public_text(link, "", show_link=True, link_passcode=False, show_passcode=False)
    assert "pwd" not in hidden


def test_a_passcode_for_telephones_is_one() -> None:
    """As in Zoom's invitation, where it differs from a passcode with letters."""
    invitation = (
        "One tap mobile\n+13462487799,,81234567890#,,,,*556677# US\n\nMeeting ID: 812 3456 7890\n"
        "Passcode: 556677\nRoom 4455, 2026"
    )

    def text(*, show_passcode: bool) -> str:
        return public_text(
            invitation, "s3cr3t", show_link=True, link_passcode=True, show_passcode=show_passcode
        )

    assert text(show_passcode=True) == invitation
    assert text(show_passcode=False) == invitation.replace("556677", "")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("sign", ["a", "?pwd", "zoom.us/j/", "*12345#", "%25"])
def test_half_a_megabyte_of_a_pasted_text_takes_no_minutes(sign: str) -> None:
    public_text(sign * LONG, "s3cr3t", show_link=False, link_passcode=False, show_passcode=False)
