"""Escape text from Zoom, so that HTML shows it literally. Pure."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import urlsplit

LONGEST_TITLE = 500
"""Maximum characters of a title. Zoom allows 200; WordPress's column holds 65,535 bytes."""

LONGEST_ADDRESS = 2048
"""Maximum characters of a web address; browsers do not open longer ones reliably."""

_URL = re.compile(r"https?://[^\s<>\"'\[\]]+", re.IGNORECASE)
# Unicode's category Cc, but for line breaks and tabs.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CLOSES_A_SENTENCE = ".,;:!?)}"


def clean(text: str) -> str:
    """Return `text` without control characters and lone surrogates, which databases and pages cannot hold.

    Line breaks and tabs stay.
    """
    whole = text.encode("utf-8", "replace").decode("utf-8")
    unified = whole.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", unified)


def html_text(text: str) -> str:
    """Return HTML that shows `text` literally.

    Square brackets become character references, because WordPress executes `[shortcodes]` in content.
    """
    return escape(clean(text)).replace("[", "&#91;").replace("]", "&#93;")


def title(topic: str) -> str:
    """Return the title of a post for `topic`: one line, with `&`, `<` and `>` escaped.

    WordPress stores and prints titles unescaped for users who may post unfiltered HTML, such as administrators.
    """
    line = " ".join(clean(topic).split())
    if len(line) > LONGEST_TITLE:
        line = line[: LONGEST_TITLE - 1].rstrip() + "…"
    return escape(line, quote=False)


def paragraphs(agenda: str) -> list[list[str]]:
    """Return the paragraphs of `agenda`, each a list of its lines as HTML, with web addresses as links.

    The links also keep WordPress from fetching and embedding an address on a line of its own.
    """
    blocks = re.split(r"\n\s*\n", clean(agenda).strip())
    return [
        [_linked(line.strip()) for line in block.strip().split("\n")] for block in blocks if block.strip()
    ]


def web_address(url: str) -> str:
    """Return `url` if it is an http or https address, else the empty string: never a `javascript:` link."""
    if len(url) > LONGEST_ADDRESS or re.search(r"[\s\x00-\x20\x7f<>\"\\^`{|}]", url) or not url.isprintable():
        return ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not host:
        return ""
    # Brackets are only valid in IPv6 hosts, which no meeting has.
    return url.replace("[", "%5B").replace("]", "%5D")


def _linked(line: str) -> str:
    pieces, at = [], 0
    for match in _URL.finditer(line):
        url = match.group().rstrip(_CLOSES_A_SENTENCE)
        if not web_address(url):
            continue
        pieces.append(html_text(line[at : match.start()]))
        pieces.append(f'<a href="{html_text(url)}">{html_text(url)}</a>')
        at = match.start() + len(url)
    pieces.append(html_text(line[at:]))
    return "".join(pieces)
