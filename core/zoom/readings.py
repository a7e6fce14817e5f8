"""What one GET of a meeting or webinar found, with the time by Zoom's clock. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Reading:
    """A meeting or webinar as Zoom answered it, and a moment by Zoom's own clock (ms since 1970, UTC).

    What happened before that moment is in it; what happened in the second after it may be in it, too.
    """

    document: Mapping[str, Any]
    at: int


@dataclass(frozen=True, slots=True)
class Absence:
    """Zoom knows no such meeting at that moment, by its own clock (ms since 1970, UTC)."""

    at: int
