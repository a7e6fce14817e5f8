"""Zoom's join links. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit

_PART_OF_LINK = re.compile(r"://|zoom\.us/|[?&]pwd=", re.IGNORECASE)
_SHORTEST_PASSCODE = 4  # shorter ones are parts of dates and numbers as often as not
_JOIN_LINK = re.compile(
    r"zoom(?:gov)?\.(?:us|com|com\.cn|de)/(?:j|my|s|w|wc)/|zoom(?:mtg|us)://|[?&;#]pwd=", re.IGNORECASE
)
_START_LINK = re.compile(r"[?&;#]zak=", re.IGNORECASE)
_REGISTRANT_KEY = re.compile(r"[?&;#]tk=", re.IGNORECASE)  # a registrant's own link joins under that name
# Links inside the parameters of other links, as mail programs and search engines make them.
_MOST_WRAPPERS = 3
# Zoom's invitation: "+13462487799,,81234567890#,,,,*556677# US". Telephones need digits, so it may be a passcode of its own.
_TELEPHONE_PASSCODE = re.compile(r"\*(\d{4,10})#")
_CODE = re.compile(r"(?<![\w=])\d{4,10}(?!\w)")


def without_links(text: str, passcode: str = "") -> str:
    """Return one line of `text` without web addresses and without `passcode`.

    For columns that are not encrypted: some hosts write the invitation into the topic.
    """
    # Word by word: a pattern with text on both sides takes minutes over a topic of half a megabyte without a space.
    shown = " ".join(word for word in text.split() if not _PART_OF_LINK.search(word))
    wanted = passcode.strip()
    if len(wanted) >= _SHORTEST_PASSCODE:
        shown = re.sub(rf"(?<!\w){re.escape(wanted)}(?!\w)", " ", shown)
    return " ".join(shown.split())


def public_text(
    text: str, passcode: str, *, show_link: bool, link_passcode: bool, show_passcode: bool
) -> str:
    """Return `text`, such as an agenda with a pasted invitation, without what visitors must not see.

    `show_link` keeps Zoom's join links, `link_passcode` the passcode inside them, `show_passcode` the passcode as a word,
    that for telephones included.
    Links that start the meeting as its host, or join it as one of its registrants, are always removed. Spaces and line
    breaks stay.
    """
    # Word by word, for the same reason as above.
    words = [
        word if word.isspace() else _public_word(word, passcode, show_link, link_passcode)
        for word in re.split(r"(\s+)", text)
    ]
    shown = "".join(words)
    if show_passcode:
        return shown
    if len(passcode.strip()) >= _SHORTEST_PASSCODE:
        shown = re.sub(rf"(?<![\w=]){re.escape(passcode.strip())}(?!\w)", "", shown)
    of_telephones = set(_TELEPHONE_PASSCODE.findall(shown))
    return _CODE.sub(lambda found: "" if found[0] in of_telephones else found[0], shown)


def _public_word(word: str, passcode: str, show_link: bool, link_passcode: bool) -> str:
    told = word
    for _ in range(_MOST_WRAPPERS):
        told = unquote(told)
    if _START_LINK.search(told):
        return ""
    if not _JOIN_LINK.search(told):
        return word
    if not show_link or _REGISTRANT_KEY.search(told):
        return ""
    if link_passcode:
        return word
    return without_passcode(word, passcode) if _JOIN_LINK.search(word) else ""


def starts_meeting(url: str) -> bool:
    """Tell whether a link starts the meeting as its host: a key to the host's account."""
    return bool(_START_LINK.search(url))


def without_passcode(url: str, passcode: str = "") -> str:
    """Return a join link that asks for the passcode. Zoom puts an encrypted passcode into `pwd`.

    Parameters that hold `passcode` itself are removed as well. An invalid address gives the empty string.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    kept = []
    for pair in re.split("[&;]", parts.query):
        name, _, value = pair.partition("=")
        if unquote_plus(name).casefold() != "pwd" and (not passcode or unquote_plus(value) != passcode):
            kept.append(pair)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(kept), ""))
