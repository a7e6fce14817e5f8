"""Format durations, rounded: 0.8 s, 12 s, 19 min, 4.3 h."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from babel.numbers import format_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from babel.support import NullTranslations

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 24 * 3_600_000
_LONG = 2  # of a unit; a duration at least as long is shown in it
_FEW = 10  # and more of a unit need no fraction


@dataclass(frozen=True, slots=True)
class DurationFormat:
    """Format durations in milliseconds in a language."""

    words: NullTranslations
    language: str

    def format(self, milliseconds: float | None) -> str:
        """Format a duration in its largest fitting unit; empty for None."""
        if milliseconds is None:
            return ""
        unit = unit_of(milliseconds)
        value = milliseconds / unit
        return self.format_in(unit, round(value, 1) if value < _FEW else round(value))

    def format_in(self, unit: int, value: float) -> str:
        """Format a value in a unit, which is given in milliseconds."""
        _ = self.words.gettext
        formats = {
            _SECOND: _("%(number)s s"),
            _MINUTE: _("%(number)s min"),
            _HOUR: _("%(number)s h"),
            _DAY: _("%(number)s d"),
        }
        return str(formats[unit]) % {"number": format_decimal(value, locale=self.language)}


def unit_of(milliseconds: float) -> int:
    """Return the unit for a duration; both in milliseconds."""
    return next((unit for unit in (_DAY, _HOUR, _MINUTE) if milliseconds >= _LONG * unit), _SECOND)


def in_units(unit: int, values: Sequence[int | None]) -> list[float | None]:
    """Convert durations in milliseconds to multiples of a unit."""
    return [None if value is None else value / unit for value in values]
