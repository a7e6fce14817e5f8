"""Translations of the pages: English in the templates, other languages in `templates/words/`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = "en"


@cache
def languages() -> tuple[str, ...]:
    """Return the available languages, English first."""
    made = sorted(
        file.name[:-3] for file in files("templates").joinpath("words").iterdir() if file.name.endswith(".po")
    )
    return (SOURCE, *made)


def choose_language(preferred: Sequence[str]) -> str:
    """Return the best available language for the preferred ones, best first (`de_DE`, `de-AT`, `fr`)."""
    known = []
    for name in preferred:
        try:
            known.append(str(Locale.parse(name.replace("-", "_"))))
        except (UnknownLocaleError, ValueError):
            continue
    return negotiate_locale(known, languages()) or SOURCE


def accepted_languages(header: str) -> list[str]:
    """Parse an `Accept-Language` header, best language first (RFC 9110, section 12.5.4)."""
    weighed = []
    for position, part in enumerate(header[:500].split(",")):
        name, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if name.strip() and quality > 0:
            weighed.append((-quality, position, name.strip()))
    return [name for _, _, name in sorted(weighed)]


@cache
def translations(language: str) -> NullTranslations:
    """Return the translations to one of `languages()`."""
    if language == SOURCE:
        return NullTranslations()
    with files("templates").joinpath("words", f"{language}.po").open("rb") as file:
        catalog = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled)
