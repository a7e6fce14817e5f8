"""Mark times in HTML, so that the page's script shows them in the reader's zone. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from babel.support import NullTranslations

_IN_TEXT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}) UTC")


def time_element(moment: int | None, *, words: NullTranslations) -> Markup:
    """Return the element of a time in Unix milliseconds (UTC), in UTC; None: never."""
    if moment is None:
        return escape(words.gettext("never"))
    at = datetime.fromtimestamp(moment / 1000, UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M")
    )


def mark_times(text: str) -> Markup:
    """Return a text as HTML, in which each time such as "2026-11-30 12:00 UTC" is an element of its own.

    What is HTML already stays as it is: its times are elements.
    """
    if isinstance(text, Markup):
        return text
    return Markup(_IN_TEXT.sub(r'<time datetime="\1T\2:00+00:00">\g<0></time>', str(escape(text))))  # noqa: S704
