"""Find English text on a page in another language: texts of the catalogue, and sentences that are in no catalogue."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

from babel.messages.pofile import read_po

from tests import words

SHORTEST = 4
"""Words of a text of the catalogue that is looked for; shorter ones may be the same in two languages, or be names."""

_PARAMETER = re.compile(r"%\(\w+\)[sd]|</?\w[^>]*>")
# Words of English that are no words of German. Two of them in one piece of text make it English.
_FUNCTION_WORDS = frozenset(
    [
        "the",
        "is",
        "are",
        "of",
        "and",
        "not",
        "this",
        "that",
        "these",
        "with",
        "for",
        "has",
        "have",
        "been",
        "be",
        "from",
        "by",
        "its",
        "your",
        "you",
        "it",
        "which",
        "cannot",
        "could",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "aria-label",
        "aria-description",
        "alt",
        "title",
        "placeholder",
        "summary",
        "data-label",
        "data-confirm",
        "data-announce",
    ]
)
_UNREAD = frozenset({"script", "style", "code", "pre"})


def english_on(html: str, *, language: str = "de") -> list[str]:
    """Return the pieces of English on a page; none where all of it is translated."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    whole = _normal(" ".join(reader.pieces))
    found = [fragment for fragment in _fragments(language) if fragment in whole]
    found += [piece for piece in reader.marked if len(re.findall(r"[^\W\d_]{2,}", piece)) >= SHORTEST - 1]
    found += [
        piece
        for piece in reader.pieces
        if len(_FUNCTION_WORDS.intersection(re.findall(r"[^\W\d_]+", piece.lower()))) > 1
    ]
    return sorted(set(found))


class _Reader(HTMLParser):
    """Gathers the text and the spoken attributes of a page, but for code and for names in English.

    `marked` is what the page itself marks as English without being one of Zoom's names of events.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.marked: list[str] = []
        self._skipped: list[str] = []
        self._marked = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.pieces += [_normal(values[name]) for name in _ATTRIBUTES & values.keys()]
        if tag in ("input", "br", "meta", "link", "hr", "img", "wbr"):
            return
        if self._skipped or tag in _UNREAD or "zoombridge-event" in values.get("class", ""):
            self._skipped.append(tag)
        if self._marked or (tag == "span" and values.get("lang") == "en" and not self._skipped):
            self._marked += 1

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            self._skipped.pop()
        if self._marked:
            self._marked -= 1

    def handle_data(self, data: str) -> None:
        if self._skipped or not data.strip():
            return
        self.pieces.append(_normal(data))
        if self._marked:
            self.marked.append(_normal(data))


@cache
def _fragments(language: str) -> tuple[str, ...]:
    """Return the pieces between parameters and markup of all English texts, but for those of translations."""
    with (words.FOLDER / f"{language}.po").open("rb") as file:
        catalog = [message for message in read_po(file, locale=language) if message.id]
    translated = _normal(" ".join(said for message in catalog for said in words.said(message)))
    found = set()
    for message in catalog:
        for text in [message.id] if isinstance(message.id, str) else message.id:
            for part in _PARAMETER.split(text):
                fragment = _normal(part)
                if len(fragment.split()) >= SHORTEST and fragment not in translated:
                    found.add(fragment)
    return tuple(sorted(found))


def _normal(text: str) -> str:
    return " ".join(text.split())
