"""Translate sentences of `core.messages`, which are stored as finished English text."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from core import messages
from web.ui import i18n

if TYPE_CHECKING:
    from babel.support import NullTranslations

_PARAMETER = re.compile(r"%\((\w+)\)([sd])")
_BOUNDARY = re.compile(r"(?<=[.!?])\s+|,\s+")
_LONGEST = 4000  # characters of a text that is searched; longer ones are no message
_DEEPEST = 5  # messages within messages
_MOST_BOUNDARIES = (
    40  # at which messages in a row are told apart: sites choose texts, and all others wait for a page
)


@cache
def templates() -> tuple[str, ...]:
    """Return the templates of the catalogue, the one with the most literal text first."""
    found = {text for name, text in vars(messages).items() if name.isupper() and isinstance(text, str)}
    return tuple(sorted(found, key=lambda text: (-len(_PARAMETER.sub("", text)), text)))


@lru_cache(maxsize=4096)
def find_template(text: str) -> tuple[str, dict[str, str | int]] | None:
    """Return the template and the parameters of a message; None where the catalogue does not hold it."""
    if len(text) > _LONGEST:
        return None
    for template, pattern in _patterns():
        if match := pattern.fullmatch(text):
            numbers = dict(_PARAMETER.findall(template))
            return template, {
                name: int(value) if numbers[name] == "d" else value
                for name, value in match.groupdict().items()
            }
    return None


def translate_message(text: str, words: NullTranslations) -> str:
    """Return a message in the language of `words`; text that is not in the catalogue stays as it is.

    Parameters that are messages, and messages in a row, are translated, too.
    """
    return _translate(text, words, 0)


def translate_to(text: str, language: str) -> str:
    """Return a message in a language; in English where there are no translations to it."""
    return translate_message(text, _words(language))


@cache
def _words(language: str) -> NullTranslations:
    return i18n.translations(language if language in i18n.languages() else i18n.SOURCE)


def _translate(text: str, words: NullTranslations, depth: int) -> str:
    if depth > _DEEPEST:
        return text
    if found := find_template(text):
        template, parameters = found
        values = {
            name: _translate(value, words, depth + 1) if isinstance(value, str) else value
            for name, value in parameters.items()
        }
        return str(words.gettext(template)) % values if values else str(words.gettext(template))
    for boundary in islice(_BOUNDARY.finditer(text[:_LONGEST]), _MOST_BOUNDARIES):
        first, rest = text[: boundary.start()], text[boundary.end() :]
        if find_template(first) or find_template(rest):
            parts = _translate(first, words, depth + 1), _translate(rest, words, depth + 1)
            return boundary.group().join(parts)
    return text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((template, re.compile(_pattern(template), re.DOTALL)) for template in templates())


def _pattern(template: str) -> str:
    """Return a regular expression for the texts of a template."""
    parts, end, seen = [], 0, set[str]()
    for match in _PARAMETER.finditer(template):
        name, kind = match.groups()
        parts.append(re.escape(template[end : match.start()]))
        if name in seen:
            parts.append(f"(?P={name})")
        else:
            parts.append(f"(?P<{name}>{'-?[0-9]+' if kind == 'd' else '.*?'})")
        seen.add(name)
        end = match.end()
    return "".join(parts) + re.escape(template[end:])
