"""Zoom's join links. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, urlsplit, urlunsplit

_PART_OF_LINK = re.compile(r"://|zoom\.us/|[?&]pwd=", re.IGNORECASE)
_SHORTEST_PASSCODE = 4  # shorter ones are parts of dates and numbers as often as not


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


def without_passcode(url: str, passcode: str = "") -> str:
    """Return a join link that asks for the passcode. Zoom puts an encrypted passcode into `pwd`.

    Parameters that hold `passcode` itself are removed as well. An invalid address gives the empty string.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    kept = []
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if unquote_plus(name).casefold() != "pwd" and (not passcode or unquote_plus(value) != passcode):
            kept.append(pair)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(kept), ""))
